//! Targets that a test puts up and takes away, and a table for them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::balancer::{Balancer, BalancerSettings, RegisteredTarget, TargetGroupControl, TargetTable};
use crate::world::elb::{HealthCheck, ProbeFailure, TargetState};
use crate::world::{Report, Timestamp};

pub(super) const DRAINING: TargetState = TargetState::Draining { until: Timestamp::MAX };

/// Stands where the hub stands: a table the test writes, reports the test reads.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) table: Arc<Mutex<TargetTable>>,
    pub(super) reports: Arc<Mutex<Vec<Report>>>,
}

impl Desk {
    pub(super) fn new() -> Desk {
        let health_check = HealthCheck {
            path: "/health".into(),
            interval_seconds: 0.05,
            timeout_seconds: 0.2,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            matcher: (200, 299),
        };
        let table = TargetTable { health_check, targets: Vec::new() };
        Desk { table: Arc::new(Mutex::new(table)), reports: Arc::default() }
    }

    pub(super) fn put(&self, port: u16, state: TargetState) {
        self.remove(port);
        self.table.lock().unwrap().targets.push(RegisteredTarget {
            id: "127.0.0.1".into(),
            port,
            zone: "eu-central-1a".into(),
            state,
        });
    }

    pub(super) fn remove(&self, port: u16) {
        self.table.lock().unwrap().targets.retain(|target| target.port != port);
    }

    pub(super) fn idle(&self, wanted: u16) -> bool {
        let reports = self.reports.lock().unwrap();
        reports.iter().any(|report| matches!(report, Report::TargetIdle { port, .. } if *port == wanted))
    }

    pub(super) fn first_probe(&self, wanted: u16) -> Option<Result<(), ProbeFailure>> {
        let reports = self.reports.lock().unwrap();
        reports.iter().find_map(|report| match report {
            Report::TargetProbed { port, outcome, .. } if *port == wanted => Some(outcome.clone()),
            _ => None,
        })
    }
}

impl TargetGroupControl for Desk {
    fn table(&self) -> Option<TargetTable> {
        Some(self.table.lock().unwrap().clone())
    }

    fn report(&self, report: Report) {
        self.reports.lock().unwrap().push(report);
    }
}

pub(super) async fn balancer(desk: &Desk) -> Balancer {
    let settings = BalancerSettings {
        idle_timeout: Duration::from_millis(600),
        refresh_interval: Duration::from_millis(10),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Balancer::start_with(desk.clone(), listener, "arn:tg", settings).unwrap()
}

/// A target that is there until it is dropped; then its listener and all its connections are gone at once, as those
/// of a killed process. Hence the runtime of its own.
pub(super) struct Server {
    pub(super) port: u16,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
    pub(super) fn run<F>(serve: impl FnOnce(TcpListener) -> F) -> Server
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        runtime.spawn(serve(TcpListener::from_std(listener).unwrap()));
        drop(entered);
        Server { port, runtime: Some(runtime) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) fn server(router: Router) -> Server {
    Server::run(|listener| async move { axum::serve(listener, router).await.unwrap() })
}

pub(super) fn saying(text: &'static str) -> Server {
    server(Router::new().fallback(any(move || async move { text })))
}

pub(super) fn raw_server(answer: &'static [u8]) -> Server {
    Server::run(|listener| async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    })
}

/// Where nobody listens.
pub(super) fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(super) type TestClient = Client<HttpConnector, Full<Bytes>>;

pub(super) fn client() -> TestClient {
    Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build_http()
}

pub(super) async fn fetch(balancer: &Balancer, path: &str) -> (StatusCode, HeaderMap, String) {
    let uri = format!("http://{}{path}", balancer.address()).parse().unwrap();
    let response = client().get(uri).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited five seconds for: {what}");
}
