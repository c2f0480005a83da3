//! The `api` function: what is asked over HTTP, answered as JSON. It stands behind an API Gateway HTTP API and takes
//! its payload, format 2.0.
//!
//! | file | subject |
//! |---|---|
//! | `request` | the payload as a request, and who sent it |
//! | `route` | the table of method and path, and the way of one request |
//! | `services` | `GET /services`, and one of them in full |
//! | `live` | what goes on in them at this moment |
//! | `asks` | every call that changes something |
//! | `bodies`, `body` | what a body says, and that it is JSON |
//! | `history` | what a service has run, and how many tasks it was told to have |
//! | `tasks` | a one-off task: how it stands, and what it wrote |
//! | `plan` | what would be done, and what Pushboat would do now |
//! | `answers`, `response` | what goes back, and as what |
//! | `openapi` | this API described in OpenAPI 3.1, made from the types |
//! | `problem` | errors as problem documents (RFC 9457) |
//!
//! Nothing a caller can send ends in a 500. No header and no body reaches the log.

mod answers;
mod asks;
mod bodies;
mod body;
mod history;
mod live;
mod openapi;
mod plan;
mod problem;
mod request;
mod response;
mod route;
mod services;
mod tasks;

use std::time::Instant;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushboat::control::Scope;
use pushboat_aws::{Aws, Settings};
use serde_json::{Value, json};

pub use request::{Caller, Request};
pub use route::route_keys;

/// Serves invocations until Lambda ends the process.
pub fn main() -> Result<(), Error> {
    pushboat_aws::start(serve())
}

async fn serve() -> Result<(), Error> {
    let Settings { scope } = Settings::from_env()?;
    let aws = Aws::from_env().await;
    // Most calls only read, and ask nothing of the registry.
    aws.warm_up(&Scope { repositories: Vec::new(), ..scope.clone() }).await;
    let (aws, scope) = (&aws, &scope);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let request_id = event.context.request_id.clone();
        let mut log = |line: Value| pushboat_aws::print(line, &request_id);
        Ok::<_, Error>(answer(aws, scope, &event.payload, &mut log).await)
    }))
    .await
}

/// One request answered, as API Gateway takes it, and one line for the log, after those of what was decided.
pub async fn answer(aws: &Aws, scope: &Scope, payload: &Value, log: &mut impl FnMut(Value)) -> Value {
    let begun = Instant::now();
    let request = Request::read(payload);
    let response = route::respond(aws, scope, request.as_ref(), log).await;
    let mut line = json!({
        "status": response.status,
        "ms": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(request) = &request {
        line["method"] = Value::from(request.method.as_str());
        line["path"] = Value::from(request.short_path());
        line["caller"] = json!(request.caller.as_ref().map(Caller::as_str));
        line["api_request_id"] = json!(request.id);
    }
    if let Some(problem) = &response.problem {
        line["problem"] = Value::from(problem.as_str());
    }
    log(line);
    let without_body = request.is_some_and(|request| request.method == "HEAD");
    response.payload(without_body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn oddity() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let key = prop_oneof![Just("iam"), Just("jwt"), Just("lambda"), Just("userArn"), Just("claims")];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..3).prop_map(|members| members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()),
            ]
        })
    }

    /// Mostly what a caller would send, sometimes what it would not.
    fn member(usual: &'static [&'static str]) -> impl Strategy<Value = Value> {
        prop_oneof![
            4 => proptest::sample::select(usual).prop_map(Value::from),
            1 => ".{0,40}".prop_map(Value::from),
            1 => oddity(),
        ]
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_is_a_server_error(
            method in member(&["GET", "HEAD", "POST", "DELETE", "OPTIONS", ""]),
            path in member(&[
                "/health", "/services", "/", "", "/prod/services", "//", "/services/a/b/hold", "/services/a/b/rollback",
                "/services/a/b/release", "/services/a/b/resume", "/services/a/b/continue", "/clusters/a/hold",
            ]),
            query in member(&["", "", "cluster=demo", "cluster=%", "&=&"]),
            content_type in member(&["application/json"]),
            body in member(&["", "{}", r#"{"reason": "x", "for": "2h"}"#, r#"{"to": "a:1"}"#, r#"{"digest": "x"}"#]),
            is_base64 in prop_oneof![any::<bool>().prop_map(Value::from), oddity()],
            stage in member(&["$default", "prod", ""]),
            authorizer in oddity(),
        ) {
            let context = json!({"http": {"method": method}, "stage": stage, "authorizer": authorizer});
            let payload = json!({
                "rawPath": path, "rawQueryString": query, "requestContext": context, "body": body,
                "headers": {"content-type": content_type}, "isBase64Encoded": is_base64,
            });
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            // Without clusters, AWS is not asked.
            let mut lines = 0;
            let answer = runtime.block_on(async {
                answer(&Aws::from_env().await, &Scope::default(), &payload, &mut |_| lines += 1).await
            });
            let status = answer["statusCode"].as_u64().unwrap();
            prop_assert!([200, 400, 401, 403, 404, 405, 413, 415].contains(&status), "{answer}");
            prop_assert_eq!(lines, 1);
            let named = Request::read(&payload).and_then(|request| request.caller).is_some();
            let shown = answer["body"].as_str().unwrap().contains("services");
            prop_assert!(named || !shown, "shown to nobody: {}", payload);
        }
    }
}
