//! How AWS answers: JSON 1.1 for some services, XML for the query services, and in each the shape of a refusal.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::xml::Xml;
use super::{elbv2, encoding, sts};
use crate::hub::Hub;
use crate::world::Refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// JSON 1.1, with `X-Amz-Target`.
    Json,
    /// A form in, XML out.
    Query,
}

impl Protocol {
    pub(super) fn of(headers: &HeaderMap) -> Protocol {
        if headers.contains_key("x-amz-target") { Protocol::Json } else { Protocol::Query }
    }
}

/// Looks like a UUID and differs from every other of this and any earlier run.
#[derive(Debug, Clone)]
pub(super) struct RequestId(String);

impl RequestId {
    pub(super) fn new() -> RequestId {
        static START: LazyLock<i128> = LazyLock::new(|| Hub::now().as_nanosecond());
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let hash = encoding::hex(&Sha256::digest(format!("{}/{count}", *START)));
        let part = |from: usize, to: usize| &hash[from..to];
        RequestId(format!(
            "{}-{}-4{}-a{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 15),
            part(15, 18),
            part(18, 30)
        ))
    }
}

pub(super) fn json(id: &RequestId, value: &Value) -> Response {
    respond(id, StatusCode::OK, "application/x-amz-json-1.1", value.to_string())
}

pub(super) fn xml(id: &RequestId, operation: &str, namespace: &str, result: &str) -> Response {
    let mut xml = Xml::new();
    xml.root(&format!("{operation}Response"), namespace, |xml| {
        xml.verbatim(&format!("{operation}Result"), result);
        xml.within("ResponseMetadata", |xml| xml.leaf("RequestId", &id.0));
    });
    respond(id, StatusCode::OK, "text/xml", xml.finish())
}

pub(super) fn refused(protocol: Protocol, service: &str, id: &RequestId, refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match protocol {
        Protocol::Json => {
            let body = json!({"__type": refusal.code, "message": refusal.message});
            let mut response = respond(id, status, "application/x-amz-json-1.1", body.to_string());
            let code = HeaderValue::from_static(refusal.code);
            response.headers_mut().insert(ERROR_TYPE, code);
            response
        }
        Protocol::Query => respond(id, status, "text/xml", error_document(service, id, refusal)),
    }
}

fn error_document(service: &str, id: &RequestId, refusal: &Refusal) -> String {
    let namespace = if service == "sts" { sts::NAMESPACE } else { elbv2::NAMESPACE };
    let fault = if refusal.http_status < 500 { "Sender" } else { "Receiver" };
    let mut xml = Xml::new();
    xml.root("ErrorResponse", namespace, |xml| {
        xml.within("Error", |xml| {
            xml.leaf("Type", fault);
            xml.leaf("Code", refusal.code);
            xml.leaf("Message", &refusal.message);
        });
        xml.leaf("RequestId", &id.0);
    });
    xml.finish()
}

fn respond(id: &RequestId, status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
