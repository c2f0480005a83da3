//! The edit of a task definition that loses nothing.
//!
//! The document is the JSON that ECS returned, never a typed copy: members newer than this build come through as
//! they are. Exactly the nine members that only a response has are dropped, one container gets another image, and
//! nothing else changes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::model::{Digest, Tags};
use crate::policy::PASSED_OVER;

/// On a revision that the template registered. A copy drops it.
pub const TEMPLATE: &str = "pushboat:template";
/// On a copy: the revision it was made from.
pub const BASE: &str = "pushboat:base";
/// On a revision that failed with an image that is to blame: the failure has been written to the service, and when. Where
/// the template is to blame, the mark is [`PASSED_OVER`], so that one is not taken for the other.
pub const NOTED: &str = "pushboat:rejected";
/// Somebody has asked Pushboat to go back to this revision: when, and who.
pub const PUT_BACK: &str = "pushboat:put-back";

/// On a copy: the hint that made Pushboat release it.
pub const CAUSE: &str = "pushboat:cause";
/// Somebody has asked for the images of this revision, whatever is followed: when, and who. What a push has ended since does
/// not begin again, whenever the service comes back to it, and by whichever copy.
pub const ASKED: &str = "pushboat:asked-by";

/// What DescribeTaskDefinition adds and RegisterTaskDefinition refuses.
pub const RESPONSE_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "deregisteredAt",
    "deleteRequestedAt",
    "registeredBy",
];

/// A revision as ECS describes it.
#[derive(Clone, PartialEq)]
pub struct TaskDefinition {
    pub arn: String,
    /// The member `taskDefinition` of the answer, whole.
    pub document: Map<String, Value>,
    pub tags: Tags,
}

/// Environment values must not reach a log by way of `{:?}`.
impl std::fmt::Debug for TaskDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskDefinition").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// An image as a container definition names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName<'a> {
    /// `<registry>/<repository>`, or just the repository.
    pub name: &'a str,
    pub tag: Option<&'a str>,
    pub digest: Option<Digest>,
}

impl std::fmt::Display for ImageName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.digest, self.tag) {
            (Some(digest), _) => write!(f, "{}@{digest}", self.name),
            (None, Some(tag)) => write!(f, "{}:{tag}", self.name),
            (None, None) => f.write_str(self.name),
        }
    }
}

impl<'a> ImageName<'a> {
    pub fn parse(image: &'a str) -> ImageName<'a> {
        let (rest, digest) = match image.split_once('@') {
            Some((rest, digest)) => (rest, digest.parse().ok()),
            None => (image, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        ImageName { name, tag, digest }
    }

    /// The part after the registry's host.
    pub fn repository(&self) -> &'a str {
        match self.name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
            _ => self.name,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    #[error("{arn} has no container named '{container}'; it has {there}")]
    NoSuchContainer { arn: String, container: String, there: String },
    #[error("no container of {arn} runs an image of the repository '{repository}'; they run {there}")]
    NoMatchingContainer { arn: String, repository: String, there: String },
    #[error(
        "{count} containers of {arn} run images of the repository '{repository}': name the one to update with the tag \
         pushboat:track:<container>"
    )]
    Ambiguous { arn: String, repository: String, count: usize },
    #[error("{arn} is not a task definition: {what}")]
    NotADocument { arn: String, what: &'static str },
}

impl TaskDefinition {
    /// It was released, and failed.
    pub fn is_marked(&self) -> bool {
        self.tags.keys().any(|key| is_mark(key))
    }

    /// `family:revision`.
    pub fn name(&self) -> &str {
        revision_name(&self.arn)
    }

    pub fn registered_by(&self) -> Option<&str> {
        self.document.get("registeredBy").and_then(Value::as_str)
    }

    pub fn registered_at(&self) -> Option<Timestamp> {
        let seconds = self.document.get("registeredAt").and_then(Value::as_f64)?;
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        Timestamp::from_duration(since).ok()
    }

    /// Does a container name its image by this digest?
    pub fn names(&self, digest: &Digest) -> bool {
        let images = self.containers().unwrap_or_default();
        images.iter().any(|(_, image)| ImageName::parse(image).digest.as_ref() == Some(digest))
    }

    pub fn is_of_template(&self) -> bool {
        self.tags.contains_key(TEMPLATE)
    }

    /// Was it made from this revision?
    pub fn is_made_from(&self, base: &TaskDefinition) -> bool {
        self.tags.get(BASE).map(String::as_str) == Some(base.name())
    }

    /// The name of the container to update and the image it has now.
    pub fn container<'a>(
        &'a self,
        named: Option<&str>,
        repository: &str,
    ) -> Result<(&'a str, ImageName<'a>), EditError> {
        let containers = self.containers()?;
        let list = |which: fn(&(&'a str, &'a str)) -> &'a str| {
            containers.iter().map(which).collect::<Vec<_>>().join(", ")
        };
        if let Some(named) = named {
            let found = containers.iter().find(|(name, _)| *name == named);
            let (name, image) = found.ok_or_else(|| EditError::NoSuchContainer {
                arn: self.arn.clone(),
                container: named.to_owned(),
                there: list(|c| c.0),
            })?;
            return Ok((name, ImageName::parse(image)));
        }
        let matching: Vec<_> = containers
            .iter()
            .map(|(name, image)| (*name, ImageName::parse(image)))
            .filter(|(_, image)| image.repository() == repository)
            .collect();
        match <[_; 1]>::try_from(matching) {
            Ok([only]) => Ok(only),
            Err(none) if none.is_empty() => Err(EditError::NoMatchingContainer {
                arn: self.arn.clone(),
                repository: repository.to_owned(),
                there: list(|c| ImageName::parse(c.1).name),
            }),
            Err(many) => Err(EditError::Ambiguous {
                arn: self.arn.clone(),
                repository: repository.to_owned(),
                count: many.len(),
            }),
        }
    }

