//! OCI layouts of images that no task could run, for any platform: what a registry and a preflight look at, in a few
//! bytes.

use std::path::Path;

use anyhow::{Context, Result};
use pushboat_cli::push::{self, PushRequest, Quiet, Source};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub registry: &'a str,
    pub password: &'a str,
    pub repository: &'a str,
}

/// One image for Linux on this architecture; `label` makes it another one. Returns its digest.
pub async fn push_image(to: Target<'_>, tag: &str, architecture: &str, label: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let root = image(folder.path(), architecture, label)?;
    push_layout(to, tag, &folder, &root).await
}

/// An index of one image for each architecture, and an attestation as buildx adds it. Returns its digest and those of
/// the images.
pub async fn push_index(to: Target<'_>, tag: &str, architectures: &[&str]) -> Result<(String, Vec<String>)> {
    let folder = tempfile::tempdir()?;
    let mut entries = Vec::new();
    for architecture in architectures {
        let mut entry = image(folder.path(), architecture, tag)?;
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entries.push(entry);
    }
    let digest = |entry: &Value| entry["digest"].as_str().unwrap_or_default().to_owned();
    let images = entries.iter().map(digest).collect();
    let mut attestation = image(folder.path(), "unknown", "attestation")?;
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    entries.push(attestation);
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    let root = blob(folder.path(), INDEX, &index)?;
    Ok((push_layout(to, tag, &folder, &root).await?, images))
}

fn image(folder: &Path, architecture: &str, label: &str) -> Result<Value> {
    let config =
        json!({ "os": "linux", "architecture": architecture, "config": { "Labels": { "label": label } } });
    let config = blob(folder, "application/vnd.oci.image.config.v1+json", &config)?;
    let layer = blob(folder, "application/vnd.oci.image.layer.v1.tar", &json!(label))?;
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    blob(folder, MANIFEST, &manifest)
}

/// The descriptor of what is put there.
fn blob(folder: &Path, media_type: &str, content: &Value) -> Result<Value> {
    let bytes = serde_json::to_vec(content)?;
    let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs)?;
    std::fs::write(blobs.join(&hex), &bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() }))
}

async fn push_layout(to: Target<'_>, tag: &str, folder: &TempDir, root: &Value) -> Result<String> {
    let index = json!({ "schemaVersion": 2, "manifests": [root] });
    std::fs::write(folder.path().join("index.json"), index.to_string()).context("index.json")?;
    let request = PushRequest {
        source: Source::Layout(folder.path().to_owned()),
        repository: to.repository.to_owned(),
        tags: vec![tag.to_owned()],
        registry: to.registry.to_owned(),
        password: to.password.to_owned(),
    };
    Ok(push::push(request, &Quiet).await?.digest)
}
