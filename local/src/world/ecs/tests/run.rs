//! Tasks outside a service: what they run, and that asking twice is asking once.

use super::super::*;
use super::*;

fn request() -> RunTask {
    RunTask {
        cluster: Some("demo".into()),
        task_definition: "game".into(),
        count: 1,
        started_by: Some("somebody".into()),
        ..RunTask::default()
    }
}

fn run(laptop: &mut Laptop, request: RunTask) -> Task {
    let ran = laptop.world.run_task(request).unwrap();
    assert!(ran.failures.is_empty(), "{:?}", ran.failures);
    ran.tasks.into_iter().next().unwrap()
}

fn refused(laptop: &mut Laptop, request: RunTask) -> Refusal {
    laptop.world.run_task(request).unwrap_err()
}

fn find<'a>(laptop: &'a Laptop, arn: &str) -> Option<&'a Task> {
    laptop.world.find_task(Some("demo"), arn).unwrap()
}

#[test]
fn a_task_runs_with_another_command_and_ends_as_its_process_does() {
    let mut laptop = Laptop::new();
    laptop.register("v1");
    let otherwise = ContainerOverride {
        command: Some(vec!["migrate".into(), "--all".into()]),
        environment: vec![("COLOUR".into(), "red".into()), ("STEP".into(), "1".into())],
    };
    let task = run(&mut laptop, RunTask { overrides: [("game".to_owned(), otherwise)].into(), ..request() });
    assert_eq!((task.group.as_str(), task.last_status), ("family:game", TaskStatus::Provisioning));
    laptop.world.advance(laptop.world.now() + SignedDuration::from_millis(300));
    let effects = laptop.world.take_effects();
    let started = effects.iter().find_map(|it| match it {
        Effect::StartTask(start) => Some(start.containers[0].clone()),
        _ => None,
    });
    let started = started.unwrap();
    assert_eq!(started.command, ["migrate", "--all"]);
    let pairs: Vec<_> = started.environment.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(pairs, [("COLOUR", "red"), ("STEP", "1")]);

    laptop.started(&task.arn, 40_000);
    laptop.run_for(1);
    assert_eq!(find(&laptop, &task.arn).unwrap().last_status, TaskStatus::Running);
    laptop.crash(&task.arn);
    laptop.run_for(1);
    let ended = find(&laptop, &task.arn).unwrap();
    assert_eq!((ended.last_status, ended.stop_code), (TaskStatus::Stopped, Some("EssentialContainerExited")));
    assert_eq!(ended.containers[0].exit_code, Some(1));
    let told: Vec<_> = laptop.events.iter().map(|it| &it["detail"]).collect();
    let last = told.last().unwrap();
    assert_eq!((&last["startedBy"], &last["group"]), (&json!("somebody"), &json!("family:game")));
    assert_eq!(last["overrides"]["containerOverrides"][0]["command"], json!(["migrate", "--all"]));
    laptop.run_for(3_600);
    assert!(find(&laptop, &task.arn).is_none(), "forgotten after an hour");
}

#[test]
fn a_service_does_not_take_them_for_its_own() {
    let mut laptop = Laptop::with_service(2);
    let task = run(&mut laptop, request());
    laptop.run_for(10);
    assert_eq!(laptop.live().len(), 3);
    laptop.scale(0);
    laptop.run_for(30);
    let left: Vec<_> = laptop.live().iter().map(|it| it.arn.clone()).collect();
    assert_eq!(left, std::slice::from_ref(&task.arn));
    laptop.world.stop_task(Some("demo"), &task.id, None).unwrap();
    laptop.run_for(5);
    let stopped = find(&laptop, &task.arn).unwrap();
    assert_eq!((stopped.stop_code, stopped.containers[0].exit_code), (Some("UserInitiated"), Some(143)));
}

#[test]
fn one_that_cannot_start_says_why_and_counts_against_nobody() {
    let mut laptop = Laptop::with_service(1);
    laptop.register("missing");
    let task = run(&mut laptop, request());
    laptop.run_for(5);
    let stopped = find(&laptop, &task.arn).unwrap();
    assert_eq!(stopped.stop_code, Some("TaskFailedToStart"));
    assert!(stopped.stopped_reason.as_ref().unwrap().starts_with("CannotPullContainerError"));
    assert_eq!(laptop.service().deployments[0].failed_tasks, 0);
}

