//! One task's life, from PROVISIONING to STOPPED. It carries out what the scheduler, a user or a dying process
//! decided, and does not know why.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::event::list_of_tasks;
use super::task_definition::{DEFAULT_STOP_TIMEOUT_SECONDS, container_ports, is_essential, text, texts};
use super::{Container, Task, TaskStatus, invalid};
use crate::world::elb::TargetState;
use crate::world::{Effect, Refusal, StartContainer, StartTask, World};

/// Where the processes of tasks are reached.
const TARGET_ADDRESS: &str = "127.0.0.1";

pub(super) const NO_CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";

/// Why a task stops, each with ECS's `stopCode` and `stoppedReason`.
#[derive(Debug, Clone)]
pub(super) enum Stop {
    EssentialContainerExited,
    FailedToStart { reason: String },
    Scaling { deployment_id: String },
    Unhealthy { target_group_arn: String },
    User { reason: String },
}

impl Stop {
    fn code(&self) -> &'static str {
        match self {
            Stop::EssentialContainerExited => "EssentialContainerExited",
            Stop::FailedToStart { .. } => "TaskFailedToStart",
            Stop::Scaling { .. } | Stop::Unhealthy { .. } => "ServiceSchedulerInitiated",
            Stop::User { .. } => "UserInitiated",
        }
    }

    fn reason(&self) -> String {
        match self {
            Stop::EssentialContainerExited => "Essential container in task exited".into(),
            Stop::FailedToStart { reason } | Stop::User { reason } => reason.clone(),
            Stop::Scaling { deployment_id } => {
                format!("Scaling activity initiated by deployment {deployment_id}")
            }
            Stop::Unhealthy { target_group_arn } => {
                format!("Task failed ELB health checks in (target-group {target_group_arn})")
            }
        }
    }

    /// The task's own doing, which counts against its deployment.
    fn is_failure(&self) -> bool {
        matches!(self, Stop::EssentialContainerExited | Stop::FailedToStart { .. } | Stop::Unhealthy { .. })
    }
}

impl TaskStatus {
    /// As the API and the events write it.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskStatus::Provisioning => "PROVISIONING",
            TaskStatus::Pending => "PENDING",
            TaskStatus::Activating => "ACTIVATING",
            TaskStatus::Running => "RUNNING",
            TaskStatus::Deactivating => "DEACTIVATING",
            TaskStatus::Stopping => "STOPPING",
            TaskStatus::Deprovisioning => "DEPROVISIONING",
            TaskStatus::Stopped => "STOPPED",
        }
    }
}

impl Task {
    /// Nobody has told it to stop and it has not stopped by itself.
    pub(super) fn is_wanted(&self) -> bool {
        self.desired_status == TaskStatus::Running
    }

    pub(super) fn has_running_container(&self) -> bool {
        let mut containers = self.containers.iter();
        containers.any(|it| it.last_status == TaskStatus::Running)
    }

    fn all_containers_stopped(&self) -> bool {
        let mut containers = self.containers.iter();
        containers.all(|it| it.last_status == TaskStatus::Stopped)
    }

    /// Target group, address and port under each of its load balancers.
    pub(super) fn targets(&self) -> Vec<(String, &'static str, u16)> {
        let port_of = |name: &str| {
            let mut containers = self.containers.iter();
            containers.find(|it| it.name == name).and_then(|it| it.host_port)
        };
        let load_balancers = self.load_balancers.iter();
        load_balancers
            .map(|it| {
                let port = port_of(&it.container_name).unwrap_or(it.container_port);
                (it.target_group_arn.clone(), TARGET_ADDRESS, port)
            })
            .collect()
    }
}

impl World {
    /// Starts a task of a service's revision in a zone and returns its id.
    pub(super) fn launch_task(&mut self, service: usize, deployment: usize, zone: &str) -> String {
        let service = &self.ecs.services[service];
        let deployment = &service.deployments[deployment];
        let (cluster_arn, definition) = (service.cluster_arn.clone(), deployment.task_definition_arn.clone());
        let of_service = Task {
            group: format!("service:{}", service.name),
            service_arn: Some(service.arn.clone()),
            deployment_id: Some(deployment.id.clone()),
            service_revision_arn: Some(deployment.service_revision_arn.clone()),
            load_balancers: service.load_balancers.clone(),
            ..self.new_task(cluster_arn, definition, zone)
        };
        self.add_task(of_service)
    }

