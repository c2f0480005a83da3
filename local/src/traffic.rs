//! Steady load on one address, and an honest account of it: requests leave at their appointed times whether or not
//! earlier ones have been answered, each is sent once, and the time an answer took counts from the appointed time.
//! It knows nothing of what serves it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::header::HeaderName;
use hyper::http::uri::InvalidUri;
use hyper::{Response, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::balancer::Histogram;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const FAILURES_REMEMBERED: usize = 10;
/// Where the game says which version of it answered.
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-game-version");

#[derive(Debug, Error)]
pub enum TrafficError {
    #[error("{url} is not an address to send requests to")]
    Address { url: String, source: InvalidUri },
    #[error("{url} names no host, or is not http")]
    NotHttp { url: String },
}

/// What was sent and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TrafficReport {
    /// Requests that have an outcome.
    pub sent: u64,
    /// No answer, none within five seconds, one that broke off, or a status outside 200 to 399.
    pub failed: u64,
    pub by_status: BTreeMap<String, u64>,
    /// At most ten, each a sentence.
    pub first_failures: Vec<String>,
    pub latency_p50_millis: f64,
    pub latency_p99_millis: f64,
    /// How often each version answered.
    pub by_version: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub struct Traffic {
    tally: Arc<Mutex<Tally>>,
    stop: watch::Sender<bool>,
    sending: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Tally {
    report: TrafficReport,
    latency: Histogram,
}

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

impl Traffic {
    /// Sends `requests_per_second` GETs to `url` over at most `connections` connections, until stopped.
    pub fn start(url: &str, requests_per_second: f64, connections: usize) -> Result<Traffic, TrafficError> {
        let uri: Uri = url.parse().map_err(|source| TrafficError::Address { url: url.to_owned(), source })?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            return Err(TrafficError::NotHttp { url: url.to_owned() });
        }
        let period = Duration::from_secs_f64(1.0 / requests_per_second.clamp(0.01, 100_000.0));
        let tally = Arc::<Mutex<Tally>>::default();
        let (stop, stopped) = watch::channel(false);
        let sending = tokio::spawn(send(uri, period, connections.max(1), tally.clone(), stopped));
        Ok(Traffic { tally, stop, sending })
    }

    /// As it stands now; requests on their way are not in it.
    pub fn snapshot(&self) -> TrafficReport {
        lock(&self.tally).report()
    }

    /// Sends no more, waits for the requests on their way (at most five seconds) and accounts for all of them.
    pub async fn stop(mut self) -> TrafficReport {
        let _ = self.stop.send(true);
        if let Err(error) = (&mut self.sending).await {
            lock(&self.tally).failed(format!("the traffic itself broke off: {error}"), None);
        }
        self.snapshot()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

impl Tally {
    fn report(&self) -> TrafficReport {
        TrafficReport {
            latency_p50_millis: self.latency.percentile_millis(50.0),
            latency_p99_millis: self.latency.percentile_millis(99.0),
            ..self.report.clone()
        }
    }

    fn answered(&mut self, number: u64, answer: &Answer, after: Duration) {
        self.latency.record(after);
        if let Some(version) = &answer.version {
            *self.report.by_version.entry(version.clone()).or_default() += 1;
        }
        if !(200..400).contains(&answer.status) {
            self.failed(format!("request {number}: status {}", answer.status), Some(answer.status));
        } else {
            self.report.sent += 1;
            *self.report.by_status.entry(answer.status.to_string()).or_default() += 1;
        }
    }

    fn failed(&mut self, failure: String, status: Option<u16>) {
        self.report.sent += 1;
        self.report.failed += 1;
        let status = status.map_or("none".to_owned(), |status| status.to_string());
        *self.report.by_status.entry(status).or_default() += 1;
        if self.report.first_failures.len() < FAILURES_REMEMBERED {
            self.report.first_failures.push(failure);
        }
    }
}

struct Answer {
    status: u16,
    version: Option<String>,
}

async fn send(
    uri: Uri,
    period: Duration,
    connections: usize,
    tally: Arc<Mutex<Tally>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(connections)
        // Before the other side gives an idle connection up, so that none is lost to bad timing.
        .pool_idle_timeout(Duration::from_secs(30))
        // A request that is quietly sent again would hide the loss of the first.
        .retry_canceled_requests(false)
        .build(connector);
    let permits = Arc::new(Semaphore::new(connections));
    let mut under_way = JoinSet::new();
    let mut schedule = interval(period);
    schedule.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut number = 0;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            appointed = schedule.tick() => {
                number += 1;
                let (client, uri) = (client.clone(), uri.clone());
                let (permits, tally) = (permits.clone(), tally.clone());
                under_way.spawn(async move {
                    send_one(number, &client, uri, &permits, appointed, &tally).await;
                });
            }
            Some(_) = under_way.join_next() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn send_one(
    number: u64,
    client: &HttpClient,
    uri: Uri,
    permits: &Semaphore,
    appointed: Instant,
    tally: &Mutex<Tally>,
) {
    let exchange = async {
        // The semaphore is never closed, so there is always a permit in the end.
        let _permit = permits.acquire().await;
        let response = client.get(uri).await.map_err(|error| with_causes(&error))?;
        read(response).await.map_err(|error| with_causes(&error))
    };
    let outcome = timeout_at(appointed + REQUEST_TIMEOUT, exchange).await;
    let mut tally = lock(tally);
    match outcome {
        Ok(Ok(answer)) => tally.answered(number, &answer, appointed.elapsed()),
        Ok(Err(error)) => tally.failed(format!("request {number}: {error}"), None),
        Err(_) => {
            let seconds = REQUEST_TIMEOUT.as_secs();
            tally.failed(format!("request {number}: no answer within {seconds} seconds"), None);
        }
    }
}

/// An answer counts once its last byte is there.
async fn read(response: Response<hyper::body::Incoming>) -> Result<Answer, hyper::Error> {
    let status = response.status().as_u16();
    let version = response.headers().get(VERSION_HEADER);
    let version = version.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(Answer { status, version })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::http::StatusCode;
    use axum::{Router, routing::get};

    use super::*;

    async fn serve(router: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    #[tokio::test]
    async fn every_request_is_accounted_for_by_status_and_version() {
        let count = Arc::new(AtomicU32::new(0));
        let router = Router::new().route(
            "/",
            get(move || {
                let fails = count.fetch_add(1, Ordering::SeqCst) % 4 == 3;
                let status = if fails { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
                async move { (status, [("x-game-version", "v1")], "hello") }
            }),
        );
        let traffic = Traffic::start(&serve(router).await, 200.0, 4).unwrap();
        while traffic.snapshot().sent < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let report = traffic.stop().await;
        assert!(report.sent >= 20);
        assert_eq!(report.failed, report.by_status["502"]);
        assert_eq!(report.sent, report.by_status["200"] + report.by_status["502"]);
        assert_eq!(report.failed, report.sent / 4);
        assert_eq!(report.by_version["v1"], report.sent);
        assert_eq!(report.first_failures.len(), usize::min(10, report.failed as usize));
        let first = &report.first_failures[0];
        assert!(first.starts_with("request ") && first.ends_with(": status 502"), "{first}");
        assert!(report.latency_p50_millis > 0.0 && report.latency_p50_millis <= report.latency_p99_millis);
    }

    #[tokio::test]
    async fn a_refused_connection_is_a_failure_that_can_be_read() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let traffic = Traffic::start(&url, 100.0, 1).unwrap();
        while traffic.snapshot().sent == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let report = traffic.stop().await;
        assert_eq!(report.sent, report.failed);
        assert_eq!(report.by_status["none"], report.sent);
        assert!(report.first_failures[0].contains("refused"), "{}", report.first_failures[0]);
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_at_once() {
        for url in ["not an address", "/path-only", "https://example.com/"] {
            assert!(Traffic::start(url, 1.0, 1).is_err(), "{url}");
        }
    }
}
