//! How DescribeServices shows a service: with its deployments, events, counts and the defaults ECS fills in.

use serde_json::{Map, Value, json};

use super::{epoch, tags};
use crate::world::World;
use crate::world::ecs::{
    CircuitBreaker, Deployment, DeploymentStatus, RolloutState, Service, ServiceLoadBalancer, ServiceStatus,
    Threshold, native_configuration,
};

/// What Fargate runs on when "LATEST" is asked for.
const PLATFORM_VERSION: &str = "1.4.0";

/// What ECS shows where CreateService said nothing.
const TEXT_DEFAULTS: [(&str, &str); 5] = [
    ("availabilityZoneRebalancing", "ENABLED"),
    ("launchType", "FARGATE"),
    ("platformVersion", "LATEST"),
    ("propagateTags", "NONE"),
    ("schedulingStrategy", "REPLICA"),
];

pub(super) fn default_of(member: &str) -> Option<&'static str> {
    let found = TEXT_DEFAULTS.iter().find(|(name, _)| *name == member);
    found.map(|(_, value)| *value)
}

pub(super) fn show(world: &World, service: &Service, with_tags: bool) -> Value {
    let counts = world.count_tasks(&service.arn, None);
    let mut shown = with_defaults(service);
    let own = json!({
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "status": match service.status {
            ServiceStatus::Active => "ACTIVE",
            ServiceStatus::Draining => "DRAINING",
            ServiceStatus::Inactive => "INACTIVE",
        },
        "desiredCount": service.desired_count,
        "runningCount": counts.running,
        "pendingCount": counts.pending,
        "taskDefinition": service.task_definition_arn,
        "deploymentConfiguration": deployment_configuration(service),
        "deployments": deployments(world, service),
        "loadBalancers": load_balancers(&service.load_balancers),
        "roleArn": format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            world.settings.account
        ),
        "events": service.events.iter().map(|event| json!({
            "id": event.id,
            "createdAt": epoch(event.created_at),
            "message": event.message,
        })).collect::<Vec<_>>(),
        "createdAt": epoch(service.created_at),
        "createdBy": service.created_by,
        "resourceManagementType": "CUSTOMER",
    });
    if let Value::Object(own) = own {
        shown.extend(own);
    }
    if !service.load_balancers.is_empty() {
        let grace = service.health_check_grace_period_seconds;
        shown.insert("healthCheckGracePeriodSeconds".into(), json!(grace));
    }
    if let Some(current) = service.deployments.first() {
        let arn = &current.service_deployment_arn;
        shown.insert("currentServiceDeployment".into(), json!(arn));
        shown.insert("currentServiceRevisions".into(), current_revisions(world, service));
    }
    if with_tags {
        shown.insert("tags".into(), tags::show(&service.tags));
    }
    Value::Object(shown)
}

fn with_defaults(service: &Service) -> Map<String, Value> {
    let mut shown = service.passed_through.clone();
    // ECS takes it, and does not show it here.
    shown.remove("monitoring");
    for (member, value) in TEXT_DEFAULTS {
        let has_providers = service.passed_through.contains_key("capacityProviderStrategy");
        if !(member == "launchType" && has_providers) {
            shown.entry(member).or_insert_with(|| json!(value));
        }
    }
    for member in ["placementConstraints", "placementStrategy", "serviceRegistries"] {
        shown.entry(member).or_insert_with(|| json!([]));
    }
    for member in ["enableECSManagedTags", "enableExecuteCommand"] {
        shown.entry(member).or_insert_with(|| json!(false));
    }
    shown.entry("deploymentController").or_insert_with(|| json!({"type": "ECS"}));
    shown.entry("platformFamily").or_insert_with(|| json!("Linux"));
    shown
}

pub(super) fn deployment_configuration(service: &Service) -> Value {
    let mut shown = json!({
        "deploymentCircuitBreaker": circuit_breaker(service.circuit_breaker),
        "maximumPercent": service.maximum_percent,
        "minimumHealthyPercent": service.minimum_healthy_percent,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    });
    for (member, value) in native_configuration(service).and_then(Value::as_object).into_iter().flatten() {
        shown[member] = value.clone();
    }
    shown
}

