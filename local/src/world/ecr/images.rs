//! Images come, are tagged, lose their tags and go; each step is announced as ECR announces it.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Image, ImageStatus, Manifest, Repository, is_digest, is_tag};
use crate::world::{Refusal, Timestamp, World};

/// What becomes of a push that changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The `PutImage` call: `ImageAlreadyExistsException`.
    Refuse,
    /// A manifest PUT: it succeeds, and a tagged one is announced once more.
    Announce,
}

impl World {
    /// What `PutImage` and a manifest PUT have in common: the tag moves (or the repository refuses), the events go
    /// out. The caller has checked the bytes: `digest` is theirs and every blob they name is there.
    pub fn put_image(
        &mut self,
        repository: &str,
        digest: &str,
        manifest: &str,
        media_type: &str,
        tag: Option<&str>,
        repeat: Repeat,
    ) -> Result<(), Refusal> {
        let account = self.settings.account.clone();
        let now = self.now;
        let table = self.repository_mut(repository)?;
        let image = new_image(table, digest, manifest, media_type, now, &account)?;
        if let Some(tag) = tag {
            check_tag(table, tag, digest)?;
        }
        let known = table.images.get(digest);
        let changes_nothing = known.is_some_and(|image| tag.is_none_or(|tag| image.tags.contains(tag)));
        if changes_nothing && repeat == Repeat::Refuse {
            let tagged = tag.map(|tag| format!(" and tag '{tag}'")).unwrap_or_default();
            return Err(Refusal::new(
                "ImageAlreadyExistsException",
                format!(
                    "Image with digest '{digest}'{tagged} already exists in the repository with name \
                     '{repository}' in registry with id '{account}'"
                ),
            ));
        }
        if let Some(tag) = tag {
            for other in table.images.values_mut() {
                other.tags.remove(tag);
            }
        }
        let stored = table.images.entry(digest.to_owned()).or_insert(image);
        stored.tags.extend(tag.map(str::to_owned));
        if !changes_nothing || tag.is_some() {
            let stored = stored.clone();
            self.announce(repository, &stored, "PUSH", tag);
        }
        Ok(())
    }

    /// By `sha256:…` or by tag.
    pub fn find_image(&self, repository: &str, reference: &str) -> Result<Option<&Image>, Refusal> {
        Ok(self.repository(repository)?.find(reference))
    }

    /// Removes one tag, and with its last tag the image; or the whole image when `reference` is a digest. Returns
    /// what went, as pairs of digest and tag. An image that an index consists of outlives its last tag.
    pub fn delete_image(
        &mut self,
        repository: &str,
        reference: &str,
    ) -> Result<Vec<(String, Option<String>)>, Refusal> {
        let table = self.repository_mut(repository)?;
        let Some(image) = table.find(reference).cloned() else {
            return Err(Refusal::new("ImageNotFound", "Requested image not found"));
        };
        let indexes: Vec<&str> = table
            .images
            .values()
            .filter(|index| index.children.contains(&image.digest))
            .map(|index| index.digest.as_str())
            .collect();
        let by_digest = is_digest(reference);
        if by_digest && !indexes.is_empty() {
            return Err(Refusal::new(
                "ImageReferencedByManifestList",
                format!("Requested image referenced by manifest list: [{}]", indexes.join(", ")),
            ));
        }
        let goes = by_digest || (image.tags.len() == 1 && indexes.is_empty());
        if goes {
            table.images.remove(&image.digest);
        } else if let Some(kept) = table.images.get_mut(&image.digest) {
            kept.tags.remove(reference);
        }
        let tags: Vec<Option<String>> = if !by_digest {
            vec![Some(reference.to_owned())]
        } else if image.tags.is_empty() {
            vec![None]
        } else {
            image.tags.iter().cloned().map(Some).collect()
        };
        for tag in &tags {
            self.announce(repository, &image, "DELETE", tag.as_deref());
        }
        Ok(tags.into_iter().map(|tag| (image.digest.clone(), tag)).collect())
    }

    /// An image without a tag is announced with an empty one. What is about another image (a signature, a bill of
    /// materials) goes out under a name of its own, so that rules for images do not see it.
    fn announce(&mut self, repository: &str, image: &Image, action: &str, tag: Option<&str>) {
        let mut detail = json!({
            "result": "SUCCESS",
            "repository-name": repository,
            "image-digest": image.digest,
            "action-type": action,
            "image-tag": tag.unwrap_or(""),
            "manifest-media-type": image.media_type,
        });
        if let Some(kind) = &image.artifact_media_type {
            detail["artifact-media-type"] = json!(kind);
        }
        let detail_type = if image.subject.is_some() { "ECR Referrer Action" } else { "ECR Image Action" };
        self.emit("aws.ecr", detail_type, &[], detail);
    }
}

fn new_image(
    repository: &Repository,
    digest: &str,
    manifest: &str,
    media_type: &str,
    pushed_at: Timestamp,
    account: &str,
) -> Result<Image, Refusal> {
    let parsed = Manifest::parse(manifest, Some(media_type)).map_err(|error| {
        let constraint = "Invalid parameter at 'ImageManifest' failed to satisfy constraint";
        Refusal::new("InvalidParameterException", format!("{constraint}: '{error}'"))
    })?;
    let children: BTreeSet<String> = parsed.children().map(|child| child.digest.clone()).collect();
    let missing: Vec<&str> =
        children.iter().filter(|child| !repository.images.contains_key(*child)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(Refusal::new(
            "ReferencedImagesNotFoundException",
            format!(
                "Images with digests '[{}]' required for pushing image into repository with name '{}' in the \
                 registry with id '{account}' do not exist",
                missing.join(", "),
                repository.name
            ),
        ));
    }
    let own_bytes = parsed.blobs().map(|blob| blob.size);
    let children_bytes =
        children.iter().filter_map(|child| repository.images.get(child)).map(|child| child.size_bytes);
    let size_bytes = own_bytes.chain(children_bytes).fold(0, u64::saturating_add);
    Ok(Image {
        digest: digest.to_owned(),
        media_type: media_type.to_owned(),
        artifact_media_type: parsed.artifact_media_type().map(str::to_owned),
        manifest: manifest.to_owned(),
        tags: BTreeSet::new(),
        pushed_at,
        size_bytes,
        children,
        subject: parsed.subject.map(|subject| subject.digest),
        status: ImageStatus::default(),
        scan: None,
    })
}

/// May `tag` name `digest`?
fn check_tag(repository: &Repository, tag: &str, digest: &str) -> Result<(), Refusal> {
    if !is_tag(tag) {
        return Err(Refusal::new(
            "InvalidParameterException",
            "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression \
             '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}''",
        ));
    }
    let holder = repository.find(tag);
    if repository.immutable_tags && holder.is_some_and(|holder| holder.digest != digest) {
        return Err(Refusal::new(
            "ImageTagAlreadyExistsException",
            format!(
                "The image tag '{tag}' already exists in the '{}' repository and cannot be overwritten because \
                 the repository is immutable.",
                repository.name
            ),
        ));
    }
    Ok(())
}
