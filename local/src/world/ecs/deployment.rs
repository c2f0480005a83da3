//! Service deployments and revisions: how a roll-out begins, is replaced by a newer one, and completes. How one
//! that fails ends is told in `rollback`; which tasks it takes is the scheduler's business.

use super::event::Event;
use super::{
    Deployment, DeploymentStatus, RolloutState, Service, ServiceDeployment, ServiceDeploymentStatus,
    ServiceRevision, ServiceStatus, Task, TaskStatus, task::last_part, task_definition::text,
};
use crate::world::World;

impl ServiceDeploymentStatus {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceDeploymentStatus::Pending => "PENDING",
            ServiceDeploymentStatus::InProgress => "IN_PROGRESS",
            ServiceDeploymentStatus::Successful => "SUCCESSFUL",
            ServiceDeploymentStatus::StopRequested => "STOP_REQUESTED",
            ServiceDeploymentStatus::Stopped => "STOPPED",
            ServiceDeploymentStatus::RollbackRequested => "ROLLBACK_REQUESTED",
            ServiceDeploymentStatus::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            ServiceDeploymentStatus::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            ServiceDeploymentStatus::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    pub fn is_finished(self) -> bool {
        matches!(
            self,
            ServiceDeploymentStatus::Successful
                | ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::RollbackSuccessful
                | ServiceDeploymentStatus::RollbackFailed
        )
    }
}

impl World {
    /// Rolls the service out as it is now: a new revision, a new service deployment, a new PRIMARY.
    pub(super) fn begin_deployment(&mut self, index: usize) {
        let sources = self.revisions_with_tasks(index);
        let arn = self.new_service_arn(index, "service-deployment");
        let target_revision_arn = self.freeze_revision(index);
        let stages = self.first_stages(&self.ecs.services[index]);
        self.supersede(index, "A newer service deployment replaced this one.");
        self.ecs.service_deployments.push(ServiceDeployment {
            arn: arn.clone(),
            service_arn: self.ecs.services[index].arn.clone(),
            status: ServiceDeploymentStatus::InProgress,
            status_reason: None,
            target_revision_arn: target_revision_arn.clone(),
            source_revision_arns: sources,
            created_at: self.now,
            started_at: Some(self.now),
            finished_at: None,
            updated_at: self.now,
            rollback: None,
            stages,
        });
        let id = format!("ecs-svc/{}", self.new_number());
        let reason = format!("ECS deployment {id} in progress.");
        self.add_primary(index, id, arn, target_revision_arn, reason);
    }

    pub(super) fn add_primary(
        &mut self,
        index: usize,
        id: String,
        service_deployment_arn: String,
        service_revision_arn: String,
        reason: String,
    ) {
        let now = self.now;
        let service = &mut self.ecs.services[index];
        service.steady = false;
        service.deployments.insert(
            0,
            Deployment {
                id: id.clone(),
                status: DeploymentStatus::Primary,
                task_definition_arn: service.task_definition_arn.clone(),
                desired_count: service.desired_count,
                failed_tasks: 0,
                created_at: now,
                updated_at: now,
                rollout_state: RolloutState::InProgress,
                rollout_state_reason: reason.clone(),
                service_deployment_arn,
                service_revision_arn,
                failures_in_a_row: 0,
                restart_not_before: None,
            },
        );
        self.emit_deployment(index, &id, Event::DeploymentInProgress, &reason);
    }

    fn new_service_arn(&mut self, index: usize, kind: &str) -> String {
        let service = &self.ecs.services[index];
        let path = format!("{}/{}", last_part(&service.cluster_arn), service.name);
        let id = match kind {
            "service-revision" => self.new_number().to_string(),
            _ => self.new_id()[..21].to_owned(),
        };
        self.arn("ecs", &format!("{kind}/{path}/{id}"))
    }

    fn freeze_revision(&mut self, index: usize) -> String {
        let arn = self.new_service_arn(index, "service-revision");
        let service = &self.ecs.services[index];
        let images = self.find_task_definition(&service.task_definition_arn).map(|definition| {
            let containers = definition.containers();
            containers.map(|it| (text(it, "name").into(), text(it, "image").into(), None)).collect()
        });
        let revision = ServiceRevision {
            arn: arn.clone(),
            service_arn: service.arn.clone(),
            task_definition_arn: service.task_definition_arn.clone(),
            container_images: images.unwrap_or_default(),
            load_balancers: service.load_balancers.clone(),
            passed_through: service.passed_through.clone(),
            created_at: self.now,
        };
        self.ecs.service_revisions.push(revision);
        arn
    }

    fn revisions_with_tasks(&self, index: usize) -> Vec<String> {
        let service = &self.ecs.services[index];
        let has_tasks = |revision: &String| {
            let mut tasks = self.ecs.tasks.iter();
            tasks.any(|it| it.is_wanted() && it.service_revision_arn.as_ref() == Some(revision))
        };
        let revisions = service.deployments.iter().map(|it| &it.service_revision_arn);
        revisions.filter(|it| has_tasks(it)).cloned().collect()
    }

    /// The PRIMARY deployment becomes one that is being replaced; what it had not finished, it will not.
    fn supersede(&mut self, index: usize, reason: &str) {
        let now = self.now;
        let Some(primary) = self.ecs.services[index].deployments.first_mut() else {
            return;
        };
        primary.status = DeploymentStatus::Active;
        primary.updated_at = now;
        let arn = primary.service_deployment_arn.clone();
        self.end_service_deployment(&arn, reason);
    }

