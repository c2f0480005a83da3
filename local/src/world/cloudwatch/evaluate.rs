//! Looks at alarms when they are due: reads the points of the evaluation range, decides, and says why.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::decide::{FURTHER_BACK, Verdict, decide};
use super::series::floor;
use super::state::{Change, precise};
use super::{
    CloudWatch, Configuration, MetricAlarm, MetricStat, MissingData, Point, Query, StateValue, Subject,
    Watched,
};
use crate::world::World;

/// One period of the evaluation range.
#[derive(Debug, Clone, PartialEq)]
struct Datapoint {
    at: Timestamp,
    value: Option<f64>,
    samples: Option<f64>,
}

impl World {
    /// Those whose time has come, and then composite alarms until nothing changes any more.
    pub(super) fn evaluate_due_alarms(&mut self) {
        let due: Vec<String> = self
            .cloudwatch
            .alarms
            .values()
            .filter(|alarm| alarm.next_evaluation.is_some_and(|at| at <= self.now))
            .map(|alarm| alarm.name.clone())
            .collect();
        for name in &due {
            self.evaluate_alarm(name);
        }
        // Rules may go in circles: each composite changes at most once in a round, and there are only so many rounds.
        let composites = self.cloudwatch.alarms.values().filter(|alarm| alarm.is_composite()).count();
        for _ in 0..composites {
            if !self.evaluate_composites() {
                break;
            }
        }
    }

    fn evaluate_alarm(&mut self, name: &str) {
        let now = self.now;
        let Some(alarm) = self.cloudwatch.alarms.get_mut(name) else { return };
        let Configuration::Metric(configuration) = alarm.configuration.clone() else { return };
        let before = alarm.state.value;
        let every = configuration.evaluated_every();
        let mut next = alarm.next_evaluation.unwrap_or(now);
        while next <= now {
            next += every;
        }
        alarm.next_evaluation = Some(next);
        let points = self.cloudwatch.datapoints(&configuration, now);
        if let Some(change) = judge(&configuration, before, &points, now) {
            self.change_state(name, change);
        }
    }

    fn evaluate_composites(&mut self) -> bool {
        let mut changes = Vec::new();
        for alarm in self.cloudwatch.alarms.values() {
            let Configuration::Composite(composite) = &alarm.configuration else { continue };
            let state = |name: &str| self.cloudwatch.alarm(name).map(|alarm| alarm.state.value);
            let holds = composite.rule.holds(&state);
            let value = if holds { StateValue::Alarm } else { StateValue::Ok };
            if value == alarm.state.value {
                continue;
            }
            let children = composite.rule.names();
            let newest = children.iter().filter_map(|name| self.cloudwatch.alarm(name));
            let newest = newest.max_by_key(|child| child.state.transitioned_at);
            let reason = match newest {
                Some(child) => format!(
                    "{} transitioned to {} at {}",
                    child.arn,
                    child.state.value.name(),
                    child.state.transitioned_at.strftime("%A %d %B, %Y %H:%M:%S UTC")
                ),
                None => format!("The rule {} is constant", composite.text),
            };
            let triggering: Vec<_> = newest
                .into_iter()
                .map(|child| {
                    json!({
                        "arn": child.arn,
                        "state": {
                            "value": child.state.value.name(),
                            "timestamp": precise(child.state.transitioned_at),
                        },
                    })
                })
                .collect();
            let reason_data = Some(json!({ "triggeringAlarms": triggering }).to_string());
            changes.push((alarm.name.clone(), Change { value, reason, reason_data }));
        }
        let changed = !changes.is_empty();
        for (name, change) in changes {
            self.change_state(&name, change);
        }
        changed
    }
}

impl CloudWatch {
    /// Every period of the evaluation range, newest first. The period under way is not one of them.
    fn datapoints(&self, alarm: &MetricAlarm, now: Timestamp) -> Vec<Datapoint> {
        let period = alarm.period().max(1);
        let count = alarm.evaluation_periods + FURTHER_BACK;
        let end = floor(now.as_second(), period);
        let start = end - period * count as i64;
        let (Ok(from), Ok(to)) = (Timestamp::from_second(start), Timestamp::from_second(end)) else {
            return Vec::new();
        };
        let values: Vec<(Timestamp, f64, Option<f64>)> = match &alarm.watched {
            Watched::One(stat) => self.values_of(stat, (from, to), now),
            Watched::Queries(queries) => match self.single(queries) {
                Some(stat) => self.values_of(stat, (from, to), now),
                // What an expression may not be was refused when the alarm was put.
                None => self
                    .query(queries, (from, to), now)
                    .unwrap_or_default()
                    .into_iter()
                    .next()
                    .map(|result| result.points.into_iter().map(|(at, value)| (at, value, None)).collect())
                    .unwrap_or_default(),
            },
        };
        (1..=count as i64)
            .filter_map(|back| {
                let at = to.checked_sub(SignedDuration::from_secs(back * period)).ok()?;
                let found = values.iter().find(|(known, _, _)| *known == at);
                Some(Datapoint {
                    at,
                    value: found.map(|(_, value, _)| *value),
                    samples: found.and_then(|(_, _, samples)| *samples),
                })
            })
            .collect()
    }

