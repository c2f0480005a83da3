//! What becomes of a push whose events are lost, come late, several times and in another order, or that AWS throttles.

use std::time::Duration;

use pushboat_cli::local::{Local, stack};
use pushboat_local::lambda::DeadLetter;
use pushboat_local::wire::{Fault, FaultKind};
use pushboat_tests::{Wishes, decisions, place, revisions};
use serde_json::Value;

use super::base::everything_written;
use super::{SOON, push, settled_on, sweep, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_event_is_lost_is_deployed_by_the_next_sweep() {
    let wishes =
        Wishes { tasks: 2, sweep_every: Duration::from_secs(1), lose_push_events: true, ..Wishes::default() };
    let local = place(wishes).await.unwrap();
    let digest = push(&local, "v1").await;
    settled_on(&local, &digest).await;
    let released: Vec<Value> =
        decisions(&local).into_iter().filter(|line| line["decision"] == "released").collect();
    assert_eq!(released.len(), 1);
    assert_eq!(released[0]["hint"], "sweep");
    local.shutdown().await;
}

/// What ECR said of the pushes to the tag that is followed, oldest first.
fn said(local: &Local) -> Vec<Value> {
    let of_the_tag = |event: &Value| event["detail"]["image-tag"] == stack::TRACKED_TAG;
    local.place.bus().recent().into_iter().map(|seen| seen.event).filter(of_the_tag).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_late_several_times_and_in_another_order_deploy_the_newest_image_once() {
    // Nothing arrives by itself, so that the order is the test's.
    let local = place(Wishes { tasks: 2, lose_push_events: true, ..Wishes::default() }).await.unwrap();
    let old = push(&local, "v1").await;
    let new = push(&local, "v2").await;
    within(SOON, "what ECR says of both", || said(&local).len() == 2).await;
    let mut events = said(&local);
    events.sort_by_key(|event| event["detail"]["image-digest"] == new.as_str());
    let (of_old, of_new) = (&events[0], events.last().unwrap());
    assert_eq!(of_old["detail"]["image-digest"], old.as_str());

    let deploy = |event: &Value| {
        let event = event.clone();
        let lambda = local.place.lambda();
        async move { lambda.invoke_sync("deploy", event).await.unwrap() }
    };
    // The newer one first and three times at once, then the older one.
    let answers = tokio::join!(deploy(of_new), deploy(of_new), deploy(of_new));
    settled_on(&local, &new).await;
    for answer in [answers.0, answers.1, answers.2, deploy(of_old).await, deploy(of_new).await] {
        assert!(answer.error.is_none(), "{answer:?}");
    }
    let before = everything_written(&local);
    sweep(&local).await;
    assert_eq!(everything_written(&local), before, "quiet is no writes");
    assert!(!decisions(&local).iter().any(|line| line["digest"] == old.as_str()), "{:#?}", decisions(&local));
    // One that overlaps may register and tell the service once more what it runs; ECS starts nothing for that.
    let told = decisions(&local).iter().filter(|line| line["decision"] == "released").count();
    assert!((1..=3).contains(&told) && revisions(&local) <= 1 + told, "{told}: {:#?}", decisions(&local));
    settled_on(&local, &new).await;
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_keeps_throttling_ends_in_a_dead_letter_and_sending_it_again_deploys() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let faults = local.place.wire().faults.clone();
    faults.lock().unwrap().push(Fault {
        service: "ecr".into(),
        operation: "DescribeImages".into(),
        remaining: 10_000,
        kind: FaultKind::Throttle,
    });
    let digest = push(&local, "v1").await;
    let lambda = local.place.lambda();
    // The events of the placeholder's deployment may end there too.
    let of_the_push = |letter: &DeadLetter| letter.payload["detail"]["image-tag"] == stack::TRACKED_TAG;
    let buried = async {
        loop {
            if let Some(letter) = lambda.dead_letters().into_iter().find(of_the_push) {
                return letter;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let letter = tokio::time::timeout(SOON, buried).await.expect("a dead letter");
    assert_eq!((letter.function.as_str(), letter.attempts), ("deploy", 3));
    let error = letter.error.expect("the last error").message;
    assert!(error.contains("ThrottlingException"), "{error}");
    assert_eq!(revisions(&local), 1, "nothing half done");

    faults.lock().unwrap().clear();
    lambda.redrive(&letter.request_id).unwrap();
    settled_on(&local, &digest).await;
    assert_eq!(revisions(&local), 2);
    local.shutdown().await;
}
