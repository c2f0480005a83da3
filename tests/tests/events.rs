//! Every file under `events/` is fed to the function whose folder it lies in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use pushboat::control::Scope;
use pushboat::hint::Hint;
use pushboat::model::Subject;
use pushboat_aws::{Home, Translate, alarmed, pushed_or_deployed, scheduled};
use pushboat_live_image::{Kind, Request};
use pushboat_tests::wire::{Stand, create};
use serde_json::Value;

const DEPLOY: &[(&str, &str)] = &[
    ("push", "look: push of game-2048:v2"),
    ("push-documented-fields-only", "look: push of game-2048:v2"),
    ("push-unknown-fields", "look: push of game-2048:v2"),
    ("push-foreign-tag", "look: push of game-2048:nightly"),
    ("push-other-repository", "look: push of payroll:v2"),
    ("push-cosign-signature", "look: push of game-2048:sha256-7f5b"),
    ("push-child-manifest-empty-tag", "an image without a tag"),
    ("push-no-tag-member", "an image without a tag"),
    ("push-null-tag", "an image without a tag"),
    ("push-tag-is-a-number", "the detail of the event cannot be read: invalid type: integer"),
    ("push-other-account", "the event is of account '999999999999', this is 123456789012"),
    ("push-no-account", "the event is of account '', this is 123456789012"),
    ("push-other-region", "the event is of region 'us-west-2', this is eu-central-1"),
    ("push-no-repository", "the event names no repository"),
    ("push-failed", "the push ended in FAILED, not SUCCESS"),
    ("image-deleted", "the image action is DELETE, not PUSH"),
    ("image-archived", "the image action is UPDATE_STORAGE_CLASS, not PUSH"),
    ("scan-finished", "no use for 'ECR Image Scan' from 'aws.ecr'"),
    ("forged-source", "no use for 'ECR Image Action' from 'com.example.ecr'"),
    ("detail-is-a-list", "the detail of the event cannot be read"),
    ("no-detail", "the payload is not an EventBridge event: missing field `detail`"),
    ("time-is-no-time", "the payload is not an EventBridge event"),
    ("not-an-object", "the payload is not an EventBridge event"),
    ("empty-object", "the payload is not an EventBridge event"),
    ("null", "the payload is not an EventBridge event"),
    ("list-of-events", "the payload is not an EventBridge event"),
    ("deployment-in-progress", "look: deployment of pushboat/game-2048"),
    ("deployment-completed", "look: deployment of pushboat/game-2048"),
    ("deployment-failed", "look: deployment of pushboat/game-2048"),
    ("deployment-rolling-back", "look: deployment of pushboat/game-2048"),
    ("deployment-of-other-cluster", "look: deployment of payroll/web"),
    ("deployment-of-a-service-that-is-gone", "look: deployment of pushboat/gone"),
    ("deployment-old-arn-format", "the event names no service"),
    ("deployment-without-resources", "the event names no service"),
];

const SWEEP: &[(&str, &str)] = &[
    ("tick", "look: sweep"),
    ("tick-other-account", "the event is of account '999999999999'"),
    ("push-by-mistake", "no use for 'ECR Image Action'"),
    ("empty-object", "the payload is not an EventBridge event"),
];

