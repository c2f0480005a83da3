//! A gateway on a free port with functions of every temper behind it, and a client that can sign.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::gateway::{Api, Authorizer, Gateway, Route};
use crate::hub::Hub;
use crate::lambda::Lambda;
use crate::lambda::test_program::{function, function_that_does, function_that_starts_by, settings};
use crate::registry::BlobStore;
use crate::wire::sigv4::{Signed, tests::authorize};
use crate::wire::{Caller, Credential, Wire};
use crate::world::{Settings, World};

pub(super) const KEY: (&str, &str) = ("AKIDEXAMPLE", "secret");

pub(super) struct Stand {
    pub(super) gateway: Gateway,
    pub(super) lambda: Lambda,
    pub(super) host: String,
    serving: JoinHandle<()>,
    _blobs_folder: tempfile::TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        super::json_of(&self.text())
    }
}

/// Everything that can be changed about a signed request before and after it is signed.
pub(super) struct Signing<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) body: &'a [u8],
    pub(super) key: (&'a str, &'a str),
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) seconds_ago: i64,
}

impl Default for Signing<'_> {
    fn default() -> Self {
        Signing {
            method: "GET",
            target: "/echo",
            body: b"",
            key: KEY,
            region: "eu-central-1",
            service: "execute-api",
            seconds_ago: 0,
        }
    }
}

pub(super) fn route(route_key: &str, function: &str) -> Route {
    Route { route_key: route_key.into(), function: function.into(), authorizer: Authorizer::None }
}

/// What a gateway needs: functions, and somebody who knows the credentials.
pub(super) fn behind() -> (Lambda, Wire, tempfile::TempDir) {
    let mut full = function("full");
    full.concurrency_limit = 0;
    let functions = vec![
        function("echo"),
        function_that_does("answers", "answer with the body"),
        function_that_does("echoes", "return the body"),
        function_that_does("measures", "measure the body"),
        function_that_does("sleeps", "sleep"),
        function_that_does("fails", "fail"),
        function_that_starts_by("dead", "exiting"),
        full,
    ];
    let (hub, _effects) = Hub::new(World::new(Settings::default(), Hub::now()));
    let credential = Credential {
        access_key_id: KEY.0.into(),
        secret_access_key: KEY.1.into(),
        caller: Caller::user("123456789012", "tester"),
    };
    let folder = tempfile::tempdir().unwrap();
    let blobs = BlobStore::new(folder.path()).unwrap();
    let wire = Wire::new(hub, vec![credential], "http://127.0.0.1:1".into(), "password".into(), blobs);
    (Lambda::start(settings(), functions), wire, folder)
}

impl Stand {
    pub(super) async fn start(routes: Vec<Route>, change: impl FnOnce(&mut Api)) -> Stand {
        let (lambda, wire, blobs_folder) = behind();
        let mut api = Api { routes, ..Api::new("test") };
        change(&mut api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = Gateway::new(api, address.port(), lambda.clone(), wire).unwrap();
        let service = gateway.router().into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Stand { gateway, lambda, host: address.to_string(), serving, _blobs_folder: blobs_folder }
    }

    pub(super) async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], Vec::new()).await
    }

    /// As JSON.
    pub(super) async fn post(&self, target: &str, body: &str) -> Answer {
        self.send("POST", target, &[("content-type", "application/json")], body.as_bytes().to_vec()).await
    }

    pub(super) async fn signed(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        let signing = Signing { method, target, body, ..Signing::default() };
        let headers = self.sign(&signing);
        self.send_with(method, target, headers, body.to_vec()).await
    }

    /// The headers of a request signed like this.
    pub(super) fn sign(&self, signing: &Signing<'_>) -> HeaderMap {
        let at = Hub::now() - Duration::from_secs(signing.seconds_ago.unsigned_abs());
        let mut headers = HeaderMap::new();
        headers.insert("host", self.host.parse().unwrap());
        headers.insert("x-amz-date", at.strftime("%Y%m%dT%H%M%SZ").to_string().parse().unwrap());
        let (path, query) = signing.target.split_once('?').unwrap_or((signing.target, ""));
        let signed = Signed { method: signing.method, path, query, headers: &headers, body: signing.body };
        let authorization = authorize(&signed, signing.key, signing.region, signing.service);
        headers.insert("authorization", authorization.parse().unwrap());
        headers
    }

    pub(super) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        self.send_with(method, target, map, body).await
    }

    pub(super) async fn send_with(
        &self,
        method: &str,
        target: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(format!("http://{}{target}", self.host));
        let mut request = request.body(Full::new(Bytes::from(body))).unwrap();
        request.headers_mut().extend(headers);
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(super) async fn stop(self) {
        self.lambda.shutdown().await;
        self.serving.abort();
    }
}
