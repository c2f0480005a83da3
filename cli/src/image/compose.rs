//! An image of one layer around a static binary, `FROM scratch`. The same inputs give the same digest: nothing in it
//! is of the day or the machine but the machine's architecture.

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use serde_json::json;

use super::{Blob, Image, Manifest, OCI_MANIFEST, digest};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What the image runs and with which environment.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    pub program_name: &'a str,
    pub program: Vec<u8>,
    pub environment: Vec<String>,
    pub port: u16,
}

pub(crate) fn image(recipe: Recipe<'_>) -> Result<Image> {
    let archive = archive(recipe.program_name, &recipe.program).context("the layer")?;
    let diff_id = digest(&archive);
    let layer = Blob::of(compressed(&archive).context("the layer")?);
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {
            "Entrypoint": [format!("/{}", recipe.program_name)],
            "Env": recipe.environment,
            "ExposedPorts": { format!("{}/tcp", recipe.port): {} },
            "User": "65532:65532",
        },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created_by": "pushboat push" }],
    });
    let config = Blob::of(serde_json::to_vec(&config)?);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": CONFIG, "digest": config.digest, "size": config.size },
        "layers": [{ "mediaType": LAYER, "digest": layer.digest, "size": layer.size }],
    });
    let manifest = Manifest::of(OCI_MANIFEST, serde_json::to_vec(&manifest)?);
    Ok(Image { blobs: vec![layer, config], manifests: vec![manifest] })
}

fn archive(name: &str, program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, name, program)?;
    archive.into_inner()
}

fn compressed(archive: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, archive)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(version: &str) -> Image {
        image(Recipe {
            program_name: "game",
            program: b"a program".to_vec(),
            environment: vec![format!("GAME_VERSION={version}")],
            port: 8080,
        })
        .unwrap()
    }

    #[test]
    fn the_same_inputs_give_the_same_digest_and_another_version_shares_the_layer() {
        let (one, again, two) = (made("v1"), made("v1"), made("v2"));
        assert_eq!(one.manifests[0].digest, again.manifests[0].digest);
        assert_ne!(one.manifests[0].digest, two.manifests[0].digest);
        assert_eq!(one.blobs[0].digest, two.blobs[0].digest);
    }

    #[test]
    fn the_layer_holds_the_program_and_nothing_of_this_machine() {
        let image = made("v1");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(image.blobs[0].open().unwrap()));
        let entries: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let header = entry.unwrap().header().clone();
                let path = header.path().unwrap().into_owned();
                (path, header.mode().unwrap(), header.mtime().unwrap(), header.uid().unwrap())
            })
            .collect();
        assert_eq!(entries, [("game".into(), 0o755, 0, 0)]);
    }
}
