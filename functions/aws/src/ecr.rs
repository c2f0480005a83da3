//! ECR: what a tag means at this moment, and a tag more for an image.

use aws_sdk_ecr::operation::put_image::PutImageError;
use aws_sdk_ecr::types::ImageIdentifier;
use pushboat::cloud::{Answer, CloudError, Reference, Trouble};
use pushboat::model::{Digest, Image};

use crate::client::Aws;
use crate::error::{incomplete, trouble};

/// What a container may run, as it is stored. Without this list ECR may convert a manifest to an older kind, which
/// would be another image.
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

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
        let digest = found.image_digest().and_then(|digest| digest.parse().ok());
        let pushed_at =
            found.image_pushed_at().and_then(|at| pushboat::Timestamp::from_second(at.secs()).ok());
        Ok(Some(Image {
            repository: repository.to_owned(),
            digest: digest.ok_or_else(|| incomplete("DescribeImages", &subject, "imageDigest"))?,
            tags: found.image_tags().to_vec(),
            pushed_at,
        }))
    }

    /// The manifest comes and goes with its exact bytes; ECR checks that they are of the digest.
    pub(crate) async fn add_tag(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()> {
        let subject = format!("{repository}@{digest}");
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let request = self.ecr.batch_get_image().repository_name(repository).image_ids(id);
        let request = request.set_accepted_media_types(Some(MEDIA_TYPES.map(str::to_owned).to_vec()));
        let answer = request.send().await.map_err(|error| trouble("BatchGetImage", &subject, error))?;
        let Some(image) = answer.images().first() else {
            let words = answer.failures().first().and_then(|failure| failure.failure_reason());
            return Err(CloudError {
                operation: "BatchGetImage",
                subject,
                trouble: Trouble::NotFound,
                message: words.unwrap_or("the answer has no image").to_owned(),
                source: None,
            });
        };
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
