//! The HTTP API with nothing of ours at either end: requests signed by the SDK's own signer, and a function on the
//! Lambda runtime that functions ship with.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_sigv4::http_request::SignatureLocation;
use lambda_runtime::{LambdaEvent, service_fn};
use pushboat_local::gateway::{Api, Authorizer, Route};
use pushboat_local::lambda::Function;
use pushboat_local::place::Deployed;
use pushboat_tests::client::{request, send, signed};
use pushboat_tests::wire::{KEY, SECRET, Stand};
use pushboat_tests::{Wishes, place};
use serde_json::{Value, json};

/// The function behind the API: this executable again, as the one test of it that is not one.
#[test]
#[ignore = "not a test: the program that the function runs"]
fn play() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = async |event: LambdaEvent<Value>| Ok::<_, lambda_runtime::Error>(event.payload);
    runtime.block_on(lambda_runtime::run(service_fn(told))).unwrap();
}

async fn stand() -> Stand {
    let mut function = Function::new("echo", std::env::current_exe().unwrap());
    function.arguments = ["play", "--exact", "--ignored", "--nocapture"].map(String::from).to_vec();
    let route = Route {
        route_key: "ANY /services/{proxy+}".into(),
        function: "echo".into(),
        authorizer: Authorizer::Iam,
    };
    let api = Api { routes: vec![route], ..Api::new("test") };
    Stand::start_with(|_| Deployed { functions: vec![function], api, ..Deployed::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sdk_signs_is_let_in_and_only_that() {
    let stand = stand().await;
    let url = format!("http://{}/services/pushboat/g%C3%BC%20t?b=2%2F&a=1", stand.place.endpoints().api);
    let forbidden = (403, json!({ "message": "Forbidden" }));
    for (location, body) in
        [(SignatureLocation::Headers, &br#"{"n":1}"#[..]), (SignatureLocation::QueryParams, &b""[..])]
    {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let (status, event) = send(signed(request(method, &url, body), body, (KEY, SECRET), location)).await;
        assert_eq!(status, 200, "{event}");
        assert_eq!(event["pathParameters"], json!({ "proxy": "pushboat/gü t" }));
        assert_eq!(event["queryStringParameters"]["b"], "2/");
        assert_eq!(event["requestContext"]["authorizer"]["iam"]["accessKey"], KEY);
        assert_eq!(event["body"].as_str().unwrap_or_default().as_bytes(), body);

        for key in [(KEY, "a guess"), ("AKIAOTHER", SECRET)] {
            assert_eq!(send(signed(request(method, &url, body), body, key, location)).await, forbidden);
        }
        let mut moved = signed(request(method, &url, body), body, (KEY, SECRET), location);
        *moved.uri_mut() = moved.uri().to_string().replace("b=2", "b=3").parse().unwrap();
        assert_eq!(send(moved).await, forbidden);
    }
    assert_eq!(send(request("GET", &url, b"")).await, forbidden);
    assert_eq!(stand.place.lambda().invocations().len(), 2, "nobody else reached the function");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_stack_is_told_to_strangers() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let before = local.place.lambda().invocations().len();
    for path in ["/health", "/services"] {
        let url = format!("{}{path}", local.addresses.api);
        assert_eq!(send(request("GET", &url, b"")).await.0, 403, "{path}");
        assert_eq!(send(request("POST", &url, b"{}")).await.0, 404, "{path} is only read");
    }
    let hold = format!("{}/services/pushboat/game-2048/hold", local.addresses.api);
    for method in ["POST", "DELETE"] {
        assert_eq!(send(request(method, &hold, b"{}")).await.0, 403, "{method}");
    }
    assert_eq!(local.place.lambda().invocations().len(), before);
    let (_, seen) = send(request("GET", &format!("{}requests", local.addresses.control), b"")).await;
    let seen: Vec<(&Value, &Value)> =
        seen.as_array().unwrap().iter().map(|it| (&it["routeKey"], &it["status"])).collect();
    let (health, services) = (json!("GET /health"), json!("GET /services"));
    assert_eq!(
        seen[..4],
        [
            (&health, &json!(403)),
            (&Value::Null, &json!(404)),
            (&services, &json!(403)),
            (&Value::Null, &json!(404))
        ]
    );
    local.shutdown().await;
}
