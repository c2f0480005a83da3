//! Target tracking of Application Auto Scaling, alone and with predictive scaling as a floor.

use crate::service::{Point, STEPS_PER_MINUTE, Scaler, View};

const BREACHES_UP: usize = 3;
const BREACHES_DOWN: usize = 15;
/// The lower alarm stands below the target.
const LOWER: f64 = 0.9;
const COOLDOWN_SECONDS: f64 = 300.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    Requests,
    Cpu,
    /// CPU in the resolution of 20 seconds: three points up, as 15-second steps that make a minute.
    CpuHighResolution,
}

#[derive(Debug, Clone)]
pub struct Tracking {
    metric: Metric,
    target: f64,
    last_in: f64,
    last_out: f64,
}

impl Tracking {
    pub fn new(metric: Metric, target: f64) -> Tracking {
        Tracking { metric, target, last_in: f64::NEG_INFINITY, last_out: f64::NEG_INFINITY }
    }

    fn value(&self, point: &Point) -> f64 {
        match self.metric {
            Metric::Requests => point.ratio(),
            Metric::Cpu | Metric::CpuHighResolution => point.utilisation(),
        }
    }

    fn wanted(&self, point: &Point) -> u32 {
        (point.running * self.value(point) / self.target - 1e-9).ceil() as u32
    }
}

impl Scaler for Tracking {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        let is_high_resolution = self.metric == Metric::CpuHighResolution;
        if !is_high_resolution && !view.is_minute() {
            return view.desired;
        }
        let now = view.second();
        let (points, up) =
            if is_high_resolution { (view.steps, STEPS_PER_MINUTE) } else { (view.minutes, BREACHES_UP) };
        if let Some(recent) = points.len().checked_sub(up).map(|from| &points[from..])
            && recent.iter().all(|point| self.value(point) > self.target)
        {
            let newest = recent.last().map_or(0, |point| self.wanted(point));
            // During the cooldown only more than before.
            if newest > view.desired {
                self.last_out = now;
                return newest;
            }
            return view.desired;
        }
        let Some(recent) = view.minutes.len().checked_sub(BREACHES_DOWN).map(|from| &view.minutes[from..])
        else {
            return view.desired;
        };
        let is_low = recent.iter().all(|point| self.value(point) < self.target * LOWER);
        let is_cool = now - self.last_in.max(self.last_out) >= COOLDOWN_SECONDS;
        if !is_low || !is_cool || !view.is_minute() {
            return view.desired;
        }
        let wanted = recent.last().map_or(view.desired, |point| self.wanted(point)).max(1);
        if wanted < view.desired {
            self.last_in = now;
            return wanted;
        }
        view.desired
    }
}

/// The greater of what the same hour needed seven and fourteen days ago, five minutes early, as a floor.
#[derive(Debug, Clone)]
pub struct Predictive {
    tracking: Tracking,
    target: f64,
    hours: Vec<f64>,
}

const DAY_HOURS: usize = 24;
const EARLY_MINUTES: usize = 5;

impl Predictive {
    pub fn new(metric: Metric, target: f64) -> Predictive {
        Predictive { tracking: Tracking::new(metric, target), target, hours: Vec::new() }
    }
}

impl Scaler for Predictive {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        let whole = view.minutes.len() / 60;
        for hour in self.hours.len()..whole {
            let points = &view.minutes[hour * 60..(hour + 1) * 60];
            self.hours.push(points.iter().map(|point| point.load).sum::<f64>() / 60.0);
        }
        let soon = (view.step / STEPS_PER_MINUTE + EARLY_MINUTES) / 60;
        let of_day = |days: usize| soon.checked_sub(days * DAY_HOURS).and_then(|hour| self.hours.get(hour));
        let (week, fortnight) = (of_day(7), of_day(14));
        let known = [week, fortnight].into_iter().flatten().count();
        let forecast = week.into_iter().chain(fortnight).sum::<f64>() / known.max(1) as f64;
        let floor = (forecast / self.target - 1e-9).ceil() as u32;
        self.tracking.desired(view).max(floor)
    }
}
