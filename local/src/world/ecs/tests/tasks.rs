//! One task's life: draining, dying, being stopped at any moment.

use super::super::*;
use super::*;

fn statuses<'a>(laptop: &'a Laptop, task_arn: &str) -> Vec<&'a str> {
    let of_task = laptop.events.iter().map(|it| &it["detail"]).filter(|it| it["taskArn"] == *task_arn);
    let mut statuses: Vec<_> = of_task.filter_map(|it| it["lastStatus"].as_str()).collect();
    statuses.dedup();
    statuses
}

fn task<'a>(laptop: &'a Laptop, task_arn: &str) -> &'a Task {
    laptop.world.find_task(Some("demo"), task_arn).unwrap().unwrap()
}

#[test]
fn a_task_goes_through_every_state_and_tells_each() {
    let mut laptop = Laptop::with_service(1);
    let arn = laptop.live()[0].arn.clone();
    laptop.scale(0);
    laptop.run_for(10);
    assert_eq!(
        statuses(&laptop, &arn),
        [
            "PROVISIONING",
            "PENDING",
            "ACTIVATING",
            "RUNNING",
            "DEACTIVATING",
            "STOPPING",
            "DEPROVISIONING",
            "STOPPED"
        ]
    );
    let mut details = laptop.events.iter().map(|it| &it["detail"]).filter(|it| it["taskArn"] == *arn);
    let versions: Vec<_> = details.clone().filter_map(|it| it["version"].as_u64()).collect();
    assert_eq!(versions, (1..=9).collect::<Vec<_>>());
    let last = details.next_back().unwrap();
    assert_eq!(last["stopCode"], "ServiceSchedulerInitiated");
    assert_eq!(last["containers"][0]["exitCode"], 143);
    assert_eq!(last["containers"][0]["imageDigest"], DIGEST);
    assert_eq!(last["group"], "service:game");
    assert_eq!(last["cpu"], "256");
    assert_eq!(last["desiredStatus"], "STOPPED");
    let reason = last["stoppedReason"].as_str().unwrap();
    assert!(reason.starts_with("Scaling activity initiated by deployment ecs-svc/"));
    let stopped = task(&laptop, &arn);
    assert!(stopped.started_at < stopped.stopping_at && stopped.stopping_at < stopped.stopped_at);
}

#[test]
fn a_task_drains_before_it_is_told_to_end() {
    let mut laptop = Laptop::with_service(1);
    laptop.finishes_requests = false;
    let arn = laptop.live()[0].arn.clone();
    let stop_line = format!("stop {}", laptop.live()[0].id);
    laptop.scale(0);
    let started_draining = laptop.world.now();
    laptop.run_until("told to stop", |it| {
        let draining = task(it, &arn).last_status == TaskStatus::Deactivating;
        assert_eq!(draining, it.world.find_target_group("game").unwrap().targets.len() == 1);
        it.trace.contains(&stop_line)
    });
    let waited = laptop.world.now().duration_since(started_draining).as_secs();
    assert!((5..=6).contains(&waited), "the deregistration delay, not {waited} s");

    let mut laptop = Laptop::with_service(1);
    laptop.scale(0);
    laptop.run_for(1);
    assert!(laptop.trace.contains(&stop_line), "an idle target need not wait for it");
}

