//! Putting, showing and changing alarms.

use super::queries::{self, stat};
use super::value::{Answer, Value, missing};
use super::{alarm_view, invalid, metric, validation};
use crate::wire::paging::{self, Order};
use crate::world::cloudwatch::{
    Actions, Alarm, AlarmTags, Comparison, MetricAlarm, MetricStat, MissingData, PutAlarm, PutCompositeAlarm,
    PutMetricAlarm, StateValue, Suppressor, Watched,
};
use crate::world::{Refusal, World};

const MOST_NAMES: usize = 100;
const MOST_TAGS: usize = 50;
/// What is not here and would change what an alarm does.
const NOT_BUILT: [&str; 6] = [
    "ThresholdMetricId",
    "EvaluationCriteria",
    "EvaluationInterval",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "ActionConfiguration",
];

fn read_alarm(input: &Value) -> Result<PutAlarm, Refusal> {
    if let Some(name) = NOT_BUILT.into_iter().find(|name| input.get(name).is_some()) {
        return Err(validation(format!("{name} is not built here")));
    }
    Ok(PutAlarm {
        name: input.required_text("AlarmName")?.to_owned(),
        description: input.owned_text("AlarmDescription")?,
        actions: Actions {
            enabled: input.bool_of("ActionsEnabled")?.unwrap_or(true),
            ok: input.texts_of("OKActions")?,
            alarm: input.texts_of("AlarmActions")?,
            insufficient_data: input.texts_of("InsufficientDataActions")?,
        },
        tags: read_tags(input)?,
    })
}

pub(super) fn read_tags(input: &Value) -> Result<AlarmTags, Refusal> {
    let mut tags = AlarmTags::new();
    for tag in input.list_of("Tags")? {
        let key = tag.required_text("Key")?;
        tags.insert(key.to_owned(), tag.text_of("Value")?.unwrap_or_default().to_owned());
    }
    Ok(tags)
}

pub(super) fn put_metric(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let periods = |name: &str| -> Result<Option<usize>, Refusal> {
        let given = input.integer_of(name)?;
        given
            .map(|it| usize::try_from(it).map_err(|_| validation(format!("{name} must be positive."))))
            .transpose()
    };
    let comparison = input.required_text("ComparisonOperator")?;
    let missing_data = |text: &str| {
        MissingData::parse(text).ok_or_else(|| {
            validation(format!("The value {text} for parameter TreatMissingData must be missing, ignore, breaching or notBreaching."))
        })
    };
    let low_samples = |text: &str| match text {
        "ignore" => Ok(true),
        "evaluate" => Ok(false),
        _ => Err(validation(format!(
            "Option {text} for parameter EvaluateLowSampleCountPercentile is invalid."
        ))),
    };
    let configuration = MetricAlarm {
        watched: read_watched(input)?,
        evaluation_periods: periods("EvaluationPeriods")?.ok_or_else(|| missing("EvaluationPeriods"))?,
        datapoints_to_alarm: periods("DatapointsToAlarm")?,
        threshold: input.number_of("Threshold")?.ok_or_else(|| missing("Threshold"))?,
        comparison: Comparison::parse(comparison).ok_or_else(|| {
            validation(format!(
                "The ComparisonOperator {comparison} is not built here: it needs anomaly detection"
            ))
        })?,
        missing_data: input.text_of("TreatMissingData")?.map(missing_data).transpose()?,
        ignores_low_sample_counts: input
            .text_of("EvaluateLowSampleCountPercentile")?
            .map(low_samples)
            .transpose()?,
    };
    world.put_metric_alarm(PutMetricAlarm { alarm: read_alarm(input)?, configuration })?;
    Ok(nothing())
}

/// `Metrics`, or one metric by its members.
fn read_watched(input: &Value) -> Result<Watched, Refusal> {
    let list = input.list_of("Metrics")?;
    if !list.is_empty() {
        let both = ["MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period"];
        return match both.iter().find(|name| input.get(name).is_some()) {
            Some(name) => Err(validation(format!("{name} must not be set if Metrics is."))),
            None => Ok(Watched::Queries(queries::read(list)?)),
        };
    }
    let stat = match (input.text_of("Statistic")?, input.text_of("ExtendedStatistic")?) {
        (Some(plain), None) => stat(plain)?,
        (None, Some(extended)) => stat(extended)?,
        (None, None) => return Err(missing("Statistic")),
        (Some(_), Some(_)) => {
            return Err(Refusal::new(
                "InvalidParameterCombination",
                "Statistic and ExtendedStatistic cannot both be given.",
            ));
        }
    };
    Ok(Watched::One(MetricStat {
        metric: metric(input, input.required_text("Namespace")?)?,
        period: input.integer_of("Period")?.ok_or_else(|| missing("Period"))?,
        stat,
        unit: input.owned_text("Unit")?,
    }))
}

