//! CloudWatch: metrics, what is computed from them, and alarms.
//!
//! | file | subject |
//! |---|---|
//! | `metric`, `statistics`, `series` | the name of a metric and one datum; many values as few; what is kept, and how long |
//! | `query`, `math` | metrics and expressions over a span of time |
//! | `alarm`, `put` | alarms, and what is refused of them |
//! | `evaluate`, `decide` | when alarms are looked at, and what some data points mean for a state |
//! | `rule` | the rules of composite alarms |
//! | `state` | changes of state: events, actions, history |
//! | `mute`, `cron` | mute rules, which keep actions back in windows of time; when these recur |
//! | `suppress` | composite alarms whose actions another alarm keeps back |
//!
//! What AWS's own services measure becomes visible [`Settings::metric_delay_seconds`] after the end of the time it was
//! measured in ([`Settings::fast_metric_delay_seconds`] where that is shorter than a minute); what a client puts, [`Settings::put_delay_seconds`] after it was put.

mod alarm;
mod cron;
mod decide;
mod evaluate;
mod math;
mod metric;
mod mute;
mod put;
mod query;
mod rule;
mod series;
mod state;
mod statistics;
mod suppress;
#[cfg(test)]
mod tests;

pub use alarm::{
    Actions, Alarm, AlarmState, AlarmTags, Comparison, CompositeAlarm, Configuration, MetricAlarm,
    MissingData, StateValue, Watched,
};
pub use metric::{Datum, Dimensions, Metric, UNITS, check_value};
pub use mute::{MuteRule, MuteStatus, PutMuteRule, Schedule};
pub use put::{PutAlarm, PutCompositeAlarm, PutMetricAlarm};
pub use query::{MetricStat, Query, QueryResult, Subject, query_period};
pub use state::{HistoryItem, HistoryKind};
pub use statistics::{Stat, Statistics};
pub use suppress::{SuppressedBy, Suppression, Suppressor};

use std::collections::{BTreeMap, VecDeque};

use jiff::SignedDuration;

use super::{Refusal, Timestamp, World};
use series::Series;

/// CloudWatch lists a metric for two weeks after its last datum.
const LISTED_SECONDS: i64 = 14 * 86_400;
/// `RecentlyActive=PT3H`
pub const RECENTLY_SECONDS: i64 = 3 * 3_600;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How long after the end of a minute what ECS and the load balancer measured in it can be seen. AWS: about one.
    pub metric_delay_seconds: i64,
    /// The same for ECS's 20-second metrics.
    pub fast_metric_delay_seconds: i64,
    /// The same for PutMetricData. AWS: usually some seconds, up to two minutes.
    pub put_delay_seconds: i64,
    /// Beyond so many metrics the one that has been silent longest is forgotten. AWS knows no such limit.
    pub most_metrics: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            metric_delay_seconds: 60,
            fast_metric_delay_seconds: 20,
            put_delay_seconds: 0,
            most_metrics: 10_000,
        }
    }
}

#[derive(Debug, Default)]
pub struct CloudWatch {
    series: BTreeMap<Metric, Series>,
    /// Data that nobody can see yet, by the moment from which they can.
    pending: BTreeMap<Timestamp, Vec<Datum>>,
    alarms: BTreeMap<String, Alarm>,
    mute_rules: BTreeMap<String, MuteRule>,
    /// Oldest first.
    history: VecDeque<HistoryItem>,
}

/// One period of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub statistics: Statistics,
}

