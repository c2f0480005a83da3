//! What goes back, in the form that API Gateway takes.

use serde_json::{Map, Value, json};

use crate::problem::Problem;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
    /// What went wrong, for the log.
    pub(crate) problem: Option<String>,
}

impl Response {
    pub(crate) fn ok(body: Value) -> Response {
        Response::with(200, body)
    }

    /// A deployment was begun or moved, and goes on.
    pub(crate) fn accepted(body: Value) -> Response {
        Response::with(202, body)
    }

    /// Where to ask about what was begun.
    pub(crate) fn at(mut self, path: String) -> Response {
        self.headers.push(("location", path));
        self
    }

    fn with(status: u16, body: Value) -> Response {
        let headers = vec![("content-type", "application/json".to_owned())];
        Response { status, headers, body, problem: None }
    }

    /// A problem names the service that the call was about.
    pub(crate) fn about(mut self, service: &str) -> Response {
        if self.problem.is_some() {
            self.body["service"] = Value::from(service);
        }
        self
    }

    /// `without_body`: HEAD asks for everything but the body.
    pub(crate) fn payload(self, without_body: bool) -> Value {
        let mut headers: Map<String, Value> =
            self.headers.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        // What is true now may not be in a second.
        headers.insert("cache-control".to_owned(), Value::from("no-store"));
        let body = if without_body { String::new() } else { self.body.to_string() };
        json!({"statusCode": self.status, "headers": headers, "body": body, "isBase64Encoded": false})
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Response {
        let mut headers = vec![("content-type", "application/problem+json".to_owned())];
        headers.extend(problem.header());
        Response {
            status: problem.status(),
            headers,
            body: problem.document(),
            problem: Some(problem.logged()),
        }
    }
}
