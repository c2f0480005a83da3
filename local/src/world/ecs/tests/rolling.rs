//! Roll-outs that succeed, and changes of the desired count.

use super::super::*;
use super::*;

fn completed(laptop: &Laptop) -> bool {
    let service = laptop.service();
    service.deployments.len() == 1 && service.deployments[0].rollout_state == RolloutState::Completed
}

#[test]
fn a_new_service_starts_its_tasks_over_both_zones() {
    let laptop = Laptop::with_service(4);
    assert_eq!(laptop.zones().values().copied().collect::<Vec<_>>(), [2, 2]);
    assert_eq!(laptop.healthy(), 4);
    assert_eq!(laptop.service_deployment().status, ServiceDeploymentStatus::Successful);
    let messages = laptop.messages();
    assert!(messages[0].starts_with("(service game) has started 4 tasks: (task "));
    assert!(messages[1].starts_with("(service game) registered 1 targets in (target-group arn:aws:"));
    let id = &laptop.service().deployments[0].id;
    assert_eq!(
        messages[messages.len() - 2..],
        [
            format!("(service game) (deployment {id}) deployment completed.").as_str(),
            "(service game) has reached a steady state."
        ]
    );
    assert_eq!(
        laptop.event_names("ECS Deployment State Change"),
        ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"]
    );
    assert_eq!(laptop.event_names("ECS Service Action"), ["SERVICE_STEADY_STATE"]);
}

#[test]
fn a_rollout_replaces_every_task_and_never_has_fewer_healthy_ones() {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    let before = laptop.service().deployments[0].id.clone();
    laptop.deploy("v2");

    let service = laptop.service();
    assert_eq!(service.deployments.len(), 2);
    let [new, old] = [&service.deployments[0], &service.deployments[1]];
    assert_eq!((new.status, old.status), (DeploymentStatus::Primary, DeploymentStatus::Active));
    assert_eq!(new.rollout_state_reason, format!("ECS deployment {} in progress.", new.id));
    assert_eq!(old.id, before);
    assert_eq!(laptop.world.count_tasks(&service.arn, Some(&new.id)).pending, 2);
    assert_eq!(laptop.world.count_tasks(&service.arn, Some(&old.id)).running, 2);
    assert_eq!(laptop.world.count_tasks(&service.arn, None), TaskCounts { running: 2, pending: 2 });

    laptop.run_until("v2 completes", completed);
    assert_eq!(laptop.tags(), ["v2", "v2"]);
    assert_eq!(laptop.zones().len(), 2);
    assert_eq!(laptop.most_live, 4);
    let deployment = laptop.service_deployment();
    assert_eq!(deployment.status, ServiceDeploymentStatus::Successful);
    assert_eq!(deployment.source_revision_arns.len(), 1);
    let messages = laptop.messages().join("\n");
    assert!(messages.contains("has begun draining connections on 1 tasks."));
    assert!(messages.contains("deregistered 1 targets in (target-group"));
    assert!(messages.contains("has stopped 1 running tasks: (task "));
}

#[test]
fn percentages_bound_how_many_tasks_there_are_at_once() {
    //   desired, min %, max % -> fewest healthy, most live
    for (desired, minimum, maximum, fewest, most) in
        [(4, 50, 100, 2, 4), (4, 100, 150, 4, 6), (3, 50, 150, 2, 4), (1, 0, 100, 0, 1), (5, 100, 120, 5, 6)]
    {
        let mut laptop = Laptop::with(CreateService {
            desired_count: desired,
            minimum_healthy_percent: Some(minimum),
            maximum_percent: Some(maximum),
            ..service_request()
        });
        laptop.never_below = fewest;
        laptop.deploy("v2");
        laptop.run_until("v2 completes", completed);
        assert_eq!(laptop.tags(), vec!["v2"; desired as usize]);
        assert_eq!(laptop.most_live, most, "{desired} {minimum} {maximum}");
    }
}

#[test]
fn what_has_no_room_never_moves() {
    for (desired, maximum) in [(1, 100), (3, 125)] {
        let mut laptop = Laptop::with(CreateService {
            desired_count: desired,
            maximum_percent: Some(maximum),
            ..service_request()
        });
        laptop.deploy("v2");
        laptop.run_for(600);
        assert_eq!(laptop.tags(), vec!["v1"; desired as usize]);
        assert_eq!(laptop.service().deployments[0].rollout_state, RolloutState::InProgress);
        assert_eq!(laptop.world.next_wake(), None);
    }
}

#[test]
fn a_newer_rollout_supersedes_the_one_under_way() {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    laptop.deploy("v2");
    laptop.run_until("v2 has a healthy task", |it| it.healthy_of("v2") == 1);
    laptop.deploy("v3");
    assert_eq!(laptop.service().deployments.len(), 3);
    let superseded = &laptop.world.ecs.service_deployments[1];
    assert_eq!(superseded.status, ServiceDeploymentStatus::Stopped);
    assert!(superseded.finished_at.is_some());
    laptop.run_until("v3 completes", completed);
    assert_eq!(laptop.tags(), ["v3", "v3"]);
    let statuses: Vec<_> = laptop.world.ecs.service_deployments.iter().map(|it| it.status).collect();
    use ServiceDeploymentStatus::{Stopped, Successful};
    assert_eq!(statuses, [Successful, Stopped, Successful]);
    assert_eq!(
        laptop
            .event_names("ECS Deployment State Change")
            .iter()
            .filter(|it| it.ends_with("COMPLETED"))
            .count(),
        2
    );
}

