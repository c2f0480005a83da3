//! Decisions as they fall: each becomes one line, with the service and AWS's time.

use jiff::Timestamp;

use super::Watch;
use crate::announce::Announcement;
use crate::cloud::{Cloud, CloudError};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::model::{Service, ServiceName};
use crate::release::Keep;

/// The log, and what others are told of it in the end.
pub(super) struct Notes<'a, L> {
    hint: &'a Hint,
    log: &'a mut L,
    announcements: Vec<Announcement>,
}

impl<'a, L: FnMut(Decision)> Notes<'a, L> {
    pub(super) fn new(hint: &'a Hint, log: &'a mut L) -> Self {
        Notes { hint, log, announcements: Vec::new() }
    }

    pub(super) fn take(&mut self, decision: Decision) {
        self.announcements.extend(Announcement::of(&decision, self.hint));
        (self.log)(decision);
    }

    pub(super) async fn send<C: Cloud>(self, cloud: &C) {
        if !self.announcements.is_empty()
            && let Err(error) = cloud.announce(&self.announcements).await
        {
            let reason = format!("events were not sent: {error}");
            let mut decision = Decision::new(Action::Failed, self.hint, reason);
            decision.at = cloud.now().map(seconds);
            decision.retry = Some(false);
            (self.log)(decision);
        }
    }
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    pub(super) fn kept(&mut self, service: &Service, keep: Keep) {
        let decision = self.kept_decision(service, keep);
        (self.log)(decision);
    }

    pub(super) fn kept_decision(&self, service: &Service, keep: Keep) -> Decision {
        let mut decision = self.decision(&service.name, Action::Kept, &keep);
        decision.withheld = keep.withholds();
        match keep {
            Keep::Current { digest, .. }
            | Keep::Rejected { digest, .. }
            | Keep::Unfit { digest, .. }
            | Keep::Diverged { digest, .. } => {
                decision.digest = Some(digest.to_string());
            }
            Keep::PassedOver { revision, .. }
            | Keep::RollingBack { revision }
            | Keep::NewerTemplate { revision }
            | Keep::InStages { revision, .. } => decision.revision = Some(revision),
            _ => {}
        }
        decision
    }

    pub(super) fn failed(&mut self, service: Option<&ServiceName>, error: CloudError) {
        let mut decision = Decision::new(Action::Failed, self.hint, &error);
        decision.service = service.map(ToString::to_string);
        decision.at = self.cloud.now().map(seconds);
        decision.retry = Some(error.retry_helps());
        self.looked_at += usize::from(service.is_none());
        self.failures.push(error);
        (self.log)(decision);
    }

    pub(super) fn about(&mut self, service: &ServiceName, action: Action, reason: impl ToString) {
        let decision = self.decision(service, action, reason);
        (self.log)(decision);
    }

    pub(super) fn say(&mut self, action: Action, reason: impl ToString) {
        let mut decision = Decision::new(action, self.hint, reason);
        decision.at = self.cloud.now().map(seconds);
        (self.log)(decision);
    }

    pub(super) fn decision(&self, service: &ServiceName, action: Action, reason: impl ToString) -> Decision {
        let mut decision = Decision::new(action, self.hint, reason);
        decision.service = Some(service.to_string());
        decision.at = self.cloud.now().map(seconds);
        decision
    }
}

pub(super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
