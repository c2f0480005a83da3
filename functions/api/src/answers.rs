//! What goes back, as types. `problem` has what goes back when something went wrong.

use pushboat::Timestamp;
use pushboat::decision::Decision;
use pushboat::history::Entry;
use pushboat::one_off::View;
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
    /// The one-off task that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<Started>,
}

/// A one-off task, and where to ask how it goes.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Started {
    pub(crate) id: String,
    /// `family:revision`
    pub(crate) task_definition: Option<String>,
    /// What it runs instead of the container's own command.
    pub(crate) command: Vec<String>,
    pub(crate) run_by: String,
    /// `GET` says how it goes.
    pub(crate) path: String,
}

/// A one-off task, and some of what it wrote.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Task {
    #[serde(flatten)]
    pub(crate) task: View,
    pub(crate) log: Log,
}

/// Lines of one container, oldest first. Values of `environment` are replaced by their names; what `secrets` put there is not known here.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Log {
    pub(crate) container: String,
    pub(crate) lines: Vec<Line>,
    /// `after` of the answer that goes on behind these lines; `null` while nothing has been written.
    pub(crate) next: Option<String>,
    /// Nothing more had been written when this was asked.
    pub(crate) is_at_end: bool,
    /// Why there are no lines, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Line {
    pub(crate) at: Option<Timestamp>,
    pub(crate) text: String,
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
