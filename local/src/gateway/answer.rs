//! From a function's answer to a response: the rules of payload format 2.0.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Which member of a function's answer is not what format 2.0 asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's answer has a wrong {0}")]
pub(super) struct Malformed(&'static str);

impl Reply {
    /// What the gateway itself says: `{"message": …}`.
    pub(super) fn message(status: StatusCode, message: &str) -> Reply {
        Reply {
            status,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, JSON)]),
            body: json!({ "message": message }).to_string().into(),
        }
    }

    /// An object with `statusCode` describes the response; any other JSON is its body.
    pub(super) fn of_function(payload: Value) -> Result<Reply, Malformed> {
        match payload {
            Value::Object(members) if members.contains_key("statusCode") => described(&members),
            other => Ok(Reply {
                status: StatusCode::OK,
                headers: HeaderMap::from_iter([(CONTENT_TYPE, JSON)]),
                body: match other {
                    Value::String(text) => text.into(),
                    json => json.to_string().into(),
                },
            }),
        }
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn described(members: &Map<String, Value>) -> Result<Reply, Malformed> {
    let member = |name: &str| members.get(name).filter(|value| !value.is_null());
    let status = status(&members["statusCode"]).ok_or(Malformed("statusCode"))?;
    let mut headers = HeaderMap::new();
    if let Some(given) = member("headers") {
        let given = given.as_object().ok_or(Malformed("headers"))?;
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            let (name, value) = header(name, value).ok_or(Malformed("headers"))?;
            headers.insert(name, value);
        }
    }
    // The length and the connection are the gateway's.
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade", CONTENT_LENGTH.as_str()] {
        headers.remove(name);
    }
    if let Some(cookies) = member("cookies") {
        for cookie in cookies.as_array().ok_or(Malformed("cookies"))? {
            let cookie = cookie.as_str().and_then(|cookie| HeaderValue::from_str(cookie).ok());
            headers.append(SET_COOKIE, cookie.ok_or(Malformed("cookies"))?);
        }
    }
    let is_base64 = match member("isBase64Encoded") {
        None => false,
        Some(value) => value.as_bool().ok_or(Malformed("isBase64Encoded"))?,
    };
    let body = match member("body") {
        None => Bytes::new(),
        Some(body) => {
            let body = body.as_str().ok_or(Malformed("body"))?;
            match is_base64 {
                true => STANDARD.decode(body).map_err(|_| Malformed("body"))?.into(),
                false => body.to_owned().into(),
            }
        }
    };
    if !body.is_empty() {
        headers.entry(CONTENT_TYPE).or_insert(TEXT);
    }
    Ok(Reply { status, headers, body })
}

/// Informational codes are not for a final response.
fn status(value: &Value) -> Option<StatusCode> {
    let code = match value {
        Value::String(text) => text.parse().ok()?,
        number => u16::try_from(number.as_u64()?).ok()?,
    };
    StatusCode::from_u16(code).ok().filter(|_| (200..=599).contains(&code))
}

/// Numbers and booleans are written out.
fn header(name: &str, value: &Value) -> Option<(HeaderName, HeaderValue)> {
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(payload: Value) -> Reply {
        Reply::of_function(payload).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn an_answer_without_a_status_code_is_the_body() {
        for (payload, body) in [
            (json!("Hello from Lambda!"), "Hello from Lambda!"),
            (json!({ "message": "Hello from Lambda!" }), r#"{"message":"Hello from Lambda!"}"#),
            (json!({ "body": "x", "headers": { "a": "b" } }), r#"{"body":"x","headers":{"a":"b"}}"#),
            (json!([1, 2]), "[1,2]"),
            (json!(null), "null"),
        ] {
            let reply = reply(payload);
            assert_eq!(reply.status, 200);
            assert_eq!(reply.headers, headers(&[("content-type", "application/json")]));
            assert_eq!(reply.body, body);
        }
    }

    #[test]
    fn an_answer_with_a_status_code_says_everything() {
        let reply = reply(json!({
            "cookies": ["a=1; Secure", "b=2"],
            "isBase64Encoded": true,
            "statusCode": 201,
            "headers": { "Content-Type": "image/png", "X-Count": 7, "x-not": null, "content-length": "999" },
            "body": "AP+A",
        }));
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (201, &[0, 0xff, 0x80][..]));
        let expected = [
            ("content-type", "image/png"),
            ("x-count", "7"),
            ("set-cookie", "a=1; Secure"),
            ("set-cookie", "b=2"),
        ];
        assert_eq!(reply.headers, headers(&expected));
    }

    #[test]
    fn what_is_not_said_is_assumed() {
        let text = reply(json!({ "statusCode": "404", "body": "no", "headers": null, "cookies": null }));
        assert_eq!((text.status.as_u16(), &text.body[..]), (404, &b"no"[..]));
        assert_eq!(text.headers, headers(&[("content-type", "text/plain;charset=UTF-8")]));
        let nothing = reply(json!({ "statusCode": 204 }));
        assert_eq!((nothing.headers, nothing.body), (HeaderMap::new(), Bytes::new()));
    }

    #[test]
    fn a_malformed_answer_is_named() {
        for (payload, member) in [
            (json!({ "statusCode": null }), "statusCode"),
            (json!({ "statusCode": "OK" }), "statusCode"),
            (json!({ "statusCode": 101 }), "statusCode"),
            (json!({ "statusCode": 200.5 }), "statusCode"),
            (json!({ "statusCode": 200, "headers": ["a"] }), "headers"),
            (json!({ "statusCode": 200, "headers": { "a": ["b"] } }), "headers"),
            (json!({ "statusCode": 200, "headers": { "a b": "c" } }), "headers"),
            (json!({ "statusCode": 200, "headers": { "a": "b\r\nc: d" } }), "headers"),
            (json!({ "statusCode": 200, "cookies": "a=1" }), "cookies"),
            (json!({ "statusCode": 200, "cookies": ["a=1\n"] }), "cookies"),
            (json!({ "statusCode": 200, "body": { "a": 1 } }), "body"),
            (json!({ "statusCode": 200, "body": "%", "isBase64Encoded": true }), "body"),
            (json!({ "statusCode": 200, "isBase64Encoded": "true" }), "isBase64Encoded"),
        ] {
            assert_eq!(Reply::of_function(payload.clone()), Err(Malformed(member)), "{payload}");
        }
    }
}
