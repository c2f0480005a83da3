//! Who and where this task is, from the ECS task metadata endpoint (version 4). Asked once at the start, with
//! little patience: a game that cannot say its zone is still a game.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// All attempts together. The endpoint may not answer in the first moments of a task.
const PATIENCE: Duration = Duration::from_secs(2);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);
const LARGEST_ANSWER_BYTES: usize = 256 * 1024;

/// ECS always gives an address, never a name: nothing here resolves names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    path: String,
}

impl Endpoint {
    pub(crate) fn parse(uri: &str) -> Option<Endpoint> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let address = match authority.parse::<SocketAddr>() {
            Ok(address) => address,
            Err(_) => SocketAddr::new(authority.parse::<IpAddr>().ok()?, 80),
        };
        Some(Endpoint { address, path: path.trim_end_matches('/').to_owned() })
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The task's id, without the rest of its ARN.
    pub(crate) task: String,
    pub(crate) zone: String,
}

impl Place {
    /// Not on ECS at all.
    pub(crate) fn local() -> Place {
        Place { task: "local".to_owned(), zone: "local".to_owned() }
    }

    fn unknown() -> Place {
        Place { task: "unknown".to_owned(), zone: "unknown".to_owned() }
    }
}

pub(crate) async fn read(endpoint: &Endpoint) -> Place {
    let attempts = async {
        loop {
            match ask(endpoint).await {
                Ok(place) => return place,
                Err(error) => eprintln!("game-2048: task metadata at {}: {error}", endpoint.address),
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
    };
    match tokio::time::timeout(PATIENCE, attempts).await {
        Ok(place) => place,
        Err(_) => {
            eprintln!("game-2048: no task metadata within {PATIENCE:?}, going on without");
            Place::unknown()
        }
    }
}

async fn ask(endpoint: &Endpoint) -> Result<Place, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(endpoint.address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(format!("{}/task", endpoint.path))
        .header(header::HOST, endpoint.address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("answered {}", response.status()).into());
    }
    let body = Limited::new(response.into_body(), LARGEST_ANSWER_BYTES).collect().await?;
    place_of(&serde_json::from_slice(&body.to_bytes())?).ok_or_else(|| "answer names no task".into())
}

fn place_of(task: &Value) -> Option<Place> {
    let arn = task.get("TaskARN")?.as_str()?;
    let id = arn.rsplit('/').next().filter(|id| !id.is_empty())?;
    // Absent on some platforms; the task alone is still worth showing.
    let zone = task.get("AvailabilityZone").and_then(Value::as_str);
    Some(Place { task: id.to_owned(), zone: zone.unwrap_or("unknown").to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers each connection with the next of `answers`, and hands back the request lines it saw.
    async fn endpoint_answering(answers: Vec<String>) -> (Endpoint, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/v4/abc/", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut lines = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = vec![0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                lines.push(text.lines().next().unwrap().to_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            lines
        });
        (Endpoint::parse(&uri).unwrap(), served)
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn a_task_learns_its_id_and_zone_even_at_the_second_try() {
        let task = r#"{"TaskARN":"arn:aws:ecs:eu-central-1:123456789012:task/demo/0123abcd","AvailabilityZone":"eu-central-1b","Family":"x"}"#;
        let (endpoint, served) =
            endpoint_answering(vec![answer("503 Service Unavailable", ""), answer("200 OK", task)]).await;
        let place = read(&endpoint).await;
        assert_eq!((place.task.as_str(), place.zone.as_str()), ("0123abcd", "eu-central-1b"));
        assert_eq!(served.await.unwrap(), ["GET /v4/abc/task HTTP/1.1", "GET /v4/abc/task HTTP/1.1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_never_answers_does_not_hold_the_game_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/v4/abc", listener.local_addr().unwrap());
        let before = tokio::time::Instant::now();
        assert_eq!(read(&Endpoint::parse(&uri).unwrap()).await, Place::unknown());
        assert!(before.elapsed() <= PATIENCE + Duration::from_millis(100));
    }

    #[test]
    fn only_plain_addresses_are_endpoints() {
        let fargate = Endpoint::parse("http://169.254.170.2/v4/abc-1").unwrap();
        assert_eq!(
            (fargate.address.to_string().as_str(), fargate.path.as_str()),
            ("169.254.170.2:80", "/v4/abc-1")
        );
        assert!(Endpoint::parse("http://[::1]:80").unwrap().is_loopback());
        for uri in ["", "http://", "http://example.com/v4", "https://127.0.0.1/", "127.0.0.1:80"] {
            assert_eq!(Endpoint::parse(uri), None, "{uri}");
        }
    }

    #[test]
    fn an_answer_without_a_task_is_none() {
        for text in [r#"{}"#, r#"{"TaskARN":7}"#, r#"{"TaskARN":"a/"}"#, r#"[]"#] {
            assert_eq!(place_of(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
