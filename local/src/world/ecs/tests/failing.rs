//! Roll-outs that fail: the circuit breaker, going back, and what happens without either.

use super::super::*;
use super::*;

/// `eventName`, `deploymentId` and `reason`.
fn deployment_events(laptop: &Laptop) -> Vec<[&str; 3]> {
    let matching = laptop.events.iter().filter(|it| it["detail-type"] == "ECS Deployment State Change");
    let details = matching.map(|it| &it["detail"]);
    details
        .map(|it| ["eventName", "deploymentId", "reason"].map(|member| it[member].as_str().unwrap()))
        .collect()
}

fn rolls_back(tag: &str, stop_code: &str) {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    let good = laptop.service().clone();
    laptop.deploy(tag);
    let bad = laptop.service().deployments[0].id.clone();
    laptop.run_until("rolling back", |it| {
        it.service_deployment().status == ServiceDeploymentStatus::RollbackInProgress
            || it.service_deployment().status == ServiceDeploymentStatus::RollbackSuccessful
    });
    laptop.run_until("rolled back", |it| {
        it.service_deployment().status == ServiceDeploymentStatus::RollbackSuccessful
    });
    let service = laptop.service();
    assert_eq!(service.task_definition_arn, good.task_definition_arn);
    assert_eq!(laptop.tags(), ["v1", "v1"]);
    assert_eq!(service.deployments.len(), 1);
    let primary = &service.deployments[0];
    assert!(primary.id != bad && primary.id != good.deployments[0].id);
    assert_eq!(primary.rollout_state, RolloutState::Completed);
    assert_eq!(primary.service_revision_arn, good.deployments[0].service_revision_arn);

    let deployment = laptop.service_deployment();
    let rollback = deployment.rollback.as_ref().unwrap();
    assert_eq!(rollback.service_revision_arn.as_ref(), Some(&primary.service_revision_arn));
    assert!(rollback.reason.contains("circuit breaker"));
    assert_ne!(deployment.target_revision_arn, primary.service_revision_arn);

    let good_id = primary.id.as_str();
    let events = deployment_events(&laptop);
    let failed = "ECS deployment circuit breaker: tasks failed to start.";
    let back = format!("ECS deployment circuit breaker: rolling back to deploymentId {good_id}.");
    let done = format!("ECS deployment {good_id} completed.");
    assert_eq!(
        events[events.len() - 3..],
        [
            ["SERVICE_DEPLOYMENT_FAILED", bad.as_str(), failed],
            ["SERVICE_DEPLOYMENT_IN_PROGRESS", good_id, back.as_str()],
            ["SERVICE_DEPLOYMENT_COMPLETED", good_id, done.as_str()],
        ]
    );
    let mut codes = laptop.events.iter().filter_map(|it| it["detail"]["stopCode"].as_str());
    assert!(codes.any(|it| it == stop_code));
    let messages = laptop.messages().join("\n");
    assert!(messages.contains(&format!("(deployment {bad}) deployment failed: tasks failed to start.")));

    let trace = laptop.trace.len();
    laptop.run_for(600);
    assert_eq!(laptop.trace.len(), trace, "and then it is quiet");
}

#[test]
fn an_image_that_is_missing_is_rolled_back() {
    rolls_back("missing", "TaskFailedToStart");
}

#[test]
fn an_image_that_crashes_before_it_is_healthy_is_rolled_back() {
    rolls_back("crashing", "EssentialContainerExited");
}

#[test]
fn an_image_that_is_never_healthy_is_rolled_back() {
    rolls_back("sick", "ServiceSchedulerInitiated");
}

#[test]
fn the_breaker_waits_for_its_threshold() {
    for (threshold, failed) in
        [(Threshold::default(), 3), (Threshold::Count(5), 5), (Threshold::UnboundedPercent(50), 1)]
    {
        let mut laptop = Laptop::with(CreateService {
            desired_count: 1,
            circuit_breaker: Some(CircuitBreaker { threshold, ..breaker(false) }),
            ..service_request()
        });
        laptop.deploy("missing");
        laptop.run_for(120);
        let primary = &laptop.service().deployments[0];
        assert_eq!(primary.rollout_state, RolloutState::Failed);
        assert_eq!(primary.failed_tasks, failed, "{threshold:?}");
    }
}

