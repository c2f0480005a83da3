//! CloudWatch Logs over the wire: what tasks wrote, where the `awslogs` options of their task definitions put it. A log
//! group is there while a task definition names it, a stream while its task can be described. Nothing is written by way
//! of the API.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Wire;
use super::paging::{self, Order};
use crate::tasks::LogLine;
use crate::world::{Refusal, World};

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

/// Those that some task definition names.
fn describe_groups(wire: &Wire, body: &Value) -> Result<Value, Refusal> {
    let prefix = body["logGroupNamePrefix"].as_str().unwrap_or_default();
    let named = wire.hub.with(|world| {
        let containers = world.ecs.task_definitions.iter().flat_map(|it| it.containers());
        let options =
            containers.filter_map(|it| it.get("logConfiguration")?.get("options")?.get("awslogs-group"));
        options.filter_map(Value::as_str).map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    });
    let items = named.into_iter().filter(|name| name.starts_with(prefix)).map(|name| {
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

/// The stream of one container of one task, with its lines, oldest first.
struct Stream {
    name: String,
    created_at: i64,
    lines: Vec<LogLine>,
}

/// Every stream of a group.
fn streams(wire: &Wire, group: Option<&str>) -> Result<Vec<Stream>, Refusal> {
    let group = group
        .filter(|group| !group.is_empty())
        .ok_or_else(|| invalid("Exactly one of log group name and log group identifier must be given."))?;
    // An identifier may be an ARN: arn:aws:logs:<region>:<account>:log-group:<name>
    let group = group.split_once(":log-group:").map_or(group, |(_, name)| name.trim_end_matches(":*"));
    let tasks = wire.hub.with(|world| tasks_of(world, group));
    let tasks = tasks.ok_or_else(|| missing("log group"))?;
    let stream = |(task_id, container, prefix, created_at): (String, String, String, i64)| Stream {
        name: format!("{prefix}/{container}/{task_id}"),
        created_at,
        lines: wire.task_logs.of(&task_id).into_iter().filter(|line| line.container == container).collect(),
    };
    // The driver makes a stream when it has something to put in.
    Ok(tasks.into_iter().map(stream).filter(|stream| !stream.lines.is_empty()).collect())
}

/// Task id, container, prefix and start of every container whose log goes there; `None` where nobody names the group.
fn tasks_of(world: &World, group: &str) -> Option<Vec<(String, String, String, i64)>> {
    let option = |container: &serde_json::Map<String, Value>, name: &str| {
        let log = container.get("logConfiguration")?;
        let is_awslogs = log.get("logDriver").and_then(Value::as_str) == Some("awslogs");
        let value = log.get("options")?.get(name)?.as_str().filter(|_| is_awslogs)?;
        Some(value.to_owned())
    };
    let goes_there = |container: &serde_json::Map<String, Value>| {
        option(container, "awslogs-group").as_deref() == Some(group)
    };
    let mut definitions = world.ecs.task_definitions.iter();
    if !definitions.any(|definition| definition.containers().any(goes_there)) {
        return None;
    }
    let mut found = Vec::new();
    for task in &world.ecs.tasks {
        let Ok(definition) = world.find_task_definition(&task.task_definition_arn) else { continue };
        for container in definition.containers().filter(|container| goes_there(container)) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let prefix = option(container, "awslogs-stream-prefix").unwrap_or_default();
            found.push((task.id.clone(), name, prefix, task.created_at.as_millisecond()));
        }
    }
    Some(found)
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
    let streams = streams(wire, group)?;
    let stream = streams.iter().find(|stream| stream.name == name).ok_or_else(|| missing("log stream"))?;
    let lines: Vec<&LogLine> =
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

fn first<'a>(lines: impl Iterator<Item = &'a LogLine>, limit: usize) -> Vec<&'a LogLine> {
    lines.take(limit).collect()
}

fn last<'a>(lines: impl Iterator<Item = &'a LogLine>, limit: usize) -> Vec<&'a LogLine> {
    let mut lines: Vec<_> = lines.collect();
    lines.split_off(lines.len().saturating_sub(limit))
}

fn is_within(line: &LogLine, start: Option<i64>, end: Option<i64>) -> bool {
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
    let streams = streams(wire, group)?.into_iter().filter(|stream| stream.name.starts_with(prefix));
    let items = streams.map(|stream| {
        let at = |line: Option<&LogLine>| line.map_or(stream.created_at, |line| line.at.as_millisecond());
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
    let pattern = Terms::parse(request.filter_pattern.as_deref().unwrap_or_default())?;
    let group = one_of(request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let size = limit(request.limit, MOST_EVENTS)?;
    let prefix = request.log_stream_name_prefix.as_deref().unwrap_or_default();
    let is_wanted = |stream: &Stream| {
        stream.name.starts_with(prefix)
            && (request.log_stream_names.is_empty() || request.log_stream_names.contains(&stream.name))
    };
    let mut items = Vec::new();
    for stream in streams(wire, group)?.iter().filter(|stream| is_wanted(stream)) {
        let lines = stream.lines.iter();
        for line in lines.filter(|it| is_within(it, request.start_time, request.end_time)) {
            if !pattern.fit(&line.text) {
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

/// Words that a line has to have, must not have (`-word`), or of which it needs one (`?word`). `"…"` is one word.
#[derive(Debug, Default)]
struct Terms {
    all: Vec<String>,
    none: Vec<String>,
    any: Vec<String>,
}

impl Terms {
    fn parse(pattern: &str) -> Result<Terms, Refusal> {
        if pattern.trim_start().starts_with(['{', '[', '%']) {
            return Err(invalid(
                "Invalid filter pattern: only words are known here, no fields and no expressions.",
            ));
        }
        let mut terms = Terms::default();
        let mut rest = pattern.trim_start();
        while !rest.is_empty() {
            let list = match rest.chars().next() {
                Some('-') => &mut terms.none,
                Some('?') => &mut terms.any,
                _ => &mut terms.all,
            };
            rest = rest.strip_prefix(['-', '?']).unwrap_or(rest);
            let (term, behind) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(|| invalid("Invalid filter pattern."))?,
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            list.push(term.to_owned());
            rest = behind.trim_start();
        }
        Ok(terms)
    }

    fn fit(&self, line: &str) -> bool {
        let has = |term: &String| line.contains(term.as_str());
        self.all.iter().all(has)
            && !self.none.iter().any(has)
            && (self.any.is_empty() || self.any.iter().any(has))
    }
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
