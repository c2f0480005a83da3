//! The body of a request as JSON: one object whose members are all known.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::request::Request;

/// Far more than any call takes.
const AT_MOST: usize = 16 * 1024;

/// No body is as good as an empty object, where nothing in it is required.
pub(crate) fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    // Three bytes are four characters of base64.
    let encoded = if request.body_is_base64 { AT_MOST.div_ceil(3) * 4 } else { AT_MOST };
    if request.body.len() > encoded {
        return Err(Problem::TooLong { at_most: AT_MOST });
    }
    let has_body = !request.body.is_empty();
    if has_body && !request.content_type.as_deref().is_some_and(is_json) {
        return Err(Problem::NotJson);
    }
    let decoded = match request.body_is_base64 {
        true => {
            STANDARD.decode(&request.body).map_err(|_| bad("the body is said to be base64 and is not"))?
        }
        false => request.body.clone().into_bytes(),
    };
    let text = String::from_utf8(decoded).map_err(|_| bad("the body is not UTF-8"))?;
    let text = if text.trim().is_empty() { "{}" } else { text.as_str() };
    // A list in the order of the members would be taken as well.
    if !text.trim_start().starts_with('{') {
        return Err(bad("the body is not a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| bad(format!("the body is not what this call takes: {error}")))
}

pub(crate) fn bad(why: impl Into<String>) -> Problem {
    Problem::BadBody(why.into())
}

/// `application/json`, and of all charsets the one that JSON has.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().is_some_and(|essence| essence == "application/json");
    let charset = |part: &String| part.strip_prefix("charset=").map(|it| it.trim_matches('"').to_owned());
    is_json && parts.filter_map(|part| charset(&part)).all(|charset| charset == "utf-8")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;

    fn sent(content_type: Option<&str>, body: &str, is_base64: bool) -> Result<Value, u16> {
        let payload = json!({
            "rawPath": "/",
            "headers": {"content-type": content_type},
            "requestContext": {"http": {"method": "POST"}},
            "body": body,
            "isBase64Encoded": is_base64,
        });
        read(&Request::read(&payload).unwrap()).map_err(|problem| problem.status())
    }

    #[test]
    fn a_body_is_an_object_in_json_or_none() {
        let json = Some("application/json");
        assert_eq!(sent(None, "", false), Ok(json!({})), "none needs no type");
        assert_eq!(sent(Some("application/x-www-form-urlencoded"), "", false), Ok(json!({})));
        assert_eq!(sent(json, " \r\n", false), Ok(json!({})));
        for content_type in
            ["application/json", "Application/JSON ; charset=\"UTF-8\"", "application/json;v=1"]
        {
            assert_eq!(
                sent(Some(content_type), " {\"n\": 1} ", false),
                Ok(json!({"n": 1})),
                "{content_type}"
            );
        }
        assert_eq!(sent(json, "eyJuIjogMX0=", true), Ok(json!({"n": 1})));
    }

    #[test]
    fn what_is_none_is_refused() {
        let json = Some("application/json");
        let long = format!("{{\"n\": \"{}\"}}", "x".repeat(AT_MOST));
        for (content_type, body, is_base64, status) in [
            (None, "{}", false, 415),
            (Some("text/plain"), "{}", false, 415),
            (Some("application/jsonp"), "{}", false, 415),
            (Some("application/json; charset=iso-8859-1"), "{}", false, 415),
            (Some("application/x-www-form-urlencoded"), "e30=", true, 415),
            (json, "[]", false, 400),
            (json, "null", false, 400),
            (json, "{", false, 400),
            (json, "{} {}", false, 400),
            (json, "{}", true, 400),
            (json, "//4=", true, 400),
            (json, long.as_str(), false, 413),
            (json, &STANDARD.encode(&long), true, 413),
        ] {
            assert_eq!(sent(content_type, body, is_base64), Err(status), "{content_type:?} {body:.9}");
        }
        let deep = "{\"n\":".repeat(2_000);
        assert_eq!(sent(json, &deep, false), Err(400));
    }
}
