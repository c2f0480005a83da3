//! Repositories and the images in them, as ECR keeps them. Layers are not here: the registry keeps the bytes and
//! asks this table what a manifest may do.

use std::collections::{BTreeMap, BTreeSet};

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
}

impl World {
    pub fn create_repository(
        &mut self,
        _name: &str,
        _immutable_tags: bool,
        _scan_on_push: bool,
        _tags: BTreeMap<String, String>,
    ) -> Result<&Repository, Refusal> {
        Err(Refusal::new("NotBuilt", "helper"))
    }

    /// What `PutImage` and a manifest PUT have in common: the tag moves (or the repository refuses), the events go
    /// out. The caller has checked the bytes: `digest` is theirs and every blob they name is there.
    pub fn put_image(
        &mut self,
        _repository: &str,
        _digest: &str,
        _manifest: &str,
        _media_type: &str,
        _tag: Option<&str>,
    ) -> Result<(), Refusal> {
        Err(Refusal::new("NotBuilt", "helper"))
    }

    /// By `sha256:…` or by tag.
    pub fn find_image(&self, repository: &str, reference: &str) -> Result<Option<&Image>, Refusal> {
        let _ = (repository, reference);
        Err(Refusal::new("NotBuilt", "helper"))
    }

    /// Removes one tag, or the whole image when `reference` is a digest; returns what went.
    pub fn delete_image(
        &mut self,
        _repository: &str,
        _reference: &str,
    ) -> Result<Vec<(String, Option<String>)>, Refusal> {
        Err(Refusal::new("NotBuilt", "helper"))
    }
}
