//! Layers by ECR's own calls: the same blobs that the registry serves, for clients that do not speak its protocol.

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{account, invalid, read, repository, repository_name};
use super::server_error;
use crate::registry::{Chunk, Digest, Registry, UploadError};
use crate::world::Refusal;

/// How long a link to a layer works.
const LINK_LIFE: Duration = Duration::from_secs(3_600);

/// What a client is told to send at once.
const PART_BYTES: u64 = 10 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Digests {
    layer_digests: Vec<String>,
}

pub(super) fn availability(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let Digests { layer_digests } = read(body)?;
    let (mut layers, mut failures) = (Vec::new(), Vec::new());
    for text in &layer_digests {
        let Some(digest) = Digest::parse(text) else {
            failures.push(json!({
                "layerDigest": text,
                "failureCode": "InvalidLayerDigest",
                "failureReason": "The layer digest is not a sha256 digest",
            }));
            continue;
        };
        let size = registry.blobs.size(&repository.name, &digest);
        let size = size.map_err(|error| server_error(&error))?;
        layers.push(match size {
            Some(size) => json!({"layerDigest": text, "layerAvailability": "AVAILABLE", "layerSize": size}),
            None => json!({"layerDigest": text, "layerAvailability": "UNAVAILABLE"}),
        });
    }
    Ok(json!({"layers": layers, "failures": failures}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Download {
    layer_digest: String,
}

pub(super) fn download_url(registry: &Registry, endpoint: &str, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let Download { layer_digest } = read(body)?;
    let digest = layer(&layer_digest)?;
    let size = registry.blobs.size(&repository.name, &digest);
    if size.map_err(|error| server_error(&error))?.is_none() {
        return Err(Refusal::new(
            "LayersNotFoundException",
            format!(
                "The layer with digest '{digest}' does not exist in the repository with name '{}' in the registry \
                 with id '{}'",
                repository.name,
                account(registry)
            ),
        ));
    }
    let expires_at = registry.hub.with(|world| world.now()) + LINK_LIFE;
    let link = registry.download_link(&repository.name, &digest, expires_at);
    Ok(json!({"downloadUrl": format!("{endpoint}{link}"), "layerDigest": layer_digest}))
}

pub(super) fn start_upload(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let id = registry.blobs.start_upload(&repository.name).map_err(refused)?;
    Ok(json!({"uploadId": id, "partSize": PART_BYTES}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    upload_id: String,
    part_first_byte: u64,
    part_last_byte: u64,
    layer_part_blob: String,
}

pub(super) async fn upload_part(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let part: Part = read(body)?;
    let bytes = STANDARD
        .decode(&part.layer_part_blob)
        .map_err(|error| invalid("layerPartBlob", &error.to_string()))?;
    let length = part
        .part_last_byte
        .checked_sub(part.part_first_byte)
        .and_then(|span| span.checked_add(1))
        .ok_or_else(|| invalid("partLastByte", "must not be before partFirstByte"))?;
    let chunk = Chunk { first_byte: Some(part.part_first_byte), length: Some(length) };
    let received_bytes = registry
        .blobs
        .append(&repository.name, &part.upload_id, chunk, Body::from(bytes))
        .await
        .map_err(refused)?;
    Ok(json!({
        "registryId": account(registry),
        "repositoryName": repository.name,
        "uploadId": part.upload_id,
        "lastByteReceived": received_bytes.saturating_sub(1),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complete {
    upload_id: String,
    layer_digests: Vec<String>,
}

pub(super) async fn complete_upload(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let name = repository_name(registry, body)?;
    registry.hub.with(|world| world.repository(&name).map(drop))?;
    let Complete { upload_id, layer_digests } = read(body)?;
    let [digest] = &layer_digests[..] else {
        return Err(invalid("layerDigests", "must have one member"));
    };
    let digest = layer(digest)?;
    if registry.blobs.received_bytes(&name, &upload_id).map_err(refused)? == 0 {
        let message = "The specified layer upload does not contain any layer parts.";
        return Err(Refusal::new("EmptyUploadException", message));
    }
    registry
        .blobs
        .finish(&name, &upload_id, Chunk::default(), Body::empty(), &digest)
        .await
        .map_err(refused)?;
    Ok(json!({
        "registryId": account(registry),
        "repositoryName": name,
        "uploadId": upload_id,
        "layerDigest": digest.as_str(),
    }))
}

fn layer(digest: &str) -> Result<Digest, Refusal> {
    Digest::parse(digest).ok_or_else(|| invalid("layerDigest", "must be a sha256 digest"))
}

fn refused(error: UploadError) -> Refusal {
    let message = error.to_string();
    match error {
        UploadError::Unknown => Refusal::new("UploadNotFoundException", message),
        UploadError::Busy | UploadError::OutOfOrder { .. } | UploadError::WrongLength { .. } => {
            Refusal::new("InvalidLayerPartException", message)
        }
        UploadError::WrongDigest { .. } => Refusal::new("InvalidLayerException", message),
        UploadError::Interrupted(error) => server_error(&error),
        UploadError::Store(error) => server_error(&error),
    }
}
