//! Clusters.

use serde::Deserialize;
use serde_json::{Value, json};

use super::tags::{self, Tag};
use super::{Paging, arn_of, includes_tags, missing, parse};
use crate::wire::Caller;
use crate::world::ecs::{Cluster, ServiceStatus, TaskStatus};
use crate::world::{Refusal, World};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Create {
    cluster_name: Option<String>,
    tags: Vec<Tag>,
}

pub(super) fn create(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Create = parse(body)?;
    let name = request.cluster_name.as_deref().unwrap_or("default");
    let cluster = world.create_cluster(name, tags::read(request.tags)?)?;
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
        match world.find_cluster(Some(name)) {
            Ok(cluster) => found.push(show(world, cluster, includes_tags(&request.include))),
            Err(refusal) if refusal.code == "ClusterNotFoundException" => {
                failures.push(missing(&arn_of(world, "cluster", name)));
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(json!({"clusters": found, "failures": failures}))
}

pub(super) fn list(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let paging: Paging = parse(body)?;
    let arns = world.ecs.clusters.iter().map(|cluster| cluster.arn.clone()).collect();
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
        "status": "ACTIVE",
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
    if with_tags {
        shown["tags"] = tags::show(&cluster.tags);
    }
    shown
}
