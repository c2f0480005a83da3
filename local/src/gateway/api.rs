//! What an HTTP API is declared to be, in the words of `AWS::Serverless::HttpApi`, so that a declaration here can be
//! compared with a template.

use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::route::RouteKeyError;

/// An API without routes answers every request with 404.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    pub name: String,
    pub routes: Vec<Route>,
    /// Of the one stage, `$default`.
    pub throttle: Throttle,
    /// Without one the gateway neither answers preflight requests nor adds CORS headers.
    pub cors: Option<Cors>,
    /// How long a function may take. API Gateway allows 30 seconds at most.
    pub integration_timeout: Duration,
}

impl Api {
    /// No routes, and otherwise API Gateway's defaults.
    pub fn new(name: impl Into<String>) -> Api {
        Api {
            name: name.into(),
            routes: Vec::new(),
            throttle: Throttle::default(),
            cors: None,
            integration_timeout: Duration::from_secs(30),
        }
    }

    /// Ten letters and digits, as API Gateway's ids look; they follow from the name.
    pub fn id(&self) -> String {
        let hash = Sha256::digest(&self.name);
        hash.iter()
            .take(10)
            .map(|byte| char::from(b"abcdefghijklmnopqrstuvwxyz012345"[usize::from(byte % 32)]))
            .collect()
    }
}

impl Default for Api {
    fn default() -> Api {
        Api::new("api")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET /services/{name}`, `ANY /files/{path+}`, `$default`.
    pub route_key: String,
    /// The function's name.
    pub function: String,
    pub authorizer: Authorizer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorizer {
    None,
    /// `AWS_IAM`: the request is signed for the service `execute-api`. Policies are not looked at: whoever has a key
    /// may call.
    Iam,
}

/// `DefaultRouteSettings` of the stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    /// Requests that may come at once.
    pub burst: u32,
    /// Requests a second in the long run.
    pub rate: f64,
}

impl Default for Throttle {
    /// What an AWS account allows all its APIs together.
    fn default() -> Throttle {
        Throttle { burst: 5_000, rate: 10_000.0 }
    }
}

/// `CorsConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// Whole origins, `*`, `http://*` or `https://*`.
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    pub max_age_seconds: Option<u32>,
    pub allow_credentials: bool,
}

/// Why an API cannot be set up as declared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiError {
    #[error("route {route_key}")]
    RouteKey {
        route_key: String,
        #[source]
        source: RouteKeyError,
    },
    #[error("route {route_key}: there is no function {function}")]
    FunctionNotFound { route_key: String, function: String },
    #[error("route {0}: another route has that key already")]
    SecondRoute(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_looks_like_one_and_follows_from_the_name() {
        let id = Api::new("pushboat").id();
        assert_eq!(id.len(), 10);
        assert!(id.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()), "{id}");
        assert_eq!(id, Api::new("pushboat").id());
        assert_ne!(id, Api::new("other").id());
    }
}
