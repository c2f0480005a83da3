//! Alarms on metrics that Pushboat does not read itself. An alarm with the tag `pushboat:step` (`+2`, `+50pct`, `-1`,
//! `-10pct`) raises a floor or lowers a ceiling of the service while it is in ALARM.
//!
//! The bound is a tag on the service, `pushboat:alarm:<16 hex>` with the alarm's name behind the digits:
//! `<floor or ceiling> <count> <the alarm is in ALARM since> <moved at> <alarm>`. It is an absolute count, and it names
//! the transition it was computed for: twenty deliveries of one transition find it written and move nothing. While the
//! alarm stays in ALARM it moves by one more step each minute, from what the tag says, so that two who do it at once
//! write the same. With OK it is removed.
//!
//! What is asked here is how the alarm stands now, not what an event said: a late event of an alarm that is OK again
//! must not bring its bound back. An alarm that acts on nobody moves nothing: `stands` says which do not act, and why.

pub mod rule;

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::policy::{MOST_TASKS, count};
use crate::model::{Alarm, AlarmState, Tags};
use crate::policy::tag_value;

/// On the alarm.
pub const STEP: &str = "pushboat:step";
/// On the service, one for each alarm.
pub const BOUND: &str = "pushboat:alarm:";
/// CloudWatch repeats itself once a minute for its own Auto Scaling, and only for that.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How far one transition moves, by tasks or by hundredths of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub kind: Kind,
    pub amount: u32,
    pub is_percent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Floor,
    Ceiling,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the tag {STEP} is '{0}', not +2, -1, +50pct or -10pct")]
pub struct NotAStep(String);

/// How an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Alarm {
        since: Timestamp,
    },
    /// Also where it does not act, or is not there any more, with the time it was looked for.
    Ok {
        since: Timestamp,
    },
    /// INSUFFICIENT_DATA: what it said before holds, and moves no further.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub kind: Kind,
    pub count: u32,
    /// The transition it belongs to, with the alarm.
    pub since: Timestamp,
    pub moved_at: Timestamp,
    pub alarm: String,
}

/// What is to be done with the alarm's tag on the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Keep,
    Write(Bound),
    Remove,
}

/// Whether an alarm is muted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Muted {
    Yes,
    No,
    /// It counts as not muted, and the reason says why nobody knows.
    NotToBeFound(String),
    /// Not now: the next look knows more.
    NotYet,
}

/// How an alarm stands, with the words for one that does not act. CloudWatch would not carry out its actions, so nor does
/// Pushboat move anything.
pub fn stands(alarm: &Alarm, muted: &Muted, now: Timestamp) -> (State, Option<String>) {
    // AWS's clock shows whole seconds, so "now" may lie before the transition.
    let silent = |words: String| (State::Ok { since: now.max(alarm.since) }, Some(words));
    let name = &alarm.name;
    match (alarm.state, muted) {
        _ if !alarm.actions_enabled => silent(format!("the actions of the alarm {name} are switched off")),
        (AlarmState::Ok, _) => (State::Ok { since: alarm.since }, None),
        (AlarmState::InsufficientData, _) => (State::Unknown, None),
        (AlarmState::Alarm, _) if alarm.suppressed_by.is_some() => {
            let by = alarm.suppressed_by.as_deref().unwrap_or_default();
            silent(format!("the actions of the alarm {name} are suppressed by {by}"))
        }
        (AlarmState::Alarm, Muted::Yes) => silent(format!("the alarm {name} is muted")),
        (AlarmState::Alarm, Muted::NotYet) => (State::Unknown, None),
        (AlarmState::Alarm, Muted::No) => (State::Alarm { since: alarm.since }, None),
        (AlarmState::Alarm, Muted::NotToBeFound(why)) => {
            let words = format!("nobody can tell whether the alarm {name} is muted, so it counts ({why})");
            (State::Alarm { since: alarm.since }, Some(words))
        }
    }
}

