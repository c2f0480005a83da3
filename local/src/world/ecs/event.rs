//! What ECS tells: the messages in a service's own list, and the events on the default bus.

use serde_json::{Map, Value, json};

use super::{Service, ServiceEvent, Task, TaskStatus, task_definition::text};
use crate::world::{Timestamp, World, iso_millis, iso_seconds};

const MOST_MESSAGES: usize = 100;

/// `eventType` and `eventName` of an event about a service or a deployment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    DeploymentInProgress,
    DeploymentCompleted,
    DeploymentFailed,
    SteadyState,
    TaskStartImpaired,
}

impl Event {
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Event::DeploymentInProgress => ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
            Event::DeploymentCompleted => ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
            Event::DeploymentFailed => ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
            Event::SteadyState => ("INFO", "SERVICE_STEADY_STATE"),
            Event::TaskStartImpaired => ("WARN", "SERVICE_TASK_START_IMPAIRED"),
        }
    }
}

impl World {
    /// Adds a message to the service's list: `(service game) has …`.
    pub(super) fn say(&mut self, service: usize, what: &str) {
        let id = self.new_uuid();
        let created_at = self.now;
        let service = &mut self.ecs.services[service];
        let message = format!("(service {}) {what}", service.name);
        service.events.insert(0, ServiceEvent { id, created_at, message });
        service.events.truncate(MOST_MESSAGES);
    }

    pub(super) fn emit_deployment(
        &mut self,
        service: usize,
        deployment_id: &str,
        event: Event,
        reason: &str,
    ) {
        let (event_type, event_name) = event.kind();
        let resource = self.ecs.services[service].arn.clone();
        let detail = json!({
            "eventType": event_type,
            "eventName": event_name,
            "deploymentId": deployment_id,
            "updatedAt": iso_seconds(self.now),
            "reason": reason,
        });
        self.emit("aws.ecs", "ECS Deployment State Change", &[resource], detail);
    }

    pub(super) fn emit_service_action(&mut self, service: usize, event: Event) {
        let (event_type, event_name) = event.kind();
        let Service { arn, cluster_arn, .. } = &self.ecs.services[service];
        let (resource, cluster_arn) = (arn.clone(), cluster_arn.clone());
        let detail = json!({
            "eventType": event_type,
            "eventName": event_name,
            "clusterArn": cluster_arn,
            "createdAt": iso_millis(self.now),
        });
        self.emit("aws.ecs", "ECS Service Action", &[resource], detail);
    }

    /// Counts the change and tells the bus about it.
    pub(super) fn task_changed(&mut self, task: usize) {
        self.ecs.tasks[task].version += 1;
        if !self.settings.tells_of_tasks {
            return;
        }
        let task = &self.ecs.tasks[task];
        let resource = task.arn.clone();
        let detail = self.task_detail(task);
        self.emit("aws.ecs", "ECS Task State Change", &[resource], detail);
    }

    fn task_detail(&self, task: &Task) -> Value {
        let definition = self.find_task_definition(&task.task_definition_arn).ok();
        let size = |member| definition.map_or("", |it| text(&it.document, member));
        let containers: Vec<_> = task.containers.iter().map(|it| container_detail(task, it)).collect();
        let mut detail = object(json!({
            "attachments": [],
            "availabilityZone": task.zone,
            "clusterArn": task.cluster_arn,
            "containers": containers,
            "cpu": size("cpu"),
            "createdAt": iso_millis(task.created_at),
            "desiredStatus": task.desired_status.as_str(),
            "group": task.group,
            "lastStatus": task.last_status.as_str(),
            "launchType": "FARGATE",
            "memory": size("memory"),
            "overrides": { "containerOverrides": container_overrides(task) },
            "platformVersion": "1.4.0",
            "taskArn": task.arn,
            "taskDefinitionArn": task.task_definition_arn,
            "updatedAt": iso_millis(self.now),
            "version": task.version,
        }));
        if task.last_status >= TaskStatus::Pending {
            detail.insert("connectivity".into(), "CONNECTED".into());
        }
        put(&mut detail, "startedBy", task.deployment_id.clone().or_else(|| task.started_by.clone()));
        put(&mut detail, "capacityProviderName", task.capacity_provider.clone());
        put(&mut detail, "stopCode", task.stop_code.map(str::to_owned));
        put(&mut detail, "stoppedReason", task.stopped_reason.clone());
        let mut put_time = |member, at: Option<Timestamp>| put(&mut detail, member, at.map(iso_millis));
        put_time("pullStartedAt", task.pull_started_at);
        put_time("pullStoppedAt", task.pull_stopped_at);
        put_time("startedAt", task.started_at);
        put_time("stoppingAt", task.stopping_at);
        put_time("stoppedAt", task.stopped_at);
        Value::Object(detail)
    }
}

/// Of a task that does what its revision says, none.
fn container_overrides(task: &Task) -> Vec<Value> {
    let overridden = task.overrides.iter();
    overridden.map(|(name, otherwise)| otherwise.show(name)).collect()
}

fn container_detail(task: &Task, container: &super::Container) -> Value {
    let mut detail = object(json!({
        "containerArn": container.arn,
        "lastStatus": container.last_status.as_str(),
        "name": container.name,
        "image": container.image,
        "taskArn": task.arn,
        "networkInterfaces": [],
        "cpu": "0",
    }));
    put(&mut detail, "imageDigest", container.digest.clone());
    put(&mut detail, "reason", container.reason.clone());
    if let Some(exit_code) = container.exit_code {
        detail.insert("exitCode".into(), exit_code.into());
    }
    Value::Object(detail)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn put(detail: &mut Map<String, Value>, member: &str, value: Option<String>) {
    if let Some(value) = value {
        detail.insert(member.into(), value.into());
    }
}

/// `(task 0f3a…) (task 77c1…)`
pub(super) fn list_of_tasks<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let each: Vec<_> = ids.into_iter().map(|id| format!("(task {id})")).collect();
    each.join(" ")
}
