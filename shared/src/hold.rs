//! Holds: while a service or its whole cluster is held, nothing is released. Pure functions of tags and AWS's time.
//!
//! The tag `pushboat:hold` says `<until> <by> <reason>`: until when (an ISO time, or `-` for as long as it is there),
//! who holds, and why. On a service it holds that service, on a cluster every service in it: a tag is seen by whoever
//! looks and needs no deployment of the functions.
//!
//! A hold withholds releases and nothing else: failures are still written down, and a person may still roll back.
//! Where nobody can read it, it holds, because whoever wrote it meant something. One that has expired holds nothing, and
//! its tag stays until the next hold takes its place: AWS removes a tag whatever it says by then, and so might remove a
//! hold that was put there in that moment.

use std::fmt;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use thiserror::Error;

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

/// A hold that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub length: Length,
    pub by: String,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    UntilLifted,
    Until(Timestamp),
    For(SignedDuration),
}

/// Why there can be no such hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAHold {
    #[error("{} is over already", seconds(*.0))]
    Over(Timestamp),
    #[error("a hold says who holds, and why")]
    Mute,
    #[error("who holds, and why, may have {} characters at most and has {length}", AT_MOST - UNTIL)]
    TooLong { length: usize },
    #[error("AWS did not tell the time, so nobody knows when that would end")]
    NoClock,
    #[error("so long a hold has no end: leave its length away and lift it one day")]
    Endless,
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

/// What AWS takes as a tag's value.
const AT_MOST: usize = 256;
/// Of these, the time and the two spaces.
const UNTIL: usize = "2026-11-21T08:00:00Z  ".len();

impl Wanted {
    /// As it is written. What would not be read back as it was meant is refused instead of cut.
    pub fn at(&self, now: Option<Timestamp>) -> Result<Hold, NotAHold> {
        let until = match self.length {
            Length::UntilLifted => None,
            Length::Until(until) => Some(until),
            Length::For(time) => {
                let end = now.ok_or(NotAHold::NoClock)?.checked_add(time);
                Some(end.map_err(|_| NotAHold::Endless)?)
            }
        };
        if let (Some(until), Some(now)) = (until, now)
            && until <= now
        {
            return Err(NotAHold::Over(until));
        }
        let (by, reason) = (one_word(&self.by), policy::tag_value(&self.reason));
        if by.is_empty() || reason.is_empty() {
            return Err(NotAHold::Mute);
        }
        let length = self.by.chars().count() + self.reason.chars().count();
        if length > AT_MOST - UNTIL {
            return Err(NotAHold::TooLong { length });
        }
        Ok(Hold { until, by, reason })
    }
}

/// How long something lasts, as people write it: `30m`, `2h`, `1h 30m`, `7d`. A day has 24 hours.
pub fn lasting(text: &str) -> Option<SignedDuration> {
    let span: Span = text.trim().parse().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    time.is_positive().then_some(time)
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
    fn what_is_wanted_is_written_as_it_is_meant_or_refused() {
        let now = Some(at("2026-11-21T08:00:00Z"));
        let wanted = |length, by: &str, reason: &str| Wanted { length, by: by.into(), reason: reason.into() };
        let two_hours = Length::For(SignedDuration::from_hours(2));
        let hold = wanted(two_hours, "arn:aws:iam::1:user/ann", "big (sale)").at(now).unwrap();
        assert_eq!(hold.value(), "2026-11-21T10:00:00Z arn:aws:iam::1:user/ann big sale");
        assert_eq!(wanted(Length::UntilLifted, "ann", "sale").at(None).unwrap().value(), "- ann sale");
        let long = "x".repeat(232);
        let longest = wanted(two_hours, "an", &long).at(now).unwrap();
        assert_eq!(Hold::parse(&longest.value()), Some(longest));
        let past = at("2026-11-21T08:00:00Z");
        for (refused, why) in [
            (wanted(Length::Until(past), "ann", "sale").at(now), NotAHold::Over(past)),
            (wanted(two_hours, "ann", "sale").at(None), NotAHold::NoClock),
            (wanted(Length::For(SignedDuration::MAX), "ann", "sale").at(now), NotAHold::Endless),
            (wanted(two_hours, "ann", " (!) ").at(now), NotAHold::Mute),
            (wanted(two_hours, "", "sale").at(now), NotAHold::Mute),
            (wanted(two_hours, "ann", &long).at(now), NotAHold::TooLong { length: 235 }),
        ] {
            assert_eq!(refused, Err(why));
        }
    }

    #[test]
    fn a_length_is_written_as_people_do() {
        let minutes = SignedDuration::from_mins;
        for (text, expected) in [
            ("90m", Some(minutes(90))),
            ("2h", Some(minutes(120))),
            ("1h 30m", Some(minutes(90))),
            ("7d", Some(minutes(7 * 24 * 60))),
            ("1w", Some(minutes(7 * 24 * 60))),
            ("PT2H", Some(minutes(120))),
            ("", None),
            ("2", None),
            ("0h", None),
            ("-2h", None),
            ("2h ago", None),
            ("a month", None),
            ("1mo", None),
        ] {
            assert_eq!(lasting(text), expected, "'{text}'");
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
