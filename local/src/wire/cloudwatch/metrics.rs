//! PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::queries::{self, stat};
use super::value::{Answer, Value, missing};
use super::{invalid, metric, metric_members, validation};
use crate::wire::paging::{self, Order};
use crate::world::cloudwatch::{
    Datum, Metric, QueryResult, RECENTLY_SECONDS, Stat, Statistics, check_value, query_period,
};
use crate::world::{Refusal, World};

const MOST_DATA: usize = 1_000;
const MOST_VALUES: usize = 150;
const MOST_QUERIES: usize = 500;
const MOST_DATAPOINTS: usize = 100_800;
const MOST_STATISTICS: i64 = 1_440;
const METRICS_PER_PAGE: usize = 500;

pub(super) fn put(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let namespace = input.required_text("Namespace")?;
    let mut given: Vec<&Value> = input.list_of("MetricData")?.iter().collect();
    for of_entity in input.list_of("EntityMetricData")? {
        given.extend(of_entity.list_of("MetricData")?);
    }
    if given.is_empty() {
        return Err(missing("MetricData"));
    }
    if given.len() > MOST_DATA {
        return Err(invalid(format!(
            "The collection MetricData must not have a size greater than {MOST_DATA}."
        )));
    }
    let now = world.now();
    let data = given.into_iter().map(|datum| read_datum(datum, namespace, now)).collect::<Result<_, _>>()?;
    world.put_metric_data(data)?;
    Ok(Value::Map(Vec::new()))
}

fn read_datum(value: &Value, namespace: &str, now: Timestamp) -> Result<Datum, Refusal> {
    let resolution = value.integer_of("StorageResolution")?.unwrap_or(60);
    if ![1, 60].contains(&resolution) {
        return Err(invalid(format!(
            "The value {resolution} for parameter StorageResolution must be 1 or 60."
        )));
    }
    Ok(Datum {
        metric: metric(value, namespace)?,
        at: value.time_of("Timestamp")?.unwrap_or(now),
        unit: value.text_of("Unit")?.unwrap_or("None").to_owned(),
        statistics: read_statistics(value)?,
        high_resolution: resolution == 1,
    })
}

/// One of a value, values with counts, and what has been summed up.
fn read_statistics(value: &Value) -> Result<Statistics, Refusal> {
    let values = value.list_of("Values")?;
    match (value.number_of("Value")?, value.get("StatisticValues"), values) {
        (Some(one), None, []) => Ok(Statistics::of(check_value(one)?)),
        (None, Some(set), []) => {
            let member = |name: &str| {
                let number =
                    set.number_of(name)?.ok_or_else(|| missing(&format!("StatisticValues.{name}")))?;
                check_value(number)
            };
            let (count, sum) = (member("SampleCount")?, member("Sum")?);
            let (min, max) = (member("Minimum")?, member("Maximum")?);
            if count <= 0.0 || min > max {
                return Err(invalid("The values for parameter StatisticValues contradict each other."));
            }
            Ok(Statistics::summed_up(count, sum, min, max))
        }
        (None, None, [_, ..]) if values.len() <= MOST_VALUES => {
            let counts = value.list_of("Counts")?;
            if !counts.is_empty() && counts.len() != values.len() {
                return Err(invalid("The collections Values and Counts must have the same size."));
            }
            let mut statistics = Statistics::default();
            for (place, one) in values.iter().enumerate() {
                let number =
                    |it: &Value| it.as_number().ok_or_else(|| invalid("Values and Counts are numbers."));
                let count = counts.get(place).map_or(Ok(1.0), number)?;
                if check_value(count)? <= 0.0 {
                    return Err(invalid("The values for parameter Counts must be greater than 0."));
                }
                statistics.add(check_value(number(one)?)?, count);
            }
            Ok(statistics)
        }
        (None, None, []) => Err(missing("MetricData.member.Value")),
        (None, None, _) => {
            Err(invalid(format!("The collection Values must not have a size greater than {MOST_VALUES}.")))
        }
        _ => Err(Refusal::new(
            "InvalidParameterCombination",
            "Only one of Value, Values and StatisticValues may be given.",
        )),
    }
}

