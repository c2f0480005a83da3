//! Holds: while a service or its whole cluster is held, nothing is released. Pure functions of tags and AWS's time.
//!
//! The tag `pushboat:hold` says `<until> <by> <reason>`: until when (an ISO time, or `-` for as long as it is there),
//! who holds, and why. On a service it holds that service, on a cluster every service in it: a tag is seen by whoever
//! looks and needs no deployment of the functions.
//!
//! A hold withholds releases and nothing else: failures are still written down, and a person may still roll back.
//! Where nobody can read it, it holds, because whoever wrote it meant something.

use std::fmt;

use jiff::Timestamp;

use crate::model::Tags;
use crate::policy;

pub const HOLD: &str = "pushboat:hold";
/// Instead of a time: until somebody lifts it.
const OPEN: &str = "-";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub until: Option<Timestamp>,
    pub by: String,
    pub reason: String,
}

/// How it stands with a hold at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Free,
    Held(Hold),
    /// Held all the same: the value as it is written.
    Unreadable(String),
    /// As good as gone.
    Expired(Hold),
}

/// Without a clock a hold has not expired.
pub fn standing(tags: &Tags, now: Option<Timestamp>) -> Standing {
    let Some(value) = tags.get(HOLD) else { return Standing::Free };
    let Some(hold) = Hold::parse(value) else { return Standing::Unreadable(value.clone()) };
    match (hold.until, now) {
        (Some(until), Some(now)) if until <= now => Standing::Expired(hold),
        _ => Standing::Held(hold),
    }
}

impl Hold {
    pub fn parse(value: &str) -> Option<Hold> {
        let mut words = value.trim().splitn(3, ' ');
        let until = match words.next()? {
            OPEN => None,
            time => Some(time.parse().ok()?),
        };
        let (by, reason) = (words.next()?, words.next()?.trim());
        let said = !by.is_empty() && !reason.is_empty();
        said.then(|| Hold { until, by: by.to_owned(), reason: reason.to_owned() })
    }

    /// The tag's value, within what AWS takes. A name of several words becomes one.
    pub fn value(&self) -> String {
        let until = self.until.map_or_else(|| OPEN.to_owned(), seconds);
        policy::tag_value(&format!("{until} {} {}", one_word(&self.by), self.reason))
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, "held by {} until {}: {}", self.by, seconds(until), self.reason),
            None => write!(f, "held by {} until somebody lifts it: {}", self.by, self.reason),
        }
    }
}

/// A name as one word of a tag's value.
pub fn one_word(name: &str) -> String {
    policy::tag_value(name).replace(' ', "-")
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_hold_says_until_when_who_and_why() {
        let now = Some(at("2026-11-21T08:00:00Z"));
        let named = |value: &str| standing(&Tags::from([(HOLD.to_owned(), value.to_owned())]), now);
        let held = |until: Option<&str>| {
            Standing::Held(Hold { until: until.map(at), by: "ann".into(), reason: "big sale".into() })
        };
        assert_eq!(standing(&Tags::new(), now), Standing::Free);
        assert_eq!(named("2026-11-21T08:00:01Z ann big sale"), held(Some("2026-11-21T08:00:01Z")));
        assert_eq!(named("2026-11-21T09:30:00+01:00 ann big sale"), held(Some("2026-11-21T08:30:00Z")));
        assert_eq!(named("- ann big sale"), held(None));
        assert!(matches!(named("2026-11-21T08:00:00Z ann big sale"), Standing::Expired(_)), "at that second");
        for odd in ["", "-", "- ann", "- ann  ", "tomorrow ann sale", "2026-11-21 ann sale", "ann: sale"] {
            assert_eq!(named(odd), Standing::Unreadable(odd.into()), "'{odd}' holds");
        }
    }

    #[test]
    fn without_a_clock_nothing_expires() {
        let tags = Tags::from([(HOLD.to_owned(), "1999-01-01T00:00:00Z ann sale".to_owned())]);
        assert!(matches!(standing(&tags, None), Standing::Held(_)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            seconds in proptest::option::of(0_i64..4_000_000_000), by in ".{0,40}[a-z]", reason in "[a-z].{0,400}"
        ) {
            let until = seconds.map(|seconds| Timestamp::from_second(seconds).unwrap());
            let value = Hold { until, by: by.clone(), reason }.value();
            prop_assert!(value.chars().count() <= 256);
            let read = Hold::parse(&value).unwrap();
            prop_assert_eq!(read.until, until);
            prop_assert_eq!(read.by, one_word(&by));
        }

        #[test]
        fn no_value_frees_a_service(value in ".{0,80}") {
            let tags = Tags::from([(HOLD.to_owned(), value)]);
            prop_assert!(!matches!(standing(&tags, None), Standing::Free | Standing::Expired(_)));
        }
    }
}