#[test]
fn without_rollback_a_failed_deployment_stalls_and_the_old_tasks_stay() {
    let mut laptop =
        Laptop::with(CreateService { circuit_breaker: Some(breaker(false)), ..service_request() });
    laptop.never_below = 2;
    laptop.deploy("missing");
    laptop.run_for(60);
    let service = laptop.service();
    assert_eq!(service.deployments.len(), 2);
    assert_eq!(service.deployments[0].rollout_state, RolloutState::Failed);
    assert_eq!(laptop.service_deployment().status, ServiceDeploymentStatus::Stopped);
    assert_eq!(laptop.tags(), ["v1", "v1"]);
    let starts = laptop.trace.len();
    laptop.run_for(3_600);
    assert_eq!(laptop.trace.len(), starts);

    laptop.never_below = 1;
    let arn = laptop.live()[0].arn.clone();
    laptop.crash(&arn);
    laptop.run_for(20);
    assert_eq!((laptop.tags().as_slice(), laptop.healthy()), (["v1".into(), "v1".into()].as_slice(), 2));

    laptop.deploy("v3");
    laptop.run_for(60);
    assert_eq!(laptop.tags(), ["v3", "v3"]);
}

#[test]
fn a_first_deployment_has_nothing_to_go_back_to() {
    let mut laptop = Laptop::new();
    laptop.register("missing");
    let request = CreateService { circuit_breaker: Some(breaker(true)), ..service_request() };
    laptop.world.create_service(request).unwrap();
    laptop.run_for(120);
    assert_eq!(laptop.service().deployments[0].rollout_state, RolloutState::Failed);
    assert_eq!(laptop.service_deployment().status, ServiceDeploymentStatus::Stopped);
    assert!(laptop.service_deployment().rollback.is_none());
    assert_eq!(laptop.live().len(), 0);
    assert_eq!(deployment_events(&laptop).last().unwrap()[0], "SERVICE_DEPLOYMENT_FAILED");
}

#[test]
fn going_back_means_to_what_succeeded_last() {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    for tag in ["v2", "missing-1", "crashing-2", "sick-3"] {
        laptop.deploy(tag);
        laptop.run_for(120);
        assert_eq!(laptop.tags(), ["v2", "v2"], "after {tag}");
    }
    // One that was superseded before it succeeded is no goal.
    laptop.deploy("v4");
    laptop.deploy("missing-5");
    laptop.run_for(120);
    assert_eq!(laptop.tags(), ["v2", "v2"]);
}

#[test]
fn a_rollback_starts_what_is_missing_of_the_old_revision() {
    let mut laptop = Laptop::with(CreateService {
        desired_count: 4,
        minimum_healthy_percent: Some(50),
        maximum_percent: Some(100),
        circuit_breaker: Some(breaker(true)),
        ..service_request()
    });
    laptop.never_below = 2;
    laptop.deploy("sick");
    laptop.run_for(200);
    assert_eq!(laptop.service_deployment().status, ServiceDeploymentStatus::RollbackSuccessful);
    assert_eq!(laptop.tags(), ["v1"; 4]);
    assert_eq!(laptop.most_live, 4);
}

#[test]
fn a_proven_task_that_dies_while_the_new_ones_fail_comes_back() {
    let mut laptop = Laptop::with(service_request());
    laptop.deploy("missing");
    laptop.run_for(30);
    let arn = laptop.live().iter().find(|it| it.was_healthy).unwrap().arn.clone();
    laptop.crash(&arn);
    laptop.probes = false;
    let starts_of_v1 = |it: &Laptop| {
        let starts = it.trace.iter().filter(|line| line.starts_with("start"));
        starts.filter(|line| line.contains(":v1 ") || line.contains(DIGEST)).count()
    };
    let before = starts_of_v1(&laptop);
    laptop.run_for(30);
    assert_eq!(starts_of_v1(&laptop), before + 1, "one, however long it takes to be healthy");
    laptop.probes = true;
    laptop.run_until("two v1 are healthy again", |it| it.healthy() == 2);
    assert!(laptop.tags().iter().filter(|it| *it == "v1").count() == 2);
}

#[test]
fn without_a_breaker_failing_tasks_are_tried_ever_more_slowly() {
    let mut laptop = Laptop::with(service_request());
    laptop.never_below = 2;
    laptop.deploy("missing");
    let starts = |it: &Laptop| it.trace.iter().filter(|line| line.starts_with("start")).count();
    let mut per_span = Vec::new();
    for seconds in [60, 600, 3_600] {
        let before = starts(&laptop);
        laptop.run_for(seconds);
        per_span.push(starts(&laptop) - before);
    }
    assert!(per_span[0] > 10 && per_span[0] < 40, "{per_span:?}");
    assert!(per_span[1] < 20 && per_span[2] < 20, "{per_span:?}");
    assert!(per_span[2] > 0, "it never gives up: {per_span:?}");
    let complaint = "(service game) is unable to consistently start tasks successfully.";
    assert_eq!(laptop.messages().iter().filter(|it| it.starts_with(complaint)).count(), 1);
    assert!(laptop.event_names("ECS Service Action").contains(&"SERVICE_TASK_START_IMPAIRED"));
    assert!(!laptop.event_names("ECS Deployment State Change").contains(&"SERVICE_DEPLOYMENT_FAILED"));
    assert_eq!(laptop.service().deployments[0].rollout_state, RolloutState::InProgress);
}

