//! RunTask. What is asked for and not carried out here is refused, rather than left out without a word.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::tags::{self, Tag};
use super::{invalid, parse, required, tasks, unsupported};
use crate::wire::Caller;
use crate::world::ecs::{ContainerOverride, RunTask};
use crate::world::{Refusal, World};

/// Looked at as CreateService's.
const PLACEMENT: [&str; 3] = ["launchType", "capacityProviderStrategy", "networkConfiguration"];
const PLATFORM_VERSIONS: [&str; 2] = ["LATEST", "1.4.0"];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Run {
    cluster: Option<String>,
    task_definition: String,
    count: Option<u32>,
    group: Option<String>,
    started_by: Option<String>,
    client_token: Option<String>,
    overrides: Map<String, Value>,
    propagate_tags: Option<String>,
    platform_version: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Override {
    name: Option<String>,
    command: Option<Vec<String>>,
    environment: Vec<Variable>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    value: String,
}

pub(super) fn run(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Run = parse(body)?;
    refuse_what_is_not_built(body, &request)?;
    let placement = PLACEMENT.iter().filter(|member| says(&body[**member]));
    let ran = world.run_task(RunTask {
        cluster: request.cluster,
        task_definition: required(&request.task_definition, "taskDefinition")?.to_owned(),
        count: request.count.unwrap_or(1),
        group: request.group,
        started_by: request.started_by,
        client_token: request.client_token,
        overrides: overrides(&request.overrides)?.into_iter().collect(),
        tags: tags::read(request.tags)?,
        propagates_tags: propagates(request.propagate_tags.as_deref())?,
        placement: placement.map(|member| ((*member).to_owned(), body[*member].clone())).collect(),
    })?;
    let tasks: Vec<Value> = ran.tasks.iter().map(|task| tasks::show(world, task, true)).collect();
    let failures: Vec<Value> = ran.failures.iter().map(|reason| json!({"reason": reason})).collect();
    Ok(json!({"tasks": tasks, "failures": failures}))
}

/// Clients send `null` and empty lists for what they do not say.
fn says(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

fn refuse_what_is_not_built(body: &Value, request: &Run) -> Result<(), Refusal> {
    for (member, what) in [
        ("enableECSManagedTags", "Tags that ECS itself puts on a task"),
        ("enableExecuteCommand", "ECS Exec"),
        ("placementConstraints", "Placement, which Fargate does not have either,"),
        ("placementStrategy", "Placement, which Fargate does not have either,"),
        ("referenceId", "A reference of a task"),
        ("volumeConfigurations", "A volume of a task"),
    ] {
        if says(&body[member]) {
            return Err(unsupported(format!("{what} is not built here: {member}.")));
        }
    }
    match &request.platform_version {
        Some(version) if !PLATFORM_VERSIONS.contains(&version.as_str()) => {
            Err(unsupported(format!("Platform version {version} is not built here.")))
        }
        _ => Ok(()),
    }
}

fn propagates(from: Option<&str>) -> Result<bool, Refusal> {
    match from {
        None | Some("NONE") => Ok(false),
        Some("TASK_DEFINITION") => Ok(true),
        Some("SERVICE") => {
            Err(invalid("Tags can only be propagated from the SERVICE to tasks of that service."))
        }
        Some(other) => Err(invalid(format!("Invalid propagateTags '{other}'."))),
    }
}

fn overrides(all: &Map<String, Value>) -> Result<Vec<(String, ContainerOverride)>, Refusal> {
    let not_built = |member: &str| unsupported(format!("An override of {member} is not carried out here."));
    let others = all.iter().filter(|(member, value)| *member != "containerOverrides" && says(value));
    if let Some((member, _)) = { others }.next() {
        return Err(not_built(member));
    }
    let list = all.get("containerOverrides").and_then(Value::as_array);
    let mut found: Vec<(String, ContainerOverride)> = Vec::new();
    for one in list.into_iter().flatten() {
        let Override { name, command, environment, others } = parse(one)?;
        if let Some((member, _)) = others.iter().find(|(_, value)| says(value)) {
            return Err(not_built(&format!("a container's {member}")));
        }
        let name = name.ok_or_else(|| invalid("Container.name should not be null or empty."))?;
        if found.iter().any(|(known, _)| *known == name) {
            return Err(invalid(format!("More than one override for the container {name}.")));
        }
        let environment = environment.into_iter().map(|it| (it.name, it.value)).collect();
        let command = command.filter(|command| !command.is_empty());
        found.push((name, ContainerOverride { command, environment }));
    }
    Ok(found)
}
