//! The `live-image` function against the stand-in: what CloudFormation asks, and what arrives at its URL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use pushboat_aws::{Aws, Settings, Uploader};
use pushboat_live_image::LiveImage;
use pushboat_local::wire::FaultKind;
use pushboat_local::world::ecs::{CreateService, StopType, UpdateService};
use pushboat_tests::inbox::Inbox;
use pushboat_tests::wire::{Stand, aws_at};
use serde_json::{Value, json};

const URI: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/game-2048";
const PLACEHOLDER: &str = "public.example.com/nginx:stable";
/// What makes a presigned URL a credential.
const SIGNATURE: &str = "X-Amz-Signature=0123456789abcdef";

fn pinned(letter: char) -> String {
    format!("{URI}@sha256:{}", letter.to_string().repeat(64))
}

fn register(stand: &Stand, image: &str) -> String {
    let secret = json!([{"name": "PASSWORD", "value": "hunter2"}]);
    let container = json!({"name": "game", "image": image, "environment": secret});
    let Value::Object(document) = json!({"family": "game", "containerDefinitions": [container]}) else {
        panic!()
    };
    stand.hub.with(|world| world.register_task_definition(document, Default::default(), "test")).unwrap().arn
}

/// Without tasks, a roll-out has succeeded as soon as it begins.
fn create(stand: &Stand, image: &str) {
    let task_definition = register(stand, image);
    stand.hub.with(|world| world.create_cluster("pushboat", Default::default())).unwrap();
    let cluster = Some("pushboat".to_owned());
    let request = CreateService { cluster, name: "game".into(), task_definition, ..Default::default() };
    stand.hub.with(|world| world.create_service(request)).unwrap();
}

/// With tasks of an image that nobody can pull, a roll-out stays under way until it is stopped.
fn deploy(stand: &Stand, image: &str, desired_count: u32) {
    let request = UpdateService {
        cluster: Some("pushboat".into()),
        service: "game".into(),
        task_definition: Some(register(stand, image)),
        desired_count: Some(desired_count),
        ..Default::default()
    };
    stand.hub.with(|world| world.update_service(request)).unwrap();
}

fn roll_back(stand: &Stand) {
    stand.hub.with(|world| {
        let arn = world.ecs.service_deployments.iter().map(|it| it.arn.clone()).next_back().unwrap();
        world.stop_service_deployment(&arn, StopType::Rollback).unwrap();
    });
}

struct Asked {
    answer: Value,
    log: String,
    /// What Lambda gets.
    ended: Result<Value, String>,
}

async fn ask(aws: Aws, inbox: &Inbox, change: impl FnOnce(&mut Value)) -> Asked {
    let mut payload: Value =
        serde_json::from_str(include_str!("../../events/live-image/create.json")).unwrap();
    payload["ResponseURL"] = json!(format!("{}/bucket/key?{SIGNATURE}", inbox.url()));
    change(&mut payload);
    let clusters = Ok(vec!["pushboat".to_owned()]);
    ask_with(LiveImage { aws, clusters, uploader: Uploader::default() }, inbox, &payload).await
}

async fn ask_with(live_image: LiveImage, inbox: &Inbox, payload: &Value) -> Asked {
    let mut log = String::new();
    let mut note = |line: Value| log.push_str(&line.to_string());
    let ended = live_image.handle(payload, Duration::from_secs(60), &mut note).await;
    let ended = ended.map_err(|error| error.to_string());
    let arrived = inbox.take().pop();
    let answer = arrived.map_or(Value::Null, |it| serde_json::from_str(&it.body).unwrap());
    let told = format!("{answer}{log}{ended:?}");
    assert!(!told.contains(SIGNATURE) && !told.contains("hunter2"), "{told}");
    Asked { answer, log, ended }
}

fn nothing(_: &mut Value) {}

/// The image that arrived with SUCCESS.
fn image(asked: &Asked) -> &str {
    assert_eq!(asked.answer["Status"], "SUCCESS", "{}", asked.answer);
    asked.answer["Data"]["Image"].as_str().unwrap()
}

