//! What the owner wants of a service's capacity, read from its tags.
//!
//! | tag | value |
//! |---|---|
//! | `pushboat:capacity` | `2-10`: the bounds. `-10`: at least a task in each zone. `3`: always three |
//! | `pushboat:load` | what a task is to carry at most: `requests/600` (a minute), `cpu/60`, `memory/70` (percent), or several. `cpu/60` where it is not said |
//! | `pushboat:style` | `lean`, `balanced` (where it is not said) or `safe`: how much is paid for how little is served badly |
//! | `pushboat:schedule`, `pushboat:schedule:<name>` | a recurring floor, see `schedule` |
//!
//! A service without `pushboat:capacity` keeps the count it has: a maximum is money, which nobody guesses.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::schedule::{NotASchedule, Schedule};
use crate::forecast::Style;
use crate::model::Tags;

pub const CAPACITY: &str = "pushboat:capacity";
pub const LOAD: &str = "pushboat:load";
pub const STYLE: &str = "pushboat:style";
pub const SCHEDULE: &str = "pushboat:schedule";
const SCHEDULE_NAMED: &str = "pushboat:schedule:";

/// What ECS takes for one service.
pub const MOST_TASKS: u32 = 5000;

#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub bounds: Bounds,
    pub targets: Vec<Target>,
    pub style: Style,
    pub schedules: Vec<Schedule>,
}

/// `min` is `None` where the owner leaves it to the number of zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub min: Option<u32>,
    pub max: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    Requests,
    Cpu,
    Memory,
}

/// How much of a signal one task is to carry at most: requests a minute, or percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    pub signal: Signal,
    pub per_task: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    #[error("the tag {CAPACITY} is '{0}', not <min>-<max>, -<max> or a count")]
    NotBounds(String),
    #[error("the tag {CAPACITY} is '{0}': a service without a task has no load to see, so the least is 1")]
    Nothing(String),
    #[error("the tag {CAPACITY} is '{0}': the minimum is above the maximum")]
    UpsideDown(String),
    #[error("the tag {CAPACITY} is '{0}': ECS takes {MOST_TASKS} tasks at most")]
    TooMany(String),
    #[error(
        "the tag {key} is there, but no {CAPACITY}: how many tasks it may be at most is for the owner to say"
    )]
    NoBounds { key: String },
    #[error("the tag {LOAD} has '{0}', not requests/<a minute>, cpu/<percent> or memory/<percent>")]
    NotATarget(String),
    #[error("the tag {LOAD} names {0} twice")]
    Twice(Signal),
    #[error("the tag {STYLE} is '{0}', not lean, balanced or safe")]
    NotAStyle(String),
    #[error("the tag {key} is '{value}': {why}")]
    NotASchedule { key: String, value: String, why: NotASchedule },
    #[error("the tag {key} wants {floor} tasks, but {CAPACITY} allows {max} at most")]
    ScheduleAboveMax { key: String, floor: u32, max: u32 },
}

impl Policy {
    /// `None`: the owner has not handed the count over.
    pub fn of(tags: &Tags) -> Result<Option<Policy>, PolicyError> {
        let is_schedule = |key: &str| key == SCHEDULE || key.starts_with(SCHEDULE_NAMED);
        let Some(capacity) = tags.get(CAPACITY) else {
            let other = tags.keys().find(|key| [LOAD, STYLE].contains(&key.as_str()) || is_schedule(key));
            return other.map_or(Ok(None), |key| Err(PolicyError::NoBounds { key: key.clone() }));
        };
        let bounds: Bounds = capacity.parse()?;
        let mut schedules = Vec::new();
        for (key, value) in tags.iter().filter(|(key, _)| is_schedule(key)) {
            let not_one = |why| PolicyError::NotASchedule { key: key.clone(), value: value.clone(), why };
            let schedule: Schedule = value.parse().map_err(not_one)?;
            if schedule.floor > bounds.max {
                let (key, floor, max) = (key.clone(), schedule.floor, bounds.max);
                return Err(PolicyError::ScheduleAboveMax { key, floor, max });
            }
            schedules.push(schedule);
        }
        let style = match tags.get(STYLE).map(|style| style.trim()) {
            None | Some("balanced") => Style::Balanced,
            Some("lean") => Style::Lean,
            Some("safe") => Style::Safe,
            Some(other) => return Err(PolicyError::NotAStyle(other.to_owned())),
        };
        Ok(Some(Policy { bounds, targets: targets(tags.get(LOAD))?, style, schedules }))
    }
}

