//! Has a release come to its good end? Nothing is stored, so it is said when ECS says that a deployment is completed, and
//! only if what is there agrees: a roll-back ends in COMPLETED as well.

use super::Watch;
use super::say::seconds;
use crate::cloud::{Answer, Cloud};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::model::{Deployment, Outcome, Rollout, RolloutState, Service};
use crate::task_definition::{BASE, revision_name};

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    pub(super) async fn conclude(&mut self, service: &Service) {
        let Hint::Completed { deployment_id, .. } = self.hint else { return };
        match self.concluded(service, deployment_id).await {
            Ok(Some(decision)) => (self.log)(decision),
            Ok(None) => {}
            Err(error) => self.failed(Some(&service.name), error),
        }
    }

    async fn concluded(&self, service: &Service, deployment_id: &str) -> Answer<Option<Decision>> {
        let Some(primary) = service.primary.as_ref().filter(|it| it.id == deployment_id) else {
            return Ok(None);
        };
        if !succeeded(primary, &self.cloud.rollouts(&service.name).await?) {
            return Ok(None);
        }
        let definition = self.cloud.task_definition(&primary.task_definition_arn).await?;
        // What a person rolls out is no release of ours.
        if !(definition.tags.contains_key(BASE) || definition.is_of_template()) {
            return Ok(None);
        }
        let name = revision_name(&primary.task_definition_arn);
        let reason = format!("{name} runs: ECS has completed its deployment");
        let mut decision = Decision::new(Action::Succeeded, self.hint, reason);
        decision.service = Some(service.name.to_string());
        decision.at = self.cloud.now().map(seconds);
        decision.revision = Some(name.to_owned());
        decision.base = definition.tags.get(BASE).cloned();
        decision.deployment = Some(deployment_id.to_owned());
        Ok(Some(decision))
    }
}

/// The newest roll-out was to what the service is at. After a roll-back it was to the revision that failed. Its own
/// state may lag behind the service's. Where the revision had succeeded before, and something else came in between,
/// somebody went back to it, which is no release.
fn succeeded(primary: &Deployment, history: &[Rollout]) -> bool {
    let Some(newest) = history.first().filter(|it| it.task_definition_arn == primary.task_definition_arn)
    else {
        return false;
    };
    let is_own = |it: &&Rollout| it.task_definition_arn == newest.task_definition_arn;
    let mut before = history.iter().skip_while(is_own).filter(is_own);
    if before.any(|it| it.outcome == Outcome::Successful) {
        return false;
    }
    match primary.state {
        RolloutState::Completed => matches!(newest.outcome, Outcome::Successful | Outcome::UnderWay),
        RolloutState::Unknown => newest.outcome == Outcome::Successful,
        RolloutState::InProgress | RolloutState::Failed => false,
    }
}
