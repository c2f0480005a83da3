//! The real SDK against the stand-in: what AWS refuses is refused, what it throttles is throttled.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pushboat::cloud::{Cloud, Reference, Trouble};
use pushboat::model::ServiceName;
use pushboat_local::wire::FaultKind;
use pushboat_tests::wire::Stand;
use serde_json::json;

fn nobody() -> ServiceName {
    ServiceName { cluster: "pushboat".into(), service: "nobody".into() }
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_secret_are_refused_as_aws_refuses_them() {
    let stand = Stand::start().await;
    for (key, secret, code) in [
        ("AKIAOTHER", "a secret only the test knows", "UnrecognizedClientException"),
        ("AKIATEST", "a guess", "InvalidSignatureException"),
    ] {
        let refused = stand.aws_with(key, secret).task_definition("game:1").await.unwrap_err();
        assert!(refused.message.contains(code), "{refused}");
        assert!(!refused.retry_helps());
    }
    stand.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_said_the_way_aws_says_it() {
    let stand = Stand::start().await;
    let aws = stand.aws();
    let refused = aws.service(&nobody()).await.unwrap_err();
    assert_eq!(refused.trouble, Trouble::NotFound, "{refused}");
    stand.hub.with(|world| world.create_cluster("pushboat", Default::default())).unwrap();
    assert!(aws.service(&nobody()).await.unwrap().is_none(), "a missing service is not an error for ECS");
    assert!(aws.services("pushboat").await.unwrap().is_empty());
    assert_eq!(aws.repository_uri("game").await.unwrap(), None);
    assert!(aws.image("game", &Reference::Tag("v1".into())).await.unwrap().is_none());
    let refused = aws.release(&nobody(), "game:1").await.unwrap_err();
    assert!(refused.message.contains("Exception"), "{refused}");
    let refused = aws.task_definition("game:1").await.unwrap_err();
    assert!(refused.message.contains("Unable to describe task definition"), "{refused}");
    assert!(aws.now().is_some(), "the time comes from AWS's answers");
    stand.stop().await;
}

#[tokio::test]
async fn a_registry_in_trouble_is_asked_again_and_then_said_to_be_worth_another_try() {
    let stand = Stand::start().await;
    stand
        .hub
        .with(|world| world.create_repository("game", false, false, Default::default()).map(drop))
        .unwrap();
    let aws = stand.aws();
    let tag = Reference::Tag("v1".into());
    for (remaining, kind, expected) in [
        (2, FaultKind::Throttle, None),
        (9, FaultKind::Throttle, Some(Trouble::Throttled)),
        (2, FaultKind::ServerError, None),
        (9, FaultKind::ServerError, Some(Trouble::Unavailable)),
        // Longer than one attempt may take.
        (1, FaultKind::Delay(6_000), None),
    ] {
        stand.trouble("ecr", "DescribeImages", remaining, kind);
        let answer = aws.image("game", &tag).await;
        assert_eq!(
            answer.as_ref().err().map(|error| error.trouble),
            expected,
            "{remaining} {kind:?}: {answer:?}"
        );
    }
    stand.stop().await;
}

#[tokio::test]
async fn the_revisions_after_one_are_listed_newest_first_and_of_one_family_only() {
    let stand = Stand::start().await;
    stand.hub.with(|world| {
        for family in ["game", "game-2048", "game"].into_iter().chain(["game"; 11]) {
            let document = json!({"family": family, "containerDefinitions": [{"name": "web", "image": "x"}]});
            let document = document.as_object().unwrap().clone();
            world.register_task_definition(document, Default::default(), "a person").unwrap();
        }
        world.deregister_task_definition("game:12").unwrap();
    });
    let aws = stand.aws();
    let names = |arns: Vec<String>| -> Vec<String> {
        arns.iter().map(|arn| pushboat::task_definition::revision_name(arn).to_owned()).collect()
    };
    assert_eq!(names(aws.newest_revisions("game", 10).await.unwrap()), ["game:13", "game:11"]);
    let bounded = names(aws.newest_revisions("game", 0).await.unwrap());
    assert_eq!((bounded.len(), bounded.last().map(String::as_str)), (10, Some("game:3")));
    assert!(aws.newest_revisions("game-2048", 1).await.unwrap().is_empty());
    assert!(aws.newest_revisions("nothing", 0).await.unwrap().is_empty());
    stand.stop().await;
}
