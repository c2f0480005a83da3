//! What there is to see of the service at one moment: its tasks by zone, version and phase.

use std::collections::BTreeMap;

use pushboat_local::world::World;
use pushboat_local::world::ecs::{DeploymentStatus, RolloutState, Service, Task, TaskStatus};
use pushboat_local::world::elb::TargetState;

use crate::local::stack;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub desired: usize,
    pub zones: Vec<String>,
    pub tasks: Vec<TaskView>,
    /// Of the PRIMARY deployment.
    pub rollout: RolloutState,
    pub rollout_reason: String,
    pub revision: u32,
    /// The image digest that the service is at or moving to.
    pub digest: Option<String>,
    /// The latest service event, in ECS's words.
    pub latest_event: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    pub zone: String,
    pub version: String,
    pub phase: Phase,
    /// It is of the revision that the service is at or moving to.
    pub new: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Starting,
    Healthy,
    Draining,
}

impl View {
    /// `None` while there is no such service.
    pub fn of(world: &World) -> Option<View> {
        let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).ok()??;
        let primary = service.deployments.iter().find(|one| one.status == DeploymentStatus::Primary)?;
        let definition = world.find_task_definition(&service.task_definition_arn).ok()?;
        let tasks = world.ecs.tasks.iter().filter(|task| task.service_arn.as_ref() == Some(&service.arn));
        Some(View {
            desired: service.desired_count as usize,
            zones: world.settings.zones.clone(),
            tasks: tasks.filter_map(|task| task_view(world, service, task)).collect(),
            rollout: primary.rollout_state,
            rollout_reason: primary.rollout_state_reason.clone(),
            revision: definition.revision,
            digest: image(world, &service.task_definition_arn).and_then(digest),
            latest_event: service.events.first().map(|event| event.message.clone()).unwrap_or_default(),
        })
    }

    pub fn count(&self, phase: Phase) -> usize {
        self.tasks.iter().filter(|task| task.phase == phase).count()
    }

    /// New tasks in this phase.
    pub fn count_new(&self, phase: Phase) -> usize {
        self.tasks.iter().filter(|task| task.new && task.phase == phase).count()
    }

    /// The service is where it was told to go, and nothing of the old is left.
    pub fn is_settled(&self) -> bool {
        self.rollout == RolloutState::Completed
            && self.count_new(Phase::Healthy) == self.desired
            && self.tasks.len() == self.desired
    }

    pub fn healthy_per_zone(&self) -> BTreeMap<String, usize> {
        let mut counts: BTreeMap<_, _> = self.zones.iter().map(|zone| (zone.clone(), 0)).collect();
        for task in self.tasks.iter().filter(|task| task.phase == Phase::Healthy) {
            *counts.entry(task.zone.clone()).or_default() += 1;
        }
        counts
    }
}

fn task_view(world: &World, service: &Service, task: &Task) -> Option<TaskView> {
    let phase = match task.last_status {
        TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => Phase::Starting,
        TaskStatus::Running if task.desired_status == TaskStatus::Stopped => Phase::Draining,
        TaskStatus::Running if is_healthy(world, service, task) => Phase::Healthy,
        TaskStatus::Running => Phase::Starting,
        TaskStatus::Deactivating | TaskStatus::Stopping => Phase::Draining,
        TaskStatus::Deprovisioning | TaskStatus::Stopped => return None,
    };
    Some(TaskView {
        zone: task.zone.clone(),
        version: version(world, &task.task_definition_arn),
        phase,
        new: task.task_definition_arn == service.task_definition_arn,
    })
}

fn is_healthy(world: &World, service: &Service, task: &Task) -> bool {
    let port = task.containers.iter().find_map(|container| container.host_port);
    service.load_balancers.iter().all(|balancer| {
        let groups = world.elb.target_groups.iter();
        let group = groups.clone().find(|group| group.arn == balancer.target_group_arn);
        group.is_some_and(|group| {
            group
                .targets
                .iter()
                .any(|target| Some(target.port) == port && target.state == TargetState::Healthy)
        })
    })
}

/// What people call the image of a task definition: its version tag in the registry.
fn version(world: &World, task_definition_arn: &str) -> String {
    let Some(image) = image(world, task_definition_arn) else {
        return "?".to_owned();
    };
    let Some(digest) = digest(image) else {
        return image.rsplit_once(':').map_or(image, |(_, tag)| tag).to_owned();
    };
    let repository = world.ecr.repositories.get(stack::REPOSITORY);
    let tags = repository.and_then(|repository| repository.images.get(&digest)).map(|image| &image.tags);
    // Neither the tag that moves nor the one that Pushboat gives to what it deploys.
    let is_version = |tag: &&String| *tag != stack::TRACKED_TAG && !tag.starts_with("deployed-");
    let named = tags.and_then(|tags| tags.iter().find(is_version));
    named.cloned().unwrap_or_else(|| digest["sha256:".len()..][..8].to_owned())
}

fn image<'a>(world: &'a World, task_definition_arn: &str) -> Option<&'a str> {
    let definition = world.find_task_definition(task_definition_arn).ok()?;
    definition.document.get("containerDefinitions")?.get(0)?.get("image")?.as_str()
}

fn digest(image: &str) -> Option<String> {
    image.split_once('@').map(|(_, digest)| digest.to_owned())
}
