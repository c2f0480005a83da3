//! Alarm mute rules: windows in which the actions of some alarms are not carried out, at one time or again and again.
//!
//! Alarms are evaluated and EventBridge hears of them all the same. What was kept back is carried out when nothing keeps
//! it back any more, by the state that the alarm then has.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde_json::{Value, json};

use super::cron::Cron;
use super::state::precise;
use super::{AlarmTags, CloudWatch, validation};
use crate::world::{Refusal, Timestamp, World};

const LONGEST_NAME: usize = 255;
const MOST_TARGETS: usize = 100;
const LONGEST_DAYS: i32 = 15;

#[derive(Debug, Clone, PartialEq)]
pub struct MuteRule {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    pub schedule: Schedule,
    /// Names of alarms. A rule without any mutes nothing.
    pub targets: Vec<String>,
    pub start: Option<Timestamp>,
    pub expire: Option<Timestamp>,
    pub updated_at: Timestamp,
    pub tags: AlarmTags,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PutMuteRule {
    pub name: String,
    pub description: Option<String>,
    /// `cron(0 2 * * *)` or `at(2026-05-10T14:00)`
    pub expression: String,
    /// `PT4H`
    pub duration: String,
    pub timezone: Option<String>,
    pub targets: Vec<String>,
    pub start: Option<Timestamp>,
    pub expire: Option<Timestamp>,
    /// For a new rule only.
    pub tags: AlarmTags,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// As they were written.
    pub expression: String,
    pub duration: String,
    pub timezone: Option<String>,
    begins: Begins,
    lasts: SignedDuration,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq)]
enum Begins {
    Once(Timestamp),
    Again(Cron),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MuteStatus {
    Scheduled,
    Active,
    Expired,
}

impl MuteStatus {
    pub fn parse(text: &str) -> Option<MuteStatus> {
        [MuteStatus::Scheduled, MuteStatus::Active, MuteStatus::Expired]
            .into_iter()
            .find(|it| it.name() == text)
    }

    pub fn name(self) -> &'static str {
        match self {
            MuteStatus::Scheduled => "SCHEDULED",
            MuteStatus::Active => "ACTIVE",
            MuteStatus::Expired => "EXPIRED",
        }
    }
}

impl Schedule {
    fn parse(expression: &str, duration: &str, timezone: Option<&str>) -> Result<Schedule, String> {
        let zone = timezone.unwrap_or("UTC");
        let zone = TimeZone::get(zone).map_err(|_| format!("the time zone {zone} is not known"))?;
        let within = |function: &str| expression.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')');
        let begins = if let Some(text) = within("cron") {
            Begins::Again(Cron::parse(text).map_err(|error| format!("the expression {expression}: {error}"))?)
        } else if let Some(text) = within("at") {
            let local = DateTime::strptime("%Y-%m-%dT%H:%M", text).ok();
            let at = local.and_then(|local| local.to_zoned(zone.clone()).ok());
            Begins::Once(at.ok_or_else(|| format!("{expression} is not at(yyyy-MM-ddThh:mm)"))?.timestamp())
        } else {
            return Err(format!("the expression {expression} is neither cron(…) nor at(…)"));
        };
        // The parser would also take `4 hours`.
        let lasts = Some(duration).filter(|it| it.starts_with('P')).and_then(|it| it.parse::<Span>().ok());
        let lasts = lasts.and_then(|it| it.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let longest = SignedDuration::from_hours(24 * i64::from(LONGEST_DAYS));
        let lasts = lasts.filter(|it| (SignedDuration::from_mins(1)..=longest).contains(it));
        let lasts = lasts
            .ok_or_else(|| format!("the duration {duration} is not between PT1M and P{LONGEST_DAYS}D"))?;
        Ok(Schedule {
            expression: expression.to_owned(),
            duration: duration.to_owned(),
            timezone: timezone.map(str::to_owned),
            begins,
            lasts,
            zone,
        })
    }

    pub fn is_recurring(&self) -> bool {
        matches!(self.begins, Begins::Again(_))
    }
}

