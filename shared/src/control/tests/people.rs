//! What a person does in between, and what he asks for.

use super::*;
use crate::hold::{HOLD, Length, Wanted};
use crate::model::{Pause, Progress};
use crate::others::RESUME;
use crate::overlap::OVERLAP as OVERLAP_TAG;
use crate::rollback::To;
use crate::task_definition::{BASE, TEMPLATE};

const BY: &str = "ann";

pub(super) fn web() -> ServiceName {
    name("web")
}

/// `a` and then `b` were released and run well; ten minutes lie between.
pub(super) async fn two_releases() -> Fake {
    let cloud = two_releases_told().await;
    cloud.announced.borrow_mut().clear();
    cloud
}

/// What others were told since.
fn told(cloud: &Fake) -> Vec<&'static str> {
    cloud.announced.borrow().iter().map(|it| it.detail_type).collect()
}

async fn two_releases_told() -> Fake {
    let cloud = Fake::rolling('a');
    for letter in ['c', 'b'] {
        cloud.pass(600);
        cloud.push("main", &digest(letter));
        follow_all(&cloud, &pushed()).await.1.unwrap();
        cloud.ends(true);
    }
    cloud.writes();
    cloud.pass(600);
    cloud
}

pub(super) async fn sweep(cloud: &Fake) -> Vec<Decision> {
    let (decisions, result) = follow_all(cloud, &Hint::Everything).await;
    result.unwrap();
    decisions
}

pub(super) fn runs(cloud: &Fake) -> String {
    cloud.own().document["containerDefinitions"][0]["image"].as_str().unwrap().to_owned()
}

pub(super) fn set(cloud: &Fake, key: &str, value: &str) {
    cloud.services.borrow_mut()[0].tags.insert(key.into(), value.into());
}

pub(super) async fn roll_back(cloud: &Fake, to: Option<To>) -> (Vec<Decision>, Result<(), Undone>) {
    let mut decisions = Vec::new();
    let mut log = |decision| decisions.push(decision);
    let result = rollback(cloud, &scope(), &web(), to.as_ref(), BY, &mut log).await;
    (decisions, result)
}

pub(super) async fn rests(cloud: &Fake) {
    for _ in 0..3 {
        sweep(cloud).await;
        cloud.ends(true);
        cloud.pass(60);
    }
    cloud.writes();
    for _ in 0..20 {
        sweep(cloud).await;
        cloud.pass(60);
    }
    assert!(cloud.writes().is_empty(), "quiet is no writes");
}

#[tokio::test]
async fn what_a_person_deploys_is_left_alone_until_the_next_push() {
    let cloud = two_releases().await;
    let theirs = cloud.person("512", "elsewhere.example/game:hotfix");
    cloud.definitions.borrow_mut().last_mut().unwrap().document["containerDefinitions"][0]["image"] =
        json!(pinned('f'));
    cloud.update_service(&theirs);
    cloud.ends(true);
    for _ in 0..20 {
        let decisions = sweep(&cloud).await;
        assert_eq!(actions(&decisions), [Action::Kept]);
        let reason = &decisions[0].reason;
        assert!(
            reason.contains("diverged: web:4 was deployed (registered by arn:aws:iam::1:user/ann)"),
            "{reason}"
        );
    }
    assert!(cloud.writes().is_empty());

    cloud.pass(60);
    cloud.push("main", &digest('d'));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert_eq!((runs(&cloud), cloud.own().document["cpu"].as_str()), (pinned('d'), Some("512")));
    assert_eq!(cloud.own().tags[BASE], "web:4");
}

