//! Decisions as events for others: a release, and what became of it, on the default bus under the source `pushboat`.
//!
//! | detail-type | decision | when |
//! |---|---|---|
//! | `Pushboat Release Started` | `released` | the service was told to run another revision |
//! | `Pushboat Release Succeeded` | `succeeded` | ECS said that its deployment is completed, and it is no roll-back |
//! | `Pushboat Release Failed` | `rejected` | it failed: ECS rolled it back, or it stays as it is |
//! | `Pushboat Release Rejected` | `rejected` | somebody went back from it, so it does not return by itself |
//! | `Pushboat Release Rolled Back` | `rolled_back` | the service was told to go back: on demand, or because what was rejected came back |
//! | `Pushboat Release Continued` | `continued` | somebody let a paused deployment go on |
//! | `Pushboat Releases Held` | `held` | somebody holds the service |
//! | `Pushboat Releases Resumed` | `lifted` | a hold, a rejection or a divergence was lifted |
//! | `Pushboat Release Withheld` | `kept`, `failed` | a push came, and its image is not released |
//! | `Pushboat Task Started` | `task_started` | somebody runs a one-off task; what becomes of it, ECS's own events tell |
//! | `Pushboat Revision Restored` | `restored` | the family's newest revision is a good one again |
//!
//! The detail is the line of the decision log with the number of its schema, `events/pushboat.schema.json`: what both say
//! is said in the same words, because it is the same type.
//!
//! Nothing is stored, so nothing is promised to come once. Events are sent when an invocation ends: one that dies before
//! sends none. ECS may deliver that a deployment is completed twice, and looks that overlap may reject the same digest
//! twice: who must not act twice tells by `service`, `revision` and detail-type, and by `deployment` where it is given. A
//! success whose event from ECS never led to an invocation that ended well is not announced later.

use serde::Serialize;

use crate::decision::{Action, Decision};
use crate::hint::Hint;

pub const SOURCE: &str = "pushboat";
/// Grows when a reader of the former one would misunderstand.
const SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Announcement {
    #[serde(skip)]
    pub detail_type: &'static str,
    schema: u32,
    #[serde(flatten)]
    decision: Decision,
}

impl Announcement {
    /// `None` where nobody waits to hear it: that nothing had to be done, what is no service's, and what every sweep
    /// would say again.
    pub fn of(decision: &Decision, hint: &Hint) -> Option<Announcement> {
        decision.service.as_ref()?;
        let is_push = matches!(hint, Hint::Image { .. });
        let detail_type = match decision.decision {
            Action::Released => "Pushboat Release Started",
            Action::Succeeded => "Pushboat Release Succeeded",
            // What failed has a diagnosis; what a person left did not fail.
            Action::Rejected if decision.diagnosis.is_some() => "Pushboat Release Failed",
            Action::Rejected => "Pushboat Release Rejected",
            Action::RolledBack => "Pushboat Release Rolled Back",
            Action::Continued => "Pushboat Release Continued",
            Action::Held => "Pushboat Releases Held",
            Action::Lifted => "Pushboat Releases Resumed",
            Action::TaskStarted => "Pushboat Task Started",
            Action::Restored => "Pushboat Revision Restored",
            Action::Kept if is_push && decision.withheld => "Pushboat Release Withheld",
            // Where another try helps, Lambda makes it.
            Action::Failed if is_push && decision.retry == Some(false) => "Pushboat Release Withheld",
            // Each minute may bring one, and ECS's own events tell of the tasks.
            Action::Scaled | Action::Overridden => return None,
            Action::Kept | Action::Failed | Action::Ignored | Action::Postponed => return None,
        };
        Some(Announcement { detail_type, schema: SCHEMA, decision: decision.clone() })
    }
}

#[cfg(test)]
pub(crate) mod tests;
