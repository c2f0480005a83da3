//! The recurring half of a mute rule's schedule: `cron(minute hour day-of-month month day-of-week)`, five fields with `*`,
//! `-` and `,`, and English names for months and weekdays.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Each field as a set of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// A day fits if either field names it, where both name some.
    either_day: bool,
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!("it has {} fields instead of five", fields.len()));
        };
        let weekday = field(weekdays, (0, 7), &WEEKDAYS, 0)?;
        Ok(Cron {
            minutes: field(minutes, (0, 59), &[], 0)?,
            hours: field(hours, (0, 23), &[], 0)?,
            days: field(days, (1, 31), &[], 0)?,
            months: field(months, (1, 12), &MONTHS, 1)?,
            // Sunday is 0 and 7.
            weekdays: (weekday | weekday >> 7) & 0x7f,
            either_day: days != "*" && weekdays != "*",
        })
    }

    /// The newest time that it names, not after `now` and not more than so many days before.
    pub(super) fn latest(&self, zone: &TimeZone, now: Timestamp, days: i32) -> Option<Timestamp> {
        let today = now.to_zoned(zone.clone()).date();
        (0..=days)
            .filter_map(|back| today.checked_sub(back.days()).ok())
            .filter(|date| self.names(*date))
            .flat_map(|date| self.times().map(move |(hour, minute)| date.at(hour, minute, 0, 0)))
            .filter_map(|time| Some(time.to_zoned(zone.clone()).ok()?.timestamp()))
            .find(|at| *at <= now)
    }

    fn names(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month()) && if self.either_day { day || weekday } else { day && weekday }
    }

    /// The latest first.
    fn times(&self) -> impl Iterator<Item = (i8, i8)> + use<> {
        let Cron { hours, minutes, .. } = *self;
        let hours = (0..24).rev().filter(move |hour| has(hours, *hour));
        hours.flat_map(move |hour| {
            (0..60).rev().filter(move |minute| has(minutes, *minute)).map(move |minute| (hour, minute))
        })
    }
}

fn has(set: u64, number: i8) -> bool {
    set >> number & 1 == 1
}

/// `first` is the number of the first name.
fn field(text: &str, (least, most): (u32, u32), names: &[&str], first: u32) -> Result<u64, String> {
    let number = |word: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let named = named.and_then(|place| Some(u32::try_from(place).ok()? + first));
        let digits = Some(word).filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
        let number = named.or_else(|| digits?.parse().ok());
        number
            .filter(|it| (least..=most).contains(it))
            .ok_or_else(|| format!("'{word}' is not between {least} and {most}"))
    };
    let mut set = 0;
    for part in text.split(',') {
        let (from, to) = match part.split_once('-') {
            _ if part == "*" => (least, most),
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                // From Friday to Sunday, which has two numbers.
                (from, if to == 0 && most == 7 && from > 0 { 7 } else { to })
            }
            None => (number(part)?, number(part)?),
        };
        if from > to {
            return Err(format!("'{part}' ends before it begins"));
        }
        (from..=to).for_each(|it| set |= 1 << it);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn latest(text: &str, zone: &str, now: &str) -> Option<String> {
        let zone = TimeZone::get(zone).unwrap();
        let found = Cron::parse(text).unwrap().latest(&zone, now.parse().unwrap(), 15);
        found.map(|at| at.to_string())
    }

    #[test]
    fn the_newest_time_up_to_now_is_found() {
        // 2026-09-21 is a Monday.
        for (text, expected) in [
            ("* * * * *", Some("2026-09-21T14:40:00Z")),
            ("40 14 * * *", Some("2026-09-21T14:40:00Z")),
            ("41 14 * * *", Some("2026-09-20T14:41:00Z")),
            ("0 2 * * *", Some("2026-09-21T02:00:00Z")),
            ("0 2 * * SUN", Some("2026-09-20T02:00:00Z")),
            ("0 2 * * 7", Some("2026-09-20T02:00:00Z")),
            ("0 2 * * 0", Some("2026-09-20T02:00:00Z")),
            ("0 18 * * FRI", Some("2026-09-18T18:00:00Z")),
            ("30 0,6-8 * * mon-FRI", Some("2026-09-21T08:30:00Z")),
            ("0 0 * * FRI-SUN", Some("2026-09-20T00:00:00Z")),
            ("0 0 * * SUN-MON", Some("2026-09-21T00:00:00Z")),
            ("0 1 10 SEP *", Some("2026-09-10T01:00:00Z")),
            ("0 1 1 * *", None),
            // Both name days: either will do.
            ("0 1 1 * SAT", Some("2026-09-19T01:00:00Z")),
            ("0 1 12 9 WED", Some("2026-09-16T01:00:00Z")),
            ("0 1 * 8 *", None),
            ("0 0 31 FEB *", None),
        ] {
            assert_eq!(latest(text, "UTC", "2026-09-21T14:40:30Z").as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn hours_are_those_of_the_time_zone_through_its_changes() {
        assert_eq!(
            latest("0 2 * * *", "America/New_York", "2026-09-21T05:59:00Z").as_deref(),
            Some("2026-09-20T06:00:00Z")
        );
        assert_eq!(
            latest("0 2 * * *", "Asia/Tokyo", "2026-09-21T17:00:00Z").as_deref(),
            Some("2026-09-21T17:00:00Z")
        );
        // Half past two is not there on the last Sunday in March, and twice in October.
        assert_eq!(
            latest("30 2 * * *", "Europe/Berlin", "2026-03-29T01:30:00Z").as_deref(),
            Some("2026-03-29T01:30:00Z")
        );
        assert_eq!(
            latest("30 2 * * *", "Europe/Berlin", "2026-10-25T03:00:00Z").as_deref(),
            Some("2026-10-25T00:30:00Z")
        );
    }

    #[test]
    fn what_is_no_cron_is_refused() {
        for text in [
            "",
            "* * * *",
            "0 2 * * ? *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/5 * * * *",
            "5-1 * * * *",
            "1, * * * *",
            "+1 * * * *",
            "* * * * MONDAY",
            "* * * SUN *",
        ] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
    }
}
