//! What one walk knows of alarms: listed once, and each of them asked once about its tags and its mute rules.
//!
//! A composite alarm has no metrics: it is about what the alarms are about that its rule names, and about what those are
//! about that the rules of these name. Deeper than that nobody looks, so a walk asks DescribeAlarms twice more at most,
//! for a hundred alarms each, and only where a composite alarm with a step is in ALARM and names one that is not.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::capacity::alarm::{Muted, STEP};
use crate::cloud::{Answer, Cloud, Trouble};
use crate::control::Watch;
use crate::decision::Decision;
use crate::hint::Hint;
use crate::model::{Alarm, AlarmState, ServiceName, Subject, Tags};

/// The alarms that its rule names, and those that their rules name.
const LEVELS: usize = 2;
/// What DescribeAlarms takes.
const MOST_NAMES: usize = 100;

/// The alarms that a walk knows of.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    pub(super) known: Vec<Alarm>,
    /// What is not among them is not in ALARM.
    pub(super) are_all_in_alarm: bool,
    tags: RefCell<BTreeMap<String, Tags>>,
    muted: RefCell<BTreeMap<String, Muted>>,
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// Asked once a walk: the quota of DescribeAlarms is shared with ECS, which looks there whether to roll back.
    pub(super) async fn alarms(&mut self) -> Alarms {
        let known = match self.hint {
            Hint::Alarm { name, about } if !about.is_empty() => {
                self.cloud.alarm(name).await.map(|found| (found.into_iter().collect(), false))
            }
            Hint::Alarm { .. } | Hint::Everything => {
                self.cloud.alarms_in_alarm().await.map(|all| (all, true))
            }
            _ => return Alarms::default(),
        };
        let found = match known {
            Ok((known, are_all_in_alarm)) => {
                let mut alarms = Alarms { known, are_all_in_alarm, ..Alarms::default() };
                self.find_subjects(&mut alarms).await.map(|()| alarms)
            }
            Err(error) => Err(error),
        };
        // Where nobody knows, what the tags say holds.
        found.unwrap_or_else(|error| {
            self.failed(None, error);
            Alarms::default()
        })
    }

    pub(super) async fn alarm_tags(&self, alarms: &Alarms, alarm: &Alarm) -> Answer<Tags> {
        let _asking = self.shared.locks.lock(&format!("tags {}", alarm.arn)).await;
        let known = alarms.tags.borrow().get(&alarm.arn).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let tags = self.cloud.alarm_tags(&alarm.arn).await?;
        alarms.tags.borrow_mut().insert(alarm.arn.clone(), tags.clone());
        Ok(tags)
    }

    /// Asked only where it decides: of an alarm that would act.
    pub(super) async fn muted(&mut self, alarms: &Alarms, alarm: &Alarm, service: &ServiceName) -> Muted {
        if alarm.state != AlarmState::Alarm || !alarm.actions_enabled || alarm.suppressed_by.is_some() {
            return Muted::No;
        }
        let _asking = self.shared.locks.lock(&format!("mute {}", alarm.name)).await;
        let known = alarms.muted.borrow().get(&alarm.name).cloned();
        if let Some(known) = known {
            return known;
        }
        let muted = match self.cloud.is_muted(&alarm.name).await {
            Ok(true) => Muted::Yes,
            Ok(false) => Muted::No,
            Err(error) if error.trouble == Trouble::Throttled => {
                self.failed(Some(service), error);
                return Muted::NotYet;
            }
            Err(error) => Muted::NotToBeFound(error.to_string()),
        };
        alarms.muted.borrow_mut().insert(alarm.name.clone(), muted.clone());
        muted
    }

    /// What composite alarms are about.
    async fn find_subjects(&self, alarms: &mut Alarms) -> Answer<()> {
        let mut found = alarms.known.clone();
        let mut wanted = Vec::new();
        for alarm in alarms.known.iter().filter(|it| it.state == AlarmState::Alarm) {
            if !missing(&[alarm], &found).is_empty()
                && self.alarm_tags(alarms, alarm).await?.contains_key(STEP)
            {
                wanted.push(alarm);
            }
        }
        let mut asked = BTreeSet::new();
        for _ in 0..LEVELS {
            let missing = missing(&wanted, &found);
            let names: Vec<String> = missing.difference(&asked).take(MOST_NAMES).cloned().collect();
            if names.is_empty() {
                break;
            }
            found.extend(self.cloud.alarms(&names).await?);
            asked.extend(names);
        }
        for alarm in alarms.known.iter_mut().filter(|it| !it.children.is_empty()) {
            alarm.about = subjects(alarm, &found);
        }
        Ok(())
    }
}

/// The alarms that its rule names, and those that their rules name, as far as they are found.
fn family<'a>(alarm: &Alarm, found: &'a [Alarm]) -> Vec<&'a Alarm> {
    let named = |names: &[String]| found.iter().filter(|it| names.contains(&it.name)).collect::<Vec<_>>();
    let children = named(&alarm.children);
    let grandchildren: Vec<_> = children.iter().flat_map(|child| named(&child.children)).collect();
    children.into_iter().chain(grandchildren).collect()
}

fn subjects(alarm: &Alarm, found: &[Alarm]) -> Vec<Subject> {
    let all: BTreeSet<Subject> = family(alarm, found).into_iter().flat_map(|it| it.about.clone()).collect();
    all.into_iter().collect()
}

/// The names of alarms that are among those and not found yet.
fn missing(composites: &[&Alarm], found: &[Alarm]) -> BTreeSet<String> {
    let is_found = |name: &String| found.iter().any(|alarm| alarm.name == *name);
    let named = composites.iter().flat_map(|alarm| {
        let children = found.iter().filter(|it| alarm.children.contains(&it.name));
        alarm.children.iter().chain(children.flat_map(|child| &child.children))
    });
    named.filter(|name| !is_found(name)).cloned().collect()
}