#[test]
fn a_healthy_task_forgives_the_failed_ones_unless_told_not_to() {
    for (resets, failed) in [(true, 0), (false, 1)] {
        let mut laptop = Laptop::with(CreateService {
            circuit_breaker: Some(CircuitBreaker { reset_on_healthy_task: resets, ..breaker(true) }),
            ..service_request()
        });
        laptop.deploy("v2");
        laptop.run_until("one of v2 runs", |it| {
            it.live().iter().any(|task| !task.was_healthy && it.is_running(&task.arn))
        });
        let arn = laptop
            .live()
            .iter()
            .find(|it| !it.was_healthy && laptop.is_running(&it.arn))
            .unwrap()
            .arn
            .clone();
        laptop.crash(&arn);
        assert_eq!(laptop.service().deployments[0].failed_tasks, 1);
        laptop.run_for(30);
        assert_eq!(laptop.tags(), ["v2", "v2"]);
        assert_eq!(laptop.service().deployments[0].failed_tasks, failed);
    }
}

#[test]
fn a_rollout_can_be_stopped_with_and_without_going_back() {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    laptop.deploy("v2");
    let arn = laptop.service_deployment().arn.clone();
    let stopped = laptop.world.stop_service_deployment(&arn, StopType::Rollback).unwrap();
    assert_eq!(stopped.status, ServiceDeploymentStatus::RollbackInProgress);
    laptop.run_for(30);
    assert_eq!(laptop.service_deployment().status, ServiceDeploymentStatus::RollbackSuccessful);
    assert_eq!(laptop.tags(), ["v1", "v1"]);
    assert!(!laptop.event_names("ECS Deployment State Change").contains(&"SERVICE_DEPLOYMENT_FAILED"));
    let again = laptop.world.stop_service_deployment(&arn, StopType::Rollback);
    assert_eq!(again.unwrap_err().code, "ConflictException");

    laptop.deploy("v3");
    let arn = laptop.service_deployment().arn.clone();
    let stopped = laptop.world.stop_service_deployment(&arn, StopType::Abort).unwrap();
    assert_eq!(stopped.status, ServiceDeploymentStatus::Stopped);
    let unknown = laptop.world.stop_service_deployment("arn:none", StopType::Abort);
    assert_eq!(unknown.unwrap_err().code, "ServiceDeploymentNotFoundException");
}

#[test]
fn an_update_during_a_rollback_wins() {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    laptop.finishes_requests = false;
    laptop.deploy("v2");
    laptop.run_until("half of it is v2", |it| it.healthy_of("v2") == 1);
    let arn = laptop.service_deployment().arn.clone();
    laptop.world.stop_service_deployment(&arn, StopType::Rollback).unwrap();
    laptop.run_for(1);
    laptop.deploy("v3");
    assert_eq!(laptop.world.ecs.service_deployments[1].status, ServiceDeploymentStatus::RollbackFailed);
    laptop.run_for(60);
    assert_eq!(laptop.tags(), ["v3", "v3"]);
}

#[test]
fn a_rollback_to_an_image_that_is_gone_fails_and_is_not_tried_again() {
    let mut laptop = Laptop::with(CreateService {
        minimum_healthy_percent: Some(0),
        maximum_percent: Some(100),
        circuit_breaker: Some(breaker(true)),
        ..service_request()
    });
    laptop.lost_tag = Some("v1");
    laptop.deploy("sick");
    laptop.run_until("given up", |it| {
        it.service_deployment().status == ServiceDeploymentStatus::RollbackFailed
    });
    assert!(laptop.service_deployment().finished_at.is_some());
    assert_eq!(laptop.service().deployments[0].rollout_state, RolloutState::Failed);
    laptop.run_for(5);
    let trace = laptop.trace.len();
    laptop.run_for(3_600);
    assert_eq!(laptop.trace.len(), trace);
    laptop.deploy("v2");
    laptop.run_for(30);
    assert_eq!(laptop.tags(), ["v2", "v2"]);
}
