use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::lambda::test_program::{function, settings};
use crate::lambda::{InvokeError, Outcome};

fn lambda() -> Lambda {
    Lambda::start(settings(), vec![function("f"), function("g")])
}

fn rule(name: &str, pattern: Value, targets: &[&str]) -> Rule {
    Rule {
        name: name.into(),
        trigger: Trigger::Pattern(Pattern::parse(&pattern).unwrap()),
        targets: targets.iter().map(ToString::to_string).collect(),
    }
}

fn push(tag: &str) -> Value {
    json!({ "source": "aws.ecr", "detail": { "image-tag": tag } })
}

/// Which functions ran, in the order of their names.
async fn invoked(lambda: &Lambda) -> Vec<String> {
    lambda.idle().await;
    let mut names: Vec<String> = lambda
        .invocations()
        .into_iter()
        .inspect(|invocation| assert_eq!(invocation.outcome, Outcome::Succeeded))
        .map(|invocation| invocation.function)
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_event_goes_to_the_targets_of_every_rule_that_matches() {
    let lambda = lambda();
    let rules = vec![
        rule("pushes", json!({ "source": ["aws.ecr"] }), &["f"]),
        rule("v1", json!({ "detail": { "image-tag": ["v1"] } }), &["f", "g"]),
        rule("alarms", json!({ "source": ["aws.cloudwatch"] }), &["g"]),
    ];
    let bus = Bus::start(rules, lambda.clone()).unwrap();
    let mut seen = bus.subscribe();
    bus.put(push("v1"));
    bus.put(json!({ "source": "elsewhere" }));
    assert_eq!(invoked(&lambda).await, ["f", "f", "g"]);
    let first = seen.recv().await.unwrap();
    assert_eq!((first.event, first.fate), (push("v1"), Fate::Delivered));
    assert_eq!(first.rules, ["pushes", "v1"]);
    let recent = bus.recent();
    assert_eq!(recent.len(), 2);
    assert!(recent[1].rules.is_empty());
    lambda.shutdown().await;
}

#[tokio::test]
async fn events_are_lost_and_doubled_as_asked() {
    let lambda = lambda();
    let bus =
        Bus::start(vec![rule("pushes", json!({ "source": ["aws.ecr"] }), &["f"])], lambda.clone()).unwrap();
    bus.lose(r#"{"detail":{"image-tag":["lost"]}}"#.parse().unwrap());
    bus.double(r#"{"detail":{"image-tag":["twice"]}}"#.parse().unwrap());
    for tag in ["lost", "twice", "plain"] {
        bus.put(push(tag));
    }
    assert_eq!(invoked(&lambda).await.len(), 3);
    assert_eq!(bus.lost_count(), 1);
    let fates: Vec<(Fate, usize)> = bus.recent().iter().map(|seen| (seen.fate, seen.rules.len())).collect();
    assert_eq!(fates, [(Fate::Lost, 0), (Fate::Doubled, 1), (Fate::Delivered, 1)]);
    bus.behave();
    bus.put(push("lost"));
    assert_eq!(invoked(&lambda).await.len(), 4);
    assert_eq!(bus.lost_count(), 1);
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_schedule_sends_scheduled_events_until_the_bus_goes() {
    let lambda = lambda();
    let minutely = Rule {
        name: "minutely".into(),
        trigger: Trigger::Schedule(Duration::from_millis(5)),
        targets: vec!["f".into()],
    };
    let everything = rule("everything", json!({ "source": [{ "exists": true }] }), &["g"]);
    let bus = Bus::start(vec![minutely, everything], lambda.clone()).unwrap();
    let mut seen = bus.subscribe();
    let mut event = Value::Null;
    for _ in 0..2 {
        let next = tokio::time::timeout(Duration::from_secs(20), seen.recv()).await.unwrap().unwrap();
        assert_eq!(next.rules, ["minutely"], "a schedule is its own rule's alone");
        assert_ne!(next.event["id"], event["id"]);
        event = next.event;
    }
    assert_eq!(event["source"], "aws.events");
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["detail"], json!({}));
    assert_eq!(event["resources"], json!(["arn:aws:events:eu-central-1:123456789012:rule/minutely"]));
    let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
    assert_eq!(time.subsec_nanosecond(), 0);
    drop(bus);
    // What was sent is delivered; then the channel ends, because nobody can send any more.
    while seen.recv().await.is_ok() {}
    assert!(invoked(&lambda).await.iter().all(|name| name == "f"));
    lambda.shutdown().await;
}

#[tokio::test]
async fn shutdown_ends_the_schedules() {
    let lambda = lambda();
    let often = Rule {
        name: "often".into(),
        trigger: Trigger::Schedule(Duration::from_millis(1)),
        targets: vec!["f".into()],
    };
    let bus = Bus::start(vec![often], lambda.clone()).unwrap();
    bus.subscribe().recv().await.unwrap();
    bus.shutdown();
    tokio::task::yield_now().await;
    let before = bus.recent().len();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bus.recent().len(), before);
    lambda.shutdown().await;
    assert_eq!(lambda.invoke_async("f", Value::Null), Err(InvokeError::ShuttingDown));
    bus.put(push("v1"));
    assert_eq!(bus.recent().len(), before + 1);
}

#[tokio::test]
async fn rules_that_cannot_work_are_refused() {
    let lambda = lambda();
    let astray = rule("astray", json!({ "source": ["a"] }), &["f", "h"]);
    let error = Bus::start(vec![astray], lambda.clone()).unwrap_err();
    assert_eq!(error.to_string(), "rule astray: there is no function h");
    let restless =
        Rule { name: "restless".into(), trigger: Trigger::Schedule(Duration::ZERO), targets: vec![] };
    let error = Bus::start(vec![restless], lambda).unwrap_err();
    assert_eq!(error, BusError::NoPeriod { rule: "restless".into() });
}
