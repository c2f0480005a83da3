//! The gateway over a socket: real requests in front, real processes behind.

mod authorization;
mod payload;
mod testkit;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::lambda;
use testkit::{Stand, route};

#[tokio::test]
async fn what_a_function_answers_is_the_response() {
    let stand = Stand::start(vec![route("POST /answer", "answers")], |_| ()).await;
    let said =
        json!({ "statusCode": 202, "headers": { "x-own": "1" }, "cookies": ["a=1", "b=2"], "body": "done" });
    let answer = stand.post("/answer", &said.to_string()).await;
    assert_eq!((answer.status, answer.text().as_str()), (202, "done"));
    assert_eq!(answer.headers["x-own"], "1");
    assert_eq!(answer.headers["content-type"], "text/plain;charset=UTF-8");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    let id = answer.headers["apigw-requestid"].to_str().unwrap();
    assert!(id.len() == 16 && id.ends_with('='), "{id}");

    let other = stand.post("/answer", r#"{"hello":"world"}"#).await;
    assert_eq!((other.status, other.json()), (200, json!({ "hello": "world" })));
    assert_eq!(other.headers["content-type"], "application/json");
    assert_ne!(other.headers["apigw-requestid"], answer.headers["apigw-requestid"]);
    stand.stop().await;
}

#[tokio::test]
async fn bytes_come_and_go_unchanged() {
    let stand = Stand::start(vec![route("POST /echo", "echoes")], |_| ()).await;
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let answer = stand.send("POST", "/echo", &[("content-type", "image/png")], bytes.clone()).await;
    assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, "image/png"));
    assert!(answer.body == bytes, "{} bytes", answer.body.len());
    stand.stop().await;
}

