//! What alarms with a step raise and lower, as tags on the service: written once for a transition, however often it is
//! told, and removed when the alarm is over.

use jiff::Timestamp;

use super::alarms::Alarms;
use crate::capacity::Policy;
use crate::capacity::alarm::{self, Bound, Change, Kind, Muted, STEP, State, Step};
use crate::cloud::{Answer, Cloud};
use crate::control::Watch;
use crate::decision::Decision;
use crate::model::{Alarm, Service, Tags};

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// Brings the bounds up to date, on AWS and in `service`, and says what has changed.
    pub(super) async fn follow_alarms(
        &mut self,
        service: &mut Service,
        policy: &Policy,
        alarms: &Alarms,
        now: Timestamp,
    ) -> Answer<Vec<String>> {
        let (mut words, mut changes, mut handled) = (Vec::new(), Vec::new(), Vec::new());
        let max = policy.bounds.max;
        let least = policy.bounds.min.unwrap_or(service.subnets.max(1)).min(max);
        let concerns = |alarm: &&Alarm| alarm.about.iter().any(|subject| subject.is(service));
        for alarm in alarms.known.iter().filter(concerns) {
            let tags = self.alarm_tags(alarms, alarm).await?;
            let Some(step) = tags.get(STEP) else { continue };
            let key = alarm::key(&alarm.name);
            handled.push(key.clone());
            let step: Step = match step.parse() {
                Ok(step) => step,
                Err(error) => {
                    words.push(format!("the alarm {}: {error}", alarm.name));
                    continue;
                }
            };
            let written = service.tags.get(&key).and_then(|value| Bound::parse(value));
            let muted = self.muted(alarms, alarm, &service.name).await;
            let (state, why) = alarm::stands(alarm, &muted, now);
            let present = service.desired_count;
            let change =
                alarm::change(written.as_ref(), &alarm.name, state, step, present, (least, max), now);
            changes.push((key, alarm.name.clone(), change, why));
        }
        if alarms.are_all_in_alarm {
            for (key, bound) in alarm::bounds(&service.tags) {
                let Some(bound) = bound.filter(|_| !handled.iter().any(|it| it == key)) else { continue };
                let is_over = match alarms.known.iter().any(|alarm| alarm::key(&alarm.name) == key) {
                    // It is not about this service any more, or has no step.
                    true => true,
                    false => self.is_over(&bound, now).await?,
                };
                let change = if is_over { Change::Remove } else { Change::Keep };
                changes.push((key.to_owned(), bound.alarm, change, None));
            }
        }
        for (key, name, change, why) in changes {
            let is_removed = change == Change::Remove;
            let written = self.write_bound(service, key, &name, change).await?;
            // Why it does not act says more than that it is over.
            words.extend(written.filter(|_| !is_removed || why.is_none()));
            words.extend(why);
        }
        Ok(words)
    }

    /// Of an alarm that was not in ALARM when they were listed.
    async fn is_over(&self, bound: &Bound, now: Timestamp) -> Answer<bool> {
        let found = self.cloud.alarm(&bound.alarm).await?;
        let stands = found.map(|alarm| alarm::stands(&alarm, &Muted::No, now).0);
        Ok(stands.is_none_or(|state| matches!(state, State::Ok { since } if bound.since <= since)))
    }

    async fn write_bound(
        &self,
        service: &mut Service,
        key: String,
        name: &str,
        change: Change,
    ) -> Answer<Option<String>> {
        match change {
            Change::Keep => Ok(None),
            Change::Write(bound) => {
                let value = bound.value();
                self.cloud.tag(&service.arn, &Tags::from([(key.clone(), value.clone())])).await?;
                service.tags.insert(key, value);
                let which = match bound.kind {
                    Kind::Floor => "at least",
                    Kind::Ceiling => "at most",
                };
                Ok(Some(format!("the alarm {name} asks for {which} {}", bound.count)))
            }
            Change::Remove => {
                self.cloud.untag(&service.arn, std::slice::from_ref(&key)).await?;
                service.tags.remove(&key);
                Ok(Some(format!("the alarm {name} is over")))
            }
        }
    }
}
