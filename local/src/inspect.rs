//! A look behind the scenes, as JSON under `/_local/` beside the AWS APIs: what AWS would show in its console.
//!
//! | path | shows |
//! |---|---|
//! | `GET /_local/dead-letters` | events that a function failed on for good |
//! | `POST /_local/dead-letters/{request id}/redrive` | sends one again |
//! | `GET /_local/invocations` | the latest attempts: cold or warm, how long, how they ended |
//! | `GET /_local/log` | what the functions wrote, the decision log among it |
//! | `GET /_local/events` | the latest events on the bus |
//! | `GET /_local/limits` | AWS's token buckets: how full they are, what they have granted and refused |
//! | `GET /_local/requests` | the access log of the HTTP API |
//! | `GET /_local/tasks/{task id}/log` | what a task wrote |

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::bus::Bus;
use crate::gateway::Gateway;
use crate::hub::Hub;
use crate::lambda::{InvokeError, Lambda};
use crate::tasks::TaskRunner;

#[derive(Debug, Clone)]
pub(crate) struct Inspect {
    pub lambda: Lambda,
    pub bus: Bus,
    pub tasks: TaskRunner,
    pub gateway: Gateway,
    pub hub: Hub,
}

pub(crate) fn router(inspect: Inspect) -> Router {
    Router::new()
        .route("/_local/dead-letters", get(dead_letters))
        .route("/_local/dead-letters/{request_id}/redrive", post(redrive))
        .route("/_local/invocations", get(invocations))
        .route("/_local/log", get(log))
        .route("/_local/events", get(events))
        .route("/_local/limits", get(limits))
        .route("/_local/requests", get(requests))
        .route("/_local/tasks/{task_id}/log", get(task_log))
        .with_state(inspect)
}

async fn dead_letters(State(inspect): State<Inspect>) -> Json<Value> {
    let letters = inspect.lambda.dead_letters();
    let shown = letters.iter().map(|letter| {
        json!({
            "requestId": letter.request_id,
            "function": letter.function,
            "attempts": letter.attempts,
            "messageAttributes": letter.message_attributes(),
            "acceptedAt": letter.accepted_at.to_string(),
            "lastAttemptAt": letter.last_attempt_at.map(|at| at.to_string()),
            "payload": letter.payload,
        })
    });
    Json(shown.collect())
}

async fn redrive(State(inspect): State<Inspect>, Path(request_id): Path<String>) -> Response {
    match inspect.lambda.redrive(&request_id) {
        Ok(request_id) => (StatusCode::ACCEPTED, Json(json!({ "requestId": request_id }))).into_response(),
        Err(error @ InvokeError::DeadLetterNotFound(_)) => {
            (StatusCode::NOT_FOUND, Json(json!({ "message": error.to_string() }))).into_response()
        }
        Err(error) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "message": error.to_string() }))).into_response()
        }
    }
}

async fn invocations(State(inspect): State<Inspect>) -> Json<Value> {
    let shown = inspect.lambda.invocations().into_iter().map(|invocation| {
        json!({
            "function": invocation.function,
            "requestId": invocation.request_id,
            "attempt": invocation.attempt,
            "startedAt": invocation.started_at.to_string(),
            "initMillis": invocation.init_millis,
            "durationMillis": invocation.duration_millis,
            "report": invocation.report_line(),
        })
    });
    Json(shown.collect())
}

async fn log(State(inspect): State<Inspect>) -> Json<Value> {
    let shown = inspect.lambda.log_lines().into_iter().map(|line| {
        // A line that is JSON is shown as such, so that decisions can be read with jq.
        let text = serde_json::from_str(&line.line).unwrap_or(Value::String(line.line));
        json!({ "at": line.at.to_string(), "function": line.function, "requestId": line.request_id, "line": text })
    });
    Json(shown.collect())
}

async fn events(State(inspect): State<Inspect>) -> Json<Value> {
    let shown = inspect.bus.recent().into_iter().map(|seen| {
        json!({ "at": seen.at.to_string(), "fate": format!("{:?}", seen.fate), "rules": seen.rules, "event": seen.event })
    });
    Json(shown.collect())
}

async fn limits(State(inspect): State<Inspect>) -> Json<Value> {
    let used = inspect.hub.with(|world| {
        let now = world.now();
        world.limits.used(now)
    });
    let shown = used.into_iter().map(|(category, bucket)| {
        json!({
            "service": category.service,
            "category": category.name,
            "operations": category.operations,
            "burst": category.burst,
            "perSecond": category.per_second,
            "tokens": bucket.tokens,
            "granted": bucket.granted,
            "refused": bucket.refused,
        })
    });
    Json(shown.collect())
}

/// By the names of API Gateway's own log variables.
async fn requests(State(inspect): State<Inspect>) -> Json<Value> {
    let shown = inspect.gateway.accesses().into_iter().map(|access| {
        json!({
            "requestTime": access.at.to_string(),
            "requestId": access.request_id,
            "ip": access.source_ip.to_string(),
            "userAgent": access.user_agent,
            "httpMethod": access.method,
            "path": access.path,
            "routeKey": access.route_key,
            "status": access.status,
            "responseLength": access.response_bytes,
            "userArn": access.caller,
            "error": access.error,
            "integrationLatency": access.integration_millis,
            "responseLatency": access.response_millis,
        })
    });
    Json(shown.collect())
}

async fn task_log(State(inspect): State<Inspect>, Path(task_id): Path<String>) -> Json<Value> {
    Json(json!(inspect.tasks.logs(&task_id)))
}
