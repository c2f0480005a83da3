//! Revisions that the template registers: rolled out with the images that are due, and passed over once they failed.

use super::*;
use crate::task_definition::{BASE, NOTED, TEMPLATE};

fn image(definition: &crate::task_definition::TaskDefinition, container: usize) -> String {
    definition.document["containerDefinitions"][container]["image"].as_str().unwrap().to_owned()
}

async fn sweep(cloud: &Fake) -> Vec<Decision> {
    let (decisions, result) = follow_all(cloud, &Hint::Everything).await;
    result.unwrap();
    decisions
}

#[tokio::test]
async fn a_newer_revision_of_the_template_that_is_right_already_is_released_itself() {
    let cloud = Fake::rolling('a');
    let template = cloud.template("web", "512", &pinned('a'));
    let decisions = sweep(&cloud).await;
    assert_eq!(cloud.writes(), ["release pushboat/web"], "nothing is registered");
    assert_eq!(cloud.own().arn, template);
    let released = decisions.iter().find(|it| it.decision == Action::Released).unwrap();
    assert_eq!(released.reason, "the template's revision web:2 is newer than web:1, which the service ran");
    assert_eq!((released.revision.as_deref(), released.base.as_deref()), (Some("web:2"), Some("web:2")));
    cloud.ends(true);
    for _ in 0..20 {
        assert_eq!(actions(&sweep(&cloud).await), [Action::Kept]);
    }
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn the_template_gets_the_image_that_runs() {
    let cloud = Fake::rolling('a');
    // The stack was created with a placeholder, and this update still names it.
    cloud.services.borrow_mut()[0].tags = Tags::from([("pushboat:track:web".into(), "game:main".into())]);
    cloud.template("web", "512", "public.ecr.aws/placeholder:1");
    sweep(&cloud).await;
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);
    let own = cloud.own();
    assert_eq!((own.name(), image(&own, 0)), ("web:3", pinned('a')));
    assert_eq!(own.document["cpu"], "512");
    assert_eq!(own.tags[BASE], "web:2");
    assert!(!own.is_of_template(), "a copy is not the template's");
}

/// Before the first push: the template may need another placeholder, for another port or another way to the registry.
#[tokio::test]
async fn a_placeholder_is_the_templates_to_change() {
    let cloud = Fake::rolling('a');
    cloud.images.borrow_mut().clear();
    cloud.services.borrow_mut()[0].tags = Tags::from([("pushboat:track:web".into(), "game:main".into())]);
    let before = cloud.template("web", "256", "public.ecr.aws/placeholder:1");
    cloud.begin(&before);
    cloud.ends(true);
    let after = cloud.template("web", "256", "1.dkr.ecr.eu.amazonaws.com/placeholder:2");
    cloud.writes();
    sweep(&cloud).await;
    assert_eq!(cloud.writes(), ["release pushboat/web"], "nothing is registered");
    assert_eq!(cloud.own().arn, after);
}