#[test]
fn pushes_faster_than_the_service_settles_end_at_the_last() {
    let mut laptop = Laptop::with_service(3);
    laptop.never_below = 3;
    for version in 2..12 {
        laptop.deploy(&format!("v{version}"));
        laptop.run_for(1);
    }
    laptop.run_until("the last completes", completed);
    assert_eq!(laptop.tags(), ["v11"; 3]);
    laptop.run_for(20);
    assert_eq!(laptop.live().len(), 3);
}

#[test]
fn the_desired_count_starts_no_deployment() {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    let id = laptop.service().deployments[0].id.clone();
    laptop.scale(5);
    laptop.run_until("five are healthy", |it| it.healthy() == 5);
    assert_eq!(laptop.service().deployments[0].id, id);
    assert_eq!(laptop.service().deployments[0].desired_count, 5);
    laptop.scale(2);
    laptop.run_for(20);
    assert_eq!(laptop.healthy(), 2);
    assert_eq!(laptop.zones().len(), 2, "balanced again");
    assert_eq!(laptop.world.ecs.service_deployments.len(), 1);
}

#[test]
fn scaling_down_stops_what_has_not_started_first() {
    let mut laptop = Laptop::with_service(2);
    laptop.never_below = 2;
    laptop.starts = false;
    let first: Vec<_> = laptop.live().iter().map(|it| it.arn.clone()).collect();
    laptop.scale(5);
    laptop.run_for(2);
    laptop.scale(2);
    let left: Vec<_> = laptop.live().iter().map(|it| it.arn.clone()).collect();
    assert_eq!(left, first);
}

#[test]
fn scaling_during_a_rollout_reaches_both() {
    for desired in [1, 3, 6] {
        let mut laptop = Laptop::with_service(3);
        laptop.never_below = desired.min(3);
        laptop.deploy("v2");
        laptop.run_until("a new one is healthy", |it| it.healthy_of("v2") == 1);
        laptop.scale(desired);
        laptop.run_until("completes", completed);
        assert_eq!(laptop.tags(), vec!["v2"; desired as usize]);
        assert_eq!(laptop.healthy(), desired);
    }
}

#[test]
fn scaling_to_zero_and_back() {
    let mut laptop = Laptop::with_service(2);
    laptop.scale(0);
    laptop.run_for(10);
    assert_eq!(laptop.live().len(), 0);
    laptop.deploy("v2");
    laptop.run_until("nothing to start is soon complete", completed);
    laptop.scale(2);
    laptop.run_until("two are healthy", |it| it.healthy() == 2);
    assert_eq!(laptop.tags(), ["v2", "v2"]);
}

#[test]
fn only_the_first_tasks_of_a_revision_resolve_the_tag() {
    let mut laptop = Laptop::with_service(2);
    laptop.scale(3);
    laptop.run_for(10);
    let started: Vec<_> = laptop.trace.iter().filter(|it| it.starts_with("start")).collect();
    assert!(started[0].contains("/game:v1 "));
    assert!(started[2].contains(&format!("/game@{DIGEST} ")));
    let revision = &laptop.world.ecs.service_revisions[0];
    assert_eq!(revision.container_images[0].2.as_deref(), Some(DIGEST));
    // What is shown stays what the task definition says.
    assert!(laptop.live().iter().all(|it| it.containers[0].image.ends_with("/game:v1")));
    assert!(laptop.live().iter().all(|it| it.containers[0].digest.as_deref() == Some(DIGEST)));

    laptop.update(UpdateService { force_new_deployment: true, ..update_request() });
    laptop.run_until("completes", completed);
    let started: Vec<_> = laptop.trace.iter().filter(|it| it.starts_with("start")).collect();
    assert!(started[3].contains("/game:v1 "), "forcing a deployment resolves anew");
}

#[test]
fn without_a_load_balancer_running_is_healthy() {
    let mut laptop = Laptop::new();
    laptop.register("v1");
    laptop.world.create_service(service_request()).unwrap();
    laptop.run_until("completes", completed);
    laptop.never_below = 2;
    laptop.deploy("v2");
    laptop.run_until("completes", completed);
    assert_eq!(laptop.tags(), ["v2", "v2"]);
    assert!(laptop.events.iter().all(|it| it["detail"]["lastStatus"] != "ACTIVATING"));
}

#[test]
fn the_same_story_leaves_the_same_trace() {
    let story = || {
        let mut laptop = Laptop::with_service(3);
        laptop.deploy("v2");
        laptop.run_for(3);
        laptop.scale(5);
        laptop.deploy("crashing");
        laptop.run_for(60);
        (laptop.trace, laptop.events)
    };
    let (first, second) = (story(), story());
    assert!(first.0.len() > 10);
    assert_eq!(first, second);
}

#[test]
fn one_long_step_and_many_short_ones_end_alike() {
    let finish = |steps: i64| {
        let mut laptop = Laptop::with_service(2);
        laptop.starts = false;
        laptop.deploy("v2");
        let start = laptop.world.now();
        for step in 1..=steps {
            laptop.world.advance(start + SignedDuration::from_millis(6_000 * step / steps));
        }
        laptop.world.take_effects()
    };
    assert_eq!(finish(1), finish(60));
}
