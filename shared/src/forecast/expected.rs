//! What load is expected: its level now, times what least squares say of the shape of its history.

use super::regression::Regression;
use super::sums::Sums;

const SHAPES: usize = 11;
/// Towards "it stays as it is", in squares of relative load.
const RIDGE: f64 = 1.0;
/// A surge teaches as much as this many times its level, and no more.
const STEEPEST: f64 = 20.0;
/// No shape is given more weight than this either.
const WIDEST: f64 = 2.0;
const LEVEL_MINUTES: usize = 3;
const LEAST_LEVEL: f64 = 0.05;
/// Means over so many minutes.
const MEANS: [usize; 5] = [5, 12, 30, 120, 1440];
const DAY: usize = 1440;
const WEEK: usize = 7 * DAY;

#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    regression: Regression<SHAPES>,
    weights: [f64; SHAPES],
    shapes: Vec<(f64, [f64; SHAPES])>,
}

impl Expected {
    pub(super) fn minute(&mut self, minute: i64) {
        if self.regression.minute(minute) {
            self.weights = self.regression.solve(&[0.0; SHAPES], RIDGE);
        }
    }

    pub(super) fn learn(&mut self, origin: usize, load: f64) {
        let (level, shape) = &self.shapes[origin];
        self.regression.add(shape, (load / level - 1.0).clamp(-1.0, STEEPEST));
    }

    /// The level now, and what is expected.
    pub(super) fn expect(&mut self, sums: &Sums, horizon: usize) -> (f64, f64) {
        let (level, shape) = shape(sums, horizon);
        let change: f64 = shape.iter().zip(&self.weights).map(|(shape, weight)| shape * weight).sum();
        self.shapes.push((level, shape));
        (level, (level * (1.0 + change)).max(0.0))
    }
}

/// All relative to the level, so that a load of ten and one of a thousand tasks teach the same.
fn shape(sums: &Sums, horizon: usize) -> (f64, [f64; SHAPES]) {
    let at = sums.len() - 1;
    let level = sums.mean(at, LEVEL_MINUTES).max(LEAST_LEVEL);
    let beside = |load: f64| (load / level - 1.0).clamp(-1.0, WIDEST);
    let mut shape = [0.0; SHAPES];
    shape[0] = beside(sums.load(at));
    shape[1] = beside(sums.load(at.saturating_sub(1)));
    for (shape, minutes) in shape[2..7].iter_mut().zip(MEANS) {
        *shape = beside(sums.mean(at, minutes));
    }
    for (pair, back) in shape[7..].chunks_exact_mut(2).zip([DAY, WEEK]) {
        // Means over five minutes: at that time, and how it had changed by then.
        let Some(then) = at.checked_sub(back).filter(|then| *then >= 5) else { continue };
        let (there, before) = (sums.mean(then + horizon + 2, 5), sums.mean(then, 5));
        pair[0] = beside(there);
        pair[1] = ((there - before) / level).clamp(-1.0, WIDEST);
    }
    (level, shape)
}
