//! The command as people and scripts run it: the real binary against a place with Pushboat in it, its output and its exit status.
//! What is typed are the examples of README.md.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checks;
mod connection;
mod one_off;
mod person;
mod plans;

use std::time::Duration;

use clap::Parser;
use pushboat_cli::args::Args;
use pushboat_cli::local::{Local, stack};
use pushboat_cli::push::{Quiet, Source};
use pushboat_tests::{Wishes, decisions, game_binary, place};

use person::Person;

const SOON: Duration = Duration::from_secs(60);

async fn settled_on(local: &Local, digest: &str) {
    let like =
        |view: &pushboat_cli::demo::view::View| view.is_settled() && view.digest.as_deref() == Some(digest);
    let waited = local.wait_until(SOON, like).await;
    waited.unwrap_or_else(|error| panic!("{error:#}\n{:#?}", decisions(local)));
    local.place.lambda().idle().await;
}

async fn push(local: &Local, version: &str) -> String {
    let digest = local.push_version(version, &Quiet).await.unwrap().digest;
    settled_on(local, &digest).await;
    digest
}

fn two_tasks() -> Wishes {
    let service_tags = [("pushboat:capacity".to_owned(), "1-4".to_owned())].into();
    Wishes { tasks: 2, service_tags, ..Wishes::default() }
}

