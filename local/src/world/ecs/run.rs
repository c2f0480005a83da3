//! Tasks outside a service: RunTask, what a task does otherwise than its revision says, and the client token that makes
//! asking twice asking once.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::launch;
use super::service::apply_default_strategy;
use super::task::NO_CAPACITY;
use super::task_definition::{client, text};
use super::{ContainerOverride, RunTask, Tags, Task, TaskDefinition, TaskStatus, invalid, tag};
use crate::world::{Refusal, Timestamp, World};

const MOST_AT_ONCE: u32 = 10;
const LONGEST_STARTED_BY: usize = 128;
const LONGEST_TOKEN: usize = 64;
const TOKENS_ARE_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What came of it: the tasks, and for each that was not started ECS's reason.
#[derive(Debug, Clone, Default)]
pub struct Ran {
    pub tasks: Vec<Task>,
    pub failures: Vec<String>,
}

/// A request with a client token, and the tasks as they were started.
#[derive(Debug, Clone)]
pub(crate) struct KnownRun {
    cluster_arn: String,
    request: RunTask,
    tasks: Vec<Task>,
    at: Timestamp,
}

impl World {
    /// The same token with the same request is the same tasks, for a day.
    pub fn run_task(&mut self, request: RunTask) -> Result<Ran, Refusal> {
        check(&request)?;
        let cluster = self.find_cluster(request.cluster.as_deref())?;
        let cluster_arn = cluster.arn.clone();
        let mut placement = request.placement.clone();
        apply_default_strategy(&mut placement, cluster);
        if let Some(known) = self.known_run(&cluster_arn, &request)? {
            return Ok(Ran { tasks: known, failures: Vec::new() });
        }
        let definition = self.find_active_task_definition(&request.task_definition)?.clone();
        launch::check_service(&placement, &definition.document)?;
        check_network(&placement, &definition)?;
        check_overrides(&request, &definition)?;
        let mut tags = if request.propagates_tags { definition.tags.clone() } else { Tags::new() };
        tags.extend(request.tags.clone());
        tag::check(&tags)?;
        if self.ecs.no_capacity {
            let failures = (0..request.count).map(|_| NO_CAPACITY.to_owned()).collect();
            return Ok(Ran { tasks: Vec::new(), failures });
        }
        let provider = placement.get("capacityProviderStrategy").and_then(first_provider);
        let mut ids = Vec::new();
        for _ in 0..request.count {
            let group = request.group.clone().unwrap_or_else(|| format!("family:{}", definition.family));
            let zone = self.emptiest_zone_of_group(&group);
            let task = Task {
                group,
                started_by: request.started_by.clone(),
                capacity_provider: provider.clone(),
                overrides: request.overrides.clone(),
                tags: tags.clone(),
                ..self.new_task(cluster_arn.clone(), definition.arn.clone(), &zone)
            };
            ids.push(self.add_task(task));
        }
        let started = self.ecs.tasks.iter().filter(|it| ids.contains(&it.id));
        let tasks: Vec<Task> = started.cloned().collect();
        if request.client_token.is_some() {
            let known = KnownRun { cluster_arn, request, tasks: tasks.clone(), at: self.now };
            self.ecs.known_runs.push(known);
        }
        self.settle();
        Ok(Ran { tasks, failures: Vec::new() })
    }

    /// As they are now, or where they are forgotten as they were.
    fn known_run(&mut self, cluster_arn: &str, request: &RunTask) -> Result<Option<Vec<Task>>, Refusal> {
        let now = self.now;
        self.ecs.known_runs.retain(|it| now.duration_since(it.at) < TOKENS_ARE_KNOWN_FOR);
        let same_token =
            |it: &&KnownRun| it.cluster_arn == cluster_arn && it.request.client_token == request.client_token;
        let Some(token) = &request.client_token else { return Ok(None) };
        let Some(known) = self.ecs.known_runs.iter().find(same_token) else { return Ok(None) };
        if known.request != *request {
            return Err(Refusal {
                resource_ids: known.tasks.iter().map(|it| it.arn.clone()).collect(),
                ..Refusal::new(
                    "ConflictException",
                    format!("The clientToken '{token}' is already in use with a different RunTask request."),
                )
            });
        }
        let now = |then: &Task| self.ecs.tasks.iter().find(|it| it.arn == then.arn).unwrap_or(then).clone();
        Ok(Some(known.tasks.iter().map(now).collect()))
    }

    fn emptiest_zone_of_group(&self, group: &str) -> String {
        let crowd = |zone: &&String| {
            let of_group = self.ecs.tasks.iter().filter(|it| it.group == group && it.zone == **zone);
            of_group.filter(|it| it.last_status != TaskStatus::Stopped).count()
        };
        self.settings.zones.iter().min_by_key(crowd).cloned().unwrap_or_default()
    }
}

impl ContainerOverride {
    pub(crate) fn show(&self, container: &str) -> Value {
        let mut shown = json!({"name": container});
        if let Some(command) = &self.command {
            shown["command"] = json!(command);
        }
        if !self.environment.is_empty() {
            let pairs = self.environment.iter().map(|(name, value)| json!({"name": name, "value": value}));
            shown["environment"] = pairs.collect();
        }
        shown
    }
}

/// Of the strategy, what Fargate puts the first task on.
fn first_provider(strategy: &Value) -> Option<String> {
    let strategy = strategy.as_array()?;
    let number = |it: &Value, member: &str| it.get(member).and_then(Value::as_u64).unwrap_or(0);
    let based = strategy.iter().find(|it| number(it, "base") > 0);
    let heaviest = || strategy.iter().rev().max_by_key(|it| number(it, "weight"));
    based.or_else(heaviest)?.get("capacityProvider")?.as_str().map(str::to_owned)
}

fn check(request: &RunTask) -> Result<(), Refusal> {
    if !(1..=MOST_AT_ONCE).contains(&request.count) {
        return Err(invalid(format!("count must be between 1 and {MOST_AT_ONCE}: {}", request.count)));
    }
    let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'/');
    let is_starter = |it: &String| it.len() <= LONGEST_STARTED_BY && it.bytes().all(allowed);
    if !request.started_by.as_ref().is_none_or(is_starter) {
        return Err(invalid(format!(
            "startedBy must have at most {LONGEST_STARTED_BY} letters, digits, hyphens, slashes and underscores."
        )));
    }
    let is_token =
        |it: &String| (1..=LONGEST_TOKEN).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_graphic());
    if !request.client_token.as_ref().is_none_or(is_token) {
        return Err(invalid(format!("clientToken must have 1 to {LONGEST_TOKEN} visible ASCII characters.")));
    }
    // Services name their own so.
    if request.group.as_ref().is_some_and(|it| it.starts_with("service:")) {
        return Err(invalid("The group of a task outside a service must not begin with 'service:'."));
    }
    Ok(())
}

/// Addresses of its own are asked for where the task definition says so, and nowhere else.
fn check_network(
    placement: &serde_json::Map<String, Value>,
    definition: &TaskDefinition,
) -> Result<(), Refusal> {
    let has_own = text(&definition.document, "networkMode") == "awsvpc";
    match (has_own, placement.get("networkConfiguration").is_some_and(|it| !it.is_null())) {
        (true, false) => {
            Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."))
        }
        (false, true) => Err(invalid(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        )),
        _ => Ok(()),
    }
}

fn check_overrides(request: &RunTask, definition: &TaskDefinition) -> Result<(), Refusal> {
    for name in request.overrides.keys() {
        if definition.container(name).is_none() {
            return Err(client(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
    }
    Ok(())
}
