//! The strategies that are ECS's own: BLUE_GREEN, LINEAR and CANARY, as far as somebody who follows a deployment can
//! tell. Simulated are the stages and their order, the new tasks beside all of the old ones until the end, the bake
//! time, PAUSE hooks after scaling up and after the traffic shift, their time-out, and going back. Not simulated: the
//! shift itself (every healthy task gets traffic), its steps (linear and canary do it in one), test traffic, Lambda
//! hooks. The circuit breaker is for rolling deployments only, as at AWS.

use jiff::SignedDuration;
use serde_json::Value;

use super::{RolloutState, Service, ServiceDeployment, ServiceDeploymentStatus, Task, invalid};
use crate::world::{Refusal, Timestamp, World};

/// Where a service keeps what CreateService said of its strategy.
const CONFIGURATION: &str = "deploymentConfiguration";
const DEFAULT_TIMEOUT_MINUTES: i64 = 1_440;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    ScaleUp,
    PostScaleUp,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::ScaleUp => "SCALE_UP",
            Stage::PostScaleUp => "POST_SCALE_UP",
            Stage::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Stage::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Stage::BakeTime => "BAKE_TIME",
            Stage::CleanUp => "CLEAN_UP",
        }
    }

    fn next(self) -> Stage {
        match self {
            Stage::ScaleUp => Stage::PostScaleUp,
            Stage::PostScaleUp => Stage::ProductionTrafficShift,
            Stage::ProductionTrafficShift => Stage::PostProductionTrafficShift,
            Stage::PostProductionTrafficShift => Stage::BakeTime,
            Stage::BakeTime | Stage::CleanUp => Stage::CleanUp,
        }
    }
}

/// A PAUSE hook that a deployment has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub id: String,
    /// `AWAITING_ACTION`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`
    pub status: &'static str,
    pub expires_at: Timestamp,
    /// `CONTINUE` or `ROLLBACK`
    pub timeout_action: String,
}

/// What a service deployment has besides, if its strategy has stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    pub stage: Stage,
    pub since: Timestamp,
    /// Every hook it has come to, the present one last.
    pub hooks: Vec<Hook>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookAction {
    Continue,
    Rollback,
}

/// What the service said of its strategy, if that is not a rolling one.
pub fn configuration(service: &Service) -> Option<&Value> {
    service.passed_through.get(CONFIGURATION).filter(|it| it["strategy"] != "ROLLING")
}

/// The hook of a stage: how long it waits, and what then.
fn pause_of(service: &Service, stage: Stage) -> Option<(i64, String)> {
    let hooks = configuration(service)?["lifecycleHooks"].as_array()?;
    let is_of_stage = |hook: &&Value| {
        let stages = hook["lifecycleStages"].as_array();
        stages.is_some_and(|stages| stages.iter().any(|one| one == stage.as_str()))
    };
    let hook = hooks.iter().find(is_of_stage)?;
    let timeout = &hook["timeoutConfiguration"];
    let minutes = timeout["timeoutInMinutes"].as_i64().unwrap_or(DEFAULT_TIMEOUT_MINUTES);
    Some((minutes, timeout["action"].as_str().unwrap_or("ROLLBACK").to_owned()))
}

fn bake_minutes(service: &Service) -> i64 {
    configuration(service).and_then(|it| it["bakeTimeInMinutes"].as_i64()).unwrap_or(0)
}

impl World {
    pub(super) fn first_stages(&self, service: &Service) -> Option<Stages> {
        configuration(service)?;
        Some(Stages { stage: Stage::ScaleUp, since: self.now, hooks: Vec::new() })
    }

    fn stages(&self, service: &Service) -> Option<&Stages> {
        let primary = service.deployments.first()?;
        let mut all = self.ecs.service_deployments.iter();
        all.find(|it| it.arn == primary.service_deployment_arn)?.stages.as_ref()
    }

    /// The old tasks stay beside the new ones until the last stage.
    pub(super) fn keeps_older_tasks(&self, service: &Service) -> bool {
        self.stages(service).is_some_and(|it| it.stage != Stage::CleanUp)
    }

    pub(super) fn stage_wake(&self, service: &Service) -> Option<Timestamp> {
        let stages = self.stages(service)?;
        let waiting = stages.hooks.last().filter(|hook| hook.status == "AWAITING_ACTION");
        match stages.stage {
            Stage::BakeTime => Some(stages.since + SignedDuration::from_mins(bake_minutes(service))),
            _ => waiting.map(|hook| hook.expires_at),
        }
    }