fn targets(value: Option<&String>) -> Result<Vec<Target>, PolicyError> {
    let Some(value) = value else { return Ok(vec![Target { signal: Signal::Cpu, per_task: 60.0 }]) };
    let mut targets = Vec::<Target>::new();
    for word in value.split_whitespace() {
        let target: Target = word.parse()?;
        if targets.iter().any(|other| other.signal == target.signal) {
            return Err(PolicyError::Twice(target.signal));
        }
        targets.push(target);
    }
    if targets.is_empty() { Err(PolicyError::NotATarget(value.clone())) } else { Ok(targets) }
}

impl FromStr for Target {
    type Err = PolicyError;

    fn from_str(word: &str) -> Result<Target, PolicyError> {
        let not_one = || PolicyError::NotATarget(word.to_owned());
        let (signal, amount) = word.split_once('/').ok_or_else(not_one)?;
        let (signal, most) = match signal {
            "requests" => (Signal::Requests, 1e7),
            "cpu" => (Signal::Cpu, 100.0),
            "memory" => (Signal::Memory, 100.0),
            _ => return Err(not_one()),
        };
        // Digits and a point: no sign, no exponent, no infinity.
        let is_plain = amount.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let per_task: f64 = amount.parse().ok().filter(|_| is_plain).ok_or_else(not_one)?;
        if !(1.0..=most).contains(&per_task) {
            return Err(not_one());
        }
        Ok(Target { signal, per_task })
    }
}

impl FromStr for Bounds {
    type Err = PolicyError;

    fn from_str(value: &str) -> Result<Bounds, PolicyError> {
        let value = value.trim();
        let count = |text: &str| count(text).ok_or_else(|| PolicyError::NotBounds(value.to_owned()));
        let (min, max) = match value.split_once('-') {
            None => (Some(count(value)?), count(value)?),
            Some(("", max)) => (None, count(max)?),
            Some((min, max)) => (Some(count(min)?), count(max)?),
        };
        match min {
            _ if max > MOST_TASKS => Err(PolicyError::TooMany(value.to_owned())),
            Some(min) if min > max => Err(PolicyError::UpsideDown(value.to_owned())),
            _ if max == 0 || min == Some(0) => Err(PolicyError::Nothing(value.to_owned())),
            min => Ok(Bounds { min, max }),
        }
    }
}

impl Bounds {
    /// These with another least or most, or with both at once.
    pub fn with(self, min: Option<u32>, max: Option<u32>) -> Result<Bounds, PolicyError> {
        let changed = Bounds { min: min.or(self.min), max: max.unwrap_or(self.max) };
        changed.to_string().parse()
    }
}

/// As the tag has it.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bounds { min: Some(min), max } if min == max => write!(f, "{max}"),
            Bounds { min: Some(min), max } => write!(f, "{min}-{max}"),
            Bounds { min: None, max } => write!(f, "-{max}"),
        }
    }
}

