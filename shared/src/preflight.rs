//! Can this image run in that service? Asked before anything is written, of what can be known beforehand: the parts and
//! platforms of the image, its scan, and the document that would be registered. Pure functions of what was observed.
//!
//! ```text
//!  wanted     the platform that the task definition asks for
//!  contents   what a manifest holds: an image, an index of images, or none
//!  platform   is the wanted one there?
//!  scanned    which digests a scan is about
//!  registry, document   what ECS would refuse, or pull with the wrong account
//! ```
//!
//! What nobody says is not held against an image: a definition for EC2 without `runtimePlatform` asks for no platform,
//! and a part of an index without one may have any.

use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::model::{CONFIGS, Digest, ImageKind, MANIFESTS};
use crate::policy::PolicyError;
use crate::scan::TooSevere;

/// A task definition may have 64 KB.
const DOCUMENT_BYTES: usize = 64 * 1024;
const CONTAINERS: usize = 10;
const IMAGE_NAME: usize = 255;
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// On attestations in an index, which have a platform that does not exist.
const UNKNOWN: &str = "unknown";
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// Why an image cannot run here, or a revision cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unfit {
    #[error("it is for {has}, and the task definition asks for {wanted}")]
    Platform { has: String, wanted: Wanted },
    #[error("it is an index without an image")]
    EmptyIndex,
    #[error("it is no image but {0}")]
    NoImage(String),
    #[error(transparent)]
    Scan(#[from] TooSevere),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("its registry is of account {theirs}, the service of {ours}")]
    Registry { theirs: String, ours: String },
    #[error("the {member} {role} is of account {theirs}, the service of {ours}")]
    Role { member: &'static str, role: String, theirs: String, ours: String },
    #[error("the document has {0} bytes, and ECS takes {DOCUMENT_BYTES}")]
    Document(usize),
    #[error("it has {0} containers, and ECS takes {CONTAINERS}")]
    Containers(usize),
    #[error("the image of '{container}' has a name of {length} characters, and ECS takes {IMAGE_NAME}")]
    ImageName { container: String, length: usize },
}

/// In the words of images: `linux` and `amd64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// The platform that a task definition asks for; `None` where it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub os: Option<&'static str>,
    pub architecture: Option<&'static str>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os.unwrap_or("any"), self.architecture.unwrap_or("any"))
    }
}

impl Wanted {
    fn takes(&self, platform: &Platform) -> bool {
        self.os.is_none_or(|os| os == platform.os)
            && self.architecture.is_none_or(|architecture| architecture == platform.architecture)
    }
}

/// What `runtimePlatform` asks for. Fargate takes what is missing for Linux and X86_64; an instance has its own.
pub fn wanted(document: &Map<String, Value>) -> Wanted {
    let said = |member| document.get("runtimePlatform")?.get(member)?.as_str();
    let launches = document.get("requiresCompatibilities").and_then(Value::as_array);
    let is_fargate = launches.into_iter().flatten().any(|it| it == "FARGATE");
    let or = |default| is_fargate.then_some(default);
    Wanted {
        os: match said("operatingSystemFamily") {
            Some("LINUX") => Some("linux"),
            Some(windows) if windows.starts_with("WINDOWS") => Some("windows"),
            Some(_) => None,
            None => or("linux"),
        },
        architecture: match said("cpuArchitecture") {
            Some("X86_64") => Some("amd64"),
            Some("ARM64") => Some("arm64"),
            Some(_) => None,
            None => or("amd64"),
        },
    }
}

/// What a manifest holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Its configuration names the platform.
    Image {
        config: Option<Digest>,
    },
    Index(Vec<Part>),
}

/// One image of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub digest: Digest,
    pub platform: Option<Platform>,
}

pub fn contents(manifest: &Value) -> Result<Contents, Unfit> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let config = &manifest["config"];
    let holds = [&manifest["artifactType"], &config["mediaType"]];
    let holds = holds.into_iter().filter_map(Value::as_str).find(|kind| !kind.is_empty());
    let kind =
        ImageKind::of(manifest["mediaType"].as_str(), holds, manifest["subject"]["digest"].as_str(), true);
    match kind {
        ImageKind::About(subject) => return Err(Unfit::NoImage(format!("about {subject}"))),
        ImageKind::Artifact(media_type) => return Err(Unfit::NoImage(media_type)),
        ImageKind::Image | ImageKind::Archived => {}
    }
    if let Some(entries) = manifest["manifests"].as_array() {
        let parts: Vec<_> = entries.iter().filter_map(part).collect();
        return if parts.is_empty() { Err(Unfit::EmptyIndex) } else { Ok(Contents::Index(parts)) };
    }
    let layers = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !layers.is_empty() && layers.iter().all(|layer| layer["mediaType"] == IN_TOTO) {
        return Err(Unfit::NoImage(IN_TOTO.to_owned()));
    }
    Ok(Contents::Image { config: text(&config["digest"]).and_then(|digest| digest.parse().ok()) })
}

