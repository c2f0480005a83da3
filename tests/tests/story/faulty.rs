//! The image of these runs: a program that does what its label says. Built as a static one, as an image here must be.

use std::io::{Read, Write};

fn main() {
    let label = std::env::var("GAME_LABEL").unwrap_or_default();
    println!("this is {label}");
    if label == "exits" {
        eprintln!("fatal: the table 'scores' is missing, and PORT is not {}", std::env::var("PORT").unwrap());
        eprintln!("see the manual");
        std::process::exit(1);
    }
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 1024]);
        println!("error: no answer to this");
        let _ = write!(stream, "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
}
