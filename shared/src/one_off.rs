//! One-off tasks: a migration, a job, beside a service and as it runs. What is asked of ECS, and what became of it.
//!
//! | tag of the task | value |
//! |---|---|
//! | `pushboat:service` | `<cluster>/<service>` that it was asked for |
//! | `pushboat:run-by` | who asked |
//! | `pushboat:container` | the container that it is about: its exit code and its log are the task's |
//!
//! Nothing of it changes with time, so that the same request with the same token is the same task.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::diagnosis::{Diagnosis, Secrets, StoppedTask};
use crate::model::{ServiceName, Tags};
use crate::policy::{Track, tag_value};
use crate::task_definition::{TaskDefinition, family_and_number, revision_name};

pub const OF_SERVICE: &str = "pushboat:service";
pub const RUN_BY: &str = "pushboat:run-by";
pub const CONTAINER: &str = "pushboat:container";
/// `startedBy`, by which ECS lists them.
pub const STARTED_BY: &str = "pushboat";

/// ECS's own members that say where the tasks of a service run, as it returned them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placement(pub Map<String, Value>);

impl Placement {
    /// From a service as ECS describes it. A strategy and a launch type go one without the other.
    pub fn of(service: &Map<String, Value>) -> Placement {
        let says = |value: &Value| match value {
            Value::Null => false,
            Value::Array(list) => !list.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => true,
        };
        let has_strategy = service.get("capacityProviderStrategy").is_some_and(says);
        let runs_on = if has_strategy { "capacityProviderStrategy" } else { "launchType" };
        let members =
            [runs_on, "platformVersion", "networkConfiguration", "placementConstraints", "placementStrategy"];
        let said = members.iter().filter_map(|member| Some((*member, service.get(*member)?)));
        Placement(
            said.filter(|(_, value)| says(value))
                .map(|(member, value)| (member.to_owned(), value.clone()))
                .collect(),
        )
    }
}

/// RunTask, in full.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTask {
    pub cluster: String,
    pub task_definition_arn: String,
    pub placement: Placement,
    /// The container and what it runs instead of its image's or its revision's command.
    pub command: Option<(String, Vec<String>)>,
    pub tags: Tags,
    /// The same again is the same task, so that trying again is harmless.
    pub client_token: String,
}

/// What ECS answers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launched {
    /// The task's ARN.
    Task(String),
    /// Nowhere to run it: ECS's reasons.
    Nowhere(String),
    /// The token stands for these tasks, which were asked for otherwise.
    OtherTasks(Vec<String>),
}

pub fn tags(service: &ServiceName, by: &str, container: Option<&str>) -> Tags {
    let mut tags =
        Tags::from([(OF_SERVICE.to_owned(), service.to_string()), (RUN_BY.to_owned(), tag_value(by))]);
    tags.extend(container.map(|container| (CONTAINER.to_owned(), container.to_owned())));
    tags
}

/// 1 to 64 visible ASCII characters, as ECS takes a client token.
pub fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic())
}

/// The container that a task is about: the one that is named, else the one that the service's tags follow, the only one,
/// or the only essential one. `Err`: why nobody can tell.
pub fn container(
    definition: &TaskDefinition,
    tracks: &[Track],
    named: Option<&str>,
) -> Result<String, String> {
    let all: Vec<&Map<String, Value>> = containers(definition).collect();
    let names: Vec<&str> = all.iter().map(|it| name_of(it)).collect();
    let there = || names.join(", ");
    if let Some(named) = named {
        return match names.contains(&named) {
            true => Ok(named.to_owned()),
            false => Err(format!("{} has no container '{named}'; there are: {}", definition.name(), there())),
        };
    }
    let followed = |track: &Track| definition.container(track.container.as_deref(), &track.repository).ok();
    let followed: Vec<(&Track, &str)> =
        tracks.iter().filter_map(|track| Some((track, followed(track)?.0))).collect();
    if let [(_, only)] = followed.as_slice() {
        return Ok((*only).to_owned());
    }
    // The service's main container has no name in its tag.
    if let Some((_, main)) = followed.iter().find(|(track, _)| track.container.is_none()) {
        return Ok((*main).to_owned());
    }
    let essential: Vec<&str> = all.iter().filter(|it| is_essential(it)).map(|it| name_of(it)).collect();
    match (names.as_slice(), essential.as_slice()) {
        ([only], _) | (_, [only]) => Ok((*only).to_owned()),
        _ => Err(format!("say which container of {}: {}", definition.name(), there())),
    }
}

fn containers(definition: &TaskDefinition) -> impl Iterator<Item = &Map<String, Value>> {
    let list = definition.document.get("containerDefinitions").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}

