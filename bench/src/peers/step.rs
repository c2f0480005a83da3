//! Step scaling with the steps of `autoscaling.md`: AWS has no default of its own.

use crate::service::{Point, Scaler, View};

const POINTS_OUT: usize = 2;
const POINTS_IN: usize = 10;
const COOLDOWN_OUT_SECONDS: f64 = 60.0;
const COOLDOWN_IN_SECONDS: f64 = 300.0;

#[derive(Debug, Clone)]
pub struct Steps {
    target: f64,
    last: f64,
}

impl Steps {
    pub fn new(target: f64) -> Steps {
        Steps { target, last: f64::NEG_INFINITY }
    }
}

/// By how many hundredths of capacity the load is over the target: +10, +30 or +60 %.
fn growth(over: f64) -> f64 {
    match over {
        over if over >= 0.3 => 0.6,
        over if over >= 0.15 => 0.3,
        _ => 0.1,
    }
}

fn last(points: &[Point], count: usize) -> Option<&[Point]> {
    points.len().checked_sub(count).map(|from| &points[from..])
}

impl Scaler for Steps {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        if !view.is_minute() {
            return view.desired;
        }
        let (now, desired) = (view.second(), f64::from(view.desired));
        let is_over = |points: &[Point]| points.iter().all(|point| point.ratio() > self.target);
        let is_under = |points: &[Point]| points.iter().all(|point| point.ratio() < self.target - 0.2);
        if let Some(recent) = last(view.minutes, POINTS_OUT).filter(|points| is_over(points)) {
            if now - self.last < COOLDOWN_OUT_SECONDS {
                return view.desired;
            }
            let over = recent.last().map_or(0.0, |point| point.ratio() - self.target);
            self.last = now;
            return (desired + (desired * growth(over)).ceil()) as u32;
        }
        if last(view.minutes, POINTS_IN).is_some_and(is_under)
            && now - self.last >= COOLDOWN_IN_SECONDS
            && view.desired > 1
        {
            self.last = now;
            return (desired - (desired * 0.1).floor().max(1.0)) as u32;
        }
        view.desired
    }
}
