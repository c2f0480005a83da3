//! The table of method and path, and the way of one request through it.

use std::time::Duration;

use pushboat_aws::Aws;
use serde_json::json;

use crate::problem::Problem;
use crate::request::Request;
use crate::response::Response;
use crate::services;

/// API Gateway gives up after thirty seconds, and then nobody learns why.
const PATIENCE: Duration = Duration::from_secs(25);

#[derive(Debug, Clone, Copy)]
enum Handler {
    /// Says that the function runs, and asks nothing of AWS. The one route that needs no identity.
    Health,
    Services,
}

const ROUTES: [(&str, &str, Handler); 2] =
    [("GET", "/health", Handler::Health), ("GET", "/services", Handler::Services)];

pub(crate) async fn respond(aws: &Aws, clusters: &[String], request: Option<&Request>) -> Response {
    let Some(request) = request else { return Problem::NotARequest.into() };
    let answered = match find(request) {
        Ok(Handler::Health) => Ok(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})),
        Ok(Handler::Services) => {
            let listed = services::list(aws, clusters, &request.query);
            tokio::time::timeout(PATIENCE, listed).await.unwrap_or(Err(Problem::TooSlow))
        }
        Err(problem) => Err(problem),
    };
    answered.map_or_else(Response::from, Response::ok)
}

/// Whoever has no identity learns nothing, not even what there is.
fn find(request: &Request) -> Result<Handler, Problem> {
    let at_path = || ROUTES.iter().filter(|(_, path, _)| *path == request.path);
    let open = at_path().any(|(_, _, handler)| matches!(handler, Handler::Health));
    if request.caller.is_none() && !open {
        return Err(Problem::Unauthenticated);
    }
    let method = if request.method == "HEAD" { "GET" } else { &request.method };
    if let Some((_, _, handler)) = at_path().find(|(allowed, _, _)| *allowed == method) {
        return Ok(*handler);
    }
    let mut allowed: Vec<&str> = at_path().map(|(method, _, _)| *method).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let path = request.short_path();
    match allowed.is_empty() {
        true => Err(Problem::NotFound { path }),
        false => {
            let method = request.method.clone();
            Err(Problem::MethodNotAllowed { method, path, allow: allowed.join(", ") })
        }
    }
}
