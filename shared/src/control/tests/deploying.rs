//! A person asks for an image by its name.

use super::people::{rests, roll_back, runs, set, sweep, two_releases, web};
use super::*;
use crate::base::Revisions;
use crate::cloud::Reference;
use crate::control::ask::deploy::Wanted;
use crate::hold::HOLD;
use crate::overlap::OVERLAP as OVERLAP_TAG;
use crate::release::{Candidate, Cause};
use crate::task_definition::ASKED;

async fn ask(cloud: &Fake, image: Reference) -> (Vec<Decision>, Result<(), Undone>) {
    let mut decisions = Vec::new();
    let wanted = Wanted { image, container: None };
    let done = deploy(cloud, &scope(), &web(), &wanted, "ann", &mut |it| decisions.push(it)).await;
    (decisions, done)
}

fn tag(tag: &str) -> Reference {
    Reference::Tag(tag.to_owned())
}

#[tokio::test]
async fn an_image_that_nobody_follows_stays_until_the_next_push() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    cloud.pass(60);
    let (decisions, done) = ask(&cloud, tag("hotfix")).await;
    done.unwrap();
    assert_eq!(actions(&decisions), [Action::Released]);
    assert!(
        decisions[0].reason.starts_with("game:hotfix was asked for by ann; the service ran "),
        "{decisions:?}"
    );
    assert!(runs(&cloud) == pinned('d') && cloud.own().tags[ASKED].ends_with("Z ann"));
    cloud.ends(true);
    cloud.writes();

    let (decisions, done) = ask(&cloud, tag("hotfix")).await;
    done.unwrap();
    assert_eq!(
        (actions(&decisions), cloud.writes().len()),
        (vec![Action::Kept], 0),
        "asking twice is asking once"
    );
    let decisions = sweep(&cloud).await;
    assert!(decisions[0].reason.contains("was deployed as ann has asked for"), "{decisions:?}");
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('d'));

    cloud.pass(60);
    cloud.push("main", &digest('e'));
    sweep(&cloud).await;
    assert_eq!(runs(&cloud), pinned('e'));
    assert!(!cloud.own().tags.contains_key(ASKED), "nobody asked for this one");
}

#[tokio::test]
async fn somebody_resumes_and_what_is_followed_returns() {
    let cloud = two_releases().await;
    cloud.push("old", &digest('c'));
    let (_, done) = ask(&cloud, Reference::Digest(digest('c'))).await;
    done.unwrap();
    cloud.ends(true);
    assert_eq!(runs(&cloud), pinned('c'));
    resume(&cloud, &scope(), &web(), "bob", &mut |_| ()).await.unwrap();
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn what_is_followed_anyway_needs_nobodys_word_to_stay() {
    let cloud = two_releases().await;
    cloud.push("main", &digest('d'));
    let (_, done) = ask(&cloud, tag("main")).await;
    done.unwrap();
    assert!(runs(&cloud) == pinned('d') && !cloud.own().tags.contains_key(ASKED));
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_and_nothing_is_written() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    roll_back(&cloud, None).await.1.unwrap();
    cloud.ends(true);
    cloud.push("left", &digest('b'));
    let held = async |key: &str, value: &str, image: Reference, says: &str| {
        let before = cloud.services.borrow()[0].tags.clone();
        set(&cloud, key, value);
        cloud.writes();
        let undone = ask(&cloud, image).await.1.unwrap_err().to_string();
        assert!(undone.contains(says), "{undone}");
        assert!(cloud.writes().is_empty(), "{says}");
        cloud.services.borrow_mut()[0].tags = before;
    };
    held("owner", "ann", tag("nothing"), "the repository has no image game:nothing").await;
    held("owner", "ann", Reference::Digest(digest('b')), "was rejected").await;
    held(HOLD, "- bob a sale", tag("hotfix"), "held by bob").await;
    held("pushboat:track", "other:main", tag("hotfix"), "'other' is not one that this installation").await;
    cloud.begin(&cloud.own().arn);
    held(OVERLAP_TAG, "wait", tag("hotfix"), "is due, but").await;
}

#[tokio::test]
async fn what_fails_is_gone_back_from_by_ecs_and_the_newest_is_good_again() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    ask(&cloud, tag("hotfix")).await.1.unwrap();
    cloud.ends(false);
    assert_eq!(runs(&cloud), pinned('b'), "the world of the test");
    rests(&cloud).await;
    let newest = cloud.newest("web");
    assert_eq!((runs(&cloud), newest.with_images(&[])), (pinned('b'), cloud.own().with_images(&[])));
}

#[tokio::test]
async fn what_fails_is_rejected_with_its_reason_though_nobody_follows_it() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    ask(&cloud, tag("hotfix")).await.1.unwrap();
    let failed = cloud.own();
    cloud.ends(false);
    let decisions = follow_all(&cloud, &Hint::Service(web())).await.0;
    assert_eq!(actions(&decisions), [Action::Rejected, Action::Kept], "{decisions:#?}");
    let rejected = &decisions[0];
    assert!(rejected.reason.starts_with("game:hotfix "), "{rejected:?}");
    assert_eq!(rejected.digest.as_deref(), Some(digest('d').as_str()));
    assert_eq!(rejected.revision.as_deref(), Some(failed.name()));
    assert!(rejected.diagnosis.is_some(), "{rejected:?}");
    assert!(cloud.tag_of_service(&policy::rejection_key(&digest('d'))).is_some());
    let again = ask(&cloud, tag("hotfix")).await.1.unwrap_err().to_string();
    assert!(again.contains("was rejected"), "{again}");
    rests(&cloud).await;

    // Let return, it is not rejected for the same roll-out once more.
    cloud.pass(600);
    release_digest(&cloud, &scope(), &web(), &digest('d'), "ann", &mut |_| ()).await.unwrap();
    rests(&cloud).await;
    assert_eq!(cloud.tag_of_service(&policy::rejection_key(&digest('d'))), None);
}