#[tokio::test]
async fn resume_puts_the_tracked_image_back_and_holds_for_that_revision_only() {
    let cloud = two_releases().await;
    let theirs = cloud.person("512", &pinned('f'));
    cloud.update_service(&theirs);
    cloud.ends(true);
    let mut decisions = Vec::new();
    resume(&cloud, &scope(), &web(), BY, &mut |decision| decisions.push(decision)).await.unwrap();
    assert_eq!(actions(&decisions), [Action::Lifted, Action::Released, Action::Kept]);
    assert!(decisions[1].hint.contains("request of ann about pushboat/web"));
    assert_eq!(runs(&cloud), pinned('b'));
    assert_eq!(cloud.tag_of_service(RESUME).as_deref(), Some("web:4"));
    cloud.ends(true);

    let mut decisions = Vec::new();
    resume(&cloud, &scope(), &web(), BY, &mut |decision| decisions.push(decision)).await.unwrap();
    assert_eq!(actions(&decisions)[0], Action::Kept, "there is nothing to resume");
    let again = cloud.person("512", &pinned('f'));
    cloud.update_service(&again);
    cloud.ends(true);
    let decisions = sweep(&cloud).await;
    assert!(decisions[0].reason.contains("diverged"), "{decisions:?}");
}

#[tokio::test]
async fn what_fails_after_a_person_deployed_does_not_stay_the_newest() {
    let cloud = two_releases().await;
    let theirs = cloud.person("512", &pinned('f'));
    cloud.update_service(&theirs);
    cloud.ends(true);
    cloud.pass(60);
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    // An overlapping instance has registered the same once more, and got no further.
    let failed = cloud.own();
    let surplus = cloud.define("web", "512", &pinned('d'));
    cloud.definitions.borrow_mut().last_mut().unwrap().tags = failed.tags.clone();
    cloud.ends(false);
    rests(&cloud).await;
    assert_eq!(cloud.own().arn, theirs);
    assert_ne!(cloud.newest("web").arn, surplus);
    assert_eq!(cloud.newest("web").with_images(&[]), cloud.own().with_images(&[]));
}

#[tokio::test]
async fn the_template_after_a_person_has_the_last_word() {
    let cloud = two_releases().await;
    let theirs = cloud.person("512", &pinned('f'));
    cloud.update_service(&theirs);
    cloud.ends(true);
    sweep(&cloud).await;
    cloud.template("web", "1024", &pinned('a'));
    sweep(&cloud).await;
    assert_eq!((runs(&cloud), cloud.own().document["cpu"].as_str()), (pinned('b'), Some("1024")));
}

#[tokio::test]
async fn an_older_release_that_a_person_puts_back_stays_and_what_he_left_is_rejected() {
    let cloud = two_releases().await;
    cloud.update_service(&fake::arn("web:2"));
    let decisions = sweep(&cloud).await;
    assert!(decisions[0].reason.contains("web:2 was put back a moment ago"), "{decisions:?}");
    cloud.pass(20);
    let decisions = sweep(&cloud).await;
    assert_eq!(actions(&decisions), [Action::Rejected]);
    let reason = &decisions[0].reason;
    assert!(
        reason.starts_with("game:main does not return by itself: rolled back by hand to web:2"),
        "{reason}"
    );
    let value = cloud.tag_of_service(&policy::rejection_key(&digest('b'))).unwrap();
    assert!(value.contains("rolled back by hand to web:2"), "{value}");
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('c'));
    assert_eq!(cloud.newest("web").with_images(&[]), cloud.own().with_images(&[]), "a stack may take it");

    let mut decisions = Vec::new();
    let log = &mut |decision| decisions.push(decision);
    release_digest(&cloud, &scope(), &web(), &digest('b'), BY, log).await.unwrap();
    assert_eq!(actions(&decisions), [Action::Lifted, Action::Released, Action::Kept]);
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn going_back_on_demand_to_the_templates_own_revision_is_no_stack_update() {
    let cloud = two_releases().await;
    cloud.definitions.borrow_mut()[0].tags.insert(TEMPLATE.into(), "stack".into());
    roll_back(&cloud, Some(To::Revision("web:1".into()))).await.1.unwrap();
    assert_eq!(cloud.own().name(), "web:1");
    let decisions = sweep(&cloud).await;
    assert_eq!(actions(&decisions), [Action::Kept], "{decisions:?}");
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('a'));
    // Much later a stack sends that revision again: now it is the stack's word.
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.ends(true);
    cloud.update_service(&fake::arn("web:1"));
    sweep(&cloud).await;
    assert_eq!(runs(&cloud), pinned('d'));
}

