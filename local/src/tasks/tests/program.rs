//! The program that the tests run as a task. Built as a static one by the tests, which is what a task must be.
//! Its first argument says what to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
}

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const IGNORE: usize = 1;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("exit") => std::process::exit(arguments[2].parse().unwrap()),
        Some("abort") => std::process::abort(),
        Some("serve") => serve(&arguments),
        // Deaf to what a polite stop sends.
        Some("stubborn") => {
            unsafe { signal(SIGTERM, IGNORE) };
            serve(&arguments);
        }
        Some("stops-on-interrupt-only") => {
            unsafe { signal(SIGTERM, IGNORE) };
            unsafe { signal(SIGINT, 0) };
            serve(&arguments);
        }
        // Ends, and leaves a child behind.
        Some("leaves-a-child") => {
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .arg("sleep")
                .spawn()
                .unwrap();
            println!("child {}", child.id());
        }
        Some("sleep") => std::thread::sleep(std::time::Duration::from_secs(60)),
        other => panic!("what is {other:?}?"),
    }
}

/// Answers every connection with what it knows of itself.
fn serve(arguments: &[String]) {
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    println!("listening");
    eprintln!("process {}", std::process::id());
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let mut page = format!("arguments={arguments:?}\n");
        page += &format!("folder={}\n", std::env::current_dir().unwrap().display());
        for (name, value) in std::env::vars() {
            page += &format!("{name}={value}\n");
        }
        if let Ok(metadata) = std::env::var("ECS_CONTAINER_METADATA_URI_V4") {
            page += &format!("metadata={}\n", get(&format!("{metadata}/task")));
        }
        let length = page.len();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
        );
    }
}

fn get(url: &str) -> String {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
