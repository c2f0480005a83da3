use std::net::SocketAddr;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::metadata::Place;
use crate::settings::Settings;

struct Running {
    address: SocketAddr,
    stop: std::sync::mpsc::Sender<()>,
    ended: JoinHandle<Ended>,
}

async fn running(grace: Duration) -> Running {
    let settings = Settings::read(|_| None).unwrap();
    let site = Arc::new(Site::new(&settings, &Place::local(), SystemTime::now()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let wait = tokio::task::spawn_blocking(move || {
        // Both a message and a dropped sender mean "stop".
        let _ = stopped.recv();
    });
    let ended = tokio::spawn(serve(listener, site, async { drop(wait.await) }, grace));
    Running { address, stop, ended }
}

async fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn head_has_the_length_and_not_the_body() {
    let server = running(Duration::from_secs(5)).await;
    let request =
        |method: &str| format!("{method} /health?x=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = exchange(&mut stream, &request("HEAD")).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let get = exchange(&mut stream, &request("GET")).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-length: 2\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"));
    assert!(get.ends_with("\r\n\r\nok"), "{get}");
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_no_new_connection_taken() {
    let server = running(Duration::from_secs(5)).await;
    let mut under_way = TcpStream::connect(server.address).await.unwrap();
    under_way.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    // Let the server see the half request before it is told to stop.
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!server.ended.is_finished());
    let answer = exchange(&mut under_way, "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert_eq!(server.ended.await.unwrap(), Ended::Drained);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_it_up() {
    let server = running(Duration::from_secs(60)).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    drop(server.stop);
    let ended = tokio::time::timeout(Duration::from_secs(10), server.ended).await;
    assert_eq!(ended.expect("must not wait for the grace").unwrap(), Ended::Drained);
}

#[tokio::test]
async fn a_client_that_never_finishes_is_left_after_the_grace() {
    let server = running(Duration::from_millis(100)).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(server.stop);
    assert_eq!(server.ended.await.unwrap(), Ended::GraceOver);
}