#[tokio::test]
async fn what_no_route_matches_is_not_found() {
    let stand = Stand::start(vec![route("GET /services/{name}", "echo")], |_| ()).await;
    for (method, path) in
        [("GET", "/"), ("GET", "/services"), ("DELETE", "/services/a"), ("OPTIONS", "/services/a")]
    {
        let answer = stand.send(method, path, &[], Vec::new()).await;
        assert_eq!(
            (answer.status, answer.json()),
            (404, json!({ "message": "Not Found" })),
            "{method} {path}"
        );
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    assert_eq!(stand.get("/services/a").await.status, 200);
    let routes: Vec<_> = stand.gateway.accesses().into_iter().map(|access| access.route_key).collect();
    assert_eq!(routes[..4], [None, None, None, None]);
    assert_eq!(routes[4].as_deref(), Some("GET /services/{name}"));
    stand.stop().await;
}

#[tokio::test]
async fn a_function_that_fails_or_says_nonsense_is_an_internal_error() {
    let routes =
        vec![route("POST /answer", "answers"), route("GET /dead", "dead"), route("GET /fails", "fails")];
    let stand = Stand::start(routes, |_| ()).await;
    let expected = (500, json!({ "message": "Internal Server Error" }));
    for answer in [
        stand.post("/answer", r#"{"statusCode":"nonsense"}"#).await,
        stand.get("/dead").await,
        stand.get("/fails").await,
    ] {
        assert_eq!((answer.status, answer.json()), expected);
    }
    let errors: Vec<String> =
        stand.gateway.accesses().into_iter().filter_map(|access| access.error).collect();
    assert_eq!(errors[0], "the function's answer has a wrong statusCode");
    assert!(errors[1].starts_with("Runtime.ExitError"), "{errors:?}");
    assert_eq!(errors[2], "Broken: as asked");
    stand.stop().await;
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_unavailable() {
    let routes = vec![route("GET /slow", "sleeps"), route("GET /fast", "echo")];
    let stand = Stand::start(routes, |api| api.integration_timeout = Duration::from_millis(300)).await;
    let since = std::time::Instant::now();
    let answer = stand.get("/slow").await;
    assert_eq!((answer.status, answer.json()), (503, json!({ "message": "Service Unavailable" })));
    assert!((300..2_000).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
    let access = &stand.gateway.accesses()[0];
    assert_eq!(access.error.as_deref(), Some("no answer in 0.300 s"));
    assert!(access.integration_millis.unwrap() >= 300.0);
    stand.stop().await;
}

#[tokio::test]
async fn a_function_with_no_instance_left_is_unavailable() {
    let stand = Stand::start(vec![route("GET /", "full")], |_| ()).await;
    let answer = stand.get("/").await;
    assert_eq!((answer.status, answer.json()), (503, json!({ "message": "Service Unavailable" })));
    assert!(stand.gateway.accesses()[0].error.as_deref().unwrap().starts_with("TooManyRequestsException"));
    stand.stop().await;
}

#[tokio::test]
async fn more_than_the_stage_allows_is_throttled_before_anything_else_is_looked_at() {
    let mut routes = vec![route("GET /", "echo")];
    routes[0].authorizer = Authorizer::Iam;
    let throttle = Throttle { burst: 3, rate: 0.001 };
    let stand = Stand::start(routes, |api| api.throttle = throttle).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        assert_eq!(stand.get("/elsewhere").await.status, 404, "costs nothing");
        let answer = stand.get("/").await;
        statuses.push(answer.status);
        if answer.status == 429 {
            assert_eq!(answer.json(), json!({ "message": "Too Many Requests" }));
        }
    }
    assert_eq!(statuses, [403, 403, 403, 429, 429]);
    assert_eq!(stand.lambda.invocations(), [], "nobody was let in");
    stand.stop().await;
}

#[tokio::test]
async fn large_bodies_are_taken_up_to_the_limits() {
    let stand = Stand::start(vec![route("POST /length", "measures")], |_| ()).await;
    let json = [("content-type", "application/json")];
    let large = stand.send("POST", "/length", &json, vec![b'1'; 5_000_000]).await;
    assert_eq!((large.status, large.json()), (200, json!(5_000_000)));
    let refused = (413, json!({ "message": "Request Entity Too Large" }));
    // As text too large for Lambda's event, as bytes already because of base64, and too large for the gateway.
    let bytes = [("content-type", "application/octet-stream")];
    for (headers, length) in [(json, 6_500_000), (bytes, 5_000_000), (json, 10_485_761), (json, 40_000_000)] {
        let answer = stand.send("POST", "/length", &headers, vec![b'1'; length]).await;
        assert_eq!((answer.status, answer.json()), refused, "{length}");
    }
    assert_eq!(stand.lambda.invocations().len(), 1);
    stand.stop().await;
}

#[tokio::test]
async fn cors_is_the_gateways_own() {
    let mut routes = vec![route("GET /", "echo")];
    routes[0].authorizer = Authorizer::Iam;
    let cors = Cors {
        allow_origins: vec!["https://game.example".into()],
        allow_methods: vec!["GET".into()],
        ..Cors::default()
    };
    let stand = Stand::start(routes, |api| api.cors = Some(cors)).await;
    let origin = ("origin", "https://game.example");
    let asked = [origin, ("access-control-request-method", "GET")];
    let preflight = stand.send("OPTIONS", "/", &asked, Vec::new()).await;
    assert_eq!((preflight.status, preflight.body.len()), (204, 0), "without a signature");
    assert_eq!(preflight.headers["access-control-allow-origin"], "https://game.example");
    assert_eq!(preflight.headers["access-control-allow-methods"], "GET");
    let refused = stand.send("GET", "/", &[origin], Vec::new()).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.headers["access-control-allow-origin"], "https://game.example");
    assert_eq!(stand.send("OPTIONS", "/", &[origin], Vec::new()).await.status, 404, "no preflight");
    stand.stop().await;
}

#[tokio::test]
async fn the_access_log_tells_of_a_request_what_may_be_told() {
    let mut routes = vec![route("POST /echo/{name}", "echo")];
    routes[0].authorizer = Authorizer::Iam;
    let stand = Stand::start(routes, |_| ()).await;
    let answer = stand.signed("POST", "/echo/a%20b?token=secret", b"secret").await;
    stand.post("/echo/c", "secret").await;
    let accesses = stand.gateway.accesses();
    let [access, refused] = &accesses[..] else { panic!("{accesses:?}") };
    assert_eq!(access.request_id, answer.headers["apigw-requestid"].to_str().unwrap());
    assert_eq!((access.method.as_str(), access.path.as_str(), access.status), ("POST", "/echo/a b", 200));
    assert_eq!(access.route_key.as_deref(), Some("POST /echo/{name}"));
    assert_eq!(access.caller.as_deref(), Some("arn:aws:iam::123456789012:user/tester"));
    assert_eq!((access.error.as_deref(), access.response_bytes), (None, answer.body.len()));
    assert!(access.integration_millis.unwrap() <= access.response_millis);
    assert_eq!((refused.status, refused.caller.as_deref()), (403, None));
    assert_eq!(refused.error.as_deref(), Some("Missing Authentication Token"));
    assert_eq!(refused.integration_millis, None);
    assert!(!format!("{accesses:?}").contains("secret"), "neither query nor body");
    stand.stop().await;
}

#[tokio::test]
async fn what_is_declared_wrongly_is_refused_at_once() {
    let new = |routes: Vec<Route>| {
        let (lambda, wire, _folder) = testkit::behind();
        Gateway::new(Api { routes, ..Api::default() }, 1, lambda, wire).map(drop)
    };
    assert_eq!(
        new(vec![route("GET /a", "echo"), route("GET /b", "echo"), route("$default", "echo")]),
        Ok(())
    );
    let not_there = ApiError::FunctionNotFound { route_key: "GET /a".into(), function: "none".into() };
    assert_eq!(new(vec![route("GET /a", "none")]), Err(not_there));
    let twice = vec![route("GET /{a}", "echo"), route("GET /{b}", "echo")];
    assert_eq!(new(twice), Err(ApiError::SecondRoute("GET /{b}".into())));
    let nonsense = new(vec![route("FETCH /a", "echo")]).unwrap_err();
    let expected =
        ApiError::RouteKey { route_key: "FETCH /a".into(), source: RouteKeyError::Method("FETCH".into()) };
    assert_eq!(nonsense, expected);
}

/// What comes through the gateway is an invocation like any other.
#[tokio::test]
async fn a_client_that_hangs_up_does_not_end_the_function() {
    let stand = Stand::start(vec![route("GET /slow", "sleeps")], |_| ()).await;
    let gone = tokio::time::timeout(Duration::from_millis(100), stand.get("/slow")).await;
    assert!(gone.is_err());
    stand.lambda.idle().await;
    let outcomes: Vec<_> = stand.lambda.invocations().into_iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [lambda::Outcome::Succeeded]);
    stand.stop().await;
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
