//! The name of a metric, one datum of it, and what CloudWatch refuses of both.

use std::collections::BTreeMap;

use super::{Statistics, invalid_value};
use crate::world::{Refusal, Timestamp};

pub type Dimensions = BTreeMap<String, String>;

const MOST_DIMENSIONS: usize = 30;
const LONGEST_NAME: usize = 255;
const LONGEST_DIMENSION_VALUE: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: Dimensions,
}

impl Metric {
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Metric { namespace: namespace.into(), name: name.into(), dimensions: dimensions.collect() }
    }

    pub fn check(&self) -> Result<(), Refusal> {
        let name = |what: &str, text: &str| match (1..=LONGEST_NAME).contains(&text.len()) {
            true => Ok(()),
            false => Err(invalid_value(format!(
                "The value '{text}' for parameter {what} must be between 1 and {LONGEST_NAME} characters long."
            ))),
        };
        name("Namespace", &self.namespace)?;
        name("MetricName", &self.name)?;
        if self.dimensions.len() > MOST_DIMENSIONS {
            return Err(invalid_value(format!(
                "The collection Dimensions must not have a size greater than {MOST_DIMENSIONS}."
            )));
        }
        for (key, value) in &self.dimensions {
            name("Dimensions.Name", key)?;
            if value.is_empty() || value.len() > LONGEST_DIMENSION_VALUE {
                return Err(invalid_value(format!(
                    "The value '{value}' for parameter Dimensions.Value must be between 1 and \
                     {LONGEST_DIMENSION_VALUE} characters long."
                )));
            }
        }
        Ok(())
    }
}

/// Some values of one metric at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    pub metric: Metric,
    pub at: Timestamp,
    pub unit: String,
    pub statistics: Statistics,
    /// Kept by the second for three hours, and not only by the minute.
    pub high_resolution: bool,
}

pub const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// CloudWatch takes data up to two weeks old and two hours ahead.
const OLDEST_SECONDS: i64 = 14 * 86_400;
const FURTHEST_AHEAD_SECONDS: i64 = 2 * 3_600;
/// 2^360, positive and negative.
const LARGEST: f64 = 2.348_542_582_773_833_3e108;

impl Datum {
    /// What a client may send.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        self.metric.check()?;
        if self.metric.namespace.starts_with("AWS/") {
            return Err(invalid_value("The value AWS/ for parameter Namespace is invalid."));
        }
        if !UNITS.contains(&self.unit.as_str()) {
            return Err(invalid_value(format!("The value {} for parameter Unit is invalid.", self.unit)));
        }
        let age = now.as_second() - self.at.as_second();
        if !(-FURTHEST_AHEAD_SECONDS..=OLDEST_SECONDS).contains(&age) {
            return Err(invalid_value(format!(
                "The parameter Timestamp {} must specify a time within the past two weeks or within the next two hours.",
                self.at
            )));
        }
        Ok(())
    }
}

/// A value that CloudWatch takes.
pub fn check_value(value: f64) -> Result<f64, Refusal> {
    match value.is_finite() && value.abs() <= LARGEST {
        true => Ok(value),
        false => Err(invalid_value(format!("The value {value} for parameter Value is invalid."))),
    }
}
