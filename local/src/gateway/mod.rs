//! API Gateway: one HTTP API in front of functions, payload format 2.0, with IAM authorization, throttling and CORS.
//!
//! | file | subject |
//! |---|---|
//! | `api` | what an API is declared to be |
//! | `route` | route keys, and the most specific of those that match |
//! | `throttle` | the token bucket of the stage |
//! | `cors` | preflight requests and CORS headers |
//! | `event` | from a request to the event a function gets |
//! | `answer` | from a function's answer to a response |
//! | `serve` | the way of one request, and the access log |
//!
//! It knows neither the functions nor what their events mean. On AWS each API has a host name; here it has a port.
//! Not there: other stages, stage variables, custom domains, JWT and Lambda authorizers, integrations with anything
//! but functions. A signature alone opens a route with the IAM authorizer, as there are no policies here.

mod answer;
mod api;
mod cors;
mod event;
mod route;
mod serve;
#[cfg(test)]
mod tests;
mod throttle;

pub use api::{Api, ApiError, Authorizer, Cors, Route, Throttle};
pub use route::RouteKeyError;
pub use serve::Access;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::time::Instant;

use crate::lambda::Lambda;
use crate::lambda::records::{Ring, locked};
use crate::wire::Wire;
use event::Stage;
use route::RouteKey;
use throttle::TokenBucket;

const REMEMBERED_REQUESTS: usize = 1_000;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    routes: Vec<(RouteKey, Route)>,
    bucket: Mutex<TokenBucket>,
    cors: Option<Cors>,
    integration_timeout: Duration,
    lambda: Lambda,
    /// Knows the credentials.
    wire: Wire,
    accesses: Mutex<Ring<Access>>,
}

impl Gateway {
    /// `port` is where the API is served; functions are told so.
    pub fn new(api: Api, port: u16, lambda: Lambda, wire: Wire) -> Result<Gateway, ApiError> {
        let settings = lambda.settings();
        let stage = Stage {
            account: settings.account.clone(),
            api_id: api.id(),
            region: settings.region.clone(),
            port,
        };
        let routes = read_routes(api.routes, &lambda)?;
        Ok(Gateway {
            inner: Arc::new(Inner {
                stage,
                routes,
                bucket: Mutex::new(TokenBucket::full(api.throttle, Instant::now())),
                cors: api.cors,
                integration_timeout: api.integration_timeout,
                lambda,
                wire,
                accesses: Mutex::new(Ring::new(REMEMBERED_REQUESTS)),
            }),
        })
    }

    /// Must be served with the client's address as connection information.
    pub fn router(&self) -> Router {
        Router::new().fallback(serve::serve).with_state(self.clone())
    }

    /// The access log: the last 1,000 requests, oldest first.
    pub fn accesses(&self) -> Vec<Access> {
        locked(&self.inner.accesses).to_vec()
    }
}

fn read_routes(declared: Vec<Route>, lambda: &Lambda) -> Result<Vec<(RouteKey, Route)>, ApiError> {
    let mut routes: Vec<(RouteKey, Route)> = Vec::new();
    for route in declared {
        let route_key = route.route_key.clone();
        let key = RouteKey::parse(&route_key)
            .map_err(|source| ApiError::RouteKey { route_key: route_key.clone(), source })?;
        if !lambda.has_function(&route.function) {
            return Err(ApiError::FunctionNotFound { route_key, function: route.function });
        }
        if routes.iter().any(|(other, _)| other.has_shape_of(&key)) {
            return Err(ApiError::SecondRoute(route_key));
        }
        routes.push((key, route));
    }
    Ok(routes)
}
