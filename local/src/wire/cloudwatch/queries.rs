//! MetricDataQuery, as GetMetricData takes it and alarms keep it.

use super::value::{Answer, Value, missing};
use super::{invalid, metric, metric_members, validation};
use crate::world::Refusal;
use crate::world::cloudwatch::{MetricStat, Query, Stat, Subject};

pub(super) fn read(list: &[Value]) -> Result<Vec<Query>, Refusal> {
    list.iter().map(read_one).collect()
}

fn read_one(value: &Value) -> Result<Query, Refusal> {
    let id = value.required_text("Id")?.to_owned();
    let subject = match (value.get("MetricStat"), value.text_of("Expression")?) {
        (Some(stat), None) => Subject::Metric(read_stat(stat)?),
        (None, Some(text)) => Subject::Expression(text.to_owned()),
        _ => {
            return Err(validation(format!(
                "The query {id} must have one of MetricStat and Expression, and not both."
            )));
        }
    };
    if value.get("AccountId").is_some() {
        return Err(validation("AccountId is not built here: there is one account"));
    }
    Ok(Query {
        id,
        label: value.owned_text("Label")?,
        return_data: value.bool_of("ReturnData")?.unwrap_or(true),
        period: value.integer_of("Period")?,
        subject,
    })
}

fn read_stat(value: &Value) -> Result<MetricStat, Refusal> {
    let named = value.get("Metric").ok_or_else(|| missing("MetricStat.Metric"))?;
    Ok(MetricStat {
        metric: metric(named, named.required_text("Namespace")?)?,
        period: value.integer_of("Period")?.ok_or_else(|| missing("MetricStat.Period"))?,
        stat: stat(value.required_text("Stat")?)?,
        unit: value.owned_text("Unit")?,
    })
}

pub(super) fn stat(text: &str) -> Result<Stat, Refusal> {
    Stat::parse(text).ok_or_else(|| {
        invalid(format!(
            "The value {text} for parameter Stat is not built here: SampleCount, Average, Sum, Minimum, Maximum and \
             percentiles (p0 to p100) are"
        ))
    })
}

pub(super) fn write(query: &Query) -> Value {
    let answer = Answer::new().put("Id", Value::text(&query.id));
    let answer = match &query.subject {
        Subject::Expression(text) => answer.put("Expression", Value::text(text)),
        Subject::Metric(stat) => {
            let shown = Answer::new()
                .put("Metric", metric_members(Answer::new(), &stat.metric).done())
                .put("Period", Value::Integer(stat.period))
                .put("Stat", Value::Text(stat.stat.name()))
                .maybe("Unit", stat.unit.as_deref().map(Value::text));
            answer.put("MetricStat", shown.done())
        }
    };
    answer
        .maybe("Label", query.label.as_deref().map(Value::text))
        .put("ReturnData", Value::Bool(query.return_data))
        .maybe("Period", query.period.map(Value::Integer))
        .done()
}
