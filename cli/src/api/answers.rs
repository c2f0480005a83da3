//! What the API says, as far as it is looked at. Members that are not known here, or not there, are no trouble.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Services {
    pub(crate) services: Vec<Service>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    pub(crate) cluster: String,
    pub(crate) service: String,
    pub(crate) status: String,
    pub(crate) images: Vec<Image>,
    /// `family:revision`
    pub(crate) task_definition: String,
    pub(crate) desired_count: u64,
    pub(crate) running_count: u64,
    pub(crate) pending_count: u64,
    pub(crate) zones: Vec<Zone>,
    pub(crate) rollout: Option<Rollout>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) passed_over: Option<PassedOver>,
    pub(crate) diverged: Option<Diverged>,
    pub(crate) hold: Option<Hold>,
    pub(crate) cluster_hold: Option<Hold>,
    pub(crate) overlap: Option<String>,
    pub(crate) targets: Option<Targets>,
    pub(crate) capacity: Option<Capacity>,
    pub(crate) last_decisions: Vec<LastDecision>,
    pub(crate) trouble: Vec<String>,
    /// What Pushboat would do now. Only of one service that was asked for by its name.
    pub(crate) now: Option<Plan>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Image {
    pub(crate) container: String,
    pub(crate) name: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<String>,
    /// `<repository>:<tag>`
    pub(crate) released_as: Option<String>,
    /// In a history: why it does not return by itself.
    pub(crate) rejected: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Rollout {
    /// `None`: ECS does not say.
    pub(crate) state: Option<String>,
    pub(crate) reason: String,
    /// Of the native strategies.
    pub(crate) stage: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Zone {
    pub(crate) zone: String,
    pub(crate) running: u64,
    pub(crate) pending: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct LastDecision {
    pub(crate) at: String,
    pub(crate) decision: String,
    pub(crate) reason: String,
    pub(crate) cause: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Track {
    pub(crate) container: Option<String>,
    pub(crate) repository: String,
    pub(crate) rule: Value,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Rejected {
    pub(crate) digest: String,
    pub(crate) at: Option<String>,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PassedOver {
    pub(crate) revision: String,
    pub(crate) at: Option<String>,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Diverged {
    pub(crate) revision: String,
    pub(crate) registered_by: Option<String>,
    pub(crate) registered_at: Option<String>,
    /// `None`: somebody went past Pushboat.
    pub(crate) asked_by: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Hold {
    pub(crate) until: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Targets {
    pub(crate) healthy: u64,
    pub(crate) registered: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Capacity {
    pub(crate) decided_by: String,
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) reason: String,
    pub(crate) overrides: Vec<String>,
}

/// What a service has run and how many tasks it was told to have, newest first.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Entries {
    pub(crate) entries: Vec<Entry>,
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Entry {
    Release(Release),
    Count(Count),
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Count {
    pub(crate) at: String,
    pub(crate) decision: String,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
    pub(crate) reason: String,
    pub(crate) cause: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Release {
    pub(crate) began_at: Option<String>,
    pub(crate) outcome: String,
    pub(crate) reason: String,
    pub(crate) revision: String,
    pub(crate) images: Vec<Image>,
    pub(crate) cause: Option<String>,
    pub(crate) asked_by: Option<String>,
    pub(crate) registered_by: Option<String>,
}

/// What was decided on an ask, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Decisions {
    pub(crate) decisions: Vec<Decision>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Decision {
    pub(crate) decision: String,
    pub(crate) reason: String,
    pub(crate) digest: Option<String>,
    pub(crate) revision: Option<String>,
}

/// What would be decided and written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Plan {
    pub(crate) dry_run: bool,
    pub(crate) decisions: Vec<Decision>,
    /// Of AWS, in order.
    pub(crate) calls: Vec<Call>,
}

/// A call of AWS with its members, also those of calls that are not known here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Call {
    pub(crate) call: String,
    /// Of a task definition, from what the service runs.
    pub(crate) differences: Vec<Difference>,
    #[serde(flatten)]
    pub(crate) members: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Difference {
    pub(crate) at: String,
    pub(crate) from: Option<Value>,
    pub(crate) to: Option<Value>,
}

/// A one-off task that was asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Started {
    pub(crate) id: String,
}

/// How it stands, and some of what it wrote.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) task_definition: String,
    pub(crate) state: String,
    /// `under_way`, `succeeded` or `failed`.
    pub(crate) outcome: String,
    pub(crate) exit_code: Option<i64>,
    pub(crate) stopped_reason: Option<String>,
    pub(crate) diagnosis: Option<Diagnosis>,
    pub(crate) log: Log,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Diagnosis {
    pub(crate) sentence: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<Line>,
    /// Where the lines behind these begin.
    pub(crate) next: Option<String>,
    pub(crate) is_at_end: bool,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    pub(crate) text: String,
}

impl Decisions {
    pub(crate) fn of<'a>(&'a self, what: &'a [&str]) -> impl DoubleEndedIterator<Item = &'a Decision> {
        self.decisions.iter().filter(move |it| what.contains(&it.decision.as_str()))
    }
}

/// As many digits as tell a service's images apart at a glance.
pub(crate) fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..8).unwrap_or(hex)
}
