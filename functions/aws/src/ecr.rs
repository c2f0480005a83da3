//! ECR: what a tag means at this moment.

use aws_sdk_ecr::types::ImageIdentifier;
use pushboat::cloud::{Answer, Reference, Trouble};
use pushboat::model::Image;

use crate::client::Aws;
use crate::error::{incomplete, trouble};

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
}
