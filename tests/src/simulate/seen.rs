//! What reads see: the world in the domain's words, as the functions' adapter reads it off the wire. Built anew only when
//! something has changed, and kept for ten seconds where reads may be stale.

use std::rc::Rc;

use pushboat::diagnosis::{StoppedContainer, StoppedTask};
use pushboat::model::{
    Deployment, Image, ImageKind, Outcome, Rollout, RolloutImage, RolloutState, Service, ServiceName,
    ServiceStatus,
};
use pushboat::task_definition::TaskDefinition;
use pushboat_local::world::World;
use pushboat_local::world::ecr::ImageStatus;
use pushboat_local::world::ecs::{self, ServiceDeploymentStatus};
use serde_json::Value;

use super::{CLUSTER, REPOSITORY};

/// As many as the functions ask for.
const ROLLOUTS: usize = 20;
const TASKS: usize = 100;

/// A revision with what only a response has, as DescribeTaskDefinition shows it.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) shown: TaskDefinition,
    pub(super) family: String,
    pub(super) number: u32,
    pub(super) is_active: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// From when on, in milliseconds, this was the truth.
    pub(super) from: i64,
    pub(super) services: Rc<Vec<Service>>,
    /// Newest last.
    pub(super) revisions: Rc<Vec<Rc<Revision>>>,
    /// One list for each service, newest first.
    pub(super) rollouts: Rc<Vec<Vec<Rollout>>>,
    pub(super) images: Rc<Vec<Image>>,
}

impl Seen {
    pub(super) fn new() -> Seen {
        Seen {
            from: 0,
            services: Rc::default(),
            revisions: Rc::default(),
            rollouts: Rc::default(),
            images: Rc::default(),
        }
    }

    /// By ARN, or the newest ACTIVE revision of a family.
    pub(super) fn revision(&self, reference: &str) -> Option<&Rc<Revision>> {
        let newest_first = || self.revisions.iter().rev();
        match reference.starts_with("arn:") {
            true => newest_first().find(|it| it.shown.arn == reference),
            false => newest_first().find(|it| it.family == reference && it.is_active),
        }
    }
}

pub(super) fn services(world: &World) -> Vec<Service> {
    world.ecs.services.iter().map(|it| service(world, it)).collect()
}

fn service(world: &World, found: &ecs::Service) -> Service {
    let counts = world.count_tasks(&found.arn, None);
    let primary = found.deployments.iter().find(|it| it.status == ecs::DeploymentStatus::Primary);
    Service {
        name: ServiceName { cluster: CLUSTER.to_owned(), service: found.name.clone() },
        arn: found.arn.clone(),
        status: match found.status {
            ecs::ServiceStatus::Active => ServiceStatus::Active,
            ecs::ServiceStatus::Draining => ServiceStatus::Draining,
            ecs::ServiceStatus::Inactive => ServiceStatus::Inactive,
        },
        desired_count: found.desired_count,
        running_count: counts.running,
        pending_count: counts.pending,
        task_definition_arn: found.task_definition_arn.clone(),
        tags: found.tags.clone(),
        primary: primary.map(|it| Deployment {
            id: it.id.clone(),
            task_definition_arn: it.task_definition_arn.clone(),
            state: match it.rollout_state {
                ecs::RolloutState::InProgress => RolloutState::InProgress,
                ecs::RolloutState::Completed => RolloutState::Completed,
                ecs::RolloutState::Failed => RolloutState::Failed,
            },
            reason: it.rollout_state_reason.clone(),
            failed_tasks: it.failed_tasks,
        }),
        target_group_arns: found.load_balancers.iter().map(|it| it.target_group_arn.clone()).collect(),
        subnets: 2,
        managed_by_ecs: false,
    }
}

pub(super) fn revision(found: &ecs::TaskDefinition) -> Revision {
    let mut document = found.document.clone();
    let text = |value: &str| Value::from(value);
    document.insert("taskDefinitionArn".into(), text(&found.arn));
    document.insert("revision".into(), Value::from(found.revision));
    document.insert("status".into(), text(if found.active { "ACTIVE" } else { "INACTIVE" }));
    document.insert("registeredAt".into(), Value::from(found.registered_at.as_second()));
    document.insert("registeredBy".into(), text(&found.registered_by));
    document.insert("compatibilities".into(), Value::from(vec!["EC2", "FARGATE"]));
    document.insert("requiresAttributes".into(), Value::Array(Vec::new()));
    Revision {
        shown: TaskDefinition { arn: found.arn.clone(), document, tags: found.tags.clone() },
        family: found.family.clone(),
        number: found.revision,
        is_active: found.active,
    }
}

