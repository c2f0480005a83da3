//! One decision, one line: what was decided about which service, on whose hint, and why.
//!
//! This line is the decision log, and the log is the memory of why: it never holds a document or an environment.

use serde::Serialize;

use crate::diagnosis::Diagnosis;
use crate::model::TargetHealth;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The service was told to run another revision.
    Released,
    /// The release that a deployment was for has come to its good end.
    Succeeded,
    /// A digest, or a revision of the template, will not come back by itself.
    Rejected,
    /// The running document was registered once more, so that the family's newest revision is a good one.
    Restored,
    /// The service was told to go back, by a person.
    RolledBack,
    /// The service was told to have another number of tasks.
    Scaled,
    /// A person has said how many tasks there are to be, for a time or for good, or has ended that.
    Overridden,
    /// A one-off task was started, because somebody asked for it.
    TaskStarted,
    /// A paused deployment was let go on.
    Continued,
    /// Releases are withheld from now on.
    Held,
    /// A hold, a rejection or a divergence was lifted.
    Lifted,
    /// Nothing had to be done, or nothing may be done.
    Kept,
    /// There was no time for it in this invocation; the next sweep goes on.
    Postponed,
    /// The hint asks for nothing that this function does.
    Ignored,
    /// AWS did not let it happen; `retry` says whether it is worth another try.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    pub decision: Action,
    /// `<cluster>/<service>`, where the decision is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    pub reason: String,
    /// What made Pushboat look.
    pub hint: String,
    /// By AWS's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The revision that was released, rejected or registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The revision it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthy_targets: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_targets: Option<u32>,
    /// The desired count before, and from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<u32>,
    /// How old the newest measurement was that the count follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_age_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<bool>,
    /// The deployment that succeeded, `ecs-svc/<number>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The one-off task that was started, by ECS's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// There is an image that is not released, for the reason given.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// Why a roll-out fails or has failed. A rejection without it is of what a person left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

impl Decision {
    pub fn new(decision: Action, hint: impl ToString, reason: impl ToString) -> Decision {
        Decision {
            decision,
            service: None,
            reason: reason.to_string(),
            hint: hint.to_string(),
            at: None,
            digest: None,
            revision: None,
            base: None,
            healthy_targets: None,
            registered_targets: None,
            load_age_seconds: None,
            former_count: None,
            desired_count: None,
            retry: None,
            deployment: None,
            task: None,
            withheld: false,
            diagnosis: None,
        }
    }

    pub fn with_targets(mut self, health: &TargetHealth) -> Decision {
        self.healthy_targets = Some(health.healthy);
        self.registered_targets = Some(health.registered);
        self
    }
}