    /// The deployment comes to its next stage when this one is done.
    pub(super) fn step_stages(&mut self, index: usize) -> bool {
        let service = &self.ecs.services[index];
        let Some(stages) = self.stages(service).cloned() else { return false };
        let Some(primary) = service.deployments.first() else { return false };
        if primary.rollout_state != RolloutState::InProgress || stages.stage == Stage::CleanUp {
            return false;
        }
        let arn = primary.service_deployment_arn.clone();
        let done = match stages.stage {
            Stage::ScaleUp => {
                let revision = Some(&primary.service_revision_arn);
                let healthy =
                    |it: &&Task| it.service_revision_arn.as_ref() == revision && self.is_healthy(it);
                let healthy = self.ecs.tasks.iter().filter(|it| it.is_wanted()).filter(healthy).count();
                u32::try_from(healthy).is_ok_and(|healthy| healthy >= service.desired_count)
            }
            Stage::BakeTime => self.stage_wake(service).is_none_or(|until| until <= self.now),
            Stage::PostScaleUp | Stage::PostProductionTrafficShift => {
                return self.step_pause(index, &arn, &stages);
            }
            Stage::ProductionTrafficShift | Stage::CleanUp => true,
        };
        if done {
            self.enter_stage(&arn, stages.stage.next());
        }
        done
    }

    fn step_pause(&mut self, index: usize, arn: &str, stages: &Stages) -> bool {
        let service = &self.ecs.services[index];
        let Some((minutes, timeout_action)) = pause_of(service, stages.stage) else {
            self.enter_stage(arn, stages.stage.next());
            return true;
        };
        // A hook of this stage is younger than the stage.
        let expires_at = stages.since + SignedDuration::from_mins(minutes);
        let own = stages.hooks.last().filter(|hook| hook.expires_at == expires_at).cloned();
        match own {
            None => {
                let id = self.new_uuid();
                let hook = Hook { id, status: "AWAITING_ACTION", expires_at, timeout_action };
                if let Some(stages) = self.service_deployment_mut(arn).and_then(|it| it.stages.as_mut()) {
                    stages.hooks.push(hook);
                }
                true
            }
            Some(hook) if hook.status == "AWAITING_ACTION" && hook.expires_at > self.now => false,
            Some(hook) => {
                let timed_out = hook.status == "AWAITING_ACTION";
                if timed_out {
                    self.answer_hook(arn, "TIMED_OUT");
                }
                let goes_on = !timed_out || hook.timeout_action == "CONTINUE";
                if goes_on
                    || self.go_back(index, "Service deployment rolled back: a hook timed out.").is_err()
                {
                    self.enter_stage(arn, stages.stage.next());
                }
                true
            }
        }
    }

    fn answer_hook(&mut self, arn: &str, status: &'static str) {
        let stages = self.service_deployment_mut(arn).and_then(|it| it.stages.as_mut());
        if let Some(hook) = stages.and_then(|stages| stages.hooks.last_mut()) {
            hook.status = status;
        }
    }

    pub(super) fn enter_stage(&mut self, arn: &str, stage: Stage) {
        let now = self.now;
        if let Some(deployment) = self.service_deployment_mut(arn) {
            deployment.updated_at = now;
            if let Some(stages) = deployment.stages.as_mut() {
                (stages.stage, stages.since) = (stage, now);
            }
        }
    }

    /// Answers the hook that a deployment waits at.
    pub fn continue_service_deployment(
        &mut self,
        arn: &str,
        hook_id: &str,
        action: HookAction,
    ) -> Result<ServiceDeployment, Refusal> {
        let not_found =
            || Refusal::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
        let deployment = self.service_deployment_mut(arn).ok_or_else(not_found)?;
        let service_arn = deployment.service_arn.clone();
        let waits = deployment.status == ServiceDeploymentStatus::InProgress
            && deployment
                .stages
                .as_ref()
                .and_then(|stages| stages.hooks.last())
                .is_some_and(|hook| hook.id == hook_id && hook.status == "AWAITING_ACTION");
        if !waits {
            return Err(invalid(format!("The hook {hook_id} is not awaiting an action.")));
        }
        let index = self.ecs.services.iter().position(|it| it.arn == service_arn).ok_or_else(not_found)?;
        if action == HookAction::Rollback {
            self.go_back(index, "Service deployment rolled back by ContinueServiceDeployment.")?;
            self.answer_hook(arn, "FAILED");
        } else {
            self.answer_hook(arn, "SUCCEEDED");
        }
        self.settle();
        self.service_deployment_mut(arn).cloned().ok_or_else(not_found)
    }
}
