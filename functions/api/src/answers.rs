//! What goes back, as types. `problem` has what goes back when something went wrong.

use pushboat::Timestamp;
use pushboat::decision::Decision;
use pushboat::history::Entry;
use pushboat::overview::ServiceView;
use pushboat::rehearsal::Call;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Health {
    /// `ok`
    pub(crate) status: &'static str,
    pub(crate) version: &'static str,
}

/// Every service that has been handed to Pushboat.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Services {
    pub(crate) services: Vec<ServiceView>,
}

/// One service in full.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Service {
    #[serde(flatten)]
    pub(crate) view: ServiceView,
    /// What Pushboat would do now by itself, and why; `null`: it was not to be asked.
    pub(crate) now: Option<Plan>,
}

/// What would be decided and written. Nothing of it has been done.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Plan {
    /// `true`
    pub(crate) dry_run: bool,
    pub(crate) decisions: Vec<Decision>,
    /// Of AWS, in order.
    pub(crate) calls: Vec<Call>,
}

/// What was decided and done, as the decision log has it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Decided {
    pub(crate) decisions: Vec<Decision>,
}

/// What a service has run and how many tasks it was told to have, newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
    /// `before` of the next page; `null`: there is none.
    pub(crate) next: Option<Timestamp>,
    /// What is not shown, and why.
    pub(crate) notes: Vec<String>,
}
