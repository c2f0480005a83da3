//! The default event bus: rules with patterns or schedules, whose targets are Lambda functions.
//!
//! Delivery is asynchronous and promises no order. Losing and doubling events, which a real bus does when it
//! pleases, is done here when asked. It does not know what events mean.

mod pattern;
#[cfg(test)]
mod tests;

pub use pattern::{Pattern, PatternError};

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::hub::Hub;
use crate::lambda::records::{Ring, locked};
use crate::lambda::{Lambda, ids};
use crate::world::iso_seconds;

const REMEMBERED_EVENTS: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub name: String,
    pub trigger: Trigger,
    /// Names of functions.
    pub targets: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    Pattern(Pattern),
    /// `rate(…)`: first after one period, as on AWS.
    Schedule(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    #[error("rule {rule}: there is no function {target}")]
    TargetNotFound { rule: String, target: String },
    #[error("rule {rule}: the period of a schedule is longer than nothing")]
    NoPeriod { rule: String },
}

/// One event and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub at: Timestamp,
    pub event: Value,
    pub fate: Fate,
    /// The rules that it was sent to: none if it matched none, or was lost.
    pub rules: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    /// Never reached a rule.
    Lost,
    /// Reached every rule twice.
    Doubled,
}

/// Cheap to clone. When the last handle goes, the schedules end.
#[derive(Debug, Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Vec<Rule>,
    lambda: Lambda,
    faults: Mutex<Faults>,
    /// Names of rules that are switched off.
    disabled: Mutex<BTreeSet<String>>,
    recent: Mutex<Ring<Seen>>,
    seen: broadcast::Sender<Seen>,
    schedules: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Faults {
    losing: Vec<Pattern>,
    doubling: Vec<Pattern>,
    lost: usize,
}

impl Bus {
    /// Must be called within a Tokio runtime: each schedule is a task.
    pub fn start(rules: Vec<Rule>, lambda: Lambda) -> Result<Bus, BusError> {
        for rule in &rules {
            check(rule, &lambda)?;
        }
        let bus = Bus {
            inner: Arc::new(Inner {
                rules,
                lambda,
                faults: Mutex::default(),
                disabled: Mutex::default(),
                recent: Mutex::new(Ring::new(REMEMBERED_EVENTS)),
                seen: broadcast::channel(REMEMBERED_EVENTS).0,
                schedules: Mutex::default(),
            }),
        };
        for (index, rule) in bus.inner.rules.iter().enumerate() {
            if let Trigger::Schedule(period) = rule.trigger {
                let ticking = tokio::spawn(tick(Arc::downgrade(&bus.inner), index, period));
                locked(&bus.inner.schedules).push(ticking);
            }
        }
        Ok(bus)
    }

    /// Takes an event in EventBridge's envelope and sends it to the targets of every rule that matches.
    pub fn put(&self, event: Value) {
        let enabled = self.inner.rules.iter().filter(|rule| self.inner.is_enabled(rule));
        let matching = enabled.filter(|rule| match &rule.trigger {
            Trigger::Pattern(pattern) => pattern.matches(&event),
            Trigger::Schedule(_) => false,
        });
        self.inner.send(&event, &matching.collect::<Vec<_>>());
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.inner.rules
    }

    /// Names of the rules that call this function.
    pub(crate) fn callers(&self, function: &str) -> Vec<String> {
        let calls = |rule: &&Rule| rule.targets.iter().any(|it| it == function);
        self.inner.rules.iter().filter(calls).map(|rule| rule.name.clone()).collect()
    }

    pub(crate) fn is_enabled(&self, rule: &Rule) -> bool {
        self.inner.is_enabled(rule)
    }

    /// Switches a rule on or off; `false` when there is none of this name.
    pub fn enable(&self, rule: &str, is_on: bool) -> bool {
        let mut disabled = locked(&self.inner.disabled);
        match is_on {
            true => disabled.remove(rule),
            false => disabled.insert(rule.to_owned()),
        };
        self.inner.rules.iter().any(|it| it.name == rule)
    }

    /// From now on events that match never arrive.
    pub fn lose(&self, pattern: Pattern) {
        locked(&self.inner.faults).losing.push(pattern);
    }

