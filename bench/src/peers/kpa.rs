//! The Knative Pod Autoscaler: a stable window, and a panic window for bursts.

use crate::service::{STEPS_PER_MINUTE, Scaler, View};

const PANIC_AT: f64 = 2.0;
const PANIC_SECONDS: f64 = 60.0;

#[derive(Debug, Clone)]
pub struct Kpa {
    target: f64,
    panic_until: f64,
    highest: u32,
}

impl Kpa {
    pub fn new(target: f64) -> Kpa {
        Kpa { target, panic_until: f64::NEG_INFINITY, highest: 0 }
    }
}

impl Scaler for Kpa {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        let Some(newest) = view.steps.last() else { return view.desired };
        let window = &view.steps[view.steps.len().saturating_sub(STEPS_PER_MINUTE)..];
        let stable = window.iter().map(|point| point.load).sum::<f64>() / window.len() as f64;
        let wants = |load: f64| ((load / self.target - 1e-9).ceil() as u32).max(1);
        let (stable, panic) = (wants(stable), wants(newest.load));
        let now = view.second();
        if f64::from(panic) >= PANIC_AT * f64::from(view.running.max(1)) {
            if now >= self.panic_until {
                self.highest = view.desired;
            }
            self.panic_until = now + PANIC_SECONDS;
        }
        // In panic it only grows.
        if now < self.panic_until {
            self.highest = self.highest.max(panic).max(stable);
            return self.highest;
        }
        stable.max(view.desired / 2)
    }
}
