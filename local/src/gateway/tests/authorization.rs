//! The IAM authorizer: what a signature opens, and everything that it does not.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::testkit::{Answer, KEY, Signing, Stand, route};
use crate::gateway::Authorizer;
use crate::hub::Hub;

async fn guarded() -> Stand {
    let mut routes =
        vec![route("ANY /echo", "echo"), route("ANY /echo/{rest+}", "echo"), route("GET /open", "echo")];
    for route in &mut routes[..2] {
        route.authorizer = Authorizer::Iam;
    }
    Stand::start(routes, |_| ()).await
}

fn assert_forbidden(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.json()), (403, json!({ "message": "Forbidden" })), "{what}");
}

#[tokio::test]
async fn a_good_signature_says_who_calls() {
    let stand = guarded().await;
    let answer = stand.signed("POST", "/echo/a%20b/%C3%BC?b=2&a=1%2F&a", br#"{"n":1}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let event = answer.json();
    let expected = json!({ "iam": {
        "accessKey": KEY.0,
        "accountId": "123456789012",
        "callerId": "tester",
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": "arn:aws:iam::123456789012:user/tester",
        "userId": "tester",
    }});
    assert_eq!(event["requestContext"]["authorizer"], expected);
    assert_eq!(event["pathParameters"], json!({ "rest": "a b/ü" }));
    let open = stand.get("/open").await.json();
    assert_eq!(open["requestContext"].get("authorizer"), None, "no authorizer, nobody known");
    stand.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_for_this_is_forbidden() {
    let stand = guarded().await;
    assert_forbidden(&stand.get("/echo").await, "unsigned");
    let good = Signing::default;
    for (what, signing) in [
        ("wrong secret", Signing { key: (KEY.0, "a guess"), ..good() }),
        ("unknown key", Signing { key: ("AKIDNOBODY", KEY.1), ..good() }),
        ("other region", Signing { region: "eu-west-1", ..good() }),
        ("other service", Signing { service: "ecs", ..good() }),
        ("stale", Signing { seconds_ago: 301, ..good() }),
    ] {
        let answer = stand.send_with("GET", "/echo", stand.sign(&signing), Vec::new()).await;
        assert_forbidden(&answer, what);
    }
    let ok = stand.send_with("GET", "/echo", stand.sign(&good()), Vec::new()).await;
    assert_eq!(ok.status, 200, "and otherwise the same is let in");
    assert_eq!(stand.lambda.invocations().len(), 1, "nobody else reached the function");
    let why: Vec<String> = stand.gateway.accesses().into_iter().filter_map(|access| access.error).collect();
    let expected = [
        "Missing Authentication Token",
        "The request signature we calculated",
        "The security token included in the request is invalid.",
        "Credential should be scoped to a valid region",
        "Credential should be scoped to correct service: 'execute-api'",
        "Signature expired",
    ];
    assert_eq!(why.len(), expected.len());
    for (why, expected) in why.iter().zip(expected) {
        assert!(why.starts_with(expected), "{why}: {expected}");
    }
    stand.stop().await;
}

#[tokio::test]
async fn any_change_on_the_way_is_forbidden() {
    let stand = guarded().await;
    let signing = Signing { method: "POST", target: "/echo/a?x=1", body: b"body", ..Signing::default() };
    let headers = stand.sign(&signing);
    let changed = |name: &'static str, value: &str| {
        let mut headers: HeaderMap = headers.clone();
        headers.insert(name, value.parse().unwrap());
        headers
    };
    let date = (Hub::now() - std::time::Duration::from_secs(1)).strftime("%Y%m%dT%H%M%SZ").to_string();
    for (what, method, target, headers, body) in [
        ("method", "PUT", "/echo/a?x=1", headers.clone(), "body"),
        ("path", "POST", "/echo/b?x=1", headers.clone(), "body"),
        ("query", "POST", "/echo/a?x=2", headers.clone(), "body"),
        ("one member more", "POST", "/echo/a?x=1&y=1", headers.clone(), "body"),
        ("body", "POST", "/echo/a?x=1", headers.clone(), "bodY"),
        ("no body", "POST", "/echo/a?x=1", headers.clone(), ""),
        ("date", "POST", "/echo/a?x=1", changed("x-amz-date", &date), "body"),
        ("a header that steers", "POST", "/echo/a?x=1", changed("x-amz-target", "ECS.DeleteService"), "body"),
        ("scheme", "POST", "/echo/a?x=1", changed("authorization", "Basic QVdTOng="), "body"),
    ] {
        let answer = stand.send_with(method, target, headers, body.into()).await;
        assert_forbidden(&answer, what);
    }
    let same = stand.send_with("POST", "/echo/a?x=1", headers, b"body".to_vec()).await;
    assert_eq!(same.status, 200);
    stand.stop().await;
}

#[tokio::test]
async fn a_route_is_hidden_before_its_authorizer_is_asked() {
    let stand = guarded().await;
    let signed = stand.signed("GET", "/elsewhere", b"").await;
    assert_eq!((signed.status, signed.json()), (404, json!({ "message": "Not Found" })));
    let event: Value = stand.signed("GET", "/open", b"").await.json();
    assert_eq!(
        event["requestContext"].get("authorizer"),
        None,
        "a signature is not looked at without an authorizer"
    );
    stand.stop().await;
}