const SCALE: &[(&str, &str)] = &[
    ("alarm", "look: alarm game/cpu about pushboat/game-2048"),
    ("ok", "look: alarm game/cpu about pushboat/game-2048"),
    ("insufficient-data", "look: alarm game/cpu about pushboat/game-2048"),
    ("ok-as-before", "the alarm game/cpu was OK before and is so still"),
    ("alarm-with-partial-data", "the alarm game/cpu was ALARM before and is so still"),
    ("target-group", "look: alarm game/latency about targetgroup/game/6d0ecf831eec9f09"),
    ("metric-math", "look: alarm game/load about pushboat/game-2048, targetgroup/game/6d0ecf831eec9f09"),
    ("composite", "look: alarm game/anything about all"),
    ("composite-suppressed", "the actions of the alarm game/anything are suppressed by WaitPeriod"),
    ("muted", "the alarm game/cpu is muted"),
    ("null-mute", "look: alarm game/cpu about pushboat/game-2048"),
    ("contributor", "look: alarm game/each about pushboat/game-2048"),
    ("query-without-contributor", "look: alarm game/each about all"),
    ("anomaly", "look: alarm game/odd about pushboat/game-2048"),
    ("no-dimensions", "look: alarm orders/queue about all"),
    ("other-dimensions", "look: alarm orders/queue about all"),
    ("cluster-only", "look: alarm cluster/cpu about all"),
    ("two-services", "look: alarm both/cpu about payroll/web, pushboat/game-2048"),
    ("fewest-members", "look: alarm game/cpu about all"),
    ("no-previous-state-and-no-reason", "look: alarm game/cpu about pushboat/game-2048"),
    ("dimensions-are-a-list", "look: alarm game/cpu about all"),
    ("metrics-are-null", "look: alarm game/cpu about all"),
    ("unknown-members", "look: alarm game/cpu about pushboat/game-2048"),
    ("no-name", "the event names no alarm"),
    ("detail-is-a-list", "the event names no alarm"),
    ("no-detail", "the event names no alarm"),
    ("other-account", "the event is of account '999999999999', this is 123456789012"),
    ("other-region", "the event is of region 'us-east-1'"),
    ("forged-source", "no use for 'CloudWatch Alarm State Change' from 'com.example'"),
    ("configuration-change", "no use for 'CloudWatch Alarm Configuration Change' from 'aws.cloudwatch'"),
    ("direct", "look: alarm game/cpu about pushboat/game-2048"),
    ("direct-ok", "look: alarm game/cpu about pushboat/game-2048"),
    ("direct-metric-math", "look: alarm game/load about targetgroup/game/6d0ecf831eec9f09"),
    ("direct-composite", "look: alarm game/anything about all"),
    ("direct-composite-after-waiting", "look: alarm game/anything about all"),
    ("direct-contributor", "look: alarm game/each about pushboat/game-2048"),
    ("direct-other-account", "the event is of account '999999999999'"),
    ("direct-no-account", "the event is of account '', this is"),
    ("direct-null-data", "the event names no alarm"),
    ("direct-forged-source", "no use for '' from 'aws.autoscaling'"),
    ("empty-object", "neither a detail-type nor alarmData"),
    ("null", "neither a detail-type nor alarmData"),
    ("list-of-events", "neither a detail-type nor alarmData"),
    ("not-an-object", "neither a detail-type nor alarmData"),
    ("tick-by-mistake", "no use for 'Scheduled Event' from 'aws.events'"),
];

const LIVE_IMAGE: &[(&str, &str)] = &[
    ("create", "look: pushboat/game game, resource pushboat/game/game"),
    ("update", "look: pushboat/game game, resource pushboat/game/game"),
    ("update-other-service", "look: pushboat/game game, resource pushboat/game/game"),
    ("delete", "nothing to delete, resource pushboat/game/game"),
    ("delete-after-failed-create", "nothing to delete, resource failed/LiveImage"),
    ("no-repository", "the property Repository is missing, empty or not text"),
    ("service-is-no-text", "the property Service is missing, empty or not text"),
    ("no-properties", "the property Cluster is missing, empty or not text"),
    ("unknown-request-type", "the request type 'Import' is none of Create, Update and Delete"),
    ("no-request-type", "the request type '' is none of Create, Update and Delete"),
    ("no-response-url", "the payload is not a request of CloudFormation"),
    ("null-response-url", "the payload is not a request of CloudFormation"),
    ("empty-object", "the payload is not a request of CloudFormation"),
    ("null", "the payload is not a request of CloudFormation"),
    ("not-an-object", "the payload is not a request of CloudFormation"),
];

