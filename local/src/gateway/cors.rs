//! CORS, answered by the gateway itself once the API has a configuration for it: preflight requests never reach a
//! function, and what a function says about CORS is replaced.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, Method};

use super::api::Cors;

const ALL: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// A browser asks whether it may send a request.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// What the answer to a preflight request says; nothing to an origin that is not allowed.
    pub(super) fn preflight(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.allow(request, &mut headers) {
            insert(&mut headers, ACCESS_CONTROL_ALLOW_METHODS, &self.allow_methods.join(","));
            insert(&mut headers, ACCESS_CONTROL_ALLOW_HEADERS, &self.allow_headers.join(","));
            if let Some(seconds) = self.max_age_seconds {
                insert(&mut headers, ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
            }
        }
        headers
    }

    /// Replaces what the function's answer says about CORS.
    pub(super) fn decorate(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        for name in ALL {
            answer.remove(name);
        }
        if self.allow(request, answer) {
            insert(answer, ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose_headers.join(","));
        }
    }

    fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) -> bool {
        let Some(origin) = request.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
        let Some(allowed) = self.allow_origins.iter().find(|allowed| admits(allowed, origin)) else {
            return false;
        };
        insert(answer, ACCESS_CONTROL_ALLOW_ORIGIN, if allowed == "*" { "*" } else { origin });
        if self.allow_credentials {
            insert(answer, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        true
    }
}

fn admits(allowed: &str, origin: &str) -> bool {
    match allowed {
        "*" => true,
        "http://*" | "https://*" => origin.starts_with(allowed.trim_end_matches('*')),
        exact => exact == origin,
    }
}

/// An empty list says nothing.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Some(value) = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn cors() -> Cors {
        Cors {
            allow_origins: vec!["https://game.example".into(), "http://*".into()],
            allow_methods: vec!["GET".into(), "POST".into()],
            allow_headers: vec!["authorization".into(), "x-amz-date".into()],
            expose_headers: vec!["date".into()],
            max_age_seconds: Some(300),
            allow_credentials: false,
        }
    }

    #[test]
    fn a_preflight_is_told_what_is_allowed() {
        let asked = headers(&[("origin", "https://game.example"), ("access-control-request-method", "GET")]);
        assert!(is_preflight(&Method::OPTIONS, &asked));
        assert!(!is_preflight(&Method::GET, &asked));
        assert!(!is_preflight(&Method::OPTIONS, &headers(&[("origin", "https://game.example")])));
        let expected = headers(&[
            ("access-control-allow-origin", "https://game.example"),
            ("access-control-allow-methods", "GET,POST"),
            ("access-control-allow-headers", "authorization,x-amz-date"),
            ("access-control-max-age", "300"),
        ]);
        assert_eq!(cors().preflight(&asked), expected);
    }

    #[test]
    fn an_origin_that_is_not_allowed_is_told_nothing() {
        for origin in ["https://game.example.evil", "https://other.example", "null"] {
            assert_eq!(cors().preflight(&headers(&[("origin", origin)])), HeaderMap::new(), "{origin}");
        }
        assert_eq!(cors().preflight(&HeaderMap::new()), HeaderMap::new());
        let any = cors().preflight(&headers(&[("origin", "http://anything.example")]));
        assert_eq!(any["access-control-allow-origin"], "http://anything.example");
    }

    #[test]
    fn what_the_function_says_is_replaced() {
        let mut answer = headers(&[("access-control-allow-origin", "*"), ("x-own", "1")]);
        cors().decorate(&headers(&[("origin", "https://game.example")]), &mut answer);
        let expected = headers(&[
            ("access-control-allow-origin", "https://game.example"),
            ("access-control-expose-headers", "date"),
            ("x-own", "1"),
        ]);
        assert_eq!(answer, expected);
        cors().decorate(&HeaderMap::new(), &mut answer);
        assert_eq!(answer, headers(&[("x-own", "1")]));
        let open = Cors { allow_origins: vec!["*".into()], allow_credentials: true, ..Cors::default() };
        let expected =
            headers(&[("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true")]);
        assert_eq!(open.preflight(&headers(&[("origin", "null")])), expected);
    }
}
