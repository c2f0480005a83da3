//! An OCI layout that somebody has: a folder, or a tar of one. Everything it names is checked before anything is sent,
//! so that a damaged layout is a clear error and not half a push.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Blob, Content, Image, Manifest, OCI_INDEX, name};

/// Manifests are small; a larger one is something else.
const LARGEST_MANIFEST: u64 = 4 * 1024 * 1024;
/// An index in an index in an index is somebody's mistake.
const DEEPEST: usize = 4;
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct ImageManifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// Reads a layout with one image or one index in it. The folder that a tar was unpacked to goes when it is dropped.
pub(crate) fn read(path: &Path) -> Result<(Image, Option<TempDir>)> {
    let unpacked = match path.is_dir() {
        true => None,
        false => Some(unpack(path)?),
    };
    let folder = unpacked.as_ref().map_or(path, TempDir::path);
    let index = folder.join("index.json");
    let text =
        fs::read(&index).with_context(|| format!("{} is no OCI layout: no index.json", path.display()))?;
    let index: Index = serde_json::from_slice(&text).context("index.json of the layout")?;
    let [root] = index.manifests.as_slice() else {
        bail!(
            "the layout holds {} images: `skopeo copy oci:{}:<name> oci:one-image` takes one out",
            index.manifests.len(),
            path.display()
        );
    };
    let mut reader = Reader {
        folder: folder.to_owned(),
        image: Image { blobs: vec![], manifests: vec![] },
        seen: BTreeSet::new(),
    };
    reader.manifest(root, 0)?;
    Ok((reader.image, unpacked))
}

fn unpack(path: &Path) -> Result<TempDir> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let folder = tempfile::Builder::new().prefix("pushboat-layout-").tempdir()?;
    // `unpack` keeps everything inside the folder.
    let unpacked = tar::Archive::new(BufReader::new(file)).unpack(folder.path());
    unpacked.with_context(|| format!("{} is neither a folder nor a tar of an OCI layout", path.display()))?;
    Ok(folder)
}

struct Reader {
    folder: PathBuf,
    image: Image,
    seen: BTreeSet<String>,
}