    /// A task of nobody, which is not among the others yet.
    pub(super) fn new_task(&self, cluster_arn: String, task_definition_arn: String, zone: &str) -> Task {
        Task {
            arn: String::new(),
            id: String::new(),
            cluster_arn,
            task_definition_arn,
            group: String::new(),
            service_arn: None,
            deployment_id: None,
            started_by: None,
            capacity_provider: None,
            overrides: BTreeMap::new(),
            tags: BTreeMap::new(),
            service_revision_arn: None,
            load_balancers: Vec::new(),
            zone: zone.into(),
            last_status: TaskStatus::Provisioning,
            desired_status: TaskStatus::Running,
            containers: Vec::new(),
            stop_code: None,
            stopped_reason: None,
            created_at: self.now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            due_at: Some(self.now + SignedDuration::from_millis(self.settings.timing.provisioning_millis)),
            was_healthy: false,
            version: 0,
        }
    }

    /// Names it and begins its life; its id.
    pub(super) fn add_task(&mut self, mut task: Task) -> String {
        let id = self.new_id();
        let cluster_name = last_part(&task.cluster_arn).to_owned();
        task.id.clone_from(&id);
        task.arn = self.arn("ecs", &format!("task/{cluster_name}/{id}"));
        task.containers = self.new_containers(&task, &cluster_name);
        self.ecs.tasks.push(task);
        self.task_changed(self.ecs.tasks.len() - 1);
        id
    }

    fn new_containers(&mut self, task: &Task, cluster_name: &str) -> Vec<Container> {
        let Ok(definition) = self.find_task_definition(&task.task_definition_arn).cloned() else {
            return Vec::new();
        };
        let containers = definition.containers().map(|it| {
            let uuid = self.new_uuid();
            Container {
                arn: self.arn("ecs", &format!("container/{cluster_name}/{}/{uuid}", task.id)),
                name: text(it, "name").into(),
                image: text(it, "image").into(),
                digest: None,
                essential: is_essential(it),
                host_port: None,
                container_port: container_ports(it).next(),
                last_status: TaskStatus::Pending,
                exit_code: None,
                reason: None,
            }
        });
        containers.collect()
    }

    /// Moves every task as far as it can go now; whether any moved.
    pub(super) fn step_tasks(&mut self) -> bool {
        let now = self.now;
        let known = self.ecs.tasks.len();
        self.ecs
            .tasks
            .retain(|it| it.last_status != TaskStatus::Stopped || it.due_at.is_none_or(|due| due > now));
        let mut moved = known != self.ecs.tasks.len();
        for task in 0..self.ecs.tasks.len() {
            while let Some(next) = self.next_status(&self.ecs.tasks[task]) {
                self.enter(task, next);
                moved = true;
            }
        }
        moved
    }

    fn next_status(&self, task: &Task) -> Option<TaskStatus> {
        let is_due = task.due_at.is_some_and(|due| due <= self.now);
        let started = |it: &Container| it.last_status >= TaskStatus::Running;
        let has_targets = !task.load_balancers.is_empty();
        match task.last_status {
            TaskStatus::Provisioning => is_due.then_some(TaskStatus::Pending),
            TaskStatus::Pending if !task.containers.iter().all(started) => None,
            TaskStatus::Pending if has_targets => Some(TaskStatus::Activating),
            TaskStatus::Pending | TaskStatus::Activating => Some(TaskStatus::Running),
            TaskStatus::Deactivating => {
                let drained = self.targets_are_gone(task) || task.all_containers_stopped();
                drained.then_some(TaskStatus::Stopping)
            }
            TaskStatus::Stopping => task.all_containers_stopped().then_some(TaskStatus::Deprovisioning),
            TaskStatus::Deprovisioning => is_due.then_some(TaskStatus::Stopped),
            TaskStatus::Running | TaskStatus::Stopped => None,
        }
    }

    fn targets_are_gone(&self, task: &Task) -> bool {
        let targets = task.targets();
        let mut each = targets.iter();
        each.all(|(group, id, port)| self.elb.target(group, id, *port).is_none())
    }