pub(super) fn put_composite(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let rule = input.required_text("AlarmRule")?.to_owned();
    let suppressor = input.text_of("ActionsSuppressor")?.filter(|name| !name.is_empty());
    let seconds = |name: &str| input.integer_of(name)?.ok_or_else(|| missing(name));
    let suppressor = suppressor.map(|alarm| {
        Ok::<_, Refusal>(Suppressor {
            alarm: alarm.to_owned(),
            wait_seconds: seconds("ActionsSuppressorWaitPeriod")?,
            extension_seconds: seconds("ActionsSuppressorExtensionPeriod")?,
        })
    });
    let suppressor = suppressor.transpose()?;
    world.put_composite_alarm(PutCompositeAlarm { alarm: read_alarm(input)?, rule, suppressor })?;
    Ok(nothing())
}

pub(super) fn describe(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let names = input.texts_of("AlarmNames")?;
    let prefix = input.text_of("AlarmNamePrefix")?;
    if names.len() > MOST_NAMES {
        return Err(validation(format!("AlarmNames must not have a size greater than {MOST_NAMES}.")));
    }
    if !names.is_empty() && prefix.is_some() {
        return Err(Refusal::new(
            "InvalidParameterCombination",
            "AlarmNames and AlarmNamePrefix cannot both be given.",
        ));
    }
    let types = input.texts_of("AlarmTypes")?;
    if let Some(wrong) =
        types.iter().find(|it| !["MetricAlarm", "CompositeAlarm", "LogAlarm"].contains(&it.as_str()))
    {
        return Err(validation(format!("The value {wrong} for parameter AlarmTypes is invalid.")));
    }
    let state = input.text_of("StateValue")?.map(read_state).transpose()?;
    let action = input.text_of("ActionPrefix")?;
    let (children_of, parents_of) =
        (input.text_of("ChildrenOfAlarmName")?, input.text_of("ParentsOfAlarmName")?);
    let children: Vec<String> = children_of
        .and_then(|name| world.cloudwatch.alarm(name))
        .map(|alarm| alarm.children().into_iter().map(str::to_owned).collect())
        .unwrap_or_default();
    // Metric alarms only, where nobody asks for others.
    let is_wanted_type = |alarm: &Alarm| {
        let own = if alarm.is_composite() { "CompositeAlarm" } else { "MetricAlarm" };
        let related = children_of.is_some() || parents_of.is_some();
        if types.is_empty() {
            related || !alarm.is_composite() || !names.is_empty()
        } else {
            types.iter().any(|it| it == own)
        }
    };
    let fits = |alarm: &&Alarm| {
        is_wanted_type(alarm)
            && (names.is_empty() || names.contains(&alarm.name))
            && prefix.is_none_or(|prefix| alarm.name.starts_with(prefix))
            && state.is_none_or(|state| alarm.state.value == state)
            && action.is_none_or(|action| alarm.actions.all().any(|it| it.starts_with(action)))
            && (children_of.is_none() || children.contains(&alarm.name))
            && parents_of.is_none_or(|name| alarm.children().contains(&name))
    };
    let keyed = world
        .cloudwatch
        .alarms()
        .filter(fits)
        .map(|alarm| (alarm.name.clone(), (alarm.is_composite(), alarm_view::alarm(alarm))));
    let page = page(keyed.collect(), Order::Ascending, input)?;
    let (composite, metric): (Vec<_>, Vec<_>) = page.items.into_iter().partition(|(composite, _)| *composite);
    let list = |alarms: Vec<(bool, Value)>| Value::List(alarms.into_iter().map(|(_, alarm)| alarm).collect());
    let answer = Answer::new().put("CompositeAlarms", list(composite)).put("MetricAlarms", list(metric));
    Ok(answer.maybe("NextToken", page.next.map(Value::Text)).done())
}

pub(super) fn page<T>(
    items: Vec<(String, T)>,
    order: Order,
    input: &Value,
) -> Result<paging::Page<T>, Refusal> {
    let size = input.integer_of("MaxRecords")?.unwrap_or(50);
    let size = usize::try_from(size).ok().filter(|size| (1..=100).contains(size));
    let size = size.ok_or_else(|| validation("MaxRecords must be between 1 and 100."))?;
    paging::page(items, order, input.text_of("NextToken")?, size)
        .map_err(|_| Refusal::new("InvalidNextToken", "The next token is invalid."))
}

