//! The first policy of `autoscaling.md`, which ours has to beat: six forecasts, each with a quantile of its own errors,
//! of which the one with the least loss is taken.

use std::collections::VecDeque;

use crate::service::{FULL, Scaler, Setting, View};

const FORECASTS: usize = 7;
const ERRORS: usize = 720;
const DAY: usize = 1440;
const WEEK: usize = 7 * DAY;
const HOLD_MINUTES: usize = 10;
const FAST_STEPS: usize = 20;
const RESCUE_DAYS: usize = 5;

/// What a style of it sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taste {
    quantile: f64,
    cap: f64,
    margin: f64,
}

impl Taste {
    pub const LEAN: Taste = Taste { quantile: 0.99, cap: 0.4, margin: 0.15 };
    pub const SAFE: Taste = Taste { quantile: 0.995, cap: 0.9, margin: 0.20 };
}

#[derive(Debug, Clone, Default)]
struct Candidate {
    /// Forecast, sigma and upper bound, by the minute they were made in.
    made: Vec<(f64, f64, f64)>,
    recent: VecDeque<f64>,
    sorted: Vec<f64>,
    variance: f64,
    loss: f64,
}

#[derive(Debug)]
pub struct First {
    taste: Taste,
    horizon: usize,
    is_fast: bool,
    loads: Vec<f64>,
    sums: Vec<f64>,
    candidates: [Candidate; FORECASTS],
    wants: Vec<f64>,
    fast: VecDeque<u32>,
}

impl First {
    pub fn new(taste: Taste, setting: &Setting, is_fast: bool) -> First {
        let delay = (setting.metric_delay_seconds / 60.0).ceil() as usize;
        First {
            taste,
            horizon: delay + 1 + (setting.startup_seconds / 60.0).ceil() as usize,
            is_fast,
            loads: Vec::new(),
            sums: vec![0.0],
            candidates: Default::default(),
            wants: Vec::new(),
            fast: VecDeque::new(),
        }
    }

    fn mean(&self, end: usize, count: usize) -> f64 {
        let count = count.min(end).max(1);
        ((self.sums[end] - self.sums[end.saturating_sub(count)]) / count as f64).max(0.0)
    }

    fn forecast(&self, which: usize) -> f64 {
        let (end, ahead) = (self.loads.len(), self.horizon);
        match which {
            0..=3 => self.mean(end, [2, 5, 12, 30][which]),
            4 => {
                let recent = &self.loads[end.saturating_sub(8)..];
                let n = recent.len() as f64;
                let (middle, mean) = ((n - 1.0) / 2.0, recent.iter().sum::<f64>() / n);
                let over: f64 =
                    recent.iter().enumerate().map(|(x, y)| (x as f64 - middle) * (y - mean)).sum();
                let under: f64 = (0..recent.len()).map(|x| (x as f64 - middle).powi(2)).sum();
                (mean + over / under.max(1e-9) * (n - 1.0 - middle + ahead as f64)).max(0.0)
            }
            _ => {
                let period = if which == 5 { DAY } else { WEEK };
                let level = self.mean(end, 5);
                if end < period + 10 {
                    return level;
                }
                let then = self.mean(end - period, 5);
                let soon = self.mean(end - period + ahead + 2, 5);
                if then > 0.0 { level * (soon / then).min(3.0) } else { level }
            }
        }
    }

    fn minute(&mut self, load: f64) {
        self.loads.push(load);
        self.sums.push(self.sums[self.sums.len() - 1] + load);
        let newest = self.loads.len() - 1;
        let tau = self.taste.quantile;
        for which in 0..FORECASTS {
            let forecast = self.forecast(which);
            let candidate = &mut self.candidates[which];
            if let Some(origin) = newest.checked_sub(self.horizon) {
                candidate.learn(origin, load, tau);
            }
            let sigma = candidate.variance.max(1e-4).sqrt();
            let at = ((candidate.sorted.len() as f64 * tau) as usize).min(candidate.sorted.len().max(1) - 1);
            let z = candidate.sorted.get(at).copied().unwrap_or(2.0);
            let upper = forecast + z * sigma * forecast.max(0.5).sqrt();
            candidate.made.push((forecast, sigma, upper));
        }
        let want = self.want();
        self.wants.push(want);
    }

