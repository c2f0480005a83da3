//! Tasks: listing, describing, stopping, whoever started them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Paging, arn_of, includes_tags, insert_moments, invalid, last_part, missing, parse, required, services,
    tags,
};
use crate::wire::Caller;
use crate::world::ecs::{Container, Task, TaskStatus};
use crate::world::{Refusal, World};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    cluster: Option<String>,
    service_name: Option<String>,
    family: Option<String>,
    started_by: Option<String>,
    launch_type: Option<String>,
    container_instance: Option<String>,
    desired_status: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

pub(super) fn list(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: List = parse(body)?;
    let cluster = &world.find_cluster(request.cluster.as_deref())?.arn;
    let service = match &request.service_name {
        Some(name) => Some(&services::find(world, request.cluster.as_deref(), name)?.arn),
        None => None,
    };
    let desired = request.desired_status.as_deref().unwrap_or("RUNNING");
    if !["RUNNING", "PENDING", "STOPPED"].contains(&desired) {
        return Err(invalid(format!("Invalid desiredStatus '{desired}'.")));
    }
    // Every task here is on Fargate, which has no container instances.
    let elsewhere = request.container_instance.is_some()
        || request.launch_type.as_deref().is_some_and(|launch| launch != "FARGATE");
    let fits = |task: &&Task| {
        !elsewhere
            && task.cluster_arn == *cluster
            && task.desired_status.as_str() == desired
            && service.is_none_or(|arn| task.service_arn.as_ref() == Some(arn))
            && request.family.as_deref().is_none_or(|family| family_of(task) == family)
            && request.started_by.as_ref().is_none_or(|starter| started_by(task) == Some(starter))
    };
    let arns = world.ecs.tasks.iter().filter(fits).map(|task| task.arn.clone()).collect();
    request.paging.answer("taskArns", arns, 100)
}

/// Of a service's task, the deployment.
fn started_by(task: &Task) -> Option<&String> {
    task.deployment_id.as_ref().or(task.started_by.as_ref())
}

fn family_of(task: &Task) -> &str {
    let name = last_part(&task.task_definition_arn);
    name.split_once(':').map_or(name, |(family, _)| family)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Describe {
    cluster: Option<String>,
    tasks: Vec<String>,
    include: Vec<String>,
}

pub(super) fn describe(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Describe = parse(body)?;
    if request.tasks.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if request.tasks.len() > 100 {
        return Err(invalid("Tasks cannot have more than 100 elements."));
    }
    let cluster = world.find_cluster(request.cluster.as_deref())?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in &request.tasks {
        match world.find_task(request.cluster.as_deref(), name)? {
            Some(task) => found.push(show(world, task, includes_tags(&request.include))),
            None => failures.push(missing(&arn_of(world, &format!("task/{}", cluster.name), name))),
        }
    }
    Ok(json!({"tasks": found, "failures": failures}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stop {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

pub(super) fn stop(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Stop = parse(body)?;
    let name = required(&request.task, "task")?;
    let task = world.stop_task(request.cluster.as_deref(), name, request.reason.as_deref())?;
    Ok(json!({"task": show(world, &task, true)}))
}

pub(super) fn show(world: &World, task: &Task, with_tags: bool) -> Value {
    let definition = world.find_task_definition(&task.task_definition_arn).ok();
    let size = |member: &str| {
        let value = definition.and_then(|definition| definition.document.get(member));
        value.cloned().unwrap_or(Value::Null)
    };
    let containers = task.containers.iter();
    let overridden =
        |one: &Container| task.overrides.get(&one.name).cloned().unwrap_or_default().show(&one.name);
    let mut shown = json!({
        "taskArn": task.arn,
        "clusterArn": task.cluster_arn,
        "taskDefinitionArn": task.task_definition_arn,
        "group": task.group,
        "availabilityZone": task.zone,
        "lastStatus": task.last_status.as_str(),
        "desiredStatus": task.desired_status.as_str(),
        "healthStatus": "UNKNOWN",
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "enableExecuteCommand": false,
        "attachments": [],
        "attributes": [],
        "overrides": {
            "containerOverrides": task.containers.iter().map(overridden).collect::<Vec<_>>(),
            "inferenceAcceleratorOverrides": [],
        },
        "containers": containers.map(|container| show_container(task, container)).collect::<Vec<_>>(),
        "version": task.version,
        "tags": if with_tags { tags::show(&task.tags) } else { json!([]) },
    });
    for (member, value) in [
        ("cpu", size("cpu")),
        ("memory", size("memory")),
        ("startedBy", json!(started_by(task))),
        ("capacityProviderName", json!(task.capacity_provider)),
        ("stopCode", json!(task.stop_code)),
        ("stoppedReason", json!(task.stopped_reason)),
    ] {
        if !value.is_null() {
            shown[member] = value;
        }
    }
    if task.last_status >= TaskStatus::Pending && task.last_status < TaskStatus::Stopped {
        shown["connectivity"] = "CONNECTED".into();
    }
    insert_moments(
        &mut shown,
        [
            ("createdAt", Some(task.created_at)),
            ("pullStartedAt", task.pull_started_at),
            ("pullStoppedAt", task.pull_stopped_at),
            ("startedAt", task.started_at),
            ("stoppingAt", task.stopping_at),
            ("stoppedAt", task.stopped_at),
        ],
    );
    shown
}

/// On Fargate a task has an address of its own and no bindings. Here it is a process with a port of its own, and the
/// binding says which.
fn show_container(task: &Task, container: &Container) -> Value {
    let bindings: Vec<Value> = container
        .host_port
        .iter()
        .map(|port| {
            json!({
                "bindIP": "127.0.0.1",
                "containerPort": container.container_port,
                "hostPort": port,
                "protocol": "tcp",
            })
        })
        .collect();
    let mut shown = json!({
        "containerArn": container.arn,
        "taskArn": task.arn,
        "name": container.name,
        "image": container.image,
        "lastStatus": container.last_status.as_str(),
        "healthStatus": "UNKNOWN",
        "networkBindings": bindings,
        "networkInterfaces": [],
    });
    for (member, value) in [
        ("imageDigest", json!(container.digest)),
        ("exitCode", json!(container.exit_code)),
        ("reason", json!(container.reason)),
    ] {
        if !value.is_null() {
            shown[member] = value;
        }
    }
    shown
}
