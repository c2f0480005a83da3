//! ECR: is an image there, and for which platform? With the same questions that a release asks.

use aws_config::Region;
use pushboat::checklist::image::{Asked, Found, of_ecr, parts, repository};
use pushboat::checklist::{Known, NotKnown};
use pushboat::cloud::{Cloud, CloudError};
use pushboat::preflight::{self, Contents, Platform};
use pushboat_aws::Aws;

use super::account::Account;

impl Account {
    /// The registry of this account, as the functions see it.
    fn registry(&self) -> Aws {
        Aws::new(Some(Region::new(self.region().to_owned())), self.signer.provider(), self.sdk_endpoint())
    }

    /// An image by the name that a container definition has for it.
    pub(crate) async fn image(&self, container: &str, image: &str) -> Asked {
        let found = match self.find_image(image).await {
            Ok(found) => found,
            Err(error) => Found::NotKnown(NotKnown(error.to_string())),
        };
        Asked { container: container.to_owned(), image: image.to_owned(), found }
    }

    /// An image of a repository of this account, as somebody types it: `repository:tag` or `repository@digest`.
    pub(crate) async fn typed_image(&self, typed: &str) -> Asked {
        let (name, reference) = parts(typed);
        let uri = self.registry().repository_uri(name).await;
        let named = match (uri, reference) {
            (Ok(Some(uri)), Some(_)) => Ok(format!("{uri}{}", &typed[name.len()..])),
            (Ok(None), _) => Err(Found::NoRepository),
            (Ok(_), None) => Err(Found::Missing),
            (Err(error), _) => Err(Found::NotKnown(NotKnown(error.to_string()))),
        };
        match named {
            Ok(image) => Asked { image: typed.to_owned(), ..self.image("", &image).await },
            Err(found) => Asked { container: String::new(), image: typed.to_owned(), found },
        }
    }

    async fn find_image(&self, image: &str) -> Result<Found, CloudError> {
        let (name, reference) = parts(image);
        let (Some((_, repository)), Some(reference)) = (repository(name), reference) else {
            return Ok(Found::Elsewhere);
        };
        // ECS pulls from other accounts and regions as well; this registry knows nothing of those.
        let is_own = of_ecr(image).map(|(account, region, _)| account == self.id && region == self.region());
        if is_own == Some(false) {
            return Ok(Found::Elsewhere);
        }
        let aws = self.registry();
        match aws.repository_uri(repository).await? {
            Some(uri) if uri == name || is_own == Some(true) => {}
            None if is_own == Some(true) => return Ok(Found::NoRepository),
            _ => return Ok(Found::Elsewhere),
        }
        let Some(found) = aws.image(repository, &reference).await? else { return Ok(Found::Missing) };
        let contents = match aws.manifest(repository, &found.digest).await {
            Ok(Some(manifest)) => preflight::contents(&manifest).map_err(|why| NotKnown(why.to_string())),
            Ok(None) => return Ok(Found::Missing),
            Err(error) => Err(NotKnown(error.to_string())),
        };
        let configured = configured(&aws, repository, &contents).await;
        Ok(Found::There { digest: found.digest.to_string(), contents, configured })
    }
}

/// What a single image's configuration says, where it can be had.
async fn configured(aws: &Aws, repository: &str, contents: &Known<Contents>) -> Option<Platform> {
    let Ok(Contents::Image { config: Some(config) }) = contents else { return None };
    let config = aws.image_config(repository, config).await.ok()??;
    preflight::platform_of(&config)
}
