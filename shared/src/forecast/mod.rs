//! The load that tasks must carry once a task started now is ready. Pure arithmetic over the load's history, in tasks:
//! 1 is what one task is to carry at most. It knows nothing of services, bounds or clocks.
//!
//! ```text
//!   history ──► what comes (regression on shapes of the history) ──┐
//!           └─► how wrong that may be (regression on past errors) ─┴─► the count that costs least, in tasks and in
//!                                                                      load that would be served badly
//! ```
//!
//! 1. `expected`: least squares over the last days say how much the load `horizon` minutes ahead differs from the level
//!    now, given the last minutes, means over longer times and what yesterday and last week did at that time.
//! 2. `spread`: the same for the size of the error of 1, given how wrong it was in the last minutes and hours, and at this
//!    time on other days. So a job that runs each night at two is a wide night, even where nobody can say how high it goes.
//! 3. `choice`: the errors of the last day, in units of their spread, say how likely each load is. Of all counts that one is
//!    taken whose tasks and whose load served badly cost least together. A fixed percentile would pay for certainty where it is
//!    dear, and save on it where it is cheap.
//!
//! Nothing is stored. A [`Forecast`] is made from the history; one that is kept and topped up says exactly the same,
//! because both begin to learn at the same midnight, [`LEARNING_DAYS`] back.

mod choice;
mod expected;
pub mod plain;
mod regression;
mod spread;
mod sums;

use expected::Expected;
use spread::Spread;
use sums::Sums;

/// How much is paid for how little is served badly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    Lean,
    #[default]
    Balanced,
    Safe,
}

/// The load, minute by minute, in tasks. What is not known is not a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History<'a> {
    /// Minutes since 1970.
    pub first_minute: i64,
    pub loads: &'a [f32],
}

/// Whole days that are learned from; older ones only show the shape of a day and a week.
pub const LEARNING_DAYS: i64 = 3;
/// From so many errors on there is a forecast; before that the plain rule has to do.
pub const ERRORS_NEEDED: usize = 180;
pub const DAY_MINUTES: i64 = 1440;
/// What is older than [`fine_from`] may be known by so many minutes at once: it shows the shape of a week, in means of
/// five minutes.
pub const COARSE_MINUTES: i64 = 5;

#[derive(Debug, Clone)]
pub struct Forecast {
    horizon: usize,
    style: Style,
    first_minute: i64,
    learns_from: i64,
    sums: Sums,
    expected: Expected,
    spread: Spread,
    /// What was expected of the load `horizon` minutes after each minute, and its spread.
    made: Vec<(f64, f64)>,
    /// Errors in units of their spread.
    errors: Vec<f32>,
    /// How many errors were known at each minute.
    known: Vec<usize>,
    /// What each minute's own load needed.
    now: Vec<u32>,
    /// What each minute asked for, where somebody has wanted to know.
    counts: Vec<Option<u32>>,
}

impl Forecast {
    /// `horizon`: from the last minute of the history to the one that a task started now serves first.
    pub fn of(history: &History<'_>, horizon: usize, style: Style) -> Forecast {
        let last = history.first_minute + i64::try_from(history.loads.len()).unwrap_or(0) - 1;
        let learns_from = learns_from(last).max(history.first_minute);
        let mut forecast = Forecast {
            horizon,
            style,
            first_minute: history.first_minute,
            learns_from,
            sums: Sums::default(),
            expected: Expected::default(),
            spread: Spread::default(),
            made: Vec::new(),
            errors: Vec::new(),
            known: Vec::new(),
            now: Vec::new(),
            counts: Vec::new(),
        };
        let before = usize::try_from(learns_from - history.first_minute).unwrap_or(0);
        for &load in &history.loads[..before.min(history.loads.len())] {
            forecast.sums.push(load);
        }
        forecast.top_up(history);
        forecast
    }

    /// Goes on with what is new. What cannot go on begins anew, so that the answer is always that of [`Forecast::of`].
    pub fn follow(&mut self, history: &History<'_>, horizon: usize, style: Style) {
        let last = history.first_minute + i64::try_from(history.loads.len()).unwrap_or(0) - 1;
        let is_same = horizon == self.horizon
            && style == self.style
            && history.first_minute == self.first_minute
            && self.learns_from == learns_from(last).max(history.first_minute)
            && self.sums.is_start_of(history.loads);
        if is_same {
            self.top_up(history);
        } else {
            *self = Forecast::of(history, horizon, style);
        }
    }

    fn top_up(&mut self, history: &History<'_>) {
        for &load in &history.loads[self.sums.len()..] {
            self.sums.push(load);
            self.learn(!load.is_nan());
        }
    }

    /// One more minute has been seen.
    fn learn(&mut self, is_known: bool) {
        let at = self.sums.len() - 1;
        let minute = self.first_minute + i64::try_from(at).unwrap_or(0);
        self.expected.minute(minute);
        self.spread.minute(minute);
        if let Some(origin) = self.made.len().checked_sub(self.horizon) {
            let (expected, spread) = self.made[origin];
            let load = self.sums.load(at);
            if is_known {
                self.expected.learn(origin, load);
                self.errors.push(((load - expected) / spread) as f32);
            }
            self.spread.learn(origin, is_known.then_some((load - expected).abs()));
        }
        let (level, expected) = self.expected.expect(&self.sums, self.horizon);
        let spread = self.spread.expect(&self.sums, level, expected);
        self.made.push((expected, spread));
        self.known.push(self.errors.len());
        self.now.push((self.sums.load(at) - 1e-6).ceil().max(1.0) as u32);
        self.counts.push(None);
    }

    /// The most that each of the last `minutes` asked for, the newest included. `None` where too little is known.
    pub fn count(&mut self, minutes: usize) -> Option<u32> {
        self.known.last().filter(|known| **known >= ERRORS_NEEDED)?;
        let from = self.made.len().saturating_sub(minutes.max(1));
        let mut most = None;
        for at in from..self.made.len() {
            if self.known[at] >= ERRORS_NEEDED {
                most = most.max(Some(self.count_at(at)));
            }
        }
        most
    }

    fn count_at(&mut self, at: usize) -> u32 {
        if let Some(count) = self.counts[at] {
            return count;
        }
        let (expected, spread) = self.made[at];
        let count = choice::count(expected, spread, &self.errors[..self.known[at]], self.style);
        // Nothing is scaled below what the newest minute carries: what comes may be less, but it is not here yet.
        let count = count.max(self.now[at]);
        self.counts[at] = Some(count);
        count
    }

    /// What is expected, in tasks, and how wrong it may usually be.
    pub fn expected(&self) -> Option<(f64, f64)> {
        self.made.last().copied()
    }
}

/// Always a midnight, so that it does not matter when somebody began to keep a forecast.
fn learns_from(minute: i64) -> i64 {
    (minute.div_euclid(DAY_MINUTES) - LEARNING_DAYS) * DAY_MINUTES
}

/// From here on each minute counts for a forecast in this minute: the days it learns from, and the one before.
pub fn fine_from(minute: i64) -> i64 {
    learns_from(minute) - DAY_MINUTES
}

#[cfg(test)]
mod tests;