fn name_of(container: &Map<String, Value>) -> &str {
    container.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn is_essential(container: &Map<String, Value>) -> bool {
    container.get("essential").and_then(Value::as_bool).unwrap_or(true)
}

/// A task as ECS describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneOff {
    /// Its end, as far as it has come.
    pub end: StoppedTask,
    /// `PROVISIONING` to `STOPPED`.
    pub last_status: String,
    pub task_definition_arn: String,
    pub tags: Tags,
    pub created_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    /// Of each container, in the order of `end`: its state, and the command that it was given.
    pub containers: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    UnderWay,
    Succeeded,
    Failed,
}

impl OneOff {
    /// Was it started by Pushboat, for this service?
    pub fn is_of(&self, service: &ServiceName) -> bool {
        self.tags.get(OF_SERVICE) == Some(&service.to_string())
    }

    /// What this asks for, under another caller's name or of another revision: as when a pipeline is run again.
    pub fn is_as_asked(&self, service: &ServiceName, asked: &RunTask) -> bool {
        let family = |arn: &str| family_and_number(arn).map(|(family, _)| family.to_owned());
        let own = self.end.containers.iter().zip(&self.containers);
        let mut commands = own.filter(|(_, (_, command))| !command.is_empty());
        let is_same = match &asked.command {
            None => commands.next().is_none(),
            Some((name, words)) => {
                commands.next().is_some_and(|(it, (_, command))| it.name == *name && command == words)
            }
        };
        let is_of_family = family(&self.task_definition_arn) == family(&asked.task_definition_arn);
        self.is_of(service) && is_of_family && is_same
    }

    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }

    /// Whose exit code and log are the task's.
    pub fn container(&self) -> Option<&str> {
        let tagged = self.tags.get(CONTAINER).map(String::as_str);
        tagged.or_else(|| Some(self.end.containers.first()?.name.as_str()))
    }

    pub fn exit_code(&self) -> Option<i32> {
        let name = self.container()?;
        self.end.containers.iter().find(|it| it.name == name)?.exit_code
    }

    /// It ended well where its own container did, by itself, and nothing essential failed beside it: what is stopped because
    /// another container has ended leaves 137 or 143.
    pub fn outcome(&self, definition: Option<&TaskDefinition>) -> Outcome {
        if !self.is_stopped() {
            return Outcome::UnderWay;
        }
        let essential = |name: &str| {
            let known = definition.and_then(|it| containers(it).find(|it| name_of(it) == name));
            known.is_none_or(is_essential)
        };
        let beside = self.end.containers.iter().filter(|it| Some(it.name.as_str()) != self.container());
        let failed_beside = { beside }
            .any(|it| essential(&it.name) && it.exit_code.is_some_and(|code| ![0, 137, 143].contains(&code)));
        let by_itself = self.end.stop_code == "EssentialContainerExited";
        match by_itself && self.exit_code() == Some(0) && !failed_beside {
            true => Outcome::Succeeded,
            false => Outcome::Failed,
        }
    }
}

/// A one-off task: how it stands, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct View {
    pub id: String,
    /// `<cluster>/<service>`
    pub service: String,
    /// `family:revision`
    pub task_definition: String,
    /// ECS's own word, `PROVISIONING` to `STOPPED`.
    pub state: String,
    pub outcome: Outcome,
    /// Of the container that the task is about.
    pub exit_code: Option<i32>,
    pub container: Option<String>,
    pub run_by: Option<String>,
    pub created_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub stop_code: Option<String>,
    pub stopped_reason: Option<String>,
    pub containers: Vec<ContainerView>,
    /// Why it failed.
    pub diagnosis: Option<Diagnosis>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContainerView {
    pub name: String,
    pub state: String,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

/// For people and programs. Environment values are not shown, and no command: there may be a password in it.
pub fn view(
    task: &OneOff,
    service: &ServiceName,
    definition: Option<&TaskDefinition>,
    diagnosis: Option<Diagnosis>,
) -> View {
    let secrets = definition.map(|it| Secrets::of(&it.document)).unwrap_or_default();
    let said = |text: &str| (!text.is_empty()).then(|| secrets.hide(text));
    let containers = task.end.containers.iter().zip(&task.containers);
    View {
        id: task.end.id.clone(),
        service: service.to_string(),
        task_definition: revision_name(&task.task_definition_arn).to_owned(),
        state: task.last_status.clone(),
        outcome: task.outcome(definition),
        exit_code: task.exit_code(),
        container: task.container().map(str::to_owned),
        run_by: task.tags.get(RUN_BY).cloned(),
        created_at: task.created_at,
        started_at: task.started_at,
        stopped_at: task.stopped_at,
        stop_code: said(&task.end.stop_code),
        stopped_reason: said(&task.end.stopped_reason),
        containers: { containers }
            .map(|(end, (state, _))| ContainerView {
                name: end.name.clone(),
                state: state.clone(),
                exit_code: end.exit_code,
                reason: said(&end.reason),
            })
            .collect(),
        diagnosis,
    }
}

#[cfg(test)]
mod tests;
