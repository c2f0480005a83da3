//! The program of the functions in tests: this test executable, run again as one of its own tests. It is a real
//! process which speaks the Runtime API over a plain socket, and does what the payload's `do` says, else
//! what its environment's `DO` says, else answers with the payload.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Function, RetryRules, Settings};

/// A function that this executable plays. Retries come at once.
pub(crate) fn function(name: &str) -> Function {
    let mut function = Function::new(name, std::env::current_exe().unwrap());
    function.arguments =
        ["lambda::test_program::play", "--exact", "--ignored", "--nocapture"].map(String::from).to_vec();
    function.environment = vec![("GREETING".into(), "hello".into())];
    function.retry = RetryRules {
        delays: vec![Duration::from_millis(1), Duration::from_millis(2)],
        ..RetryRules::default()
    };
    function
}

/// What the program does instead of polling for work.
pub(crate) fn function_that_starts_by(name: &str, what: &str) -> Function {
    let mut function = function(name);
    function.environment.push(("START_BY".into(), what.into()));
    function
}

/// What the program does with events that do not say it, such as those of a gateway.
pub(crate) fn function_that_does(name: &str, what: &str) -> Function {
    let mut function = function(name);
    function.environment.push(("DO".into(), what.into()));
    function
}

pub(crate) fn settings() -> Settings {
    Settings::new("123456789012", "eu-central-1")
}

#[test]
#[ignore = "not a test: the program that functions run in the tests of Lambda and the bus"]
fn play() {
    // Run by hand with --ignored there is no Runtime API, and nothing to play.
    let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    match std::env::var("START_BY").as_deref() {
        Ok("exiting") => std::process::exit(3),
        Ok("hanging") => sleep_for_ever(),
        Ok("failing") => {
            let error = json!({ "errorType": "Config", "errorMessage": "no bucket" });
            call(&api, "POST", "init/error", error.to_string().as_bytes());
            std::process::exit(1);
        }
        Ok("ignoring SIGTERM") => ignore_sigterm(),
        _ => {}
    }
    let mut seen = Vec::new();
    loop {
        let work = call(&api, "GET", "invocation/next", b"");
        assert_eq!(work.status, 200);
        let request_id = work.header("lambda-runtime-aws-request-id");
        seen.push(request_id.clone());
        let times_seen = seen.iter().filter(|id| **id == request_id).count();
        serve(&api, &work, &request_id, times_seen);
    }
}

fn serve(api: &str, work: &Answer, request_id: &str, times_seen: usize) {
    let payload: Value = serde_json::from_slice(&work.body).unwrap();
    let answer = |body: &[u8]| call(api, "POST", &format!("invocation/{request_id}/response"), body).status;
    let fail = |message: &str| {
        let error = json!({ "errorType": "Broken", "errorMessage": message }).to_string();
        call(api, "POST", &format!("invocation/{request_id}/error"), error.as_bytes()).status
    };
    let otherwise = std::env::var("DO").unwrap_or_else(|_| "echo".into());
    match payload["do"].as_str().unwrap_or(&otherwise) {
        "echo" => assert_eq!(answer(&work.body), 202),
        "describe" => assert_eq!(answer(describe(work).to_string().as_bytes()), 202),
        "print" => {
            println!("one decision");
            eprintln!("one complaint");
            assert_eq!(answer(b"null"), 202);
        }
        "fail" => assert_eq!(fail("as asked"), 202),
        "fail once" if times_seen == 1 => assert_eq!(fail("the first time"), 202),
        "fail once" => assert_eq!(answer(b"\"at last\""), 202),
        "crash" => {
            eprintln!("last words");
            std::process::exit(7);
        }
        "answer and exit" => {
            assert_eq!(answer(b"\"bye\""), 202);
            std::process::exit(0);
        }
        "sleep" => {
            std::thread::sleep(Duration::from_millis(payload["millis"].as_u64().unwrap_or(1_000)));
            assert_eq!(answer(b"\"rested\""), 202);
        }
        "hang" => sleep_for_ever(),
        "answer with the body" => assert_eq!(answer(payload["body"].as_str().unwrap().as_bytes()), 202),
        "return the body" => {
            let returned = json!({
                "statusCode": 200,
                "headers": { "content-type": payload["headers"]["content-type"] },
                "body": payload["body"],
                "isBase64Encoded": payload["isBase64Encoded"],
            });
            assert_eq!(answer(returned.to_string().as_bytes()), 202);
        }
        "measure the body" => {
            let length = payload["body"].as_str().unwrap().len();
            assert_eq!(answer(length.to_string().as_bytes()), 202);
        }
        "answer too much" => {
            let status = answer(&vec![b'1'; super::runtime_api::LARGEST_RESPONSE_BYTES + 1]);
            println!("refused with {status}");
        }
        "misbehave" => misbehave(api, request_id),
        other => panic!("nobody taught this program to {other}"),
    }
}

/// Breaks the protocol in every way and answers with the statuses it got.
fn misbehave(api: &str, request_id: &str) {
    let response = format!("invocation/{request_id}/response");
    let statuses = [
        call(api, "GET", "invocation/next", b"").status,
        call(api, "POST", "init/error", b"{}").status,
        call(api, "POST", "invocation/another/response", b"1").status,
        call(api, "POST", "invocation/another/error", b"{}").status,
        call(api, "GET", "unheard/of", b"").status,
    ];
    call(api, "POST", &response, json!(statuses).to_string().as_bytes());
    println!("a second answer: {}", call(api, "POST", &response, b"2").status);
}

fn describe(work: &Answer) -> Value {
    let variables: serde_json::Map<String, Value> =
        std::env::vars().map(|(name, value)| (name, value.into())).collect();
    json!({
        "pid": std::process::id(),
        "request_id": work.header("lambda-runtime-aws-request-id"),
        "deadline_millis": work.header("lambda-runtime-deadline-ms").parse::<i64>().unwrap(),
        "arn": work.header("lambda-runtime-invoked-function-arn"),
        "trace": work.header("lambda-runtime-trace-id"),
        "content_type": work.header("content-type"),
        "environment": variables,
    })
}

fn sleep_for_ever() {
    std::thread::sleep(Duration::from_secs(600));
}

fn ignore_sigterm() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut terminations =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
            println!("SIGTERM is ignored now");
            loop {
                terminations.recv().await;
                println!("SIGTERM was ignored");
            }
        });
    });
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> String {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.to_owned()).unwrap_or_default()
    }
}

/// One HTTP/1.1 exchange on a connection of its own.
fn call(api: &str, method: &str, path: &str, body: &[u8]) -> Answer {
    let mut connection = TcpStream::connect(api).unwrap();
    let head = format!(
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: answer[end + 4..].to_vec(),
    }
}
