//! CloudWatch Logs over the wire: what tasks wrote, where the `awslogs` options of their task definitions put it, and what
//! functions wrote. A log group of tasks is there while a task definition names it, a stream while its task can be
//! described; of a function, its last lines are. Nothing is written by way of the API.

mod pattern;
mod streams;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Wire;
use super::paging::{self, Order};
use crate::world::Refusal;
use pattern::Pattern;
use streams::{Line, Stream, groups, of_group};

const MOST_EVENTS: i64 = 10_000;
const MOST_STREAMS: i64 = 50;

pub(super) fn call(wire: &Wire, operation: &str, body: &Value) -> Result<Value, Refusal> {
    match operation {
        "DescribeLogGroups" => describe_groups(wire, body),
        "DescribeLogStreams" => describe_streams(wire, &read(body)?),
        "FilterLogEvents" => filter(wire, &read(body)?),
        "GetLogEvents" => get(wire, &read(body)?),
        _ => Err(Refusal::new(
            "UnknownOperationException",
            format!(
                "{operation} is not an operation of CloudWatch Logs here; known: DescribeLogGroups, DescribeLogStreams, FilterLogEvents, \
                 GetLogEvents"
            ),
        )),
    }
}

fn describe_groups(wire: &Wire, body: &Value) -> Result<Value, Refusal> {
    let prefix = body["logGroupNamePrefix"].as_str().unwrap_or_default();
    let items = groups(wire).into_iter().filter(|name| name.starts_with(prefix)).map(|name| {
        let arn = wire.hub.with(|world| world.arn("logs", &format!("log-group:{name}:*")));
        (name.clone(), json!({ "logGroupName": name, "arn": arn }))
    });
    let size = limit(body["limit"].as_i64(), MOST_STREAMS)?;
    let page = paging::page(items.collect(), Order::Ascending, body["nextToken"].as_str(), size)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let mut answer = json!({ "logGroups": page.items });
    if let Some(next) = page.next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Get {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: bool,
}

/// The newest lines unless asked to start from the head. A token points before or behind a page, and when nothing more
/// comes it is given back as it was.
fn get(wire: &Wire, request: &Get) -> Result<Value, Refusal> {
    let name = request.log_stream_name.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| invalid("1 validation error detected: Value null at 'logStreamName' failed to satisfy constraint: Member must not be null"))?;
    let group = one_of(request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let limit = limit(request.limit, MOST_EVENTS)?;
    let streams = of_group(wire, group)?;
    let stream = streams.iter().find(|stream| stream.name == name).ok_or_else(|| missing("log stream"))?;
    let lines: Vec<&Line> =
        stream.lines.iter().filter(|line| is_within(line, request.start_time, request.end_time)).collect();
    let token = request.next_token.as_deref().map(token).transpose()?;
    let page = match token {
        Some((Direction::Forward, number)) => {
            first(lines.into_iter().filter(|it| it.number >= number), limit)
        }
        Some((Direction::Backward, number)) => last(lines.into_iter().filter(|it| it.number < number), limit),
        None if request.start_from_head => first(lines.into_iter(), limit),
        None => last(lines.into_iter(), limit),
    };
    let (from, to) = match (page.first(), page.last(), token) {
        (Some(first), Some(last), _) => (first.number, last.number + 1),
        (_, _, Some((_, number))) => (number, number),
        _ => (0, 0),
    };
    Ok(json!({
        "events": page.iter().map(|line| json!({
            "timestamp": line.at.as_millisecond(),
            "message": line.text,
            "ingestionTime": line.at.as_millisecond(),
        })).collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{to:056}"),
        "nextBackwardToken": format!("b/{from:056}"),
    }))
}

fn one_of<'a>(name: Option<&'a str>, identifier: Option<&'a str>) -> Result<Option<&'a str>, Refusal> {
    match (name, identifier) {
        (Some(_), Some(_)) => {
            Err(invalid("Exactly one of log group name and log group identifier must be given."))
        }
        (name, identifier) => Ok(name.or(identifier)),
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Forward,
    Backward,
}

fn token(text: &str) -> Result<(Direction, u64), Refusal> {
    let wrong = || invalid("The specified nextToken is invalid.");
    let (direction, number) = text.split_once('/').ok_or_else(wrong)?;
    let number = number.parse().map_err(|_| wrong())?;
    match direction {
        "f" => Ok((Direction::Forward, number)),
        "b" => Ok((Direction::Backward, number)),
        _ => Err(wrong()),
    }
}

fn first<'a>(lines: impl Iterator<Item = &'a Line>, limit: usize) -> Vec<&'a Line> {
    lines.take(limit).collect()
}

