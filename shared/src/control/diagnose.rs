//! Why a roll-out fails, or a one-off task has: what is asked for it. A question that AWS does not answer is a note in the diagnosis, never an
//! error: a rejection waits for nothing.

use super::Watch;
use crate::cloud::Cloud;
use crate::decision::Decision;
use crate::diagnosis::{self, Diagnosis, Evidence, LogStream, Remedy, Secrets, StoppedTask};
use crate::hint::Hint;
use crate::model::{RolloutState, Service, TargetHealth};
use crate::release::{Keep, Standing};

/// Of a one-off task, which nobody starts again by himself.
pub async fn of_task<C: Cloud>(cloud: &C, task: &StoppedTask, revision_arn: &str) -> Diagnosis {
    let tasks = std::slice::from_ref(task);
    let health = TargetHealth::default();
    let found =
        diagnosis::diagnose(Evidence { why: &task.stopped_reason, tasks, messages: &[], health: &health });
    with_lines(cloud, found, revision_arn).await.said(Remedy::RunAgain)
}

/// The last lines of a task that shows the cause. Without its document nobody knows what must not be shown, so then
/// nothing of the log is.
async fn with_lines<C: Cloud>(cloud: &C, mut found: Diagnosis, revision_arn: &str) -> Diagnosis {
    let Some(example) = found.example.clone() else { return found };
    let document = match cloud.task_definition(revision_arn).await {
        Ok(definition) => definition.document,
        Err(error) => {
            found.note(format!("the log could not be found: {error}"));
            return found;
        }
    };
    let lines = match LogStream::of(&document, &example.container, &example.task_id) {
        Ok(stream) => cloud.last_log_lines(&stream).await.unwrap_or_else(|error| {
            found.note(format!("the log could not be read: {error}"));
            Vec::new()
        }),
        Err(no_log) => {
            found.note(no_log);
            Vec::new()
        }
    };
    found.show(&lines, &Secrets::of(&document))
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// `failed` is the revision's ARN and ECS's own word about its roll-out.
    pub(super) async fn diagnose(
        &self,
        service: &Service,
        failed: (&str, &str),
        health: &TargetHealth,
        remedy: Remedy<'_>,
    ) -> Diagnosis {
        let (revision_arn, why) = failed;
        let mut notes = Vec::new();
        let tasks = self.cloud.stopped_tasks(&service.name, revision_arn).await.unwrap_or_else(|error| {
            notes.push(format!("the stopped tasks could not be read: {error}"));
            Vec::new()
        });
        // Only a health check's failure is told there and not by the task itself.
        let messages = match tasks.iter().any(|task| task.stopped_reason.contains("health checks")) {
            true => self.cloud.service_messages(&service.name).await.unwrap_or_else(|error| {
                notes.push(format!("the service's messages could not be read: {error}"));
                Vec::new()
            }),
            false => Vec::new(),
        };
        let evidence = Evidence { why, tasks: &tasks, messages: &messages, health };
        let mut found = diagnosis::diagnose(evidence);
        found.notes = notes;
        with_lines(self.cloud, found, revision_arn).await.said(remedy)
    }

    /// A roll-out under way whose tasks fail, or one that failed and stays although its image is not to blame. The
    /// latter may stay for long, so sweeps do not ask for it again and again.
    pub(super) fn is_failing(&self, service: &Service, keep: &Keep) -> bool {
        let Keep::Current { standing, .. } = keep else { return false };
        let primary = service.primary.as_ref();
        match standing {
            Standing::RollingOut => {
                primary.is_some_and(|it| it.state == RolloutState::InProgress && it.failed_tasks > 0)
            }
            Standing::FailedInPlace => *self.hint != Hint::Everything,
            Standing::Runs => false,
        }
    }

    /// As `kept`, with the reason why it does not come to a good end.
    pub(super) async fn kept_failing(&mut self, service: &Service, keep: Keep) {
        let health = self.cloud.target_health(&service.target_group_arns).await.unwrap_or_default();
        let why = service.primary.as_ref().map_or("", |it| it.reason.as_str());
        let failed = (service.task_definition_arn.as_str(), why);
        let diagnosis = self.diagnose(service, failed, &health, Remedy::Wait).await;
        let mut decision = self.kept_decision(service, keep).with_targets(&health);
        if !diagnosis.sentence.is_empty() {
            decision.reason = format!("{}; its tasks fail: {}", decision.reason, diagnosis.sentence);
        }
        decision.diagnosis = Some(diagnosis);
        (self.log)(decision);
    }
}