fn failure(asked: &Asked) -> &str {
    assert_eq!(asked.answer["Status"], "FAILED", "{}", asked.answer);
    assert!(asked.ended.is_ok(), "what was answered is not asked again: {:?}", asked.ended);
    asked.answer["Reason"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_live_outlives_whatever_has_not_succeeded() {
    let (stand, inbox) = (Stand::start().await, Inbox::open().await);
    let asked = ask(stand.aws(), &inbox, nothing).await;
    assert_eq!(image(&asked), PLACEHOLDER, "no cluster yet");

    create(&stand, PLACEHOLDER);
    let asked = ask(stand.aws(), &inbox, nothing).await;
    assert_eq!(image(&asked), PLACEHOLDER);
    assert!(asked.log.contains("which is not of"), "{}", asked.log);
    let elsewhere =
        ask(stand.aws(), &inbox, |payload| payload["ResourceProperties"]["Service"] = json!("x")).await;
    assert_eq!(image(&elsewhere), PLACEHOLDER, "no such service");

    deploy(&stand, &pinned('a'), 0);
    let asked = ask(stand.aws(), &inbox, nothing).await;
    assert_eq!(image(&asked), pinned('a'));
    assert_eq!(asked.answer["PhysicalResourceId"], "pushboat/game/game");

    deploy(&stand, &pinned('b'), 2);
    let asked = ask(stand.aws(), &inbox, nothing).await;
    assert_eq!(image(&asked), pinned('a'), "b is rolling out");
    roll_back(&stand);
    let asked = ask(stand.aws(), &inbox, nothing).await;
    assert_eq!(image(&asked), pinned('a'), "b was rolled back");
    stand.stop().await;
}

#[tokio::test]
async fn an_update_keeps_the_resource_unless_it_is_about_another_container() {
    let (stand, inbox) = (Stand::start().await, Inbox::open().await);
    create(&stand, &pinned('a'));
    let update: Value = serde_json::from_str(include_str!("../../events/live-image/update.json")).unwrap();
    let kept = ask(stand.aws(), &inbox, |payload| {
        let url = payload["ResponseURL"].take();
        *payload = update.clone();
        payload["ResponseURL"] = url;
    });
    let kept = kept.await;
    assert_eq!(
        (image(&kept), &kept.answer["PhysicalResourceId"]),
        (pinned('a').as_str(), &update["PhysicalResourceId"])
    );
    for member in ["StackId", "RequestId", "LogicalResourceId"] {
        assert_eq!(kept.answer[member], update[member], "{member}");
    }
    let moved = ask(stand.aws(), &inbox, |payload| {
        let url = payload["ResponseURL"].take();
        *payload = update.clone();
        payload["ResponseURL"] = url;
        payload["OldResourceProperties"]["Service"] = json!("game-before");
        payload["PhysicalResourceId"] = json!("pushboat/game-before/game");
    });
    assert_eq!(moved.await.answer["PhysicalResourceId"], "pushboat/game/game");
    stand.stop().await;
}

#[tokio::test]
async fn it_answers_also_when_aws_does_not() {
    let (stand, inbox) = (Stand::start().await, Inbox::open().await);
    create(&stand, &pinned('a'));
    let refused = ask(stand.aws_with("AKIAOTHER", "a guess"), &inbox, nothing).await;
    assert!(failure(&refused).contains("DescribeServices"), "{}", refused.answer);
    assert!(failure(&refused).contains("UnrecognizedClientException"), "{}", refused.answer);
    stand.trouble("ecs", "ListServiceDeployments", 9, FaultKind::Throttle);
    let throttled = ask(stand.aws(), &inbox, nothing).await;
    assert!(failure(&throttled).contains("ThrottlingException"), "{}", throttled.answer);
    stand.stop().await;
    // A port that nobody listens on.
    let gone = ask(aws_at("http://127.0.0.1:1", "k", "s"), &inbox, nothing).await;
    assert!(failure(&gone).contains("DescribeServices"), "{}", gone.answer);
}

#[tokio::test]
async fn it_answers_before_its_time_is_over() {
    let (stand, inbox) = (Stand::start().await, Inbox::open().await);
    create(&stand, &pinned('a'));
    stand.trouble("ecs", "DescribeServices", 1, FaultKind::Delay(4_000));
    let mut payload: Value =
        serde_json::from_str(include_str!("../../events/live-image/create.json")).unwrap();
    payload["ResponseURL"] = json!(inbox.url());
    let clusters = Ok(vec!["pushboat".to_owned()]);
    let live_image = LiveImage { aws: stand.aws(), clusters, uploader: Uploader::default() };
    live_image.handle(&payload, Duration::from_secs(2), &mut |_| ()).await.unwrap();
    let answer: Value = serde_json::from_str(&inbox.take()[0].body).unwrap();
    assert_eq!(answer["Reason"], "AWS did not say within 1 s which image pushboat/game runs");
    stand.stop().await;
}

#[tokio::test]
async fn it_answers_also_when_it_is_asked_badly() {
    let inbox = Inbox::open().await;
    let nowhere = || aws_at("http://127.0.0.1:1", "k", "s");
    for (member, value, says) in [
        ("Service", Value::Null, "the property Service is missing"),
        ("Placeholder", json!(""), "the property Placeholder is missing"),
        ("Container", json!(["game"]), "the property Container is missing"),
        ("Cluster", json!("payroll"), "the cluster 'payroll' is not one of this installation"),
    ] {
        let asked = ask(nowhere(), &inbox, |payload| payload["ResourceProperties"][member] = value).await;
        assert!(failure(&asked).contains(says), "{}", asked.answer);
        assert_eq!(asked.answer["PhysicalResourceId"], "failed/LiveImage");
    }
    let asked = ask(nowhere(), &inbox, |payload| payload["RequestType"] = json!("Import")).await;
    assert!(failure(&asked).contains("'Import' is none of"), "{}", asked.answer);

    let mut payload: Value =
        serde_json::from_str(include_str!("../../events/live-image/create.json")).unwrap();
    payload["ResponseURL"] = json!(inbox.url());
    // The test's own environment has no PUSHBOAT_CLUSTERS.
    let clusters = Settings::clusters_from_env();
    let unset = LiveImage { aws: nowhere(), clusters, uploader: Uploader::default() };
    let asked = ask_with(unset, &inbox, &payload).await;
    assert!(failure(&asked).contains("PUSHBOAT_CLUSTERS is missing"), "{}", asked.answer);
}

#[tokio::test]
async fn a_deletion_succeeds_and_asks_nothing() {
    let inbox = Inbox::open().await;
    for id in ["pushboat/game/game", "failed/LiveImage"] {
        // Any question would fail here.
        let asked = ask(aws_at("http://127.0.0.1:1", "k", "s"), &inbox, |payload| {
            payload["RequestType"] = json!("Delete");
            payload["PhysicalResourceId"] = json!(id);
            payload["ResourceProperties"] = json!({});
        });
        let answer = asked.await.answer;
        assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!(id)));
    }
}

