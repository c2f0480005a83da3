//! ECR: what a tag means at this moment, which images a repository has, what is in them, and a tag more for one.

use std::collections::BTreeMap;

use aws_sdk_ecr::operation::describe_image_scan_findings::DescribeImageScanFindingsError;
use aws_sdk_ecr::operation::put_image::PutImageError;
use aws_sdk_ecr::types::{self as sdk, DescribeImagesFilter, ImageIdentifier, ScanStatus, TagStatus};
use pushboat::cloud::{Answer, CloudError, Listing, Reference, Trouble};
use pushboat::model::{Digest, Image, ImageKind, MANIFESTS};
use pushboat::scan::Scan;
use serde_json::Value;

use crate::client::Aws;
use crate::error::{incomplete, trouble};
use crate::time::moment;

/// The most that ECR describes at a time.
const IMAGES_PER_CALL: i32 = 1_000;
/// How many tagged images are listed: ten thousand. What is more than that would cost a sweep its minute.
const PAGES: usize = 10;
/// How many manifests a warm function remembers.
const MANIFESTS_KEPT: usize = 50;

impl Aws {
    pub(crate) async fn find_repository_uri(&self, repository: &str) -> Answer<Option<String>> {
        if let Some(known) = self.known_uri(repository) {
            return Ok(Some(known));
        }
        let answer = self.ecr.describe_repositories().repository_names(repository).send().await;
        let answer = match answer.map_err(|error| trouble("DescribeRepositories", repository, error)) {
            Ok(answer) => answer,
            Err(error) if error.trouble == Trouble::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let uri = answer.repositories().first().and_then(|found| found.repository_uri());
        let uri = uri.ok_or_else(|| incomplete("DescribeRepositories", repository, "repositoryUri"))?;
        self.remember_uri(repository, uri);
        Ok(Some(uri.to_owned()))
    }

    pub(crate) async fn find_image(&self, repository: &str, reference: &Reference) -> Answer<Option<Image>> {
        let (id, subject) = match reference {
            Reference::Tag(tag) => (ImageIdentifier::builder().image_tag(tag), format!("{repository}:{tag}")),
            Reference::Digest(digest) => {
                (ImageIdentifier::builder().image_digest(digest.as_str()), format!("{repository}@{digest}"))
            }
        };
        let request = self.ecr.describe_images().repository_name(repository).image_ids(id.build());
        let answer = match request.send().await.map_err(|error| trouble("DescribeImages", &subject, error)) {
            Ok(answer) => answer,
            Err(error) if error.trouble == Trouble::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(found) = answer.image_details().first() else {
            return Ok(None);
        };
        image(repository, found)
            .map(Some)
            .ok_or_else(|| incomplete("DescribeImages", &subject, "imageDigest"))
    }

    pub(crate) async fn list_tagged_images(&self, repository: &str) -> Answer<Listing> {
        // Without another filter, ECR leaves out what is in its archive.
        let tagged = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build();
        let request = self.ecr.describe_images().repository_name(repository).filter(tagged);
        let mut pages = request.into_paginator().page_size(IMAGES_PER_CALL).send();
        let mut listing = Listing { images: Vec::new(), is_complete: true };
        for _ in 0..PAGES {
            let Some(page) = pages.next().await else { return Ok(listing) };
            let page = page.map_err(|error| trouble("DescribeImages", repository, error))?;
            listing.images.extend(page.image_details().iter().filter_map(|found| image(repository, found)));
            listing.is_complete = page.next_token().is_none();
        }
        Ok(listing)
    }

    /// The manifest of a digest never changes, so a warm function asks once. Whether it is still there is another
    /// question, which comes first.
    pub(crate) async fn find_manifest(&self, repository: &str, digest: &Digest) -> Answer<Option<Value>> {
        let key = (repository.to_owned(), digest.clone());
        if let Some(known) = self.manifests.find(&key) {
            return Ok(Some(known));
        }
        let Ok(found) = self.get_image(repository, digest).await? else { return Ok(None) };
        let subject = format!("{repository}@{digest}");
        let manifest = found.image_manifest().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let mut manifest = manifest.ok_or_else(|| incomplete("BatchGetImage", &subject, "imageManifest"))?;
        // OCI's need not say what they are.
        if let (Some(members), Some(media_type)) =
            (manifest.as_object_mut(), found.image_manifest_media_type())
        {
            members.entry("mediaType").or_insert_with(|| Value::from(media_type));
        }
        self.manifests.remember(key, manifest.clone(), MANIFESTS_KEPT);
        Ok(Some(manifest))
    }

    /// A configuration is a blob: ECR says where it is, and S3 has it. That it cannot be had is no trouble; it is asked
    /// for to be on the safe side.
    pub(crate) async fn find_config(&self, repository: &str, config: &Digest) -> Answer<Option<Value>> {
        let key = (repository.to_owned(), config.clone());
        if let Some(known) = self.manifests.find(&key) {
            return Ok(Some(known));
        }
        let subject = format!("{repository}@{config}");
        let request = self.ecr.get_download_url_for_layer().repository_name(repository);
        let answer = request.layer_digest(config.as_str()).send().await;
        let answer = match answer.map_err(|error| trouble("GetDownloadUrlForLayer", &subject, error)) {
            Ok(answer) => answer,
            Err(error) if error.retry_helps() => return Err(error),
            Err(_) => return Ok(None),
        };
        let Some(url) = answer.download_url() else { return Ok(None) };
        let Some(body) = self.downloader.get(url).await else { return Ok(None) };
        let config: Option<Value> = serde_json::from_slice(&body).ok();
        if let Some(config) = &config {
            self.manifests.remember(key, config.clone(), MANIFESTS_KEPT);
        }
        Ok(config)
    }

    pub(crate) async fn find_scan(&self, repository: &str, digest: &Digest) -> Answer<Scan> {
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let request = self.ecr.describe_image_scan_findings().repository_name(repository).image_id(id);
        // Of the findings, the counts are enough.
        let answer = match request.max_results(1).send().await {
            Ok(answer) => answer,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeImageScanFindingsError::is_scan_not_found_exception) =>
            {
                return Ok(Scan::Never);
            }
            Err(error) => {
                return Err(trouble("DescribeImageScanFindings", &format!("{repository}@{digest}"), error));
            }
        };
        let status = answer.image_scan_status().and_then(|it| it.status());
        Ok(match status {
            Some(ScanStatus::Complete | ScanStatus::Active) => {
                let counts = answer.image_scan_findings().and_then(|it| it.finding_severity_counts());
                let count = |(severity, count): (&sdk::FindingSeverity, &i32)| {
                    Some((severity.as_str().parse().ok()?, u32::try_from(*count).unwrap_or(0)))
                };
                Scan::Done(counts.into_iter().flatten().filter_map(count).collect::<BTreeMap<_, _>>())
            }
            Some(status @ (ScanStatus::Pending | ScanStatus::InProgress)) => {
                Scan::Running(status.as_str().to_owned())
            }
            Some(status) => Scan::Unusable(status.as_str().to_owned()),
            None => Scan::Unusable("a state that ECR does not name".to_owned()),
        })
    }

    /// An image with its manifest as it is stored, or why there is none.
    async fn get_image(&self, repository: &str, digest: &Digest) -> Answer<Result<sdk::Image, String>> {
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let request = self.ecr.batch_get_image().repository_name(repository).image_ids(id);
        // Without this list ECR may convert a manifest to an older kind, which would be another image.
        let request = request.set_accepted_media_types(Some(MANIFESTS.map(str::to_owned).to_vec()));
        let subject = format!("{repository}@{digest}");
        let answer = request.send().await.map_err(|error| trouble("BatchGetImage", &subject, error))?;
        let words = answer.failures().first().and_then(|failure| failure.failure_reason());
        let words = words.unwrap_or("the answer has no image").to_owned();
        Ok(answer.images().first().cloned().ok_or(words))
    }

    /// The manifest comes and goes with its exact bytes; ECR checks that they are of the digest.
    pub(crate) async fn add_tag(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()> {
        let subject = format!("{repository}@{digest}");
        let image = self.get_image(repository, digest).await?.map_err(|message| CloudError {
            operation: "BatchGetImage",
            subject,
            trouble: Trouble::NotFound,
            message,
            source: None,
        })?;
        let request = self.ecr.put_image().repository_name(repository).image_digest(digest.as_str());
        let request = request
            .set_image_manifest(image.image_manifest().map(str::to_owned))
            .set_image_manifest_media_type(image.image_manifest_media_type().map(str::to_owned))
            .image_tag(tag);
        match request.send().await {
            Ok(_) => Ok(()),
            // An invocation that overlaps was quicker.
            Err(error)
                if error.as_service_error().is_some_and(PutImageError::is_image_already_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(trouble("PutImage", &format!("{repository}:{tag}"), error)),
        }
    }
}

/// `None` where the answer has no digest.
fn image(repository: &str, found: &sdk::ImageDetail) -> Option<Image> {
    let is_active = found.image_status().is_none_or(|status| *status == sdk::ImageStatus::Active);
    Some(Image {
        repository: repository.to_owned(),
        digest: found.image_digest()?.parse().ok()?,
        tags: found.image_tags().to_vec(),
        pushed_at: found.image_pushed_at().and_then(moment),
        kind: ImageKind::of(
            found.image_manifest_media_type(),
            found.artifact_media_type(),
            found.subject_manifest_digest(),
            is_active,
        ),
    })
}
