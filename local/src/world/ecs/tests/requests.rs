//! Services: what ECS refuses, which changes start a deployment, and how one is deleted.

use super::super::*;
use super::*;

#[test]
fn an_inactive_revision_starts_nothing() {
    let mut laptop = Laptop::with_service(1);
    laptop.world.deregister_task_definition("game:1").unwrap();
    let update = |request: UpdateService, laptop: &mut Laptop| laptop.world.update_service(request);
    for request in [
        UpdateService { task_definition: Some("game:1".into()), ..update_request() },
        UpdateService { force_new_deployment: true, ..update_request() },
    ] {
        let refusal = update(request, &mut laptop).unwrap_err();
        assert_eq!(refusal.to_string(), "ClientException: TaskDefinition is inactive");
    }
    let create =
        CreateService { name: "other".into(), task_definition: "game:1".into(), ..service_request() };
    assert_eq!(laptop.world.create_service(create).unwrap_err().code, "ClientException");
    laptop.scale(2);
    laptop.run_until("what runs can still be scaled", |it| it.healthy() == 2);
}

#[test]
fn which_updates_start_a_deployment() {
    let passed = |value: Value| UpdateService {
        passed_through: value.as_object().unwrap().clone(),
        ..update_request()
    };
    let mut laptop = Laptop::with_service(1);
    let arn = laptop.service().task_definition_arn.clone();
    let same_load_balancers = json!({ "loadBalancers": [{
        "targetGroupArn": laptop.target_group_arn(), "containerName": "game", "containerPort": 8080,
    }]});
    let table = [
        (update_request(), false),
        (UpdateService { task_definition: Some(arn), ..update_request() }, false),
        (UpdateService { task_definition: Some("game".into()), ..update_request() }, false),
        (UpdateService { desired_count: Some(2), ..update_request() }, false),
        (UpdateService { maximum_percent: Some(150), ..update_request() }, false),
        (UpdateService { circuit_breaker: Some(None), ..update_request() }, false),
        (UpdateService { health_check_grace_period_seconds: Some(9), ..update_request() }, false),
        (UpdateService { force_new_deployment: true, ..update_request() }, true),
        (passed(json!({ "enableExecuteCommand": true })), false),
        (passed(json!({ "platformVersion": "1.4.0" })), true),
        (passed(json!({ "platformVersion": "1.4.0", "networkConfiguration": null })), false),
        (passed(json!({ "networkConfiguration": { "awsvpcConfiguration": {} } })), true),
        (passed(same_load_balancers), false),
        (passed(json!({ "loadBalancers": [] })), true),
    ];
    for (request, starts) in table {
        let before = laptop.service().deployments[0].id.clone();
        let shown = format!("{request:?}");
        let service = laptop.update(request);
        assert_eq!(service.deployments[0].id != before, starts, "{shown}");
        laptop.run_for(20);
        assert_eq!(laptop.service().deployments.len(), 1);
    }
    let service = laptop.service();
    assert_eq!((service.desired_count, service.maximum_percent), (2, 150));
    assert_eq!(service.passed_through["enableExecuteCommand"], true);
    assert!(service.circuit_breaker.is_none() && service.load_balancers.is_empty());
    assert!(laptop.world.find_target_group("game").unwrap().targets.is_empty());
}

/// How creating a service `fresh` that is changed so is refused.
fn refusal(change: impl FnOnce(&mut CreateService)) -> String {
    let mut laptop = Laptop::with_service(1);
    let mut request = CreateService { name: "fresh".into(), ..service_request() };
    change(&mut request);
    let created = laptop.world.create_service(request);
    assert_eq!(laptop.world.ecs.services.len(), 1);
    created.unwrap_err().to_string()
}

#[test]
fn bad_services_are_refused() {
    let invalid = |what: &str| format!("InvalidParameterException: {what}");
    assert_eq!(refusal(|it| it.cluster = None), "ClusterNotFoundException: Cluster not found.");
    assert_eq!(refusal(|it| it.name = "game".into()), invalid("Creation of service was not idempotent."));
    assert_eq!(
        refusal(|it| it.task_definition = "no".into()),
        "ClientException: Unable to find task definition."
    );
    assert_eq!(
        refusal(|it| it.maximum_percent = Some(99)),
        invalid("maximumPercent must be at least 100, not 99.")
    );
    assert_eq!(
        refusal(|it| it.minimum_healthy_percent = Some(101)),
        invalid("minimumHealthyPercent must be at most 100, not 101.")
    );
    assert_eq!(
        refusal(|it| it.desired_count = 5_001),
        invalid("A service has at most 5000 tasks; 5001 were asked for.")
    );
    assert_eq!(
        refusal(|it| it.tags = Tags::from([("aws:x".into(), String::new())])),
        invalid("aws: prefixed tag key names are not allowed for external use.")
    );
    let no_threshold = CircuitBreaker { threshold: Threshold::Count(0), ..breaker(true) };
    assert!(refusal(|it| it.circuit_breaker = Some(no_threshold)).starts_with(&invalid("The threshold")));
    assert!(refusal(|it| it.name = "a b".into()).starts_with(&invalid("Invalid service name")));
}

