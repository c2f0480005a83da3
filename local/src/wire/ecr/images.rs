//! Images: listing, describing, fetching, pushing, deleting.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{
    Failure, ImageId, account, failure, image_id, invalid, paged, read, repository, repository_name,
};
use super::{epoch_seconds, scan, server_error};
use crate::registry::{Digest, ManifestRefusal, Push, Registry};
use crate::world::Refusal;
use crate::world::ecr::{Image, ImageStatus, Repeat};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chosen {
    #[serde(default)]
    image_ids: Vec<ImageId>,
    #[serde(default)]
    filter: Filter,
    #[serde(default)]
    accepted_media_types: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(default)]
    tag_status: TagStatus,
    #[serde(default)]
    image_status: StatusFilter,
}

/// What is in the archive is not described unless it is asked for.
#[derive(Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum StatusFilter {
    #[default]
    Active,
    Archived,
    Activating,
    Any,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TagStatus {
    Tagged,
    Untagged,
    #[default]
    Any,
}

impl Filter {
    fn takes(&self, image: &Image) -> bool {
        let status = match self.image_status {
            StatusFilter::Active => image.status == ImageStatus::Active,
            StatusFilter::Archived => image.status == ImageStatus::Archived,
            StatusFilter::Activating => false,
            StatusFilter::Any => true,
        };
        status && self.takes_tags_of(image)
    }

    fn takes_tags_of(&self, image: &Image) -> bool {
        match self.tag_status {
            TagStatus::Tagged => !image.tags.is_empty(),
            TagStatus::Untagged => image.tags.is_empty(),
            TagStatus::Any => true,
        }
    }
}

/// One entry for each tag; an image without tags has one of its own.
pub(super) fn list(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let Chosen { filter, .. } = read(body)?;
    let mut ids = Vec::new();
    for image in repository.images.values().filter(|image| filter.takes(image)) {
        let digest = &image.digest;
        if image.tags.is_empty() {
            ids.push((digest.clone(), image_id(Some(digest), None)));
        }
        for tag in &image.tags {
            ids.push((format!("{digest} {tag}"), image_id(Some(digest), Some(tag))));
        }
    }
    paged(body, "imageIds", ids)
}

pub(super) fn describe(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let chosen: Chosen = read(body)?;
    let account = account(registry);
    let mut images: Vec<&Image> = Vec::new();
    for id in &chosen.image_ids {
        let image = id.find(&repository).map_err(|(code, reason)| match code {
            "InvalidImageDigest" | "MissingDigestAndTag" => invalid("imageIds", &reason),
            _ => id.not_found(&repository.name, &account),
        })?;
        // One image is described once, by however many names it was asked for.
        if !images.iter().any(|seen| seen.digest == image.digest) {
            images.push(image);
        }
    }
    if chosen.image_ids.is_empty() {
        images.extend(repository.images.values());
    }
    let described = images
        .into_iter()
        .filter(|image| chosen.filter.takes(image))
        .map(|image| (image.digest.clone(), detail(image, &repository.name, &account)))
        .collect();
    paged(body, "imageDetails", described)
}

fn detail(image: &Image, repository: &str, account: &str) -> Value {
    let mut detail = json!({
        "registryId": account,
        "repositoryName": repository,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.size_bytes,
        "imagePushedAt": epoch_seconds(image.pushed_at),
        "imageManifestMediaType": image.media_type,
        "imageStatus": image.status.as_str(),
    });
    if !image.tags.is_empty() {
        detail["imageTags"] = json!(image.tags);
    }
    if let Some(kind) = &image.artifact_media_type {
        detail["artifactMediaType"] = json!(kind);
    }
    if let Some(subject) = &image.subject {
        detail["subjectManifestDigest"] = json!(subject);
    }
    if let Some(scan) = &image.scan {
        detail["imageScanStatus"] = scan::status(scan);
        detail["imageScanFindingsSummary"] = scan::summary(scan);
    }
    detail
}

