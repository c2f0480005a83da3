//! Why a roll-out fails: what is asked for it. A question that AWS does not answer is a note in the diagnosis, never an
//! error: a rejection waits for nothing.

use super::Watch;
use crate::cloud::Cloud;
use crate::decision::Decision;
use crate::diagnosis::{self, Diagnosis, Evidence, LogStream, Remedy, Secrets};
use crate::hint::Hint;
use crate::model::{RolloutState, Service, TargetHealth};
use crate::release::{Keep, Standing};

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
        self.with_lines(found, revision_arn).await.said(remedy)
    }

    /// The last lines of a task that shows the cause. Without its document nobody knows what must not be shown, so then
    /// nothing of the log is.
    async fn with_lines(&self, mut found: Diagnosis, revision_arn: &str) -> Diagnosis {
        let Some(example) = found.example.clone() else { return found };
        let document = match self.cloud.task_definition(revision_arn).await {
            Ok(definition) => definition.document,
            Err(error) => {
                found.note(format!("the log could not be found: {error}"));
                return found;
            }
        };
        let lines = match LogStream::of(&document, &example.container, &example.task_id) {
            Ok(stream) => self.cloud.last_log_lines(&stream).await.unwrap_or_else(|error| {
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
