//! What happens to an image that stays: it is scanned, archived and brought back.

use std::collections::BTreeMap;

use serde_json::json;

use super::Image;
use crate::world::{Refusal, Timestamp, World};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageStatus {
    #[default]
    Active,
    /// In the archive: described only where it is asked for, and pulled by nobody.
    Archived,
}

impl ImageStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            ImageStatus::Active => "ACTIVE",
            ImageStatus::Archived => "ARCHIVED",
        }
    }
}

/// The end of a scan, or where it stands, in ECR's words.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// `COMPLETE`, `PENDING`, `UNSUPPORTED_IMAGE` …
    pub status: String,
    pub description: String,
    pub at: Timestamp,
    /// Findings of each severity; those without any are missing.
    pub severity_counts: BTreeMap<String, u32>,
}

impl World {
    /// From now on the image has been scanned with this result; a scan that is complete is announced.
    pub fn declare_scan(
        &mut self,
        repository: &str,
        digest: &str,
        status: &str,
        severity_counts: &[(&str, u32)],
    ) -> Result<(), Refusal> {
        let severity_counts: BTreeMap<_, _> =
            severity_counts.iter().map(|(severity, count)| ((*severity).to_owned(), *count)).collect();
        let at = self.now;
        let image = self.stored(repository, digest)?;
        image.scan = Some(Scan {
            status: status.to_owned(),
            description: format!("The scan is {status}."),
            at,
            severity_counts: severity_counts.clone(),
        });
        let tags = image.tags.clone();
        if status == "COMPLETE" {
            let arn = self.repository(repository)?.arn.clone();
            let detail = json!({
                "scan-status": status,
                "repository-name": repository,
                "finding-severity-counts": severity_counts,
                "image-digest": digest,
                "image-tags": tags,
            });
            self.emit("aws.ecr", "ECR Image Scan", &[arn], detail);
        }
        Ok(())
    }

    /// Into the archive or out of it. AWS takes a while to bring an image back; here it is there at once.
    pub fn update_storage_class(
        &mut self,
        repository: &str,
        digest: &str,
        status: ImageStatus,
    ) -> Result<Image, Refusal> {
        let image = self.stored(repository, digest)?;
        image.status = status;
        let image = image.clone();
        let class = if status == ImageStatus::Archived { "ARCHIVE" } else { "STANDARD" };
        let detail = json!({
            "result": "SUCCESS",
            "repository-name": repository,
            "image-digest": digest,
            "action-type": "UPDATE_STORAGE_CLASS",
            "target-storage-class": class,
        });
        self.emit("aws.ecr", "ECR Image Action", &[], detail);
        Ok(image)
    }

    fn stored(&mut self, repository: &str, digest: &str) -> Result<&mut Image, Refusal> {
        let images = &mut self.repository_mut(repository)?.images;
        images
            .get_mut(digest)
            .ok_or_else(|| Refusal::new("ImageNotFoundException", "Requested image not found"))
    }
}
