//! The load as it was, with sums, so that a mean over any time costs the same. A gap is filled with what was before it.

#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    given: Vec<f32>,
    loads: Vec<f64>,
    sums: Vec<f64>,
}

/// What CloudWatch may still correct.
const RECENT: usize = 15;

impl Sums {
    pub(super) fn push(&mut self, load: f32) {
        let before = self.loads.last().copied().unwrap_or(0.0);
        let known = if load.is_finite() { f64::from(load).max(0.0) } else { before };
        self.given.push(load);
        self.loads.push(known);
        self.sums.push(self.sums.last().copied().unwrap_or(0.0) + known);
    }

    pub(super) fn len(&self) -> usize {
        self.loads.len()
    }

    pub(super) fn load(&self, at: usize) -> f64 {
        self.loads[at]
    }

    /// Whether these loads go on where this ends.
    pub(super) fn is_start_of(&self, loads: &[f32]) -> bool {
        let from = self.given.len().saturating_sub(RECENT);
        let same = |(a, b): (&f32, &f32)| a == b || a.is_nan() && b.is_nan();
        loads.len() >= self.given.len() && self.given[from..].iter().zip(&loads[from..]).all(same)
    }

    /// Over so many minutes up to `at`, that one included.
    pub(super) fn mean(&self, at: usize, minutes: usize) -> f64 {
        let minutes = minutes.min(at + 1);
        let before = if at + 1 > minutes { self.sums[at - minutes] } else { 0.0 };
        ((self.sums[at] - before) / minutes as f64).max(0.0)
    }
}
