//! The simulated service: tasks that take time to start and to drain, a backlog, and metrics that come late.

use crate::trace::Load;

pub const STEP_SECONDS: f64 = 15.0;
pub const STEPS_PER_MINUTE: usize = 4;
pub const DRAIN_SECONDS: f64 = 30.0;
/// A task that carries more than this share of its capacity serves badly.
pub const FULL: f64 = 0.9;
pub const MAX_TASKS: u32 = 2000;
/// Learning time, not scored.
pub const UNSCORED_MINUTES: usize = 24 * 60;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    pub startup_seconds: f64,
    /// From the end of a minute until its metrics can be read.
    pub metric_delay_seconds: f64,
    /// The same for a signal of 15 seconds.
    pub signal_delay_seconds: f64,
}

impl Setting {
    pub fn new(startup_seconds: f64) -> Setting {
        Setting { startup_seconds, metric_delay_seconds: 60.0, signal_delay_seconds: 15.0 }
    }

    fn steps(seconds: f64) -> usize {
        (seconds / STEP_SECONDS).ceil() as usize
    }

    pub fn startup_steps(&self) -> usize {
        Setting::steps(self.startup_seconds)
    }
}

/// Means over some time: load that came and load that was served, in units of one task, and running tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    pub load: f64,
    pub served: f64,
    pub running: f64,
}

impl Point {
    pub fn utilisation(&self) -> f64 {
        self.served / self.running.max(1e-9)
    }

    /// Requests by what the running tasks could have served.
    pub fn ratio(&self) -> f64 {
        self.load / self.running.max(1e-9)
    }
}

/// What can be seen at a moment: nothing that has not been published by then.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub first_minute: i64,
    pub step: usize,
    /// Whole minutes that are visible.
    pub minutes: &'a [Point],
    /// Steps of 15 seconds that are visible, for those who have such a signal.
    pub steps: &'a [Point],
    pub desired: u32,
    pub running: u32,
}

impl View<'_> {
    pub fn is_minute(&self) -> bool {
        self.step.is_multiple_of(STEPS_PER_MINUTE)
    }

    pub fn second(&self) -> f64 {
        self.step as f64 * STEP_SECONDS
    }
}

/// Decides how many tasks there shall be, every 15 seconds.
pub trait Scaler {
    fn desired(&mut self, view: &View<'_>) -> u32;
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Billed task-minutes.
    pub cost: f64,
    pub requests: f64,
    pub violated: f64,
    pub actions: f64,
    pub days: f64,
}

impl Score {
    pub fn violations_percent(&self) -> f64 {
        100.0 * self.violated / self.requests.max(1e-9)
    }

    pub fn actions_per_day(&self) -> f64 {
        self.actions / self.days.max(1e-9)
    }
}

/// The tasks of the service at one moment.
#[derive(Debug, Default)]
struct Tasks {
    running: u32,
    /// When pending tasks begin to serve, and how many; newest last.
    pending: Vec<(usize, u32)>,
    desired: u32,
}

impl Tasks {
    fn begin(count: u32) -> Tasks {
        Tasks { running: count, pending: Vec::new(), desired: count }
    }

    fn start(&mut self, count: u32, ready: usize) {
        self.pending.push((ready, count));
        self.desired += count;
    }

    /// The newest pending ones first.
    fn stop(&mut self, mut count: u32) {
        self.desired -= count;
        while let Some((_, newest)) = self.pending.last_mut().filter(|_| count > 0) {
            let cancelled = count.min(*newest);
            *newest -= cancelled;
            count -= cancelled;
            if *newest == 0 {
                self.pending.pop();
            }
        }
        self.running -= count;
    }

    fn ready(&mut self, step: usize) {
        let ready = self.pending.iter().filter(|&&(at, _)| at <= step).map(|&(_, count)| count).sum::<u32>();
        self.running += ready;
        self.pending.retain(|&(at, _)| at > step);
    }
}

/// Runs a trace through the service. What the scaler wanted is told to `seen`, step by step.
pub fn run(
    load: &Load,
    setting: &Setting,
    scaler: &mut dyn Scaler,
    mut seen: impl FnMut(usize, u32),
) -> Score {
    let mut score = Score::default();
    let mut tasks = Tasks::begin(((load.steps[0] / 0.6).ceil() as u32).clamp(1, MAX_TASKS));
    let (mut minutes, mut steps) = (Vec::new(), Vec::with_capacity(load.steps.len()));
    let mut backlog = 0.0_f64;
    let scored_from = UNSCORED_MINUTES.min(load.minutes()) * STEPS_PER_MINUTE;
    let late = |seconds: f64, at: usize| at.saturating_sub(Setting::steps(seconds));
    for (at, &arriving) in load.steps.iter().enumerate() {
        tasks.ready(at);
        let is_scored = at >= scored_from;
        let view = View {
            first_minute: load.first_minute,
            step: at,
            minutes: &minutes[..late(setting.metric_delay_seconds, at) / STEPS_PER_MINUTE],
            steps: &steps[..late(setting.signal_delay_seconds, at)],
            desired: tasks.desired,
            running: tasks.running,
        };
        let wanted = scaler.desired(&view).clamp(1, MAX_TASKS);
        seen(at, wanted);
        if wanted > tasks.desired {
            tasks.start(wanted - tasks.desired, at + setting.startup_steps());
            tasks.ready(at);
        } else if wanted < tasks.desired {
            if is_scored {
                score.cost += f64::from(tasks.desired - wanted) * DRAIN_SECONDS / 60.0;
            }
            tasks.stop(tasks.desired - wanted);
        }
        if is_scored && wanted != view.desired {
            score.actions += 1.0;
        }

        let capacity = f64::from(tasks.running);
        let waiting = arriving + backlog;
        let is_violated = waiting > FULL * capacity;
        let served = waiting.min(capacity);
        // In units of a step's work; a minute's worth of what runs may wait.
        backlog = (waiting - served).min(capacity * STEPS_PER_MINUTE as f64);
        steps.push(Point { load: arriving, served, running: capacity });
        if steps.len().is_multiple_of(STEPS_PER_MINUTE) {
            minutes.push(mean(&steps[steps.len() - STEPS_PER_MINUTE..]));
        }
        if is_scored {
            score.cost += f64::from(tasks.desired) * STEP_SECONDS / 60.0;
            score.requests += arriving;
            score.violated += if is_violated { arriving } else { 0.0 };
        }
    }
    score.days = (load.steps.len() - scored_from) as f64 / (STEPS_PER_MINUTE * 1440) as f64;
    score
}

pub fn mean(points: &[Point]) -> Point {
    let over = |part: fn(&Point) -> f64| points.iter().map(part).sum::<f64>() / points.len().max(1) as f64;
    Point { load: over(|p| p.load), served: over(|p| p.served), running: over(|p| p.running) }
}

#[cfg(test)]
mod tests;
