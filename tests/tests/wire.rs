//! The real SDK against the stand-in: what AWS refuses is refused, what it throttles is throttled.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pushboat::announce::Announcement;
use pushboat::cloud::{Cloud, Reference, Trouble};
use pushboat::decision::{Action, Decision};
use pushboat::diagnosis::LogStream;
use pushboat::hint::Hint;
use pushboat::model::{Outcome, RolloutState, ServiceName};
use pushboat_local::wire::FaultKind;
use pushboat_local::world::ecs::CreateService;
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

/// Two stopped tasks of one service, one of an older revision, and what the service says.
#[tokio::test]
async fn stopped_tasks_are_read_with_their_reasons_and_those_of_another_revision_are_not() {
    let stand = Stand::start().await;
    let aws = stand.aws();
    let name = ServiceName { cluster: "pushboat".into(), service: "web".into() };
    stand.hub.with(|world| {
        world.create_cluster("pushboat", Default::default()).unwrap();
        let document =
            json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "nowhere/x:1"}]});
        let document = document.as_object().unwrap().clone();
        world.register_task_definition(document, Default::default(), "a person").unwrap();
        let request = CreateService {
            cluster: Some("pushboat".into()),
            name: "web".into(),
            task_definition: "web".into(),
            desired_count: 1,
            ..CreateService::default()
        };
        world.create_service(request).unwrap();
    });
    let arn = aws.service(&name).await.unwrap().unwrap().task_definition_arn;
    let mut tasks = Vec::new();
    for _ in 0..500 {
        tasks = aws.stopped_tasks(&name, &arn).await.unwrap();
        if !tasks.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let task = &tasks[0];
    assert_eq!(task.stop_code, "TaskFailedToStart");
    assert!(task.stopped_reason.starts_with("CannotPullContainerError"), "{}", task.stopped_reason);
    assert_eq!((task.containers[0].name.as_str(), task.containers[0].exit_code), ("app", None));
    assert_eq!((task.ran, task.id.len()), (None, 32));
    assert!(task.stopped_at.is_some());
    assert!(aws.service(&name).await.unwrap().unwrap().primary.unwrap().failed_tasks > 0);
    assert!(aws.stopped_tasks(&name, &arn.replace("web:1", "web:2")).await.unwrap().is_empty());
    let said = aws.service_messages(&name).await.unwrap();
    assert!(said.iter().any(|message| message.contains("has started 1 tasks")), "{said:?}");
    let missing = aws.stopped_tasks(&nobody(), &arn).await.unwrap_err();
    assert_eq!(missing.trouble, Trouble::NotFound, "{missing}");
    stand.stop().await;
}

#[tokio::test]
async fn a_log_that_is_not_there_is_not_found_and_asked_for_in_its_own_region() {
    let stand = Stand::start().await;
    let stream =
        LogStream { region: "eu-central-1".into(), group: "/ecs/web".into(), stream: "app/web/0".into() };
    let missing = stand.aws().last_log_lines(&stream).await.unwrap_err();
    assert_eq!(missing.trouble, Trouble::NotFound, "{missing}");
    assert!(missing.message.contains("The specified log group does not exist."), "{missing}");
    stand.trouble("logs", "GetLogEvents", 9, FaultKind::Throttle);
    let throttled = stand.aws().last_log_lines(&stream).await.unwrap_err();
    assert_eq!(throttled.trouble, Trouble::Throttled);
    stand.stop().await;
}

