//! The payload as a request, and who sent it.
//!
//! It is read member by member from the JSON, because `ApiGatewayV2httpRequest` refuses a payload whole for one
//! member that is null or of another kind, and that would be a 500. Of the headers, only `content-type` and `idempotency-key` are looked at;
//! what the body says is `body`'s.

use serde_json::Value;

use crate::problem::Problem;

/// As much of a path as a log line or an answer repeats.
const SHORT: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Without the stage.
    pub path: String,
    /// As it was sent: percent-encoded.
    pub query: String,
    pub content_type: Option<String>,
    /// As it was sent. Only a call that starts something new each time looks at it.
    pub idempotency_key: Option<String>,
    /// As it was sent; empty where there is none.
    pub body: String,
    pub body_is_base64: bool,
    /// Whom API Gateway's authorizer let through; `None` on a route without one.
    pub caller: Option<Caller>,
    /// API Gateway's id, which the caller is told as well.
    pub id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Named(String),
    /// Somebody was let through, and this kind of authorizer did not say who.
    Nameless(&'static str),
}

impl Caller {
    pub fn as_str(&self) -> &str {
        match self {
            Caller::Named(name) => name,
            Caller::Nameless(kind) => kind,
        }
    }
}

impl Request {
    /// `None` where the payload is not of an HTTP API, format 2.0.
    pub fn read(payload: &Value) -> Option<Request> {
        let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
        let method = text("/requestContext/http/method")?;
        let path = text("/rawPath").or_else(|| text("/requestContext/http/path"))?;
        Some(Request {
            method: method.to_ascii_uppercase(),
            path: without_stage(path, text("/requestContext/stage").unwrap_or("$default")).to_owned(),
            query: text("/rawQueryString").unwrap_or_default().to_owned(),
            content_type: text("/headers/content-type").map(str::to_owned),
            idempotency_key: text("/headers/idempotency-key").map(str::to_owned),
            body: text("/body").unwrap_or_default().to_owned(),
            body_is_base64: payload.get("isBase64Encoded") == Some(&Value::Bool(true)),
            caller: caller(payload.pointer("/requestContext/authorizer")),
            id: text("/requestContext/requestId").map(str::to_owned),
        })
    }

    /// The path, cut where it is longer than any that means something.
    pub fn short_path(&self) -> String {
        self.path.chars().take(SHORT).collect()
    }
}

/// A presigned link carries its signature in the query, as `X-Amz-…`; whatever else is there is a parameter.
/// Names and values as they were sent; one without a value has an empty one.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let own = query.split('&').filter(|parameter| !parameter.is_empty() && !parameter.starts_with("X-Amz-"));
    own.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

pub(crate) fn no_parameters(query: &str) -> Result<(), Problem> {
    match parameters(query).next() {
        Some(_) => Err(Problem::BadQuery("this call has no query parameters".to_owned())),
        None => Ok(()),
    }
}

/// The value of a parameter; `None` where it is no text.
pub(crate) fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// As ECS lets clusters, services, families and containers be called. Anything else is nowhere, and AWS need not be asked.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    (1..=255).contains(&text.len()) && text.bytes().all(allowed)
}

/// The path of a stage with a name begins with that name.
fn without_stage<'a>(path: &'a str, stage: &str) -> &'a str {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Each kind of authorizer says it in its own way. A Lambda authorizer need not say who it let through.
fn caller(authorizer: Option<&Value>) -> Option<Caller> {
    let authorizer = authorizer?.as_object()?;
    let text = |pointer: &str| {
        let (kind, rest) = pointer.split_once('/')?;
        authorizer.get(kind)?.pointer(&format!("/{rest}"))?.as_str().filter(|text| !text.is_empty())
    };
    if let Some(arn) = text("iam/userArn") {
        return Some(Caller::Named(arn.to_owned()));
    }
    if let Some(subject) = text("jwt/claims/sub") {
        return Some(Caller::Named(format!("jwt:{subject}")));
    }
    // A token of a machine may have no subject; its claims are there all the same.
    if authorizer.get("jwt").and_then(|jwt| jwt.get("claims")).is_some_and(Value::is_object) {
        return Some(Caller::Nameless("jwt"));
    }
    authorizer.contains_key("lambda").then_some(Caller::Nameless("lambda"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn with(authorizer: Value) -> Option<Caller> {
        caller(Some(&authorizer))
    }

    #[test]
    fn a_caller_is_whom_the_authorizer_names() {
        let arn = "arn:aws:iam::1:user/ada";
        let named = |name: &str| Some(Caller::Named(name.to_owned()));
        assert_eq!(with(json!({"iam": {"userArn": arn}})), named(arn));
        assert_eq!(with(json!({"jwt": {"claims": {"sub": "ada"}, "scopes": null}})), named("jwt:ada"));
        assert_eq!(with(json!({"jwt": {"claims": {"client_id": "x"}}})), Some(Caller::Nameless("jwt")));
        assert_eq!(with(json!({"lambda": null})), Some(Caller::Nameless("lambda")));
    }

    #[test]
    fn an_authorizer_that_names_nobody_is_none() {
        for nobody in [
            json!(null),
            json!({}),
            json!([]),
            json!("ada"),
            json!({"iam": null}),
            json!({"iam": {"userArn": ""}}),
            json!({"iam": {"userArn": 7}}),
            json!({"jwt": {"claims": null}}),
        ] {
            assert_eq!(with(nobody.clone()), None, "{nobody}");
        }
        assert_eq!(caller(None), None);
    }

    #[test]
    fn the_stage_is_no_part_of_the_path() {
        for (path, stage, expected) in [
            ("/services", "$default", "/services"),
            ("/prod/services", "prod", "/services"),
            ("/prod", "prod", "/"),
            ("/production/services", "prod", "/production/services"),
            ("/services", "prod", "/services"),
            ("", "prod", ""),
        ] {
            assert_eq!(without_stage(path, stage), expected, "{path} {stage}");
        }
    }

    #[test]
    fn odd_members_are_as_if_they_were_not_there() {
        let payload = json!({
            "rawPath": 7,
            "rawQueryString": null,
            "headers": [],
            "body": {"reason": "x"},
            "isBase64Encoded": "true",
            "requestContext": {"http": {"method": "get", "path": "/health"}, "requestId": {}, "stage": 1},
        });
        let request = Request::read(&payload).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/health"));
        assert_eq!((request.query.as_str(), request.id), ("", None));
        assert_eq!((request.content_type, request.body.as_str(), request.body_is_base64), (None, "", false));
    }
}