fn last<'a>(lines: impl Iterator<Item = &'a Line>, limit: usize) -> Vec<&'a Line> {
    let mut lines: Vec<_> = lines.collect();
    lines.split_off(lines.len().saturating_sub(limit))
}

/// The end is the first moment that is not asked for.
fn is_within(line: &Line, start: Option<i64>, end: Option<i64>) -> bool {
    let at = line.at.as_millisecond();
    start.is_none_or(|start| at >= start) && end.is_none_or(|end| at < end)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DescribeStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: bool,
    next_token: Option<String>,
    limit: Option<i64>,
}

fn describe_streams(wire: &Wire, request: &DescribeStreams) -> Result<Value, Refusal> {
    let by_time = match request.order_by.as_deref().unwrap_or("LogStreamName") {
        "LogStreamName" => false,
        "LastEventTime" if request.log_stream_name_prefix.is_some() => {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        "LastEventTime" => true,
        other => return Err(invalid(format!("orderBy is LogStreamName or LastEventTime, not '{other}'"))),
    };
    let group = one_of(request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let size = limit(request.limit, MOST_STREAMS)?;
    let prefix = request.log_stream_name_prefix.as_deref().unwrap_or_default();
    let streams = of_group(wire, group)?.into_iter().filter(|stream| stream.name.starts_with(prefix));
    let items = streams.map(|stream| {
        let at = |line: Option<&Line>| line.map_or(stream.created_at, |line| line.at.as_millisecond());
        let (oldest, newest) = (at(stream.lines.first()), at(stream.lines.last()));
        let key = if by_time { format!("{newest:020}/{}", stream.name) } else { stream.name.clone() };
        let shown = json!({
            "logStreamName": stream.name,
            "creationTime": stream.created_at,
            "firstEventTimestamp": oldest,
            "lastEventTimestamp": newest,
            "lastIngestionTime": newest,
            "storedBytes": 0,
        });
        (key, shown)
    });
    let order = if request.descending { Order::Descending } else { Order::Ascending };
    let page = paging::page(items.collect(), order, request.next_token.as_deref(), size)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let mut answer = json!({ "logStreams": page.items });
    if let Some(next) = page.next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

fn filter(wire: &Wire, request: &Filter) -> Result<Value, Refusal> {
    if !request.log_stream_names.is_empty() && request.log_stream_name_prefix.is_some() {
        return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive."));
    }
    let pattern = Pattern::parse(request.filter_pattern.as_deref().unwrap_or_default())?;
    let group = one_of(request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let size = limit(request.limit, MOST_EVENTS)?;
    let prefix = request.log_stream_name_prefix.as_deref().unwrap_or_default();
    let is_wanted = |stream: &Stream| {
        stream.name.starts_with(prefix)
            && (request.log_stream_names.is_empty() || request.log_stream_names.contains(&stream.name))
    };
    let mut items = Vec::new();
    for stream in of_group(wire, group)?.iter().filter(|stream| is_wanted(stream)) {
        let lines = stream.lines.iter();
        // Here the end is asked for as well.
        let end = request.end_time.map(|end| end.saturating_add(1));
        for line in lines.filter(|it| is_within(it, request.start_time, end)) {
            if !pattern.fits(&line.text) {
                continue;
            }
            let at = line.at.as_millisecond();
            let id = format!("{at:020}/{}/{:010}", stream.name, line.number);
            let shown = json!({
                "logStreamName": stream.name,
                "timestamp": at,
                "message": line.text,
                "ingestionTime": at,
                "eventId": id,
            });
            items.push((id, shown));
        }
    }
    let page = paging::page(items, Order::Ascending, request.next_token.as_deref(), size)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let mut answer = json!({ "events": page.items, "searchedLogStreams": [] });
    if let Some(next) = page.next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

fn limit(given: Option<i64>, most: i64) -> Result<usize, Refusal> {
    let limit = given.unwrap_or(most);
    usize::try_from(limit).ok().filter(|_| (1..=most).contains(&limit)).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must be \
             between 1 and {most}"
        ))
    })
}

fn read<T: serde::de::DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

fn missing(what: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("The specified {what} does not exist."))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}
