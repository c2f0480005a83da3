//! Pushes faster than a roll-out settles: may another release begin while one is under way? A pure function of what
//! ECS shows.
//!
//! | `pushboat:overlap` | |
//! |---|---|
//! | `supersede` (default) | the newest image goes out at once and replaces what is rolling out |
//! | `wait` | what is rolling out comes to its end first |
//!
//! Superseding for ever would end nowhere: under pushes every few seconds no roll-out would ever complete, and what
//! ECS can roll back to would grow old. So after [`CHAIN`] superseded roll-outs in a row the next one is waited for.
//! What never ends must not block for ever either: the patience has an end, and it doubles with each roll-out that it was
//! lost on, so that a slow one completes in the end however slow it is. Roll-outs that were superseded sooner, as by
//! invocations that overlap, were given no patience and double nothing.
//!
//! ```text
//!   push  b  c  d  e  f  g          b, c and d are superseded, e is waited for, and g follows it
//!         ├──┼──┼──┼───────────▶│e completes├───── g
//! ```
//!
//! Nothing is remembered: ECS shows superseded roll-outs as STOPPED.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::model::{Outcome, Rollout, RolloutState, Service, Tags};

pub const OVERLAP: &str = "pushboat:overlap";

/// So many roll-outs in a row may be superseded. Three let a hurried fix and its fix through at once.
pub const CHAIN: u32 = 3;
/// The least patience with a roll-out that is waited for; with one that took longer, twice what that took.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// With one whose tasks fail, as the fix for it may be what waits. It does not grow. Only to those who supersede: others
/// leave that to the circuit breaker.
const PATIENCE_FAILING: SignedDuration = SignedDuration::from_mins(1);
/// From so many failed tasks on, none of them healthy since, a roll-out is failing: the circuit breaker's own minimum.
const FAILED_TASKS: u32 = 3;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overlap {
    #[default]
    Supersede,
    Wait,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the tag {OVERLAP} is '{0}', not supersede or wait")]
pub struct NotAnOverlap(String);

pub fn of(tags: &Tags) -> Result<Overlap, NotAnOverlap> {
    match tags.get(OVERLAP).map(String::as_str) {
        None | Some("supersede") => Ok(Overlap::Supersede),
        Some("wait") => Ok(Overlap::Wait),
        Some(other) => Err(NotAnOverlap(other.to_owned())),
    }
}

/// Why a release waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Waits {
    #[error("a deployment is under way, and {OVERLAP} is wait")]
    AsAsked,
    #[error(
        "{0} roll-outs in a row were superseded and none completed, so the one under way comes to its end first"
    )]
    ForOneToComplete(u32),
}

/// `history` is newest first.
pub fn waits(
    overlap: Overlap,
    service: &Service,
    history: &[Rollout],
    now: Option<Timestamp>,
) -> Option<Waits> {
    let primary = service.primary.as_ref().filter(|primary| primary.state == RolloutState::InProgress)?;
    let under_way = history.first().filter(|rollout| rollout.outcome == Outcome::UnderWay);
    let superseded = superseded_in_a_row(history);
    let failing = primary.failed_tasks >= FAILED_TASKS;
    let age = under_way.and_then(|rollout| Some(now?.duration_since(rollout.created_at?)));
    match overlap {
        Overlap::Supersede => {
            under_way?;
            let patience = if failing { PATIENCE_FAILING } else { patience(history) };
            let over = superseded < CHAIN || age.is_some_and(|age| age >= patience);
            (!over).then_some(Waits::ForOneToComplete(superseded))
        }
        // One that fails and that no circuit breaker ends would keep its own fix out.
        Overlap::Wait => {
            let over = failing && age.is_some_and(|age| age >= PATIENCE);
            (!over).then_some(Waits::AsAsked)
        }
    }
}

/// How many before the one under way were superseded, since one came to an end of its own.
fn superseded_in_a_row(history: &[Rollout]) -> u32 {
    let before = history.iter().skip(1).take_while(|rollout| rollout.outcome == Outcome::Stopped);
    u32::try_from(before.count()).unwrap_or(u32::MAX)
}

/// Twice what the last success took, and twice as long for each superseded roll-out that had so much time at least.
fn patience(history: &[Rollout]) -> SignedDuration {
    let succeeded = history.iter().find(|rollout| rollout.outcome == Outcome::Successful);
    let took = succeeded.and_then(|rollout| Some(rollout.finished_at?.duration_since(rollout.created_at?)));
    let least = took.map_or(PATIENCE, |took| (took * 2).max(PATIENCE));
    let pairs = history.iter().zip(history.iter().skip(1));
    let superseded = pairs.take_while(|(_, rollout)| rollout.outcome == Outcome::Stopped);
    let lasted = superseded.filter_map(|(next, rollout)| next.created_at.zip(rollout.created_at));
    let in_vain = lasted.filter(|(end, began)| end.duration_since(*began) >= least).count();
    // The history has twenty roll-outs at most.
    (0..in_vain.min(20)).fold(least, |patience, _| patience * 2)
}

#[cfg(test)]
pub(crate) mod tests;