#[tokio::test]
async fn a_push_and_a_revision_of_the_template_make_one_release() {
    let cloud = Fake::rolling('b');
    cloud.template("web", "512", &pinned('a'));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);
    let own = cloud.own();
    assert_eq!((image(&own, 0), own.document["cpu"].as_str()), (pinned('b'), Some("512")));
    let reason = &decisions[0].reason;
    assert!(
        reason.contains("game:main means another image") && reason.contains("web:2 is newer"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_revision_of_the_template_that_failed_is_passed_over_and_its_image_is_not_blamed() {
    for template_image in [pinned('a'), "public.ecr.aws/placeholder:1".to_owned()] {
        let cloud = Fake::rolling('a');
        let track = ("pushboat:track:web".into(), "game:main".into());
        cloud.services.borrow_mut()[0].tags = Tags::from([track]);
        let template = cloud.template("web", "512", &template_image);
        sweep(&cloud).await;
        let tried = cloud.own().arn;
        cloud.ends(false);
        cloud.writes();

        let decisions = sweep(&cloud).await;
        assert_eq!(
            actions(&decisions),
            [Action::Rejected, Action::Kept, Action::Kept, Action::Restored],
            "{decisions:#?}"
        );
        let reason = &decisions[2].reason;
        assert!(
            reason.starts_with("the template's revision web:2 failed here and is passed over"),
            "{reason}"
        );
        let service = "tag arn:aws:ecs:eu:1:service/pushboat/web".to_owned();
        assert_eq!(cloud.writes(), [service, format!("tag {tried}"), "register".to_owned()]);
        let value = cloud.tag_of_service(policy::PASSED_OVER).unwrap();
        assert_eq!(value, "web:2 2026-11-21T08:00:00Z tasks failed to start Health checks failed");
        assert_eq!(cloud.own().name(), "web:1");
        assert!(cloud.services.borrow()[0].tags.keys().all(|key| !key.starts_with("pushboat:rejected:")));

        // Neither a fresh look nor one that read the service before the tag tries it again.
        for _ in 0..20 {
            assert_eq!(actions(&sweep(&cloud).await), [Action::Kept; 2]);
        }
        cloud.services.borrow_mut()[0].tags.remove(policy::PASSED_OVER);
        assert_eq!(actions(&sweep(&cloud).await), [Action::Kept; 2]);
        assert!(cloud.writes().is_empty());

        // Later, the missing tag is the owner's word: once more, as a new revision, and no oftener.
        cloud.seconds.set(OVERLAP.as_secs() + 1);
        sweep(&cloud).await;
        assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);
        assert_ne!(cloud.own().arn, template);
        cloud.ends(false);
        sweep(&cloud).await;
        cloud.writes();
        cloud.seconds.set(2 * OVERLAP.as_secs() + 2);
        sweep(&cloud).await;
        assert!(cloud.writes().is_empty());
    }
}

#[tokio::test]
async fn a_push_after_a_failed_template_is_made_from_what_runs_and_a_later_template_is_tried_anew() {
    let cloud = Fake::rolling('a');
    cloud.template("web", "512", &pinned('a'));
    sweep(&cloud).await;
    cloud.ends(false);
    sweep(&cloud).await;
    cloud.images.borrow_mut().insert("game:main".into(), digest('b'));
    sweep(&cloud).await;
    let own = cloud.own();
    assert_eq!((image(&own, 0), own.document["cpu"].as_str()), (pinned('b'), Some("256")));
    assert_eq!(own.tags[BASE], "web:1");
    cloud.ends(true);

    cloud.template("web", "1024", &pinned('a'));
    sweep(&cloud).await;
    let own = cloud.own();
    assert_eq!((image(&own, 0), own.document["cpu"].as_str()), (pinned('b'), Some("1024")));
}

#[tokio::test]
async fn when_a_new_image_and_the_template_fail_together_the_template_is_tried_with_the_old_image() {
    let cloud = Fake::rolling('b');
    cloud.template("web", "512", &pinned('b'));
    sweep(&cloud).await;
    assert_eq!(cloud.own().name(), "web:2", "the template has the very image");
    cloud.turns(false);
    // While ECS rolls back, only the rejection is written.
    let decisions = sweep(&cloud).await;
    assert_eq!(actions(&decisions), [Action::Rejected, Action::Kept]);
    assert!(decisions[1].reason.contains("web:2 waits until ECS has rolled back"), "{}", decisions[1].reason);
    cloud.ends(true);
    cloud.writes();

    sweep(&cloud).await;
    let own = cloud.own();
    assert_eq!((own.name(), image(&own, 0)), ("web:3", pinned('a')));
    assert_eq!(own.document["cpu"], "512");
    cloud.ends(false);
    let decisions = sweep(&cloud).await;
    assert!(actions(&decisions).contains(&Action::Restored), "{decisions:#?}");
    assert!(cloud.tag_of_service(policy::PASSED_OVER).unwrap().starts_with("web:2 "));
    cloud.writes();
    for _ in 0..20 {
        sweep(&cloud).await;
    }
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn a_push_during_a_roll_back_takes_the_waiting_template_along() {
    let cloud = Fake::rolling('b');
    cloud.template("web", "512", &pinned('a'));
    sweep(&cloud).await;
    cloud.turns(false);
    cloud.images.borrow_mut().insert("game:main".into(), digest('c'));
    sweep(&cloud).await;
    let own = cloud.own();
    assert_eq!((image(&own, 0), own.document["cpu"].as_str()), (pinned('c'), Some("512")));
}

#[tokio::test]
async fn a_revision_of_a_person_is_neither_released_nor_taken_as_a_base() {
    let cloud = Fake::rolling('a');
    cloud.define("web", "2048", &pinned('d'));
    for _ in 0..3 {
        assert_eq!(actions(&sweep(&cloud).await), [Action::Kept]);
    }
    assert!(cloud.writes().is_empty());
    cloud.images.borrow_mut().insert("game:main".into(), digest('b'));
    sweep(&cloud).await;
    assert_eq!(cloud.own().document["cpu"], "256");
}

#[tokio::test]
async fn the_template_below_a_revision_of_a_person_is_found() {
    let cloud = Fake::rolling('a');
    cloud.template("web", "512", &pinned('a'));
    cloud.define("web", "2048", &pinned('d'));
    sweep(&cloud).await;
    assert_eq!(cloud.own().name(), "web:2");
}

#[tokio::test]
async fn nothing_more_is_asked_where_the_newest_revision_runs() {
    let cloud = Fake::rolling('a');
    cloud.reads.take();
    sweep(&cloud).await;
    assert_eq!(cloud.reads.take(), ["ListServices", "DescribeTaskDefinition", "DescribeImages"]);
}

#[tokio::test]
async fn each_tracked_container_of_the_template_gets_its_own_image() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    cloud.services.borrow_mut()[0].tags.insert("pushboat:track:log".into(), "game:log".into());
    cloud.services.borrow_mut()[0].tags.insert("pushboat:track:new".into(), "game:new".into());
    cloud.images.borrow_mut().insert("game:log".into(), digest('d'));
    cloud.images.borrow_mut().insert("game:new".into(), digest('e'));
    let sidecar = |name: &str, image: &str| json!({"name": name, "image": image});
    let add = |at: usize, sidecar| {
        let mut definitions = cloud.definitions.borrow_mut();
        definitions[at].document["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
    };
    // The sidecar runs what its tag means; the template names an old image of it, and two that are new.
    add(0, sidecar("log", &pinned('d')));
    cloud.template("web", "512", "1.dkr.ecr.eu.amazonaws.com/game:live");
    add(1, sidecar("log", "public.ecr.aws/log:1"));
    add(1, sidecar("new", "public.ecr.aws/new:1"));
    add(1, sidecar("other", "public.ecr.aws/other:1"));

    sweep(&cloud).await;
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);
    let own = cloud.own();
    let images: Vec<_> = (0..4).map(|container| image(&own, container)).collect();
    assert_eq!(images, [pinned('b'), pinned('d'), pinned('e'), "public.ecr.aws/other:1".to_owned()]);
}

#[tokio::test]
async fn a_revision_of_the_template_that_slips_in_is_not_hidden_by_a_release() {
    let cloud = Fake::rolling('b');
    *cloud.slips_in.borrow_mut() = Some(|cloud| drop(cloud.template("web", "512", &pinned('a'))));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Kept, Action::Released, Action::Kept], "{decisions:#?}");
    assert_eq!(decisions[0].revision.as_deref(), Some("web:2"));
    let own = cloud.own();
    assert_eq!((image(&own, 0), own.document["cpu"].as_str()), (pinned('b'), Some("512")));
    // A person's revision at that moment is no matter.
    let cloud = Fake::rolling('b');
    *cloud.slips_in.borrow_mut() = Some(|cloud| drop(cloud.define("web", "2048", &pinned('d'))));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
}