    /// From now on events that match arrive twice.
    pub fn double(&self, pattern: Pattern) {
        locked(&self.inner.faults).doubling.push(pattern);
    }

    /// Ends losing and doubling.
    pub fn behave(&self) {
        let mut faults = locked(&self.inner.faults);
        faults.losing.clear();
        faults.doubling.clear();
    }

    /// How many events were lost so far.
    pub fn lost_count(&self) -> usize {
        locked(&self.inner.faults).lost
    }

    /// The last 1,000 events, oldest first.
    pub fn recent(&self) -> Vec<Seen> {
        locked(&self.inner.recent).to_vec()
    }

    /// Every event from now on. A slow reader loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Seen> {
        self.inner.seen.subscribe()
    }

    /// Ends the schedules. Events that are put are still delivered.
    pub fn shutdown(&self) {
        self.inner.end_schedules();
    }
}

fn check(rule: &Rule, lambda: &Lambda) -> Result<(), BusError> {
    if rule.trigger == Trigger::Schedule(Duration::ZERO) {
        return Err(BusError::NoPeriod { rule: rule.name.clone() });
    }
    match rule.targets.iter().find(|target| !lambda.has_function(target)) {
        Some(target) => Err(BusError::TargetNotFound { rule: rule.name.clone(), target: target.clone() }),
        None => Ok(()),
    }
}

/// A change of speed is noticed this soon.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

/// Runs one schedule for as long as there is a bus. The speed of time may change while it waits.
async fn tick(bus: Weak<Inner>, rule: usize, period: Duration) {
    loop {
        let mut left = period;
        while !left.is_zero() {
            let speed = Hub::speed();
            let step = (left / speed).min(LONGEST_SLEEP);
            tokio::time::sleep(step).await;
            left = left.saturating_sub((step * speed).max(Duration::from_nanos(1)));
        }
        let Some(bus) = bus.upgrade() else { return };
        let rule = &bus.rules[rule];
        if bus.is_enabled(rule) {
            bus.send(&bus.scheduled_event(rule), &[rule]);
        }
    }
}

impl Inner {
    fn send(&self, event: &Value, rules: &[&Rule]) {
        let fate = self.fate_of(event);
        let copies = match fate {
            Fate::Lost => 0,
            Fate::Delivered => 1,
            Fate::Doubled => 2,
        };
        for target in rules.iter().flat_map(|rule| &rule.targets) {
            for _ in 0..copies {
                // Targets exist, so this is a Lambda that is shutting down.
                if let Err(error) = self.lambda.invoke_async(target, event.clone()) {
                    tracing::warn!(%error, target, "an event was not delivered");
                }
            }
        }
        let reached = if copies == 0 { &[] } else { rules };
        self.remember(Seen {
            at: Hub::now(),
            event: event.clone(),
            fate,
            rules: reached.iter().map(|rule| rule.name.clone()).collect(),
        });
    }

    fn is_enabled(&self, rule: &Rule) -> bool {
        !locked(&self.disabled).contains(&rule.name)
    }

    fn fate_of(&self, event: &Value) -> Fate {
        let mut faults = locked(&self.faults);
        if faults.losing.iter().any(|pattern| pattern.matches(event)) {
            faults.lost += 1;
            Fate::Lost
        } else if faults.doubling.iter().any(|pattern| pattern.matches(event)) {
            Fate::Doubled
        } else {
            Fate::Delivered
        }
    }

    fn remember(&self, seen: Seen) {
        locked(&self.recent).push(seen.clone());
        // Nobody has to look.
        let _ = self.seen.send(seen);
    }

    fn scheduled_event(&self, rule: &Rule) -> Value {
        let settings = self.lambda.settings();
        let (region, account) = (&settings.region, &settings.account);
        json!({
            "version": "0",
            "id": ids::uuid(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": account,
            "time": iso_seconds(Hub::now()),
            "region": region,
            "resources": [format!("arn:aws:events:{region}:{account}:rule/{}", rule.name)],
            "detail": {},
        })
    }

    fn end_schedules(&self) {
        for schedule in locked(&self.schedules).drain(..) {
            schedule.abort();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end_schedules();
    }
}
