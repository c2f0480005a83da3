//! Service deployments and service revisions: the new view of a roll-out.

use serde::Deserialize;
use serde_json::{Value, json};

use super::service_view::{self, copy_placement, load_balancers};
use super::{Paging, epoch, insert_moments, invalid, missing, page_answer, parse, required, services};
use crate::wire::Caller;
use crate::wire::paging::Order;
use crate::world::ecs::{
    Hook, HookAction, Service, ServiceDeployment, ServiceDeploymentStatus, ServiceRevision, StopType,
};
use crate::world::{Refusal, Timestamp, World};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    cluster: Option<String>,
    service: String,
    status: Vec<String>,
    created_at: CreatedAt,
    #[serde(flatten)]
    paging: Paging,
}

/// Seconds since 1970.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CreatedAt {
    before: Option<f64>,
    after: Option<f64>,
}

impl CreatedAt {
    fn contains(&self, at: Timestamp) -> bool {
        let seconds = at.as_duration().as_secs_f64();
        self.before.is_none_or(|before| seconds < before) && self.after.is_none_or(|after| seconds > after)
    }
}

/// Newest first.
pub(super) fn list(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: List = parse(body)?;
    let name = required(&request.service, "service")?;
    let service = services::find(world, request.cluster.as_deref(), name)?;
    let chosen = world.ecs.service_deployments.iter().filter(|deployment| {
        let status = deployment.status.as_str();
        deployment.service_arn == service.arn
            && (request.status.is_empty() || request.status.iter().any(|wanted| wanted == status))
            && request.created_at.contains(deployment.created_at)
    });
    let keyed = chosen
        .map(|deployment| {
            // Of two that began at once, the one that the world made later is the newer.
            let key = format!("{:020}", deployment.created_at.as_nanosecond());
            (key, deployment)
        })
        .enumerate()
        .map(|(number, (key, deployment))| (format!("{key}/{number:06}"), brief(service, deployment)))
        .collect();
    Ok(page_answer("serviceDeployments", request.paging.page(keyed, Order::Descending, 20)?))
}