fn span(input: &Value) -> Result<(Timestamp, Timestamp), Refusal> {
    let start = input.time_of("StartTime")?.ok_or_else(|| missing("StartTime"))?;
    let end = input.time_of("EndTime")?.ok_or_else(|| missing("EndTime"))?;
    if start >= end {
        return Err(validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    Ok((start, end))
}

/// Pages cut the points of all results, one after the other; a token says how many have been seen.
pub(super) fn get_data(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let queries = queries::read(input.list_of("MetricDataQueries")?)?;
    if queries.is_empty() {
        return Err(missing("MetricDataQueries"));
    }
    if queries.len() > MOST_QUERIES {
        return Err(validation(format!(
            "The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}."
        )));
    }
    let ascending = match input.text_of("ScanBy")?.unwrap_or("TimestampDescending") {
        "TimestampAscending" => true,
        "TimestampDescending" => false,
        other => return Err(validation(format!("The value {other} for parameter ScanBy is invalid."))),
    };
    let most = input.integer_of("MaxDatapoints")?.unwrap_or(MOST_DATAPOINTS as i64);
    let most = usize::try_from(most).ok().filter(|most| (1..=MOST_DATAPOINTS).contains(most));
    let most =
        most.ok_or_else(|| validation(format!("MaxDatapoints must be between 1 and {MOST_DATAPOINTS}.")))?;
    let seen = match input.text_of("NextToken")?.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token
            .strip_prefix("points-")
            .and_then(|it| it.parse::<usize>().ok())
            .ok_or_else(|| Refusal::new("InvalidNextToken", "The next token is invalid."))?,
    };
    let mut results = world.cloudwatch.query(&queries, span(input)?, world.now())?;
    if !ascending {
        results.iter_mut().for_each(|result| result.points.reverse());
    }
    let (shown, next) = page(results, seen, most);
    let answer = Answer::new()
        .put("MetricDataResults", Value::List(shown))
        .maybe("NextToken", next.map(|seen| Value::Text(format!("points-{seen}"))))
        .put("Messages", Value::List(Vec::new()));
    Ok(answer.done())
}

fn page(results: Vec<QueryResult>, seen: usize, most: usize) -> (Vec<Value>, Option<usize>) {
    let (mut before, mut shown) = (0, Vec::new());
    let all: usize = results.iter().map(|result| result.points.len()).sum();
    let last = seen.saturating_add(most).min(all);
    for result in results {
        let count = result.points.len();
        let from = seen.saturating_sub(before).min(count);
        let to = last.saturating_sub(before).min(count);
        // What was shown as a whole on an earlier page is not shown again, nor what a later page begins with.
        let belongs = if count == 0 { (seen..=last).contains(&before) } else { from < to };
        before += count;
        if !belongs {
            continue;
        }
        let points = &result.points[from..to];
        let answer = Answer::new()
            .put("Id", Value::Text(result.id))
            .put("Label", Value::Text(result.label))
            .put("Timestamps", Value::List(points.iter().map(|(at, _)| Value::Time(*at)).collect()))
            .put("Values", Value::List(points.iter().map(|(_, value)| Value::Number(*value)).collect()))
            .put("StatusCode", Value::text(if to < count { "PartialData" } else { "Complete" }));
        shown.push(answer.done());
    }
    (shown, (last < all).then_some(last))
}

pub(super) fn get_statistics(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let metric = metric(input, input.required_text("Namespace")?)?;
    let (start, end) = span(input)?;
    let period = query_period(input.integer_of("Period")?.ok_or_else(|| missing("Period"))?)?;
    let (plain, extended) = (input.texts_of("Statistics")?, input.texts_of("ExtendedStatistics")?);
    if plain.is_empty() && extended.is_empty() {
        return Err(missing("Statistics"));
    }
    let read = |names: &[String], percentiles: bool| -> Result<Vec<Stat>, Refusal> {
        let mut stats = Vec::new();
        for name in names {
            let stat = stat(name)?;
            if stat.is_percentile() != percentiles {
                return Err(invalid(format!("The value {name} for parameter Statistics is invalid.")));
            }
            stats.push(stat);
        }
        Ok(stats)
    };
    let (plain, extended) = (read(&plain, false)?, read(&extended, true)?);
    let asked = (end.as_second() - start.as_second() + period - 1) / period;
    if asked > MOST_STATISTICS {
        return Err(Refusal::new(
            "InvalidParameterCombination",
            format!(
                "You have requested up to {asked} datapoints, which exceeds the limit of {MOST_STATISTICS}. You may reduce \
                 the datapoints requested by increasing Period, or decreasing the time range."
            ),
        ));
    }
    let unit = input.text_of("Unit")?;
    let found = world.cloudwatch.read(&metric, (start, end), period, unit, world.now());
    let shown_unit = unit.or_else(|| world.cloudwatch.unit_of(&metric)).unwrap_or("None");
    let points = found.into_iter().map(|point| {
        let mut answer = Answer::new().put("Timestamp", Value::Time(point.at));
        for stat in &plain {
            answer = answer.maybe(&stat.name(), point.statistics.get(*stat).map(Value::Number));
        }
        let percentile = |stat: &Stat| Some((stat.name(), Value::Number(point.statistics.get(*stat)?)));
        let percentiles: Vec<_> = extended.iter().filter_map(percentile).collect();
        let percentiles = (!percentiles.is_empty()).then_some(Value::Map(percentiles));
        answer.put("Unit", Value::text(shown_unit)).maybe("ExtendedStatistics", percentiles).done()
    });
    let points = Value::List(points.collect());
    Ok(Answer::new().put("Label", Value::text(&metric.name)).put("Datapoints", points).done())
}

pub(super) fn list(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let (namespace, name) = (input.text_of("Namespace")?, input.text_of("MetricName")?);
    let mut wanted: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for filter in input.list_of("Dimensions")? {
        wanted.insert(filter.required_text("Name")?, filter.text_of("Value")?);
    }
    let seconds = match input.text_of("RecentlyActive")? {
        None => i64::MAX,
        Some("PT3H") => RECENTLY_SECONDS,
        Some(other) => {
            return Err(invalid(format!("The value {other} for parameter RecentlyActive is invalid.")));
        }
    };
    let fits = |metric: &&Metric| {
        namespace.is_none_or(|it| it == metric.namespace)
            && name.is_none_or(|it| it == metric.name)
            && wanted.iter().all(|(name, value)| {
                metric.dimensions.get(*name).is_some_and(|own| value.is_none_or(|value| value == own))
            })
    };
    let found = world.cloudwatch.metrics_since(world.now(), seconds).filter(fits);
    let keyed = found.map(|metric| (format!("{metric:?}"), metric_members(Answer::new(), metric).done()));
    let page = paging::page(keyed.collect(), Order::Ascending, input.text_of("NextToken")?, METRICS_PER_PAGE)
        .map_err(|_| invalid("The value for parameter NextToken is invalid."))?;
    let answer = Answer::new().put("Metrics", Value::List(page.items));
    Ok(answer.maybe("NextToken", page.next.map(Value::Text)).done())
}
