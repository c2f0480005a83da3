//! What clients ask of ECS, already free of any protocol. `None` in an update means "leave as it is".

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CircuitBreaker, ServiceLoadBalancer};

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

/// Tasks outside a service. Two requests that are equal are the same to a client token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunTask {
    pub cluster: Option<String>,
    pub task_definition: String,
    pub count: u32,
    /// `family:<family>` when absent.
    pub group: Option<String>,
    pub started_by: Option<String>,
    pub client_token: Option<String>,
    /// By container.
    pub overrides: BTreeMap<String, ContainerOverride>,
    pub tags: Tags,
    /// Those of the revision as well.
    pub propagates_tags: bool,
    /// `launchType`, `capacityProviderStrategy`, `networkConfiguration`.
    pub placement: Map<String, Value>,
}

/// What one task does otherwise than its revision says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerOverride {
    pub command: Option<Vec<String>>,
    pub environment: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopType {
    Abort,
    Rollback,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    pub running: u32,
    pub pending: u32,
}
