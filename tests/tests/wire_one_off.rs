//! RunTask and what is read of its tasks, with the real SDK against the stand-in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use pushboat::cloud::{Cloud, Trouble};
use pushboat::diagnosis::LogStream;
use pushboat::model::{ServiceName, Tags};
use pushboat::one_off::{self, Launched, Outcome, Placement, RunTask};
use pushboat_local::wire::FaultKind;
use pushboat_tests::wire::{Stand, create};
use serde_json::json;

fn web() -> ServiceName {
    ServiceName { cluster: "pushboat".into(), service: "web".into() }
}

fn run(placement: Placement, token: &str) -> RunTask {
    RunTask {
        cluster: "pushboat".into(),
        task_definition_arn: "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:1".into(),
        placement,
        command: Some(("game".into(), vec!["migrate".into(), "--all".into()])),
        tags: one_off::tags(&web(), "ann", Some("game")),
        client_token: token.into(),
    }
}

async fn stand() -> Stand {
    let stand = Stand::start().await;
    create(&stand, "pushboat", &[("web", &[("pushboat:track:game", "game-2048:live")])]);
    stand
}

fn one_offs(stand: &Stand) -> usize {
    stand.hub.with(|world| world.ecs.tasks.iter().filter(|it| it.service_arn.is_none()).count())
}

#[tokio::test]
async fn a_task_runs_where_its_service_runs_also_by_members_that_nobody_knows() {
    let stand = stand().await;
    let aws = stand.aws();
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "newer": {"than": "this"}}});
    stand.hub.with(|world| {
        let service = world.ecs.services.iter_mut().find(|it| it.name == "web").unwrap();
        service.passed_through.insert("networkConfiguration".to_owned(), network.clone());
    });
    let placement = aws.placement(&web()).await.unwrap().unwrap();
    assert_eq!(
        json!(placement.0),
        json!({"launchType": "FARGATE", "platformVersion": "LATEST", "networkConfiguration": network})
    );
    let nobody = ServiceName { service: "nobody".into(), ..web() };
    assert_eq!(aws.placement(&nobody).await.unwrap(), None);

    let Launched::Task(arn) = aws.run_task(&run(placement, "key-1")).await.unwrap() else { panic!() };
    let id = arn.rsplit('/').next().unwrap();
    let task = aws.one_off("pushboat", id).await.unwrap().unwrap();
    assert!(task.is_of(&web()) && task.container() == Some("game"), "{task:?}");
    assert_eq!(task.containers[0].1, ["migrate", "--all"]);
    assert_eq!((task.outcome(None), task.end.id.as_str()), (Outcome::UnderWay, id));
    assert_eq!(task.tags[one_off::RUN_BY], "ann");
    let started_by =
        stand.hub.with(|world| world.find_task(Some("pushboat"), id).unwrap().unwrap().started_by.clone());
    assert_eq!(started_by.as_deref(), Some("pushboat"));
    assert_eq!(aws.one_off("pushboat", &"0".repeat(32)).await.unwrap(), None);
    let stream = LogStream { region: String::new(), group: "/nowhere".into(), stream: "a/b/c".into() };
    assert!(aws.log_page(&stream, None).await.unwrap().lines.is_empty(), "nothing has been written yet");
    assert_eq!(aws.log_page(&stream, Some("f/1")).await.unwrap_err().trouble, Trouble::NotFound);
    stand.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_task() {
    let stand = stand().await;
    let aws = stand.aws();
    let placement = aws.placement(&web()).await.unwrap().unwrap();
    // Longer than an attempt may take: the SDK asks again, and both are carried out.
    stand.trouble("ecs", "RunTask", 1, FaultKind::Delay(5_500));
    let launched = aws.run_task(&run(placement.clone(), "key-1")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(one_offs(&stand), 1);
    assert_eq!(aws.run_task(&run(placement.clone(), "key-1")).await.unwrap(), launched);

    let other = RunTask { tags: Tags::new(), ..run(placement.clone(), "key-1") };
    let Launched::Task(arn) = launched else { panic!() };
    assert_eq!(aws.run_task(&other).await.unwrap(), Launched::OtherTasks(vec![arn]));
    stand.hub.with(|world| world.ecs.no_capacity = true);
    let nowhere = aws.run_task(&run(placement.clone(), "key-2")).await.unwrap();
    assert!(matches!(nowhere, Launched::Nowhere(why) if why.starts_with("Capacity is unavailable")));
    stand.trouble("ecs", "RunTask", 9, FaultKind::Throttle);
    let refused = aws.run_task(&run(placement, "key-3")).await.unwrap_err();
    assert_eq!((refused.trouble, refused.operation), (Trouble::Throttled, "RunTask"));
    assert_eq!(one_offs(&stand), 1);
    stand.stop().await;
}