/// The lines of README.md that begin with the command, as words.
fn examples() -> Vec<Vec<String>> {
    let lines = include_str!("../../../README.md").lines().filter(|line| line.starts_with("pushboat "));
    let words = |line: &str| {
        let line = line.split("  #").next().unwrap();
        let mut words = Vec::new();
        for (place, part) in line.split('"').enumerate() {
            match place % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    };
    lines.map(words).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_s_commands_do_what_they_say() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    let first = push(&local, "v1").await;
    let second = push(&local, "v2").await;
    let mut run = Vec::new();
    for example in examples() {
        Args::try_parse_from(&example).unwrap_or_else(|error| panic!("{example:?}: {error}"));
        let words: Vec<&str> = example[1..].iter().map(String::as_str).collect();
        let own_digits = &second["sha256:".len()..][..8];
        match words.as_slice() {
            // Until Ctrl-C, or in an account that is not here.
            ["watch", ..] | [_, "--stack" | "--url", ..] => continue,
            ["continue", ..] => {
                let said = person.told(3, &words).await;
                assert!(said.aside.contains("no deployment is under way"), "{}", said.aside);
            }
            // Its tags are these already, and nobody is there to ask.
            ["adopt", ..] => {
                let said = person.told(0, &words).await;
                assert!(said.out.contains("what is followed"), "{}", said.out);
            }
            ["rollback", ..] => {
                let said = person.told(0, &words).await;
                assert!(
                    said.out.contains("rolled_back") && said.out.contains(" COMPLETED after "),
                    "{}",
                    said.out
                );
                assert_eq!(local.view().unwrap().digest.as_deref(), Some(first.as_str()));
            }
            ["release", _digits, rest @ ..] => {
                let said = person.told(0, &[&["release", own_digits], rest].concat()).await;
                assert!(said.out.contains("lifted") && said.out.contains("released"), "{}", said.out);
                assert_eq!(local.view().unwrap().digest.as_deref(), Some(second.as_str()));
            }
            ["deploy", ..] => {
                let said = person.told(0, &words).await;
                assert!(
                    said.out.contains("released") && said.out.contains(" COMPLETED after "),
                    "{}",
                    said.out
                );
                assert_eq!(local.view().unwrap().digest.as_deref(), Some(first.as_str()));
            }
            ["run", ..] => {
                let said = person.told(0, &words).await;
                assert!(said.out.contains("the settings can be meant"), "{}", said.out);
                assert!(said.aside.contains("ended well"), "{}", said.aside);
            }
            ["resume", ..] => {
                let said = person.told(0, &words).await;
                assert!(said.out.contains("lifted") && said.out.contains("released"), "{}", said.out);
                settled_on(&local, &second).await;
            }
            _ => {
                let said = person.told(0, &words).await;
                assert!(!said.out.is_empty() || words[0] == "man", "{words:?}");
            }
        }
        run.push(words[0].to_owned());
    }
    run.dedup();
    let all = [
        "status",
        "plan",
        "history",
        "rollback",
        "release",
        "deploy",
        "hold",
        "scale",
        "run",
        "resume",
        "continue",
        "verify",
        "adopt",
        "doctor",
        "completions",
        "man",
    ];
    assert_eq!(run, all, "README.md has an example of each");
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_is_for_people_or_for_a_script() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    let said = person.told(0, &["status"]).await;
    assert!(said.out.contains("SERVICE") && said.out.contains("pushboat/game-2048"), "{}", said.out);
    assert!(said.out.lines().all(|line| line.chars().count() <= 80), "{}", said.out);
    assert!(!said.out.contains('\u{1b}') && said.aside.is_empty(), "{:?} {}", said.out, said.aside);
    let said = person.told(0, &["status", "game-2048"]).await;
    assert!(
        said.out.starts_with("pushboat/game-2048  ACTIVE") && said.out.contains("2 desired"),
        "{}",
        said.out
    );
    let whole = person.told(0, &["status", "--output", "json"]).await.json();
    assert_eq!(whole["services"][0]["capacity"]["max"], 4);
    let mut one = person.told(0, &["status", "pushboat/game-2048", "--output", "json"]).await.json();
    let now = one.as_object_mut().unwrap().remove("now").unwrap();
    assert_eq!((one, &now["dry_run"]), (whole["services"][0].clone(), &true.into()));

    let held = ["hold", "--reason", "big sale", "--for", "2h", "--output", "json"];
    assert_eq!(person.told(0, &held).await.json()["decisions"][0]["decision"], "held");
    let said = person.told(0, &["status"]).await;
    assert!(said.out.contains("held: big sale"), "{}", said.out);
    person.told(0, &["hold", "--lift"]).await;
    person.told(0, &["hold", "--cluster", "pushboat", "--reason", "moving house"]).await;
    let said = person.told(0, &["status", "game-2048"]).await;
    assert!(said.out.contains("until it is lifted by arn:aws:"), "{}", said.out);
    person.told(0, &["hold", "--cluster", "pushboat", "--lift"]).await;
    let scaled =
        ["scale", "game-2048", "--desired", "3", "--for", "1h", "--reason", "big sale", "--output", "json"];
    assert_eq!(person.told(0, &scaled).await.json()["decisions"][1]["desired_count"], 3);

    // A refusal is a document too, and a person reads it beside.
    let refused = person.told(2, &["hold", "--reason", "x", "--for", "soon", "--output", "json"]).await;
    assert_eq!(refused.json()["type"], "/problems/bad-body");
    assert!(refused.aside.contains("for: how long"), "{}", refused.aside);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_says_how_it_went() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    let first = push(&local, "v1").await;
    push(&local, "v2").await;

    for (status, words, says) in [
        (2, &["hold"][..], "--reason"),
        (2, &["status", "no/such/name"], "no name of ECS"),
        (3, &["rollback", "nobody"], "pushboat/game-2048"),
        (3, &["rollback", "pushboat/nobody"], "No such service"),
        (3, &["continue"], "no deployment is under way"),
        (3, &["status", "--token", "not-a-token"], "sent with a token"),
        (1, &["status", "--url", "http://127.0.0.1:1", "--token", "t"], "Connection refused"),
    ] {
        let said = person.told(status, words).await;
        assert!(said.aside.contains(says), "{words:?}: {}", said.aside);
    }
    let said = Person::new().told(2, &["status"]).await;
    assert!(said.aside.contains("where is the API?"), "{}", said.aside);

    // Not followed long enough, and it goes on all the same.
    let said = person.told(5, &["rollback", "--wait", "--timeout", "10ms"]).await;
    assert!(said.aside.contains("goes on"), "{}", said.aside);
    settled_on(&local, &first).await;

    person.told(0, &["hold", "--reason", "not yet"]).await;
    let broken = push_broken(&local).await;
    let said = person.told(4, &["hold", "--lift", "--wait"]).await;
    assert!(said.aside.contains("the roll-out failed: ") && said.aside.contains("exit"), "{}", said.aside);
    assert!(said.out.contains(&broken), "{}", said.out);
    local.shutdown().await;
}

/// The game in an environment in which it cannot start, withheld by the time this returns.
async fn push_broken(local: &Local) -> String {
    let source = Source::Game {
        binary: game_binary().unwrap(),
        label: "broken".to_owned(),
        colour: Some("not a colour".to_owned()),
        placeholder: false,
    };
    let digest = local.push(source, &["v3", stack::TRACKED_TAG], &Quiet).await.unwrap().digest;
    local.place.lambda().idle().await;
    digest
}
