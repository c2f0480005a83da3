//! After a roll-back, the newest revision of the family is a good one again.

use super::*;
use crate::task_definition::BASE;

/// A push of `b` that was rolled back.
async fn rolled_back() -> Fake {
    let cloud = Fake::rolling('b');
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.turns(false);
    cloud.writes();
    cloud
}

#[tokio::test]
async fn the_running_document_is_registered_once_more_by_the_sweep_after_ecs_has_rolled_back() {
    let cloud = rolled_back().await;
    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("web"))).await;
    assert_eq!(actions(&decisions), [Action::Rejected], "ECS is still rolling back");
    cloud.writes();
    cloud.ends(true);

    // Looks on events may overlap, and each would register.
    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("web"))).await;
    assert_eq!(actions(&decisions), [Action::Kept]);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept, Action::Restored]);
    assert_eq!(cloud.writes(), ["register"]);
    let (own, newest) = (cloud.own(), cloud.newest("web"));
    assert_eq!((own.name(), newest.name()), ("web:1", "web:3"));
    assert_eq!(newest.with_images(&[]), own.with_images(&[]));
    assert_eq!(newest.tags, Tags::from([("team".into(), "arcade".into()), (BASE.into(), "web:1".into())]));
    assert_eq!(decisions[1].revision.as_deref(), Some("web:3"));
    assert!(
        decisions[1].reason.starts_with("web:2 is not what should run, so web:1,"),
        "{}",
        decisions[1].reason
    );

    for _ in 0..20 {
        let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
        assert_eq!(actions(&decisions), [Action::Kept]);
    }
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn what_the_template_registered_is_restored_as_a_copy() {
    let cloud = Fake::rolling('a');
    let template = cloud.template("web", "512", &pinned('a'));
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    cloud.ends(true);
    cloud.images.borrow_mut().insert("game:main".into(), digest('b'));
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    cloud.ends(false);
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    let newest = cloud.newest("web");
    assert_eq!(cloud.own().arn, template);
    assert_eq!((newest.name(), newest.is_of_template()), ("web:4", false));
    cloud.writes();
    for _ in 0..20 {
        follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    }
    assert!(cloud.writes().is_empty(), "it is no news from the template");
}

#[tokio::test]
async fn a_stack_update_that_takes_the_restored_revision_changes_nothing_else() {
    let cloud = rolled_back().await;
    cloud.ends(true);
    for _ in 0..2 {
        follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    }
    let newest = cloud.newest("web").arn;
    cloud.release(&name("web"), &newest).await.unwrap();
    cloud.ends(true);
    cloud.writes();
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept]);
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn what_never_reached_the_service_and_is_not_wanted_any_more_does_not_stay_the_newest() {
    let cloud = Fake::rolling('b');
    *cloud.failing.borrow_mut() = Some(("UpdateService", Trouble::Unavailable));
    follow_all(&cloud, &pushed()).await.1.unwrap_err();
    *cloud.failing.borrow_mut() = None;
    cloud.images.borrow_mut().insert("game:main".into(), digest('a'));
    cloud.writes();
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept, Action::Restored]);
    assert_eq!(cloud.newest("web").with_images(&[]), cloud.own().with_images(&[]));
    cloud.writes();
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn a_newer_push_needs_no_restoring() {
    let cloud = rolled_back().await;
    cloud.ends(true);
    cloud.images.borrow_mut().insert("game:main".into(), digest('c'));
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);
}

#[tokio::test]
async fn a_digest_that_the_owner_lets_return_is_registered_anew_and_may_fail_once_more() {
    let cloud = rolled_back().await;
    for round in 1..=3 {
        // The rejection is written while ECS rolls back, so the failed revision is still the newest.
        follow_all(&cloud, &Hint::Everything).await.1.unwrap();
        let key = policy::rejection_key(&digest('b'));
        assert!(cloud.services.borrow_mut()[0].tags.remove(&key).is_some(), "rejected in round {round}");
        cloud.seconds.set(round * (OVERLAP.as_secs() + 1));
        cloud.writes();
        follow_all(&cloud, &Hint::Everything).await.1.unwrap();
        assert_eq!(cloud.writes(), ["register", "release pushboat/web"], "round {round}");
        cloud.turns(false);
    }
}

#[tokio::test]
async fn restoring_that_fails_is_tried_again() {
    let cloud = rolled_back().await;
    cloud.ends(true);
    *cloud.failing.borrow_mut() = Some(("RegisterTaskDefinition", Trouble::Throttled));
    let (decisions, result) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Rejected, Action::Failed]);
    assert!(result.is_err());
    *cloud.failing.borrow_mut() = None;
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept, Action::Restored]);
}