/// What the tag of this alarm becomes. `present` is the service's desired count, `least` and `most` its bounds.
pub fn change(
    written: Option<&Bound>,
    alarm: &str,
    state: State,
    step: Step,
    present: u32,
    (least, most): (u32, u32),
    now: Timestamp,
) -> Change {
    let since = match state {
        State::Unknown => return Change::Keep,
        // The OK of before is no news to a bound that came after it.
        State::Ok { since } => {
            let ends = written.is_some_and(|bound| bound.since <= since);
            return if ends { Change::Remove } else { Change::Keep };
        }
        State::Alarm { since } => since,
    };
    let write = |count: u32, moved_at| {
        let bound = Bound {
            kind: step.kind,
            count: count.clamp(least, most),
            since,
            moved_at,
            alarm: tag_value(alarm),
        };
        if Some(&bound) == written { Change::Keep } else { Change::Write(bound) }
    };
    match written.filter(|bound| bound.kind == step.kind) {
        None => write(step.from(present), now),
        Some(bound) if bound.since > since => Change::Keep,
        // An alarm that flaps is not quicker than one that stays.
        Some(bound) if now.duration_since(bound.moved_at) < AGAIN_AFTER => write(bound.count, bound.moved_at),
        Some(bound) => {
            let further = step.from(bound.count).clamp(least, most);
            if further == bound.count { write(bound.count, bound.moved_at) } else { write(further, now) }
        }
    }
}

impl Step {
    /// At least one task, and the larger number where a percentage falls between two.
    pub fn from(self, present: u32) -> u32 {
        let by = if self.is_percent {
            u64::from(present) * u64::from(self.amount)
        } else {
            u64::from(self.amount) * 100
        };
        let by = u32::try_from(by.div_ceil(100).max(1)).unwrap_or(MOST_TASKS);
        match self.kind {
            Kind::Floor => present.saturating_add(by).min(MOST_TASKS),
            Kind::Ceiling => present.saturating_sub(by).max(1),
        }
    }
}

impl FromStr for Step {
    type Err = NotAStep;

    fn from_str(value: &str) -> Result<Step, NotAStep> {
        let text = value.trim();
        let not_one = || NotAStep(value.to_owned());
        let (kind, amount) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(amount), _) => (Kind::Floor, amount),
            (_, Some(amount)) => (Kind::Ceiling, amount),
            _ => return Err(not_one()),
        };
        let (digits, is_percent) =
            amount.strip_suffix("pct").map_or((amount, false), |digits| (digits, true));
        let most = match (is_percent, kind) {
            (true, Kind::Floor) => 1000,
            (true, Kind::Ceiling) => 99,
            (false, _) => MOST_TASKS,
        };
        let amount = count(digits).filter(|amount| (1..=most).contains(amount)).ok_or_else(not_one)?;
        Ok(Step { kind, amount, is_percent })
    }
}

/// The tag's key: an alarm's name may be longer than a key and have other characters.
pub fn key(alarm: &str) -> String {
    // FNV-1a.
    let hash = alarm.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{BOUND}{hash:016x}")
}

/// Every bound on a service, with its key. `None`: nobody can read it.
pub fn bounds(tags: &Tags) -> impl Iterator<Item = (&str, Option<Bound>)> {
    let keys = tags.iter().filter(|(key, _)| key.starts_with(BOUND));
    keys.map(|(key, value)| (key.as_str(), Bound::parse(value)))
}

impl Bound {
    pub fn parse(value: &str) -> Option<Bound> {
        let mut words = value.trim().splitn(5, ' ');
        let kind = match words.next()? {
            "floor" => Kind::Floor,
            "ceiling" => Kind::Ceiling,
            _ => return None,
        };
        let count = count(words.next()?).filter(|count| (1..=MOST_TASKS).contains(count))?;
        let (since, moved_at) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Bound { kind, count, since, moved_at, alarm: words.next()?.to_owned() })
    }

    /// The tag's value, within what AWS takes.
    pub fn value(&self) -> String {
        let Bound { kind, count, since, moved_at, alarm } = self;
        tag_value(&format!("{kind} {count} {since} {moved_at} {alarm}"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Floor => "floor",
            Kind::Ceiling => "ceiling",
        })
    }
}

#[cfg(test)]
mod tests;
