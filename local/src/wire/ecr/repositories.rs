//! Repositories and their resource tags.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{account, invalid, paged, read, repository_name};
use super::{epoch_seconds, server_error};
use crate::registry::Registry;
use crate::world::ecr::{Repository, repository_not_found};
use crate::world::{Refusal, World};

/// AWS's limit for the tags of any resource.
const MAX_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    #[serde(default)]
    tags: Vec<Tag>,
    image_tag_mutability: Option<String>,
    image_scanning_configuration: Option<Scanning>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scanning {
    #[serde(default)]
    scan_on_push: bool,
}

/// ECR writes these two with capitals, unlike everything else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

pub(super) fn create(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let name = repository_name(registry, body)?;
    let input: Create = read(body)?;
    let immutable = is_immutable(input.image_tag_mutability.as_deref().unwrap_or("MUTABLE"))?;
    let scan_on_push = input.image_scanning_configuration.is_some_and(|scanning| scanning.scan_on_push);
    let tags = with_tags(BTreeMap::new(), input.tags)?;
    registry.hub.with(|world| {
        let repository = world.create_repository(&name, immutable, scan_on_push, tags)?.clone();
        Ok(json!({"repository": to_json(world, &repository)}))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    registry_id: Option<String>,
    #[serde(default)]
    repository_names: Vec<String>,
}

pub(super) fn describe(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let input: Describe = read(body)?;
    let here = input.registry_id.as_ref().is_none_or(|id| *id == account(registry));
    let (names, id) = (&input.repository_names, input.registry_id.as_deref().unwrap_or_default());
    if !here {
        return match names.first() {
            Some(name) => Err(repository_not_found(name, id)),
            None => paged(body, "repositories", Vec::new()),
        };
    }
    let found = registry.hub.with(|world| {
        let one = |name: &String| world.repository(name).map(|found| to_json(world, found));
        if names.is_empty() {
            let all = world.ecr.repositories.values();
            return Ok(all.map(|found| (found.name.clone(), to_json(world, found))).collect());
        }
        let chosen = names.iter().map(|name| Ok((name.clone(), one(name)?)));
        chosen.collect::<Result<Vec<_>, Refusal>>()
    })?;
    paged(body, "repositories", found)
}

#[derive(Deserialize)]
struct Delete {
    #[serde(default)]
    force: bool,
}

pub(super) fn delete(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let name = repository_name(registry, body)?;
    let Delete { force } = read(body)?;
    let gone = registry.hub.with(|world| {
        let repository = world.delete_repository(&name, force)?;
        Ok::<_, Refusal>(json!({"repository": to_json(world, &repository)}))
    })?;
    registry.blobs.forget_repository(&name).map_err(|error| server_error(&error))?;
    Ok(gone)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mutability {
    image_tag_mutability: String,
}

pub(super) fn put_tag_mutability(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let name = repository_name(registry, body)?;
    let input: Mutability = read(body)?;
    let immutable = is_immutable(&input.image_tag_mutability)?;
    registry.hub.with(|world| {
        world.repository_mut(&name)?.immutable_tags = immutable;
        Ok(json!({
            "registryId": world.settings.account,
            "repositoryName": name,
            "imageTagMutability": input.image_tag_mutability,
        }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tagging {
    resource_arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

pub(super) fn list_tags(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let input: Tagging = read(body)?;
    registry.hub.with(|world| {
        let name = named_by(world, &input.resource_arn)?;
        let tags = world.repository(&name)?.tags.iter();
        let tags: Vec<Value> = tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(json!({"tags": tags}))
    })
}

pub(super) fn tag(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let input: Tagging = read(body)?;
    registry.hub.with(|world| {
        let name = named_by(world, &input.resource_arn)?;
        let repository = world.repository_mut(&name)?;
        repository.tags = with_tags(repository.tags.clone(), input.tags)?;
        Ok(json!({}))
    })
}

pub(super) fn untag(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let input: Tagging = read(body)?;
    registry.hub.with(|world| {
        let name = named_by(world, &input.resource_arn)?;
        let repository = world.repository_mut(&name)?;
        repository.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(json!({}))
    })
}

/// The name of the repository of an ARN.
fn named_by(world: &World, arn: &str) -> Result<String, Refusal> {
    arn.strip_prefix(&world.arn("ecr", "repository/"))
        .map(str::to_owned)
        .ok_or_else(|| invalid("resourceArn", "must be the ARN of a repository of this registry"))
}

fn with_tags(
    mut tags: BTreeMap<String, String>,
    more: Vec<Tag>,
) -> Result<BTreeMap<String, String>, Refusal> {
    tags.extend(more.into_iter().map(|tag| (tag.key, tag.value)));
    if tags.len() > MAX_TAGS {
        return Err(Refusal::new(
            "TooManyTagsException",
            format!("The repository would have {} tags; at most {MAX_TAGS} are allowed.", tags.len()),
        ));
    }
    Ok(tags)
}

fn is_immutable(mutability: &str) -> Result<bool, Refusal> {
    match mutability {
        "MUTABLE" => Ok(false),
        "IMMUTABLE" => Ok(true),
        _ => Err(invalid("imageTagMutability", "must be MUTABLE or IMMUTABLE here")),
    }
}

fn to_json(world: &World, repository: &Repository) -> Value {
    let mutability = if repository.immutable_tags { "IMMUTABLE" } else { "MUTABLE" };
    json!({
        "repositoryArn": repository.arn,
        "registryId": world.settings.account,
        "repositoryName": repository.name,
        "repositoryUri": format!("{}/{}", world.settings.registry_host, repository.name),
        "createdAt": epoch_seconds(repository.created_at),
        "imageTagMutability": mutability,
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    })
}
