//! Clusters: names under which services and tasks live. A cluster has no capacity of its own here, so Fargate's are
//! its only capacity providers.

use serde_json::{Map, Value};

use super::launch::check_providers;
use super::{Cluster, ServiceStatus, Tags, TaskStatus, tag};
use crate::world::{Refusal, World};

impl World {
    /// Creating one that is there returns it, as ECS does.
    pub fn create_cluster(&mut self, name: &str, tags: Tags) -> Result<Cluster, Refusal> {
        self.create_cluster_with(name, tags, Map::new())
    }

    /// The same with members that are shown as they came (`capacityProviders`, `settings` …).
    pub fn create_cluster_with(
        &mut self,
        name: &str,
        tags: Tags,
        passed_through: Map<String, Value>,
    ) -> Result<Cluster, Refusal> {
        if !super::is_ecs_name(name) {
            return Err(super::invalid("Identifier contains invalid characters."));
        }
        tag::check(&tags)?;
        check_providers(&passed_through)?;
        if let Ok(existing) = self.find_cluster(Some(name)) {
            return Ok(existing.clone());
        }
        let arn = self.arn("ecs", &format!("cluster/{name}"));
        self.ecs.clusters.retain(|it| it.arn != arn);
        let cluster = Cluster { arn, name: name.into(), active: true, tags, passed_through };
        self.ecs.clusters.push(cluster.clone());
        Ok(cluster)
    }

    /// By name or ARN; `default` when absent. One that was deleted is not there.
    pub fn find_cluster(&self, cluster: Option<&str>) -> Result<&Cluster, Refusal> {
        self.find_deleted_cluster(cluster).filter(|it| it.active).ok_or_else(not_found)
    }

    /// Deleted or not: ECS shows a deleted cluster as INACTIVE for a while.
    pub fn find_deleted_cluster(&self, cluster: Option<&str>) -> Option<&Cluster> {
        let reference = cluster.unwrap_or("default");
        self.ecs.clusters.iter().find(|it| it.name == reference || it.arn == reference)
    }

    /// Only an empty cluster can be deleted.
    pub fn delete_cluster(&mut self, cluster: &str) -> Result<Cluster, Refusal> {
        let arn = self.find_cluster(Some(cluster))?.arn.clone();
        let services = self.ecs.services.iter().filter(|it| it.cluster_arn == arn);
        if { services }.any(|it| it.status == ServiceStatus::Active) {
            let message = "The Cluster cannot be deleted while Services are active.";
            return Err(Refusal::new("ClusterContainsServicesException", message));
        }
        let tasks = self.ecs.tasks.iter().filter(|it| it.cluster_arn == arn);
        if { tasks }.any(|it| it.last_status != TaskStatus::Stopped) {
            let message = "The Cluster cannot be deleted while Tasks are active.";
            return Err(Refusal::new("ClusterContainsTasksException", message));
        }
        let mut clusters = self.ecs.clusters.iter_mut();
        let deleted = clusters.find(|it| it.arn == arn).ok_or_else(not_found)?;
        deleted.active = false;
        Ok(deleted.clone())
    }
}

fn not_found() -> Refusal {
    Refusal::new("ClusterNotFoundException", "Cluster not found.")
}
