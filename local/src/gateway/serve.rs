//! The way of one request through the gateway, and the line about it in the access log.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::answer::Reply;
use super::event::{Incoming, decoded_path};
use super::{Authorizer, Gateway, Route, cors, route};
use crate::hub::Hub;
use crate::lambda::ids;
use crate::lambda::records::locked;
use crate::wire::Signer;

const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");
/// API Gateway's limit.
const LARGEST_BODY_BYTES: usize = 10 * 1024 * 1024;
/// Lambda's limit for the event of a synchronous invocation; in base64 it is reached before the gateway's own.
const LARGEST_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// One line of the access log. It has neither the query nor headers nor bodies, where secrets may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    pub at: Timestamp,
    pub request_id: String,
    pub source_ip: IpAddr,
    pub user_agent: String,
    pub method: String,
    pub path: String,
    /// None if no route matched.
    pub route_key: Option<String>,
    pub status: u16,
    pub response_bytes: usize,
    /// The ARN that an authorizer found.
    pub caller: Option<String>,
    /// Why the gateway did not answer with what the function said.
    pub error: Option<String>,
    /// From Lambda being called to its answer.
    pub integration_millis: Option<f64>,
    pub response_millis: f64,
}

/// Why there is no whole body.
enum Unread {
    TooLarge,
    Broken(String),
}

/// A reply that the gateway makes itself, and why.
struct Refused {
    status: StatusCode,
    message: &'static str,
    why: String,
}

impl Refused {
    fn new(status: StatusCode, message: &'static str, why: impl Into<String>) -> Refused {
        Refused { status, message, why: why.into() }
    }

    fn internal(why: impl Into<String>) -> Refused {
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", why)
    }

    fn unavailable(why: impl Into<String>) -> Refused {
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", why)
    }

    fn too_large(why: impl Into<String>) -> Refused {
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large", why)
    }
}

pub(super) async fn serve(
    State(gateway): State<Gateway>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let since = Instant::now();
    let (parts, body) = request.into_parts();
    let mut access = Access {
        at: Hub::now(),
        request_id: request_id(),
        source_ip: client.ip(),
        user_agent: lossy(parts.headers.get(USER_AGENT)),
        method: parts.method.to_string(),
        path: decoded_path(&parts),
        route_key: None,
        status: 0,
        response_bytes: 0,
        caller: None,
        error: None,
        integration_millis: None,
        response_millis: 0.0,
    };
    // Read whatever is decided, so that the client hears the answer while it is still sending.
    let body = read(body).await;
    let mut reply = gateway.reply(&parts, body, &mut access).await;
    if let Ok(id) = HeaderValue::from_str(&access.request_id) {
        reply.headers.insert(REQUEST_ID, id);
    }
    access.status = reply.status.as_u16();
    access.response_bytes = reply.body.len();
    access.response_millis = millis(since.elapsed());
    tracing::debug!(?access, "request");
    locked(&gateway.inner.accesses).push(access);
    reply.into_response()
}

impl Gateway {
    async fn reply(&self, parts: &Parts, body: Result<Bytes, Unread>, access: &mut Access) -> Reply {
        let routes = self.inner.routes.iter().map(|(key, route)| (key, route));
        let chosen = route::choose(routes, parts.method.as_str(), &access.path);
        if let (None, Some(cors)) = (&chosen, &self.inner.cors)
            && cors::is_preflight(&parts.method, &parts.headers)
        {
            let headers = cors.preflight(&parts.headers);
            return Reply { status: StatusCode::NO_CONTENT, headers, body: Bytes::new() };
        }
        let outcome = match chosen {
            None => Err(Refused::new(StatusCode::NOT_FOUND, "Not Found", "no route matches")),
            Some((route, parameters)) => {
                access.route_key = Some(route.route_key.clone());
                self.routed(route, parameters, parts, body, access).await
            }
        };
        let mut reply = outcome.unwrap_or_else(|refused| {
            access.error = Some(refused.why);
            Reply::message(refused.status, refused.message)
        });
        if let Some(cors) = &self.inner.cors {
            cors.decorate(&parts.headers, &mut reply.headers);
        }
        reply
    }

    async fn routed(
        &self,
        route: &Route,
        parameters: route::Parameters,
        parts: &Parts,
        body: Result<Bytes, Unread>,
        access: &mut Access,
    ) -> Result<Reply, Refused> {
        if !locked(&self.inner.bucket).take(Instant::now()) {
            return Err(Refused::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too Many Requests",
                "the stage is throttled",
            ));
        }
        let body = body.map_err(|unread| match unread {
            Unread::TooLarge => Refused::too_large(format!("a body of more than {LARGEST_BODY_BYTES} bytes")),
            Unread::Broken(error) => Refused::new(StatusCode::BAD_REQUEST, "Bad Request", error),
        })?;
        let signer = self.authorize(route, parts, &body)?;
        access.caller = signer.as_ref().map(|signer| signer.caller.arn.clone());
        let event = self.inner.stage.event(Incoming {
            parts,
            body: &body,
            source_ip: access.source_ip,
            request_id: &access.request_id,
            at: access.at,
            route_key: &route.route_key,
            parameters,
            signer,
        });
        drop(body);
        if event.to_string().len() > LARGEST_EVENT_BYTES {
            return Err(Refused::too_large(format!("an event of more than {LARGEST_EVENT_BYTES} bytes")));
        }
        let since = Instant::now();
        let answer = self.invoke(&route.function, event).await;
        access.integration_millis = Some(millis(since.elapsed()));
        Reply::of_function(answer?).map_err(|malformed| Refused::internal(malformed.to_string()))
    }

    fn authorize(&self, route: &Route, parts: &Parts, body: &[u8]) -> Result<Option<Signer>, Refused> {
        match route.authorizer {
            Authorizer::None => Ok(None),
            Authorizer::Iam => match self.inner.wire.signer(parts, body, "execute-api") {
                Ok(signer) => Ok(Some(signer)),
                // The reason is for the log: API Gateway does not tell it to strangers.
                Err(why) => Err(Refused::new(StatusCode::FORBIDDEN, "Forbidden", why)),
            },
        }
    }

    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Refused> {
        let limit = self.inner.integration_timeout;
        match timeout(limit, self.inner.lambda.invoke_sync(function, event)).await {
            Err(_) => Err(Refused::unavailable(format!("no answer in {:.3} s", limit.as_secs_f64()))),
            Ok(Err(error)) => Err(Refused::unavailable(error.to_string())),
            Ok(Ok(answer)) => match answer.error {
                Some(error) => Err(Refused::internal(error.to_string())),
                None => Ok(answer.payload),
            },
        }
    }
}

async fn read(mut body: Body) -> Result<Bytes, Unread> {
    let mut bytes = Vec::new();
    let mut is_too_large = false;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        is_too_large |= bytes.len() + data.len() > LARGEST_BODY_BYTES;
        if is_too_large {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if is_too_large { Err(Unread::TooLarge) } else { Ok(bytes.into()) }
}

/// Eleven random bytes in base64, such as `LV7fzho-PHcEJPw=`.
fn request_id() -> String {
    let digits = ids::hex(22);
    let byte = |pair: &[u8]| {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).unwrap_or_default() as u8;
        digit(0) * 16 + digit(1)
    };
    URL_SAFE.encode(digits.as_bytes().chunks_exact(2).map(byte).collect::<Vec<u8>>())
}

fn lossy(value: Option<&HeaderValue>) -> String {
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