    fn want(&self) -> f64 {
        let end = self.loads.len();
        let best = self.candidates.iter().min_by(|a, b| a.loss.total_cmp(&b.loss));
        let upper = best.and_then(|best| best.made.last()).map_or(0.0, |&(_, _, upper)| upper);
        let level = self.mean(end, 2);
        let upper = upper.min((1.0 + self.taste.cap) * level.max(self.mean(end, 10)) + 1.0);
        let rise = theil_sen(&self.loads[end.saturating_sub(6)..]).max(0.0) * (self.horizon as f64 + 0.5);
        let guard = (level + rise).min(2.0 * level + 1.0);
        let want = upper.max(guard * (1.0 + self.taste.margin));
        want.max(self.rescue())
    }

    /// What this time of the day has needed, where that would have helped more than it cost.
    fn rescue(&self) -> f64 {
        let soon = self.loads.len() - 1 + self.horizon;
        let around = |day: usize, wide: usize| {
            let middle =
                soon.checked_sub(day * DAY).filter(|&middle| middle >= wide && middle > HOLD_MINUTES)?;
            let days = &self.loads[middle - wide..(middle + wide + 1).min(self.loads.len())];
            Some((middle, days.iter().copied().fold(0.0, f64::max)))
        };
        let mut peaks: Vec<f64> =
            (1..=RESCUE_DAYS).filter_map(|day| around(day, 3)).map(|(_, peak)| peak).collect();
        peaks.sort_by(|a, b| b.total_cmp(a));
        let Some(&floor) = peaks.get(1) else { return 0.0 };
        let mut worth = 0.0;
        for middle in (1..=RESCUE_DAYS).filter_map(|day| around(day, 6)).map(|(middle, _)| middle) {
            for at in middle - 6..(middle + 7).min(self.loads.len()) {
                let had = at.checked_sub(self.horizon).map_or(0.0, |origin| self.wants[origin]);
                let load = self.loads[at];
                worth += if load > had && load <= floor { 8.0 * load } else { 0.0 };
                worth -= (floor - had.max(load)).max(0.0);
            }
        }
        if worth > 0.0 { floor } else { 0.0 }
    }
}

impl Candidate {
    fn learn(&mut self, origin: usize, load: f64, tau: f64) {
        let (forecast, sigma, upper) = self.made[origin];
        let error = (load - forecast) / forecast.max(0.5).sqrt();
        let z = error / sigma;
        self.recent.push_back(z);
        let at = self.sorted.partition_point(|&other| other < z);
        self.sorted.insert(at, z);
        if self.recent.len() > ERRORS
            && let Some(old) = self.recent.pop_front()
        {
            self.sorted.remove(self.sorted.partition_point(|&other| other < old));
        }
        self.variance += (1.0 - 0.5_f64.powf(1.0 / 30.0)) * (error * error - self.variance);
        let over = load - upper;
        let loss = if over > 0.0 { tau * over } else { (tau - 1.0) * over };
        self.loss += (loss - self.loss) / DAY as f64;
    }
}

fn theil_sen(recent: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(15);
    for (from, low) in recent.iter().enumerate() {
        for (to, high) in recent.iter().enumerate().skip(from + 1) {
            slopes.push((high - low) / (to - from) as f64);
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or(0.0)
}

impl Scaler for First {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        while self.loads.len() < view.minutes.len() {
            self.minute(view.minutes[self.loads.len()].load);
        }
        let held = &self.wants[self.wants.len().saturating_sub(HOLD_MINUTES)..];
        let Some(want) = held.iter().copied().reduce(f64::max) else { return view.desired };
        let mut desired = (want / FULL).ceil() as u32;
        if self.is_fast
            && let Some(signal) = view.steps.last()
        {
            self.fast.push_back((signal.load * (1.0 + self.taste.margin) / FULL).ceil() as u32);
            if self.fast.len() > FAST_STEPS {
                self.fast.pop_front();
            }
            desired = desired.max(self.fast.iter().copied().max().unwrap_or(0));
        }
        desired
    }
}
