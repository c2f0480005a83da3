//! Blobs: looking, fetching (also in part), deleting.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::digest::Digest;
use super::error::OciError;
use super::{Registry, body};
use crate::world::ecr::Manifest;

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

pub(super) async fn get(
    registry: &Registry,
    repository: &str,
    digest: &str,
    headers: &HeaderMap,
    head: bool,
) -> Result<Response, OciError> {
    let digest = parse(digest)?;
    let size = registry.blobs.size(repository, &digest)?;
    let size = size.ok_or_else(|| OciError::blob_unknown(digest.as_str()))?;
    let wanted = headers.get(header::RANGE).and_then(|range| parse_range(range.to_str().ok()?, size));
    let (status, first_byte, length) = match wanted {
        None => (StatusCode::OK, 0, size),
        Some(Some((first, last))) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Some(None) => {
            let all = HeaderValue::from_str(&format!("bytes */{size}"));
            let error = OciError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "SIZE_INVALID",
                format!("the blob has {size} bytes"),
            );
            return Err(match all {
                Ok(all) => error.with_header(header::CONTENT_RANGE, all),
                Err(_) => error,
            });
        }
    };
    let body = if head {
        Body::empty()
    } else {
        body::of_file(&registry.blobs.path(&digest), first_byte, length).await?
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, length)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, format!("\"{digest}\""))
        .header(CONTENT_DIGEST, digest.as_str());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first_byte}-{}/{size}", first_byte + length - 1);
        response = response.header(header::CONTENT_RANGE, range);
    }
    response
        .body(body)
        .map_err(|error| OciError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string()))
}

pub(super) fn delete(registry: &Registry, repository: &str, digest: &str) -> Result<Response, OciError> {
    let digest = parse(digest)?;
    let settled = registry.blobs.settle();
    if registry.blobs.size(repository, &digest)?.is_none() {
        return Err(OciError::blob_unknown(digest.as_str()));
    }
    if let Some(image) = registry.image_with(repository, &digest)? {
        let message = format!("image {image} consists of it");
        return Err(OciError::new(StatusCode::FORBIDDEN, "DENIED", message));
    }
    settled.unlink(repository, &digest)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

pub(super) fn parse(digest: &str) -> Result<Digest, OciError> {
    Digest::parse(digest).ok_or_else(|| OciError::digest_invalid(digest))
}

impl Registry {
    /// An image of the repository that has the blob as its config or a layer.
    fn image_with(&self, repository: &str, digest: &Digest) -> Result<Option<String>, OciError> {
        let images = self.hub.with(|world| world.repository(repository).map(|found| found.images.clone()))?;
        let has = |manifest: &str| {
            Manifest::parse(manifest, None)
                .is_ok_and(|manifest| manifest.blobs().any(|blob| blob.digest == digest.as_str()))
        };
        let mut images = images.into_values();
        Ok(images.find(|image| has(&image.manifest)).map(|image| image.digest))
    }
}

/// First and last byte of a single range; `Some(None)` when the blob has nothing there, `None` when the header
/// asks for something else and is to be ignored.
fn parse_range(range: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = range.strip_prefix("bytes=")?.trim().split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => {
            let length: u64 = suffix.parse().ok()?;
            if length == 0 {
                return Some(None);
            }
            (size.saturating_sub(length), size.saturating_sub(1))
        }
        (first, "") => (first.parse().ok()?, size.saturating_sub(1)),
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            if last < first {
                return None;
            }
            (first, last.min(size.saturating_sub(1)))
        }
    };
    Some((first < size).then_some((first, last)))
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges() {
        for (range, of_ten) in [
            ("bytes=0-4", Some(Some((0, 4)))),
            ("bytes=3-", Some(Some((3, 9)))),
            ("bytes=-3", Some(Some((7, 9)))),
            ("bytes=-30", Some(Some((0, 9)))),
            ("bytes=5-500", Some(Some((5, 9)))),
            ("bytes=10-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=4-2", None),
            ("bytes=0-1,3-4", None),
            ("items=0-1", None),
            ("bytes=x-y", None),
        ] {
            assert_eq!(parse_range(range, 10), of_ten, "{range}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Some(None));
    }
}