#[test]
fn a_crashed_task_is_replaced() {
    let mut laptop = Laptop::with_service(2);
    let arn = laptop.live()[0].arn.clone();
    laptop.crash(&arn);
    let crashed = task(&laptop, &arn);
    assert_eq!(crashed.stop_code, Some("EssentialContainerExited"));
    assert_eq!(crashed.stopped_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(crashed.containers[0].exit_code, Some(1));
    let group = laptop.world.find_target_group("game").unwrap();
    assert_eq!(group.draining().count(), 1, "it gets nothing new at once");
    laptop.run_until("replaced", |it| it.healthy() == 2);
    assert_eq!(laptop.zones().len(), 2, "in the zone that lost one");
    assert!(!statuses(&laptop, &arn).contains(&"DEACTIVATING"));
    let service = laptop.service();
    assert_eq!(service.deployments.len(), 1);
    assert_eq!(service.deployments[0].failed_tasks, 0, "it had been healthy");
    laptop.run_for(10);
    assert_eq!(laptop.messages().last(), Some(&"(service game) has reached a steady state."));
}

#[test]
fn a_task_that_becomes_unhealthy_is_replaced() {
    let mut laptop = Laptop::with_service(2);
    let (arn, port) = (laptop.live()[0].arn.clone(), laptop.live()[0].containers[0].host_port.unwrap());
    for _ in 0..2 {
        laptop.world.report(Report::TargetProbed {
            target_group_arn: laptop.target_group_arn(),
            id: "127.0.0.1".into(),
            port,
            outcome: Err(ProbeFailure::Timeout),
        });
    }
    let sick = task(&laptop, &arn);
    assert_eq!(sick.stop_code, Some("ServiceSchedulerInitiated"));
    let reason = format!("Task failed ELB health checks in (target-group {})", laptop.target_group_arn());
    assert_eq!(sick.stopped_reason.as_ref(), Some(&reason));
    let messages = laptop.messages().join("\n");
    assert!(messages.contains(") due to (reason Request timed out)"));
    laptop.run_until("replaced", |it| it.healthy() == 2);
}

#[test]
fn the_grace_period_protects_a_slow_starter() {
    let mut laptop =
        Laptop::with(CreateService { health_check_grace_period_seconds: 20, ..service_request() });
    laptop.deploy("sick");
    laptop.run_for(19);
    assert_eq!(laptop.live().len(), 4);
    let wake = laptop.world.next_wake().unwrap();
    laptop.world.advance(wake);
    assert_eq!(laptop.service().deployments[0].failed_tasks, 2);
}

#[test]
fn stopping_a_task_that_has_not_begun_sends_nothing_out() {
    let mut laptop = Laptop::with_service(1);
    laptop.scale(2);
    let arn = laptop.live()[1].arn.clone();
    laptop.carry_out();
    let before = laptop.trace.len();
    assert_eq!(task(&laptop, &arn).last_status, TaskStatus::Provisioning);
    laptop.world.stop_task(Some("demo"), &arn, Some("No thanks")).unwrap();
    assert_eq!(laptop.world.take_effects().iter().filter(|it| !matches!(it, Effect::Event(_))).count(), 0);
    laptop.run_until("stopped", |it| task(it, &arn).last_status == TaskStatus::Stopped);
    assert!(laptop.trace[before..].iter().all(|it| !it.contains(&arn[arn.len() - 32..])));
    let stopped = task(&laptop, &arn);
    assert_eq!(stopped.stop_code, Some("UserInitiated"));
    assert_eq!(stopped.stopped_reason.as_deref(), Some("No thanks"));
    assert_eq!(laptop.service().deployments[0].failed_tasks, 0);
    laptop.run_until("replaced", |it| it.healthy() == 2);
}

#[test]
fn a_task_stopped_while_it_starts_does_not_come_back() {
    let mut laptop = Laptop::with_service(1);
    laptop.starts = false;
    laptop.scale(2);
    laptop.run_for(1);
    let arn = laptop.live()[1].arn.clone();
    let id = laptop.live()[1].id.clone();
    assert_eq!(task(&laptop, &arn).last_status, TaskStatus::Pending);
    laptop.world.stop_task(Some("demo"), &id, None).unwrap();
    laptop.started(&arn, 50_000);
    laptop.carry_out();
    assert!(laptop.trace.contains(&format!("stop {id}")));
    laptop.run_for(2);
    laptop.started(&arn, 50_000);
    let stopped = task(&laptop, &arn);
    assert_eq!(stopped.last_status, TaskStatus::Stopped);
    assert_eq!(stopped.containers[0].exit_code, None);
    assert_eq!(laptop.world.find_target_group("game").unwrap().targets.len(), 1);
}

#[test]
fn a_sidecar_may_end_and_an_essential_container_takes_the_others_along() {
    let mut laptop = Laptop::new();
    let mut document = document("registry/game:v1");
    document["containerDefinitions"].as_array_mut().unwrap().extend([
        json!({ "name": "sidecar", "image": "registry/sidecar:v1", "essential": false }),
        json!({ "name": "proxy", "image": "registry/proxy:v1" }),
    ]);
    laptop.world.register_task_definition(document, Tags::new(), "test").unwrap();
    let request = CreateService { desired_count: 1, ..service_request() };
    laptop.world.create_service(request).unwrap();
    laptop.starts = false;
    laptop.run_for(1);
    let arn = laptop.live()[0].arn.clone();
    let started = |container: &str| Report::ContainerStarted {
        task_arn: arn.clone(),
        container: container.into(),
        host_port: None,
        digest: DIGEST.into(),
    };
    let exited = |container: &str| Report::ContainerExited {
        task_arn: arn.clone(),
        container: container.into(),
        exit_code: Some(0),
        reason: None,
    };
    laptop.world.report(started("game"));
    laptop.world.report(started("sidecar"));
    laptop.world.report(exited("sidecar"));
    assert_eq!(task(&laptop, &arn).last_status, TaskStatus::Pending);
    laptop.world.report(started("proxy"));
    assert_eq!(task(&laptop, &arn).last_status, TaskStatus::Running);
    laptop.world.report(exited("proxy"));
    assert_eq!(task(&laptop, &arn).last_status, TaskStatus::Stopping);
    let effects = laptop.world.take_effects();
    assert!(effects.contains(&Effect::StopTask { task_arn: arn.clone() }));
    laptop.world.report(exited("game"));
    assert_eq!(task(&laptop, &arn).last_status, TaskStatus::Deprovisioning);
}

#[test]
fn a_stopped_task_is_remembered_for_a_while() {
    let mut laptop = Laptop::with_service(1);
    let arn = laptop.live()[0].arn.clone();
    laptop.scale(0);
    laptop.run_for(5);
    let stopped_at = task(&laptop, &arn).stopped_at.unwrap();
    laptop.world.advance(stopped_at + SignedDuration::from_secs(3_599));
    assert!(laptop.world.find_task(Some("demo"), &arn).unwrap().is_some());
    laptop.world.advance(stopped_at + SignedDuration::from_secs(3_600));
    assert!(laptop.world.find_task(Some("demo"), &arn).unwrap().is_none());
    assert_eq!(laptop.world.next_wake(), None);
}

#[test]
fn what_a_task_is_started_with_is_what_its_definition_says() {
    let mut laptop = Laptop::new();
    let mut document = document("registry:5000/game:v1");
    let container = &mut document["containerDefinitions"][0];
    container["entryPoint"] = json!(["/game"]);
    container["command"] = json!(["--quick"]);
    container["workingDirectory"] = json!("/srv");
    laptop.world.register_task_definition(document, Tags::new(), "test").unwrap();
    laptop.world.create_service(service_request()).unwrap();
    let wake = laptop.world.next_wake().unwrap();
    laptop.world.advance(wake);
    let effects = laptop.world.take_effects();
    let start = effects.iter().find_map(|it| match it {
        Effect::StartTask(start) => Some(start),
        _ => None,
    });
    let StartTask { containers, family, revision, cluster, zone, .. } = start.unwrap();
    assert_eq!((family.as_str(), *revision, cluster.as_str()), ("game", 1, "demo"));
    assert_eq!(zone, "eu-central-1a");
    let container = &containers[0];
    assert_eq!(container.image, "registry:5000/game:v1");
    assert_eq!(container.entry_point, ["/game"]);
    assert_eq!(container.command, ["--quick"]);
    assert_eq!(container.working_directory.as_deref(), Some("/srv"));
    assert_eq!(container.environment, [("COLOUR".to_owned(), "teal".to_owned())]);
    assert_eq!(container.container_port, Some(8080));
    assert_eq!(container.stop_timeout_seconds, 12);
}

#[test]
fn reports_about_nobody_are_ignored() {
    let mut laptop = Laptop::with_service(1);
    laptop.carry_out();
    laptop.started("arn:aws:ecs:eu-central-1:123456789012:task/demo/none", 1);
    laptop.world.report(Report::TargetIdle {
        target_group_arn: "none".into(),
        id: "127.0.0.1".into(),
        port: 1,
    });
    assert_eq!(laptop.world.take_effects(), []);
}
