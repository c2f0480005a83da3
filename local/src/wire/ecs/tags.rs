//! Tags: ECS writes them as a list of `{key, value}`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{invalid, parse, required};
use crate::wire::Caller;
use crate::world::ecs::Tags;
use crate::world::{Refusal, World};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tag {
    key: String,
    value: String,
}

pub(super) fn read(list: Vec<Tag>) -> Result<Tags, Refusal> {
    let mut tags = Tags::new();
    for Tag { key, value } in list {
        if tags.contains_key(&key) {
            return Err(invalid(format!("Duplicate tag key '{key}'.")));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

pub(super) fn show(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    resource_arn: String,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
}

pub(super) fn tag(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Request = parse(body)?;
    let arn = required(&request.resource_arn, "resourceArn")?;
    world.tag_resource(arn, read(request.tags)?)?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Request = parse(body)?;
    world.untag_resource(required(&request.resource_arn, "resourceArn")?, &request.tag_keys)?;
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Request = parse(body)?;
    let tags = world.tags_of(required(&request.resource_arn, "resourceArn")?)?;
    Ok(json!({"tags": show(tags)}))
}
