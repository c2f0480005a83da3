//! How wrong the expectation may be: least squares over the sizes of its errors.

use super::regression::Regression;
use super::sums::Sums;

const SIGNS: usize = 8;
const RIDGE: f64 = 30.0;
/// What is taken before anything is known: the errors of the last minutes and hours.
const FIRST: [f64; SIGNS] = [0.0, 0.3, 0.4, 0.3, 0.0, 0.0, 0.0, 0.0];
/// Sizes of errors count up to so many times the usual.
const WIDEST: f64 = 12.0;
/// Half-lives in minutes of the means of sizes.
const HALF_LIVES: [f64; 4] = [2.0, 20.0, 120.0, 720.0];
/// The spread is never less than this share of the usual, nor of the errors of the last minutes.
const LEAST_OF_USUAL: f64 = 0.2;
const LEAST_OF_RECENT: f64 = 0.8;
/// Nor than what requests do that come one by one, a thousand a minute to a task.
const ONE_BY_ONE: f64 = 0.03;
/// Minutes before and after this time of the day.
const AROUND: usize = 3;
const DAYS: usize = 5;
const DAY: usize = 1440;
const WEEK: usize = 7 * DAY;

#[derive(Debug, Clone)]
pub(super) struct Spread {
    regression: Regression<SIGNS>,
    weights: [f64; SIGNS],
    signs: Vec<(f64, [f64; SIGNS])>,
    /// Sums of the sizes of errors, by the minute the forecast was made in.
    sizes: Vec<f64>,
    means: [f64; 4],
    /// What the newest size counts in each mean.
    shares: [f64; 4],
}

impl Default for Spread {
    fn default() -> Spread {
        Spread {
            regression: Regression::default(),
            weights: FIRST,
            signs: Vec::new(),
            sizes: vec![0.0],
            means: [0.1; 4],
            shares: HALF_LIVES.map(|half_life| 1.0 - 0.5_f64.powf(1.0 / half_life)),
        }
    }
}

impl Spread {
    pub(super) fn minute(&mut self, minute: i64) {
        if self.regression.minute(minute) {
            self.weights = self.regression.solve(&FIRST, RIDGE);
        }
    }

    /// The size of an error, where it is known.
    pub(super) fn learn(&mut self, origin: usize, size: Option<f64>) {
        let sum = self.sizes[self.sizes.len() - 1];
        self.sizes.push(sum + size.unwrap_or(self.means[1]));
        let Some(size) = size else { return };
        let (usual, signs) = &self.signs[origin];
        self.regression.add(signs, (size / usual).min(WIDEST));
        for (mean, share) in self.means.iter_mut().zip(self.shares) {
            *mean += share * (size - *mean);
        }
    }

    pub(super) fn expect(&mut self, sums: &Sums, level: f64, expected: f64) -> f64 {
        let least = ONE_BY_ONE * expected.max(0.5).sqrt();
        let [minutes, _, hours, day] = self.means;
        let usual = (day + 0.3 * hours).max(least);
        let at = sums.len() - 1;
        let same_time = |back: usize| self.around(back);
        let days = (1..=DAYS).filter_map(|days| same_time(days * DAY));
        let (sum, count) = days.fold((0.0, 0.0), |(sum, count), size| (sum + size, count + 1.0));
        let moved = if at >= 3 { (sums.load(at) - sums.mean(at, 4)).abs() } else { 0.0 };
        let mut signs = [
            least / usual,
            self.means[0] / usual,
            self.means[1] / usual,
            self.means[2] / usual,
            level * 0.1 / usual,
            if count > 0.0 { sum / count / usual } else { 1.0 },
            moved / usual,
            same_time(WEEK).map_or(1.0, |size| size / usual),
        ];
        for sign in &mut signs {
            *sign = sign.min(WIDEST);
        }
        let size: f64 = signs.iter().zip(&self.weights).map(|(sign, weight)| sign * weight).sum();
        self.signs.push((usual, signs));
        (size * usual).max(least).max(LEAST_OF_USUAL * usual).max(LEAST_OF_RECENT * minutes)
    }

    /// The mean size of the errors of forecasts made about so many minutes ago, for this time of the day.
    fn around(&self, back: usize) -> Option<f64> {
        // Sizes end with the forecast whose minute is the last that was seen; the next to come has the index `signs`.
        let middle = self.signs.len().checked_sub(back)?;
        let (from, to) = (middle.checked_sub(AROUND)?, middle + AROUND + 1);
        (to < self.sizes.len()).then(|| (self.sizes[to] - self.sizes[from]) / (to - from) as f64)
    }
}
