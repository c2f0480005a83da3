//! Roll-outs that do not succeed: the circuit breaker, going back to what succeeded last, and stopping on request.

use super::event::Event;
use super::{
    DeploymentStatus, Rollback, RolloutState, ServiceDeployment, ServiceDeploymentStatus, ServiceRevision,
    ServiceStatus, StopType, Threshold, invalid,
};
use crate::world::{Refusal, World};

const TASKS_FAILED: &str = "ECS deployment circuit breaker: tasks failed to start.";

impl Threshold {
    /// How many failed tasks end a deployment.
    pub fn failed_tasks(self, desired: u32) -> u32 {
        let share = |percent: u32| {
            let count = (u64::from(desired) * u64::from(percent)).div_ceil(100);
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        match self {
            Threshold::Count(count) => count.max(1),
            Threshold::BoundedPercent(percent) => share(percent).clamp(3, 200),
            Threshold::UnboundedPercent(percent) => share(percent).max(1),
        }
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Threshold::BoundedPercent(50)
    }
}

impl World {
    /// Too many failed tasks: the deployment is given up, and with `rollback` the last good one comes back.
    pub(super) fn check_circuit_breaker(&mut self, index: usize) -> bool {
        let service = &self.ecs.services[index];
        let (Some(breaker), Some(primary)) = (service.circuit_breaker, service.deployments.first()) else {
            return false;
        };
        let trips = super::native_configuration(service).is_none()
            && service.status == ServiceStatus::Active
            && primary.rollout_state == RolloutState::InProgress
            && primary.failed_tasks >= breaker.threshold.failed_tasks(service.desired_count);
        if !trips {
            return false;
        }
        let (id, arn) = (primary.id.clone(), primary.service_deployment_arn.clone());
        self.give_up_primary(index, TASKS_FAILED);
        self.say(index, &format!("(deployment {id}) deployment failed: tasks failed to start."));
        self.emit_deployment(index, &id, Event::DeploymentFailed, TASKS_FAILED);
        let is_rollback = self.service_deployment_mut(&arn).is_some_and(|it| it.rollback.is_some());
        let target = if breaker.rollback && !is_rollback { self.last_good_revision(index) } else { None };
        match target {
            Some(revision) => {
                let reason =
                    "Service deployment rolled back because the circuit breaker threshold was exceeded.";
                self.roll_back(index, &revision, reason, "ECS deployment circuit breaker: rolling back");
            }
            None => {
                let reason = "Service deployment failed because the circuit breaker threshold was exceeded.";
                self.end_service_deployment(&arn, reason);
            }
        }
        true
    }

    fn give_up_primary(&mut self, index: usize, reason: &str) {
        let now = self.now;
        if let Some(primary) = self.ecs.services[index].deployments.first_mut() {
            primary.rollout_state = RolloutState::Failed;
            primary.rollout_state_reason = reason.to_owned();
            primary.updated_at = now;
        }
    }

    /// What the service deployment that succeeded last left behind.
    fn last_good_revision(&self, index: usize) -> Option<ServiceRevision> {
        let service_arn = &self.ecs.services[index].arn;
        let of_service = self.ecs.service_deployments.iter().filter(|it| it.service_arn == *service_arn);
        let good = of_service.filter_map(|it| match it.status {
            ServiceDeploymentStatus::Successful => Some((it.finished_at, &it.target_revision_arn)),
            ServiceDeploymentStatus::RollbackSuccessful => {
                let revision = it.rollback.as_ref()?.service_revision_arn.as_ref()?;
                Some((it.finished_at, revision))
            }
            _ => None,
        });
        let (_, arn) = good.max_by_key(|(finished_at, _)| *finished_at)?;
        self.ecs.service_revisions.iter().find(|it| it.arn == *arn).cloned()
    }

    /// A new PRIMARY of an old revision, within the same service deployment. Tasks of that revision that still
    /// run are taken over.
    fn roll_back(&mut self, index: usize, to: &ServiceRevision, reason: &str, what: &str) {
        let now = self.now;
        let service = &mut self.ecs.services[index];
        let Some(failed) = service.deployments.first_mut() else {
            return;
        };
        failed.status = DeploymentStatus::Active;
        let arn = failed.service_deployment_arn.clone();
        service.deployments.retain(|it| it.service_revision_arn != to.arn);
        service.task_definition_arn.clone_from(&to.task_definition_arn);
        service.load_balancers.clone_from(&to.load_balancers);
        service.passed_through.clone_from(&to.passed_through);
        if let Some(it) = self.service_deployment_mut(&arn) {
            it.status = ServiceDeploymentStatus::RollbackInProgress;
            it.status_reason = Some(reason.to_owned());
            it.updated_at = now;
            it.rollback = Some(Rollback {
                reason: reason.to_owned(),
                started_at: now,
                service_revision_arn: Some(to.arn.clone()),
            });
        }
        // What ran before is still there in each strategy; only the new tasks have to go.
        self.enter_stage(&arn, super::Stage::CleanUp);
        let id = format!("ecs-svc/{}", self.new_number());
        self.say(index, &format!("rolling back to deployment {id}."));
        let reason = format!("{what} to deploymentId {id}.");
        self.add_primary(index, id, arn, to.arn.clone(), reason);
    }

    /// Because somebody said so, or nobody did in time.
    pub(super) fn go_back(&mut self, index: usize, reason: &str) -> Result<(), Refusal> {
        let to = self.last_good_revision(index).ok_or_else(|| {
            invalid("There is no earlier successful service deployment to roll back to. Use ABORT.")
        })?;
        self.give_up_primary(index, "ECS deployment rolled back by user.");
        self.roll_back(index, &to, reason, "ECS deployment rolling back");
        Ok(())
    }

    /// Ends a roll-out that is under way, with or without going back to what ran before.
    pub fn stop_service_deployment(
        &mut self,
        arn: &str,
        stop: StopType,
    ) -> Result<ServiceDeployment, Refusal> {
        let deployment = self.service_deployment_mut(arn).ok_or_else(not_found)?;
        if !matches!(
            deployment.status,
            ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress
        ) {
            let status = deployment.status.as_str();
            let message = format!("The service deployment can no longer be stopped: its status is {status}.");
            return Err(Refusal::new("ConflictException", message));
        }
        let service_arn = deployment.service_arn.clone();
        let index = self.ecs.services.iter().position(|it| it.arn == service_arn).ok_or_else(not_found)?;
        match stop {
            StopType::Abort => {
                self.give_up_primary(index, "ECS deployment stopped by user.");
                self.end_service_deployment(arn, "Service deployment stopped by StopServiceDeployment.");
            }
            StopType::Rollback => {
                self.go_back(index, "Service deployment rolled back by StopServiceDeployment.")?;
            }
        }
        let stopped = self.service_deployment_mut(arn).cloned().ok_or_else(not_found);
        self.settle();
        stopped
    }
}

fn not_found() -> Refusal {
    Refusal::new("ServiceDeploymentNotFoundException", "Service deployment not found.")
}