#[tokio::test]
async fn what_failed_and_is_followed_since_is_rejected_once() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    ask(&cloud, tag("hotfix")).await.1.unwrap();
    cloud.ends(false);
    cloud.pass(60);
    cloud.push("main", &digest('d'));
    assert_eq!(actions(&sweep(&cloud).await), [Action::Rejected, Action::Kept, Action::Restored]);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn what_the_template_changed_goes_along_and_is_not_hidden() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    cloud.template("web", "1024", &pinned('a'));
    ask(&cloud, tag("hotfix")).await.1.unwrap();
    cloud.ends(true);
    rests(&cloud).await;
    let own = cloud.own();
    assert_eq!((runs(&cloud), own.document["cpu"].as_str()), (pinned('d'), Some("1024")));
    assert!(own.tags[ASKED].ends_with("Z ann"), "{:?}", own.tags);
}

#[tokio::test]
async fn a_mark_that_came_to_nothing_does_not_hold_what_the_tag_means_later() {
    let cloud = two_releases().await;
    cloud.push("old", &digest('c'));
    cloud.push("hotfix", &digest('d'));
    // It is registered, and then there is no answer any more.
    *cloud.failing.borrow_mut() = Some(("UpdateService", Trouble::Unavailable));
    assert!(ask(&cloud, tag("hotfix")).await.1.is_err());
    *cloud.failing.borrow_mut() = None;
    cloud.pass(60);
    cloud.push("main", &digest('d'));
    sweep(&cloud).await;
    cloud.ends(true);
    assert_eq!(runs(&cloud), pinned('d'));
    assert!(!cloud.own().tags.contains_key(ASKED), "the tag means it");
    // The tag goes back, which is no push.
    cloud.push("main", &digest('b'));
    sweep(&cloud).await;
    assert_eq!(runs(&cloud), pinned('b'));
}

#[tokio::test]
async fn an_ask_that_a_push_has_ended_stays_ended_when_somebody_goes_back_to_it() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    ask(&cloud, tag("hotfix")).await.1.unwrap();
    cloud.ends(true);
    cloud.pass(60);
    cloud.push("main", &digest('e'));
    sweep(&cloud).await;
    cloud.ends(true);
    cloud.pass(200);
    roll_back(&cloud, None).await.1.unwrap();
    cloud.ends(true);
    rests(&cloud).await;
    assert_eq!(runs(&cloud), pinned('d'));
    release_digest(&cloud, &scope(), &web(), &digest('e'), "bob", &mut |_| ()).await.unwrap();
    assert_eq!(runs(&cloud), pinned('e'));
}

#[tokio::test]
async fn what_a_push_has_ended_does_not_begin_again_with_a_copy() {
    let cloud = two_releases().await;
    cloud.push("hotfix", &digest('d'));
    ask(&cloud, tag("hotfix")).await.1.unwrap();
    cloud.ends(true);
    cloud.pass(600);
    // What was pushed then fails, and what was asked for is registered once more.
    cloud.push("main", &digest('e'));
    sweep(&cloud).await;
    cloud.ends(false);
    rests(&cloud).await;
    let copy = cloud.newest("web");
    assert!(copy.arn != cloud.own().arn && copy.tags.contains_key(ASKED), "the world of the test");
    // A stack takes the copy, and somebody lets what failed return.
    cloud.pass(60);
    release_digest(&cloud, &scope(), &web(), &digest('e'), "ann", &mut |_| ()).await.unwrap();
    cloud.update_service(&copy.arn);
    cloud.ends(true);
    cloud.pass(600);
    sweep(&cloud).await;
    assert_eq!(runs(&cloud), pinned('e'), "it was pushed after the ask");
}

#[tokio::test]
async fn each_cause_is_told_once_whatever_the_order_of_the_containers() {
    let cloud = two_releases().await;
    let own = cloud.own();
    let track = policy::tracks(&cloud.services.borrow()[0].tags).unwrap().remove(0);
    let of = |letter: char, cause: Cause| {
        let candidate = Candidate {
            container: letter.to_string(),
            image: pinned(letter),
            digest: digest(letter),
            tagged: format!("game:{letter}"),
            how: crate::rule::How::ByName,
            replaces: "before".to_owned(),
            pushed_at: None,
            is_kept: true,
            cause,
        };
        (&track, candidate)
    };
    let candidates = [of('d', Cause::Moved), of('e', Cause::Returns), of('f', Cause::Moved)];
    let revisions = Revisions { own: own.clone(), newer: Vec::new() };
    let (told, what) = act::reasons(&revisions, &own, &candidates);
    assert_eq!(
        told,
        [
            "game:d and game:f means another image now; the service ran before and before",
            "game:e ran before the stack's update and returns; the service ran before",
        ]
    );
    assert_eq!(what, "game:d and game:f with game:e");
}