const API: &[(&str, &str)] = &[
    ("health", r#"200 application/json {"status":"ok","version":""#),
    ("health-head", "200 application/json <nothing>"),
    ("health-post", "405 application/problem+json /problems/method-not-allowed, allow GET, HEAD"),
    ("services", r#"200 application/json {"services":[]}"#),
    ("services-head", "200 application/json <nothing>"),
    ("services-jwt", r#"200 application/json {"services":[]}"#),
    ("services-lambda-authorizer", r#"200 application/json {"services":[]}"#),
    ("services-of-a-cluster", r#"200 application/json {"services":[]}"#),
    ("services-of-other-cluster", "400 application/problem+json /problems/bad-query"),
    ("services-unknown-parameter", "400 application/problem+json /problems/bad-query"),
    ("services-parameter-twice", "400 application/problem+json /problems/bad-query"),
    ("services-odd-query", "400 application/problem+json /problems/bad-query"),
    ("services-named-stage", r#"200 application/json {"services":[]}"#),
    ("services-delete", "405 application/problem+json /problems/method-not-allowed, allow GET, HEAD"),
    ("services-no-authorizer", "401 application/problem+json /problems/unauthenticated"),
    ("services-empty-authorizer", "401 application/problem+json /problems/unauthenticated"),
    ("openapi", r#"200 application/json {"components":{"#),
    ("service", "404 application/problem+json /problems/no-such-service"),
    ("service-with-a-parameter", "400 application/problem+json /problems/bad-query"),
    ("service-no-authorizer", "401 application/problem+json /problems/unauthenticated"),
    ("service-of-other-cluster", "404 application/problem+json /problems/no-such-cluster"),
    ("history", "404 application/problem+json /problems/no-such-service"),
    ("history-bad-limit", "400 application/problem+json /problems/bad-query"),
    ("task", "404 application/problem+json /problems/no-such-service"),
    ("task-bad-query", "400 application/problem+json /problems/bad-query"),
    ("plan", "404 application/problem+json /problems/no-such-service"),
    ("plan-of-a-tag", "404 application/problem+json /problems/no-such-service"),
    ("plan-of-a-count", "404 application/problem+json /problems/no-such-service"),
    ("plan-of-two", "400 application/problem+json /problems/bad-query"),
    ("plan-of-a-bad-digest", "400 application/problem+json /problems/bad-query"),
    ("plan-post", "405 application/problem+json /problems/method-not-allowed, allow GET, HEAD"),
    ("unknown-path", "404 application/problem+json /problems/not-found"),
    ("unknown-path-no-authorizer", "401 application/problem+json /problems/unauthenticated"),
    ("unknown-method", "405 application/problem+json /problems/method-not-allowed, allow GET, HEAD"),
    ("odd-members", r#"200 application/json {"services":[]}"#),
    ("fewest-members", r#"200 application/json {"status":"ok""#),
    ("payload-1.0", "400 application/problem+json /problems/not-a-request"),
    ("empty-object", "400 application/problem+json /problems/not-a-request"),
    ("null", "400 application/problem+json /problems/not-a-request"),
    ("list", "400 application/problem+json /problems/not-a-request"),
];

/// Calls that change something, in this order, of a service that has run one image only.
const ASKS: &[(&str, &str)] = &[
    ("rollback", "409 application/problem+json /problems/refused"),
    ("rollback-to-a-digest", "409 application/problem+json /problems/refused"),
    ("rollback-to-nonsense", "400 application/problem+json /problems/bad-body"),
    ("rollback-dry-run-in-the-query", "400 application/problem+json /problems/bad-query"),
    ("rollback-no-authorizer", "401 application/problem+json /problems/unauthenticated"),
    ("release", "200 application/json decided: kept"),
    ("release-no-body", "400 application/problem+json /problems/bad-body"),
    ("resume", "200 application/json decided: lifted"),
    ("continue", "409 application/problem+json /problems/refused"),
    ("continue-a-hook", "409 application/problem+json /problems/refused"),
    ("hold", "200 application/json decided: held"),
    ("hold-base64", "200 application/json decided: held"),
    ("hold-not-base64", "400 application/problem+json /problems/bad-body"),
    ("hold-until", "200 application/json decided: held"),
    ("hold-until-yesterday", "400 application/problem+json /problems/bad-body"),
    ("hold-no-reason", "400 application/problem+json /problems/bad-body"),
    ("hold-reason-of-no-letters", "400 application/problem+json /problems/bad-body"),
    ("hold-reason-too-long", "400 application/problem+json /problems/bad-body"),
    ("hold-for-ever-and-a-day", "400 application/problem+json /problems/bad-body"),
    ("hold-unknown-member", "400 application/problem+json /problems/bad-body"),
    ("hold-bad-json", "400 application/problem+json /problems/bad-body"),
    ("hold-list", "400 application/problem+json /problems/bad-body"),
    ("hold-null", "400 application/problem+json /problems/bad-body"),
    ("hold-form", "415 application/problem+json /problems/not-json"),
    ("hold-no-content-type", "415 application/problem+json /problems/not-json"),
    ("hold-long-body", "413 application/problem+json /problems/body-too-long"),
    ("hold-no-authorizer", "401 application/problem+json /problems/unauthenticated"),
    ("hold-lambda-authorizer", "403 application/problem+json /problems/nameless-caller"),
    ("hold-of-other-cluster", "404 application/problem+json /problems/no-such-cluster"),
    ("hold-of-nobody", "404 application/problem+json /problems/no-such-service"),
    ("hold-of-no-name", "404 application/problem+json /problems/not-found"),
    ("hold-put", "405 application/problem+json /problems/method-not-allowed, allow POST, DELETE"),
    ("unhold", "200 application/json decided: lifted"),
    ("cluster-hold", "200 application/json decided: held"),
    ("cluster-hold-of-other-cluster", "404 application/problem+json /problems/no-such-cluster"),
    ("cluster-unhold", "200 application/json decided: lifted"),
    ("deploy", "409 application/problem+json /problems/refused"),
    ("deploy-of-no-container", "409 application/problem+json /problems/refused"),
    ("deploy-nothing", "400 application/problem+json /problems/bad-body"),
    ("deploy-two", "400 application/problem+json /problems/bad-body"),
    ("hold-dry-run", "200 application/json decided: held"),
    ("hold-from-something-else", "409 application/problem+json /problems/moved"),
    ("hold-from-nonsense", "400 application/problem+json /problems/bad-body"),
    ("scale", "409 application/problem+json /problems/refused"),
    ("scale-without-end", "400 application/problem+json /problems/bad-body"),
    ("scale-two-words", "400 application/problem+json /problems/bad-body"),
    ("scale-none", "400 application/problem+json /problems/bad-body"),
    ("scale-for-good", "409 application/problem+json /problems/refused"),
    ("scale-for-good-and-for-a-time", "400 application/problem+json /problems/bad-body"),
    ("unscale", "409 application/problem+json /problems/refused"),
    ("run", "202 application/json decided: task_started"),
    ("run-a-command", "202 application/json decided: task_started"),
    ("run-another-with-the-same-key", "409 application/problem+json /problems/idempotency-key-taken"),
    ("run-dry-run", "200 application/json decided: task_started"),
    ("run-of-no-container", "409 application/problem+json /problems/refused"),
    ("run-of-no-family", "409 application/problem+json /problems/refused"),
    ("run-no-command", "400 application/problem+json /problems/bad-body"),
    ("run-bad-key", "400 application/problem+json /problems/bad-idempotency-key"),
    ("run-long-key", "400 application/problem+json /problems/bad-idempotency-key"),
    ("task-of-nobody", "404 application/problem+json /problems/no-such-task"),
];

fn folder(function: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events").join(function)
}

/// The payloads of a function with what is expected of each; every file must be in the table.
fn payloads<'a>(function: &str, table: &'a [(&str, &str)]) -> Vec<(&'a str, &'a str, Value)> {
    let files: BTreeSet<String> = std::fs::read_dir(folder(function))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let named: BTreeSet<String> = table.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(files, named, "events/{function} and the table must name the same files");
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder(function).join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    table.iter().map(|(name, expected)| (*name, *expected, read(name))).collect()
}

fn check(function: &str, translate: Translate, table: &[(&str, &str)]) {
    let home =
        Home::of_function("arn:aws:lambda:eu-central-1:123456789012:function:pushboat-deploy").unwrap();
    for (name, expected, payload) in payloads(function, table) {
        let said = match translate(payload, &home) {
            Ok(Hint::Alarm { name, about }) if about.is_empty() => format!("look: alarm {name} about all"),
            Ok(Hint::Alarm { name, about }) => {
                let about: Vec<_> = about.iter().map(subject).collect();
                format!("look: alarm {name} about {}", about.join(", "))
            }
            Ok(hint) => format!("look: {hint}"),
            Err(ignored) => ignored.to_string(),
        };
        assert!(said.contains(expected), "{function}/{name}: {said}");
    }
}

fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Service(name) => name.to_string(),
        Subject::TargetGroup(path) => path.clone(),
    }
}

#[test]
fn scale_reads_each_of_its_events_as_the_table_says() {
    check("scale", alarmed, SCALE);
}

#[test]
fn deploy_reads_each_of_its_events_as_the_table_says() {
    check("deploy", pushed_or_deployed, DEPLOY);
}

#[test]
fn sweep_reads_each_of_its_events_as_the_table_says() {
    check("sweep", scheduled, SWEEP);
}

#[test]
fn live_image_reads_each_of_its_requests_as_the_table_says() {
    for (name, expected, payload) in payloads("live-image", LIVE_IMAGE) {
        let said = match Request::read(&payload) {
            Err(unanswerable) => unanswerable.to_string(),
            Ok(request) if request.kind == Kind::Delete => {
                format!("nothing to delete, resource {}", request.fallback_id())
            }
            Ok(request) => match request.question() {
                Ok(it) => format!("look: {} {}, resource {}", it.service, it.container, request.names_id()),
                Err(bad) => bad.to_string(),
            },
        };
        assert!(said.contains(expected), "live-image/{name}: {said}");
    }
}

#[tokio::test]
async fn api_answers_each_of_its_requests_as_the_table_says() {
    // Whoever only reads finds nothing to read.
    let (empty, stand) = (Stand::start().await, Stand::start().await);
    create(&empty, "pushboat", &[]);
    create(&stand, "pushboat", &[("game-2048", &[("pushboat:track:game", "game-2048:live")])]);
    let scope = Scope { clusters: vec!["pushboat".to_owned()], repositories: vec!["game-2048".to_owned()] };
    for (name, expected, payload) in payloads("api", &[API, ASKS].concat()) {
        let changes = ASKS.iter().any(|(asks, _)| *asks == name);
        let aws = if changes { stand.aws() } else { empty.aws() };
        let mut log = Vec::new();
        let answer = pushboat_api::answer(&aws, &scope, &payload, &mut |line| log.push(line)).await;
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let body = match (text("/body"), serde_json::from_str::<Value>(text("/body"))) {
            ("", _) => "<nothing>".to_owned(),
            (_, Ok(problem)) if problem.get("type").is_some() => {
                assert_eq!(problem["status"], answer["statusCode"], "{name}");
                let (kind, allow) = (problem["type"].as_str().unwrap(), text("/headers/allow"));
                if allow.is_empty() { kind.to_owned() } else { format!("{kind}, allow {allow}") }
            }
            (_, Ok(body)) if body.get("decisions").is_some() => {
                format!("decided: {}", body["decisions"][0]["decision"].as_str().unwrap())
            }
            (body, _) => body.to_owned(),
        };
        let said = format!("{} {} {body}", answer["statusCode"], text("/headers/content-type"));
        assert!(said.starts_with(expected), "api/{name}: {said}");
        let (line, decisions) = log.split_last().unwrap();
        assert_eq!(line["status"], answer["statusCode"]);
        assert!(
            decisions.iter().all(|line| line.get("decision").is_some()),
            "one line for each request: {log:?}"
        );
        assert!(!format!("{log:?}").contains("Signature"), "no header in the log: {log:?}");
    }
    empty.stop().await;
    stand.stop().await;
}

#[test]
fn a_function_without_an_arn_knows_no_home_and_says_so() {
    for arn in ["", "deploy", "arn:aws:lambda", "arn:aws:lambda:::function:deploy"] {
        assert!(
            Home::of_function(arn).unwrap_err().to_string().contains("neither account nor region"),
            "{arn}"
        );
    }
}