impl MuteRule {
    /// The one that is open now. Start and expire date cut it.
    pub(super) fn window(&self, now: Timestamp) -> Option<Window> {
        let begun = match &self.schedule.begins {
            Begins::Once(at) => Some(*at).filter(|at| *at <= now)?,
            Begins::Again(cron) => cron.latest(&self.schedule.zone, now, LONGEST_DAYS)?,
        };
        let end = begun.checked_add(self.schedule.lasts).ok()?;
        let window = Window {
            start: self.start.map_or(begun, |start| start.max(begun)),
            end: self.expire.map_or(end, |expire| expire.min(end)),
        };
        (window.start <= now && now < window.end).then_some(window)
    }

    pub fn status(&self, now: Timestamp) -> MuteStatus {
        let is_over = match self.schedule.begins {
            Begins::Once(at) => at.checked_add(self.schedule.lasts).is_ok_and(|end| end <= now),
            Begins::Again(_) => false,
        };
        if self.window(now).is_some() {
            MuteStatus::Active
        } else if is_over || self.expire.is_some_and(|expire| expire <= now) {
            MuteStatus::Expired
        } else {
            MuteStatus::Scheduled
        }
    }
}

impl CloudWatch {
    pub fn mute_rules(&self) -> impl Iterator<Item = &MuteRule> {
        self.mute_rules.values()
    }

    pub fn mute_rule(&self, name: &str) -> Option<&MuteRule> {
        self.mute_rules.get(name)
    }

    /// What keeps the alarm's actions back now, and until when at least.
    fn muted(&self, alarm: &str, now: Timestamp) -> Option<(&MuteRule, Window)> {
        let naming = self.mute_rules.values().filter(|rule| rule.targets.iter().any(|it| it == alarm));
        naming.filter_map(|rule| Some((rule, rule.window(now)?))).next()
    }

    pub(super) fn unmuted_at(&self, alarm: &str, now: Timestamp) -> Option<Timestamp> {
        self.muted(alarm, now).map(|(_, window)| window.end)
    }

    /// The `muteDetail` of an event.
    pub(super) fn mute_detail(&self, alarm: &str, now: Timestamp) -> Option<Value> {
        let (rule, window) = self.muted(alarm, now)?;
        Some(json!({
            "mutedByArn": rule.arn,
            "muteWindowStart": precise(window.start),
            "muteWindowEnd": precise(window.end),
        }))
    }
}

impl World {
    /// PutAlarmMuteRule
    pub fn put_mute_rule(&mut self, request: PutMuteRule) -> Result<(), Refusal> {
        if !(1..=LONGEST_NAME).contains(&request.name.chars().count()) {
            return Err(validation(format!("Name must be between 1 and {LONGEST_NAME} characters long.")));
        }
        if request.targets.len() > MOST_TARGETS {
            return Err(validation(format!(
                "No more than {MOST_TARGETS} alarms can be targets of a mute rule."
            )));
        }
        if let Some(missing) = request.targets.iter().find(|name| self.cloudwatch.alarm(name).is_none()) {
            return Err(validation(format!("The target alarm {missing} does not exist")));
        }
        let schedule = Schedule::parse(&request.expression, &request.duration, request.timezone.as_deref())
            .map_err(|error| validation(format!("Schedule is not valid: {error}")))?;
        if !schedule.is_recurring() && (request.start.is_some() || request.expire.is_some()) {
            return Err(validation("StartDate and ExpireDate must not be set with an at expression."));
        }
        if request.start.zip(request.expire).is_some_and(|(start, expire)| expire <= start) {
            return Err(validation("ExpireDate must be after StartDate."));
        }
        let existing = self.cloudwatch.mute_rules.remove(&request.name);
        let rule = MuteRule {
            arn: self.arn("cloudwatch", &format!("alarm-mute-rule:{}", request.name)),
            name: request.name.clone(),
            description: request.description,
            schedule,
            targets: request.targets,
            start: request.start,
            expire: request.expire,
            updated_at: self.now,
            tags: existing.map_or(request.tags, |existing| existing.tags),
        };
        self.cloudwatch.mute_rules.insert(request.name, rule);
        self.settle();
        Ok(())
    }

    /// DeleteAlarmMuteRule: one that is not there is no error.
    pub fn delete_mute_rule(&mut self, name: &str) {
        self.cloudwatch.mute_rules.remove(name);
        self.settle();
    }
}
