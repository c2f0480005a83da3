//! Uploads: in one request, in one piece after another, or not at all because another repository has the blob.

use std::collections::HashMap;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Registry;
use super::digest::Digest;
use super::error::{OciError, received_range};
use super::serve_blobs::{CONTENT_DIGEST, parse};
use super::uploads::Chunk;

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

pub(super) async fn serve(
    registry: &Registry,
    repository: &str,
    id: Option<&str>,
    parts: &Parts,
    query: &HashMap<String, String>,
    body: Body,
) -> Result<Response, OciError> {
    let blobs = &registry.blobs;
    match (&parts.method, id) {
        (&Method::POST, None) => start(registry, repository, &parts.headers, query, body).await,
        (&Method::GET | &Method::HEAD, Some(id)) => {
            let received_bytes = blobs.received_bytes(repository, id)?;
            Ok(progress(StatusCode::NO_CONTENT, repository, id, received_bytes))
        }
        (&Method::PATCH, Some(id)) => {
            let chunk = chunk(&parts.headers)?;
            let received_bytes = blobs.append(repository, id, chunk, body).await?;
            Ok(progress(StatusCode::ACCEPTED, repository, id, received_bytes))
        }
        (&Method::PUT, Some(id)) => {
            let digest = parse(query.get("digest").map_or("", String::as_str))?;
            let chunk = chunk(&parts.headers)?;
            blobs.finish(repository, id, chunk, body, &digest).await?;
            Ok(created(repository, &digest))
        }
        (&Method::DELETE, Some(id)) => {
            blobs.cancel_upload(repository, id)?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        (method, _) => Err(OciError::unsupported(format!("{method} is not possible here"))),
    }
}

async fn start(
    registry: &Registry,
    repository: &str,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
    body: Body,
) -> Result<Response, OciError> {
    let blobs = &registry.blobs;
    if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from")) {
        let digest = parse(digest)?;
        // A client that asks in vain uploads the blob instead.
        let known = registry.hub.with(|world| world.repository(from).is_ok());
        if known && blobs.mount(&digest, from, repository)? {
            return Ok(created(repository, &digest));
        }
    }
    if let Some(digest) = query.get("digest") {
        let digest = parse(digest)?;
        blobs.take_whole(repository, chunk(headers)?, body, &digest).await?;
        return Ok(created(repository, &digest));
    }
    let id = blobs.start_upload(repository)?;
    Ok(progress(StatusCode::ACCEPTED, repository, &id, 0))
}

/// `Content-Range: <first>-<last>`, as this protocol writes it, and `Content-Length`; they must agree.
fn chunk(headers: &HeaderMap) -> Result<Chunk, OciError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let length = text(header::CONTENT_LENGTH)
        .map(str::parse)
        .transpose()
        .map_err(|_| OciError::size_invalid("Content-Length is not a number"))?;
    let Some(range) = text(header::CONTENT_RANGE) else {
        return Ok(Chunk { first_byte: None, length });
    };
    let bad_range = || OciError::upload_invalid(format!("'{range}' is not a Content-Range"));
    let (first, last) = range.split_once('-').ok_or_else(bad_range)?;
    let first: u64 = first.trim().parse().map_err(|_| bad_range())?;
    let last: u64 = last.trim().parse().map_err(|_| bad_range())?;
    let in_range = last.checked_sub(first).and_then(|span| span.checked_add(1));
    let in_range = in_range.ok_or_else(bad_range)?;
    if length.is_some_and(|length| length != in_range) {
        return Err(OciError::size_invalid("Content-Length and Content-Range differ"));
    }
    Ok(Chunk { first_byte: Some(first), length: Some(in_range) })
}

fn progress(status: StatusCode, repository: &str, id: &str, received_bytes: u64) -> Response {
    let headers =
        [(header::LOCATION, format!("/v2/{repository}/blobs/uploads/{id}")), (UPLOAD_ID, id.to_owned())];
    let mut response = (status, headers).into_response();
    response.headers_mut().insert(header::RANGE, received_range(received_bytes));
    response
}

fn created(repository: &str, digest: &Digest) -> Response {
    let headers = [
        (header::LOCATION, format!("/v2/{repository}/blobs/{digest}")),
        (CONTENT_DIGEST, digest.to_string()),
    ];
    (StatusCode::CREATED, headers).into_response()
}
