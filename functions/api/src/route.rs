//! The table of method and path, and the way of one request through it.

use std::time::Duration;

use pushboat::control::Scope;
use pushboat::hold;
use pushboat::model::ServiceName;
use pushboat_aws::Aws;
use serde_json::{Value, json};

use crate::answers::Health;
use crate::asks::{self, Call};
use crate::history;
use crate::openapi;
use crate::plan;
use crate::problem::Problem;
use crate::request::{Caller, Request, is_name};
use crate::response::Response;
use crate::services;
use crate::tasks;

/// API Gateway gives up after thirty seconds, and then nobody learns why.
const PATIENCE: Duration = Duration::from_secs(25);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handler {
    /// Says that the function runs, and asks nothing of AWS. The one route that needs no identity.
    Health,
    /// Describes the others.
    OpenApi,
    Services,
    /// One, with what Pushboat would do now.
    Service,
    History,
    /// A one-off task.
    Task,
    /// Changes nothing.
    Plan,
    /// Changes something, so it wants to know who.
    Asks(Call),
}

pub(crate) const ROUTES: [(&str, &str, Handler); 19] = [
    ("GET", "/health", Handler::Health),
    ("GET", "/openapi.json", Handler::OpenApi),
    ("GET", "/services", Handler::Services),
    ("GET", "/services/{cluster}/{service}", Handler::Service),
    ("GET", "/services/{cluster}/{service}/plan", Handler::Plan),
    ("GET", "/services/{cluster}/{service}/history", Handler::History),
    ("POST", "/services/{cluster}/{service}/deploy", Handler::Asks(Call::Deploy)),
    ("POST", "/services/{cluster}/{service}/rollback", Handler::Asks(Call::Rollback)),
    ("POST", "/services/{cluster}/{service}/release", Handler::Asks(Call::Release)),
    ("POST", "/services/{cluster}/{service}/resume", Handler::Asks(Call::Resume)),
    ("POST", "/services/{cluster}/{service}/continue", Handler::Asks(Call::Continue)),
    ("POST", "/services/{cluster}/{service}/hold", Handler::Asks(Call::Hold)),
    ("DELETE", "/services/{cluster}/{service}/hold", Handler::Asks(Call::Unhold)),
    ("POST", "/services/{cluster}/{service}/scale", Handler::Asks(Call::Scale)),
    ("DELETE", "/services/{cluster}/{service}/scale", Handler::Asks(Call::Unscale)),
    ("POST", "/services/{cluster}/{service}/tasks", Handler::Asks(Call::Run)),
    ("GET", "/services/{cluster}/{service}/tasks/{task}", Handler::Task),
    ("POST", "/clusters/{cluster}/hold", Handler::Asks(Call::HoldCluster)),
    ("DELETE", "/clusters/{cluster}/hold", Handler::Asks(Call::UnholdCluster)),
];

/// `<METHOD> <path>` of every call, as API Gateway writes it.
pub fn route_keys() -> impl Iterator<Item = String> {
    ROUTES.iter().map(|(method, path, _)| format!("{method} {path}"))
}

pub(crate) async fn respond(
    aws: &Aws,
    scope: &Scope,
    request: Option<&Request>,
    log: &mut impl FnMut(Value),
) -> Response {
    let Some(request) = request else { return Problem::NotARequest.into() };
    let (handler, name) = match find(request) {
        Ok(found) => found,
        Err(problem) => return problem.into(),
    };
    let answering = async {
        match handler {
            Handler::Health => {
                let health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };
                Ok(Response::ok(json!(health)))
            }
            Handler::OpenApi => Ok(Response::ok(openapi::document())),
            Handler::Services => {
                let services = services::list(aws, &scope.clusters, &request.query).await?;
                Ok(Response::ok(json!(services)))
            }
            Handler::Service => {
                let by = who(request.caller.as_ref());
                let aws = aws.within(PATIENCE);
                let service = services::one(&aws, scope, &name, &request.query, &by).await?;
                Ok(Response::ok(json!(service)))
            }
            Handler::History => {
                let history = history::page(aws, scope, &name, &request.query).await?;
                Ok(Response::ok(json!(history)))
            }
            Handler::Task => {
                // The route ends in it.
                let id = request.path.rsplit('/').next().unwrap_or_default();
                let aws = aws.within(PATIENCE);
                let task = tasks::one(&aws, scope, &name, id, &request.query).await?;
                Ok(Response::ok(json!(task)))
            }
            Handler::Plan => {
                let by = who(request.caller.as_ref());
                let aws = aws.within(PATIENCE);
                let plan = plan::plan(&aws, scope, &name, &request.query, &by).await?;
                Ok(Response::ok(json!(plan)))
            }
            Handler::Asks(call) => {
                let by = signed_by(request.caller.as_ref())?;
                let aws = aws.within(PATIENCE);
                asks::carry_out(&aws, scope, call, &name, request, &by, log).await
            }
        }
    };
    let answered = tokio::time::timeout(PATIENCE, answering).await.unwrap_or(Err(Problem::TooSlow));
    let response = answered.unwrap_or_else(Response::from);
    if name.service.is_empty() { response } else { response.about(&name.to_string()) }
}