#[test]
fn the_same_token_is_the_same_tasks_for_a_day() {
    let mut laptop = Laptop::new();
    laptop.register("v1");
    let with_token = |token: &str| RunTask { client_token: Some(token.into()), count: 2, ..request() };
    let first = laptop.world.run_task(with_token("a")).unwrap().tasks;
    laptop.run_for(5);
    let again = laptop.world.run_task(with_token("a")).unwrap().tasks;
    let arns = |tasks: &[Task]| tasks.iter().map(|it| it.arn.clone()).collect::<Vec<_>>();
    assert_eq!(arns(&first), arns(&again));
    assert_eq!(again[0].last_status, TaskStatus::Running, "as it is now");
    let refusal = refused(&mut laptop, RunTask { count: 1, ..with_token("a") });
    assert_eq!((refusal.code, &refusal.resource_ids), ("ConflictException", &arns(&first)));
    // A newer revision of the family is no other request.
    laptop.register("v2");
    assert_eq!(arns(&laptop.world.run_task(with_token("a")).unwrap().tasks), arns(&first));
    assert_ne!(arns(&laptop.world.run_task(with_token("b")).unwrap().tasks), arns(&first));
    laptop.world.advance(laptop.world.now() + SignedDuration::from_hours(25));
    assert_ne!(arns(&laptop.world.run_task(with_token("a")).unwrap().tasks), arns(&first));
}

#[test]
fn without_capacity_there_are_failures_and_no_task() {
    let mut laptop = Laptop::new();
    laptop.register("v1");
    laptop.world.ecs.no_capacity = true;
    let with_token = RunTask { count: 2, client_token: Some("a".into()), ..request() };
    let ran = laptop.world.run_task(with_token.clone()).unwrap();
    assert!(ran.tasks.is_empty() && ran.failures.len() == 2, "{ran:?}");
    assert!(ran.failures[0].starts_with("Capacity is unavailable"));
    laptop.world.ecs.no_capacity = false;
    assert_eq!(laptop.world.run_task(with_token).unwrap().tasks.len(), 2, "the token stands for nothing yet");
}

#[test]
fn tasks_are_spread_over_the_zones_and_have_tags_of_their_own() {
    let mut laptop = Laptop::new();
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let of_revision = tags(&[("team", "arcade"), ("why", "revision")]);
    laptop.world.register_task_definition(document("game:v1"), of_revision, "test").unwrap();
    let own = RunTask { count: 4, tags: tags(&[("why", "task")]), ..request() };
    let tasks = laptop.world.run_task(own.clone()).unwrap().tasks;
    assert_eq!(laptop.zones().into_values().collect::<Vec<_>>(), [2, 2]);
    assert_eq!(tasks[0].tags, tags(&[("why", "task")]));
    let both = run(&mut laptop, RunTask { count: 1, propagates_tags: true, ..own });
    assert_eq!(both.tags, tags(&[("team", "arcade"), ("why", "task")]));
    laptop.world.tag_resource(&both.arn, tags(&[("more", "1")])).unwrap();
    assert_eq!(laptop.world.tags_of(&both.arn).unwrap().len(), 3);
    laptop.world.stop_task(Some("demo"), &both.arn, None).unwrap();
    laptop.run_for(10);
    let refusal = laptop.world.untag_resource(&both.arn, &["more".into()]).unwrap_err();
    assert!(refusal.message.contains("task is stopped"), "{refusal}");
}

#[test]
fn what_ecs_refuses_is_refused() {
    let mut laptop = Laptop::new();
    laptop.register("v1");
    let on_fargate = json!({"launchType": "FARGATE"}).as_object().unwrap().clone();
    let network = json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let network = network.as_object().unwrap().clone();
    let nobody = [("nobody".to_owned(), ContainerOverride::default())];
    for (request, says) in [
        (RunTask { count: 0, ..request() }, "between 1 and 10"),
        (RunTask { count: 11, ..request() }, "between 1 and 10"),
        (RunTask { started_by: Some("some body".into()), ..request() }, "startedBy"),
        (RunTask { client_token: Some("k".repeat(65)), ..request() }, "clientToken"),
        (RunTask { client_token: Some("a key".into()), ..request() }, "clientToken"),
        (RunTask { group: Some("service:game".into()), ..request() }, "'service:'"),
        (RunTask { task_definition: "other".into(), ..request() }, "Unable to find task definition"),
        (RunTask { placement: on_fargate, ..request() }, "does not support launch_type FARGATE"),
        (RunTask { placement: network, ..request() }, "not valid for the given networkMode"),
        (RunTask { overrides: nobody.into(), ..request() }, "nobody is not a container"),
        (RunTask { tags: [("aws:x".to_owned(), String::new())].into(), ..request() }, "aws: prefixed"),
    ] {
        let refusal = refused(&mut laptop, request);
        assert!(refusal.message.contains(says), "{refusal}");
    }
    let cluster = Some("nowhere".into());
    assert_eq!(refused(&mut laptop, RunTask { cluster, ..request() }).code, "ClusterNotFoundException");
    laptop.world.deregister_task_definition("game:1").unwrap();
    let inactive = RunTask { task_definition: "game:1".into(), ..request() };
    assert!(refused(&mut laptop, inactive).message.contains("inactive"));
    let mut own_address = document("game:v1");
    own_address.insert("networkMode".into(), "awsvpc".into());
    laptop.world.register_task_definition(own_address, Tags::new(), "test").unwrap();
    assert!(refused(&mut laptop, request()).message.contains("Network Configuration must be provided"));
    assert!(laptop.world.ecs.tasks.is_empty());
}
