//! Alarms as CloudWatch keeps and shows them.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::rule::Rule;
use super::{MetricStat, Query, Subject, Suppression, Suppressor};
use crate::world::Timestamp;

pub type AlarmTags = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    pub actions: Actions,
    pub configuration: Configuration,
    pub state: AlarmState,
    pub configured_at: Timestamp,
    pub tags: AlarmTags,
    /// None for composite alarms, which follow from others.
    pub(super) next_evaluation: Option<Timestamp>,
    /// The id of its metric in events.
    pub(super) metric_id: String,
    /// Its actions have not been carried out: the `previousState` that they will be told, in JSON.
    pub(super) held_back: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Actions {
    pub enabled: bool,
    pub ok: Vec<String>,
    pub alarm: Vec<String>,
    pub insufficient_data: Vec<String>,
}

impl Default for Actions {
    fn default() -> Actions {
        Actions { enabled: true, ok: Vec::new(), alarm: Vec::new(), insufficient_data: Vec::new() }
    }
}

impl Actions {
    pub(super) fn of(&self, state: StateValue) -> &[String] {
        match state {
            StateValue::Ok => &self.ok,
            StateValue::Alarm => &self.alarm,
            StateValue::InsufficientData => &self.insufficient_data,
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.ok.iter().chain(&self.alarm).chain(&self.insufficient_data)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Configuration {
    Metric(MetricAlarm),
    Composite(CompositeAlarm),
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetricAlarm {
    pub watched: Watched,
    pub evaluation_periods: usize,
    /// As many as there are evaluation periods, if nothing was said.
    pub datapoints_to_alarm: Option<usize>,
    pub threshold: f64,
    pub comparison: Comparison,
    /// `missing`, if nothing was said.
    pub missing_data: Option<MissingData>,
    /// Of percentiles: leave the state as it is while there are too few samples.
    pub ignores_low_sample_counts: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    One(MetricStat),
    /// One of them returns data.
    Queries(Vec<Query>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct CompositeAlarm {
    /// As it was written.
    pub text: String,
    pub(super) rule: Rule,
    pub suppressor: Option<Suppressor>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AlarmState {
    pub value: StateValue,
    pub reason: String,
    /// JSON.
    pub reason_data: Option<String>,
    pub updated_at: Timestamp,
    pub transitioned_at: Timestamp,
    /// Of a composite alarm with a suppressor.
    pub suppression: Option<Suppression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateValue {
    Ok,
    Alarm,
    InsufficientData,
}

impl StateValue {
    pub fn parse(text: &str) -> Option<StateValue> {
        [StateValue::Ok, StateValue::Alarm, StateValue::InsufficientData]
            .into_iter()
            .find(|it| it.name() == text)
    }

    pub fn name(self) -> &'static str {
        match self {
            StateValue::Ok => "OK",
            StateValue::Alarm => "ALARM",
            StateValue::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    GreaterThanOrEqual,
    GreaterThan,
    LessThan,
    LessThanOrEqual,
}

impl Comparison {
    pub fn parse(text: &str) -> Option<Comparison> {
        let all = [
            Comparison::GreaterThanOrEqual,
            Comparison::GreaterThan,
            Comparison::LessThan,
            Comparison::LessThanOrEqual,
        ];
        all.into_iter().find(|it| it.name() == text)
    }

    pub fn name(self) -> &'static str {
        match self {
            Comparison::GreaterThanOrEqual => "GreaterThanOrEqualToThreshold",
            Comparison::GreaterThan => "GreaterThanThreshold",
            Comparison::LessThan => "LessThanThreshold",
            Comparison::LessThanOrEqual => "LessThanOrEqualToThreshold",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Comparison::GreaterThanOrEqual => "greater than or equal to",
            Comparison::GreaterThan => "greater than",
            Comparison::LessThan => "less than",
            Comparison::LessThanOrEqual => "less than or equal to",
        }
    }

    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::GreaterThanOrEqual => value >= threshold,
            Comparison::GreaterThan => value > threshold,
            Comparison::LessThan => value < threshold,
            Comparison::LessThanOrEqual => value <= threshold,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl MissingData {
    pub fn parse(text: &str) -> Option<MissingData> {
        let all =
            [MissingData::Missing, MissingData::Ignore, MissingData::Breaching, MissingData::NotBreaching];
        all.into_iter().find(|it| it.name() == text)
    }

    pub fn name(self) -> &'static str {
        match self {
            MissingData::Missing => "missing",
            MissingData::Ignore => "ignore",
            MissingData::Breaching => "breaching",
            MissingData::NotBreaching => "notBreaching",
        }
    }

    /// As it stands in a reason.
    pub(super) fn words(self) -> &'static str {
        match self {
            MissingData::Missing => "Missing",
            MissingData::Ignore => "Ignore",
            MissingData::Breaching => "Breaching",
            MissingData::NotBreaching => "NonBreaching",
        }
    }
}

impl MetricAlarm {
    pub fn datapoints(&self) -> usize {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)
    }

    /// Of math, the longest of what it is made of.
    pub fn period(&self) -> i64 {
        match &self.watched {
            Watched::One(stat) => stat.period,
            Watched::Queries(queries) => {
                let periods = queries.iter().filter_map(|query| match &query.subject {
                    Subject::Metric(stat) => Some(stat.period),
                    Subject::Expression(_) => query.period,
                });
                periods.max().unwrap_or(60)
            }
        }
    }

    /// CloudWatch: each minute; every ten seconds where the period is shorter; each hour where it looks back for more
    /// than a day.
    pub(super) fn evaluated_every(&self) -> SignedDuration {
        let period = self.period();
        let window = period.saturating_mul(self.evaluation_periods as i64);
        SignedDuration::from_secs(if period < 60 {
            10
        } else if window > 86_400 {
            3_600
        } else {
            60
        })
    }

    pub(super) fn watches(&self) -> Vec<&MetricStat> {
        match &self.watched {
            Watched::One(stat) => vec![stat],
            Watched::Queries(queries) => queries
                .iter()
                .filter_map(|query| match &query.subject {
                    Subject::Metric(stat) => Some(stat),
                    Subject::Expression(_) => None,
                })
                .collect(),
        }
    }
}

impl CompositeAlarm {
    fn event(&self) -> Value {
        let mut shown = json!({ "alarmRule": self.text });
        if let Some(suppressor) = &self.suppressor {
            shown["actionsSuppressor"] = suppressor.alarm.as_str().into();
            shown["actionsSuppressorWaitPeriod"] = suppressor.wait_seconds.into();
            shown["actionsSuppressorExtensionPeriod"] = suppressor.extension_seconds.into();
        }
        shown
    }
}

impl Alarm {
    pub fn is_composite(&self) -> bool {
        matches!(self.configuration, Configuration::Composite(_))
    }

    /// It looks at that metric, with that statistic where one is named.
    pub fn is_for(&self, metric: &super::Metric, stat: Option<super::Stat>) -> bool {
        match &self.configuration {
            Configuration::Metric(alarm) => alarm
                .watches()
                .into_iter()
                .any(|it| it.metric == *metric && stat.is_none_or(|stat| stat == it.stat)),
            Configuration::Composite(_) => false,
        }
    }

    pub fn suppressor(&self) -> Option<&Suppressor> {
        match &self.configuration {
            Configuration::Composite(composite) => composite.suppressor.as_ref(),
            Configuration::Metric(_) => None,
        }
    }

    /// The alarms that its rule names.
    pub fn children(&self) -> Vec<&str> {
        match &self.configuration {
            Configuration::Composite(composite) => composite.rule.names(),
            Configuration::Metric(_) => Vec::new(),
        }
    }

    /// The `configuration` of events.
    pub(super) fn configuration_event(&self) -> Value {
        let mut shown = match &self.configuration {
            Configuration::Composite(composite) => composite.event(),
            Configuration::Metric(alarm) => json!({ "metrics": self.metrics_event(alarm) }),
        };
        if let Some(description) = &self.description {
            shown["description"] = description.as_str().into();
        }
        shown
    }

    fn metrics_event(&self, alarm: &MetricAlarm) -> Value {
        let of_metric = |id: &str, stat: &MetricStat, return_data: bool| {
            let mut shown = json!({
                "metric": {
                    "namespace": stat.metric.namespace,
                    "name": stat.metric.name,
                    "dimensions": stat.metric.dimensions,
                },
                "period": stat.period,
                "stat": stat.stat.name(),
            });
            if let Some(unit) = &stat.unit {
                shown["unit"] = unit.as_str().into();
            }
            json!({ "id": id, "metricStat": shown, "returnData": return_data })
        };
        match &alarm.watched {
            Watched::One(stat) => json!([of_metric(&self.metric_id, stat, true)]),
            Watched::Queries(queries) => queries
                .iter()
                .map(|query| {
                    let mut shown = match &query.subject {
                        Subject::Metric(stat) => of_metric(&query.id, stat, query.return_data),
                        Subject::Expression(text) => {
                            json!({ "expression": text, "id": query.id, "returnData": query.return_data })
                        }
                    };
                    if let Some(label) = &query.label {
                        shown["label"] = label.as_str().into();
                    }
                    if let Some(period) = query.period {
                        shown["period"] = period.into();
                    }
                    shown
                })
                .collect(),
        }
    }
}
