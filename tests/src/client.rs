//! A client of the HTTP API: requests signed by the SDK's own signer.

use std::time::{Duration, SystemTime};

use aws_sdk_ecs::config::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How the SDK signs: in headers, or in the query of a link that is good for a minute.
fn settings(location: SignatureLocation) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    settings.expires_in = (location == SignatureLocation::QueryParams).then_some(Duration::from_secs(60));
    settings
}

/// Signed for `execute-api` with this key pair.
#[allow(clippy::expect_used, reason = "a test that cannot sign can only fail")]
pub fn signed(
    request: Request<Full<Bytes>>,
    body: &[u8],
    (key, secret): (&str, &str),
    location: SignatureLocation,
) -> Request<Full<Bytes>> {
    let identity = Credentials::new(key, secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("execute-api")
        .time(SystemTime::now())
        .settings(settings(location))
        .build()
        .expect("parameters to sign with");
    let mut request = request;
    let uri = request.uri().to_string();
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::Bytes(body))
        .expect("a request to sign");
    let (instructions, _) = sign(signable, &SigningParams::V4(params)).expect("a signature").into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
}

/// With a JSON body, or an empty one.
#[allow(clippy::expect_used, reason = "as above")]
pub fn request(method: &str, url: &str, body: &[u8]) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(url).header("content-type", "application/json");
    request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request")
}

/// Status and body; `null` where it is no JSON.
#[allow(clippy::expect_used, reason = "as above")]
pub async fn send(request: Request<Full<Bytes>>) -> (u16, Value) {
    let response =
        Client::builder(TokioExecutor::new()).build_http().request(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("its body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}
