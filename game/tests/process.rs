//! The program as it ships: what it prints, what it refuses, how it stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn game() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_game-2048"));
    command.env_clear().env("GAME_HOST", "127.0.0.1").env("PORT", "0");
    command
}

#[test]
fn it_says_its_version() {
    let output = game().arg("--version").output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("game-2048 "));
}

#[test]
fn it_checks_its_settings_and_serves_nothing() {
    let output =
        game().arg("--check").env("GAME_VERSION", "v7").env("GAME_COLOUR", "#c2410c").output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("version v7") && said.contains("#c2410c"), "{said}");
    let output = game().arg("--check").env("GAME_COLOUR", "teal").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_argument_that_nobody_knows_ends_it_with_a_sentence() {
    for arguments in [&["serve"][..], &["--check", "--all"]] {
        let output = game().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(arguments.last().unwrap()) && message.contains("--check"), "{message}");
    }
}

#[test]
fn a_wrong_setting_ends_it_with_a_sentence() {
    let output = game().env("GAME_COLOUR", "teal").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("GAME_COLOUR") && message.contains("#2575a5"), "{message}");
}

#[test]
fn sigterm_and_sigint_end_it_cleanly() {
    for signal in ["TERM", "INT"] {
        let mut child = game().env("GAME_VERSION", "v7").stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap();

        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0; 400];
        let read = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-game-version: v7"), "{answer}");

        let told_at = Instant::now();
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "SIG{signal}");
        // The connection above is still open, and idle: no reason to wait for it.
        assert!(told_at.elapsed() < Duration::from_secs(4), "SIG{signal} took {:?}", told_at.elapsed());
    }
}
