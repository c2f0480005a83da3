//! What was rejected comes back by nobody's wish: released late by an invocation that overlaps, rolled back to by ECS, sent
//! by a stack, or as the newest revision of the family.

use super::people::{rests, roll_back, runs, set, sweep, two_releases, web};
use super::*;
use crate::rollback::To;
use crate::task_definition::{BASE, TEMPLATE};

/// Pushes `d`, whose roll-out begins, and returns its revision.
async fn under_way() -> (Fake, String) {
    let cloud = two_releases().await;
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    let left = cloud.own().arn;
    (cloud, left)
}

#[tokio::test]
async fn what_was_left_is_left_again_whoever_has_written_why_it_was_rejected() {
    let (cloud, left) = under_way().await;
    roll_back(&cloud, None).await.1.unwrap();
    cloud.ends(false);
    assert_eq!(runs(&cloud), pinned('b'), "the world of the test");
    // Of two that overlap one takes it for a failure, and the other releases it once more.
    let failed = format!("{} Service deployment rolled back", cloud.now().unwrap());
    set(&cloud, &policy::rejection_key(&digest('d')), &failed);
    cloud.pass(20);
    cloud.update_service(&left);
    let decisions = sweep(&cloud).await;
    assert!(actions(&decisions).contains(&Action::RolledBack), "{decisions:?}");
    cloud.ends(false);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn what_failed_and_is_released_late_does_not_stay() {
    let (cloud, failed) = under_way().await;
    cloud.ends(false);
    sweep(&cloud).await;
    cloud.pass(20);
    cloud.update_service(&failed);
    // No circuit breaker would end it.
    let decisions = sweep(&cloud).await;
    assert!(actions(&decisions).contains(&Action::RolledBack), "{decisions:?}");
    assert_eq!(runs(&cloud), pinned('b'));
    cloud.ends(false);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn what_a_stack_takes_by_the_family_alone_before_a_sweep_is_left_again() {
    let (cloud, left) = under_way().await;
    roll_back(&cloud, None).await.1.unwrap();
    cloud.pass(150);
    cloud.update_service(&left);
    // Something newer is due, but nothing may be released.
    cloud.push("main", &digest('e'));
    set(&cloud, crate::hold::HOLD, "forever: a sale");
    let decisions = sweep(&cloud).await;
    assert!(actions(&decisions).contains(&Action::RolledBack), "{decisions:?}");
    cloud.ends(false);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn what_somebody_puts_back_although_a_newer_revision_is_there_stays() {
    let (cloud, left) = under_way().await;
    roll_back(&cloud, None).await.1.unwrap();
    cloud.ends(false);
    cloud.pass(150);
    sweep(&cloud).await;
    cloud.pass(300);
    cloud.update_service(&left);
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(cloud.own().arn, left, "the sweep had registered the good document again");
}

/// Its deployment began before it was rejected, however often somebody starts the tasks anew.
#[tokio::test]
async fn what_failed_in_place_and_is_forced_stays_where_it_is() {
    let (cloud, failed) = under_way().await;
    cloud.pass(300);
    let now = cloud.now().unwrap();
    set(&cloud, &policy::rejection_key(&digest('d')), &format!("{now} tasks failed"));
    cloud.pass(20);
    cloud.update_service(&failed);
    sweep(&cloud).await;
    assert_eq!(cloud.own().arn, failed);
}

#[tokio::test]
async fn a_revision_of_the_template_does_not_take_along_what_was_left() {
    let cloud = two_releases().await;
    roll_back(&cloud, None).await.1.unwrap();
    cloud.pass(20);
    // Before that has completed both the template and a push bring something, and ECS goes back to what completed last.
    cloud.template("web", "512", &pinned('b'));
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.pass(60);
    cloud.ends(false);
    assert_eq!(runs(&cloud), pinned('b'), "the world of the test");
    let decisions = sweep(&cloud).await;
    assert!(actions(&decisions).contains(&Action::RolledBack), "{decisions:?}");
    cloud.ends(true);
    for _ in 0..3 {
        cloud.pass(60);
        sweep(&cloud).await;
        cloud.ends(true);
    }
    rests(&cloud).await;
    assert_eq!((runs(&cloud), cloud.own().document["cpu"].as_str()), (pinned('c'), Some("512")));
}

#[tokio::test]
async fn what_was_gone_back_to_returns_after_the_stack_sent_an_older_revision() {
    let cloud = two_releases().await;
    let first = cloud.definitions.borrow()[0].arn.clone();
    cloud.definitions.borrow_mut()[0].tags.insert(TEMPLATE.into(), "stack".into());
    cloud.push("kept", &digest('c'));
    roll_back(&cloud, None).await.1.unwrap();
    cloud.pass(2);
    cloud.update_service(&first);
    cloud.ends(true);
    cloud.pass(60);
    sweep(&cloud).await;
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('c'), "a is older, b was left");
}

#[tokio::test]
async fn the_template_waits_until_it_is_known_who_sent_an_older_revision() {
    let cloud = two_releases().await;
    let first = cloud.definitions.borrow()[0].arn.clone();
    cloud.definitions.borrow_mut()[0].tags.insert(TEMPLATE.into(), "stack".into());
    cloud.push("kept", &digest('c'));
    roll_back(&cloud, None).await.1.unwrap();
    cloud.ends(true);
    cloud.pass(600);
    // A stack's update registers a revision with the live image, while an earlier one is still carried out.
    cloud.template("web", "512", &pinned('c'));
    cloud.update_service(&first);
    cloud.writes();
    let decisions = sweep(&cloud).await;
    assert!(cloud.writes().is_empty(), "{decisions:?}");
    let reason = &decisions.last().unwrap().reason;
    assert!(reason.contains("web:4 waits until it can be known who put web:1 back"), "{reason}");
    cloud.pass(60);
    sweep(&cloud).await;
    assert_eq!(cloud.own().name(), "web:4", "a is older");
    cloud.ends(true);
    rests(&cloud).await;
}

/// The second time ECS goes there by itself, so that no roll-out is as young as the mark.
#[tokio::test]
async fn what_was_asked_for_twice_is_no_stack_update() {
    let cloud = two_releases().await;
    cloud.definitions.borrow_mut()[0].tags.insert(TEMPLATE.into(), "stack".into());
    cloud.push("kept", &digest('c'));
    roll_back(&cloud, Some(To::Digest(digest('a')))).await.1.unwrap();
    cloud.ends(true);
    cloud.pass(600);
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.pass(20);
    roll_back(&cloud, None).await.1.unwrap();
    assert!(cloud.writes().iter().any(|write| write.starts_with("stop ")));
    cloud.ends(true);
    cloud.pass(60);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('a'), "c ran before the first time");
}

#[tokio::test]
async fn a_copy_that_came_too_late_for_a_person_does_not_stay_the_newest() {
    let cloud = two_releases().await;
    let theirs = cloud.person("512", &pinned('a'));
    cloud.update_service(&theirs);
    cloud.ends(true);
    cloud.define("web", "256", &pinned('d'));
    cloud.definitions.borrow_mut().last_mut().unwrap().tags = Tags::from([(BASE.into(), "web:3".into())]);
    let decisions = sweep(&cloud).await;
    assert_eq!(actions(&decisions), [Action::Kept, Action::Restored], "{decisions:?}");
    assert_eq!(cloud.newest("web").with_images(&[]), cloud.own().with_images(&[]));
    assert_eq!(cloud.own().arn, theirs);
    rests(&cloud).await;
    let completed = Hint::Completed { service: web(), deployment_id: "ecs-svc/1".into() };
    follow_all(&cloud, &completed).await.1.unwrap();
    assert_eq!(cloud.own().arn, theirs, "it still is what a person deployed");
}
