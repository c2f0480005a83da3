//! Why a roll-out fails, from what ECS, the load balancer and the log say of its tasks. Pure: what was read comes in, and
//! what may be shown comes out, never an environment value.
//!
//! ```text
//!  stopped tasks ─► cause of each ─► the commonest ─► the last lines of one of them ─► one sentence
//! ```
//!
//! `cause` tells the known faults apart, `sentence` puts one into words, `log` knows where a task's last lines are and
//! what must not be shown of them.

mod cause;
mod log;
mod sentence;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::TargetHealth;

pub use cause::{Cause, Kind};
pub use log::{LINES, LogStream, NoLog, Secrets, shown};

/// A task that ended, or is about to, as ECS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoppedTask {
    /// The last part of its ARN.
    pub id: String,
    /// ECS's own code, `EssentialContainerExited` for one; empty where it gives none.
    pub stop_code: String,
    pub stopped_reason: String,
    pub stopped_at: Option<Timestamp>,
    /// From RUNNING until it began to stop.
    pub ran: Option<SignedDuration>,
    pub containers: Vec<StoppedContainer>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoppedContainer {
    pub name: String,
    pub exit_code: Option<i32>,
    /// ECS's words; empty where it has none.
    pub reason: String,
    /// Its own health check, the one in the container definition, has failed.
    pub unhealthy: bool,
}

/// What was read of a failing roll-out.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// ECS's own word about the roll-out.
    pub why: &'a str,
    /// Stopped tasks of its revision.
    pub tasks: &'a [StoppedTask],
    /// What the service has said lately, newest first. The load balancer's words about a task stay there after the
    /// task has gone.
    pub messages: &'a [String],
    pub health: &'a TargetHealth,
}

/// Why a roll-out fails, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnosis {
    pub cause: Cause,
    pub kind: Kind,
    /// What happened, to how many tasks, and what to do.
    pub sentence: String,
    /// How many of the stopped tasks show the cause.
    pub tasks: usize,
    /// How many tasks failed as far as ECS still knows.
    pub of: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What ECS or the load balancer says of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// Of the newest task that shows the cause, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
    /// What could not be learned, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The same in as few words as a tag's value has room for.
    #[serde(skip)]
    pub short: String,
    /// Whose last lines would tell more.
    #[serde(skip)]
    pub(crate) example: Option<Example>,
    #[serde(skip)]
    ran: Option<SignedDuration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) task_id: String,
    pub(crate) container: String,
}

/// How something that failed comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy<'a> {
    /// By removing this tag of the service.
    RemoveTag(&'a str),
    /// ECS still tries.
    Wait,
    /// A one-off task: nobody tries again until somebody asks.
    RunAgain,
}

/// The commonest cause among the tasks that failed, before any log was read.
pub fn diagnose(evidence: Evidence<'_>) -> Diagnosis {
    let mut faults: Vec<_> =
        evidence.tasks.iter().filter_map(|task| Some((task, cause::of(task, &evidence)?))).collect();
    // The newest last, so that of equals the newest is shown.
    faults.sort_by(|(one, _), (other, _)| (one.stopped_at, &one.id).cmp(&(other.stopped_at, &other.id)));
    let count = |cause: Cause| faults.iter().filter(|(_, fault)| fault.cause == cause).count();
    let commonest = faults.iter().max_by_key(|(_, fault)| (count(fault.cause), fault.cause.kind()));
    let Some((task, fault)) = commonest else { return unknown(&evidence) };
    let example = match (&fault.container, fault.cause.leaves_lines()) {
        (Some(container), true) => Some(Example { task_id: task.id.clone(), container: container.clone() }),
        _ => None,
    };
    Diagnosis {
        cause: fault.cause,
        kind: fault.cause.kind(),
        sentence: String::new(),
        tasks: count(fault.cause),
        of: faults.len(),
        container: fault.container.clone(),
        exit_code: fault.exit_code,
        words: fault.words.clone(),
        last_lines: Vec::new(),
        notes: Vec::new(),
        short: String::new(),
        example,
        ran: task.ran,
    }
}

/// No task tells anything: ECS's own word, and what the load balancer says of the targets there are.
fn unknown(evidence: &Evidence<'_>) -> Diagnosis {
    let complaints = evidence.health.complaints.iter().map(String::as_str);
    let words: Vec<_> = std::iter::once(evidence.why).chain(complaints).filter(|it| !it.is_empty()).collect();
    Diagnosis {
        cause: Cause::Unknown,
        kind: Kind::Unknown,
        sentence: String::new(),
        tasks: 0,
        of: 0,
        container: None,
        exit_code: None,
        words: words.join("; "),
        last_lines: Vec::new(),
        notes: Vec::new(),
        short: String::new(),
        example: None,
        ran: None,
    }
}

impl Diagnosis {
    /// Without what must not be shown, and with the last lines cut to size.
    pub fn show(mut self, lines: &[String], secrets: &Secrets) -> Diagnosis {
        self.words = secrets.hide(&self.words);
        self.last_lines = log::cut(lines, secrets);
        // Fargate does not say so, but the log does.
        if self.cause == Cause::Exited
            && self.last_lines.iter().any(|line| line.contains("exec format error"))
        {
            self.cause = Cause::WrongPlatform;
            self.kind = self.cause.kind();
        }
        self
    }

    pub fn note(&mut self, what: impl ToString) {
        self.notes.push(what.to_string());
    }

    /// Puts it into words, once all is known.
    pub fn said(mut self, remedy: Remedy<'_>) -> Diagnosis {
        let said = sentence::of(&self, remedy);
        self.sentence = said.whole;
        self.short = said.short;
        self
    }
}

#[cfg(test)]
mod tests;
