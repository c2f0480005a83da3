//! Families of task definitions and their revisions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::tags::{self, Tag};
use super::{Paging, document, includes_tags, invalid, page_answer, parse, required};
use crate::wire::Caller;
use crate::wire::paging::Order;
use crate::world::{Refusal, World};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Register {
    tags: Vec<Tag>,
}

/// The document is the whole request but its tags: members that are not known here are kept too.
pub(super) fn register(world: &mut World, caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Register = parse(body)?;
    let mut registered = body.as_object().cloned().unwrap_or_default();
    registered.remove("tags");
    let tags = tags::read(request.tags)?;
    let definition = world.register_task_definition(registered, tags, &caller.arn)?;
    Ok(json!({
        "taskDefinition": document::show(&definition),
        "tags": tags::show(&definition.tags),
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    task_definition: String,
    include: Vec<String>,
}

pub(super) fn deregister(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Named = parse(body)?;
    let reference = required(&request.task_definition, "taskDefinition")?;
    let definition = world.deregister_task_definition(reference)?;
    Ok(json!({"taskDefinition": document::show(&definition)}))
}

pub(super) fn describe(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Named = parse(body)?;
    let definition = world.find_task_definition(required(&request.task_definition, "taskDefinition")?)?;
    let mut answer = json!({"taskDefinition": document::show(definition)});
    if includes_tags(&request.include) {
        answer["tags"] = tags::show(&definition.tags);
    }
    Ok(answer)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    family_prefix: Option<String>,
    status: Option<String>,
    sort: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

/// In spite of its name, `familyPrefix` is a whole family here; in ListTaskDefinitionFamilies it is a prefix.
pub(super) fn list(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: List = parse(body)?;
    let active = match request.status.as_deref() {
        None | Some("ACTIVE") => Some(true),
        Some("INACTIVE") => Some(false),
        Some("DELETE_IN_PROGRESS") => None,
        Some(other) => return Err(invalid(format!("Invalid status '{other}'."))),
    };
    let order = match request.sort.as_deref() {
        None | Some("ASC") => Order::Ascending,
        Some("DESC") => Order::Descending,
        Some(other) => return Err(invalid(format!("Invalid sort order '{other}'."))),
    };
    let chosen = world.ecs.task_definitions.iter().filter(|definition| {
        let family = request.family_prefix.as_ref();
        Some(definition.active) == active && family.is_none_or(|family| *family == definition.family)
    });
    let keyed = chosen
        .map(|definition| {
            // Sorts by family, then by number: a space comes before any character of a family.
            let key = format!("{} {:010}", definition.family, definition.revision);
            (key, definition.arn.clone())
        })
        .collect();
    Ok(page_answer("taskDefinitionArns", request.paging.page(keyed, order, 100)?))
}

pub(super) fn list_families(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: List = parse(body)?;
    let prefix = request.family_prefix.as_deref().unwrap_or_default();
    let mut has_active: BTreeMap<&str, bool> = BTreeMap::new();
    for definition in &world.ecs.task_definitions {
        *has_active.entry(&definition.family).or_default() |= definition.active;
    }
    let wanted = match request.status.as_deref() {
        None | Some("ALL") => None,
        Some("ACTIVE") => Some(true),
        Some("INACTIVE") => Some(false),
        Some(other) => return Err(invalid(format!("Invalid status '{other}'."))),
    };
    let families = has_active
        .into_iter()
        .filter(|(family, active)| {
            family.starts_with(prefix) && wanted.is_none_or(|wanted| wanted == *active)
        })
        .map(|(family, _)| family.to_owned())
        .collect();
    request.paging.answer("families", families, 100)
}