#[test]
fn a_load_balancer_needs_a_container_a_port_and_a_target_group() {
    let behind = |container: &str, port, group: &str| {
        let load_balancer = ServiceLoadBalancer {
            target_group_arn: group.into(),
            container_name: container.into(),
            container_port: port,
        };
        refusal(|it| it.load_balancers = vec![load_balancer])
    };
    let group = Laptop::new().target_group_arn();
    for (refusal, expected) in [
        (behind("no", 8080, &group), "The container no does not exist in the task definition."),
        (behind("game", 1, &group), "The container game did not have a container port 1 defined."),
        (behind("game", 8080, "none"), "The target group with targetGroupArn none does not exist."),
    ] {
        assert_eq!(refusal, format!("InvalidParameterException: {expected}"));
    }
}

#[test]
fn bad_updates_are_refused() {
    let mut laptop = Laptop::with_service(1);
    let unknown = UpdateService { service: "none".into(), ..update_request() };
    let refusal = laptop.world.update_service(unknown).unwrap_err();
    assert_eq!(refusal.to_string(), "ServiceNotFoundException: Service not found.");
    let bad = json!({ "loadBalancers": [{ "containerName": 3 }] });
    let bad = UpdateService { passed_through: bad.as_object().unwrap().clone(), ..update_request() };
    let refusal = laptop.world.update_service(bad).unwrap_err();
    assert_eq!(refusal.code, "InvalidParameterException");
}

#[test]
fn a_deleted_service_drains_and_then_leaves_its_name() {
    let mut laptop = Laptop::with_service(2);
    laptop.finishes_requests = false;
    let refusal = laptop.world.delete_service(Some("demo"), "game", false).unwrap_err();
    assert_eq!(refusal.message, "The service cannot be stopped while it is scaled above 0.");
    let arn = laptop.service().arn.clone();
    let deleted = laptop.world.delete_service(Some("demo"), &arn, true).unwrap();
    assert_eq!(deleted.status, ServiceStatus::Draining);
    let refusal = laptop.world.update_service(update_request()).unwrap_err();
    assert_eq!(refusal.to_string(), "ServiceNotActiveException: Service was not ACTIVE.");
    let refusal = laptop.world.create_service(service_request()).unwrap_err();
    assert!(refusal.message.contains("still Draining"));
    laptop.run_for(20);
    assert_eq!(laptop.service().status, ServiceStatus::Inactive);
    assert_eq!(laptop.world.update_service(update_request()).unwrap_err().code, "ServiceNotFoundException");
    assert_eq!(laptop.world.tags_of(&arn).unwrap_err().code, "InvalidParameterException");
    laptop.finishes_requests = true;
    laptop.world.create_service(service_request()).unwrap();
    laptop.run_for(20);
    assert_eq!(laptop.healthy(), 2);
    assert_eq!(laptop.world.ecs.services.len(), 1);
}

#[test]
fn deleting_during_a_rollout_stops_it() {
    let mut laptop = Laptop::with_service(2);
    laptop.deploy("v2");
    laptop.world.delete_service(Some("demo"), "game", true).unwrap();
    laptop.run_for(20);
    assert_eq!(laptop.service().status, ServiceStatus::Inactive);
    assert_eq!(laptop.service_deployment().status, ServiceDeploymentStatus::Stopped);
    let completed = laptop.event_names("ECS Deployment State Change");
    assert_eq!(completed.iter().filter(|it| it.ends_with("COMPLETED")).count(), 1);
}

#[test]
fn arns_look_like_those_of_ecs() {
    let laptop = Laptop::with_service(1);
    let root = "arn:aws:ecs:eu-central-1:123456789012:";
    let service = laptop.service();
    assert_eq!(service.arn, format!("{root}service/demo/game"));
    assert_eq!(service.cluster_arn, format!("{root}cluster/demo"));
    let task = laptop.live()[0];
    assert_eq!(task.arn, format!("{root}task/demo/{}", task.id));
    assert!(task.containers[0].arn.starts_with(&format!("{root}container/demo/{}/", task.id)));
    let deployment = laptop.service_deployment();
    assert!(deployment.arn.starts_with(&format!("{root}service-deployment/demo/game/")));
    let revision = deployment.target_revision_arn.strip_prefix(&format!("{root}service-revision/demo/game/"));
    assert_eq!(revision.unwrap().parse::<u64>().unwrap().to_string().len(), 19);
    assert!(service.deployments[0].id.starts_with("ecs-svc/"));
}