/// What both views of a service deployment have.
fn brief(service: &Service, deployment: &ServiceDeployment) -> Value {
    let mut shown = json!({
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": deployment.service_arn,
        "clusterArn": service.cluster_arn,
        "createdAt": epoch(deployment.created_at),
        "targetServiceRevisionArn": deployment.target_revision_arn,
        "status": deployment.status.as_str(),
    });
    if let Some(reason) = &deployment.status_reason {
        shown["statusReason"] = json!(reason);
    }
    insert_moments(
        &mut shown,
        [("startedAt", deployment.started_at), ("finishedAt", deployment.finished_at)],
    );
    shown
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Describe {
    service_deployment_arns: Vec<String>,
    service_revision_arns: Vec<String>,
}

pub(super) fn describe(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Describe = parse(body)?;
    let arns = &request.service_deployment_arns;
    check_count(arns, "serviceDeploymentArns")?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in arns {
        let mut all = world.ecs.service_deployments.iter();
        let deployment = all.find(|one| one.arn == *arn);
        match deployment.and_then(|one| Some((one, service_of(world, &one.service_arn)?))) {
            Some((deployment, service)) => found.push(show(world, service, deployment)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({"serviceDeployments": found, "failures": failures}))
}

fn show(world: &World, service: &Service, deployment: &ServiceDeployment) -> Value {
    let mut shown = brief(service, deployment);
    if let Some(members) = shown.as_object_mut() {
        members.remove("targetServiceRevisionArn");
    }
    shown["updatedAt"] = epoch(deployment.updated_at);
    let stopped = deployment.status == ServiceDeploymentStatus::Stopped;
    insert_moments(&mut shown, [("stoppedAt", deployment.finished_at.filter(|_| stopped))]);
    let sources = deployment.source_revision_arns.iter();
    shown["sourceServiceRevisions"] = sources.map(|arn| revision_summary(world, service, arn)).collect();
    shown["targetServiceRevision"] = revision_summary(world, service, &deployment.target_revision_arn);
    shown["deploymentConfiguration"] = service_view::deployment_configuration(service);
    shown["deploymentCircuitBreaker"] = circuit_breaker(service, deployment);
    shown["alarms"] = json!({"status": "DISABLED", "alarmNames": [], "triggeredAlarmNames": []});
    if let Some(stages) = &deployment.stages {
        shown["lifecycleStage"] = stages.stage.as_str().into();
        shown["lifecycleHookDetails"] = stages.hooks.iter().map(show_hook).collect();
    }
    if let Some(rollback) = &deployment.rollback {
        shown["rollback"] = json!({
            "reason": rollback.reason,
            "startedAt": epoch(rollback.started_at),
        });
        if let Some(arn) = &rollback.service_revision_arn {
            shown["rollback"]["serviceRevisionArn"] = json!(arn);
        }
    }
    shown
}

fn revision_summary(world: &World, service: &Service, arn: &str) -> Value {
    let mut deployments = service.deployments.iter();
    let deployment = deployments.find(|one| one.service_revision_arn == arn);
    let counts = deployment.map(|one| world.count_tasks(&service.arn, Some(&one.id))).unwrap_or_default();
    json!({
        "arn": arn,
        "requestedTaskCount": deployment.map_or(0, |one| one.desired_count),
        "runningTaskCount": counts.running,
        "pendingTaskCount": counts.pending,
    })
}

fn circuit_breaker(service: &Service, deployment: &ServiceDeployment) -> Value {
    let Some(breaker) = service.circuit_breaker else {
        return json!({"status": "DISABLED", "failureCount": 0, "threshold": 0});
    };
    let threshold = breaker.threshold.failed_tasks(service.desired_count);
    // Someone's request can end a deployment as well: only the reason tells.
    let reason = deployment.status_reason.as_deref().unwrap_or_default();
    if reason.contains("circuit breaker") {
        // The deployment that counted its failures may be gone by now, but it had at least this many.
        return json!({"status": "TRIGGERED", "failureCount": threshold, "threshold": threshold});
    }
    let mut own = service.deployments.iter();
    let failed =
        own.find(|one| one.service_deployment_arn == deployment.arn).map_or(0, |one| one.failed_tasks);
    let status = match deployment.status {
        ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress => "MONITORING",
        _ => "MONITORING_COMPLETE",
    };
    json!({"status": status, "failureCount": failed, "threshold": threshold})
}

pub(super) fn describe_revisions(
    world: &mut World,
    _caller: &Caller,
    body: &Value,
) -> Result<Value, Refusal> {
    let request: Describe = parse(body)?;
    let arns = &request.service_revision_arns;
    check_count(arns, "serviceRevisionArns")?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in arns {
        let mut all = world.ecs.service_revisions.iter();
        let revision = all.find(|one| one.arn == *arn);
        match revision.and_then(|one| Some((one, service_of(world, &one.service_arn)?))) {
            Some((revision, service)) => found.push(show_revision(service, revision)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({"serviceRevisions": found, "failures": failures}))
}

fn show_revision(service: &Service, revision: &ServiceRevision) -> Value {
    let images = revision.container_images.iter().map(|(name, image, digest)| {
        let mut shown = json!({"containerName": name, "image": image});
        if let Some(digest) = digest {
            shown["imageDigest"] = json!(digest);
        }
        shown
    });
    let mut shown = json!({
        "serviceRevisionArn": revision.arn,
        "serviceArn": revision.service_arn,
        "clusterArn": service.cluster_arn,
        "taskDefinition": revision.task_definition_arn,
        "containerImages": images.collect::<Vec<_>>(),
        "loadBalancers": load_balancers(&service.load_balancers),
        "guardDutyEnabled": false,
        "createdAt": epoch(revision.created_at),
    });
    copy_placement(service, &mut shown);
    shown
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stop {
    service_deployment_arn: String,
    stop_type: Option<String>,
}

pub(super) fn stop(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Stop = parse(body)?;
    let stop = match request.stop_type.as_deref() {
        None | Some("ROLLBACK") => StopType::Rollback,
        Some("ABORT") => StopType::Abort,
        Some(other) => return Err(invalid(format!("Invalid stopType '{other}'."))),
    };
    let arn = required(&request.service_deployment_arn, "serviceDeploymentArn")?;
    let deployment = world.stop_service_deployment(arn, stop)?;
    Ok(json!({"serviceDeploymentArn": deployment.arn}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Continue {
    service_deployment_arn: String,
    hook_id: String,
    action: Option<String>,
}

pub(super) fn go_on(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Continue = parse(body)?;
    let action = match request.action.as_deref() {
        None | Some("CONTINUE") => HookAction::Continue,
        Some("ROLLBACK") => HookAction::Rollback,
        Some(other) => return Err(invalid(format!("Invalid action '{other}'."))),
    };
    let arn = required(&request.service_deployment_arn, "serviceDeploymentArn")?;
    let hook = required(&request.hook_id, "hookId")?;
    let deployment = world.continue_service_deployment(arn, hook, action)?;
    Ok(json!({"serviceDeploymentArn": deployment.arn}))
}

fn show_hook(hook: &Hook) -> Value {
    json!({
        "hookId": hook.id,
        "targetType": "PAUSE",
        "status": hook.status,
        "expiresAt": epoch(hook.expires_at),
        "timeoutAction": hook.timeout_action,
    })
}

fn service_of<'a>(world: &'a World, arn: &str) -> Option<&'a Service> {
    world.ecs.services.iter().find(|service| service.arn == arn)
}

fn check_count(arns: &[String], member: &str) -> Result<(), Refusal> {
    if (1..=20).contains(&arns.len()) {
        return Ok(());
    }
    Err(invalid(format!("{member} must have between 1 and 20 elements.")))
}
