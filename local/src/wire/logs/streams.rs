//! Which groups and streams there are: of tasks, where the `awslogs` options of their task definitions put them, and of
//! functions, in `/aws/lambda/<function>`, a stream for each instance.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{invalid, missing};
use crate::wire::Wire;
use crate::world::{Refusal, Timestamp, World};

const OF_FUNCTIONS: &str = "/aws/lambda/";

/// Those that some task definition names, and those of functions.
pub(super) fn groups(wire: &Wire) -> BTreeSet<String> {
    let mut groups: BTreeSet<String> = wire.hub.with(|world| {
        let containers = world.ecs.task_definitions.iter().flat_map(|it| it.containers());
        let named =
            containers.filter_map(|it| it.get("logConfiguration")?.get("options")?.get("awslogs-group"));
        named.filter_map(Value::as_str).map(str::to_owned).collect()
    });
    let functions = wire.deployed.iter().flat_map(|it| it.lambda.functions());
    groups.extend(functions.map(|function| format!("{OF_FUNCTIONS}{}", function.name)));
    groups
}

/// What one container of one task, or one instance of a function, wrote; oldest first.
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) created_at: i64,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) at: Timestamp,
    /// Grows with each line of the stream.
    pub(super) number: u64,
    pub(super) text: String,
}

/// Every stream of a group.
pub(super) fn of_group(wire: &Wire, group: Option<&str>) -> Result<Vec<Stream>, Refusal> {
    let group = group
        .filter(|group| !group.is_empty())
        .ok_or_else(|| invalid("Exactly one of log group name and log group identifier must be given."))?;
    // An identifier may be an ARN: arn:aws:logs:<region>:<account>:log-group:<name>
    let group = group.split_once(":log-group:").map_or(group, |(_, name)| name.trim_end_matches(":*"));
    if let Some(function) = group.strip_prefix(OF_FUNCTIONS)
        && let Some(streams) = of_function(wire, function)
    {
        return Ok(streams);
    }
    let tasks = wire.hub.with(|world| tasks_of(world, group));
    let tasks = tasks.ok_or_else(|| missing("log group"))?;
    let stream = |(task_id, container, prefix, created_at): (String, String, String, i64)| {
        let lines = wire.task_logs.of(&task_id).into_iter().filter(|line| line.container == container);
        let lines = lines.map(|line| Line { at: line.at, number: line.number, text: line.text });
        Stream { name: format!("{prefix}/{container}/{task_id}"), created_at, lines: lines.collect() }
    };
    // The driver makes a stream when it has something to put in.
    Ok(tasks.into_iter().map(stream).filter(|stream| !stream.lines.is_empty()).collect())
}

/// `None`: there is no such function.
fn of_function(wire: &Wire, function: &str) -> Option<Vec<Stream>> {
    let lambda = Some(&wire.deployed.as_ref()?.lambda).filter(|lambda| lambda.has_function(function))?;
    let mut streams = BTreeMap::<String, Vec<Line>>::new();
    for line in lambda.log_lines().into_iter().filter(|line| line.function == function) {
        let shown = Line { at: line.at, number: line.number, text: line.line };
        streams.entry(line.log_stream).or_default().push(shown);
    }
    let stream = |(name, lines): (String, Vec<Line>)| {
        let created_at = lines.first().map_or(0, |line| line.at.as_millisecond());
        Stream { name, created_at, lines }
    };
    Some(streams.into_iter().map(stream).collect())
}

/// Task id, container, prefix and start of every container whose log goes there; `None` where nobody names the group.
fn tasks_of(world: &World, group: &str) -> Option<Vec<(String, String, String, i64)>> {
    let option = |container: &Map<String, Value>, name: &str| {
        let log = container.get("logConfiguration")?;
        let is_awslogs = log.get("logDriver").and_then(Value::as_str) == Some("awslogs");
        let value = log.get("options")?.get(name)?.as_str().filter(|_| is_awslogs)?;
        Some(value.to_owned())
    };
    let goes_there =
        |container: &Map<String, Value>| option(container, "awslogs-group").as_deref() == Some(group);
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
