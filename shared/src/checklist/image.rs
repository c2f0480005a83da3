//! The images that a document names: are they there, and are they for the platform that it asks for?

use serde_json::{Map, Value};

use super::{Finding, Known, NotKnown};
use crate::cloud::Reference;
use crate::policy;
use crate::preflight::{self, Contents, Platform};

/// One image and what the registry said of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose; empty for one that was named beside the document.
    pub container: String,
    pub image: String,
    pub found: Found,
}

#[derive(Debug, Clone)]
pub enum Found {
    /// Of another registry than the account's own, which is not asked.
    Elsewhere,
    /// ECR refused, or cannot be asked.
    NotKnown(NotKnown),
    NoRepository,
    Missing,
    There {
        digest: String,
        contents: Known<Contents>,
        /// What a single image's configuration says.
        configured: Option<Platform>,
    },
}

/// `name` and what stands behind it: `:tag`, `@digest`, or nothing, which is `latest`.
pub fn parts(image: &str) -> (&str, Option<Reference>) {
    if let Some((name, digest)) = image.split_once('@') {
        let name = without_tag(name).0;
        return (name, digest.parse().ok().map(Reference::Digest));
    }
    let (name, tag) = without_tag(image);
    (name, Some(Reference::Tag(tag.unwrap_or("latest").to_owned())))
}

/// A colon before the last slash belongs to a port.
fn without_tag(image: &str) -> (&str, Option<&str>) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
}

/// `<registry>/<repository>`. `None`: an image of Docker Hub's own.
pub fn repository(name: &str) -> Option<(&str, &str)> {
    let (registry, repository) = name.split_once('/')?;
    let is_host = registry.contains(['.', ':']) || registry == "localhost";
    is_host.then_some((registry, repository))
}

/// `<account>.dkr.ecr.<region>.<suffix>/<repository>`, or its address with IPv6: account, region and repository.
pub fn of_ecr(image: &str) -> Option<(&str, &str, &str)> {
    let (host, repository) = repository(parts(image).0)?;
    let mut labels = host.split('.');
    let (account, kind) = (labels.next()?, labels.next()?);
    let region = match kind {
        "dkr" => matches!(labels.next()?, "ecr" | "ecr-fips").then(|| labels.next())??,
        "dkr-ecr" | "dkr-ecr-fips" => labels.next()?,
        _ => return None,
    };
    Some((account, region, repository))
}

/// Containers and what they run.
pub fn named(document: &Map<String, Value>) -> Vec<(String, String)> {
    let one = |it: &Value| (super::text(it, "name").to_owned(), super::text(it, "image").to_owned());
    super::containers(document).iter().map(one).collect()
}

/// Without the registry, and with as much of a digest as tells it from others.
fn short(image: &str) -> String {
    let (name, _) = parts(image);
    let reference = &image[name.len()..];
    let name = repository(name).map_or(name, |(_, repository)| repository);
    match reference.split_once("@sha256:") {
        Some((tag, hex)) => format!("{name}{tag}@sha256:{}…", hex.get(..12).unwrap_or(hex)),
        None => format!("{name}{reference}"),
    }
}

/// Pushboat does not release what it has rejected, whether or not it would run.
pub fn rejected(asked: &Asked, service: &Value) -> Option<Finding> {
    let Found::There { digest, .. } = &asked.found else { return None };
    let key = policy::rejection_key(&digest.parse().ok()?);
    let tag = super::list(service, "tags").iter().find(|tag| super::text(tag, "key") == key)?;
    let why = format!("{} was rejected here: {}", short(&asked.image), super::text(tag, "value"));
    Some(Finding::wrong("rejected", why, format!("pushboat release {digest}; or push another")))
}

pub fn check(asked: &Asked, document: &Map<String, Value>) -> Finding {
    let subject =
        if asked.container.is_empty() { "image".to_owned() } else { format!("image of {}", asked.container) };
    let image = short(&asked.image);
    match &asked.found {
        Found::Elsewhere => {
            let why = format!("{} is of another registry, which ECS asks when it starts a task", asked.image);
            Finding::unknown(subject, why)
        }
        Found::NotKnown(NotKnown(why)) => Finding::unknown(subject, why),
        Found::NoRepository => Finding::wrong(
            subject,
            format!("there is no repository of {image}"),
            "make it, and push the image",
        ),
        Found::Missing => {
            let help = "push it, or name one that is there";
            Finding::wrong(subject, format!("the registry has no {image}"), help)
        }
        Found::There { contents: Err(NotKnown(why)), .. } => {
            Finding::unknown(subject, format!("{image} is there; its platform: {why}"))
        }
        Found::There { digest, contents: Ok(contents), configured } => {
            let wanted = preflight::wanted(document);
            if let Err(why) = preflight::platform(contents, configured.as_ref(), wanted) {
                let help = format!("build it for {wanted}, or change runtimePlatform");
                return Finding::wrong(subject, format!("{image}: {why}"), help);
            }
            let is_said = image.contains("@sha256:");
            let digest =
                if is_said { String::new() } else { format!(" ({}…)", digest.get(..19).unwrap_or(digest)) };
            Finding::ok(subject, format!("{image} is there{digest}, for {wanted}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_taken_apart() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let pinned = format!("a.example/team/app:v1@{digest}");
        for (image, name, reference) in [
            ("nginx", "nginx", Some(Reference::Tag("latest".into()))),
            ("127.0.0.1:5048/app:v1", "127.0.0.1:5048/app", Some(Reference::Tag("v1".into()))),
            ("127.0.0.1:5048/app", "127.0.0.1:5048/app", Some(Reference::Tag("latest".into()))),
            (&pinned, "a.example/team/app", digest.parse().ok().map(Reference::Digest)),
            ("app@sha256:short", "app", None),
        ] {
            assert_eq!(parts(image), (name, reference), "{image}");
        }
        assert_eq!(repository("a.example/team/app"), Some(("a.example", "team/app")));
        assert_eq!(repository("library/nginx"), None);
        for host in ["1.dkr.ecr.eu-central-1.amazonaws.com", "1.dkr-ecr.eu-central-1.on.aws"] {
            assert_eq!(of_ecr(&format!("{host}/team/app:v1")), Some(("1", "eu-central-1", "team/app")));
        }
        assert_eq!(of_ecr("public.ecr.aws/team/app:v1"), None);
    }

    proptest! {
        #[test]
        fn a_name_is_the_beginning_of_its_image(image in "[a-z0-9./:@-]{0,60}") {
            prop_assert!(image.starts_with(parts(&image).0));
        }
    }
}
