//! Which image: a service that follows versions, and images that cannot run where they would go.

use pushboat_cli::local::{Local, stack};
use pushboat_cli::push::{Quiet, Source};
use pushboat_tests::layout::{Target, push_image, push_index};
use pushboat_tests::{Wishes, decisions, place, revisions};
use serde_json::Value;

use super::base::everything_written;
use super::{SOON, push, settled_on, sweep};

/// The service follows this rule from now on, and needs this of a scan.
fn tag_service(local: &Local, key: &str, value: &str) {
    local
        .place
        .hub()
        .with(|world| {
            let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap();
            let arn = service.arn.clone();
            world.tag_resource(&arn, [(key.to_owned(), value.to_owned())].into())
        })
        .unwrap();
}

fn follow(local: &Local, rule: &str) {
    let value = format!("{}:{rule}", stack::REPOSITORY);
    tag_service(local, &format!("pushboat:track:{}", stack::CONTAINER), &value);
}

fn target(local: &Local) -> Target<'_> {
    let at = &local.addresses;
    Target { registry: &at.registry, password: &at.registry_password, repository: stack::REPOSITORY }
}

/// The game under one tag; its digest.
async fn push_as(local: &Local, tag: &str) -> String {
    let source = Source::Game {
        binary: pushboat_tests::game_binary().unwrap(),
        label: tag.to_owned(),
        colour: None,
        placeholder: false,
    };
    local.push(source, &[tag], &Quiet).await.unwrap().digest
}

/// What was decided on the push of this tag, the first of it.
async fn heard(local: &Local, tag: &str) -> Value {
    let hint = format!("push of {}:{tag}", stack::REPOSITORY);
    let heard = async {
        loop {
            if let Some(decision) = decisions(local).into_iter().find(|line| line["hint"] == hint.as_str()) {
                return decision;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, heard).await.unwrap_or_else(|_| panic!("no decision on {tag}"))
}

/// The reason for which a push led to nothing.
async fn kept(local: &Local, tag: &str) -> String {
    let decision = heard(local, tag).await;
    assert_eq!(decision["decision"], "kept", "{decision}");
    decision["reason"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_follows_versions_takes_the_highest_whatever_is_pushed_when() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    follow(&local, "semver/1");
    let newer = push_as(&local, "v1.10.0").await;
    settled_on(&local, &newer).await;
    let released = heard(&local, "v1.10.0").await;
    let reason = released["reason"].as_str().unwrap();
    assert!(reason.contains("game-2048:v1.10.0 (the newest of semver/1 by version)"), "{reason}");

    // An older line under maintenance, a signature, a pre-release, another major version.
    push_as(&local, "v1.9.7").await;
    let reason = kept(&local, "v1.9.7").await;
    assert!(reason.contains("game-2048:v1.10.0 (the newest of semver/1 by version) is sha256:"), "{reason}");
    local.place.lambda().idle().await;
    let before = everything_written(&local);
    let signature = format!("sha256-{}.sig", &newer["sha256:".len()..]);
    for tag in [&signature, "1.11.0-rc.1", "v2.0.0"] {
        push_image(target(&local), tag, "amd64", tag).await.unwrap();
        assert_eq!(kept(&local, tag).await, "no service follows it", "{tag}");
    }
    sweep(&local).await;
    let after = everything_written(&local);
    assert_eq!(
        (&before.0, before.1, &before.2, before.3 + 3),
        (&after.0, after.1, &after.2, after.3),
        "their own tags"
    );

    let highest = push_as(&local, "1.10.1").await;
    settled_on(&local, &highest).await;
    assert_eq!(revisions(&local), 3, "the template's and one for each release");
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_for_another_platform_is_a_reason_and_the_right_one_deploys() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let good = push(&local, "v1").await;
    settled_on(&local, &good).await;
    local.place.lambda().idle().await;
    let (right, wrong) = if cfg!(target_arch = "aarch64") { ("arm64", "amd64") } else { ("amd64", "arm64") };
    let says =
        format!("cannot run here: it is for linux/{wrong}, and the task definition asks for linux/{right}");

    // Once as an index, as buildx makes it, and once as a plain image.
    let before = everything_written(&local);
    push_index(target(&local), stack::TRACKED_TAG, &[wrong]).await.unwrap();
    for _ in 0..3 {
        let reason = sweep(&local).await[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(&says), "{reason}");
    }
    let plain = push_image(target(&local), stack::TRACKED_TAG, wrong, "plain").await.unwrap();
    let decided = sweep(&local).await;
    assert_eq!(decided[0]["digest"], plain.as_str(), "{decided:?}");
    assert!(decided[0]["reason"].as_str().unwrap().contains(&says), "{decided:?}");
    local.place.lambda().idle().await;
    assert_eq!(everything_written(&local), before, "nothing is written, not even a rejection");

    let right = push(&local, "v2").await;
    settled_on(&local, &right).await;
    assert!(local.place.lambda().dead_letters().is_empty());
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_waits_for_its_scan_and_for_findings_that_its_owner_allows() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    tag_service(&local, "pushboat:max-severity", "high");
    let digest = push(&local, "v1").await;
    let scan = |status: &str, counts: &[(&str, u32)]| {
        local
            .place
            .hub()
            .with(|world| world.declare_scan(stack::REPOSITORY, &digest, status, counts))
            .unwrap();
    };
    let reason = kept(&local, stack::TRACKED_TAG).await;
    assert!(reason.contains("it has not been scanned"), "{reason}");
    for (status, counts, says) in [
        ("PENDING", &[][..], "its scan is PENDING"),
        (
            "COMPLETE",
            &[("CRITICAL", 2), ("HIGH", 1)],
            "found 2 CRITICAL, and pushboat:max-severity allows up to HIGH",
        ),
    ] {
        scan(status, counts);
        let reason = sweep(&local).await[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(says), "{reason}");
    }
    assert_eq!(revisions(&local), 1, "the template's");
    scan("COMPLETE", &[("HIGH", 1)]);
    sweep(&local).await;
    settled_on(&local, &digest).await;
    local.shutdown().await;
}
