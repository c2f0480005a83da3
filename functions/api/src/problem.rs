//! Errors as problem documents (RFC 9457). A type, once given out, keeps its meaning: callers compare it.

use pushboat::cloud::{CloudError, Trouble};
use serde_json::{Value, json};
use thiserror::Error;

/// Throttling by ECS ends within seconds.
const RETRY_AFTER_SECONDS: u32 = 5;

#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("the payload is not a request of an HTTP API, payload format 2.0")]
    NotARequest,
    #[error("the request came without an identity; this route must have an authorizer")]
    Unauthenticated,
    #[error("there is nothing at {path}")]
    NotFound { path: String },
    #[error("{path} takes {allow}, not {method}")]
    MethodNotAllowed { method: String, path: String, allow: String },
    #[error("{0}")]
    BadQuery(String),
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error("AWS did not answer in time")]
    TooSlow,
}

impl Problem {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Problem::NotARequest | Problem::BadQuery(_) => 400,
            Problem::Unauthenticated => 401,
            Problem::NotFound { .. } => 404,
            Problem::MethodNotAllowed { .. } => 405,
            Problem::Cloud(error) if !error.retry_helps() => 502,
            Problem::Cloud(_) | Problem::TooSlow => 503,
        }
    }

    fn name(&self) -> (&'static str, &'static str) {
        match self {
            Problem::NotARequest => ("not-a-request", "Not a request"),
            Problem::Unauthenticated => ("unauthenticated", "No identity"),
            Problem::NotFound { .. } => ("not-found", "Not found"),
            Problem::MethodNotAllowed { .. } => ("method-not-allowed", "Method not allowed"),
            Problem::BadQuery(_) => ("bad-query", "Bad query"),
            Problem::Cloud(error) => match error.trouble {
                Trouble::Throttled => ("aws-throttled", "AWS asks for fewer requests"),
                Trouble::Unavailable => ("aws-unavailable", "AWS is not available"),
                Trouble::NotFound => ("aws-not-found", "AWS does not know what was asked about"),
                Trouble::Refused => ("aws-refused", "AWS refused"),
            },
            Problem::TooSlow => ("aws-unavailable", "AWS is not available"),
        }
    }

    /// The header that belongs to this status.
    pub(crate) fn header(&self) -> Option<(&'static str, String)> {
        match self {
            Problem::Unauthenticated => Some(("www-authenticate", "AWS4-HMAC-SHA256".to_owned())),
            Problem::MethodNotAllowed { allow, .. } => Some(("allow", allow.clone())),
            _ if self.status() == 503 => Some(("retry-after", RETRY_AFTER_SECONDS.to_string())),
            _ => None,
        }
    }

    pub(crate) fn document(&self) -> Value {
        let (kind, title) = self.name();
        json!({
            "type": format!("/problems/{kind}"),
            "title": title,
            "status": self.status(),
            "detail": self.to_string(),
        })
    }
}