#[tokio::test]
async fn more_announcements_than_one_call_takes_reach_the_bus_and_none_is_sent_twice() {
    let stand = Stand::start().await;
    let hint = Hint::Everything;
    let announcements: Vec<Announcement> = (1..=23)
        .map(|number| {
            let mut decision = Decision::new(Action::Released, &hint, "a test");
            decision.service = Some("pushboat/web".into());
            decision.revision = Some(format!("web:{number}"));
            Announcement::of(&decision, &hint).unwrap()
        })
        .collect();
    stand.trouble("events", "PutEvents", 1, FaultKind::ServerError);
    stand.aws().announce(&announcements).await.unwrap();
    let revisions = || -> Vec<String> {
        let seen = stand.place.bus().recent().into_iter().map(|seen| seen.event);
        let ours = seen.filter(|event| event["source"] == "pushboat");
        ours.map(|event| event["detail"]["revision"].as_str().unwrap().to_owned()).collect()
    };
    for _ in 0..200 {
        if revisions().len() >= 23 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(revisions(), (1..=23).map(|number| format!("web:{number}")).collect::<Vec<_>>());
    stand.trouble("events", "PutEvents", 99, FaultKind::ServerError);
    let refused = stand.aws().announce(&announcements[..1]).await.unwrap_err();
    assert_eq!(refused.trouble, Trouble::Unavailable, "{refused}");
    stand.stop().await;
}

#[tokio::test]
async fn a_deployment_in_stages_is_described_continued_and_stopped() {
    let stand = Stand::start().await;
    let name = ServiceName { cluster: "pushboat".into(), service: "game".into() };
    let release = |revision: u32| {
        stand.hub.with(|world| {
            let containers = json!([{"name": "web", "image": format!("game:{revision}")}]);
            let document = json!({"family": "game", "containerDefinitions": containers});
            let document = document.as_object().unwrap().clone();
            world.register_task_definition(document, Default::default(), "a person").unwrap().arn
        })
    };
    let configuration = json!({"deploymentConfiguration": {
        "strategy": "BLUE_GREEN",
        "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}],
    }});
    let held = [("pushboat:hold".to_owned(), "- ann sale".to_owned())].into();
    let first = release(1);
    stand.hub.with(|world| {
        world.create_cluster("pushboat", held).unwrap();
        let request = CreateService {
            cluster: Some("pushboat".into()),
            name: "game".into(),
            task_definition: first.clone(),
            passed_through: configuration.as_object().unwrap().clone(),
            ..Default::default()
        };
        world.create_service(request).unwrap();
    });
    let aws = stand.aws();
    let cluster = aws.cluster("pushboat").await.unwrap().unwrap();
    assert_eq!(cluster.tags["pushboat:hold"], "- ann sale");
    assert_eq!(aws.cluster("nowhere").await.unwrap(), None);
    aws.untag(&cluster.arn, &["pushboat:hold".to_owned()]).await.unwrap();
    assert!(aws.cluster("pushboat").await.unwrap().unwrap().tags.is_empty());

    // Without tasks a stage takes no time, and the hook is all that is waited for.
    let state = async || aws.service(&name).await.unwrap().unwrap().primary.unwrap().state;
    assert_eq!(state().await, RolloutState::Unknown, "only rolling deployments have one");
    let newest = async || aws.rollouts(&name).await.unwrap().remove(0);
    let under_way = newest().await;
    assert_eq!((under_way.outcome, under_way.finished_at), (Outcome::UnderWay, None));
    let progress = aws.progress(&under_way.arn).await.unwrap().unwrap();
    assert_eq!(progress.stage.as_deref(), Some("POST_SCALE_UP"));
    let [pause] = progress.pauses.as_slice() else { panic!("{progress:?}") };
    assert!(pause.until.is_some() && pause.then.as_deref() == Some("ROLLBACK"), "{pause:?}");
    let refused = aws.continue_rollout(&under_way.arn, "no such hook").await.unwrap_err();
    assert_eq!(refused.trouble, Trouble::Refused, "{refused}");
    aws.continue_rollout(&under_way.arn, &pause.hook_id).await.unwrap();
    let done = newest().await;
    assert_eq!(done.outcome, Outcome::Successful);
    assert!(done.finished_at >= done.created_at && done.created_at.is_some(), "{done:?}");
    assert!(aws.progress(&done.arn).await.unwrap().unwrap().pauses.is_empty());

    aws.release(&name, &release(2)).await.unwrap();
    aws.stop_rollout(&newest().await.arn).await.unwrap();
    assert_eq!(newest().await.outcome, Outcome::RolledBack);
    assert_eq!(aws.service(&name).await.unwrap().unwrap().task_definition_arn, first);
    let conflict = aws.stop_rollout(&newest().await.arn).await.unwrap_err();
    assert!(conflict.message.contains("ConflictException") && !conflict.retry_helps(), "{conflict}");
    assert_eq!(aws.progress(&format!("{}0", done.arn)).await.unwrap(), None);
    stand.stop().await;
}