#[tokio::test]
async fn going_back_to_a_revision_that_names_a_tag_runs_what_it_ran() {
    let cloud = two_releases().await;
    let image = format!("{}:main", pinned('a').split('@').next().unwrap());
    cloud.definitions.borrow_mut()[0].document["containerDefinitions"][0]["image"] = json!(image);
    {
        let mut rollouts = cloud.rollouts.borrow_mut();
        let first = rollouts.last_mut().unwrap();
        (first.images[0].image, first.images[0].digest) = (image, Some(digest('a')));
    }
    roll_back(&cloud, Some(To::Revision("web:1".into()))).await.1.unwrap();
    assert_eq!((runs(&cloud), cloud.own().tags[BASE].as_str()), (pinned('a'), "web:1"));
    cloud.ends(true);
    let (decisions, _) = roll_back(&cloud, None).await;
    assert_eq!(actions(&decisions), [Action::Kept], "asking twice is asking once: {decisions:?}");
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('a'));
}

#[tokio::test]
async fn what_is_the_very_same_is_nowhere_to_go_back_to() {
    let cloud = two_releases().await;
    // Web:1 names a tag that means b by now. A stack sends it again, and Pushboat pins what it runs.
    let image = format!("{}:main", pinned('b').split('@').next().unwrap());
    cloud.definitions.borrow_mut()[0].document["containerDefinitions"][0]["image"] = json!(image);
    cloud.update_service(&fake::arn("web:1"));
    {
        let mut rollouts = cloud.rollouts.borrow_mut();
        let first = rollouts.first_mut().unwrap();
        (first.images[0].image, first.images[0].digest) = (image, Some(digest('b')));
    }
    cloud.ends(true);
    cloud.pass(600);
    let own = cloud.definitions.borrow()[0].clone();
    let again =
        cloud.add(own.pinned(&[("web".into(), digest('b'))]), Tags::from([(BASE.into(), "web:1".into())]));
    cloud.update_service(&again);
    cloud.ends(true);
    cloud.pass(600);
    let (decisions, done) = roll_back(&cloud, None).await;
    done.unwrap();
    assert_eq!(actions(&decisions), [Action::Rejected, Action::RolledBack], "{decisions:#?}");
    assert_eq!(runs(&cloud), pinned('c'), "what ran before, and not the same under another number");
}

#[tokio::test]
async fn what_was_released_while_somebody_went_back_is_due() {
    let cloud = two_releases().await;
    roll_back(&cloud, None).await.1.unwrap();
    assert_eq!(cloud.own().name(), "web:2");
    // An overlapping invocation had released a newer image a moment before the roll-back was carried out.
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.update_service(&fake::arn("web:2"));
    sweep(&cloud).await;
    assert_eq!(runs(&cloud), pinned('d'));
    assert!(cloud.tag_of_service(&policy::rejection_key(&digest('d'))).is_none());
}

