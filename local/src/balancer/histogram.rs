//! Durations counted in buckets that grow with the value, so that a percentile costs no list of samples and is at
//! most an eighth too high. It knows nothing of requests.

use std::time::Duration;

/// Below this every microsecond has its own bucket.
const EXACT_MICROS: u64 = 16;
/// Above it each doubling is cut into this many buckets.
const PER_DOUBLING: usize = 8;

#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Histogram {
    pub(crate) fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket_of(micros);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.longest = self.longest.max(duration);
    }

    /// The time within which `percent` of what was recorded stayed, in milliseconds; 0 when nothing was.
    pub(crate) fn percentile_millis(&self, percent: f64) -> f64 {
        let wanted = (self.count as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let micros = upper_end_of(bucket) as f64;
                return (micros / 1_000.0).min(self.longest_millis());
            }
        }
        self.longest_millis()
    }

    pub(crate) fn longest_millis(&self) -> f64 {
        self.longest.as_secs_f64() * 1_000.0
    }
}

fn bucket_of(micros: u64) -> usize {
    if micros < EXACT_MICROS {
        return micros as usize;
    }
    let doubling = micros.ilog2() as usize;
    let part = (micros >> (doubling - 3)) as usize % PER_DOUBLING;
    EXACT_MICROS as usize + (doubling - 4) * PER_DOUBLING + part
}

fn upper_end_of(bucket: usize) -> u64 {
    if bucket < EXACT_MICROS as usize {
        return bucket as u64;
    }
    let above = bucket - EXACT_MICROS as usize;
    let (doubling, part) = (above / PER_DOUBLING + 4, above % PER_DOUBLING);
    let width = 1_u128 << (doubling - 3);
    let end = (1_u128 << doubling) + width * (part as u128 + 1) - 1;
    u64::try_from(end).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_ends_at_most_an_eighth_above_it() {
        for micros in (0..5_000).chain([65_535, 65_536, 1_000_003, 59_999_999, u64::MAX]) {
            let end = upper_end_of(bucket_of(micros));
            assert!(end >= micros, "{micros} is above the end {end} of its bucket");
            assert!(end - micros <= micros / 8, "{micros} is too far below {end}");
        }
    }

    #[test]
    fn percentiles_of_one_to_a_hundred_milliseconds() {
        let mut histogram = Histogram::default();
        for millis in 1..=100 {
            histogram.record(Duration::from_millis(millis));
        }
        let (half, most) = (histogram.percentile_millis(50.0), histogram.percentile_millis(99.0));
        assert!((50.0..=57.0).contains(&half), "{half}");
        assert!((99.0..=100.0).contains(&most), "{most}");
        assert_eq!(histogram.longest_millis(), 100.0);
    }

    #[test]
    fn nothing_recorded_is_zero() {
        assert_eq!(Histogram::default().percentile_millis(99.0), 0.0);
    }
}
