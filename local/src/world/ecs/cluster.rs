//! Clusters: names under which services and tasks live. A cluster has no capacity of its own here.

use super::{Cluster, Tags, tag};
use crate::world::{Refusal, World};

impl World {
    /// Creating one that is there returns it, as ECS does.
    pub fn create_cluster(&mut self, name: &str, tags: Tags) -> Result<Cluster, Refusal> {
        if !super::is_ecs_name(name) {
            return Err(super::invalid("Identifier contains invalid characters."));
        }
        tag::check(&tags)?;
        if let Ok(existing) = self.find_cluster(Some(name)) {
            return Ok(existing.clone());
        }
        let cluster = Cluster { arn: self.arn("ecs", &format!("cluster/{name}")), name: name.into(), tags };
        self.ecs.clusters.push(cluster.clone());
        Ok(cluster)
    }

    /// By name or ARN; `default` when absent.
    pub fn find_cluster(&self, cluster: Option<&str>) -> Result<&Cluster, Refusal> {
        let reference = cluster.unwrap_or("default");
        let mut all = self.ecs.clusters.iter();
        all.find(|it| it.name == reference || it.arn == reference)
            .ok_or_else(|| Refusal::new("ClusterNotFoundException", "Cluster not found."))
    }
}