#[tokio::test]
async fn what_an_overlapping_invocation_writes_late_is_repaired_and_nothing_is_rejected() {
    let cloud = two_releases().await;
    // Both were decided on within seconds, and the older one was written last.
    let late = cloud.define("web", "256", &pinned('d'));
    cloud.definitions.borrow_mut().last_mut().unwrap().tags = Tags::from([(BASE.into(), "web:3".into())]);
    cloud.pass(3);
    cloud.push("main", &digest('e'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.pass(3);
    cloud.update_service(&late);
    sweep(&cloud).await;
    assert_eq!(runs(&cloud), pinned('e'));
    assert!(policy::rejections(&cloud.services.borrow()[0].tags).next().is_none());
}

#[tokio::test]
async fn on_demand_the_service_goes_back_and_what_it_leaves_is_rejected_first() {
    let cloud = two_releases().await;
    let (decisions, result) = roll_back(&cloud, None).await;
    result.unwrap();
    assert_eq!(actions(&decisions), [Action::Rejected, Action::RolledBack]);
    let writes = cloud.writes();
    assert!(writes[0].starts_with("tag arn:aws:ecs:eu:1:service/"), "{writes:?}");
    assert_eq!(writes.last().unwrap(), "release pushboat/web");
    assert_eq!(runs(&cloud), pinned('c'));
    assert!(decisions[1].reason.contains("rolled back by ann to web:2, from web:3"), "{decisions:?}");
    assert!(
        cloud.tag_of_service(&policy::rejection_key(&digest('b'))).unwrap().contains("rolled back by ann")
    );

    for ended in [false, true] {
        if ended {
            cloud.ends(true);
        }
        let (decisions, result) = roll_back(&cloud, None).await;
        assert!(result.is_ok() && actions(&decisions) == [Action::Kept], "{decisions:?}");
    }
    assert!(cloud.writes().is_empty(), "asking twice is asking once");
    // Nothing failed, and arriving where the service was before is no release.
    let completed = Hint::Completed { service: web(), deployment_id: "ecs-svc/1".into() };
    follow_all(&cloud, &completed).await.1.unwrap();
    assert_eq!(told(&cloud), ["Pushboat Release Rejected", "Pushboat Release Rolled Back"]);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('c'));
}

#[tokio::test]
async fn what_an_overlapping_invocation_releases_again_is_left_again() {
    let cloud = two_releases().await;
    let left = cloud.own().arn;
    roll_back(&cloud, None).await.1.unwrap();
    cloud.ends(true);
    cloud.pass(20);
    cloud.update_service(&left);
    let decisions = sweep(&cloud).await;
    assert!(actions(&decisions).contains(&Action::RolledBack), "{decisions:?}");
    assert_eq!(runs(&cloud), pinned('c'));
    cloud.ends(true);
    rests(&cloud).await;

    // Later it is somebody who means it.
    cloud.pass(OVERLAP.as_secs());
    cloud.update_service(&left);
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn what_ecs_rolls_back_to_after_it_was_left_is_left_again() {
    let cloud = two_releases().await;
    roll_back(&cloud, None).await.1.unwrap();
    cloud.pass(20);
    // Before that has completed something worse is pushed, and ECS goes back to what completed last.
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.pass(60);
    cloud.ends(false);
    assert_eq!(runs(&cloud), pinned('b'), "the world of the test");
    let decisions = sweep(&cloud).await;
    assert!(actions(&decisions).contains(&Action::RolledBack), "{decisions:?}");
    assert_eq!(runs(&cloud), pinned('c'));
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('c'));
}

#[tokio::test]
async fn where_going_back_fails_what_was_left_stays() {
    let cloud = two_releases().await;
    roll_back(&cloud, None).await.1.unwrap();
    cloud.pass(20);
    cloud.ends(false);
    assert_eq!(runs(&cloud), pinned('b'), "the world of the test");
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

/// Two people at once, one of whom lets return what the other leaves.
#[tokio::test]
async fn what_is_left_is_rejected_once_more_where_it_was_rejected_before() {
    let cloud = two_releases().await;
    set(&cloud, &policy::rejection_key(&digest('b')), "2026-11-21T08:00:00Z tasks failed");
    roll_back(&cloud, None).await.1.unwrap();
    let service = "tag arn:aws:ecs:eu:1:service/pushboat/web";
    assert_eq!(cloud.writes()[0], service);
    let why = cloud.tag_of_service(&policy::rejection_key(&digest('b')));
    assert_eq!(why.as_deref(), Some("2026-11-21T08:30:00Z tasks failed"), "from now on");
    // Pushboat itself does not: whoever lifts it in this moment means it.
    let left = fake::arn("web:3");
    cloud.ends(true);
    cloud.pass(20);
    cloud.update_service(&left);
    cloud.writes();
    assert!(actions(&sweep(&cloud).await).contains(&Action::RolledBack));
    assert!(!cloud.writes().iter().any(|write| write == service));
}

#[tokio::test]
async fn a_deployment_that_runs_is_stopped() {
    let cloud = two_releases().await;
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.writes();
    let (_, result) = roll_back(&cloud, None).await;
    result.unwrap();
    assert_eq!(cloud.writes().last().unwrap(), "stop rollout/3");
    let (decisions, _) = roll_back(&cloud, None).await;
    assert_eq!(actions(&decisions), [Action::Kept], "{decisions:?}");
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn where_it_cannot_be_stopped_the_service_is_updated() {
    for (trouble, retry) in [(Trouble::Refused, false), (Trouble::Throttled, true)] {
        let cloud = two_releases().await;
        cloud.push("main", &digest('d'));
        follow_all(&cloud, &pushed()).await.1.unwrap();
        *cloud.failing.borrow_mut() = Some(("StopServiceDeployment", trouble));
        let (decisions, result) = roll_back(&cloud, None).await;
        assert_eq!(result.is_err(), retry);
        if retry {
            assert_eq!(decisions.last().unwrap().retry, Some(true));
            *cloud.failing.borrow_mut() = None;
            roll_back(&cloud, None).await.1.unwrap();
            cloud.ends(true);
        }
        assert_eq!(runs(&cloud), pinned('b'));
    }
}

#[tokio::test]
async fn what_the_template_changed_since_is_left_too() {
    let cloud = two_releases().await;
    cloud.template("web", "1024", &pinned('a'));
    sweep(&cloud).await;
    cloud.ends(true);
    cloud.pass(600);
    roll_back(&cloud, None).await.1.unwrap();
    cloud.ends(true);
    assert_eq!((runs(&cloud), cloud.own().document["cpu"].as_str()), (pinned('b'), Some("256")));
    rests(&cloud).await;
    assert_eq!(cloud.own().document["cpu"].as_str(), Some("256"));
    assert!(cloud.tag_of_service(policy::PASSED_OVER).unwrap().starts_with("web:4 "));
}

#[tokio::test]
async fn a_named_release_may_be_far_back_and_deregistered() {
    let cloud = two_releases().await;
    cloud.definitions.borrow_mut()[0].document.insert("status".into(), json!("INACTIVE"));
    roll_back(&cloud, Some(To::Digest(digest('a')))).await.1.unwrap();
    assert_eq!((runs(&cloud), cloud.own().name()), (pinned('a'), "web:4"));
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('a'));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_a_reason() {
    let only = Fake::rolling('a');
    let elsewhere = ServiceName { cluster: "other".into(), service: "web".into() };
    let (decisions, result) = roll_back(&only, None).await;
    assert!(result.unwrap_err().to_string().contains("nothing to go back to"));
    assert_eq!(actions(&decisions), [Action::Kept]);
    let none = rollback(&only, &scope(), &name("none"), None, BY, &mut |_| ()).await;
    assert!(matches!(none, Err(Undone::NoService(_))));
    let other = rollback(&only, &scope(), &elsewhere, None, BY, &mut |_| ()).await;
    assert!(matches!(other, Err(Undone::NotAllowed(_))));
    only.services.borrow_mut()[0].managed_by_ecs = true;
    assert!(matches!(roll_back(&only, None).await.1, Err(Undone::Refused(_))));
    assert!(only.writes().is_empty());
}

#[tokio::test]
async fn a_hold_withholds_releases_and_nothing_else() {
    for cluster in [false, true] {
        let cloud = two_releases().await;
        let length = Length::For(jiff::SignedDuration::from_mins(30));
        let held = Wanted { length, by: BY.into(), reason: "big sale".into() };
        let mut decisions = Vec::new();
        let log = &mut |decision| decisions.push(decision);
        match cluster {
            false => hold(&cloud, &scope(), &web(), &held, log).await.unwrap(),
            true => hold_cluster(&cloud, &scope(), "pushboat", &held, log).await.unwrap(),
        }
        assert_eq!(actions(&decisions), [Action::Held]);
        cloud.writes();
        cloud.push("main", &digest('d'));
        for hint in [pushed(), Hint::Everything, Hint::Service(web())] {
            let (decisions, _) = follow_all(&cloud, &hint).await;
            assert_eq!(actions(&decisions), [Action::Kept]);
            let reason = &decisions[0].reason;
            assert!(
                reason.contains("game:main is due, but") && reason.contains("held by ann until"),
                "{reason}"
            );
        }
        assert!(cloud.writes().is_empty());
        // A cluster's hold is no service's; that an image is withheld is said once, to whoever pushed.
        let held = if cluster { &[][..] } else { &["Pushboat Releases Held"] };
        assert_eq!(told(&cloud), [held, &["Pushboat Release Withheld"]].concat());

        // It ends by itself. Nobody removes it, because a newer one may have come in between.
        cloud.pass(31 * 60);
        let decisions = sweep(&cloud).await;
        assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
        assert_eq!(runs(&cloud), pinned('d'));
        assert!(!cloud.writes().iter().any(|write| write.starts_with("untag")));
    }
}

#[tokio::test]
async fn while_held_failures_are_written_down_and_a_person_goes_back() {
    let cloud = two_releases().await;
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    set(&cloud, HOLD, "- ann sale");
    cloud.turns(false);
    let decisions = sweep(&cloud).await;
    assert_eq!(actions(&decisions), [Action::Rejected]);
    cloud.ends(true);
    assert_eq!(actions(&sweep(&cloud).await), [Action::Kept, Action::Restored]);
    roll_back(&cloud, Some(To::Digest(digest('c')))).await.1.unwrap();
    assert_eq!(runs(&cloud), pinned('c'));
}

#[tokio::test]
async fn what_nobody_can_read_holds_and_says_so() {
    for (key, value, says) in [
        (HOLD, "next week", "a hold keeps it that nobody can read: the tag pushboat:hold is 'next week'"),
        (OVERLAP_TAG, "sometimes", "the tag pushboat:overlap is 'sometimes', not supersede or wait"),
    ] {
        let cloud = two_releases().await;
        set(&cloud, key, value);
        cloud.push("main", &digest('d'));
        let decisions = sweep(&cloud).await;
        assert_eq!(actions(&decisions), [Action::Kept]);
        assert!(decisions[0].reason.contains(says), "{}", decisions[0].reason);
        assert!(cloud.writes().is_empty());
    }
}

#[tokio::test]
async fn a_hold_that_is_lifted_lets_what_is_due_out_at_once() {
    let cloud = two_releases().await;
    set(&cloud, HOLD, "- ann sale");
    cloud.push("main", &digest('d'));
    sweep(&cloud).await;
    let mut decisions = Vec::new();
    unhold(&cloud, &scope(), &web(), BY, &mut |decision| decisions.push(decision)).await.unwrap();
    assert_eq!(actions(&decisions), [Action::Lifted, Action::Released, Action::Kept]);
    let past = Length::Until("1999-01-01T00:00:00Z".parse().unwrap());
    for (length, reason) in [(past, "x"), (Length::UntilLifted, " ")] {
        let wanted = Wanted { length, by: BY.into(), reason: reason.into() };
        let refused = hold(&cloud, &scope(), &web(), &wanted, &mut |_| ()).await;
        assert!(matches!(refused, Err(Undone::NotAHold(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn overlap_wait_lets_a_deployment_end_first() {
    let cloud = two_releases().await;
    set(&cloud, OVERLAP_TAG, "wait");
    cloud.push("main", &digest('d'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.writes();
    cloud.push("main", &digest('e'));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert!(decisions[0].reason.contains("a deployment is under way"), "{decisions:?}");
    assert!(cloud.writes().is_empty());
    assert_eq!(told(&cloud), ["Pushboat Release Started"], "it goes on by itself, so it is not withheld");
    cloud.ends(true);
    let (decisions, _) = follow_all(&cloud, &Hint::Service(web())).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert_eq!(runs(&cloud), pinned('e'));
}

#[tokio::test]
async fn under_a_stream_of_pushes_roll_outs_complete() {
    let cloud = two_releases().await;
    let (mut completed, mut seconds) = (0, 0);
    while seconds < 3_600 {
        let pushed_digest: Digest = format!("sha256:{seconds:064x}").parse().unwrap();
        cloud.push("main", &pushed_digest);
        follow_all(&cloud, &pushed()).await.1.unwrap();
        cloud.pass(10);
        seconds += 10;
        let took = cloud.rollouts.borrow()[0].created_at.map(|at| cloud.now().unwrap().duration_since(at));
        let under_way = cloud.rollouts.borrow()[0].outcome == Outcome::UnderWay;
        if under_way && took.is_some_and(|took| took.as_secs() >= 120) {
            cloud.ends(true);
            completed += 1;
        }
    }
    assert!(completed >= 15, "{completed}");
    cloud.ends(true);
    sweep(&cloud).await;
    cloud.ends(true);
    assert_eq!(runs(&cloud), format!("{}@{}", fake::URI, cloud.images.borrow()["game:main"]), "the newest");
}

/// As [`two_releases`], with a strategy of which a service tells no state.
async fn native() -> Fake {
    let cloud = Fake::rolling('a');
    cloud.is_native.set(true);
    cloud.begin_again();
    cloud.pass(600);
    cloud.push("main", &digest('b'));
    cloud
}

#[tokio::test]
async fn a_deployment_in_stages_is_followed_and_continued() {
    let cloud = native().await;
    let pause = Pause { hook_id: "hook-1".into(), until: None, then: None };
    *cloud.progress.borrow_mut() = Progress { stage: Some("POST_SCALE_UP".into()), pauses: vec![pause] };
    follow_all(&cloud, &pushed()).await.1.unwrap();
    let decisions = sweep(&cloud).await;
    assert_eq!(actions(&decisions), [Action::Kept, Action::Kept]);
    assert!(decisions[0].reason.contains("at POST_SCALE_UP; the hook hook-1 waits"), "{decisions:?}");
    assert!(decisions[1].reason.contains("is rolling out"), "{decisions:?}");

    let go_on = async |named: Option<&str>| {
        let mut decisions = Vec::new();
        let log = &mut |decision| decisions.push(decision);
        let result = continue_deployment(&cloud, &scope(), &web(), named, BY, log).await;
        (actions(&decisions), result)
    };
    assert!(go_on(Some("hook-2")).await.1.unwrap_err().to_string().contains("no hook 'hook-2' waits"));
    cloud.writes();
    assert_eq!(go_on(None).await.0, [Action::Continued]);
    assert_eq!(cloud.writes(), ["continue hook-1"]);
    assert_eq!(told(&cloud).last(), Some(&"Pushboat Release Continued"));
    assert!(go_on(None).await.1.is_err(), "nothing waits any more");
    cloud.ends(true);
    assert!(go_on(None).await.1.unwrap_err().to_string().contains("no deployment is under way"));
    let decisions = sweep(&cloud).await;
    assert!(decisions[0].reason.contains("the service runs"), "{decisions:?}");
}

#[tokio::test]
async fn after_a_native_roll_back_the_newest_revision_is_a_good_one_again() {
    let cloud = native().await;
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.turns(false);
    assert_eq!(actions(&sweep(&cloud).await), [Action::Rejected], "still rolling back");
    cloud.ends(true);
    assert_eq!(actions(&sweep(&cloud).await), [Action::Kept, Action::Restored]);
    rests(&cloud).await;
    assert_eq!(cloud.newest("web").with_images(&[]), cloud.own().with_images(&[]));
}
