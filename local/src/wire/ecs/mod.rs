//! ECS: requests into calls of the world, and the world's records into the JSON that clients know.
//!
//! | file | operations on |
//! |---|---|
//! | `clusters` | clusters |
//! | `task_definitions` | families and revisions |
//! | `document` | what ECS adds to a registered document when it shows it |
//! | `services`, `service_view` | services: asking, and how one is shown |
//! | `deployments` | service deployments and revisions |
//! | `tasks`, `run` | tasks; those outside a service |
//! | `tags` | tags, and the lists of them in other requests |

mod clusters;
mod deployments;
mod document;
mod run;
mod service_view;
mod services;
mod tags;
mod task_definitions;
mod tasks;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::paging::{self, Order, Page};
use super::{Caller, Wire};
use crate::world::{Refusal, Timestamp, World};

type Operation = fn(&mut World, &Caller, &Value) -> Result<Value, Refusal>;

const OPERATIONS: [(&str, Operation); 26] = [
    ("ContinueServiceDeployment", deployments::go_on),
    ("CreateCluster", clusters::create),
    ("CreateService", services::create),
    ("DeleteCluster", clusters::delete),
    ("DeleteService", services::delete),
    ("DeregisterTaskDefinition", task_definitions::deregister),
    ("DescribeClusters", clusters::describe),
    ("DescribeServiceDeployments", deployments::describe),
    ("DescribeServiceRevisions", deployments::describe_revisions),
    ("DescribeServices", services::describe),
    ("DescribeTaskDefinition", task_definitions::describe),
    ("DescribeTasks", tasks::describe),
    ("ListClusters", clusters::list),
    ("ListServiceDeployments", deployments::list),
    ("ListServices", services::list),
    ("ListTagsForResource", tags::list),
    ("ListTaskDefinitionFamilies", task_definitions::list_families),
    ("ListTaskDefinitions", task_definitions::list),
    ("ListTasks", tasks::list),
    ("RegisterTaskDefinition", task_definitions::register),
    ("RunTask", run::run),
    ("StopServiceDeployment", deployments::stop),
    ("StopTask", tasks::stop),
    ("TagResource", tags::tag),
    ("UntagResource", tags::untag),
    ("UpdateService", services::update),
];

pub(super) fn call(wire: &Wire, caller: &Caller, operation: &str, body: &Value) -> Result<Value, Refusal> {
    if operation == "StartTask" {
        return Err(unsupported("There are no container instances here to start a task on: use RunTask."));
    }
    let (_, carry_out) = OPERATIONS.iter().find(|(name, _)| *name == operation).ok_or_else(|| {
        let known: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        Refusal::new(
            "UnknownOperationException",
            format!("{operation} is not an operation of ECS here; known: {}", known.join(", ")),
        )
    })?;
    wire.hub.with(|world| carry_out(world, caller, body))
}

fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

fn required<'a>(value: &'a str, member: &str) -> Result<&'a str, Refusal> {
    if value.is_empty() {
        return Err(invalid(format!("{member} must be given.")));
    }
    Ok(value)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

fn unsupported(message: impl Into<String>) -> Refusal {
    Refusal::new("UnsupportedFeatureException", message)
}

/// A count that must not be negative.
fn count(value: Option<i64>, member: &str) -> Result<Option<u32>, Refusal> {
    value
        .map(|value| {
            u32::try_from(value).map_err(|_| invalid(format!("{member} must not be negative: {value}")))
        })
        .transpose()
}

/// Seconds since 1970, with a fraction: how JSON services write a moment.
fn epoch(at: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit")]
    let millis = at.as_millisecond() as f64;
    json!(millis / 1000.0)
}

/// The members that some records have and others have not.
fn insert_moments<const N: usize>(record: &mut Value, moments: [(&str, Option<Timestamp>); N]) {
    for (member, moment) in moments {
        if let Some(at) = moment {
            record[member] = epoch(at);
        }
    }
}

fn includes_tags(include: &[String]) -> bool {
    include.iter().any(|field| field == "TAGS")
}

/// A record asked for that is not there is no error to ECS.
fn missing(arn: &str) -> Value {
    json!({"arn": arn, "reason": "MISSING"})
}

/// `name` may be an ARN already.
fn arn_of(world: &World, resource: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    format!("arn:aws:ecs:{}:{}:{resource}/{name}", world.settings.region, world.settings.account)
}

/// What comes after the last `/`: the name in an ARN, or a name as it is.
fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// `maxResults` and `nextToken`, as all lists of ECS have them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Paging {
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Paging {
    fn page<T>(
        &self,
        items: Vec<(String, T)>,
        order: Order,
        default_size: usize,
    ) -> Result<Page<T>, Refusal> {
        let size = match self.max_results {
            None => default_size,
            Some(size) => usize::try_from(size)
                .ok()
                .filter(|size| (1..=100).contains(size))
                .ok_or_else(|| invalid(format!("maxResults must be between 1 and 100: {size}")))?,
        };
        let token = self.next_token.as_deref().filter(|token| !token.is_empty());
        paging::page(items, order, token, size).map_err(|_| invalid("Invalid token."))
    }

    /// A page of a list of strings, sorted by themselves.
    fn answer(&self, member: &str, names: Vec<String>, default_size: usize) -> Result<Value, Refusal> {
        let keyed = names.into_iter().map(|name| (name.clone(), name)).collect();
        Ok(page_answer(member, self.page(keyed, Order::Ascending, default_size)?))
    }
}

fn page_answer<T: Into<Value>>(member: &str, page: Page<T>) -> Value {
    let items: Vec<Value> = page.items.into_iter().map(Into::into).collect();
    let mut answer = json!({ member: items });
    if let Some(next) = page.next {
        answer["nextToken"] = next.into();
    }
    answer
}