pub(super) fn get(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let chosen = some_ids(body)?;
    let account = account(registry);
    let accepted = |image: &Image| -> Result<(), Failure> {
        if image.status == ImageStatus::Archived {
            return Err(("ImageInaccessible", "The image is in the archive".to_owned()));
        }
        let types = &chosen.accepted_media_types;
        if types.is_empty() || types.contains(&image.media_type) {
            return Ok(());
        }
        let reason = format!("The image is kept as {} and is not converted", image.media_type);
        Err(("ImageNotFound", reason))
    };
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in &chosen.image_ids {
        let found = id.find(&repository).and_then(|image| accepted(image).map(|()| image));
        match found {
            Ok(image) => images.push(to_json(image, id.image_tag.as_deref(), &repository.name, &account)),
            Err(why) => failures.push(failure(id, &why)),
        }
    }
    Ok(json!({"images": images, "failures": failures}))
}

fn to_json(image: &Image, tag: Option<&str>, repository: &str, account: &str) -> Value {
    json!({
        "registryId": account,
        "repositoryName": repository,
        "imageId": image_id(Some(&image.digest), tag),
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Put {
    image_manifest: String,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

pub(super) async fn put(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let name = repository_name(registry, body)?;
    let input: Put = read(body)?;
    let digest = input
        .image_digest
        .as_deref()
        .map(|text| Digest::parse(text).ok_or_else(|| invalid("imageDigest", "must be a sha256 digest")));
    let digest = digest.transpose()?;
    let registry = registry.clone();
    // Looking at many files is work for a thread that may wait.
    let pushed = tokio::task::spawn_blocking(move || {
        let pushed = registry.push(Push {
            repository: &name,
            tag: input.image_tag.as_deref(),
            digest: digest.as_ref(),
            media_type: input.image_manifest_media_type.as_deref(),
            manifest: input.image_manifest.as_bytes(),
            repeat: Repeat::Refuse,
        });
        let account = account(&registry);
        let pushed = pushed.map_err(|refusal| refused(refusal, &name, &account))?;
        let image = registry
            .hub
            .with(|world| world.find_image(&name, pushed.digest.as_str()).map(Option::<&_>::cloned))?;
        // Somebody may have been quick to delete it.
        let id =
            ImageId { image_digest: Some(pushed.digest.to_string()), image_tag: input.image_tag.clone() };
        let image = image.ok_or_else(|| id.not_found(&name, &account))?;
        Ok(json!({"image": to_json(&image, input.image_tag.as_deref(), &name, &account)}))
    });
    pushed.await.map_err(|error| server_error(&error))?
}

fn refused(refusal: ManifestRefusal, repository: &str, account: &str) -> Refusal {
    let message = refusal.to_string();
    match refusal {
        ManifestRefusal::World(refusal) => refusal,
        ManifestRefusal::Store(error) => server_error(&error),
        ManifestRefusal::BlobsUnknown(digests) => Refusal::new(
            "LayersNotFoundException",
            format!(
                "Layers with digests '[{}]' required for pushing image into repository with name '{repository}' \
                 in the registry with id '{account}' do not exist",
                digests.join(", ")
            ),
        ),
        ManifestRefusal::WrongDigest { .. } => Refusal::new("ImageDigestDoesNotMatchException", message),
        ManifestRefusal::TooLarge
        | ManifestRefusal::NotText(_)
        | ManifestRefusal::Invalid(_)
        | ManifestRefusal::WrongSize { .. } => invalid("ImageManifest", &message),
    }
}

pub(super) fn delete(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let name = repository_name(registry, body)?;
    let chosen = some_ids(body)?;
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for id in &chosen.image_ids {
        let went = registry.hub.with(|world| {
            let table = world.repository(&name)?;
            if let Err(why) = id.find(table) {
                return Ok(Err(why));
            }
            let reference = id.image_tag.as_ref().or(id.image_digest.as_ref());
            let went = world.delete_image(&name, reference.map_or("", String::as_str));
            Ok::<_, Refusal>(went.map_err(|refusal| (refusal.code, refusal.message)))
        })?;
        match went {
            Ok(went) => gone.extend(went.iter().map(|(digest, tag)| image_id(Some(digest), tag.as_deref()))),
            Err(why) => failures.push(failure(id, &why)),
        }
    }
    Ok(json!({"imageIds": gone, "failures": failures}))
}

/// At least one and at most a hundred.
fn some_ids(body: &Value) -> Result<Chosen, Refusal> {
    let chosen: Chosen = read(body)?;
    if (1..=100).contains(&chosen.image_ids.len()) {
        Ok(chosen)
    } else {
        Err(invalid("imageIds", "must have between 1 and 100 members"))
    }
}