impl CloudWatch {
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.alarms.values()
    }

    pub fn alarm(&self, name: &str) -> Option<&Alarm> {
        self.alarms.get(name)
    }

    pub fn history(&self) -> impl DoubleEndedIterator<Item = &HistoryItem> {
        self.history.iter()
    }

    /// Metrics with data of the last so many seconds.
    pub fn metrics_since(&self, now: Timestamp, seconds: i64) -> impl Iterator<Item = &Metric> {
        let oldest = now.as_second() - seconds.min(LISTED_SECONDS);
        self.series.iter().filter(move |(_, series)| series.newest >= oldest).map(|(metric, _)| metric)
    }

    pub fn metrics(&self, now: Timestamp) -> impl Iterator<Item = &Metric> {
        self.metrics_since(now, LISTED_SECONDS)
    }

    /// The unit of a metric, if it has one and only one.
    pub fn unit_of(&self, metric: &Metric) -> Option<&str> {
        self.series.get(metric)?.unit()
    }

    /// Periods with data, oldest first.
    pub fn read(
        &self,
        metric: &Metric,
        (start, end): (Timestamp, Timestamp),
        period: i64,
        unit: Option<&str>,
        now: Timestamp,
    ) -> Vec<Point> {
        let Some(series) = self.series.get(metric) else { return Vec::new() };
        // CloudWatch begins at a full minute, or at a full period where that is shorter.
        let start = series::floor(start.as_second(), period.min(60));
        let read = series.read((start, end.as_second()), period, unit, now.as_second());
        let point = |(at, statistics)| Some(Point { at: Timestamp::from_second(at).ok()?, statistics });
        read.into_iter().filter_map(point).collect()
    }

    fn add(&mut self, datum: &Datum, now: Timestamp, most: usize) {
        self.series.entry(datum.metric.clone()).or_default().add(datum, now.as_second());
        while self.series.len() > most.max(1) {
            let silent = self.series.iter().min_by_key(|(_, series)| series.newest);
            let Some(silent) = silent.map(|(metric, _)| metric.clone()) else { break };
            self.series.remove(&silent);
        }
    }
}

impl World {
    /// PutMetricData: all of it or nothing.
    pub fn put_metric_data(&mut self, data: Vec<Datum>) -> Result<(), Refusal> {
        for datum in &data {
            datum.check(self.now)?;
        }
        let delay = SignedDuration::from_secs(self.settings.cloudwatch.put_delay_seconds);
        self.cloudwatch.pending.entry(self.now + delay).or_default().extend(data);
        self.settle();
        Ok(())
    }

    /// What AWS's own services measured in a span that ended at `end`.
    pub(super) fn measured(&mut self, end: Timestamp, data: Vec<Datum>) {
        let settings = self.settings.cloudwatch;
        for datum in data {
            let delay = match datum.high_resolution {
                true => settings.fast_metric_delay_seconds,
                false => settings.metric_delay_seconds,
            };
            let seen_from = end + SignedDuration::from_secs(delay);
            self.cloudwatch.pending.entry(seen_from).or_default().push(datum);
        }
    }

    pub(super) fn next_cloudwatch_wake(&self) -> Option<Timestamp> {
        let pending = self.cloudwatch.pending.keys().next().copied();
        let alarms = || self.cloudwatch.alarms.values();
        let evaluated = alarms().filter_map(|alarm| alarm.next_evaluation);
        let periods = alarms().filter_map(|alarm| alarm.state.suppression?.ends_at());
        let held_back = alarms().filter(|alarm| alarm.held_back.is_some());
        let unmuted = held_back.filter_map(|alarm| self.cloudwatch.unmuted_at(&alarm.name, self.now));
        // What lies back is done when things settle.
        evaluated.chain(periods).chain(unmuted).chain(pending).filter(|it| *it > self.now).min()
    }

    pub(super) fn advance_cloudwatch(&mut self) {
        while let Some(entry) = self.cloudwatch.pending.first_entry().filter(|it| *it.key() <= self.now) {
            let most = self.settings.cloudwatch.most_metrics;
            for datum in entry.remove() {
                self.cloudwatch.add(&datum, self.now, most);
            }
        }
        self.evaluate_due_alarms();
        self.update_suppressions();
        self.carry_out_what_was_held_back();
    }
}

fn invalid_value(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValue", message)
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
