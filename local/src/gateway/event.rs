//! The event of a request: payload format 2.0 of HTTP APIs.
//!
//! What only measurements on AWS tell is done as measured: the path comes decoded, the query as it was sent; a body is
//! text only with one of a few content types, and base64 with any other or none, forms included. Different by nature:
//! the scheme is http, and `domainName` is the name that the API would have on AWS, while `headers.host` is where it
//! was reached. An account here belongs to no organization, so `principalOrgId` is null.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::route::Parameters;
use crate::lambda::ids;
use crate::wire::Signer;
use crate::wire::encoding::percent_decode;

/// Between two neighbours only, never passed on.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What every event of an API has in common.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) account: String,
    pub(super) api_id: String,
    pub(super) region: String,
    pub(super) port: u16,
}

/// A request that has come in whole and found its route.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) source_ip: IpAddr,
    pub(super) request_id: &'a str,
    pub(super) at: Timestamp,
    pub(super) route_key: &'a str,
    pub(super) parameters: Parameters,
    /// Whom the route's authorizer found; none where the route has no authorizer.
    pub(super) signer: Option<Signer>,
}

/// The path as it is routed and as a function gets it.
pub(super) fn decoded_path(parts: &Parts) -> String {
    lossy(&percent_decode(parts.uri.path().as_bytes()))
}

/// `content_type; charset=…` of text, as API Gateway sees it.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"].contains(&essence.as_str())
}

impl Stage {
    pub(super) fn event(&self, incoming: Incoming<'_>) -> Value {
        let parts = incoming.parts;
        let query = parts.uri.query().unwrap_or_default();
        let mut event = Map::new();
        event.insert("version".into(), "2.0".into());
        event.insert("routeKey".into(), incoming.route_key.into());
        event.insert("rawPath".into(), decoded_path(parts).into());
        event.insert("rawQueryString".into(), query.into());
        let cookies = cookies(&parts.headers);
        if !cookies.is_empty() {
            event.insert("cookies".into(), cookies.into());
        }
        event.insert("headers".into(), json!(self.headers(&incoming)));
        let query = query_parameters(query);
        if !query.is_empty() {
            event.insert("queryStringParameters".into(), json!(query));
        }
        if !incoming.parameters.is_empty() {
            event.insert("pathParameters".into(), json!(incoming.parameters));
        }
        event.insert("requestContext".into(), self.request_context(&incoming));
        let (body, is_base64) = body(&parts.headers, incoming.body);
        if let Some(body) = body {
            event.insert("body".into(), body.into());
        }
        event.insert("isBase64Encoded".into(), is_base64.into());
        Value::Object(event)
    }

    fn headers(&self, incoming: &Incoming<'_>) -> BTreeMap<String, String> {
        let mut headers = joined(&incoming.parts.headers);
        let source = incoming.source_ip.to_string();
        let hops = match headers.get("x-forwarded-for") {
            Some(given) => format!("{given}, {source}"),
            None => source,
        };
        let mut set = |name: &str, value: String| headers.insert(name.to_owned(), value);
        set("x-forwarded-for", hops);
        set("x-forwarded-port", self.port.to_string());
        set("x-forwarded-proto", "http".to_owned());
        set(CONTENT_LENGTH.as_str(), incoming.body.len().to_string());
        headers
            .entry("x-amzn-trace-id".to_owned())
            .or_insert_with(|| format!("Root=1-{:08x}-{}", incoming.at.as_second(), ids::hex(24)));
        headers
    }

    fn request_context(&self, incoming: &Incoming<'_>) -> Value {
        let parts = incoming.parts;
        let mut context = json!({
            "accountId": self.account,
            "apiId": self.api_id,
            "domainName": format!("{}.execute-api.{}.amazonaws.com", self.api_id, self.region),
            "domainPrefix": self.api_id,
            "http": {
                "method": parts.method.as_str(),
                "path": decoded_path(parts),
                "protocol": format!("{:?}", parts.version),
                "sourceIp": incoming.source_ip.to_string(),
                "userAgent": parts.headers.get(USER_AGENT).map(text).unwrap_or_default(),
            },
            "requestId": incoming.request_id,
            "routeKey": incoming.route_key,
            "stage": "$default",
            "time": incoming.at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": incoming.at.as_millisecond(),
        });
        if let Some(signer) = &incoming.signer {
            context["authorizer"] = json!({ "iam": {
                "accessKey": signer.access_key_id,
                "accountId": self.account,
                "callerId": signer.caller.user_id,
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": signer.caller.arn,
                "userId": signer.caller.user_id,
            }});
        }
        context
    }
}

/// Names in lower case, several values of one joined by commas; cookies have a place of their own.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_passed_on(name)) {
        append(&mut joined, name.as_str().to_owned(), &text(value));
    }
    joined
}

fn is_passed_on(name: &HeaderName) -> bool {
    *name != COOKIE && !HOP_BY_HOP.contains(&name.as_str())
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all: Vec<String> = headers.get_all(COOKIE).iter().map(text).collect();
    let each = all.iter().flat_map(|header| header.split(';')).map(str::trim);
    each.filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
}

/// Decoded, several values of one joined by commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        append(&mut parameters, decoded(name), &decoded(value));
    }
    parameters
}

fn append(map: &mut BTreeMap<String, String>, name: String, value: &str) {
    map.entry(name)
        .and_modify(|earlier| {
            earlier.push(',');
            earlier.push_str(value);
        })
        .or_insert_with(|| value.to_owned());
}

fn body(headers: &HeaderMap, body: &[u8]) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(headers) => (Some(text.to_owned()), false),
        // Also what is said to be text but is not UTF-8: JSON could not hold it otherwise.
        _ => (Some(STANDARD.encode(body)), true),
    }
}

fn decoded(escaped: &str) -> String {
    lossy(&percent_decode(escaped.replace('+', " ").as_bytes()))
}

fn text(value: &HeaderValue) -> String {
    lossy(value.as_bytes())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
