//! Recurring floors: `<days>/<from>-<to>/<count>/<time zone>`, so `mon-fri/08:00-19:00/4/Europe/Berlin`.
//!
//! Days are `mon` to `sun`, ranges of them (`sat-mon` goes over Sunday), several joined by `+`, or `daily`. A time that
//! ends before it begins goes over midnight and belongs to the day it begins on. Without a time zone it is UTC. What the
//! clock on the wall shows there is what counts, also on days that have 23 or 25 hours.

use std::str::FromStr;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::policy;

const DAY_MINUTES: u16 = 24 * 60;
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Monday first.
    days: [bool; 7],
    from_minute: u16,
    to_minute: u16,
    pub floor: u32,
    zone: TimeZone,
    /// As its owner wrote it.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotASchedule {
    #[error("not <days>/<from>-<to>/<count>/<time zone>, as mon-fri/08:00-19:00/4/Europe/Berlin")]
    Form,
    #[error("'{0}' are no days: mon to sun, mon-fri, sat+sun or daily")]
    Days(String),
    #[error("'{0}' is no time of the day as 08:00-19:00")]
    Hours(String),
    #[error("'{0}' is no count of tasks")]
    Count(String),
    #[error("'{0}' is no time zone as Europe/Berlin")]
    Zone(String),
}

impl Schedule {
    pub fn is_active(&self, now: Timestamp) -> bool {
        let there = now.to_zoned(self.zone.clone());
        let minute = u16::from(there.hour().unsigned_abs()) * 60 + u16::from(there.minute().unsigned_abs());
        let on = |weekday: Weekday| self.days[usize::from(weekday.to_monday_zero_offset().unsigned_abs())];
        if self.from_minute < self.to_minute {
            return on(there.weekday()) && (self.from_minute..self.to_minute).contains(&minute);
        }
        on(there.weekday()) && minute >= self.from_minute
            || on(there.weekday().previous()) && minute < self.to_minute
    }

    /// Also shortly before it begins, so that its tasks are ready when it does.
    pub fn is_due(&self, now: Timestamp, startup: SignedDuration) -> bool {
        self.is_active(now) || now.checked_add(startup).is_ok_and(|soon| self.is_active(soon))
    }
}

impl FromStr for Schedule {
    type Err = NotASchedule;

    fn from_str(value: &str) -> Result<Schedule, NotASchedule> {
        let mut parts = value.trim().splitn(4, '/');
        let mut part = || parts.next().ok_or(NotASchedule::Form);
        let (days, hours, floor) = (part()?, part()?, part()?);
        let zone = match parts.next() {
            None => TimeZone::UTC,
            // "local" and offsets are no places.
            Some(name) => TimeZone::get(name).map_err(|_| NotASchedule::Zone(name.to_owned()))?,
        };
        let (from_minute, to_minute) =
            hours_of(hours).ok_or_else(|| NotASchedule::Hours(hours.to_owned()))?;
        let floor = policy::count(floor)
            .filter(|floor| *floor > 0)
            .ok_or_else(|| NotASchedule::Count(floor.to_owned()))?;
        let days = days_of(days).ok_or_else(|| NotASchedule::Days(days.to_owned()))?;
        Ok(Schedule { days, from_minute, to_minute, floor, zone, text: value.trim().to_owned() })
    }
}

fn days_of(text: &str) -> Option<[bool; 7]> {
    if text == "daily" {
        return Some([true; 7]);
    }
    let number = |name: &str| NAMES.iter().position(|known| *known == name);
    let mut days = [false; 7];
    for range in text.split('+') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        for step in 0..=(last + 7 - first) % 7 {
            days[(first + step) % 7] = true;
        }
    }
    Some(days)
}

fn hours_of(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute_of(from)?, minute_of(to)?);
    // The whole day is 00:00-24:00, and nothing begins at 24:00.
    (from != to && from < DAY_MINUTES && to > 0).then_some((from, to))
}

fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| policy::count(text).filter(|_| text.len() == 2);
    let (hours, minutes) = (u16::try_from(two(hours)?).ok()?, u16::try_from(two(minutes)?).ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY_MINUTES).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(schedule: &str, now: &str) -> bool {
        schedule.parse::<Schedule>().unwrap().is_active(now.parse().unwrap())
    }

    #[test]
    fn it_holds_on_its_days_and_hours_there() {
        let berlin = "mon-fri/08:00-19:00/4/Europe/Berlin";
        for (schedule, now, expected) in [
            // 2026-11-23 is a Monday; Berlin is one hour ahead then, two in summer.
            (berlin, "2026-11-23T06:59:59Z", false),
            (berlin, "2026-11-23T07:00:00Z", true),
            (berlin, "2026-11-23T17:59:59Z", true),
            (berlin, "2026-11-23T18:00:00Z", false),
            (berlin, "2026-11-21T12:00:00Z", false),
            (berlin, "2026-07-20T06:00:00Z", true),
            (berlin, "2026-07-20T17:00:00Z", false),
            ("mon/08:00-19:00/4", "2026-11-23T08:00:00Z", true),
            ("mon/08:00-19:00/4", "2026-11-23T19:00:00Z", false),
            ("daily/00:00-24:00/2", "2026-11-22T23:59:00Z", true),
            ("sat+mon/10:00-11:00/2", "2026-11-22T10:00:00Z", false),
            ("sat+mon/10:00-11:00/2", "2026-11-23T10:00:00Z", true),
            ("sat-mon/10:00-11:00/2", "2026-11-22T10:00:00Z", true),
            ("fri/22:00-06:00/2", "2026-11-20T21:59:00Z", false),
            ("fri/22:00-06:00/2", "2026-11-20T22:00:00Z", true),
            ("fri/22:00-06:00/2", "2026-11-21T05:59:00Z", true),
            ("fri/22:00-06:00/2", "2026-11-21T06:00:00Z", false),
            ("fri/22:00-06:00/2", "2026-11-20T05:00:00Z", false),
            ("sun/22:00-06:00/2/America/Argentina/Buenos_Aires", "2026-11-23T08:00:00Z", true),
        ] {
            assert_eq!(active(schedule, now), expected, "{schedule} at {now}");
        }
    }

    #[test]
    fn days_of_23_and_25_hours_follow_the_clock_on_the_wall() {
        let night = "daily/02:00-03:00/4/Europe/Berlin";
        // 2026-03-29: from 02:00 to 03:00 in no time. 2026-10-25: that hour comes twice.
        assert!(!active(night, "2026-03-29T00:59:00Z") && !active(night, "2026-03-29T01:00:00Z"));
        assert!(active(night, "2026-10-25T00:30:00Z") && active(night, "2026-10-25T01:30:00Z"));
    }

    #[test]
    fn its_tasks_are_ready_when_it_begins() {
        let schedule: Schedule = "mon/08:00-19:00/4".parse().unwrap();
        let due = |now: &str| schedule.is_due(now.parse().unwrap(), SignedDuration::from_secs(90));
        assert!(!due("2026-11-23T07:58:29Z") && due("2026-11-23T07:58:30Z") && due("2026-11-23T18:59:59Z"));
        assert!(!due("2026-11-23T19:00:00Z"));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (value, says) in [
            ("", "not <days>"),
            ("mon-fri/08:00-19:00", "not <days>"),
            ("mon-fry/08:00-19:00/4", "'mon-fry' are no days"),
            ("/08:00-19:00/4", "'' are no days"),
            ("mon+/08:00-19:00/4", "are no days"),
            ("mon/8-19/4", "no time of the day"),
            ("mon/8:00-19:00/4", "no time of the day"),
            ("mon/08:00-24:01/4", "no time of the day"),
            ("mon/08:60-09:00/4", "no time of the day"),
            ("mon/24:00-25:00/4", "no time of the day"),
            ("mon/08:00-08:00/4", "no time of the day"),
            ("mon/08:00-09:00/0", "no count"),
            ("mon/08:00-09:00/four", "no count"),
            ("mon/08:00-09:00/4/Europe/Atlantis", "'Europe/Atlantis' is no time zone"),
            ("mon/08:00-09:00/4/", "no time zone"),
        ] {
            let refused = value.parse::<Schedule>().expect_err(value).to_string();
            assert!(refused.contains(says), "{value}: {refused}");
        }
    }
}
