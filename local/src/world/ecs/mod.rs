//! ECS as its clients see it: clusters, task definitions, services, deployments, tasks.
//!
//! | file | subject |
//! |---|---|
//! | `cluster` | create, find, delete |
//! | `launch` | where tasks run: Fargate, its sizes and capacity providers |
//! | `task_definition` | families and revisions, kept as the JSON that was registered |
//! | `service` | create, update, delete, describe; what starts a deployment and what does not |
//! | `deployment` | service deployments and revisions: how a roll-out begins and completes |
//! | `rollback` | the circuit breaker, rollback, stopping a roll-out |
//! | `native` | blue/green, linear, canary: stages, bake time, hooks that pause |
//! | `rolling` | how many tasks to start and stop now, within minimum and maximum percent |
//! | `scheduler` | which of them, over the zones; unhealthy tasks |
//! | `task` | one task's life, from PROVISIONING to STOPPED |
//! | `run` | tasks outside a service |
//! | `report` | what containers did outside |
//! | `metrics` | what CloudWatch's measuring needs to know of tasks |
//! | `tag` | tags on clusters, services, tasks and task definitions |
//! | `event` | what ECS tells: service messages and the events on the bus |
//!
//! Container health checks (`healthCheck` in a task definition) are kept but not carried out: a task is healthy
//! when it runs and, with a load balancer, when its targets are.

mod cluster;
mod deployment;
mod event;
mod launch;
mod metrics;
mod native;
mod report;
mod requests;
mod rollback;
mod rolling;
mod run;
mod scheduler;
mod service;
mod tag;
mod task;
mod task_definition;
#[cfg(test)]
mod tests;

pub use metrics::Reservation;
pub use native::{Hook, HookAction, Stage, Stages, configuration as native_configuration};
pub use requests::{ContainerOverride, CreateService, RunTask, StopType, Tags, TaskCounts, UpdateService};
pub use run::Ran;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Refusal, Timestamp, World};

#[derive(Debug, Default)]
pub struct Ecs {
    pub clusters: Vec<Cluster>,
    pub task_definitions: Vec<TaskDefinition>,
    pub services: Vec<Service>,
    pub tasks: Vec<Task>,
    pub service_deployments: Vec<ServiceDeployment>,
    pub service_revisions: Vec<ServiceRevision>,
    /// What client tokens of RunTask stand for.
    pub(crate) known_runs: Vec<run::KnownRun>,
    /// Fargate has nowhere to run another task: for those who want to see what comes of it.
    pub no_capacity: bool,
}

