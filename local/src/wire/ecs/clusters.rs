//! Clusters.

use serde::Deserialize;
use serde_json::{Value, json};

use super::tags::{self, Tag};
use super::{Paging, arn_of, includes_tags, missing, parse, required};
use crate::wire::Caller;
use crate::world::ecs::{Cluster, ServiceStatus, TaskStatus};
use crate::world::{Refusal, World};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Create {
    cluster_name: Option<String>,
    tags: Vec<Tag>,
}

/// Kept and shown. What services of the cluster take from it is the default strategy.
const PASSED_THROUGH: [&str; 5] = [
    "capacityProviders",
    "configuration",
    "defaultCapacityProviderStrategy",
    "serviceConnectDefaults",
    "settings",
];

pub(super) fn create(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Create = parse(body)?;
    let name = request.cluster_name.as_deref().unwrap_or("default");
    let mut passed_through = body.as_object().cloned().unwrap_or_default();
    passed_through.retain(|member, _| PASSED_THROUGH.contains(&member.as_str()));
    let cluster = world.create_cluster_with(name, tags::read(request.tags)?, passed_through)?;
    Ok(json!({"cluster": show(world, &cluster, true)}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delete {
    cluster: String,
}

pub(super) fn delete(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Delete = parse(body)?;
    let cluster = world.delete_cluster(required(&request.cluster, "cluster")?)?;
    Ok(json!({"cluster": show(world, &cluster, true)}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Describe {
    clusters: Vec<String>,
    include: Vec<String>,
}

pub(super) fn describe(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let mut request: Describe = parse(body)?;
    if request.clusters.is_empty() {
        request.clusters.push("default".to_owned());
    }
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in &request.clusters {
        match world.find_deleted_cluster(Some(name)) {
            Some(cluster) => found.push(show(world, cluster, includes_tags(&request.include))),
            None => failures.push(missing(&arn_of(world, "cluster", name))),
        }
    }
    Ok(json!({"clusters": found, "failures": failures}))
}

pub(super) fn list(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let paging: Paging = parse(body)?;
    let arns = world.ecs.clusters.iter().filter(|cluster| cluster.active);
    let arns = { arns }.map(|cluster| cluster.arn.clone()).collect();
    paging.answer("clusterArns", arns, 100)
}

fn show(world: &World, cluster: &Cluster, with_tags: bool) -> Value {
    let tasks = || world.ecs.tasks.iter().filter(|task| task.cluster_arn == cluster.arn);
    let running = tasks().filter(|task| task.last_status == TaskStatus::Running).count();
    let pending = tasks().filter(|task| task.last_status < TaskStatus::Running).count();
    let services = world
        .ecs
        .services
        .iter()
        .filter(|service| service.cluster_arn == cluster.arn && service.status == ServiceStatus::Active);
    let mut shown = json!({
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": if cluster.active { "ACTIVE" } else { "INACTIVE" },
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": services.count(),
        "statistics": [],
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
        "tags": [],
    });
    for (member, value) in &cluster.passed_through {
        shown[member] = value.clone();
    }
    if with_tags {
        shown["tags"] = tags::show(&cluster.tags);
    }
    shown
}