/// Whoever has no identity learns nothing, not even what there is.
fn find(request: &Request) -> Result<(Handler, ServiceName), Problem> {
    let at_path = || {
        let with_name = |&(method, path, handler): &(&'static str, &str, Handler)| {
            Some((method, handler, named(path, &request.path)?))
        };
        ROUTES.iter().filter_map(with_name)
    };
    let open = at_path().any(|(_, handler, _)| handler == Handler::Health);
    if request.caller.is_none() && !open {
        return Err(Problem::Unauthenticated);
    }
    let method = if request.method == "HEAD" { "GET" } else { &request.method };
    if let Some((_, handler, name)) = at_path().find(|(allowed, _, _)| *allowed == method) {
        return Ok((handler, name));
    }
    let mut allowed: Vec<&str> = at_path().map(|(method, _, _)| method).collect();
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

/// Whom a path is about, if it is one of this route; what the route does not name is empty.
fn named(route: &str, path: &str) -> Option<ServiceName> {
    let mut name = ServiceName { cluster: String::new(), service: String::new() };
    let mut segments = path.split('/');
    for expected in route.split('/') {
        let segment = segments.next()?;
        match expected {
            "{cluster}" if is_name(segment) => name.cluster = segment.to_owned(),
            "{service}" if is_name(segment) => name.service = segment.to_owned(),
            "{task}" if is_name(segment) => {}
            literal if literal == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(name)
}

/// Whoever changes nothing may be without a name.
fn who(caller: Option<&Caller>) -> String {
    signed_by(caller).unwrap_or_else(|_| "somebody".to_owned())
}

/// Who asks, as one word that also a tag's value takes.
fn signed_by(caller: Option<&Caller>) -> Result<String, Problem> {
    match caller {
        Some(Caller::Named(name)) if !hold::one_word(name).is_empty() => Ok(hold::one_word(name)),
        Some(Caller::Named(_)) => Err(Problem::Nameless("without a readable name")),
        Some(Caller::Nameless(kind)) => Err(Problem::Nameless(kind)),
        None => Err(Problem::Unauthenticated),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const HOLD: &str = "/services/{cluster}/{service}/hold";

    #[test]
    fn a_path_names_whom_it_is_about() {
        let name = |cluster: &str, service: &str| {
            Some(ServiceName { cluster: cluster.into(), service: service.into() })
        };
        assert_eq!(named(HOLD, "/services/prod_2/web-1/hold"), name("prod_2", "web-1"));
        assert_eq!(named("/clusters/{cluster}/hold", "/clusters/prod/hold"), name("prod", ""));
        assert_eq!(named("/health", "/health"), name("", ""));
        let task = "/services/{cluster}/{service}/tasks/{task}";
        assert_eq!(named(task, "/services/prod/web/tasks/0123abcd"), name("prod", "web"));
        assert_eq!(named(task, "/services/prod/web/tasks/"), None);
        assert_eq!(named(task, "/services/prod/web/tasks/a%2Fb"), None);
        let long = format!("/services/prod/{}/hold", "w".repeat(256));
        for other in [
            "/services/prod/web",
            "/services/prod/web/hold/",
            "/services/prod/web/holds",
            "/services//web/hold",
            "/services/prod/we b/hold",
            "/services/prod/wéb/hold",
            "/services/prod/../hold",
            "services/prod/web/hold",
            "",
            &long,
        ] {
            assert_eq!(named(HOLD, other), None, "{other}");
        }
    }

    #[test]
    fn who_asks_is_one_word_or_nobody() {
        let of = |name: &str| signed_by(Some(&Caller::Named(name.to_owned()))).map_err(|it| it.status());
        let arn = "arn:aws:sts::123456789012:assumed-role/operator/ada@example.com";
        assert_eq!(of(arn), Ok(arn.to_owned()));
        assert_eq!(of("jwt:auth0|ada b"), Ok("jwt:auth0-ada-b".to_owned()));
        assert_eq!(of("|"), Err(403));
        assert_eq!(signed_by(Some(&Caller::Nameless("lambda"))).unwrap_err().status(), 403);
        assert_eq!(signed_by(None).unwrap_err().status(), 401);
    }
}
