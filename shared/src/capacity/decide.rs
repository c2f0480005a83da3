//! One count from everything that has a say in it, with the reason in words.

use jiff::{SignedDuration, Timestamp};

use super::alarm::{self, Kind};
use super::policy::{Policy, Target};
use super::temporary::Overrides;
use crate::forecast::{Forecast, History, Style, plain};
use crate::model::Tags;

/// Where nobody has seen yet how long a task of this service takes to be healthy.
pub const STARTUP: SignedDuration = SignedDuration::from_secs(60);
/// Metrics that are older than this say nothing of now.
const STALE_MINUTES: i64 = 5;
const MOST_HORIZON: i64 = 30;
/// What a count is kept for beyond the start-up: the minutes between a decision and its first task are decided already.
const HOLD_MINUTES: usize = 2;

/// What is seen of a service.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    pub now: Timestamp,
    pub policy: &'a Policy,
    /// The service's: overrides and the bounds of alarms are read from them.
    pub tags: &'a Tags,
    /// The present capacity. Never the running count: during a deployment old and new tasks run together.
    pub desired: u32,
    pub is_deploying: bool,
    /// Zones in use.
    pub zones: u32,
    /// From a task's start to its first request, as observed.
    pub startup: Option<SignedDuration>,
    /// One for each target of the policy, see `load`.
    pub loads: &'a [TargetLoad<'a>],
}

/// The load of one target, in tasks.
#[derive(Debug, Clone, Copy)]
pub struct TargetLoad<'a> {
    pub target: Target,
    pub minutes: History<'a>,
    /// Points of less than a minute, of the last [`FAST_SECONDS`]; empty where there are none.
    pub fast: &'a [f32],
}

/// For how long a point within the minute keeps tasks.
pub const FAST_SECONDS: i64 = 180;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub desired: u32,
    /// What counted, in the order in which it did.
    pub reason: String,
    /// Keys of tags that have expired and can be removed.
    pub expired: Vec<String>,
}

/// Only a cache: with an empty one the answer is the same.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    forecasts: Vec<(Target, Forecast)>,
}

/// How many tasks the service should have.
pub fn decide(situation: &Situation<'_>) -> Decision {
    decide_with(situation, &mut Memory::default())
}

/// The same, quicker where one situation follows another of the same service.
pub fn decide_with(situation: &Situation<'_>, memory: &mut Memory) -> Decision {
    let mut so_far = SoFar { count: situation.desired, is_held: false, words: Vec::new() };
    so_far.loads(situation, memory);
    so_far.end(situation)
}

/// What follows at once from everything but the load, for whoever knows none.
pub fn decide_without_load(situation: &Situation<'_>) -> Decision {
    SoFar { count: situation.desired, is_held: false, words: Vec::new() }.end(situation)
}

#[derive(Debug)]
struct SoFar {
    count: u32,
    /// Nothing is scaled in.
    is_held: bool,
    words: Vec<String>,
}

impl SoFar {
    fn end(mut self, situation: &Situation<'_>) -> Decision {
        self.bounds_of_alarms(situation);
        self.schedules(situation);
        let overrides = Overrides::of(situation.tags, situation.now);
        self.owner(situation, &overrides);
        if self.words.is_empty() {
            self.words.push("nothing asks for another count".into());
        }
        let expired = overrides.expired.iter().map(|key| (*key).to_owned()).collect();
        Decision { desired: self.count, reason: self.words.join("; "), expired }
    }

    fn say(&mut self, words: impl Into<String>) {
        self.words.push(words.into());
    }

    /// The greatest of what the loads need.
    fn loads(&mut self, situation: &Situation<'_>, memory: &mut Memory) {
        let mut most = None;
        for target in &situation.policy.targets {
            let load = situation.loads.iter().find(|load| load.target == *target);
            match load.and_then(|load| need(situation, load, memory)) {
                Some(need) => most = most.max(Some(need)),
                None => {
                    self.is_held = true;
                    self.say(format!(
                        "{target}: no metrics for {STALE_MINUTES} minutes, so nothing is scaled in"
                    ));
                }
            }
        }
        if let Some((count, words)) = most {
            self.count = count;
            self.say(words);
        }
    }

    /// Ceilings first, so that what raises wins.
    fn bounds_of_alarms(&mut self, situation: &Situation<'_>) {
        let all: Vec<_> = alarm::bounds(situation.tags).collect();
        for (key, _) in all.iter().filter(|(_, bound)| bound.is_none()) {
            self.is_held = true;
            self.say(format!("the tag {key} cannot be read, so nothing is scaled in"));
        }
        let of = |kind| all.iter().filter_map(|(_, bound)| bound.as_ref()).filter(move |b| b.kind == kind);
        if let Some(lowest) = of(Kind::Ceiling).min_by_key(|bound| bound.count)
            && lowest.count < self.count
        {
            self.count = lowest.count;
            self.say(format!("at most {} while {} is in ALARM", lowest.count, lowest.alarm));
        }
        if let Some(highest) = of(Kind::Floor).max_by_key(|bound| bound.count) {
            self.raise(
                highest.count,
                format!("at least {} while {} is in ALARM", highest.count, highest.alarm),
            );
        }
    }

