//! The `api` function: what is asked over HTTP, answered as JSON. It stands behind an API Gateway HTTP API and takes
//! its payload, format 2.0.
//!
//! | file | subject |
//! |---|---|
//! | `request` | the payload as a request, and who sent it |
//! | `route` | the table of method and path, and the way of one request |
//! | `services` | `GET /services` |
//! | `response` | what goes back, and as what |
//! | `problem` | errors as problem documents (RFC 9457) |
//!
//! Nothing a caller can send ends in a 500, and no header reaches the log.

mod problem;
mod request;
mod response;
mod route;
mod services;

use std::time::Instant;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushboat::control::Scope;
use pushboat_aws::{Aws, Settings};
use serde_json::{Value, json};

pub use request::Request;

/// Serves invocations until Lambda ends the process. Opens one connection at a time: a single thread is enough.
pub fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let clusters = Settings::clusters_from_env()?;
    let aws = Aws::from_env().await;
    aws.warm_up(&Scope { clusters: clusters.clone(), repositories: Vec::new() }).await;
    let (aws, clusters) = (&aws, clusters.as_slice());
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let request_id = event.context.request_id.clone();
        let mut log = |mut line: Value| {
            line["request_id"] = Value::from(request_id.as_str());
            println!("{line}");
        };
        Ok::<_, Error>(answer(aws, clusters, &event.payload, &mut log).await)
    }))
    .await
}

/// One request answered, as API Gateway takes it, and one line for the log.
pub async fn answer(aws: &Aws, clusters: &[String], payload: &Value, log: &mut impl FnMut(Value)) -> Value {
    let begun = Instant::now();
    let request = Request::read(payload);
    let response = route::respond(aws, clusters, request.as_ref()).await;
    let mut line = json!({
        "status": response.status,
        "ms": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(request) = &request {
        line["method"] = Value::from(request.method.as_str());
        line["path"] = Value::from(request.short_path());
        line["caller"] = json!(request.caller);
        line["api_request_id"] = json!(request.id);
    }
    if let Some(problem) = &response.problem {
        line["problem"] = Value::from(problem.as_str());
    }
    log(line);
    let without_body = request.is_some_and(|request| request.method == "HEAD");
    response.payload(without_body)
}
