//! Application Auto Scaling over the wire: scalable targets of ECS services, registered, described and deregistered.
//! Policies and scheduled actions are refused as unknown operations: nothing here scales by itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Wire;
use super::paging::{Order, page};
use crate::world::scaling::{DESIRED_COUNT, RegisterScalableTarget, ScalableTarget, SuspendedState};
use crate::world::{Refusal, World};

const NAMESPACES: [&str; 15] = [
    "ecs",
    "elasticmapreduce",
    "ec2",
    "appstream",
    "dynamodb",
    "rds",
    "sagemaker",
    "custom-resource",
    "comprehend",
    "lambda",
    "cassandra",
    "kafka",
    "elasticache",
    "neptune",
    "workspaces",
];
const LARGEST_PAGE: i64 = 50;

type Operation = fn(&mut World, &Value) -> Result<Value, Refusal>;

const OPERATIONS: [(&str, Operation); 3] = [
    ("DeregisterScalableTarget", deregister),
    ("DescribeScalableTargets", describe),
    ("RegisterScalableTarget", register),
];

pub(super) fn call(wire: &Wire, operation: &str, body: &Value) -> Result<Value, Refusal> {
    let (_, carry_out) = OPERATIONS.iter().find(|(name, _)| *name == operation).ok_or_else(|| {
        let known: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        Refusal::new(
            "UnknownOperationException",
            format!(
                "{operation} is not an operation of Application Auto Scaling here; known: {}",
                known.join(", ")
            ),
        )
    })?;
    wire.hub.with(|world| carry_out(world, body))
}

/// Which dimension of which resource a request is about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Named {
    service_namespace: Option<String>,
    resource_id: Option<String>,
    scalable_dimension: Option<String>,
}

impl Named {
    /// The resource's id; the dimension can only be the one there is.
    fn resource_id(self) -> Result<String, Refusal> {
        let namespace = namespace(self.service_namespace)?;
        let resource_id = required("resourceId", self.resource_id)?;
        let dimension = required("scalableDimension", self.scalable_dimension)?;
        if namespace != "ecs" || dimension != DESIRED_COUNT {
            return Err(invalid("Unsupported service namespace, resource type or scalable dimension"));
        }
        Ok(resource_id)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Register {
    min_capacity: Option<i64>,
    max_capacity: Option<i64>,
    suspended_state: Option<Suspended>,
    tags: BTreeMap<String, String>,
}

/// A member that is not there is false, as on AWS: the state is written as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Suspended {
    dynamic_scaling_in_suspended: bool,
    dynamic_scaling_out_suspended: bool,
    scheduled_scaling_suspended: bool,
}

fn register(world: &mut World, body: &Value) -> Result<Value, Refusal> {
    let resource_id = read::<Named>(body)?.resource_id()?;
    let request: Register = read(body)?;
    let arn = world.register_scalable_target(RegisterScalableTarget {
        resource_id,
        min_capacity: request.min_capacity,
        max_capacity: request.max_capacity,
        suspended: request.suspended_state.map(|state| SuspendedState {
            dynamic_scaling_in: state.dynamic_scaling_in_suspended,
            dynamic_scaling_out: state.dynamic_scaling_out_suspended,
            scheduled_scaling: state.scheduled_scaling_suspended,
        }),
        tags: request.tags,
    })?;
    Ok(json!({ "ScalableTargetARN": arn }))
}

fn deregister(world: &mut World, body: &Value) -> Result<Value, Refusal> {
    let resource_id = read::<Named>(body)?.resource_id()?;
    world.deregister_scalable_target(&resource_id)?;
    Ok(json!({}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Describe {
    service_namespace: Option<String>,
    resource_ids: Vec<String>,
    scalable_dimension: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// Resources that are not registered are left out, as AWS does.
fn describe(world: &mut World, body: &Value) -> Result<Value, Refusal> {
    let request: Describe = read(body)?;
    let namespace = namespace(request.service_namespace)?;
    if request.scalable_dimension.is_some() && request.resource_ids.is_empty() {
        return Err(invalid("A scalable dimension can only be given together with resource IDs."));
    }
    let size = request.max_results.unwrap_or(LARGEST_PAGE);
    let size =
        usize::try_from(size).ok().filter(|_| (1..=LARGEST_PAGE).contains(&size)).ok_or_else(|| {
            violated(
                &format!("'{size}'"),
                "maxResults",
                &format!("Member must be between 1 and {LARGEST_PAGE}"),
            )
        })?;
    let is_wanted = |target: &ScalableTarget| {
        namespace == "ecs"
            && (request.resource_ids.is_empty() || request.resource_ids.contains(&target.resource_id))
            && request.scalable_dimension.as_deref().is_none_or(|dimension| dimension == DESIRED_COUNT)
    };
    let wanted = world.scaling.targets.iter().filter(|target| is_wanted(target));
    let items = wanted.map(|target| (target.resource_id.clone(), show(target))).collect();
    let page = page(items, Order::Ascending, request.next_token.as_deref(), size)
        .map_err(|_| Refusal::new("InvalidNextTokenException", "The next token supplied is not valid."))?;
    let mut answer = json!({ "ScalableTargets": page.items });
    if let Some(next) = page.next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

fn show(target: &ScalableTarget) -> Value {
    json!({
        "ServiceNamespace": "ecs",
        "ResourceId": target.resource_id,
        "ScalableDimension": DESIRED_COUNT,
        "MinCapacity": target.min_capacity,
        "MaxCapacity": target.max_capacity,
        "RoleARN": target.role_arn,
        "CreationTime": target.created_at.as_millisecond() as f64 / 1_000.0,
        "SuspendedState": {
            "DynamicScalingInSuspended": target.suspended.dynamic_scaling_in,
            "DynamicScalingOutSuspended": target.suspended.dynamic_scaling_out,
            "ScheduledScalingSuspended": target.suspended.scheduled_scaling,
        },
        "ScalableTargetARN": target.arn,
    })
}

fn read<T: serde::de::DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

fn namespace(given: Option<String>) -> Result<String, Refusal> {
    let namespace = required("serviceNamespace", given)?;
    if !NAMESPACES.contains(&namespace.as_str()) {
        let constraint = format!("Member must satisfy enum value set: [{}]", NAMESPACES.join(", "));
        return Err(violated(&format!("'{namespace}'"), "serviceNamespace", &constraint));
    }
    Ok(namespace)
}

fn required(member: &str, given: Option<String>) -> Result<String, Refusal> {
    given.ok_or_else(|| violated("null", member, "Member must not be null"))
}

fn violated(value: &str, member: &str, constraint: &str) -> Refusal {
    invalid(format!(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}
