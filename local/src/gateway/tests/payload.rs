//! Payload format 2.0, against AWS's documented samples and as properties.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::testkit::{Stand, route};
use crate::gateway::event::{Incoming, Stage};
use crate::gateway::route::Parameters;
use crate::wire::{Caller, Signer};

fn stage(account: &str, api_id: &str, region: &str) -> Stage {
    Stage { account: account.into(), api_id: api_id.into(), region: region.into(), port: 443 }
}

fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target).body(()).unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    request.into_parts().0
}

fn incoming<'a>(parts: &'a Parts, body: &'a [u8], route_key: &'a str) -> Incoming<'a> {
    Incoming {
        parts,
        body,
        source_ip: IpAddr::from([192, 0, 2, 1]),
        request_id: "id",
        at: "2020-03-12T19:03:58.390Z".parse().unwrap(),
        route_key,
        parameters: Parameters::new(),
        signer: None,
    }
}

fn event(parts: &Parts, body: &[u8]) -> Value {
    stage("123456789012", "api-id", "us-east-1").event(incoming(parts, body, "$default"))
}

/// Removes what the gateway adds to the headers of every request, which the samples leave out.
fn without_own_headers(mut event: Value) -> Value {
    let headers = event["headers"].as_object_mut().unwrap();
    for name in
        ["content-length", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"]
    {
        assert!(headers.remove(name).is_some(), "{name}");
    }
    event
}

#[test]
fn the_sample_of_the_developer_guide() {
    let parts = parts(
        "POST",
        "/my/path?parameter1=value1&parameter1=value2&parameter2=value",
        &[
            ("Header1", "value1"),
            ("Header2", "value1"),
            ("header2", "value2"),
            ("cookie", "cookie1; cookie2"),
            ("content-type", "text/plain"),
            ("user-agent", "agent"),
        ],
    );
    let mut incoming = incoming(&parts, b"Hello from Lambda", "$default");
    incoming.parameters.insert("parameter1".into(), "value1".into());
    let event = stage("123456789012", "api-id", "us-east-1").event(incoming);
    let expected = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1", "cookie2"],
        "headers": {
            "header1": "value1", "header2": "value1,value2", "content-type": "text/plain", "user-agent": "agent",
        },
        "queryStringParameters": { "parameter1": "value1,value2", "parameter2": "value" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "api-id",
            "http": {
                "method": "POST", "path": "/my/path", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_584_039_838_390_i64,
        },
        "body": "Hello from Lambda",
        "pathParameters": { "parameter1": "value1" },
        "isBase64Encoded": false,
    });
    assert_eq!(without_own_headers(event), expected);
}