    /// Ends a service deployment that has not succeeded, if it has not ended yet.
    pub(super) fn end_service_deployment(&mut self, arn: &str, reason: &str) {
        let status = match self.service_deployment_mut(arn) {
            Some(it) if it.status.is_finished() => return,
            Some(it) if it.rollback.is_some() => ServiceDeploymentStatus::RollbackFailed,
            _ => ServiceDeploymentStatus::Stopped,
        };
        self.finish_service_deployment(arn, status, Some(reason.to_owned()));
    }

    fn finish_service_deployment(
        &mut self,
        arn: &str,
        status: ServiceDeploymentStatus,
        reason: Option<String>,
    ) {
        let now = self.now;
        if let Some(it) = self.service_deployment_mut(arn) {
            it.status = status;
            it.status_reason = reason.or(it.status_reason.take());
            it.finished_at = Some(now);
            it.updated_at = now;
        }
    }

    pub(super) fn service_deployment_mut(&mut self, arn: &str) -> Option<&mut ServiceDeployment> {
        let mut all = self.ecs.service_deployments.iter_mut();
        all.find(|it| it.arn == arn)
    }

    /// Complete when every wanted task is of the PRIMARY deployment and healthy, and nothing older runs.
    pub(super) fn conclude_deployment(&mut self, index: usize) -> bool {
        self.refresh_desired_counts(index);
        let service = &self.ecs.services[index];
        let Some(primary) = service.deployments.first() else {
            return false;
        };
        let done = service.status == ServiceStatus::Active
            && primary.rollout_state == RolloutState::InProgress
            && !self.keeps_older_tasks(service)
            && self.runs_exactly(service, Some(&primary.service_revision_arn));
        if !done {
            return false;
        }
        let (id, arn) = (primary.id.clone(), primary.service_deployment_arn.clone());
        let reason = format!("ECS deployment {id} completed.");
        let now = self.now;
        let service = &mut self.ecs.services[index];
        service.deployments.truncate(1);
        for primary in &mut service.deployments {
            primary.rollout_state = RolloutState::Completed;
            primary.rollout_state_reason.clone_from(&reason);
            primary.updated_at = now;
        }
        let rolled_back = self.service_deployment_mut(&arn).is_some_and(|it| it.rollback.is_some());
        let status = if rolled_back {
            ServiceDeploymentStatus::RollbackSuccessful
        } else {
            ServiceDeploymentStatus::Successful
        };
        self.finish_service_deployment(&arn, status, None);
        self.say(index, &format!("(deployment {id}) deployment completed."));
        self.emit_deployment(index, &id, Event::DeploymentCompleted, &reason);
        true
    }

    /// As many healthy tasks as desired, all of the revision, and no process that is still to end among the others.
    fn runs_exactly(&self, service: &Service, revision: Option<&String>) -> bool {
        let of_service = |task: &&Task| task.service_arn.as_ref() == Some(&service.arn);
        let mut healthy = 0;
        for task in self.ecs.tasks.iter().filter(of_service) {
            let is_of_revision = task.service_revision_arn.as_ref() == revision;
            if is_of_revision && self.is_healthy(task) {
                healthy += 1;
            } else if task.is_wanted() || (task.has_running_container() && !is_of_revision) {
                return false;
            }
        }
        healthy == service.desired_count
    }

    /// The PRIMARY wants what the service wants; the others only what they still have.
    fn refresh_desired_counts(&mut self, index: usize) {
        let service = &self.ecs.services[index];
        let live = |deployment: &Deployment| {
            let tasks = self.ecs.tasks.iter().filter(|it| it.is_wanted());
            let revision = Some(&deployment.service_revision_arn);
            let count = tasks.filter(|it| it.service_revision_arn.as_ref() == revision).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let counts: Vec<u32> = service
            .deployments
            .iter()
            .map(|it| match it.status {
                DeploymentStatus::Primary => service.desired_count,
                DeploymentStatus::Active | DeploymentStatus::Inactive => live(it),
            })
            .collect();
        let service = &mut self.ecs.services[index];
        for (deployment, count) in service.deployments.iter_mut().zip(counts) {
            deployment.desired_count = count;
        }
    }

    /// A deleted service is INACTIVE once its tasks have stopped; any other says once that it is steady.
    pub(super) fn conclude_service(&mut self, index: usize) -> bool {
        let service = &self.ecs.services[index];
        if service.status == ServiceStatus::Draining {
            let mut tasks = self.ecs.tasks.iter();
            let has_tasks = tasks.any(|it| {
                it.service_arn.as_ref() == Some(&service.arn) && it.last_status != TaskStatus::Stopped
            });
            if !has_tasks {
                let service = &mut self.ecs.services[index];
                service.status = ServiceStatus::Inactive;
                service.deployments.clear();
            }
            return !has_tasks;
        }
        let is_steady = service.deployments.first().is_some_and(|primary| {
            primary.rollout_state == RolloutState::Completed
                && self.runs_exactly(service, Some(&primary.service_revision_arn))
        });
        if is_steady && !service.steady {
            self.ecs.services[index].steady = true;
            self.say(index, "has reached a steady state.");
            self.emit_service_action(index, Event::SteadyState);
        }
        false
    }
}
