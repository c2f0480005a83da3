//! A place to call and a client that signs as an SDK does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::hub::Hub;
use crate::registry::BlobStore;
use crate::stack::Running;
use crate::wire::sigv4::{Signed, tests::authorize};
use crate::wire::{Caller, Credential, RecordedCall, Wire, router};
use crate::world::{Effect, Settings, World};

const KEY: (&str, &str) = ("AKIDEXAMPLE", "secret");

/// A world with a wire in front of it.
pub(in crate::wire) struct Place {
    pub(in crate::wire) wire: Wire,
    pub(in crate::wire) calls: Arc<Mutex<Vec<RecordedCall>>>,
    pub(in crate::wire) host: String,
    effects: UnboundedReceiver<Effect>,
    _blobs_folder: tempfile::TempDir,
}

pub(in crate::wire) struct Answer {
    pub(in crate::wire) status: u16,
    pub(in crate::wire) headers: HeaderMap,
    pub(in crate::wire) text: String,
}

impl Answer {
    pub(in crate::wire) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(in crate::wire) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The text of the first XML element of that name; empty where there is none.
    pub(in crate::wire) fn element(&self, name: &str) -> &str {
        let tail = self.text.split_once(&format!("<{name}>"));
        let value = tail.and_then(|(_, tail)| tail.split_once(&format!("</{name}>")));
        value.map_or("", |(value, _)| value)
    }

    /// The body of an answer that must be a success.
    pub(in crate::wire) fn granted(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// Code and message of a refusal in JSON.
    pub(in crate::wire) fn refused(&self) -> (String, String) {
        assert_ne!(self.status, 200, "{}", self.text);
        let body = self.json();
        assert_eq!(body["__type"], self.header("x-amzn-errortype"));
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        (text("__type"), text("message"))
    }
}

impl Place {
    pub(in crate::wire) async fn start() -> Place {
        Place::start_with(None).await
    }

    /// With functions and rules.
    pub(in crate::wire) async fn start_with(deployed: Option<Running>) -> Place {
        let (hub, effects) = Hub::new(World::new(Settings::default(), Hub::now()));
        let credential = Credential {
            access_key_id: KEY.0.into(),
            secret_access_key: KEY.1.into(),
            caller: Caller::user("123456789012", "tester"),
        };
        let blobs_folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::new(blobs_folder.path()).unwrap();
        let mut wire =
            Wire::new(hub, vec![credential], "http://127.0.0.1:1".into(), "password".into(), blobs);
        wire.deployed = deployed;
        let calls = wire.record_calls();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let app = router(wire.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Place { wire, calls, host, effects, _blobs_folder: blobs_folder }
    }

    /// The next effects of a kind, while time goes on.
    pub(in crate::wire) async fn effects_until(
        &mut self,
        count: usize,
        wanted: impl Fn(&Effect) -> bool,
    ) -> Vec<Effect> {
        let mut found = Vec::new();
        for _ in 0..500 {
            self.wire.hub.with(|_| ());
            while let Ok(effect) = self.effects.try_recv() {
                if wanted(&effect) {
                    found.push(effect);
                }
            }
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only {} of {count} effects came: {found:?}", found.len());
    }

    pub(in crate::wire) async fn ecs(&self, operation: &str, body: &Value) -> Answer {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        self.json("ecs", &target, &body.to_string()).await
    }

    pub(in crate::wire) async fn json(&self, service: &str, target: &str, body: &str) -> Answer {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        self.signed(service, &headers, body).await
    }

    pub(in crate::wire) async fn elb(&self, form: &str) -> Answer {
        self.query("elasticloadbalancing", form).await
    }

    pub(in crate::wire) async fn query(&self, service: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.signed(service, &headers, form).await
    }

    /// Of a service that is asked by paths.
    pub(in crate::wire) async fn get(&self, service: &str, path: &str) -> Answer {
        self.signed_at("GET", path, service, &[], "").await
    }

    async fn signed(&self, service: &str, headers: &[(&'static str, &str)], body: &str) -> Answer {
        self.signed_at("POST", "/", service, headers, body).await
    }

    async fn signed_at(
        &self,
        method: &str,
        path: &str,
        service: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Answer {
        let date = Hub::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().chain(&[("host", self.host.as_str()), ("x-amz-date", &date)]) {
            map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let signed = Signed { method, path, query: "", headers: &map, body: body.as_bytes() };
        let authorization = authorize(&signed, KEY, "eu-central-1", service);
        map.insert("authorization", authorization.parse().unwrap());
        self.send_to(method, path, map, body.as_bytes().to_vec()).await
    }

    pub(in crate::wire) async fn send(&self, headers: HeaderMap, body: Vec<u8>) -> Answer {
        self.send_to("POST", "/", headers, body).await
    }

    async fn send_to(&self, method: &str, path: &str, headers: HeaderMap, body: Vec<u8>) -> Answer {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.host));
        let mut request = request.body(Full::new(Bytes::from(body))).unwrap();
        request.headers_mut().extend(headers);
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}