    /// Every container's name and image.
    fn containers(&self) -> Result<Vec<(&str, &str)>, EditError> {
        let wrong = |what| EditError::NotADocument { arn: self.arn.clone(), what };
        let list = self.document.get("containerDefinitions").and_then(Value::as_array);
        let list = list.ok_or_else(|| wrong("it has no list containerDefinitions"))?;
        list.iter()
            .map(|container| {
                let text = |key| container.get(key).and_then(Value::as_str);
                let name = text("name").ok_or_else(|| wrong("a container has no name"))?;
                Ok((name, text("image").unwrap_or_default()))
            })
            .collect()
    }

    /// The request that registers this document again with other images: (container, image) each.
    pub fn with_images(&self, images: &[(&str, &str)]) -> Map<String, Value> {
        let mut document = self.document.clone();
        document.retain(|member, _| !RESPONSE_ONLY.contains(&member.as_str()));
        let containers = document.get_mut("containerDefinitions").and_then(Value::as_array_mut);
        for definition in containers.into_iter().flatten() {
            let name = definition.get("name").and_then(Value::as_str);
            if let Some((_, image)) = images.iter().find(|(container, _)| Some(*container) == name) {
                definition["image"] = Value::from(*image);
            }
        }
        document
    }

    /// The request that registers this document again with these containers' images by digest.
    pub fn pinned(&self, digests: &[(String, Digest)]) -> Map<String, Value> {
        let by_digest = |(container, digest): &(String, Digest)| {
            let (name, image) = self.container(Some(container), "").ok()?;
            Some((name, ImageName { digest: Some(digest.clone()), ..image }.to_string()))
        };
        let images: Vec<_> = digests.iter().filter_map(by_digest).collect();
        let images: Vec<_> = images.iter().map(|(name, image)| (*name, image.as_str())).collect();
        self.with_images(&images)
    }

    /// The tags a copy keeps: not AWS's own, which nobody may write, and not what was said of the old release.
    pub fn tags_to_keep(&self) -> Tags {
        let ours = |key: &str| key.starts_with("pushboat:");
        let kept = self.tags.iter().filter(|(key, _)| !is_reserved(key) && !ours(key));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The tags of this very document registered once more: what was said of its release still holds, but it is
    /// nobody's new wish, and if it ever failed, the copy has not.
    pub fn tags_to_restore(&self) -> Tags {
        let dropped = |key: &str| is_reserved(key) || key == TEMPLATE || is_mark(key);
        let kept = self.tags.iter().filter(|(key, _)| !dropped(key));
        let mut tags: Tags = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
        tags.insert(BASE.to_owned(), self.name().to_owned());
        tags
    }
}

fn is_mark(key: &str) -> bool {
    [NOTED, PASSED_OVER, PUT_BACK].contains(&key)
}

/// The tag that says what meant a container's image when it was released.
pub fn released_as(container: &str) -> String {
    format!("pushboat:image:{container}")
}

/// `family:revision` of an ARN.
pub fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The two halves of a revision's name.
pub fn family_and_number(arn: &str) -> Option<(&str, u32)> {
    let (family, number) = revision_name(arn).split_once(':')?;
    Some((family, number.parse().ok()?))
}

/// AWS refuses tags whose key begins with `aws:`, in any case.
fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

#[cfg(test)]
mod tests;