#[derive(Debug, Clone)]
pub struct Cluster {
    pub arn: String,
    pub name: String,
    /// INACTIVE once deleted.
    pub active: bool,
    pub tags: BTreeMap<String, String>,
    /// Members of CreateCluster that are kept and shown.
    pub passed_through: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub struct TaskDefinition {
    pub arn: String,
    pub family: String,
    pub revision: u32,
    /// INACTIVE once deregistered.
    pub active: bool,
    /// Exactly what was registered, members nobody has heard of included, without `tags`.
    pub document: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
    pub registered_at: Timestamp,
    pub deregistered_at: Option<Timestamp>,
    pub registered_by: String,
}

#[derive(Debug, Clone)]
pub struct Service {
    pub arn: String,
    pub name: String,
    pub cluster_arn: String,
    pub status: ServiceStatus,
    pub desired_count: u32,
    /// The revision's ARN, always with its number.
    pub task_definition_arn: String,
    pub minimum_healthy_percent: u32,
    pub maximum_percent: u32,
    pub circuit_breaker: Option<CircuitBreaker>,
    pub load_balancers: Vec<ServiceLoadBalancer>,
    pub health_check_grace_period_seconds: u32,
    pub created_at: Timestamp,
    pub created_by: String,
    pub tags: BTreeMap<String, String>,
    /// Newest first, as DescribeServices shows them: PRIMARY, then those being replaced.
    pub deployments: Vec<Deployment>,
    /// Newest first, at most 100.
    pub events: Vec<ServiceEvent>,
    /// Members of CreateService that the world keeps and shows but does not act on.
    pub passed_through: Map<String, Value>,
    /// It has said that it reached a steady state, and nothing has moved since.
    pub(crate) steady: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStatus {
    Active,
    Draining,
    Inactive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitBreaker {
    pub rollback: bool,
    pub threshold: Threshold,
    pub reset_on_healthy_task: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    Count(u32),
    /// Of the desired count, rounded up, between 3 and 200. The default is 50.
    BoundedPercent(u32),
    UnboundedPercent(u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLoadBalancer {
    pub target_group_arn: String,
    pub container_name: String,
    pub container_port: u16,
}

/// The old view of a roll-out, inside DescribeServices.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// `ecs-svc/<number>`
    pub id: String,
    pub status: DeploymentStatus,
    pub task_definition_arn: String,
    pub desired_count: u32,
    pub failed_tasks: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub rollout_state: RolloutState,
    pub rollout_state_reason: String,
    pub service_deployment_arn: String,
    /// Its tasks are those of this revision, whichever deployment started them: a rollback takes over what still
    /// runs of the revision it returns to.
    pub service_revision_arn: String,
    /// Tasks that failed since the last one became healthy; unlike `failed_tasks` always counted so.
    pub(crate) failures_in_a_row: u32,
    /// No task is started before this: they have failed too often in a row.
    pub(crate) restart_not_before: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStatus {
    Primary,
    Active,
    Inactive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

/// The new view of a roll-out: what ListServiceDeployments and DescribeServiceDeployments show.
#[derive(Debug, Clone)]
pub struct ServiceDeployment {
    pub arn: String,
    pub service_arn: String,
    pub status: ServiceDeploymentStatus,
    pub status_reason: Option<String>,
    pub target_revision_arn: String,
    pub source_revision_arns: Vec<String>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    pub rollback: Option<Rollback>,
    /// `None`: it is a rolling one.
    pub stages: Option<Stages>,
}

#[derive(Debug, Clone)]
pub struct Rollback {
    pub reason: String,
    pub started_at: Timestamp,
    pub service_revision_arn: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceDeploymentStatus {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

/// A frozen copy of what a service was when a deployment began.
#[derive(Debug, Clone)]
pub struct ServiceRevision {
    pub arn: String,
    pub service_arn: String,
    pub task_definition_arn: String,
    /// container name, image, digest once a task has resolved it
    pub container_images: Vec<(String, String, Option<String>)>,
    pub load_balancers: Vec<ServiceLoadBalancer>,
    /// As in [`Service::passed_through`].
    pub passed_through: Map<String, Value>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    pub id: String,
    pub created_at: Timestamp,
    pub message: String,
}

#[derive(Debug, Clone)]
pub struct Task {
    pub arn: String,
    pub id: String,
    pub cluster_arn: String,
    pub task_definition_arn: String,
    /// `service:<name>` or `family:<name>`
    pub group: String,
    pub service_arn: Option<String>,
    /// The deployment that started it, `ecs-svc/…`.
    pub deployment_id: Option<String>,
    /// Of a task outside a service: what was said when it was asked for.
    pub started_by: Option<String>,
    pub(crate) capacity_provider: Option<String>,
    /// By container.
    pub(crate) overrides: BTreeMap<String, ContainerOverride>,
    pub tags: Tags,
    pub(crate) service_revision_arn: Option<String>,
    /// Those of its service when it started.
    pub(crate) load_balancers: Vec<ServiceLoadBalancer>,
    pub zone: String,
    pub last_status: TaskStatus,
    pub desired_status: TaskStatus,
    pub containers: Vec<Container>,
    pub stop_code: Option<&'static str>,
    pub stopped_reason: Option<String>,
    pub created_at: Timestamp,
    pub pull_started_at: Option<Timestamp>,
    pub pull_stopped_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub stopping_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    /// When the present state ends by itself, if it does.
    pub(crate) due_at: Option<Timestamp>,
    /// It has been seen healthy once (by the load balancer where there is one).
    pub(crate) was_healthy: bool,
    /// Grows with each change, as in the task state change event.
    pub version: u32,
}

#[derive(Debug, Clone)]
pub struct Container {
    pub arn: String,
    pub name: String,
    pub image: String,
    pub digest: Option<String>,
    pub essential: bool,
    pub host_port: Option<u16>,
    pub container_port: Option<u16>,
    pub last_status: TaskStatus,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskStatus {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl World {
    /// One round of everything ECS does by itself; whether anything moved.
    pub(super) fn advance_ecs(&mut self) -> bool {
        let mut moved = self.step_tasks();
        for service in 0..self.ecs.services.len() {
            moved |= self.run_service(service);
        }
        moved
    }

    pub(super) fn next_ecs_wake(&self) -> Option<Timestamp> {
        let of_tasks = self.ecs.tasks.iter().filter_map(|it| it.due_at);
        let of_services = self.ecs.services.iter().flat_map(|it| self.service_wakes(it));
        of_tasks.chain(of_services).filter(|it| *it > self.now).min()
    }
}

/// Letters, digits, hyphens and underscores, 1 to 255 of them: families, containers, services, clusters.
fn is_ecs_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_')
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}