pub(super) fn outcome(status: ServiceDeploymentStatus) -> Outcome {
    match status {
        ServiceDeploymentStatus::Successful => Outcome::Successful,
        ServiceDeploymentStatus::RollbackRequested
        | ServiceDeploymentStatus::RollbackInProgress
        | ServiceDeploymentStatus::RollbackSuccessful
        | ServiceDeploymentStatus::RollbackFailed => Outcome::RolledBack,
        ServiceDeploymentStatus::Stopped | ServiceDeploymentStatus::StopRequested => Outcome::Stopped,
        ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress => Outcome::UnderWay,
    }
}

/// Another number whenever a roll-out has begun, ended or resolved an image.
pub(super) fn state_of_rollouts(world: &World) -> u64 {
    let ecs = &world.ecs;
    let statuses = ecs.service_deployments.iter().map(|it| it.status as u64);
    let resolved = ecs.service_revisions.iter().flat_map(|it| &it.container_images);
    let resolved = resolved.map(|it| u64::from(it.2.is_some()));
    // Services come one by one at the beginning.
    let all = [ecs.services.len() as u64].into_iter().chain(statuses).chain(resolved);
    all.fold(7, |sum: u64, it| sum.wrapping_mul(31).wrapping_add(it + 1))
}

pub(super) fn rollouts(world: &World, service_arn: &str) -> Vec<Rollout> {
    let newest_first = world.ecs.service_deployments.iter().rev().filter(|it| it.service_arn == service_arn);
    let shown = newest_first.take(ROLLOUTS).filter_map(|it| {
        let revisions = &world.ecs.service_revisions;
        let revision = revisions.iter().rev().find(|one| one.arn == it.target_revision_arn)?;
        let images = revision.container_images.iter().map(|(container, image, digest)| RolloutImage {
            container: container.clone(),
            image: image.clone(),
            digest: digest.as_ref().and_then(|digest| digest.parse().ok()),
        });
        Some(Rollout {
            arn: it.arn.clone(),
            outcome: outcome(it.status),
            reason: it.status_reason.clone().unwrap_or_else(|| "its deployment was rolled back".to_owned()),
            task_definition_arn: revision.task_definition_arn.clone(),
            images: images.collect(),
            created_at: Some(it.created_at),
            finished_at: it.finished_at,
        })
    });
    shown.collect()
}

pub(super) fn images(world: &World) -> Vec<Image> {
    let repository = world.repository(REPOSITORY).ok();
    let images = repository.into_iter().flat_map(|it| it.images.values());
    let shown = images.filter_map(|it| {
        Some(Image {
            repository: REPOSITORY.to_owned(),
            digest: it.digest.parse().ok()?,
            tags: it.tags.iter().cloned().collect(),
            pushed_at: Some(it.pushed_at),
            kind: ImageKind::of(
                Some(&it.media_type),
                it.artifact_media_type.as_deref(),
                it.subject.as_deref(),
                it.status == ImageStatus::Active,
            ),
        })
    });
    shown.collect()
}

/// Of one revision, as many as DescribeTasks takes.
pub(super) fn stopped_tasks(world: &World, service: &str, task_definition_arn: &str) -> Vec<StoppedTask> {
    let group = format!("service:{service}");
    // ECS lists those that it has told to stop as stopped.
    let stopped = world.ecs.tasks.iter().filter(|it| {
        it.desired_status == ecs::TaskStatus::Stopped
            && it.group == group
            && it.task_definition_arn == task_definition_arn
    });
    stopped.take(TASKS).map(stopped_task).collect()
}

fn stopped_task(found: &ecs::Task) -> StoppedTask {
    let end = found.stopping_at.or(found.stopped_at);
    let containers = found.containers.iter().map(|it| StoppedContainer {
        name: it.name.clone(),
        exit_code: it.exit_code,
        reason: it.reason.clone().unwrap_or_default(),
        unhealthy: false,
    });
    StoppedTask {
        id: found.id.clone(),
        stop_code: found.stop_code.unwrap_or_default().to_owned(),
        stopped_reason: found.stopped_reason.clone().unwrap_or_default(),
        stopped_at: end,
        ran: found.started_at.zip(end).map(|(from, to)| to.duration_since(from)),
        containers: containers.collect(),
    }
}
