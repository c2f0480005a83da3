//! Refusals in the words of the OCI distribution protocol: a code of its list, a status, a sentence.

use std::io;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::manifests::ManifestRefusal;
use super::uploads::UploadError;
use crate::world::Refusal;
use crate::world::ecr::ManifestError;

#[derive(Debug)]
pub(super) struct OciError {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl OciError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> OciError {
        OciError { status, code, message: message.into(), header: None }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> OciError {
        self.header = Some((name, value));
        self
    }

    pub(super) fn unauthorized() -> OciError {
        let challenge = HeaderValue::from_static("Basic realm=\"ECR\"");
        OciError::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required")
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    pub(super) fn blob_unknown(digest: &str) -> OciError {
        let message = format!("the repository does not have {digest}");
        OciError::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", message)
    }

    pub(super) fn manifest_unknown() -> OciError {
        OciError::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "Requested image not found")
    }

    pub(super) fn digest_invalid(digest: &str) -> OciError {
        let message = format!("'{digest}' is not a sha256 digest");
        OciError::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
    }

    pub(super) fn tag_invalid(tag: &str) -> OciError {
        OciError::new(StatusCode::BAD_REQUEST, "TAG_INVALID", format!("'{tag}' is not a tag"))
    }

    pub(super) fn size_invalid(message: impl Into<String>) -> OciError {
        OciError::new(StatusCode::BAD_REQUEST, "SIZE_INVALID", message)
    }

    pub(super) fn upload_invalid(message: impl Into<String>) -> OciError {
        OciError::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> OciError {
        OciError::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }
}

impl IntoResponse for OciError {
    fn into_response(self) -> Response {
        let body = json!({"errors": [{"code": self.code, "message": self.message, "detail": null}]});
        let mut response = (self.status, Json(body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Refusal> for OciError {
    fn from(refusal: Refusal) -> OciError {
        let (status, code) = match refusal.code {
            "RepositoryNotFoundException" => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            "ImageTagAlreadyExistsException" => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            "ReferencedImagesNotFoundException" => (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN"),
            "ImageNotFound" => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            "ImageReferencedByManifestList" => (StatusCode::FORBIDDEN, "DENIED"),
            _ => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
        };
        OciError::new(status, code, refusal.message)
    }
}

impl From<ManifestRefusal> for OciError {
    fn from(refusal: ManifestRefusal) -> OciError {
        let message = refusal.to_string();
        let (status, code) = match refusal {
            ManifestRefusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
            ManifestRefusal::Invalid(ManifestError::UnknownMediaType(_)) => {
                return OciError::unsupported(message);
            }
            ManifestRefusal::NotText(_) | ManifestRefusal::Invalid(_) => {
                (StatusCode::BAD_REQUEST, "MANIFEST_INVALID")
            }
            ManifestRefusal::WrongDigest { .. } => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            ManifestRefusal::BlobsUnknown(_) => (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN"),
            ManifestRefusal::WrongSize { .. } => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            ManifestRefusal::World(refusal) => return refusal.into(),
            ManifestRefusal::Store(error) => return error.into(),
        };
        OciError::new(status, code, message)
    }
}

impl From<UploadError> for OciError {
    fn from(error: UploadError) -> OciError {
        let message = error.to_string();
        let (status, code) = match error {
            UploadError::Unknown => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            UploadError::Busy => (StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID"),
            UploadError::OutOfOrder { received_bytes, .. } => {
                return OciError::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", message)
                    .with_header(header::RANGE, received_range(received_bytes));
            }
            UploadError::WrongLength { .. } => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            UploadError::WrongDigest { .. } => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            UploadError::Interrupted(_) => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            UploadError::Store(error) => return error.into(),
        };
        OciError::new(status, code, message)
    }
}

impl From<io::Error> for OciError {
    fn from(error: io::Error) -> OciError {
        tracing::error!(%error, "the blob store failed");
        OciError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", format!("the blob store failed: {error}"))
    }
}

/// `0-<last byte>`; of nothing it is `0-0`, as the protocol has no word for that.
pub(super) fn received_range(received_bytes: u64) -> HeaderValue {
    let text = format!("0-{}", received_bytes.saturating_sub(1));
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("0-0"))
}