fn circuit_breaker(breaker: Option<CircuitBreaker>) -> Value {
    let Some(breaker) = breaker else {
        return json!({"enable": false, "rollback": false});
    };
    let (kind, value) = match breaker.threshold {
        Threshold::Count(count) => ("COUNT", count),
        Threshold::BoundedPercent(percent) => ("BOUNDED_PERCENT", percent),
        Threshold::UnboundedPercent(percent) => ("UNBOUNDED_PERCENT", percent),
    };
    json!({
        "enable": true,
        "rollback": breaker.rollback,
        "resetOnHealthyTask": breaker.reset_on_healthy_task,
        "thresholdConfiguration": {"type": kind, "value": value},
    })
}

pub(super) fn load_balancers(list: &[ServiceLoadBalancer]) -> Value {
    list.iter()
        .map(|one| {
            json!({
                "targetGroupArn": one.target_group_arn,
                "containerName": one.container_name,
                "containerPort": one.container_port,
            })
        })
        .collect()
}

fn deployments(world: &World, service: &Service) -> Value {
    let each = service.deployments.iter();
    each.map(|deployment| show_deployment(world, service, deployment)).collect()
}

fn show_deployment(world: &World, service: &Service, deployment: &Deployment) -> Value {
    let counts = world.count_tasks(&service.arn, Some(&deployment.id));
    let mut shown = json!({
        "id": deployment.id,
        "status": match deployment.status {
            DeploymentStatus::Primary => "PRIMARY",
            DeploymentStatus::Active => "ACTIVE",
            DeploymentStatus::Inactive => "INACTIVE",
        },
        "taskDefinition": deployment.task_definition_arn,
        "desiredCount": deployment.desired_count,
        "pendingCount": counts.pending,
        "runningCount": counts.running,
        "failedTasks": deployment.failed_tasks,
        "createdAt": epoch(deployment.created_at),
        "updatedAt": epoch(deployment.updated_at),
        "rolloutState": match deployment.rollout_state {
            RolloutState::InProgress => "IN_PROGRESS",
            RolloutState::Completed => "COMPLETED",
            RolloutState::Failed => "FAILED",
        },
        "rolloutStateReason": deployment.rollout_state_reason,
    });
    // ECS tells a state of rolling deployments only.
    if let Some(members) = shown.as_object_mut().filter(|_| native_configuration(service).is_some()) {
        members.remove("rolloutState");
        members.remove("rolloutStateReason");
    }
    copy_placement(service, &mut shown);
    shown
}

/// Where tasks run, as deployments and revisions repeat it.
pub(super) fn copy_placement(service: &Service, shown: &mut Value) {
    match service.passed_through.get("capacityProviderStrategy") {
        Some(strategy) => shown["capacityProviderStrategy"] = strategy.clone(),
        None => shown["launchType"] = "FARGATE".into(),
    }
    if let Some(network) = service.passed_through.get("networkConfiguration") {
        shown["networkConfiguration"] = network.clone();
    }
    let version = service.passed_through.get("platformVersion").and_then(Value::as_str);
    shown["platformVersion"] = match version {
        None | Some("LATEST") => PLATFORM_VERSION.into(),
        Some(version) => version.into(),
    };
    shown["platformFamily"] = "Linux".into();
}

/// The revisions that the service's deployments run: the new one, and those being replaced.
fn current_revisions(world: &World, service: &Service) -> Value {
    let each = service.deployments.iter().map(|deployment| {
        let counts = world.count_tasks(&service.arn, Some(&deployment.id));
        json!({
            "arn": deployment.service_revision_arn,
            "requestedTaskCount": deployment.desired_count,
            "runningTaskCount": counts.running,
            "pendingTaskCount": counts.pending,
        })
    });
    each.collect()
}
