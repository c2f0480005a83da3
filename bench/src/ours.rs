//! Pushboat on the simulated service: asks the very decision that the functions ask.

use jiff::{SignedDuration, Timestamp};
use pushboat::capacity::{
    Bounds, FAST_SECONDS, Memory, Policy, Signal, Situation, Target, TargetLoad, decide_with,
};
use pushboat::forecast::{self, COARSE_MINUTES, DAY_MINUTES, History, Style};
use pushboat::model::Tags;

use crate::service::{FULL, MAX_TASKS, STEP_SECONDS, STEPS_PER_MINUTE, Scaler, Setting, View};

/// What Pushboat keeps in view: enough for last week's shape, and for the days it learns from.
const HISTORY_DAYS: i64 = 14;

/// What is seen within the minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fast {
    Nothing,
    /// Requests, in steps of 15 seconds.
    Requests,
    /// CPU, which says no more than 100 %, however much waits.
    Cpu,
}

#[derive(Debug)]
pub struct Ours {
    policy: Policy,
    tags: Tags,
    startup: SignedDuration,
    fast: Fast,
    /// In tasks: 1 is the most that a task carries well.
    minutes: Vec<f32>,
    steps: Vec<f32>,
    /// Up to here the minutes are as a function sees them that has just begun.
    coarse_until: usize,
    memory: Memory,
}

impl Ours {
    pub fn new(style: Style, setting: &Setting, fast: Fast) -> Ours {
        let target = Target { signal: Signal::Requests, per_task: 1000.0 * FULL };
        let bounds = Bounds { min: Some(1), max: MAX_TASKS };
        Ours {
            policy: Policy { bounds, targets: vec![target], style, schedules: Vec::new() },
            tags: Tags::new(),
            startup: SignedDuration::from_secs(setting.startup_seconds as i64),
            fast,
            minutes: Vec::new(),
            steps: Vec::new(),
            coarse_until: 0,
            memory: Memory::default(),
        }
    }

    fn see(&mut self, view: &View<'_>) {
        if self.fast == Fast::Nothing {
            let new = &view.minutes[self.minutes.len()..];
            self.minutes.extend(new.iter().map(|point| (point.load / FULL) as f32));
            return;
        }
        let load = |point: &crate::service::Point| match self.fast {
            Fast::Cpu => point.served,
            _ => point.load,
        };
        let new = view.steps[self.steps.len()..].iter().map(|point| (load(point) / FULL) as f32);
        self.steps.extend(new);
        let whole = self.steps.len() / STEPS_PER_MINUTE;
        for minute in self.minutes.len()..whole {
            let steps = &self.steps[minute * STEPS_PER_MINUTE..(minute + 1) * STEPS_PER_MINUTE];
            self.minutes.push(steps.iter().sum::<f32>() / STEPS_PER_MINUTE as f32);
        }
    }

    /// What is old is known by longer periods only.
    fn forget_minutes(&mut self, first_minute: i64, last_minute: i64) {
        let period = COARSE_MINUTES as usize;
        let until = usize::try_from(forecast::fine_from(last_minute) - first_minute).unwrap_or(0);
        while self.coarse_until + period <= until {
            let minutes = &mut self.minutes[self.coarse_until..self.coarse_until + period];
            let mean = minutes.iter().sum::<f32>() / period as f32;
            minutes.fill(mean);
            self.coarse_until += period;
        }
    }
}

impl Scaler for Ours {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        // Once a minute; with a signal within it three times, when a whole minute has been seen.
        let is_look = view.is_minute() == (self.fast == Fast::Nothing);
        self.see(view);
        if !is_look || self.minutes.is_empty() {
            return view.desired;
        }
        let last_minute = view.first_minute + self.minutes.len() as i64 - 1;
        self.forget_minutes(view.first_minute, last_minute);
        let from =
            ((last_minute.div_euclid(DAY_MINUTES) - HISTORY_DAYS + 1) * DAY_MINUTES).max(view.first_minute);
        let loads = &self.minutes[(from - view.first_minute) as usize..];
        let kept = (FAST_SECONDS as f64 / STEP_SECONDS) as usize;
        let load = TargetLoad {
            target: self.policy.targets[0],
            minutes: History { first_minute: from, loads },
            fast: &self.steps[self.steps.len().saturating_sub(kept)..],
        };
        let now = view.first_minute * 60 + view.second() as i64;
        let situation = Situation {
            now: Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH),
            policy: &self.policy,
            tags: &self.tags,
            desired: view.desired,
            is_deploying: false,
            zones: 1,
            startup: Some(self.startup),
            loads: &[load],
        };
        decide_with(&situation, &mut self.memory).desired
    }
}
