//! What is kept of many values: their count, sum, extremes, and how they are distributed. Few different values are
//! kept exactly, many in steps of at most a few percent, so that a minute with a million requests costs no more than
//! one with a thousand.

/// So many different values are kept exactly; CloudWatch takes no more in one datum either.
const MOST_EXACT: usize = 150;
const MOST_STEPS: usize = 300;
const FIRST_STEP: f64 = 0.01;

#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    values: Distribution,
}

/// Values with their weights, in order.
#[derive(Debug, Clone, PartialEq, Default)]
struct Distribution {
    values: Vec<(f64, f64)>,
    /// 0 while every value is exact; else neighbours differ by at least this factor (and 1).
    step: f64,
    /// Somebody sent only the sum of several values: there are no percentiles.
    unknown: bool,
}

impl Default for Statistics {
    fn default() -> Statistics {
        Statistics {
            count: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            values: Distribution::default(),
        }
    }
}

impl Statistics {
    pub fn of(value: f64) -> Statistics {
        let mut statistics = Statistics::default();
        statistics.add(value, 1.0);
        statistics
    }

    /// What a client has summed up already. Only where all values are the same is it known how they are distributed.
    pub fn summed_up(count: f64, sum: f64, min: f64, max: f64) -> Statistics {
        let same = min == max;
        let values = Distribution {
            values: if same { vec![(min, count)] } else { Vec::new() },
            step: 0.0,
            unknown: !same,
        };
        Statistics { count, sum, min, max, values }
    }

    pub fn add(&mut self, value: f64, count: f64) {
        self.count += count;
        self.sum += value * count;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.values.add(value, count);
    }

    pub fn merge(&mut self, other: &Statistics) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.values.unknown |= other.values.unknown;
        for (value, count) in &other.values.values {
            self.values.add(*value, *count);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    pub fn count(&self) -> f64 {
        self.count
    }

    /// `None` where there is no such value: nothing was counted, or nobody knows the percentile.
    pub fn get(&self, stat: Stat) -> Option<f64> {
        if self.is_empty() {
            return None;
        }
        match stat {
            Stat::SampleCount => Some(self.count),
            Stat::Sum => Some(self.sum),
            Stat::Average => Some(self.sum / self.count),
            Stat::Minimum => Some(self.min),
            Stat::Maximum => Some(self.max),
            // As CloudWatch: no percentiles where a value is negative.
            Stat::Percentile(_) if self.values.unknown || self.min < 0.0 => None,
            Stat::Percentile(percent) => Some(self.percentile(percent)),
        }
    }

    fn percentile(&self, percent: f64) -> f64 {
        let wanted = self.count * percent / 100.0;
        let mut seen = 0.0;
        for (value, count) in &self.values.values {
            seen += count;
            if seen >= wanted {
                return value.clamp(self.min, self.max);
            }
        }
        self.max
    }
}

impl Distribution {
    fn add(&mut self, value: f64, count: f64) {
        let value = if self.step > 0.0 { rounded(value, self.step) } else { value };
        match self.values.binary_search_by(|(known, _)| known.total_cmp(&value)) {
            Ok(at) => self.values[at].1 += count,
            Err(at) => self.values.insert(at, (value, count)),
        }
        let most = if self.step > 0.0 { MOST_STEPS } else { MOST_EXACT };
        while self.values.len() > most {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        self.step = if self.step > 0.0 { self.step * 2.0 } else { FIRST_STEP };
        let mut coarse: Vec<(f64, f64)> = Vec::new();
        for (value, count) in self.values.drain(..) {
            let value = rounded(value, self.step);
            match coarse.last_mut() {
                Some((last, weight)) if *last == value => *weight += count,
                _ => coarse.push((value, count)),
            }
        }
        self.values = coarse;
    }
}

/// The middle of the step that a value lies in. What is next to nothing is nothing.
fn rounded(value: f64, step: f64) -> f64 {
    if value.abs() < 1e-9 {
        return 0.0;
    }
    let number = (value.abs().ln() / step).round();
    (number * step).exp().copysign(value)
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stat {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    Percentile(f64),
}

impl Stat {
    pub fn parse(text: &str) -> Option<Stat> {
        match text {
            "SampleCount" => Some(Stat::SampleCount),
            "Average" => Some(Stat::Average),
            "Sum" => Some(Stat::Sum),
            "Minimum" => Some(Stat::Minimum),
            "Maximum" => Some(Stat::Maximum),
            _ => {
                let digits = text.strip_prefix('p')?;
                let plain = digits.bytes().all(|it| it.is_ascii_digit() || it == b'.');
                let percent: f64 = digits.parse().ok().filter(|_| plain)?;
                (0.0..=100.0).contains(&percent).then_some(Stat::Percentile(percent))
            }
        }
    }

    pub fn name(self) -> String {
        match self {
            Stat::SampleCount => "SampleCount".into(),
            Stat::Average => "Average".into(),
            Stat::Sum => "Sum".into(),
            Stat::Minimum => "Minimum".into(),
            Stat::Maximum => "Maximum".into(),
            Stat::Percentile(percent) => format!("p{percent}"),
        }
    }

    pub fn is_percentile(self) -> bool {
        matches!(self, Stat::Percentile(_))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_statistics_of_a_hundred_values() {
        let mut all = Statistics::default();
        (1..=100).for_each(|value| all.add(f64::from(value), 1.0));
        for (stat, expected) in [
            ("SampleCount", 100.0),
            ("Sum", 5_050.0),
            ("Average", 50.5),
            ("Minimum", 1.0),
            ("Maximum", 100.0),
            ("p50", 50.0),
            ("p99", 99.0),
            ("p99.9", 100.0),
            ("p0", 1.0),
        ] {
            assert_eq!(all.get(Stat::parse(stat).unwrap()), Some(expected), "{stat}");
        }
    }

    #[test]
    fn statistics_have_aws_names() {
        for name in ["SampleCount", "Average", "Sum", "Minimum", "Maximum", "p99", "p99.9"] {
            assert_eq!(Stat::parse(name).unwrap().name(), name);
        }
        for wrong in ["", "average", "p", "p101", "p-1", "p1e1", "pNaN", "tm90", "IQM"] {
            assert_eq!(Stat::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nobody_knows_the_percentiles_of_a_sum() {
        let mut summed = Statistics::summed_up(10.0, 20.0, 1.0, 4.0);
        assert_eq!(summed.get(Stat::Percentile(50.0)), None);
        summed.add(3.0, 1.0);
        assert_eq!((summed.get(Stat::Sum), summed.get(Stat::Percentile(50.0))), (Some(23.0), None));
        let same = Statistics::summed_up(10.0, 20.0, 2.0, 2.0);
        assert_eq!(same.get(Stat::Percentile(99.0)), Some(2.0));
        assert_eq!(Statistics::of(-1.0).get(Stat::Percentile(50.0)), None);
        assert_eq!(Statistics::default().get(Stat::Sum), None);
    }

    proptest! {
        /// However many and however far apart: bounded, and the median is near.
        #[test]
        fn many_values_stay_small_and_near(values in prop::collection::vec(1e-3_f64..1e4, 200..2_000)) {
            let mut all = Statistics::default();
            values.iter().for_each(|value| all.add(*value, 1.0));
            prop_assert!(all.values.values.len() <= MOST_STEPS);
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let median = sorted[sorted.len().div_ceil(2) - 1];
            let found = all.get(Stat::Percentile(50.0)).unwrap();
            prop_assert!((found / median).ln().abs() <= all.values.step * 1.5 + 1e-9, "{} {}", found, median);
        }
    }
}