    fn schedules(&mut self, situation: &Situation<'_>) {
        let startup = situation.startup.unwrap_or(STARTUP);
        let due = situation.policy.schedules.iter().filter(|each| each.is_due(situation.now, startup));
        if let Some(highest) = due.max_by_key(|schedule| schedule.floor) {
            self.raise(highest.floor, format!("the schedule {} asks for {}", highest.text, highest.floor));
        }
    }

    fn raise(&mut self, floor: u32, words: String) {
        if floor > self.count {
            self.count = floor;
            self.say(words);
        }
    }

    /// The policy's bounds, what keeps from scaling in, and what a person said for a time, who wins.
    fn owner(&mut self, situation: &Situation<'_>, overrides: &Overrides) {
        let bounds = situation.policy.bounds;
        let zones = situation.zones.max(1);
        let (mut least, mut most) = (bounds.min.unwrap_or(zones).min(bounds.max), bounds.max);
        for key in &overrides.unreadable {
            self.is_held = true;
            self.say(format!("the tag {key} cannot be read, so nothing is scaled in"));
        }
        if situation.is_deploying && self.count < situation.desired {
            self.is_held = true;
            self.say("a deployment is under way, so nothing is scaled in");
        }
        if self.is_held {
            self.count = self.count.max(situation.desired);
        }
        if let Some(min) = &overrides.min {
            least = min.count;
            most = most.max(least);
        }
        if let Some(max) = &overrides.max {
            most = max.count;
            least = least.min(most);
        }
        if let Some(desired) = &overrides.desired {
            self.count = desired.count;
            self.words = vec![format!("override: {desired}")];
        }
        if self.count < least {
            let who = match (&overrides.min, bounds.min) {
                (Some(min), _) => format!("override: at least {min}"),
                (None, Some(_)) => format!("never below {least}"),
                (None, None) => format!("a task in each of {zones} zones"),
            };
            self.say(who);
            self.count = least;
        }
        if self.count > most {
            let over = overrides.max.as_ref();
            self.say(
                over.map_or_else(|| format!("never above {most}"), |max| format!("override: at most {max}")),
            );
            // What is there already and must not go during a deployment goes after it.
            let stays = overrides.max.is_none() && overrides.desired.is_none() && situation.is_deploying;
            self.count = if stays { most.max(situation.desired) } else { most };
        }
    }
}

/// What one target needs, where its metrics are fresh.
fn need(situation: &Situation<'_>, load: &TargetLoad<'_>, memory: &mut Memory) -> Option<(u32, String)> {
    let style = situation.policy.style;
    let fast = plain::fast_count(load.fast, style);
    let (slow, words) = match slow_need(situation, load, memory) {
        Some(need) => need,
        None => (0, format!("{}: no minute is known", load.target)),
    };
    match fast {
        Some(fast) if fast > slow => {
            Some((fast, format!("{}: {fast} for the load of the last seconds", load.target)))
        }
        _ if slow > 0 => Some((slow, words)),
        _ => None,
    }
}

fn slow_need(situation: &Situation<'_>, load: &TargetLoad<'_>, memory: &mut Memory) -> Option<(u32, String)> {
    let History { first_minute, loads } = load.minutes;
    let known = loads.iter().rposition(|load| load.is_finite())? + 1;
    let ended_at = (first_minute + i64::try_from(known).ok()?) * 60;
    let lag_minutes = (situation.now.as_second() - ended_at).max(0) / 60;
    if lag_minutes >= STALE_MINUTES {
        return None;
    }
    let history = History { first_minute, loads: &loads[..known] };
    let startup_seconds = situation.startup.unwrap_or(STARTUP).as_secs().max(0);
    let startup_minutes = (startup_seconds + 59) / 60;
    let horizon = (1 + lag_minutes + startup_minutes).min(MOST_HORIZON);
    let hold_minutes = HOLD_MINUTES + usize::try_from(startup_minutes.min(MOST_HORIZON)).ok()?;
    let target = load.target;
    let style = situation.policy.style;
    let forecast = memory.forecast(target, &history, usize::try_from(horizon).ok()?, style);
    if let Some((count, (expected, spread))) = forecast.count(hold_minutes).zip(forecast.expected()) {
        let now = loads[known - 1];
        let words = format!(
            "{target}: {count} for {expected:.1} (give or take {spread:.1}) expected in {horizon} minutes, {now:.1} now"
        );
        return Some((count, words));
    }
    let count = plain::count(&history, style)?;
    Some((
        count,
        format!("{target}: {count} by the plain rule, as there is too little history for a forecast"),
    ))
}

impl Memory {
    fn forecast(
        &mut self,
        target: Target,
        history: &History<'_>,
        horizon: usize,
        style: Style,
    ) -> &mut Forecast {
        let at = match self.forecasts.iter().position(|(known, _)| *known == target) {
            Some(at) => {
                self.forecasts[at].1.follow(history, horizon, style);
                at
            }
            None => {
                self.forecasts.push((target, Forecast::of(history, horizon, style)));
                self.forecasts.len() - 1
            }
        };
        &mut self.forecasts[at].1
    }
}

#[cfg(test)]
mod tests;