fn read_state(text: &str) -> Result<StateValue, Refusal> {
    StateValue::parse(text)
        .ok_or_else(|| validation(format!("The value {text} for parameter StateValue is invalid.")))
}

pub(super) fn describe_for_metric(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let metric = metric(input, input.required_text("Namespace")?)?;
    let named = input.text_of("Statistic")?.or(input.text_of("ExtendedStatistic")?);
    let stat = named.map(stat).transpose()?;
    let found = world.cloudwatch.alarms().filter(|alarm| alarm.is_for(&metric, stat));
    Ok(Answer::new().put("MetricAlarms", Value::List(found.map(alarm_view::alarm).collect())).done())
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let names = input.texts_of("AlarmNames")?;
    if names.len() > MOST_NAMES {
        return Err(validation(format!("AlarmNames must not have a size greater than {MOST_NAMES}.")));
    }
    world.delete_alarms(&names)?;
    Ok(nothing())
}

pub(super) fn set_state(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let value = read_state(input.required_text("StateValue")?)?;
    let reason = input.text_of("StateReason")?.ok_or_else(|| missing("StateReason"))?;
    world.set_alarm_state(
        input.required_text("AlarmName")?,
        value,
        reason,
        input.owned_text("StateReasonData")?,
    )?;
    Ok(nothing())
}

pub(super) fn enable(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    world.enable_alarm_actions(&input.texts_of("AlarmNames")?, true);
    Ok(nothing())
}

pub(super) fn disable(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    world.enable_alarm_actions(&input.texts_of("AlarmNames")?, false);
    Ok(nothing())
}

pub(super) fn tag(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let added = read_tags(input)?;
    let tags = world.alarm_tags_mut(input.required_text("ResourceARN")?)?;
    let fresh = added.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + fresh > MOST_TAGS {
        return Err(invalid(format!("A resource must not have more than {MOST_TAGS} tags.")));
    }
    tags.extend(added);
    Ok(nothing())
}

pub(super) fn untag(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let keys = input.texts_of("TagKeys")?;
    let tags = world.alarm_tags_mut(input.required_text("ResourceARN")?)?;
    tags.retain(|key, _| !keys.contains(key));
    Ok(nothing())
}

pub(super) fn list_tags(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let tags = world.alarm_tags_mut(input.required_text("ResourceARN")?)?;
    let tag = |(key, value): (&String, &String)| {
        Answer::new().put("Key", Value::text(key)).put("Value", Value::text(value)).done()
    };
    Ok(Answer::new().put("Tags", Value::List(tags.iter().map(tag).collect())).done())
}

pub(super) fn history(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let name = input.text_of("AlarmName")?;
    let kind = input.text_of("HistoryItemType")?;
    let types = input.texts_of("AlarmTypes")?;
    let (start, end) = (input.time_of("StartDate")?, input.time_of("EndDate")?);
    let order = match input.text_of("ScanBy")?.unwrap_or("TimestampDescending") {
        "TimestampAscending" => Order::Ascending,
        "TimestampDescending" => Order::Descending,
        other => return Err(validation(format!("The value {other} for parameter ScanBy is invalid."))),
    };
    let own_type = |composite: bool| if composite { "CompositeAlarm" } else { "MetricAlarm" };
    let found = world.cloudwatch.history().filter(|item| {
        name.is_none_or(|name| item.alarm == name)
            && kind.is_none_or(|kind| item.kind.name() == kind)
            && start.is_none_or(|start| item.at >= start)
            && end.is_none_or(|end| item.at <= end)
            && (types.is_empty() || types.iter().any(|it| it == own_type(item.composite)))
    });
    let shown = found.map(|item| {
        let answer = Answer::new()
            .put("AlarmName", Value::text(&item.alarm))
            .put("AlarmType", Value::text(own_type(item.composite)))
            .put("Timestamp", Value::Time(item.at))
            .put("HistoryItemType", Value::text(item.kind.name()))
            .put("HistorySummary", Value::text(&item.summary))
            .put("HistoryData", Value::text(&item.data));
        (format!("{:020}", item.number), answer.done())
    });
    let page = page(shown.collect(), order, input)?;
    let answer = Answer::new().put("AlarmHistoryItems", Value::List(page.items));
    Ok(answer.maybe("NextToken", page.next.map(Value::Text)).done())
}

pub(super) fn nothing() -> Value {
    Value::Map(Vec::new())
}