/// Digits only.
pub(super) fn count(text: &str) -> Option<u32> {
    let is_count = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_count)
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Requests => "requests",
            Signal::Cpu => "cpu",
            Signal::Memory => "memory",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.signal, self.per_task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(pairs: &[(&str, &str)]) -> Result<Option<Policy>, PolicyError> {
        Policy::of(&pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
    }

    #[test]
    fn the_bounds_are_enough() {
        let found = policy(&[("Name", "web"), (CAPACITY, "2-10")]).unwrap().unwrap();
        assert_eq!(found.bounds, Bounds { min: Some(2), max: 10 });
        assert_eq!(found.targets, [Target { signal: Signal::Cpu, per_task: 60.0 }]);
        assert_eq!((found.style, found.schedules.len()), (Style::Balanced, 0));
        assert_eq!(policy(&[(CAPACITY, "-10")]).unwrap().unwrap().bounds, Bounds { min: None, max: 10 });
        assert_eq!(policy(&[(CAPACITY, "3")]).unwrap().unwrap().bounds, Bounds { min: Some(3), max: 3 });
        assert_eq!(policy(&[("Name", "web"), ("pushboat:track", "game:main")]), Ok(None));
    }

    #[test]
    fn all_of_it_can_be_said() {
        let found = policy(&[
            (CAPACITY, "2-40"),
            (LOAD, "requests/600 cpu/72.5  memory/70"),
            (STYLE, "lean"),
            (SCHEDULE, "mon-fri/08:00-19:00/4/Europe/Berlin"),
            ("pushboat:schedule:sale", "sat/10:00-12:00/40"),
        ]);
        let found = found.unwrap().unwrap();
        let words: Vec<String> = found.targets.iter().map(Target::to_string).collect();
        assert_eq!(words, ["requests/600", "cpu/72.5", "memory/70"]);
        assert_eq!((found.style, found.schedules.len()), (Style::Lean, 2));
    }

    #[test]
    fn bounds_can_be_changed_as_long_as_they_stay_bounds() {
        let with = |value: &str, min, max| {
            let bounds: Bounds = value.parse().unwrap();
            bounds.with(min, max).map(|it| it.to_string()).map_err(|error| error.to_string())
        };
        for (value, min, max, expected) in [
            ("2-10", Some(4), None, "4-10"),
            ("2-10", Some(10), None, "10"),
            ("2-10", None, Some(20), "2-20"),
            ("2-10", Some(3), Some(3), "3"),
            ("2-10", Some(20), Some(40), "20-40"),
            ("-10", None, Some(4), "-4"),
            ("-10", Some(2), None, "2-10"),
            ("3", None, Some(6), "3-6"),
        ] {
            assert_eq!(with(value, min, max).as_deref(), Ok(expected), "{value} {min:?} {max:?}");
        }
        assert!(with("2-10", Some(11), None).unwrap_err().contains("'11-10': the minimum is above"));
        assert!(with("2-10", None, Some(0)).is_err());
        assert!(with("2-10", Some(0), Some(0)).unwrap_err().contains("the least is 1"));
        assert!(with("2-10", None, Some(5001)).unwrap_err().contains("5000 tasks at most"));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let bounds = |value| vec![(CAPACITY, value)];
        let with = |key, value| vec![(CAPACITY, "2-10"), (key, value)];
        for (pairs, says) in [
            (bounds(""), "not <min>-<max>"),
            (bounds("many"), "not <min>-<max>"),
            (bounds("2-"), "not <min>-<max>"),
            (bounds("2..10"), "not <min>-<max>"),
            (bounds("+2-10"), "not <min>-<max>"),
            (bounds("2-10-20"), "not <min>-<max>"),
            (bounds("2.5"), "not <min>-<max>"),
            (bounds("99999999999"), "not <min>-<max>"),
            (bounds("0-10"), "the least is 1"),
            (bounds("0"), "the least is 1"),
            (bounds("10-2"), "above the maximum"),
            (bounds("1-5001"), "5000 tasks at most"),
            (with(LOAD, ""), "not requests/<a minute>"),
            (with(LOAD, "600"), "not requests/<a minute>"),
            (with(LOAD, "requests"), "not requests/<a minute>"),
            (with(LOAD, "requests/"), "not requests/<a minute>"),
            (with(LOAD, "requests/0"), "not requests/<a minute>"),
            (with(LOAD, "requests/inf"), "not requests/<a minute>"),
            (with(LOAD, "requests/1e3"), "not requests/<a minute>"),
            (with(LOAD, "cpu/101"), "not requests/<a minute>"),
            (with(LOAD, "cpu/-5"), "not requests/<a minute>"),
            (with(LOAD, "latency/5"), "not requests/<a minute>"),
            (with(LOAD, "cpu/60 cpu/70"), "names cpu twice"),
            (with(STYLE, "bold"), "not lean, balanced or safe"),
            (with(SCHEDULE, "always"), "not <days>/<from>-<to>/<count>"),
            (with(SCHEDULE, "mon/08:00-09:00/11"), "wants 11 tasks, but pushboat:capacity allows 10"),
            (vec![(LOAD, "cpu/60")], "is there, but no pushboat:capacity"),
            (vec![("pushboat:schedule:x", "mon/08:00-09:00/1")], "is there, but no pushboat:capacity"),
        ] {
            let refused = policy(&pairs).expect_err(says).to_string();
            assert!(refused.contains(says), "{pairs:?}: {refused}");
        }
    }
}
