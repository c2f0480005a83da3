//! A roll-out that failed and was left in place: what is to be known of it must be written before the service moves on.

use super::*;
use crate::model::{Deployment, RolloutState};

/// At `b`, which failed and stays; `a` ran before.
fn failed_in_place(main: char) -> Fake {
    let cloud = Fake::new(&[("web", "game:main")], main);
    let own = cloud.define("web", "256", &pinned('b'));
    {
        let mut services = cloud.services.borrow_mut();
        services[0].task_definition_arn.clone_from(&own);
        services[0].primary = Some(Deployment {
            failed_tasks: 0,
            id: "ecs-svc/2".into(),
            task_definition_arn: own.clone(),
            state: RolloutState::Failed,
            reason: "tasks failed to start".into(),
        });
    }
    let of = |revision: &str, letter: char, outcome| Rollout {
        arn: revision.into(),
        outcome,
        reason: "tasks failed to start".into(),
        task_definition_arn: fake::arn(revision),
        images: vec![RolloutImage { container: "web".into(), image: pinned(letter), digest: None }],
        created_at: None,
        finished_at: None,
    };
    cloud
        .rollouts
        .borrow_mut()
        .extend([of("web:2", 'b', Outcome::Stopped), of("web:1", 'a', Outcome::Successful)]);
    cloud
}

#[tokio::test]
async fn a_digest_that_failed_in_place_is_rejected_before_the_service_leaves_it() {
    let cloud = failed_in_place('c');
    let (decisions, result) = follow_all(&cloud, &pushed()).await;
    assert!(result.is_ok());
    assert_eq!(actions(&decisions)[..2], [Action::Rejected, Action::Released]);
    assert_eq!(decisions[0].digest.as_deref(), Some(digest('b').as_str()));
    assert!(cloud.tag_of_service(&policy::rejection_key(&digest('b'))).is_some());

    // The tag goes back to it: it does not return.
    cloud.services.borrow_mut()[0].primary = None;
    cloud.images.borrow_mut().insert("game:main".into(), digest('b'));
    cloud.writes();
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Kept]);
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn nothing_is_left_where_that_cannot_be_written() {
    let cloud = failed_in_place('c');
    *cloud.failing.borrow_mut() = Some(("TagResource", Trouble::Throttled));
    let (decisions, result) = follow_all(&cloud, &pushed()).await;
    assert!(result.is_err());
    assert_eq!(actions(&decisions), [Action::Failed]);
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn an_image_that_ran_before_is_left_without_blame() {
    let cloud = failed_in_place('c');
    cloud.rollouts.borrow_mut()[1].images[0].image = pinned('b');
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions)[0], Action::Released);
    assert!(cloud.tag_of_service(&policy::rejection_key(&digest('b'))).is_none());
}

/// The stack sends the template's first revision again, while the tag means an image that was rejected.
fn sent_back() -> Fake {
    let cloud = Fake::rolling('b');
    cloud.definitions.borrow_mut()[0].tags.insert(crate::task_definition::TEMPLATE.into(), "stack".into());
    cloud
}

#[tokio::test]
async fn what_ran_before_the_stacks_update_returns_where_the_newest_image_is_rejected() {
    let cloud = sent_back();
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.ends(true);
    // The registry still has it, under its other tag.
    cloud.images.borrow_mut().insert("game:v1".into(), digest('b'));
    cloud.images.borrow_mut().insert("game:main".into(), digest('c'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.ends(false);
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert!(cloud.tag_of_service(&policy::rejection_key(&digest('c'))).is_some());

    Cloud::release(&cloud, &name("web"), &fake::arn("web:1")).await.unwrap();
    cloud.ends(true);
    // It may be somebody who goes back on demand, until everybody can read who it was.
    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("web"))).await;
    assert_eq!(actions(&decisions)[0], Action::Kept);
    cloud.pass(20);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions)[0], Action::Released);
    assert_eq!(decisions[0].digest.as_deref(), Some(digest('b').as_str()));
    assert!(decisions[0].reason.contains("ran before the stack's update"), "{}", decisions[0].reason);
    cloud.ends(true);
    cloud.writes();
    for _ in 0..5 {
        follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    }
    let writes = cloud.writes();
    assert!(!writes.iter().any(|it| it.starts_with("release")), "{writes:?}");
}

#[tokio::test]
async fn the_mark_of_a_failed_template_is_not_the_mark_of_a_digest() {
    let cloud = Fake::rolling('a');
    let template = cloud.template("web", "512", &pinned('a'));
    Cloud::release(&cloud, &name("web"), &template).await.unwrap();
    cloud.ends(false);
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    let marked = cloud.find(&template).unwrap();
    assert!(marked.is_marked() && marked.tags.contains_key(policy::PASSED_OVER));
    assert!(!marked.tags.contains_key(crate::task_definition::NOTED));
}