#[test]
fn the_sample_with_an_iam_authorizer() {
    let headers = [
        ("content-type", "application/json"),
        ("host", "aaaaaaaaaa.execute-api.us-west-2.amazonaws.com"),
        ("user-agent", "curl/8"),
    ];
    let parts = parts("POST", "/scale", &headers);
    let mut incoming = incoming(&parts, br#"{"desired":4}"#, "POST /scale");
    incoming.source_ip = IpAddr::from([1, 2, 3, 4]);
    incoming.request_id = "LV7fzho-PHcEJPw=";
    incoming.at = "2020-04-22T22:35:01.067Z".parse().unwrap();
    incoming.signer = Some(Signer {
        access_key_id: "ARIA2ZJZYVUEREEIHAKY".into(),
        caller: Caller::role("1234567890", "Admin", "session"),
    });
    let event = stage("1234567890", "aaaaaaaaaa", "us-west-2").event(incoming);
    assert_eq!(event["headers"]["x-forwarded-for"], "1.2.3.4");
    let expected = json!({
        "version": "2.0", "routeKey": "POST /scale", "rawPath": "/scale", "rawQueryString": "",
        "headers": {
            "content-type": "application/json", "host": "aaaaaaaaaa.execute-api.us-west-2.amazonaws.com",
            "user-agent": "curl/8",
        },
        "requestContext": {
            "accountId": "1234567890", "apiId": "aaaaaaaaaa",
            "domainName": "aaaaaaaaaa.execute-api.us-west-2.amazonaws.com", "domainPrefix": "aaaaaaaaaa",
            "authorizer": { "iam": {
                "accessKey": "ARIA2ZJZYVUEREEIHAKY", "accountId": "1234567890", "callerId": "Admin:session",
                "cognitoIdentity": null, "principalOrgId": null,
                "userArn": "arn:aws:sts::1234567890:assumed-role/Admin/session", "userId": "Admin:session",
            }},
            "http": {
                "method": "POST", "path": "/scale", "protocol": "HTTP/1.1", "sourceIp": "1.2.3.4",
                "userAgent": "curl/8",
            },
            "requestId": "LV7fzho-PHcEJPw=", "routeKey": "POST /scale", "stage": "$default",
            "time": "22/Apr/2020:22:35:01 +0000", "timeEpoch": 1_587_594_901_067_i64,
        },
        "body": r#"{"desired":4}"#, "isBase64Encoded": false,
    });
    assert_eq!(without_own_headers(event), expected);
}

#[test]
fn what_a_request_does_not_have_its_event_does_not_have() {
    let event = event(&parts("GET", "/", &[]), b"");
    for absent in ["cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"] {
        assert_eq!(event.get(absent), None, "{absent}");
    }
    assert_eq!(event["isBase64Encoded"], false);
    assert_eq!(event["rawQueryString"], "");
    assert_eq!(event["headers"]["content-length"], "0");
    assert_eq!(event["requestContext"]["http"]["userAgent"], "");
}

/// As measured on AWS: the content type decides, and none is not text.
#[test]
fn the_content_type_decides_what_is_text() {
    for (content_type, is_text) in [
        (Some("text/plain"), true),
        (Some("TEXT/csv; charset=utf-8"), true),
        (Some("application/json"), true),
        (Some("application/json;charset=utf-8"), true),
        (Some("application/xml"), true),
        (Some("application/javascript"), true),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("application/vnd.api+json"), false),
        (Some("application/octet-stream"), false),
        (Some("multipart/form-data; boundary=x"), false),
        (None, false),
    ] {
        let headers: Vec<_> = content_type.map(|value| ("content-type", value)).into_iter().collect();
        let event = event(&parts("POST", "/", &headers), b"a=1");
        let expected = if is_text { json!("a=1") } else { json!("YT0x") };
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&expected, &json!(!is_text)),
            "{content_type:?}"
        );
    }
    let broken = event(&parts("POST", "/", &[("content-type", "text/plain")]), b"\xff");
    assert_eq!((&broken["body"], &broken["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
}

#[test]
fn paths_come_decoded_and_queries_as_they_were_sent() {
    let event = event(&parts("GET", "/a%20b/%C3%BC%2Fc?x=%20%2B+&x=%ff&&=v&y", &[]), b"");
    assert_eq!(
        (&event["rawPath"], &event["requestContext"]["http"]["path"]),
        (&json!("/a b/ü/c"), &json!("/a b/ü/c"))
    );
    assert_eq!(event["rawQueryString"], "x=%20%2B+&x=%ff&&=v&y");
    assert_eq!(event["queryStringParameters"], json!({ "x": " + ,\u{fffd}", "": "v", "y": "" }));
}

#[test]
fn proxies_and_connections_are_seen_to() {
    let given = [
        ("connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "ftp"),
        ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678"),
    ];
    let event = event(&parts("GET", "/", &given), b"");
    let expected = json!({
        "content-length": "0",
        "x-forwarded-for": "203.0.113.7, 192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "http",
        "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
    });
    assert_eq!(event["headers"], expected);
}

/// The function gets exactly that, through a socket and a process.
#[tokio::test]
async fn a_function_gets_the_event() {
    let stand = Stand::start(vec![route("PUT /things/{id}", "echo")], |_| ()).await;
    let headers = [("content-type", "application/json"), ("x-two", "a"), ("x-two", "b"), ("cookie", "c=1")];
    let answer = stand.send("PUT", "/things/7?q=1&q=2", &headers, b"{}".to_vec()).await;
    let event = answer.json();
    assert_eq!(event["routeKey"], "PUT /things/{id}");
    assert_eq!(event["pathParameters"], json!({ "id": "7" }));
    assert_eq!(event["queryStringParameters"], json!({ "q": "1,2" }));
    assert_eq!(event["cookies"], json!(["c=1"]));
    assert_eq!(event["headers"]["x-two"], "a,b");
    assert_eq!(event["headers"]["host"], stand.host);
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    let context = &event["requestContext"];
    assert_eq!(
        (&context["http"]["method"], &context["http"]["sourceIp"]),
        (&json!("PUT"), &json!("127.0.0.1"))
    );
    assert_eq!(context["requestId"], answer.headers["apigw-requestid"].to_str().unwrap());
    stand.stop().await;
}

fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Values by name, in the order in which they came.
fn grouped(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in pairs {
        groups.entry(name.clone()).or_default().push(value);
    }
    groups.into_iter().map(|(name, values)| (name, values.join(","))).collect()
}

proptest! {
    #[test]
    fn headers_of_one_name_are_joined_in_their_order(
        given in proptest::collection::vec(("x-[A-Ca-c]{1,2}", "[ -~]{0,12}"), 0..12),
    ) {
        // HTTP takes no spaces around a value; a value on the wire has none.
        let given: Vec<(String, String)> =
            given.into_iter().map(|(name, value)| (name, value.trim().to_owned())).collect();
        let borrowed: Vec<(&str, &str)> = given.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let event = without_own_headers(event(&parts("GET", "/", &borrowed), b""));
        let lower: Vec<_> = given.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        prop_assert_eq!(&event["headers"], &json!(grouped(&lower)));
    }

    #[test]
    fn query_parameters_of_one_name_are_joined_in_their_order(
        given in proptest::collection::vec(("[a-c&=+ ü]{1,2}", "\\PC{0,8}"), 0..12),
    ) {
        let pairs: Vec<String> =
            given.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        let event = event(&parts("GET", &format!("/?{}", pairs.join("&")), &[]), b"");
        prop_assert_eq!(&event["rawQueryString"], &json!(pairs.join("&")));
        let expected = grouped(&given);
        let expected = if expected.is_empty() { Value::Null } else { json!(expected) };
        prop_assert_eq!(event.get("queryStringParameters").unwrap_or(&Value::Null), &expected);
    }

    #[test]
    fn cookies_are_told_one_by_one(
        headers in proptest::collection::vec(
            proptest::collection::vec("[a-z]{1,4}=[!-+\\--:<-~]{0,6}", 1..4),
            0..4,
        ),
    ) {
        let lines: Vec<String> = headers.iter().map(|cookies| cookies.join("; ")).collect();
        let given: Vec<(&str, &str)> = lines.iter().map(|line| ("cookie", &line[..])).collect();
        let event = event(&parts("GET", "/", &given), b"");
        let expected: Vec<String> = headers.into_iter().flatten().collect();
        let expected = if expected.is_empty() { Value::Null } else { json!(expected) };
        prop_assert_eq!(event.get("cookies").unwrap_or(&Value::Null), &expected);
        prop_assert_eq!(event["headers"].get("cookie"), None);
    }

    #[test]
    fn no_body_is_lost(body in proptest::collection::vec(any::<u8>(), 0..64), is_json in any::<bool>()) {
        let headers = if is_json { vec![("content-type", "application/json")] } else { vec![] };
        let event = event(&parts("POST", "/", &headers), &body);
        let text = event.get("body").map(|body| body.as_str().unwrap()).unwrap_or_default();
        let back = if event["isBase64Encoded"] == true { STANDARD.decode(text).unwrap() } else { text.into() };
        prop_assert_eq!(back, body);
    }
}