#[tokio::test]
async fn the_answer_is_put_as_s3_wants_it_and_tried_again() {
    let inbox = Inbox::open().await;
    inbox.answer_next(503, "SlowDown");
    let uploader = Uploader::default();
    let url = format!("{}/bucket/arn%3Aaws%3Acloudformation%3A1/key?{SIGNATURE}&b=%2F", inbox.url());
    uploader.put(&url, "{\"ü\":1}").await.unwrap();
    let arrived = inbox.take();
    assert_eq!(arrived.len(), 2, "once in vain");
    for put in &arrived {
        assert_eq!((put.method.as_str(), put.body.as_str()), ("PUT", "{\"ü\":1}"));
        assert_eq!(put.target, url.strip_prefix(&inbox.url()).unwrap(), "the signature is over every byte");
        assert_eq!(put.headers.get("content-type").unwrap(), "");
        assert_eq!(put.headers.get("content-length").unwrap(), "8");
        assert!(put.headers.get("transfer-encoding").is_none());
    }
}

#[tokio::test]
async fn an_answer_that_does_not_get_through_is_lambda_s_to_repeat() {
    let inbox = Inbox::open().await;
    for _ in 0..4 {
        inbox.answer_next(403, "AccessDenied");
    }
    let asked = ask(aws_at("http://127.0.0.1:1", "k", "s"), &inbox, |payload| {
        payload["RequestType"] = json!("Delete");
    });
    let asked = asked.await;
    assert!(asked.ended.as_ref().unwrap_err().contains("the answer was 403"), "{:?}", asked.ended);
    assert!(asked.log.contains("not_answered"), "{}", asked.log);
    let closed = format!("http://127.0.0.1:1/key?{SIGNATURE}");
    for url in
        [closed.as_str(), &format!("ftp://x/?{SIGNATURE}"), &format!("http://[/?{SIGNATURE}"), SIGNATURE]
    {
        let error = Uploader::default().put(url, "{}").await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SIGNATURE), "{error:?}");
    }
}
