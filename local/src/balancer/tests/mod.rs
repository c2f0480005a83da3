//! The load balancer between real sockets.

mod listeners;
mod testkit;

use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::routing::{any, get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::world::elb::TargetState;
use testkit::{
    DRAINING, Desk, Server, balancer, client, closed_port, fetch, raw_server, saying, server, until,
};

#[tokio::test]
async fn without_a_target_it_answers_503_as_an_alb_does() {
    let balancer = balancer(&Desk::new()).await;
    let (status, headers, body) = fetch(&balancer, "/").await;
    assert_eq!(status, 503);
    assert_eq!(headers["server"], "awselb/2.0");
    assert!(body.contains("<h1>503 Service Temporarily Unavailable</h1>"), "{body}");
    assert_eq!(balancer.counters().elb_503, 1);
}

#[tokio::test]
async fn a_target_that_refuses_hangs_up_or_talks_nonsense_is_502() {
    let gone = closed_port();
    let silent = raw_server(b"");
    let nonsense = raw_server(b"220 ready for mail\r\n");
    for port in [gone, silent.port, nonsense.port] {
        let desk = Desk::new();
        desk.put(port, TargetState::Healthy);
        let balancer = balancer(&desk).await;
        assert_eq!(fetch(&balancer, "/").await.0, 502);
        assert_eq!(balancer.counters().elb_502, 1);
    }
}

#[tokio::test]
async fn a_target_that_does_not_answer_in_time_is_504() {
    let slow = server(Router::new().fallback(any(std::future::pending::<()>)));
    let desk = Desk::new();
    desk.put(slow.port, TargetState::Healthy);
    let balancer = balancer(&desk).await;
    let (status, _, body) = fetch(&balancer, "/").await;
    assert_eq!(status, 504);
    assert!(body.contains("504 Gateway Time-out"), "{body}");
    until("the request is no longer in flight", || balancer.counters().targets[0].in_flight == 0).await;
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_reaches_the_client_as_broken() {
    let half = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this");
    let desk = Desk::new();
    desk.put(half.port, TargetState::Healthy);
    let balancer = balancer(&desk).await;
    let uri = format!("http://{}/", balancer.address()).parse().unwrap();
    let response = client().get(uri).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    until("the cut is counted", || balancer.counters().cut_short == 1).await;
}

#[tokio::test]
async fn only_healthy_targets_are_used_and_without_any_all_that_are_registered() {
    let (healthy, other) = (saying("healthy"), saying("other"));
    let desk = Desk::new();
    desk.put(healthy.port, TargetState::Healthy);
    desk.put(other.port, TargetState::Initial);
    let balancer = balancer(&desk).await;
    for _ in 0..6 {
        assert_eq!(fetch(&balancer, "/").await.2, "healthy");
    }
    desk.put(healthy.port, DRAINING);
    desk.put(other.port, TargetState::Unhealthy);
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..6 {
        assert_eq!(fetch(&balancer, "/").await.2, "other");
    }
    desk.put(other.port, DRAINING);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(fetch(&balancer, "/").await.0, 503);
}

#[tokio::test]
async fn the_least_busy_target_is_next_and_ties_go_to_the_least_busy_zone() {
    let table = Table::new(Duration::from_secs(1));
    let target = |zone: &str, port| RegisteredTarget {
        id: "127.0.0.1".into(),
        port,
        zone: zone.into(),
        state: TargetState::Healthy,
    };
    let targets = vec![target("a", 1), target("a", 2), target("b", 3), target("b", 4)];
    let health_check = Desk::new().table.lock().unwrap().health_check.clone();
    let now = TargetTable { health_check, targets };
    table.refresh(Some(now), |_| tokio::spawn(async {}).abort_handle());

    let held: Vec<InFlightOnPort> = (0..8).map(|_| pick(&table)).collect();
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    assert_eq!(ports[..2], [1, 3], "one in each zone first");
    let mut rounds: Vec<Vec<u16>> = ports.chunks(4).map(<[u16]>::to_vec).collect();
    rounds.iter_mut().for_each(|round| round.sort());
    assert_eq!(rounds, [[1, 2, 3, 4], [1, 2, 3, 4]]);
    drop(held);
    // Nothing in flight: in turn.
    let mut turn: Vec<u16> = (0..4).map(|_| pick(&table).0).collect();
    turn.sort();
    assert_eq!(turn, [1, 2, 3, 4]);
}

type InFlightOnPort = (u16, table::InFlight);

fn pick(table: &Table) -> InFlightOnPort {
    let in_flight = table.pick().unwrap();
    (in_flight.target().port, in_flight)
}

#[tokio::test]
async fn a_draining_target_finishes_what_it_has_and_only_then_is_idle() {
    let (release, released) = watch::channel(false);
    let slow = server(Router::new().route(
        "/slow",
        get(move || {
            let mut released = released.clone();
            async move {
                let _ = released.wait_for(|released| *released).await;
                "finished"
            }
        }),
    ));
    let fresh = saying("fresh");
    let desk = Desk::new();
    desk.put(slow.port, TargetState::Healthy);
    let balancer = Arc::new(balancer(&desk).await);
    let in_flight = tokio::spawn({
        let balancer = balancer.clone();
        async move { fetch(&balancer, "/slow").await }
    });
    until("the slow request is in flight", || balancer.counters().targets[0].in_flight == 1).await;

    desk.put(slow.port, DRAINING);
    desk.put(fresh.port, TargetState::Healthy);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(fetch(&balancer, "/slow").await.2, "fresh");
    assert!(!desk.idle(slow.port), "idle while a request is in flight");

    release.send(true).unwrap();
    let (status, _, body) = in_flight.await.unwrap();
    assert_eq!((status, body.as_str()), (StatusCode::OK, "finished"));
    until("the target is reported idle", || desk.idle(slow.port)).await;
    let idle_reports =
        desk.reports.lock().unwrap().iter().filter(|r| matches!(r, Report::TargetIdle { .. })).count();
    assert_eq!(idle_reports, 1);
}

#[tokio::test]
async fn health_checks_say_what_is_wrong() {
    let good = saying("");
    let bad = server(Router::new().route("/health", get(|| async { StatusCode::NOT_FOUND })));
    let slow = server(Router::new().fallback(any(std::future::pending::<()>)));
    let gone = closed_port();
    let desk = Desk::new();
    for port in [good.port, bad.port, slow.port, gone] {
        desk.put(port, TargetState::Initial);
    }
    let _balancer = balancer(&desk).await;
    until("every target has been probed", || {
        [good.port, bad.port, slow.port, gone].iter().all(|port| desk.first_probe(*port).is_some())
    })
    .await;
    assert_eq!(desk.first_probe(good.port), Some(Ok(())));
    assert_eq!(desk.first_probe(bad.port), Some(Err(ProbeFailure::ResponseCodeMismatch(404))));
    assert_eq!(desk.first_probe(slow.port), Some(Err(ProbeFailure::Timeout)));
    assert_eq!(desk.first_probe(gone), Some(Err(ProbeFailure::FailedHealthChecks)));
}

#[tokio::test]
async fn a_draining_target_is_not_probed_any_more() {
    let target = saying("");
    let desk = Desk::new();
    desk.put(target.port, TargetState::Initial);
    let _balancer = balancer(&desk).await;
    until("the first probe", || desk.first_probe(target.port).is_some()).await;
    desk.put(target.port, DRAINING);
    until("the target is idle", || desk.idle(target.port)).await;
    desk.reports.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(desk.first_probe(target.port), None);
}

#[tokio::test]
async fn bodies_stream_through_both_ways() {
    let echo = server(
        Router::new()
            .route("/echo", post(|request: Request<Body>| async move { Response::new(request.into_body()) })),
    );
    let desk = Desk::new();
    desk.put(echo.port, TargetState::Healthy);
    let balancer = balancer(&desk).await;

    // Half a conversation at a time over one raw connection: the first chunk must come back before the second is
    // sent, so nothing on the way may wait for the whole.
    let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nhost: game\r\ntransfer-encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let mut seen = String::new();
    for part in ["first", "other"] {
        stream.write_all(format!("5\r\n{part}\r\n").as_bytes()).await.unwrap();
        while !seen.contains(part) {
            let mut buffer = [0; 1024];
            let read = timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap().unwrap();
            assert!(read > 0, "closed after: {seen}");
            seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(seen.starts_with("HTTP/1.1 200 OK"), "{seen}");
    assert!(seen.to_lowercase().contains("transfer-encoding: chunked"), "{seen}");
}

#[tokio::test]
async fn a_long_upload_is_not_a_silent_target() {
    let echo = server(Router::new().route("/echo", post(|body: Bytes| async move { body })));
    let desk = Desk::new();
    desk.put(echo.port, TargetState::Healthy);
    let balancer = balancer(&desk).await;
    let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nhost: game\r\ncontent-length: 5\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    for byte in b"hello" {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_target_sees_the_headers_an_alb_sends() {
    let mirror = server(Router::new().fallback(any(|headers: HeaderMap| async move {
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = headers;
        response.headers_mut().remove("content-length");
        response.headers_mut().insert("keep-alive", HeaderValue::from_static("timeout=5"));
        response
    })));
    let desk = Desk::new();
    desk.put(mirror.port, TargetState::Healthy);
    let balancer = balancer(&desk).await;
    let request = Request::get(format!("http://{}/some?thing=1", balancer.address()))
        .header("host", "game.example")
        .header("connection", "x-secret")
        .header("x-secret", "1")
        .header("x-forwarded-for", "203.0.113.7")
        .body(Full::default())
        .unwrap();
    let response = client().request(request).await.unwrap();
    let seen = response.headers();
    assert_eq!(seen["host"], "game.example");
    assert_eq!(seen["x-forwarded-for"], "203.0.113.7, 127.0.0.1");
    assert_eq!(seen["x-forwarded-proto"], "http");
    assert_eq!(seen["x-forwarded-port"], balancer.address().port().to_string());
    assert!(seen["x-amzn-trace-id"].to_str().unwrap().starts_with("Root=1-"));
    assert!(!seen.contains_key("x-secret") && !seen.contains_key("keep-alive"), "{seen:?}");
}

#[tokio::test]
async fn connections_to_a_target_are_used_again() {
    let desk = Desk::new();
    let accepted = Arc::new(Mutex::new(std::collections::HashSet::new()));
    let seen = accepted.clone();
    let app = Router::new().fallback(any(
        move |axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<SocketAddr>| async move {
            seen.lock().unwrap().insert(peer.port());
        },
    ));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let target = Server::run(|listener| async move { axum::serve(listener, service).await.unwrap() });
    let port = target.port;
    // Health checks come over connections of their own; one is enough here.
    desk.table.lock().unwrap().health_check.interval_seconds = 3_600.0;
    desk.put(port, TargetState::Healthy);
    let balancer = balancer(&desk).await;
    until("the only probe has been made", || desk.first_probe(port).is_some()).await;
    accepted.lock().unwrap().clear();
    for _ in 0..10 {
        assert_eq!(fetch(&balancer, "/").await.0, 200);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(accepted.lock().unwrap().len(), 1);
}

/// The promise of a rolling deployment: targets come and go all the time, each is stopped the moment it is idle,
/// and not one request is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_targets_are_swapped_under_load() {
    let desk = Desk::new();
    let mut serving = saying("first");
    desk.put(serving.port, TargetState::Healthy);
    let balancer = Arc::new(balancer(&desk).await);
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<JoinHandle<u32>> = (0..6)
        .map(|_| {
            let (balancer, stop) = (balancer.clone(), stop.clone());
            tokio::spawn(async move {
                let client = client();
                let mut sent = 0;
                while !stop.load(Ordering::SeqCst) {
                    let uri = format!("http://{}/", balancer.address()).parse().unwrap();
                    let response = client.get(uri).await.unwrap();
                    assert_eq!(response.status(), 200);
                    response.into_body().collect().await.unwrap();
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    for _ in 0..15 {
        let next = saying("next");
        desk.put(next.port, TargetState::Healthy);
        desk.put(serving.port, DRAINING);
        let port = serving.port;
        until("the old target is idle", || desk.idle(port)).await;
        // The old one is dropped: stopped.
        serving = next;
        desk.remove(port);
        desk.reports.lock().unwrap().clear();
    }
    stop.store(true, Ordering::SeqCst);
    let mut sent = 0;
    for sender in load {
        sent += sender.await.unwrap();
    }
    let counters = balancer.counters();
    assert!(sent > 300, "only {sent} requests");
    assert_eq!(counters.from_targets.http_2xx, u64::from(sent));
    assert_eq!((counters.elb_502, counters.elb_503, counters.elb_504, counters.cut_short), (0, 0, 0, 0));
}

#[tokio::test]
async fn shutdown_finishes_what_is_open_and_closes_the_door() {
    let slow = server(Router::new().fallback(any(|| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        "finished"
    })));
    let desk = Desk::new();
    desk.put(slow.port, TargetState::Healthy);
    let balancer = balancer(&desk).await;
    let address = balancer.address();
    let open = tokio::spawn(async move {
        let uri = format!("http://{address}/").parse().unwrap();
        let response = client().get(uri).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    balancer.shutdown().await;
    assert_eq!(open.await.unwrap(), "finished");
    assert!(TcpStream::connect(address).await.is_err());
}
