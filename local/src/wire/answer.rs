//! How AWS answers: JSON 1.1 for some services, XML for the query services, CBOR for RPC v2, and in each the shape of a refusal.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, DATE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::xml::Xml;
use super::{cloudformation, cloudwatch, elbv2, encoding, lambda, sts};
use crate::hub::Hub;
use crate::world::Refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const RPC_V2_CBOR: &str = "rpc-v2-cbor";
/// The code of an error as the query protocol has it, for clients that used to speak that.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// JSON 1.1, with `X-Amz-Target`, or of Lambda with the operation in the path.
    Json,
    /// A form in, XML out.
    Query,
    /// Smithy RPC v2, with the operation in the path.
    Cbor,
}

impl Protocol {
    pub(super) fn of(parts: &Parts) -> Protocol {
        if parts.headers.get(SMITHY_PROTOCOL).is_some_and(|protocol| protocol == RPC_V2_CBOR) {
            Protocol::Cbor
        } else if parts.headers.contains_key("x-amz-target") || lambda::is_path(parts.uri.path()) {
            Protocol::Json
        } else {
            Protocol::Query
        }
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

pub(super) fn cbor(id: &RequestId, body: Vec<u8>) -> Response {
    respond_cbor(id, StatusCode::OK, body)
}

fn respond_cbor(id: &RequestId, status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = respond(id, status, "application/cbor", body);
    response.headers_mut().insert(SMITHY_PROTOCOL, HeaderValue::from_static(RPC_V2_CBOR));
    response
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
        Protocol::Cbor => {
            let shape = format!("com.amazonaws.cloudwatch#{}", cloudwatch::shape_of(refusal.code));
            let body = cloudwatch::value::Value::Map(vec![
                ("__type".to_owned(), cloudwatch::value::Value::Text(shape)),
                ("message".to_owned(), cloudwatch::value::Value::Text(refusal.message.clone())),
            ]);
            let mut response = respond_cbor(id, status, cloudwatch::cbor::write(&body));
            add_query_error(&mut response, refusal);
            response
        }
        Protocol::Json if service == super::CLOUDWATCH => {
            let body = json!({"__type": cloudwatch::shape_of(refusal.code), "message": refusal.message});
            let mut response = respond(id, status, "application/x-amz-json-1.0", body.to_string());
            add_query_error(&mut response, refusal);
            response
        }
        Protocol::Json => {
            let mut body = json!({"__type": refusal.code, "message": refusal.message});
            if !refusal.resource_ids.is_empty() {
                body["resourceIds"] = json!(refusal.resource_ids);
            }
            let mut response = respond(id, status, "application/x-amz-json-1.1", body.to_string());
            let code = HeaderValue::from_static(refusal.code);
            response.headers_mut().insert(ERROR_TYPE, code);
            response
        }
        Protocol::Query => respond(id, status, "text/xml", error_document(service, id, refusal)),
    }
}

fn add_query_error(response: &mut Response, refusal: &Refusal) {
    let fault = if refusal.http_status < 500 { "Sender" } else { "Receiver" };
    if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", refusal.code)) {
        response.headers_mut().insert(QUERY_ERROR, value);
    }
}

fn error_document(service: &str, id: &RequestId, refusal: &Refusal) -> String {
    let namespace = match service {
        "sts" => sts::NAMESPACE,
        "cloudformation" => cloudformation::NAMESPACE,
        super::CLOUDWATCH => cloudwatch::NAMESPACE,
        _ => elbv2::NAMESPACE,
    };
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

fn respond(
    id: &RequestId,
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // The time of the world: functions take theirs from it.
    let date = Hub::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        headers.insert(DATE, date);
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
