//! An alarm as DescribeAlarms shows it.

use super::value::{Answer, Value};
use super::{metric_members, queries};
use crate::world::cloudwatch::{Alarm, CompositeAlarm, Configuration, MetricAlarm, Suppression, Watched};

pub(super) fn alarm(alarm: &Alarm) -> Value {
    let answer = Answer::new()
        .put("AlarmName", Value::text(&alarm.name))
        .put("AlarmArn", Value::text(&alarm.arn))
        .maybe("AlarmDescription", alarm.description.as_deref().map(Value::text))
        .put("AlarmConfigurationUpdatedTimestamp", Value::Time(alarm.configured_at))
        .put("ActionsEnabled", Value::Bool(alarm.actions.enabled))
        .put("OKActions", Value::texts(&alarm.actions.ok))
        .put("AlarmActions", Value::texts(&alarm.actions.alarm))
        .put("InsufficientDataActions", Value::texts(&alarm.actions.insufficient_data))
        .put("StateValue", Value::text(alarm.state.value.name()))
        .put("StateReason", Value::text(&alarm.state.reason))
        .maybe("StateReasonData", alarm.state.reason_data.as_deref().map(Value::text))
        .put("StateUpdatedTimestamp", Value::Time(alarm.state.updated_at))
        .put("StateTransitionedTimestamp", Value::Time(alarm.state.transitioned_at));
    match &alarm.configuration {
        Configuration::Composite(composite) => composite_alarm(answer, composite, alarm.state.suppression),
        Configuration::Metric(metric) => metric_alarm(answer, metric),
    }
    .done()
}

fn composite_alarm(answer: Answer, alarm: &CompositeAlarm, suppression: Option<Suppression>) -> Answer {
    let answer = answer.put("AlarmRule", Value::text(&alarm.text));
    let answer = match &alarm.suppressor {
        Some(suppressor) => answer
            .put("ActionsSuppressor", Value::text(&suppressor.alarm))
            .put("ActionsSuppressorWaitPeriod", Value::Integer(suppressor.wait_seconds))
            .put("ActionsSuppressorExtensionPeriod", Value::Integer(suppressor.extension_seconds)),
        None => answer,
    };
    let by = suppression.map(|it| it.by);
    answer
        .maybe("ActionsSuppressedBy", by.map(|by| Value::text(by.name())))
        .maybe("ActionsSuppressedReason", by.map(|by| Value::Text(by.reason())))
}

fn metric_alarm(answer: Answer, alarm: &MetricAlarm) -> Answer {
    let answer = match &alarm.watched {
        Watched::Queries(list) => {
            let shown = list.iter().map(queries::write).collect();
            answer.put("Metrics", Value::List(shown)).put("Dimensions", Value::List(Vec::new()))
        }
        Watched::One(stat) => {
            let name = if stat.stat.is_percentile() { "ExtendedStatistic" } else { "Statistic" };
            metric_members(answer, &stat.metric)
                .put(name, Value::Text(stat.stat.name()))
                .put("Period", Value::Integer(stat.period))
                .maybe("Unit", stat.unit.as_deref().map(Value::text))
        }
    };
    let low_samples = |ignores: bool| Value::text(if ignores { "ignore" } else { "evaluate" });
    answer
        .put("EvaluationPeriods", Value::Integer(alarm.evaluation_periods as i64))
        .maybe("DatapointsToAlarm", alarm.datapoints_to_alarm.map(|it| Value::Integer(it as i64)))
        .put("Threshold", Value::Number(alarm.threshold))
        .put("ComparisonOperator", Value::text(alarm.comparison.name()))
        .maybe("TreatMissingData", alarm.missing_data.map(|it| Value::text(it.name())))
        .maybe("EvaluateLowSampleCountPercentile", alarm.ignores_low_sample_counts.map(low_samples))
}