    /// The metric that returns data, where it is one and no expression.
    fn single<'a>(&self, queries: &'a [Query]) -> Option<&'a MetricStat> {
        match &queries.iter().find(|query| query.return_data)?.subject {
            Subject::Metric(stat) => Some(stat),
            Subject::Expression(_) => None,
        }
    }

    fn values_of(
        &self,
        stat: &MetricStat,
        span: (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Vec<(Timestamp, f64, Option<f64>)> {
        let points = self.read(&stat.metric, span, stat.period, stat.unit.as_deref(), now);
        let value =
            |Point { at, statistics }| Some((at, statistics.get(stat.stat)?, Some(statistics.count())));
        points.into_iter().filter_map(value).collect()
    }
}

/// The change that the points mean, if they mean one.
fn judge(alarm: &MetricAlarm, before: StateValue, points: &[Datapoint], now: Timestamp) -> Option<Change> {
    if too_few_samples(alarm, points) {
        return None;
    }
    let breaches = |value: f64| alarm.comparison.breaches(value, alarm.threshold);
    let breaching: Vec<Option<bool>> = points.iter().map(|point| point.value.map(breaches)).collect();
    let missing = alarm.missing_data.unwrap_or(MissingData::Missing);
    let verdict = decide(&breaching, alarm.evaluation_periods, alarm.datapoints(), missing);
    let Verdict::State(value) = verdict else { return None };
    if value == before {
        return None;
    }
    let real: Vec<&Datapoint> =
        points.iter().filter(|point| point.value.is_some()).take(alarm.evaluation_periods).collect();
    let reason = reason(alarm, value, &real, missing);
    Some(Change { value, reason, reason_data: Some(reason_data(alarm, &real, points, now)) })
}

/// Fewer than 10 / (1 - p) samples say little of a percentile.
fn too_few_samples(alarm: &MetricAlarm, points: &[Datapoint]) -> bool {
    let percent = match alarm.watches()[..] {
        [MetricStat { stat: super::Stat::Percentile(percent), .. }] => *percent,
        _ => return false,
    };
    let rest = if percent > 50.0 { 100.0 - percent } else { percent };
    let needed = 1_000.0 / rest.max(f64::MIN_POSITIVE);
    let newest = points.iter().find_map(|point| point.samples);
    alarm.ignores_low_sample_counts == Some(true) && newest.is_some_and(|samples| samples < needed)
}

fn reason(alarm: &MetricAlarm, value: StateValue, real: &[&Datapoint], missing: MissingData) -> String {
    let periods = alarm.evaluation_periods;
    let datapoints = |count: usize| if count == 1 { "datapoint" } else { "datapoints" };
    if value == StateValue::InsufficientData {
        let were = if periods == 1 { "was" } else { "were" };
        return format!("Insufficient Data: {periods} {} {were} unknown.", datapoints(periods));
    }
    if real.is_empty() {
        return format!(
            "Threshold Crossed: no datapoints were received for {periods} {} and {periods} missing {} {} treated as \
             [{}].",
            if periods == 1 { "period" } else { "periods" },
            datapoints(periods),
            if periods == 1 { "was" } else { "were" },
            missing.words()
        );
    }
    let breaching = value == StateValue::Alarm;
    let counted: Vec<String> = real
        .iter()
        .filter_map(|point| point.value.map(|value| (point.at, value)))
        .filter(|(_, value)| alarm.comparison.breaches(*value, alarm.threshold) == breaching)
        .map(|(at, value)| format!("{value:?} ({})", at.strftime("%d/%m/%y %H:%M:%S")))
        .collect();
    let needed = if breaching { alarm.datapoints() } else { periods - alarm.datapoints() + 1 };
    format!(
        "Threshold Crossed: {} out of the last {periods} datapoints [{}] {} {}{} the threshold ({:?}) (minimum {needed} \
         {} for {} -> {} transition).",
        counted.len(),
        counted.join(", "),
        if counted.len() == 1 { "was" } else { "were" },
        if breaching { "" } else { "not " },
        alarm.comparison.words(),
        alarm.threshold,
        datapoints(needed),
        if breaching { "OK" } else { "ALARM" },
        value.name(),
    )
}

fn reason_data(alarm: &MetricAlarm, real: &[&Datapoint], points: &[Datapoint], now: Timestamp) -> String {
    let evaluated: Vec<_> = match real {
        [] => points
            .iter()
            .take(alarm.evaluation_periods)
            .map(|it| json!({ "timestamp": precise(it.at) }))
            .collect(),
        real => real
            .iter()
            .map(|point| {
                let mut shown = json!({ "timestamp": precise(point.at), "value": point.value });
                if let Some(samples) = point.samples {
                    shown["sampleCount"] = samples.into();
                }
                shown
            })
            .collect(),
    };
    // As CloudWatch: oldest first.
    let recent: Vec<_> = real.iter().rev().filter_map(|point| point.value).collect();
    let mut data = json!({
        "version": "1.0",
        "queryDate": precise(now),
        "period": alarm.period(),
        "recentDatapoints": recent,
        "threshold": alarm.threshold,
        "evaluatedDatapoints": evaluated,
    });
    if let Some(oldest) = real.last() {
        data["startDate"] = precise(oldest.at).into();
    }
    if let Watched::One(stat) = &alarm.watched {
        data["statistic"] = stat.stat.name().into();
        if let Some(unit) = &stat.unit {
            data["unit"] = unit.as_str().into();
        }
    }
    data.to_string()
}
