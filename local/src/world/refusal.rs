//! A request that AWS refuses: the error code and message a client sees, whatever the protocol.

use thiserror::Error;

/// `code` is the service's own name for the error, such as `ServiceNotFoundException`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
    pub http_status: u16,
    /// What a conflict is with.
    pub resource_ids: Vec<String>,
}

impl Refusal {
    /// The caller's fault: HTTP 400, as nearly every refusal of ECS and ECR.
    pub fn new(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), http_status: 400, resource_ids: Vec::new() }
    }
}
