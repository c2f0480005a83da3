//! Questions as they go out and answers as they come, over a socket of this machine.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use pushboat::checklist::{NotKnown, image};

use pushboat::checklist::secrets::Found;

use super::super::account::Account;
use super::super::ask::encoded;
use crate::local::Addresses;

type Questions = Arc<Mutex<Vec<String>>>;

/// Answers each question with the next text, and keeps what was asked. All of it at one moment of AWS's.
fn aws(answers: &[(u16, &str)], date: &'static str) -> (Account, Questions) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut answers: VecDeque<(u16, String)> =
        answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    let questions = Questions::default();
    let kept = Arc::clone(&questions);
    std::thread::spawn(move || {
        while let Some((status, body)) = answers.pop_front() {
            let (stream, _) = listener.accept().unwrap();
            kept.lock().unwrap().push(question(&stream));
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} -\r\ndate: {date}\r\ncontent-length: {length}\r\nconnection: close"
            );
            (&stream).write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    let place: Addresses = serde_json::from_value(serde_json::json!({
        "process_id": 1, "game": "g", "aws": url, "registry": "r", "api": "b", "control": "c",
        "region": "eu-central-1", "account": "123456789012", "access_key_id": "k", "secret_access_key": "s",
        "registry_password": "p",
    }))
    .unwrap();
    (Account::at(place, false).unwrap(), questions)
}

fn question(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

const DATE: &str = "Tue, 01 Apr 2031 10:20:40 GMT";

#[tokio::test]
async fn an_empty_page_of_parameters_is_not_their_end() {
    let empty = (200, r#"{"Parameters": [], "NextToken": "more"}"#);
    let found = (200, r#"{"Parameters": [{"Name": "/shop/cart"}]}"#);
    let (account, questions) = aws(&[empty, empty, found], DATE);
    assert!(matches!(account.parameter("/shop/cart").await, Ok(Found::There { .. })));
    let asked = questions.lock().unwrap().clone();
    assert!(!asked[0].contains("NextToken") && asked[2].contains(r#""NextToken":"more""#), "{asked:?}");

    let (account, _) = aws(&[empty, (200, r#"{"Parameters": []}"#)], DATE);
    assert_eq!(account.parameter("/shop/cart").await, Ok(Found::Missing));
    // Pages without an end tell nothing.
    let (account, _) = aws(&[empty; 200], DATE);
    let Err(NotKnown(why)) = account.parameter("/shop/cart").await else { panic!("it is known") };
    assert!(why.starts_with("DescribeParameters: "), "{why}");
}

#[tokio::test]
async fn now_is_when_aws_answers() {
    let stack = "<R><DescribeStacksResult><Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus>\
                 <CreationTime>2031-04-01T10:00:00Z</CreationTime></member></Stacks></DescribeStacksResult></R>";
    let sum = "<R><GetMetricStatisticsResult><Datapoints><member><Sum>3.0</Sum></member></Datapoints>\
               </GetMetricStatisticsResult></R>";
    let (account, questions) = aws(&[(200, stack), (200, "<R/>"), (200, sum), (200, sum)], DATE);
    assert!(account.ran("sweep", 300).await.is_err(), "nobody has said what time it is");
    let (stack, _) = account.stack("pushboat").await.unwrap().unwrap();
    assert_eq!(stack.age_seconds, Some(20 * 60 + 40));
    assert_eq!(account.ran("sweep", 300).await.unwrap().invocations, 3.0);
    let asked = questions.lock().unwrap().clone();
    for (member, moment) in [("StartTime", "2031-04-01T10:15:00Z"), ("EndTime", "2031-04-01T10:21:00Z")] {
        let said = format!("&{member}={}", encoded(moment));
        assert!(asked[2].contains(&said), "{}", asked[2]);
    }
}

#[tokio::test]
async fn an_image_of_another_region_or_account_is_elsewhere() {
    let none = r#"{"__type": "RepositoryNotFoundException", "message": "no such repository"}"#;
    for (host, is_here) in [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", true),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com", false),
        ("999999999999.dkr.ecr.eu-central-1.amazonaws.com", false),
    ] {
        let (mut account, _) = aws(&[(400, none)], DATE);
        account.id = "123456789012".to_owned();
        let found = account.image("app", &format!("{host}/cart:v1")).await.found;
        assert!(
            matches!(
                (&found, is_here),
                (image::Found::NoRepository, true) | (image::Found::Elsewhere, false)
            ),
            "{host}: {found:?}"
        );
    }
}
