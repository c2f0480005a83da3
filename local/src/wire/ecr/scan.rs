//! What a scan found, and the archive. Nothing is scanned here: a scan is there once somebody has declared it to the
//! world, and it has counts, not findings one by one.

use serde::Deserialize;
use serde_json::{Value, json};

use super::epoch_seconds;
use super::input::{ImageId, account, image_id, invalid, read, repository};
use crate::registry::Registry;
use crate::world::Refusal;
use crate::world::ecr::{ImageStatus, Scan};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scanned {
    image_id: ImageId,
}

pub(super) fn findings(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let Scanned { image_id: id } = read(body)?;
    let account = account(registry);
    let image = id.find(&repository).map_err(|_| id.not_found(&repository.name, &account))?;
    let scan = image.scan.as_ref().ok_or_else(|| {
        let message = format!(
            "Image scan does not exist for the image with '{}' in the repository with name '{}' in the registry \
             with id '{account}'",
            id.in_words(),
            repository.name
        );
        Refusal::new("ScanNotFoundException", message)
    })?;
    let mut findings = summary(scan);
    findings["findings"] = json!([]);
    Ok(json!({
        "registryId": account,
        "repositoryName": repository.name,
        "imageId": image_id(Some(&image.digest), id.image_tag.as_deref()),
        "imageScanStatus": status(scan),
        "imageScanFindings": findings,
    }))
}

pub(super) fn status(scan: &Scan) -> Value {
    json!({"status": scan.status, "description": scan.description})
}

pub(super) fn summary(scan: &Scan) -> Value {
    let at = epoch_seconds(scan.at);
    json!({
        "imageScanCompletedAt": at,
        "vulnerabilitySourceUpdatedAt": at,
        "findingSeverityCounts": scan.severity_counts,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    image_id: ImageId,
    target_storage_class: String,
}

pub(super) fn update_storage_class(registry: &Registry, body: &Value) -> Result<Value, Refusal> {
    let repository = repository(registry, body)?;
    let Moved { image_id: id, target_storage_class } = read(body)?;
    let status = match target_storage_class.as_str() {
        "STANDARD" => ImageStatus::Active,
        "ARCHIVE" => ImageStatus::Archived,
        _ => return Err(invalid("targetStorageClass", "must be STANDARD or ARCHIVE")),
    };
    let account = account(registry);
    let image = id.find(&repository).map_err(|_| id.not_found(&repository.name, &account))?;
    let image =
        registry.hub.with(|world| world.update_storage_class(&repository.name, &image.digest, status))?;
    Ok(json!({
        "registryId": account,
        "repositoryName": repository.name,
        "imageId": image_id(Some(&image.digest), id.image_tag.as_deref()),
        "imageStatus": image.status.as_str(),
    }))
}
