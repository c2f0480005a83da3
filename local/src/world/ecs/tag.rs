//! Tags on clusters, services, tasks and task definitions, within ECS's limits.

use super::{ServiceStatus, Tags, TaskStatus, invalid};
use crate::world::{Refusal, World};

const MOST_TAGS: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// What ECS asks of the tags in a request.
pub(super) fn check(tags: &Tags) -> Result<(), Refusal> {
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
        }
        if !(1..=LONGEST_KEY).contains(&key.chars().count()) || !has_only_tag_characters(key) {
            return Err(invalid(format!(
                "Tag key '{key}' must have 1 to {LONGEST_KEY} letters, digits, spaces or any of + - = . _ : / @."
            )));
        }
        if value.chars().count() > LONGEST_VALUE || !has_only_tag_characters(value) {
            return Err(invalid(format!(
                "The value of tag '{key}' must have at most {LONGEST_VALUE} letters, digits, spaces or any of + - = . _ : / @."
            )));
        }
    }
    check_count(tags.len())
}

fn check_count(count: usize) -> Result<(), Refusal> {
    if count > MOST_TAGS {
        return Err(invalid(format!(
            "The maximum number of tags for a resource is {MOST_TAGS}; {count} were given."
        )));
    }
    Ok(())
}

fn has_only_tag_characters(text: &str) -> bool {
    text.chars().all(|it| it.is_alphanumeric() || it == ' ' || "+-=._:/@".contains(it))
}

impl World {
    /// Services, tasks, task definitions, clusters by ARN.
    pub fn tags_of(&self, arn: &str) -> Result<&Tags, Refusal> {
        let ecs = &self.ecs;
        if let Some(service) = ecs.services.iter().find(|it| it.arn == arn) {
            return match service.status {
                ServiceStatus::Inactive => Err(inactive_service()),
                _ => Ok(&service.tags),
            };
        }
        let mut clusters = ecs.clusters.iter().filter(|it| it.active).map(|it| (&it.arn, &it.tags));
        let mut tasks = ecs.tasks.iter().map(|it| (&it.arn, &it.tags));
        let mut task_definitions = ecs.task_definitions.iter().map(|it| (&it.arn, &it.tags));
        clusters
            .find(|(its_arn, _)| *its_arn == arn)
            .or_else(|| tasks.find(|(its_arn, _)| *its_arn == arn))
            .or_else(|| task_definitions.find(|(its_arn, _)| *its_arn == arn))
            .map(|(_, tags)| tags)
            .ok_or_else(|| no_such_resource(arn))
    }

    pub fn tag_resource(&mut self, arn: &str, tags: Tags) -> Result<(), Refusal> {
        check(&tags)?;
        self.check_task_lives(arn)?;
        let mut merged = self.tags_of(arn)?.clone();
        merged.extend(tags);
        check_count(merged.len())?;
        self.replace_tags(arn, merged);
        Ok(())
    }

    /// Keys that are not there are no error.
    pub fn untag_resource(&mut self, arn: &str, keys: &[String]) -> Result<(), Refusal> {
        self.check_task_lives(arn)?;
        let mut left = self.tags_of(arn)?.clone();
        left.retain(|key, _| !keys.contains(key));
        self.replace_tags(arn, left);
        Ok(())
    }

    /// Tags of a task that has stopped stay as they are.
    fn check_task_lives(&self, arn: &str) -> Result<(), Refusal> {
        let mut tasks = self.ecs.tasks.iter();
        match tasks.any(|it| it.arn == arn && it.last_status == TaskStatus::Stopped) {
            true => Err(invalid("The specified task is stopped. Specify a running task and try again.")),
            false => Ok(()),
        }
    }

    fn replace_tags(&mut self, arn: &str, tags: Tags) {
        let ecs = &mut self.ecs;
        let services = ecs.services.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let clusters = ecs.clusters.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let tasks = ecs.tasks.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let task_definitions = ecs.task_definitions.iter_mut().map(|it| (&it.arn, &mut it.tags));
        let mut all = services.chain(clusters).chain(tasks).chain(task_definitions);
        if let Some((_, place)) = all.find(|(its_arn, _)| *its_arn == arn) {
            *place = tags;
        }
    }
}

fn inactive_service() -> Refusal {
    invalid("The specified service is inactive. Specify an active service and try again.")
}

fn no_such_resource(arn: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("The specified resource could not be found: {arn}"))
}
