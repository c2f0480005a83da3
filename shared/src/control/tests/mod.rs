//! The four steps against a small cloud in memory.

mod alarms;
mod choosing;
mod counts;
mod crowd;
mod deploying;
mod diagnosing;
mod fake;
mod keeping;
mod moving_on;
mod people;
mod people_runs;
mod rehearsing;
mod restoring;
mod returning;
mod running;
mod runs;
mod scaling;
mod template;
mod virtual_time;

use serde_json::json;

use super::act::REJECTIONS;
use super::*;
use crate::cloud::Trouble;
use crate::model::{Digest, Outcome, Rollout, RolloutImage, ServiceStatus, Tags};
use crate::release::OVERLAP;
use fake::{Fake, digest, name, pinned};

fn scope() -> Scope {
    Scope { clusters: vec!["pushboat".into()], repositories: vec!["game".into()] }
}

fn pushed() -> Hint {
    Hint::Image { repository: "game".into(), tag: "main".into() }
}

async fn follow_all(cloud: &Fake, hint: &Hint) -> (Vec<Decision>, Result<(), Unfinished>) {
    let mut decisions = Vec::new();
    let result = follow(cloud, &scope(), hint, &mut |decision| decisions.push(decision)).await;
    (decisions, result)
}

fn actions(decisions: &[Decision]) -> Vec<Action> {
    decisions.iter().map(|decision| decision.decision).collect()
}

#[tokio::test]
async fn a_push_registers_once_updates_once_and_looks_again() {
    let cloud = Fake::new(&[("web", "game:main"), ("other", "game:stable")], 'b');
    let (decisions, result) = follow_all(&cloud, &pushed()).await;
    assert!(result.is_ok());
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);

    let definitions = cloud.definitions.borrow();
    let new = definitions.last().unwrap();
    assert_eq!(new.document["containerDefinitions"][0]["image"], pinned('b'));
    let expected = Tags::from([
        ("team".into(), "arcade".into()),
        ("pushboat:base".into(), "web:1".into()),
        ("pushboat:cause".into(), "push of game:main".into()),
        ("pushboat:image:web".into(), "game:main".into()),
    ]);
    assert_eq!(new.tags, expected);
    assert_eq!(decisions[0].healthy_targets, Some(1));
}

#[tokio::test]
async fn the_same_push_again_writes_nothing() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.writes();
    for hint in [pushed(), Hint::Everything, Hint::Service(name("web"))] {
        let (decisions, _) = follow_all(&cloud, &hint).await;
        assert_eq!(actions(&decisions), [Action::Kept], "{hint}");
    }
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn a_sweep_finds_what_no_event_told() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
}

#[tokio::test]
async fn a_tag_that_moved_during_the_write_is_caught_by_the_second_look() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    *cloud.moves_on_release.borrow_mut() = Some(("game:main".into(), digest('c')));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Released, Action::Kept]);
    assert_eq!(decisions[1].digest.as_deref(), Some(digest('c').as_str()));
}

#[tokio::test]
async fn a_write_that_is_not_visible_yet_is_not_repeated() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    cloud.stale.set(true);
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert!(decisions[1].reason.contains("does not show it yet"));
    assert_eq!(cloud.writes().len(), 2);
}

#[tokio::test]
async fn a_digest_that_was_rolled_back_is_rejected_and_stays_out_until_released() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    let bad = cloud.define("bad", "256", &pinned('b'));
    let images = vec![RolloutImage { container: "web".into(), image: pinned('b'), digest: None }];
    cloud.rollouts.borrow_mut().push(Rollout {
        arn: "r".into(),
        outcome: Outcome::RolledBack,
        reason: "tasks failed to start".into(),
        task_definition_arn: bad.clone(),
        images,
        created_at: None,
        finished_at: None,
    });

    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("web"))).await;
    assert_eq!(actions(&decisions), [Action::Rejected]);
    assert_eq!(
        cloud.writes(),
        ["tag arn:aws:ecs:eu:1:service/pushboat/web".to_owned(), format!("tag {bad}")]
    );
    let key = policy::rejection_key(&digest('b'));
    let value = cloud.services.borrow()[0].tags[&key].clone();
    assert_eq!(value, "2026-11-21T08:00:00Z tasks failed to start Health checks failed");

    for _ in 0..20 {
        let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
        assert_eq!(actions(&decisions), [Action::Kept]);
    }
    assert!(cloud.writes().is_empty());

    // Somebody who read the service before the rejection was written sees no tag, but a fresh mark: no release.
    cloud.services.borrow_mut()[0].tags.remove(&key);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept]);

    // Later, the missing tag is the owner's word that the digest may return.
    cloud.seconds.set(OVERLAP.as_secs() + 1);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
}

