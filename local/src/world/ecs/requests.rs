//! What clients ask of ECS, already free of any protocol. `None` in an update means "leave as it is".

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CircuitBreaker, Cluster, Service, ServiceDeployment, ServiceLoadBalancer, Task, TaskDefinition};
use crate::world::{Refusal, World};

pub type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone, Default)]
pub struct CreateService {
    /// Name or ARN; `default` when absent.
    pub cluster: Option<String>,
    pub name: String,
    /// `family`, `family:revision` or ARN.
    pub task_definition: String,
    pub desired_count: u32,
    pub minimum_healthy_percent: Option<u32>,
    pub maximum_percent: Option<u32>,
    pub circuit_breaker: Option<CircuitBreaker>,
    pub load_balancers: Vec<ServiceLoadBalancer>,
    pub health_check_grace_period_seconds: u32,
    pub tags: Tags,
    pub created_by: String,
    /// Members that are kept and shown but not acted on (`networkConfiguration`, `launchType` …).
    pub passed_through: Map<String, Value>,
}

#[derive(Debug, Clone, Default)]
pub struct UpdateService {
    pub cluster: Option<String>,
    pub service: String,
    pub task_definition: Option<String>,
    pub desired_count: Option<u32>,
    pub minimum_healthy_percent: Option<u32>,
    pub maximum_percent: Option<u32>,
    /// `Some(None)` switches the breaker off.
    pub circuit_breaker: Option<Option<CircuitBreaker>>,
    pub health_check_grace_period_seconds: Option<u32>,
    pub force_new_deployment: bool,
    pub passed_through: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopType {
    Abort,
    Rollback,
}

fn not_built<T>() -> Result<T, Refusal> {
    Err(Refusal::new("NotBuilt", "skeleton"))
}

impl World {
    pub fn create_cluster(&mut self, _name: &str, _tags: Tags) -> Result<Cluster, Refusal> {
        not_built()
    }
    /// By name or ARN; `default` when absent.
    pub fn find_cluster(&self, _cluster: Option<&str>) -> Result<&Cluster, Refusal> {
        not_built()
    }
    pub fn register_task_definition(
        &mut self,
        _document: Map<String, Value>,
        _tags: Tags,
        _registered_by: &str,
    ) -> Result<TaskDefinition, Refusal> {
        not_built()
    }
    pub fn deregister_task_definition(&mut self, _reference: &str) -> Result<TaskDefinition, Refusal> {
        not_built()
    }
    /// `family` (its newest ACTIVE revision), `family:revision` or ARN.
    pub fn find_task_definition(&self, _reference: &str) -> Result<&TaskDefinition, Refusal> {
        not_built()
    }
    pub fn create_service(&mut self, _request: CreateService) -> Result<Service, Refusal> {
        not_built()
    }
    pub fn update_service(&mut self, _request: UpdateService) -> Result<Service, Refusal> {
        not_built()
    }
    pub fn delete_service(
        &mut self,
        _cluster: Option<&str>,
        _service: &str,
        _force: bool,
    ) -> Result<Service, Refusal> {
        not_built()
    }
    /// Name or ARN. `Ok(None)` is DescribeServices' `failures: MISSING`.
    pub fn find_service(&self, _cluster: Option<&str>, _service: &str) -> Result<Option<&Service>, Refusal> {
        not_built()
    }
    /// Running and pending tasks of a service, and per deployment when one is named.
    pub fn count_tasks(&self, _service_arn: &str, _deployment_id: Option<&str>) -> TaskCounts {
        TaskCounts::default()
    }
    /// Id or ARN.
    pub fn find_task(&self, _cluster: Option<&str>, _task: &str) -> Result<Option<&Task>, Refusal> {
        not_built()
    }
    pub fn stop_task(
        &mut self,
        _cluster: Option<&str>,
        _task: &str,
        _reason: Option<&str>,
    ) -> Result<Task, Refusal> {
        not_built()
    }
    pub fn stop_service_deployment(
        &mut self,
        _arn: &str,
        _stop: StopType,
    ) -> Result<ServiceDeployment, Refusal> {
        not_built()
    }
    /// Services, task definitions, clusters by ARN.
    pub fn tags_of(&self, _arn: &str) -> Result<&Tags, Refusal> {
        not_built()
    }
    pub fn tag_resource(&mut self, _arn: &str, _tags: Tags) -> Result<(), Refusal> {
        not_built()
    }
    pub fn untag_resource(&mut self, _arn: &str, _keys: &[String]) -> Result<(), Refusal> {
        not_built()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    pub running: u32,
    pub pending: u32,
}