    /// Puts a task into a state and does what that state begins with.
    fn enter(&mut self, index: usize, status: TaskStatus) {
        let now = self.now;
        let timing = self.settings.timing;
        let was = self.ecs.tasks[index].last_status;
        let task = &mut self.ecs.tasks[index];
        task.last_status = status;
        task.due_at = match status {
            TaskStatus::Deprovisioning => {
                Some(now + SignedDuration::from_millis(timing.deprovisioning_millis))
            }
            TaskStatus::Stopped => Some(now + SignedDuration::from_secs(timing.remember_stopped_seconds)),
            _ => None,
        };
        match status {
            TaskStatus::Running => task.started_at = Some(now),
            TaskStatus::Stopped => task.stopped_at = Some(now),
            _ => {}
        }
        match status {
            TaskStatus::Pending if self.ecs.no_capacity => {
                self.task_changed(index);
                let reason = NO_CAPACITY.to_owned();
                return self.begin_stop(index, &Stop::FailedToStart { reason });
            }
            TaskStatus::Pending => {
                if let Some(start) = self.start_order(&self.ecs.tasks[index]) {
                    self.effect(Effect::StartTask(start));
                }
            }
            TaskStatus::Activating => self.register_targets(index),
            TaskStatus::Stopping => self.stop_containers(index, was),
            _ => {}
        }
        self.task_changed(index);
    }

    fn start_order(&self, task: &Task) -> Option<StartTask> {
        let definition = self.find_task_definition(&task.task_definition_arn).ok()?;
        let start = |container: &Container| {
            let document = definition.container(&container.name)?;
            let stop_timeout = document.get("stopTimeout").and_then(serde_json::Value::as_u64);
            let otherwise = task.overrides.get(&container.name).cloned().unwrap_or_default();
            let mut environment = environment(document);
            environment.retain(|(name, _)| !otherwise.environment.iter().any(|(other, _)| other == name));
            environment.extend(otherwise.environment);
            Some(StartContainer {
                name: container.name.clone(),
                image: self.resolved_image(task, container),
                entry_point: texts(document, "entryPoint"),
                command: otherwise.command.unwrap_or_else(|| texts(document, "command")),
                working_directory: document
                    .get("workingDirectory")
                    .and_then(serde_json::Value::as_str)
                    .map(str::to_owned),
                environment,
                container_port: container.container_port,
                stop_timeout_seconds: stop_timeout
                    .and_then(|it| u32::try_from(it).ok())
                    .unwrap_or(DEFAULT_STOP_TIMEOUT_SECONDS),
            })
        };
        Some(StartTask {
            task_arn: task.arn.clone(),
            task_id: task.id.clone(),
            zone: task.zone.clone(),
            cluster: last_part(&task.cluster_arn).to_owned(),
            family: definition.family.clone(),
            revision: definition.revision,
            containers: task.containers.iter().filter_map(start).collect(),
        })
    }

    /// A tag means the digest that the first task of the revision resolved it to.
    fn resolved_image(&self, task: &Task, container: &Container) -> String {
        if container.image.contains('@') {
            return container.image.clone();
        }
        let mut revisions = self.ecs.service_revisions.iter();
        let revision = revisions.find(|it| Some(&it.arn) == task.service_revision_arn.as_ref());
        let digest = revision
            .and_then(|it| it.container_images.iter().find(|(name, _, _)| *name == container.name))
            .and_then(|(_, _, digest)| digest.as_ref());
        match digest {
            Some(digest) => format!("{}@{digest}", without_tag(&container.image)),
            None => container.image.clone(),
        }
    }

    fn register_targets(&mut self, index: usize) {
        let task = &self.ecs.tasks[index];
        let (targets, zone) = (task.targets(), task.zone.clone());
        let service = self.service_of(index);
        for (group, id, port) in targets {
            self.elb.register(&group, id, port, &zone);
            if let Some(service) = service {
                self.say(service, &format!("registered 1 targets in (target-group {group})"));
            }
        }
    }

    /// Containers that never started have nothing to wait for. A task that was never sent out needs no word.
    fn stop_containers(&mut self, index: usize, was: TaskStatus) {
        let task = &mut self.ecs.tasks[index];
        let sent_out = was >= TaskStatus::Pending && !task.all_containers_stopped();
        for container in &mut task.containers {
            if container.last_status < TaskStatus::Running {
                container.last_status = TaskStatus::Stopped;
            }
        }
        if sent_out {
            let task_arn = task.arn.clone();
            self.effect(Effect::StopTask { task_arn });
        }
    }

