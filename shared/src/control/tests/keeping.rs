//! An image that is released gets a tag of its own, so that it outlives the tag that it came by.

use super::*;

#[tokio::test]
async fn an_image_is_tagged_before_it_is_released_and_only_once() {
    let cloud = Fake::new(&[("web", "game:main"), ("other", "game:main")], 'b');
    follow_all(&cloud, &pushed()).await.1.unwrap();
    let writes = cloud.writes.take();
    assert_eq!(
        writes,
        [
            "keep game:deployed-bbbbbbbbbbbb",
            "register",
            "release pushboat/web",
            "register",
            "release pushboat/other"
        ]
    );
}

#[tokio::test]
async fn what_is_not_released_is_not_tagged() {
    let cloud = Fake::rolling('b');
    cloud.services.borrow_mut()[0].tags.insert(policy::rejection_key(&digest('b')), "exit 1".into());
    follow_all(&cloud, &pushed()).await.1.unwrap();
    assert!(cloud.writes.take().is_empty());
}

#[tokio::test]
async fn a_registry_that_refuses_the_tag_does_not_keep_an_image_from_being_deployed() {
    for trouble in [Trouble::Refused, Trouble::NotFound] {
        let cloud = Fake::new(&[("web", "game:main")], 'b');
        *cloud.failing.borrow_mut() = Some(("PutImage", trouble));
        let (decisions, result) = follow_all(&cloud, &pushed()).await;
        assert!(result.is_ok());
        assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
        let reason = &decisions[0].reason;
        assert!(reason.contains("could not be tagged deployed-bbbbbbbbbbbb, so it may expire"), "{reason}");
        assert!(reason.contains("as told"), "{reason}");
    }
}

#[tokio::test]
async fn a_registry_in_trouble_is_worth_another_try() {
    for trouble in [Trouble::Throttled, Trouble::Unavailable] {
        let cloud = Fake::new(&[("web", "game:main")], 'b');
        *cloud.failing.borrow_mut() = Some(("PutImage", trouble));
        let (decisions, result) = follow_all(&cloud, &pushed()).await;
        assert!(result.is_err());
        assert_eq!(actions(&decisions), [Action::Failed]);
        assert!(cloud.writes().is_empty(), "nothing half done");
    }
}

#[tokio::test]
async fn the_push_of_that_tag_is_one_quiet_look() {
    let cloud = Fake::new(&[("web", "game:main")], 'a');
    let hint = Hint::Image { repository: "game".into(), tag: policy::deployed_tag(&digest('a')) };
    let (decisions, _) = follow_all(&cloud, &hint).await;
    assert_eq!(actions(&decisions), [Action::Kept]);
    assert!(cloud.writes.take().is_empty());
}
