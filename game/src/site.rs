//! Which answer belongs to which request. No sockets here.

use std::time::SystemTime;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::json;

use crate::clock::rfc3339_millis;
use crate::metadata::Place;
use crate::page::Page;
use crate::settings::Settings;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Everything the server can say, prepared once.
#[derive(Debug)]
pub(crate) struct Site {
    page: Page,
    about: Bytes,
    /// On every answer: who gave it, and what a browser must not do with it.
    common: HeaderMap,
}

impl Site {
    pub(crate) fn new(settings: &Settings, place: &Place, started_at: SystemTime) -> Site {
        let about = json!({
            "version": settings.version,
            "label": settings.label,
            "colour": settings.colour.to_string(),
            "task": place.task,
            "zone": place.zone,
            "started_at": rfc3339_millis(started_at),
            "placeholder": settings.placeholder,
        })
        .to_string();
        let mut common = HeaderMap::new();
        for (name, value) in [
            ("x-game-version", settings.version.as_str()),
            ("x-game-task", &place.task),
            ("x-game-zone", &place.zone),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            common.insert(HeaderName::from_static(name), header_value(value));
        }
        Site {
            page: Page::render(&about, &settings.label, settings.colour, settings.placeholder),
            about: Bytes::from(about),
            common,
        }
    }

    pub(crate) fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (content_type, body) = match path {
            "/" => (HTML, self.page.document.clone()),
            "/api/about" => (JSON, self.about.clone()),
            // Also while it shuts down: the load balancer drains before SIGTERM comes.
            "/health" => (TEXT, Bytes::from_static(b"ok")),
            _ => return self.response(StatusCode::NOT_FOUND, TEXT, Bytes::from_static(b"not found\n")),
        };
        // hyper leaves the body out of an answer to HEAD and keeps its length.
        if method != Method::GET && method != Method::HEAD {
            let refusal = Bytes::from_static(b"method not allowed\n");
            let mut response = self.response(StatusCode::METHOD_NOT_ALLOWED, TEXT, refusal);
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        let mut response = self.response(StatusCode::OK, content_type, body);
        if content_type == HTML {
            let policy = header_value(&self.page.content_security_policy);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    fn response(&self, status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = self.common.clone();
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }
}

/// A version may hold any text; in a header, what is not visible ASCII becomes `?`.
fn header_value(text: &str) -> HeaderValue {
    let visible = |character: char| {
        if character.is_ascii_graphic() || character == ' ' { character } else { '?' }
    };
    let safe: String = text.chars().map(visible).collect();
    HeaderValue::try_from(safe).unwrap_or_else(|_| HeaderValue::from_static("?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use serde_json::Value;
    use std::time::{Duration, UNIX_EPOCH};

    fn site(variables: &[(&str, &str)]) -> Site {
        let settings = Settings::read(|name| {
            let found = variables.iter().find(|(candidate, _)| *candidate == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let place = Place { task: "0123abcd".to_owned(), zone: "eu-central-1a".to_owned() };
        Site::new(&settings.unwrap(), &place, UNIX_EPOCH + Duration::from_millis(1_500))
    }

    async fn body_of(response: Response<Full<Bytes>>) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn about_says_who_answered() {
        let site = site(&[("GAME_VERSION", "v2"), ("GAME_LABEL", "Zwei ☀"), ("GAME_COLOUR", "#f80")]);
        let response = site.answer(&Method::GET, "/api/about");
        assert_eq!(response.headers()["content-type"], "application/json");
        let about: Value = serde_json::from_slice(&body_of(response).await).unwrap();
        let expected = json!({
            "version": "v2", "label": "Zwei ☀", "colour": "#ff8800", "task": "0123abcd", "zone": "eu-central-1a",
            "started_at": "1970-01-01T00:00:01.500Z", "placeholder": false
        });
        assert_eq!(about, expected);
    }

    #[test]
    fn every_answer_says_who_gave_it() {
        let site = site(&[("GAME_VERSION", "v2 ☀")]);
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/health"),
            (Method::HEAD, "/api/about"),
            (Method::POST, "/"),
            (Method::GET, "/nowhere"),
        ] {
            let response = site.answer(&method, path);
            assert_eq!(response.headers()["x-game-version"], "v2 ?", "{method} {path}");
            assert_eq!(response.headers()["x-game-task"], "0123abcd");
            assert_eq!(response.headers()["x-game-zone"], "eu-central-1a");
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
    }

    #[tokio::test]
    async fn statuses_are_those_of_http() {
        let site = site(&[]);
        assert_eq!(site.answer(&Method::GET, "/").status(), 200);
        assert_eq!(site.answer(&Method::GET, "/favicon.ico").status(), 404);
        assert_eq!(site.answer(&Method::GET, "/health/").status(), 404);
        let refused = site.answer(&Method::DELETE, "/health");
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["allow"]),
            (405, &HeaderValue::from_static("GET, HEAD"))
        );
        assert_eq!(body_of(site.answer(&Method::GET, "/health")).await, "ok");
    }

    #[test]
    fn the_page_is_guarded_and_never_kept() {
        let response = site(&[]).answer(&Method::GET, "/");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }

    #[tokio::test]
    async fn a_placeholder_says_so_in_both_places() {
        let site = site(&[("GAME_PLACEHOLDER", "1")]);
        let about: Value =
            serde_json::from_slice(&body_of(site.answer(&Method::GET, "/api/about")).await).unwrap();
        assert_eq!(about["placeholder"], true);
        let page = body_of(site.answer(&Method::GET, "/")).await;
        assert!(String::from_utf8_lossy(&page).contains("othing has been pushed yet"));
    }
}