    /// Begins to stop a task: behind a load balancer it drains first, unless there is nothing left to drain.
    pub(super) fn begin_stop(&mut self, index: usize, stop: &Stop) {
        let now = self.now;
        let task = &mut self.ecs.tasks[index];
        if !task.is_wanted() {
            return;
        }
        task.desired_status = TaskStatus::Stopped;
        task.stop_code = Some(stop.code());
        task.stopped_reason = Some(stop.reason());
        task.stopping_at = Some(now);
        let registered = matches!(task.last_status, TaskStatus::Activating | TaskStatus::Running);
        let targets = if registered { task.targets() } else { Vec::new() };
        let drains = !targets.is_empty() && !matches!(stop, Stop::EssentialContainerExited);
        let counts = stop.is_failure() && !task.was_healthy;
        self.task_changed(index);
        for (group, id, port) in targets {
            self.elb.deregister(&group, id, port, now);
        }
        self.enter(index, if drains { TaskStatus::Deactivating } else { TaskStatus::Stopping });
        if counts {
            self.count_failure(index);
        }
    }

    /// Stops several tasks of a service for one reason and tells so, as ECS does for each round.
    pub(super) fn stop_together(&mut self, service: usize, tasks: &[usize], stop: &Stop) {
        let mut running = Vec::new();
        let mut pending = Vec::new();
        let mut per_group: BTreeMap<String, usize> = BTreeMap::new();
        for &index in tasks {
            let task = &self.ecs.tasks[index];
            if task.last_status == TaskStatus::Running {
                running.push(task.id.clone());
                for (group, _, _) in task.targets() {
                    *per_group.entry(group).or_default() += 1;
                }
            } else {
                pending.push(task.id.clone());
            }
            self.begin_stop(index, stop);
        }
        if !per_group.is_empty() {
            let message = format!("has begun draining connections on {} tasks.", running.len());
            self.say(service, &message);
        }
        for (group, count) in per_group {
            self.say(service, &format!("deregistered {count} targets in (target-group {group})"));
        }
        for (what, ids) in [("running", running), ("pending", pending)] {
            if !ids.is_empty() {
                let list = list_of_tasks(ids.iter().map(String::as_str));
                self.say(service, &format!("has stopped {} {what} tasks: {list}.", ids.len()));
            }
        }
    }

    /// It runs, nobody stops it, and every load balancer in front of it finds it healthy.
    pub(super) fn is_healthy(&self, task: &Task) -> bool {
        let healthy = |(group, id, port): &(String, &str, u16)| {
            let target = self.elb.target(group, id, *port);
            target.is_some_and(|it| it.state == TargetState::Healthy)
        };
        task.is_wanted() && task.last_status == TaskStatus::Running && task.targets().iter().all(healthy)
    }

    fn service_of(&self, task: usize) -> Option<usize> {
        let service_arn = self.ecs.tasks[task].service_arn.as_ref()?;
        self.ecs.services.iter().position(|it| it.arn == *service_arn)
    }

    /// Id or ARN.
    pub fn find_task(&self, cluster: Option<&str>, task: &str) -> Result<Option<&Task>, Refusal> {
        let cluster_arn = &self.find_cluster(cluster)?.arn;
        let mut tasks = self.ecs.tasks.iter().filter(|it| it.cluster_arn == *cluster_arn);
        Ok(tasks.find(|it| it.id == task || it.arn == task))
    }

    /// Stopping what already stops changes nothing.
    pub fn stop_task(
        &mut self,
        cluster: Option<&str>,
        task: &str,
        reason: Option<&str>,
    ) -> Result<Task, Refusal> {
        let found = self.find_task(cluster, task)?.map(|it| it.arn.clone());
        let index = self.ecs.tasks.iter().position(|it| Some(&it.arn) == found.as_ref());
        let index = index.ok_or_else(|| invalid("The referenced task was not found."))?;
        let reason = reason.unwrap_or("Task stopped by user").to_owned();
        self.begin_stop(index, &Stop::User { reason });
        let stopped = self.ecs.tasks[index].clone();
        self.settle();
        Ok(stopped)
    }
}

fn environment(container: &serde_json::Map<String, serde_json::Value>) -> Vec<(String, String)> {
    let list = container.get("environment").and_then(serde_json::Value::as_array);
    let pairs = list.into_iter().flatten().filter_map(serde_json::Value::as_object);
    pairs.map(|it| (text(it, "name").to_owned(), text(it, "value").to_owned())).collect()
}

/// `registry:5000/game:v1` without `:v1`.
fn without_tag(image: &str) -> &str {
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    match image[last..].find(':') {
        Some(colon) => &image[..last + colon],
        None => image,
    }
}

/// The name at the end of an ARN.
pub(super) fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
