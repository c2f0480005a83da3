//! Families of task definitions and their revisions: kept as the JSON that was registered, so that members nobody
//! here has heard of come back as they went in. Only what ECS itself refuses is refused.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Tags, TaskDefinition, invalid, tag};
use crate::world::{Refusal, World};

const LARGEST_DOCUMENT_BYTES: usize = 64 * 1024;
const MOST_CONTAINERS: usize = 10;
const LONGEST_IMAGE: usize = 255;
pub(super) const DEFAULT_STOP_TIMEOUT_SECONDS: u32 = 30;

impl World {
    pub fn register_task_definition(
        &mut self,
        mut document: Map<String, Value>,
        tags: Tags,
        registered_by: &str,
    ) -> Result<TaskDefinition, Refusal> {
        document.remove("tags");
        let family = check(&document)?;
        tag::check(&tags)?;
        let of_family = self.ecs.task_definitions.iter().filter(|it| it.family == family);
        let revision = of_family.map(|it| it.revision).max().unwrap_or(0) + 1;
        let definition = TaskDefinition {
            arn: self.arn("ecs", &format!("task-definition/{family}:{revision}")),
            family,
            revision,
            active: true,
            document,
            tags,
            registered_at: self.now,
            deregistered_at: None,
            registered_by: registered_by.into(),
        };
        self.ecs.task_definitions.push(definition.clone());
        Ok(definition)
    }

    /// `family:revision` or ARN. Doing it twice changes nothing.
    pub fn deregister_task_definition(&mut self, reference: &str) -> Result<TaskDefinition, Refusal> {
        let arn = self.find_task_definition(reference)?.arn.clone();
        if !reference.rsplit('/').next().is_some_and(|it| it.contains(':')) {
            return Err(invalid("A revision is required: family:revision or the full ARN."));
        }
        let now = self.now;
        let mut all = self.ecs.task_definitions.iter_mut();
        let definition = all.find(|it| it.arn == arn).ok_or_else(unknown)?;
        definition.active = false;
        definition.deregistered_at.get_or_insert(now);
        Ok(definition.clone())
    }

    /// `family` (its newest ACTIVE revision), `family:revision` or ARN.
    pub fn find_task_definition(&self, reference: &str) -> Result<&TaskDefinition, Refusal> {
        let all = self.ecs.task_definitions.iter();
        if reference.starts_with("arn:") {
            return { all }.find(|it| it.arn == reference).ok_or_else(unknown);
        }
        match reference.split_once(':') {
            Some((family, revision)) => {
                let revision: u32 = revision.parse().map_err(|_| unknown())?;
                { all }.find(|it| it.family == family && it.revision == revision)
            }
            None => all.filter(|it| it.family == reference && it.active).max_by_key(|it| it.revision),
        }
        .ok_or_else(unknown)
    }

    /// The same, for something that is to run.
    pub(super) fn find_active_task_definition(&self, reference: &str) -> Result<&TaskDefinition, Refusal> {
        let definition =
            self.find_task_definition(reference).map_err(|_| client("Unable to find task definition."))?;
        if !definition.active {
            return Err(client("TaskDefinition is inactive"));
        }
        Ok(definition)
    }
}

impl TaskDefinition {
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Map<String, Value>> {
        let list = self.document.get("containerDefinitions").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_object)
    }

    pub(super) fn container(&self, name: &str) -> Option<&Map<String, Value>> {
        self.containers().find(|it| text(it, "name") == name)
    }
}

/// A string member, empty when it is missing.
pub(super) fn text<'a>(object: &'a Map<String, Value>, member: &str) -> &'a str {
    object.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// An array member of strings, empty when it is missing.
pub(super) fn texts(object: &Map<String, Value>, member: &str) -> Vec<String> {
    let list = object.get(member).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Container ports in the order they are mapped.
pub(super) fn container_ports(container: &Map<String, Value>) -> impl Iterator<Item = u16> {
    let list = container.get("portMappings").and_then(Value::as_array);
    let ports = list.into_iter().flatten().filter_map(|it| it.get("containerPort"));
    ports.filter_map(|it| u16::try_from(it.as_u64()?).ok())
}

pub(super) fn is_essential(container: &Map<String, Value>) -> bool {
    container.get("essential").and_then(Value::as_bool).unwrap_or(true)
}

/// Checks what ECS checks of a document and returns its family.
fn check(document: &Map<String, Value>) -> Result<String, Refusal> {
    let family = text(document, "family");
    if family.is_empty() {
        return Err(client("Family should not be null or empty."));
    }
    if !super::is_ecs_name(family) {
        return Err(client("Family contains invalid characters."));
    }
    let containers: Vec<_> = match document.get("containerDefinitions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(Value::as_object).collect(),
        Some(_) => return Err(invalid("containerDefinitions must be a list of objects.")),
    };
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    if containers.len() > MOST_CONTAINERS {
        let message = format!("A task definition has at most {MOST_CONTAINERS} containers.");
        return Err(client(message));
    }
    check_containers(&containers)?;
    super::launch::check_task_definition(document)?;
    let bytes = serde_json::to_vec(document).map_or(usize::MAX, |it| it.len());
    if bytes > LARGEST_DOCUMENT_BYTES {
        let message =
            format!("Actual length: '{bytes}'. Max allowed length is '{LARGEST_DOCUMENT_BYTES}' bytes.");
        return Err(client(message));
    }
    Ok(family.to_owned())
}

fn check_containers(containers: &[Option<&Map<String, Value>>]) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    let mut has_essential = false;
    for container in containers {
        let container =
            container.ok_or_else(|| invalid("containerDefinitions must be a list of objects."))?;
        let name = text(container, "name");
        if name.is_empty() {
            return Err(client("Container.name should not be null or empty."));
        }
        if !super::is_ecs_name(name) {
            return Err(client("Container.name contains invalid characters."));
        }
        if !names.insert(name) {
            return Err(client(format!("Container names must be unique: '{name}' is used twice.")));
        }
        check_image(text(container, "image"))?;
        has_essential |= is_essential(container);
    }
    if !has_essential {
        return Err(client("A task definition must have at least one essential container."));
    }
    Ok(())
}

fn check_image(image: &str) -> Result<(), Refusal> {
    if image.is_empty() {
        return Err(client("Container.image should not be null or empty."));
    }
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let name_is_fine = (1..=LONGEST_IMAGE).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.:/".contains(&it));
    if name_is_fine && digest.is_none_or(is_digest) {
        Ok(())
    } else {
        Err(client("Container.image contains invalid characters."))
    }
}

fn is_digest(text: &str) -> bool {
    let is_lower_hex = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_lower_hex))
}

pub(super) fn client(message: impl Into<String>) -> Refusal {
    Refusal::new("ClientException", message)
}

fn unknown() -> Refusal {
    client("Unable to describe task definition.")
}
