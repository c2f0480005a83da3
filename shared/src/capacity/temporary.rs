//! What a person wants of the count until a moment: `pushboat:desired`, `pushboat:min` and `pushboat:max`, each
//! `<count> <until> <by> <reason>`. They win over everything until they expire, and then end by themselves.
//!
//! One that nobody can read says no count, so none is guessed; but whoever wrote it meant something, so meanwhile
//! nothing is scaled in.

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

use super::policy::{MOST_TASKS, count};
use crate::hold::{self, Hold, Length, NotAHold, one_word};
use crate::model::Tags;
use crate::policy::tag_value;

pub const DESIRED: &str = "pushboat:desired";
pub const MIN: &str = "pushboat:min";
pub const MAX: &str = "pushboat:max";
pub const KEYS: [&str; 3] = [DESIRED, MIN, MAX];

/// What of the count somebody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Desired,
    Min,
    Max,
}

impl Which {
    pub fn key(self) -> &'static str {
        match self {
            Which::Desired => DESIRED,
            Which::Min => MIN,
            Which::Max => MAX,
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Which::Desired => "exactly",
            Which::Min => "at least",
            Which::Max => "at most",
        })
    }
}

/// An override that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub which: Which,
    pub count: u32,
    pub length: Length,
    pub by: String,
    pub reason: String,
}

/// Why there can be no such override.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAnOverride {
    #[error("a count is 1 to {MOST_TASKS}")]
    Count,
    #[error("say for how long, until when, or that it is permanent")]
    Endless,
    #[error(transparent)]
    Words(#[from] NotAHold),
}

pub fn check_count(count: u32) -> Result<(), NotAnOverride> {
    if (1..=MOST_TASKS).contains(&count) { Ok(()) } else { Err(NotAnOverride::Count) }
}

impl Wanted {
    /// As far as it can be told before anything is asked.
    pub fn check(&self) -> Result<(), NotAnOverride> {
        check_count(self.count)?;
        if self.length == Length::UntilLifted { Err(NotAnOverride::Endless) } else { Ok(()) }
    }

    /// As it is written.
    pub fn at(&self, now: Option<Timestamp>) -> Result<Override, NotAnOverride> {
        self.check()?;
        // The count and its space take as much of the value as a longer reason would.
        let reason = format!("{}{}", self.reason, " ".repeat(self.count.to_string().len() + 1));
        let words = hold::Wanted { length: self.length, by: self.by.clone(), reason };
        let Hold { until, by, reason } = words.at(now)?;
        let until = until.ok_or(NotAnOverride::Endless)?;
        Ok(Override { count: self.count, until, by, reason: reason.trim().to_owned() })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub count: u32,
    pub until: Timestamp,
    pub by: String,
    pub reason: String,
}

/// What there is at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub desired: Option<Override>,
    pub min: Option<Override>,
    pub max: Option<Override>,
    /// Keys of tags that can be removed.
    pub expired: Vec<&'static str>,
    /// Keys of tags that nobody can read.
    pub unreadable: Vec<&'static str>,
}

impl Overrides {
    pub fn of(tags: &Tags, now: Timestamp) -> Overrides {
        let mut found = Overrides::default();
        for key in KEYS {
            let Some(value) = tags.get(key) else { continue };
            let Some(wanted) = Override::parse(value) else {
                found.unreadable.push(key);
                continue;
            };
            if wanted.until <= now {
                found.expired.push(key);
                continue;
            }
            match key {
                DESIRED => found.desired = Some(wanted),
                MIN => found.min = Some(wanted),
                _ => found.max = Some(wanted),
            }
        }
        found
    }
}

impl Overrides {
    /// For people: `at least 4 by ann until …: big sale`.
    pub fn in_words(&self) -> Vec<String> {
        let all = [(Which::Desired, &self.desired), (Which::Min, &self.min), (Which::Max, &self.max)];
        let said = all.into_iter().filter_map(|(which, said)| Some(format!("{which} {}", said.as_ref()?)));
        said.chain(self.unreadable.iter().map(|key| format!("{key}: nobody can read it"))).collect()
    }
}

impl Override {
    pub fn parse(value: &str) -> Option<Override> {
        let mut words = value.trim().splitn(4, ' ');
        let count = count(words.next()?).filter(|count| (1..=MOST_TASKS).contains(count))?;
        let until = words.next()?.parse().ok()?;
        let (by, reason) = (words.next()?, words.next()?.trim());
        let said = !by.is_empty() && !reason.is_empty();
        said.then(|| Override { count, until, by: by.to_owned(), reason: reason.to_owned() })
    }

    /// The tag's value, within what AWS takes. A name of several words becomes one.
    pub fn value(&self) -> String {
        tag_value(&format!("{} {} {} {}", self.count, seconds(self.until), one_word(&self.by), self.reason))
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} until {}: {}", self.count, self.by, seconds(self.until), self.reason)
    }
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Overrides {
        let tags = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Overrides::of(&tags, "2026-11-21T08:00:00Z".parse().unwrap())
    }

    #[test]
    fn an_override_says_how_many_until_when_who_and_why() {
        let found = of(&[
            (DESIRED, "4 2026-11-21T08:00:01Z ann big sale"),
            (MAX, "20 2026-11-21T08:00:00Z ann over"),
        ]);
        let wanted = found.desired.unwrap();
        assert_eq!((wanted.count, wanted.by.as_str(), wanted.reason.as_str()), (4, "ann", "big sale"));
        assert_eq!((found.max, found.expired), (None, vec![MAX]), "it ends at that second");
        let min = of(&[(MIN, "2 2026-11-21T10:00:00+01:00 ann x")]).min.unwrap();
        assert_eq!(min.to_string(), "2 by ann until 2026-11-21T09:00:00Z: x");
    }

    #[test]
    fn what_nobody_can_read_is_said_and_not_guessed() {
        for odd in [
            "",
            "4",
            "4 tomorrow ann sale",
            "4 2026-11-22T08:00:00Z",
            "4 2026-11-22T08:00:00Z ann",
            "4 - ann sale",
            "-4 2026-11-22T08:00:00Z ann sale",
            "0 2026-11-22T08:00:00Z ann sale",
            "5001 2026-11-22T08:00:00Z ann sale",
        ] {
            let found = of(&[(DESIRED, odd)]);
            assert_eq!((found.unreadable, found.desired), (vec![DESIRED], None), "'{odd}'");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            count in 1..=MOST_TASKS, seconds in 0_i64..4_000_000_000, by in ".{0,40}[a-z]", reason in "[a-z].{0,400}"
        ) {
            let until = Timestamp::from_second(seconds).unwrap();
            let value = Override { count, until, by: by.clone(), reason }.value();
            prop_assert!(value.chars().count() <= 256);
            let read = Override::parse(&value).unwrap();
            prop_assert_eq!((read.count, read.until, read.by), (count, until, one_word(&by)));
        }
    }
}
