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
//! What never ends must not block for ever either: the patience has an end, and it doubles with each roll-out that is
//! superseded after all, so that a slow one completes in the end however slow it is.
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
/// With one whose tasks fail, as the fix for it may be what waits. Only to those who supersede: others leave that to
/// the circuit breaker.
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
            let beyond = superseded.checked_sub(CHAIN)?;
            let least = if failing { PATIENCE_FAILING } else { longest_patience(history) };
            let over = age.is_some_and(|age| age >= doubled(least, beyond));
            (!over).then_some(Waits::ForOneToComplete(superseded))
        }
        // One that fails and that no circuit breaker ends would keep its own fix out.
        Overlap::Wait => {
            let over = failing && age.is_some_and(|age| age >= doubled(PATIENCE, superseded));
            (!over).then_some(Waits::AsAsked)
        }
    }
}

/// How many before the one under way were superseded, since one came to an end of its own.
fn superseded_in_a_row(history: &[Rollout]) -> u32 {
    let before = history.iter().skip(1).take_while(|rollout| rollout.outcome == Outcome::Stopped);
    u32::try_from(before.count()).unwrap_or(u32::MAX)
}

fn longest_patience(history: &[Rollout]) -> SignedDuration {
    let succeeded = history.iter().find(|rollout| rollout.outcome == Outcome::Successful);
    let took = succeeded.and_then(|rollout| Some(rollout.finished_at?.duration_since(rollout.created_at?)));
    took.map_or(PATIENCE, |took| doubled(took, 1).max(PATIENCE))
}

fn doubled(duration: SignedDuration, times: u32) -> SignedDuration {
    // The history has twenty roll-outs, so this is for ever in practice.
    let factor = 1_i64.checked_shl(times.min(30)).unwrap_or(i64::MAX);
    SignedDuration::from_secs(duration.as_secs().saturating_mul(factor))
}

#[cfg(test)]
pub(crate) mod tests;
