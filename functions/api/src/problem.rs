//! Errors as problem documents (RFC 9457). A type, once given out, keeps its meaning: callers compare it.

use pushboat::cloud::{CloudError, Trouble};
use pushboat::control::Undone;
use pushboat::model::ServiceName;
use serde::Serialize;
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
    #[error(
        "the authorizer ({0}) let somebody through without saying who, and what is changed here is signed"
    )]
    Nameless(&'static str),
    #[error("there is nothing at {path}")]
    NotFound { path: String },
    #[error("{path} takes {allow}, not {method}")]
    MethodNotAllowed { method: String, path: String, allow: String },
    #[error("{0}")]
    BadQuery(String),
    #[error("send the body as JSON, with the header content-type: application/json")]
    NotJson,
    #[error("the body has more than {at_most} bytes")]
    TooLong { at_most: usize },
    /// May repeat what was sent, so the log does not have it.
    #[error("{0}")]
    BadBody(String),
    #[error("the cluster '{0}' is not one of this installation; GET /services shows those that are")]
    NoCluster(String),
    #[error("there is no service {0} that has been handed to Pushboat; GET /services shows those that have")]
    NoService(ServiceName),
    #[error(
        "ECS knows no task {task} that Pushboat has started for {service}; a task that has stopped it forgets after about an \
         hour"
    )]
    NoTask { service: ServiceName, task: String },
    #[error("the header Idempotency-Key has 1 to 64 visible ASCII characters")]
    BadKey,
    #[error(
        "this Idempotency-Key stands for another request, for which there is the task {}; ask about that, or send another key",
        .tasks.join(", ")
    )]
    KeyTaken { tasks: Vec<String> },
    #[error("{0}")]
    Refused(String),
    #[error("{service} is not where 'from' says: {there}; look again, and ask again")]
    Moved { service: ServiceName, there: String },
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error("AWS did not answer in time")]
    TooSlow,
}

impl Problem {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Problem::NotARequest | Problem::BadQuery(_) | Problem::BadBody(_) | Problem::BadKey => 400,
            Problem::Unauthenticated => 401,
            Problem::Nameless(_) => 403,
            Problem::NotFound { .. }
            | Problem::NoCluster(_)
            | Problem::NoService(_)
            | Problem::NoTask { .. } => 404,
            Problem::MethodNotAllowed { .. } => 405,
            Problem::Refused(_) | Problem::Moved { .. } | Problem::KeyTaken { .. } => 409,
            Problem::TooLong { .. } => 413,
            Problem::NotJson => 415,
            Problem::Cloud(error) if !error.retry_helps() => 502,
            Problem::Cloud(_) | Problem::TooSlow => 503,
        }
    }

    fn name(&self) -> (&'static str, &'static str) {
        match self {
            Problem::NotARequest => ("not-a-request", "Not a request"),
            Problem::Unauthenticated => ("unauthenticated", "No identity"),
            Problem::Nameless(_) => ("nameless-caller", "An identity without a name"),
            Problem::NotFound { .. } => ("not-found", "Not found"),
            Problem::MethodNotAllowed { .. } => ("method-not-allowed", "Method not allowed"),
            Problem::BadQuery(_) => ("bad-query", "Bad query"),
            Problem::NotJson => ("not-json", "Not JSON"),
            Problem::TooLong { .. } => ("body-too-long", "Body too long"),
            Problem::BadBody(_) => ("bad-body", "Bad body"),
            Problem::NoCluster(_) => ("no-such-cluster", "No such cluster"),
            Problem::NoService(_) => ("no-such-service", "No such service"),
            Problem::NoTask { .. } => ("no-such-task", "No such task"),
            Problem::BadKey => ("bad-idempotency-key", "Bad Idempotency-Key"),
            Problem::KeyTaken { .. } => ("idempotency-key-taken", "The key stands for another request"),
            Problem::Refused(_) => ("refused", "Not possible as things are"),
            Problem::Moved { .. } => ("moved", "Changed in the meantime"),
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
            Problem::NotJson => Some(("accept", "application/json".to_owned())),
            _ if self.status() == 503 => Some(("retry-after", RETRY_AFTER_SECONDS.to_string())),
            _ => None,
        }
    }

    /// For the log, which has nothing of a body.
    pub(crate) fn logged(&self) -> String {
        match self {
            Problem::BadBody(_) => "the body is not what the call takes".to_owned(),
            other => other.to_string(),
        }
    }

    pub(crate) fn document(&self) -> Value {
        let (kind, title) = self.name();
        json!(Document {
            r#type: format!("/problems/{kind}"),
            title,
            status: self.status(),
            detail: self.to_string(),
            service: None,
        })
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Problem"))]
pub(crate) struct Document {
    /// Keeps its meaning: callers compare it.
    r#type: String,
    title: &'static str,
    status: u16,
    /// What happened, and what to do.
    detail: String,
    /// `<cluster>/<service>`, of a call about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
}

impl From<Undone> for Problem {
    fn from(undone: Undone) -> Problem {
        match undone {
            Undone::NotAllowed(cluster) => Problem::NoCluster(cluster),
            Undone::NoService(service) => Problem::NoService(service),
            Undone::KeyTaken { tasks } => Problem::KeyTaken { tasks },
            Undone::Refused(reason) => Problem::Refused(reason),
            Undone::NotAHold(why) => Problem::BadBody(why.to_string()),
            Undone::NotAnOverride(why) => Problem::BadBody(why.to_string()),
            Undone::Cloud(error) => Problem::Cloud(error),
        }
    }
}