#[tokio::test]
async fn only_rejections_of_digests_that_are_gone_make_room() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    for number in 0..REJECTIONS {
        let old: Digest = format!("sha256:{number:064x}").parse().unwrap();
        cloud.images.borrow_mut().insert(format!("game:old{number}"), old.clone());
        cloud.services.borrow_mut()[0]
            .tags
            .insert(policy::rejection_key(&old), "2026-01-01T00:00:00Z x".into());
    }
    let mut log = |_| ();
    let (scope, hint) = (scope(), pushed());
    let shared = Shared::new(&cloud);
    let watch = Watch::new(&cloud, &scope, &hint, &shared, &mut log);
    let service = cloud.services.borrow()[0].clone();
    watch.make_room(&service).await.unwrap();
    assert!(cloud.writes().is_empty(), "a rejection that holds is not forgotten");

    cloud.images.borrow_mut().remove("game:old7");
    watch.make_room(&service).await.unwrap();
    let left = cloud.services.borrow()[0].tags.clone();
    assert_eq!(policy::rejections(&left).count(), REJECTIONS - 1);
    assert!(!left.contains_key(&policy::rejection_key(&format!("sha256:{:064x}", 7).parse().unwrap())));
}

#[tokio::test]
async fn a_release_that_never_reached_the_service_is_not_registered_again() {
    for trouble in [Trouble::Refused, Trouble::Unavailable] {
        let cloud = Fake::new(&[("web", "game:main")], 'b');
        *cloud.failing.borrow_mut() = Some(("UpdateService", trouble));
        for _ in 0..20 {
            let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
            assert_eq!(actions(&decisions), [Action::Failed]);
        }
        assert_eq!(cloud.writes(), ["register"]);
        *cloud.failing.borrow_mut() = None;
        let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
        assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
        assert_eq!(cloud.writes(), ["release pushboat/web"]);
    }
}

#[tokio::test]
async fn two_tracks_of_one_service_make_one_revision() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    cloud.services.borrow_mut()[0].tags.insert("pushboat:track:log".into(), "game:log".into());
    cloud.images.borrow_mut().insert("game:log".into(), digest('d'));
    let log = json!({"name": "log", "image": "public.ecr.aws/log:1"});
    cloud.definitions.borrow_mut()[0].document["containerDefinitions"].as_array_mut().unwrap().push(log);
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);
    let definitions = cloud.definitions.borrow();
    let containers = &definitions.last().unwrap().document["containerDefinitions"];
    assert_eq!(containers[0]["image"], pinned('b'));
    assert_eq!(containers[1]["image"], pinned('d'));
}

#[tokio::test]
async fn trouble_ends_in_a_reason_and_in_an_error_only_where_a_retry_helps() {
    for operation in [
        "ListServices",
        "DescribeTaskDefinition",
        "DescribeImages",
        "ListServiceDeployments",
        "BatchGetImage",
        "RegisterTaskDefinition",
    ] {
        for (trouble, again) in [
            (Trouble::Throttled, true),
            (Trouble::Unavailable, true),
            (Trouble::Refused, false),
            (Trouble::NotFound, false),
        ] {
            let cloud = Fake::new(&[("web", "game:main")], 'b');
            *cloud.failing.borrow_mut() = Some((operation, trouble));
            let (decisions, result) = follow_all(&cloud, &pushed()).await;
            assert_eq!(result.is_err(), again, "{operation} {trouble:?}");
            assert_eq!(actions(&decisions), [Action::Failed]);
            assert_eq!(decisions[0].retry, Some(again));
            assert!(cloud.writes().is_empty(), "nothing half done");
        }
    }
}

#[tokio::test]
async fn one_services_trouble_is_not_anothers() {
    let cloud = Fake::new(&[("a", "game:main"), ("b", "game:main")], 'b');
    cloud.services.borrow_mut()[0].status = ServiceStatus::Draining;
    let (decisions, result) = follow_all(&cloud, &pushed()).await;
    assert!(result.is_ok());
    assert_eq!(actions(&decisions), [Action::Kept, Action::Released, Action::Kept]);
}

#[tokio::test]
async fn what_is_not_allowed_is_not_looked_at() {
    let cloud = Fake::new(&[("web", "game:main"), ("wide", "secret:main"), ("odd", "nonsense")], 'a');
    let foreign = Hint::Image { repository: "secret".into(), tag: "main".into() };
    let elsewhere = Hint::Service(ServiceName { cluster: "other".into(), service: "web".into() });
    for (hint, says) in [(foreign, "'secret' is not one"), (elsewhere, "'other' is not one")] {
        let (decisions, _) = follow_all(&cloud, &hint).await;
        assert_eq!(actions(&decisions), [Action::Ignored]);
        assert!(decisions[0].reason.contains(says), "{}", decisions[0].reason);
    }
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept; 3]);
    assert!(decisions[1].reason.contains("'secret' is not one"));
    assert!(decisions[2].reason.contains("not <repository>:<rule>"));
    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("none"))).await;
    assert_eq!(decisions[0].reason, "there is no such service");
}