impl Reader {
    /// The manifest after everything it names.
    fn manifest(&mut self, descriptor: &Descriptor, depth: usize) -> Result<()> {
        ensure!(depth < DEEPEST, "the index of the layout is nested more than {DEEPEST} deep");
        ensure!(descriptor.size <= LARGEST_MANIFEST, "{} is too large for a manifest", descriptor.digest);
        if !self.seen.insert(descriptor.digest.clone()) {
            return Ok(());
        }
        let path = self.checked(descriptor)?;
        let bytes = fs::read(&path)?;
        if matches!(descriptor.media_type.as_str(), OCI_INDEX | DOCKER_LIST) {
            let index: Index = serde_json::from_slice(&bytes).with_context(|| descriptor.digest.clone())?;
            for child in &index.manifests {
                self.manifest(child, depth + 1)?;
            }
        } else {
            let manifest: ImageManifest =
                serde_json::from_slice(&bytes).with_context(|| descriptor.digest.clone())?;
            for blob in manifest.layers.iter().chain([&manifest.config]) {
                self.blob(blob)?;
            }
        }
        let media_type = descriptor.media_type.clone();
        self.image.manifests.push(Manifest { digest: descriptor.digest.clone(), media_type, bytes });
        Ok(())
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<()> {
        if self.seen.insert(descriptor.digest.clone()) {
            let path = self.checked(descriptor)?;
            let (digest, size) = (descriptor.digest.clone(), descriptor.size);
            self.image.blobs.push(Blob { digest, size, content: Content::File(path) });
        }
        Ok(())
    }

    /// The file of a descriptor, if its size and content are what the descriptor says.
    fn checked(&self, descriptor: &Descriptor) -> Result<PathBuf> {
        let digest = &descriptor.digest;
        let hex =
            digest.strip_prefix("sha256:").with_context(|| format!("{digest} is not a sha256 digest"))?;
        ensure!(
            hex.len() == 64 && hex.bytes().all(|it| it.is_ascii_hexdigit()),
            "{digest} is not a sha256 digest"
        );
        let path = self.folder.join("blobs").join("sha256").join(hex);
        let mut file = File::open(&path).with_context(|| format!("the layout lacks {digest}"))?;
        let mut hash = Sha256::new();
        let size = copy(&mut file, &mut hash)?;
        ensure!(size == descriptor.size, "{digest} has {size} bytes, the layout says {}", descriptor.size);
        ensure!(name(hash.finalize()) == *digest, "the content of {digest} is not what its name says");
        Ok(path)
    }
}

fn copy(from: &mut impl Read, hash: &mut Sha256) -> io::Result<u64> {
    let mut chunk = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(size),
            read => {
                hash.update(&chunk[..read]);
                size += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OCI_MANIFEST, compose, digest};
    use super::*;
    use serde_json::{Value, json};

    fn put(folder: &Path, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(folder.join("blobs/sha256").join(&digest[7..]), bytes).unwrap();
        json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": bytes.len() })
    }

    /// An index over one image, and the files of both.
    fn write(folder: &Path) -> Image {
        let recipe =
            compose::Recipe { program_name: "p", program: b"x".to_vec(), environment: vec![], port: 1 };
        let image = compose::image(recipe).unwrap();
        for blob in &image.blobs {
            let mut bytes = Vec::new();
            blob.open().unwrap().read_to_end(&mut bytes).unwrap();
            put(folder, &bytes);
        }
        let child = put(folder, &image.manifests[0].bytes);
        let index = serde_json::to_vec(&json!({ "schemaVersion": 2, "manifests": [child] })).unwrap();
        let mut root = put(folder, &index);
        root["mediaType"] = json!(OCI_INDEX);
        fs::write(folder.join("index.json"), json!({ "manifests": [root] }).to_string()).unwrap();
        image
    }

    #[test]
    fn children_come_before_the_index_and_a_tar_reads_like_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let image = write(folder.path());
        let (read_back, _) = read(folder.path()).unwrap();
        assert_eq!(read_back.manifests[0].digest, image.manifests[0].digest);
        assert_eq!((read_back.manifests.len(), read_back.blobs.len()), (2, 2));

        let packed = folder.path().join("layout.tar");
        let mut archive = tar::Builder::new(File::create(&packed).unwrap());
        archive.append_dir_all("blobs", folder.path().join("blobs")).unwrap();
        archive.append_path_with_name(folder.path().join("index.json"), "index.json").unwrap();
        archive.finish().unwrap();
        assert_eq!(read(&packed).unwrap().0.manifests[1].digest, read_back.manifests[1].digest);
    }

    #[test]
    fn each_kind_of_damage_is_said_in_words() {
        type Damage = fn(&Path, &str);
        let damages: [(&str, Damage); 5] = [
            ("no index.json", |folder, _| fs::remove_file(folder.join("index.json")).unwrap()),
            ("holds 0 images", |folder, _| {
                fs::write(folder.join("index.json"), r#"{"manifests":[]}"#).unwrap()
            }),
            ("the layout lacks sha256:", |folder, layer| {
                fs::remove_file(folder.join("blobs/sha256").join(layer)).unwrap();
            }),
            ("bytes, the layout says", |folder, layer| {
                fs::write(folder.join("blobs/sha256").join(layer), "short").unwrap();
            }),
            ("is not what its name says", |folder, layer| {
                let path = folder.join("blobs/sha256").join(layer);
                let mut bytes = fs::read(&path).unwrap();
                bytes[0] ^= 1;
                fs::write(&path, bytes).unwrap();
            }),
        ];
        for (says, damage) in damages {
            let folder = tempfile::tempdir().unwrap();
            let image = write(folder.path());
            damage(folder.path(), &image.blobs[0].digest[7..]);
            let error = format!("{:#}", read(folder.path()).unwrap_err());
            assert!(error.contains(says), "{says}: {error}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "not a tar").unwrap();
        assert!(format!("{:#}", read(file.path()).unwrap_err()).contains("neither a folder nor a tar"));
    }
}
