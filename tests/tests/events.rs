//! Every file under `events/` is fed to the function whose folder it lies in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use pushboat_aws::{Home, Translate, pushed_or_deployed, scheduled};
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

fn folder(function: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events").join(function)
}

fn check(function: &str, translate: Translate, table: &[(&str, &str)]) {
    let home =
        Home::of_function("arn:aws:lambda:eu-central-1:123456789012:function:pushboat-deploy").unwrap();
    let files: BTreeSet<String> = std::fs::read_dir(folder(function))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let named: BTreeSet<String> = table.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(files, named, "events/{function} and the table must name the same files");
    for (name, expected) in table {
        let text = std::fs::read_to_string(folder(function).join(format!("{name}.json"))).unwrap();
        let payload: Value = serde_json::from_str(&text).unwrap();
        let said = match translate(payload, &home) {
            Ok(hint) => format!("look: {hint}"),
            Err(ignored) => ignored.to_string(),
        };
        assert!(said.contains(expected), "{function}/{name}: {said}");
    }
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
fn a_function_without_an_arn_knows_no_home_and_says_so() {
    for arn in ["", "deploy", "arn:aws:lambda", "arn:aws:lambda:::function:deploy"] {
        assert!(
            Home::of_function(arn).unwrap_err().to_string().contains("neither account nor region"),
            "{arn}"
        );
    }
}