/// An entry of an index, unless it is an attestation or another thing that does not run.
fn part(entry: &Value) -> Option<Part> {
    let media_type = entry["mediaType"].as_str().unwrap_or_default();
    let artifact = entry["artifactType"].as_str().unwrap_or_default();
    let is_image = MANIFESTS.contains(&media_type) && (artifact.is_empty() || CONFIGS.contains(&artifact));
    let platform = platform_of(&entry["platform"]);
    let runs = platform.as_ref().is_none_or(|it| it.os != UNKNOWN && it.architecture != UNKNOWN);
    if !is_image || !runs || entry["annotations"].get(REFERENCE_TYPE).is_some() {
        return None;
    }
    Some(Part { digest: entry["digest"].as_str()?.parse().ok()?, platform })
}

/// Of an entry of an index, or of an image's configuration.
pub fn platform_of(value: &Value) -> Option<Platform> {
    let text = |member: &str| value.get(member)?.as_str().map(str::to_owned);
    Some(Platform { os: text("os")?, architecture: text("architecture")? })
}

/// Is the platform there? `configured` is what a single image's configuration says, where it was read.
pub fn platform(contents: &Contents, configured: Option<&Platform>, wanted: Wanted) -> Result<(), Unfit> {
    let has = match contents {
        Contents::Image { .. } => match configured {
            Some(platform) if !wanted.takes(platform) => platform.to_string(),
            _ => return Ok(()),
        },
        Contents::Index(parts) => {
            if parts.iter().any(|part| may_be(part, wanted)) {
                return Ok(());
            }
            let platforms = parts.iter().filter_map(|part| part.platform.as_ref());
            platforms.map(Platform::to_string).collect::<Vec<_>>().join(" and ")
        }
    };
    Err(Unfit::Platform { has, wanted })
}

fn may_be(part: &Part, wanted: Wanted) -> bool {
    part.platform.as_ref().is_none_or(|platform| wanted.takes(platform))
}

/// The findings of an index are those of its parts that may run here.
pub fn scanned(digest: &Digest, contents: &Contents, wanted: Wanted) -> Vec<Digest> {
    match contents {
        Contents::Image { .. } => vec![digest.clone()],
        Contents::Index(parts) => {
            let run = parts.iter().filter(|part| may_be(part, wanted));
            run.map(|part| part.digest.clone()).collect()
        }
    }
}

/// Is the image in a registry of the service's account? Only ECR's hosts say whose they are.
pub fn registry(service_arn: &str, image: &str) -> Result<(), Unfit> {
    let host = image.split('/').next().unwrap_or_default();
    let of_ecr =
        host.split_once('.').filter(|(_, rest)| rest.starts_with("dkr.ecr") || rest.starts_with("dkr-ecr"));
    match (of_ecr, account(service_arn)) {
        (Some((theirs, _)), Some(ours)) if theirs != ours => {
            Err(Unfit::Registry { theirs: theirs.to_owned(), ours: ours.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Would ECS take this document, with roles that it may use?
pub fn document(service_arn: &str, document: &Map<String, Value>) -> Result<(), Unfit> {
    for member in ["taskRoleArn", "executionRoleArn"] {
        let role = document.get(member).and_then(Value::as_str).unwrap_or_default();
        // A role may also stand there by its name, and is of this account then.
        if let (Some(theirs), Some(ours)) = (account(role), account(service_arn))
            && theirs != ours
        {
            let (role, theirs, ours) = (role.to_owned(), theirs.to_owned(), ours.to_owned());
            return Err(Unfit::Role { member, role, theirs, ours });
        }
    }
    let containers = document.get("containerDefinitions").and_then(Value::as_array);
    let containers = containers.map(Vec::as_slice).unwrap_or_default();
    if containers.len() > CONTAINERS {
        return Err(Unfit::Containers(containers.len()));
    }
    for container in containers {
        let length = container["image"].as_str().unwrap_or_default().len();
        if length > IMAGE_NAME {
            let container = container["name"].as_str().unwrap_or_default().to_owned();
            return Err(Unfit::ImageName { container, length });
        }
    }
    let bytes = serde_json::to_vec(document).map_or(0, |text| text.len());
    if bytes > DOCUMENT_BYTES { Err(Unfit::Document(bytes)) } else { Ok(()) }
}

/// `arn:<partition>:<service>:<region>:<account>:…`
fn account(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn")).then(|| parts.nth(3)).flatten().filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests;