#[tokio::test]
async fn a_release_of_the_template_that_never_reached_the_service_is_not_registered_again() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    cloud.template("web", "512", &pinned('a'));
    *cloud.failing.borrow_mut() = Some(("UpdateService", Trouble::Unavailable));
    for _ in 0..20 {
        let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
        assert_eq!(actions(&decisions), [Action::Failed]);
    }
    assert_eq!(cloud.writes(), ["register"]);
    *cloud.failing.borrow_mut() = None;
    sweep(&cloud).await;
    assert_eq!(cloud.writes(), ["release pushboat/web"]);
    assert!(!cloud.own().tags.contains_key(NOTED));
}

/// The stack sends its first revision again, then a worse one with the live image, which fails. What was live returns
/// once, with the revision that the stack sent, and nothing is tried for ever.
#[tokio::test]
async fn a_template_that_failed_with_an_image_known_to_be_good_is_to_blame() {
    let cloud = Fake::rolling('a');
    let first = cloud.own().arn;
    cloud.definitions.borrow_mut()[0].tags.insert(TEMPLATE.into(), "stack".into());
    for letter in ['b', 'c'] {
        cloud.push("main", &digest(letter));
        cloud.push(&letter.to_string(), &digest(letter));
        cloud.pass(600);
        follow_all(&cloud, &pushed()).await.1.unwrap();
        cloud.ends(letter == 'b');
    }
    sweep(&cloud).await;
    cloud.pass(600);
    cloud.update_service(&first);
    cloud.ends(true);
    let worse = cloud.template("web", "512", &pinned('b'));
    cloud.pass(60);
    cloud.update_service(&worse);
    cloud.ends(false);
    cloud.writes();
    for _ in 0..20 {
        cloud.pass(60);
        sweep(&cloud).await;
        if cloud.own().arn != first {
            cloud.ends(cloud.own().document["cpu"] != "512");
        }
    }
    let releases = cloud.writes().into_iter().filter(|it| it.starts_with("release")).count();
    assert_eq!(releases, 1, "what was live before the stack's update returns");
    assert_eq!((image(&cloud.own(), 0), cloud.own().document["cpu"].as_str()), (pinned('b'), Some("256")));
}
