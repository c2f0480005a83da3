//! ECR over the wire: the calls of its API, over the same repositories and blobs that the registry serves.

mod images;
mod input;
mod layers;
mod repositories;
mod scan;
#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Caller, Wire};
use crate::registry::Registry;
use crate::world::{Refusal, Timestamp};

/// As long as AWS's.
const TOKEN_LIFE: Duration = Duration::from_secs(12 * 3_600);

/// Who calls does not matter: whoever has signed correctly may do everything.
pub(crate) async fn call(
    wire: &Wire,
    _caller: &Caller,
    operation: &str,
    body: &Value,
) -> Result<Value, Refusal> {
    let registry = Registry {
        hub: wire.hub.clone(),
        blobs: wire.blobs.clone(),
        password: wire.registry_password.clone(),
    };
    carry_out(&registry, &wire.registry_endpoint, operation, body).await
}

async fn carry_out(
    registry: &Registry,
    endpoint: &str,
    operation: &str,
    body: &Value,
) -> Result<Value, Refusal> {
    match operation {
        "GetAuthorizationToken" => Ok(authorization_token(registry, endpoint)),
        "CreateRepository" => repositories::create(registry, body),
        "DescribeRepositories" => repositories::describe(registry, body),
        "DeleteRepository" => repositories::delete(registry, body),
        "PutImageTagMutability" => repositories::put_tag_mutability(registry, body),
        "ListTagsForResource" => repositories::list_tags(registry, body),
        "TagResource" => repositories::tag(registry, body),
        "UntagResource" => repositories::untag(registry, body),
        "ListImages" => images::list(registry, body),
        "DescribeImages" => images::describe(registry, body),
        "BatchGetImage" => images::get(registry, body),
        "PutImage" => images::put(registry, body).await,
        "BatchDeleteImage" => images::delete(registry, body),
        "DescribeImageScanFindings" => scan::findings(registry, body),
        "UpdateImageStorageClass" => scan::update_storage_class(registry, body),
        "BatchCheckLayerAvailability" => layers::availability(registry, body),
        "GetDownloadUrlForLayer" => layers::download_url(registry, endpoint, body),
        "InitiateLayerUpload" => layers::start_upload(registry, body),
        "UploadLayerPart" => layers::upload_part(registry, body).await,
        "CompleteLayerUpload" => layers::complete_upload(registry, body).await,
        other => Err(Refusal::new(
            "UnknownOperationException",
            format!("ECR's operation '{other}' is not one of those that are answered here."),
        )),
    }
}

fn authorization_token(registry: &Registry, endpoint: &str) -> Value {
    let expires_at = registry.hub.with(|world| world.now()) + TOKEN_LIFE;
    json!({
        "authorizationData": [{
            "authorizationToken": STANDARD.encode(format!("AWS:{}", registry.password)),
            "expiresAt": epoch_seconds(expires_at),
            "proxyEndpoint": endpoint,
        }],
    })
}

/// The JSON protocol's time: seconds, with a fraction.
fn epoch_seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

/// The blob store does not work: nobody's fault but this program's.
fn server_error(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, "the blob store failed");
    Refusal { http_status: 500, ..Refusal::new("ServerException", error.to_string()) }
}
