//! Repositories and the images in them, as ECR keeps them. Layers are not here: the registry keeps the bytes and
//! asks this table what a manifest may do.

mod images;
mod manifest;
mod names;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use images::Repeat;
pub use manifest::{Content, Descriptor, DescriptorPlatform, Manifest, ManifestError, media_type};
pub use names::{is_digest, is_repository_name, is_tag};
pub use scan::{ImageStatus, Scan};

use super::{Refusal, Timestamp, World};

#[derive(Debug, Default)]
pub struct Ecr {
    pub repositories: BTreeMap<String, Repository>,
}

#[derive(Debug, Clone)]
pub struct Repository {
    pub name: String,
    pub arn: String,
    pub created_at: Timestamp,
    pub immutable_tags: bool,
    pub scan_on_push: bool,
    pub tags: BTreeMap<String, String>,
    /// By digest, `sha256:…`.
    pub images: BTreeMap<String, Image>,
}

#[derive(Debug, Clone)]
pub struct Image {
    pub digest: String,
    pub media_type: String,
    /// The config's media type, or `artifactType` where there is one.
    pub artifact_media_type: Option<String>,
    pub manifest: String,
    pub tags: BTreeSet<String>,
    pub pushed_at: Timestamp,
    /// Compressed layers and config; for an index the sum of its children.
    pub size_bytes: u64,
    /// The images an index consists of; they stay while it does.
    pub children: BTreeSet<String>,
    /// What the image is about, for signatures and the like.
    pub subject: Option<String>,
    pub status: ImageStatus,
    /// What a scan found, where a caller has declared one: nothing is scanned here.
    pub scan: Option<Scan>,
}

impl Repository {
    /// By `sha256:…` or by tag.
    pub fn find(&self, reference: &str) -> Option<&Image> {
        if is_digest(reference) {
            self.images.get(reference)
        } else {
            self.images.values().find(|image| image.tags.contains(reference))
        }
    }
}

impl World {
    pub fn create_repository(
        &mut self,
        name: &str,
        immutable_tags: bool,
        scan_on_push: bool,
        tags: BTreeMap<String, String>,
    ) -> Result<&Repository, Refusal> {
        if !is_repository_name(name) {
            return Err(Refusal::new(
                "InvalidParameterException",
                format!(
                    "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular \
                     expression '{}''",
                    names::REPOSITORY_NAME
                ),
            ));
        }
        if self.ecr.repositories.contains_key(name) {
            return Err(Refusal::new(
                "RepositoryAlreadyExistsException",
                format!(
                    "The repository with name '{name}' already exists in the registry with id '{}'",
                    self.settings.account
                ),
            ));
        }
        let repository = Repository {
            name: name.to_owned(),
            arn: self.arn("ecr", &format!("repository/{name}")),
            created_at: self.now,
            immutable_tags,
            scan_on_push,
            tags,
            images: BTreeMap::new(),
        };
        Ok(self.ecr.repositories.entry(name.to_owned()).or_insert(repository))
    }

    pub fn repository(&self, name: &str) -> Result<&Repository, Refusal> {
        self.ecr.repositories.get(name).ok_or_else(|| repository_not_found(name, &self.settings.account))
    }

    /// For changes to the repository itself. Images come and go through [`World::put_image`] and
    /// [`World::delete_image`], which tell the world about them.
    pub fn repository_mut(&mut self, name: &str) -> Result<&mut Repository, Refusal> {
        self.ecr.repositories.get_mut(name).ok_or_else(|| repository_not_found(name, &self.settings.account))
    }

    /// With its images when `force`; a repository that still has some stays otherwise.
    pub fn delete_repository(&mut self, name: &str, force: bool) -> Result<Repository, Refusal> {
        let repository = self.repository(name)?;
        if !force && !repository.images.is_empty() {
            return Err(Refusal::new(
                "RepositoryNotEmptyException",
                format!(
                    "The repository with name '{name}' in registry with id '{}' cannot be deleted because it \
                     still contains images",
                    self.settings.account
                ),
            ));
        }
        self.ecr.repositories.remove(name).ok_or_else(|| repository_not_found(name, &self.settings.account))
    }
}

/// Also for a registry that is not this account's: nothing of it is here.
pub(crate) fn repository_not_found(name: &str, registry_id: &str) -> Refusal {
    Refusal::new(
        "RepositoryNotFoundException",
        format!("The repository with name '{name}' does not exist in the registry with id '{registry_id}'"),
    )
}
