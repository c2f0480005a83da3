//! Manifests: fetching, pushing, deleting.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Registry;
use super::digest::Digest;
use super::error::OciError;
use super::manifests::{MAX_MANIFEST_BYTES, ManifestRefusal, Push};
use super::serve_blobs::{CONTENT_DIGEST, parse};
use crate::world::ecr::{Repeat, is_tag};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

pub(super) fn get(
    registry: &Registry,
    repository: &str,
    reference: &str,
    head: bool,
) -> Result<Response, OciError> {
    let image =
        registry.hub.with(|world| world.find_image(repository, reference).map(Option::<&_>::cloned))?;
    let image = image.ok_or_else(OciError::manifest_unknown)?;
    let headers = [
        (header::CONTENT_TYPE, image.media_type),
        (header::CONTENT_LENGTH, image.manifest.len().to_string()),
        (header::ETAG, format!("\"{}\"", image.digest)),
        (CONTENT_DIGEST, image.digest),
    ];
    let body = if head { Body::empty() } else { Body::from(image.manifest) };
    Ok((headers, body).into_response())
}

pub(super) async fn put(
    registry: &Registry,
    repository: &str,
    reference: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, OciError> {
    // Whatever has a colon was meant to be a digest: no tag has one.
    let digest = reference.contains(':').then(|| parse(reference)).transpose()?;
    if digest.is_none() && !is_tag(reference) {
        return Err(OciError::tag_invalid(reference));
    }
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or(value).trim());
    let manifest = collect(body).await?;
    let registry = registry.clone();
    let (repository, tag) = (repository.to_owned(), reference.to_owned());
    let media_type = media_type.map(str::to_owned);
    let address = format!("/v2/{repository}/manifests");
    // Looking at many files is work for a thread that may wait.
    let pushed = tokio::task::spawn_blocking(move || {
        registry.push(Push {
            repository: &repository,
            tag: digest.is_none().then_some(tag.as_str()),
            digest: digest.as_ref(),
            media_type: media_type.as_deref(),
            manifest: &manifest,
            repeat: Repeat::Announce,
        })
    });
    let pushed = pushed.await.map_err(std::io::Error::other)??;
    Ok(created(&address, &pushed.digest, pushed.subject.as_deref()))
}

pub(super) fn delete(registry: &Registry, repository: &str, reference: &str) -> Result<Response, OciError> {
    registry.hub.with(|world| world.delete_image(repository, reference))?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn collect(body: Body) -> Result<Vec<u8>, OciError> {
    match Limited::new(body, MAX_MANIFEST_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(ManifestRefusal::TooLarge.into()),
        Err(error) => Err(OciError::new(
            StatusCode::BAD_REQUEST,
            "MANIFEST_INVALID",
            format!("the request broke off: {error}"),
        )),
    }
}

fn created(address: &str, digest: &Digest, subject: Option<&str>) -> Response {
    let headers = [(header::LOCATION, format!("{address}/{digest}")), (CONTENT_DIGEST, digest.to_string())];
    let mut response = (StatusCode::CREATED, headers).into_response();
    if let Some(subject) = subject.and_then(|subject| HeaderValue::from_str(subject).ok()) {
        response.headers_mut().insert(SUBJECT, subject);
    }
    response
}
