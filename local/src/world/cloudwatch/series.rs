//! What is kept of one metric: by the second for three hours where somebody sends that, by the minute for 15 days, by
//! five minutes for 63 days, by the hour for 455. Every datum goes into all of them, so that a period is read from the
//! finest that it is a multiple of and that still has it.

use std::collections::BTreeMap;

use super::{Datum, Statistics};

const DAY: i64 = 86_400;
/// Width and retention in seconds, coarsest first.
const TIERS: [(i64, i64); 4] = [(3_600, 455 * DAY), (300, 63 * DAY), (60, 15 * DAY), (1, 3 * 3_600)];
const FINEST: usize = TIERS.len() - 1;

/// Statistics by the second in which their span begins.
type Buckets = BTreeMap<i64, Statistics>;

#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    /// By unit: values of different units are never mixed unless somebody asks for all.
    units: BTreeMap<String, [Buckets; TIERS.len()]>,
    /// The newest datum's time in seconds.
    pub(super) newest: i64,
}

impl Series {
    pub(super) fn add(&mut self, datum: &Datum, now_seconds: i64) {
        let at = datum.at.as_second();
        self.newest = self.newest.max(at);
        let tiers = self.units.entry(datum.unit.clone()).or_default();
        for (place, ((width, retention), buckets)) in TIERS.iter().zip(tiers).enumerate() {
            if place == FINEST && !datum.high_resolution {
                continue;
            }
            buckets.entry(floor(at, *width)).or_default().merge(&datum.statistics);
            while buckets.first_key_value().is_some_and(|(begin, _)| *begin < now_seconds - retention) {
                buckets.pop_first();
            }
        }
    }

    /// The periods that begin at or after `start` and before `end`; the first begins at `start`.
    pub(super) fn read(
        &self,
        (start, end): (i64, i64),
        period: i64,
        unit: Option<&str>,
        now_seconds: i64,
    ) -> BTreeMap<i64, Statistics> {
        let mut read = BTreeMap::new();
        let fitting = TIERS.iter().enumerate().filter(|(place, (width, _))| {
            // What is kept by the second serves only periods shorter than a minute: the minutes have all of it.
            period % width == 0 && (*place != FINEST || period < 60)
        });
        let last = start + (end - start + period - 1).div_euclid(period).max(0) * period;
        let mut covered_from = last;
        // From the finest to the coarsest, each for what the finer ones have forgotten.
        for (place, (width, retention)) in fitting.collect::<Vec<_>>().into_iter().rev() {
            let from = start.max(ceil_to(now_seconds - retention, start, period));
            if from >= covered_from {
                continue;
            }
            for (_, tiers) in self.units.iter().filter(|(name, _)| unit.is_none_or(|unit| unit == *name)) {
                for (begin, statistics) in tiers[place].range(floor(from, *width)..covered_from) {
                    let begin = (*begin).max(from);
                    let period_begin = start + (begin - start).div_euclid(period) * period;
                    read.entry(period_begin).or_insert_with(Statistics::default).merge(statistics);
                }
            }
            covered_from = from;
        }
        read
    }

    /// The unit of what is kept, if there is only one.
    pub(super) fn unit(&self) -> Option<&str> {
        let mut names = self.units.keys();
        names.next().filter(|_| names.next().is_none()).map(String::as_str)
    }
}

pub(super) fn floor(seconds: i64, width: i64) -> i64 {
    seconds.div_euclid(width) * width
}

/// The first moment not before `seconds` at which a period begins.
fn ceil_to(seconds: i64, start: i64, period: i64) -> i64 {
    start + (seconds - start + period - 1).div_euclid(period) * period
}
