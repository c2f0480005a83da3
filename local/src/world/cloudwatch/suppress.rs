//! What keeps a composite alarm's actions back: an alarm of its owner's choice, the suppressor, while it is in ALARM;
//! before, a time in which it may still go there, and after, a time in which the composite alarm may end as well.

use jiff::SignedDuration;

use super::state::state_event;
use super::{CloudWatch, StateValue, validation};
use crate::world::{Refusal, Timestamp, World};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressor {
    /// The name of an alarm or its ARN, as it was written.
    pub alarm: String,
    pub wait_seconds: i64,
    pub extension_seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppression {
    pub by: SuppressedBy,
    /// When the period ends; while the suppressor is in ALARM, nobody knows.
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuppressedBy {
    Alarm,
    WaitPeriod,
    ExtensionPeriod,
}

impl SuppressedBy {
    pub fn name(self) -> &'static str {
        match self {
            SuppressedBy::Alarm => "Alarm",
            SuppressedBy::WaitPeriod => "WaitPeriod",
            SuppressedBy::ExtensionPeriod => "ExtensionPeriod",
        }
    }

    pub fn reason(self) -> String {
        format!("Actions suppressed by {}", self.name())
    }
}

impl Suppressor {
    pub(super) fn name(&self) -> &str {
        self.alarm.split_once(":alarm:").map_or(&self.alarm, |(_, name)| name)
    }

    pub(super) fn check(&self, of: &str, cloudwatch: &CloudWatch) -> Result<(), Refusal> {
        if self.name() == of || cloudwatch.alarm(self.name()).is_none() {
            return Err(validation(format!(
                "Unable to put composite alarm: the suppressor {} does not exist",
                self.alarm
            )));
        }
        if self.wait_seconds < 0 || self.extension_seconds < 0 {
            return Err(validation("The periods of an ActionsSuppressor must not be negative."));
        }
        Ok(())
    }

    /// After the composite alarm has changed its state: a new period of waiting, whatever went on before.
    pub(super) fn after_change(&self, cloudwatch: &CloudWatch, now: Timestamp) -> Option<Suppression> {
        if self.is_in_alarm(cloudwatch) {
            return Some(Suppression { by: SuppressedBy::Alarm, until: None });
        }
        period(SuppressedBy::WaitPeriod, self.wait_seconds, now)
    }

    fn next(
        &self,
        before: Option<Suppression>,
        cloudwatch: &CloudWatch,
        now: Timestamp,
    ) -> Option<Suppression> {
        if self.is_in_alarm(cloudwatch) {
            return Some(Suppression { by: SuppressedBy::Alarm, until: None });
        }
        match before {
            Some(Suppression { by: SuppressedBy::Alarm, .. }) => {
                period(SuppressedBy::ExtensionPeriod, self.extension_seconds, now)
            }
            other => other.filter(|it| it.until.is_some_and(|until| now < until)),
        }
    }

    fn is_in_alarm(&self, cloudwatch: &CloudWatch) -> bool {
        cloudwatch.alarm(self.name()).is_some_and(|alarm| alarm.state.value == StateValue::Alarm)
    }
}

fn period(by: SuppressedBy, seconds: i64, now: Timestamp) -> Option<Suppression> {
    let until = now.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    (now < until).then_some(Suppression { by, until: Some(until) })
}

impl Suppression {
    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        self.until
    }
}

impl World {
    /// What suppresses each composite alarm now.
    pub(super) fn update_suppressions(&mut self) {
        let (cloudwatch, now) = (&self.cloudwatch, self.now);
        let next = cloudwatch.alarms.values().filter_map(|alarm| {
            let before = alarm.state.suppression;
            let next = alarm.suppressor().and_then(|it| it.next(before, cloudwatch, now));
            (next != before).then(|| (alarm.name.clone(), next))
        });
        let next: Vec<_> = next.collect();
        for (name, suppression) in next {
            if let Some(alarm) = self.cloudwatch.alarms.get_mut(&name) {
                // Whoever is told later is told what kept it back last.
                if alarm.held_back.is_some() && alarm.state.suppression.is_some() {
                    alarm.held_back = Some(state_event(&alarm.state, alarm.state.transitioned_at));
                }
                alarm.state.suppression = suppression;
                alarm.state.updated_at = now;
            }
        }
    }
}
