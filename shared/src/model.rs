//! The nouns: services, images, roll-outs, in ECS's words. Only what a decision looks at; documents stay raw.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

pub type Tags = BTreeMap<String, String>;

/// `sha256:` and 64 lower-case hex digits: the only name of an image that never moves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Digest(String);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a digest of the form sha256:<64 hex digits>")]
pub struct NotADigest(String);

impl Digest {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 hex digits, as they stand in a `pushboat:rejected:` tag.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(is_hex) => Ok(Digest(text.to_owned())),
            _ => Err(NotADigest(text.to_owned())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which service, as its owner names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName {
    pub cluster: String,
    pub service: String,
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.service)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub name: ServiceName,
    pub arn: String,
    pub status: ServiceStatus,
    pub desired_count: u32,
    pub running_count: u32,
    pub pending_count: u32,
    /// The revision that the service is moving to or is at.
    pub task_definition_arn: String,
    pub tags: Tags,
    /// The PRIMARY deployment, if the service has one.
    pub primary: Option<Deployment>,
    pub target_group_arns: Vec<String>,
    /// How many subnets its tasks may be in, usually one for each zone. Nobody need be asked for it.
    pub subnets: u32,
    /// `resourceManagementType: ECS`: an Express service, which ECS itself manages.
    pub managed_by_ecs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStatus {
    Active,
    Draining,
    Inactive,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub id: String,
    pub task_definition_arn: String,
    pub state: RolloutState,
    pub reason: String,
    /// Tasks that failed since the last one that did not, by ECS's count.
    pub failed_tasks: u32,
}

/// `Unknown` where ECS does not say, as for the native strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutState {
    InProgress,
    Completed,
    Failed,
    Unknown,
}

/// An image in the registry, by the digest that a tag means at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub repository: String,
    pub digest: Digest,
    pub tags: Vec<String>,
    pub pushed_at: Option<Timestamp>,
    pub kind: ImageKind,
}

/// What the registry says that a manifest is. Only an image is ever deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ImageKind {
    /// One image, or an index of several.
    #[default]
    Image,
    /// In the registry's archive: nobody can pull it.
    Archived,
    /// It is about another manifest: a signature, an attestation, a bill of materials.
    About(String),
    /// An artifact of this media type.
    Artifact(String),
}

impl ImageKind {
    /// By the media types of the manifest and of what it holds, and by the manifest it is about.
    pub fn of(
        manifest: Option<&str>,
        holds: Option<&str>,
        about: Option<&str>,
        is_active: bool,
    ) -> ImageKind {
        if let Some(subject) = about.filter(|subject| !subject.is_empty()) {
            return ImageKind::About(subject.to_owned());
        }
        // What a registry does not say is not held against an image.
        let strange = |kind: Option<&str>, known: &[&str]| {
            kind.filter(|kind| !kind.is_empty() && !known.contains(kind)).map(str::to_owned)
        };
        // Some registries repeat the manifest's own type as the type of what it holds.
        let holds = holds.filter(|holds| !MANIFESTS.contains(holds));
        match strange(manifest, &MANIFESTS).or_else(|| strange(holds, &CONFIGS)) {
            Some(kind) => ImageKind::Artifact(kind),
            None if !is_active => ImageKind::Archived,
            None => ImageKind::Image,
        }
    }
}

/// What a container may run: an image or an index of images, in OCI's form or Docker's.
pub const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The configuration of an image.
pub const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// One service deployment of the past or present, with the images it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    pub arn: String,
    pub outcome: Outcome,
    pub reason: String,
    pub task_definition_arn: String,
    /// What the target revision runs: container name and image, with the digest once ECS has resolved it.
    pub images: Vec<RolloutImage>,
    pub created_at: Option<Timestamp>,
    /// When it came to its end, roll-back and all.
    pub finished_at: Option<Timestamp>,
}

impl Rollout {
    /// The digest that a container ran, where it is known.
    pub fn ran(&self, container: &str) -> Option<Digest> {
        self.images.iter().find(|image| image.container == container)?.ran()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutImage {
    pub container: String,
    pub image: String,
    pub digest: Option<Digest>,
}

impl RolloutImage {
    /// The digest it ran, whether the definition named it or ECS resolved it.
    pub fn ran(&self) -> Option<Digest> {
        let named = self.image.split_once('@').and_then(|(_, digest)| digest.parse().ok());
        named.or_else(|| self.digest.clone())
    }
}

/// What became of a roll-out. A stopped one says nothing about its image: a newer push may have stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    UnderWay,
    Successful,
    Stopped,
    RolledBack,
}

impl Outcome {
    /// Says something about what was rolled out.
    pub fn is_telling(self) -> bool {
        matches!(self, Outcome::Successful | Outcome::RolledBack)
    }
}

/// How far a service deployment is whose strategy has stages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// In ECS's words: `SCALE_UP`, `BAKE_TIME` …
    pub stage: Option<String>,
    /// The hooks that wait for somebody.
    pub pauses: Vec<Pause>,
}

/// A lifecycle hook that stops a deployment until somebody continues it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub hook_id: String,
    pub until: Option<Timestamp>,
    /// What ECS does by itself then: `CONTINUE` or `ROLLBACK`.
    pub then: Option<String>,
}

/// A cluster, as far as a hold of the whole of it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub arn: String,
    pub tags: Tags,
}

/// An alarm of CloudWatch, as far as a service may be concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub name: String,
    pub arn: String,
    pub state: AlarmState,
    /// When it came into this state.
    pub since: Timestamp,
    /// Whether its actions are switched on. One whose actions are off moves nothing.
    pub actions_enabled: bool,
    /// What keeps a composite alarm's actions back: the state of its suppressor, or a period of waiting.
    pub suppressed_by: Option<String>,
    /// What the dimensions of its metrics name.
    pub about: Vec<Subject>,
    /// The alarms that a composite alarm's rule names. It is about what they are about.
    pub children: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

/// What a metric's dimensions say of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Service(ServiceName),
    /// `targetgroup/<name>/<id>`
    TargetGroup(String),
}

impl Subject {
    /// From the dimensions of one metric; `None` where they name no service.
    pub fn of<'a>(dimensions: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Subject> {
        let (mut cluster, mut service, mut target_group) = (None, None, None);
        for (name, value) in dimensions.into_iter().filter(|(_, value)| !value.is_empty()) {
            match name {
                "ClusterName" => cluster = Some(value.to_owned()),
                "ServiceName" => service = Some(value.to_owned()),
                "TargetGroup" => target_group = Some(value.to_owned()),
                _ => {}
            }
        }
        let named = cluster.zip(service).map(|(cluster, service)| ServiceName { cluster, service });
        named.map(Subject::Service).or(target_group.map(Subject::TargetGroup))
    }

    pub fn is(&self, service: &Service) -> bool {
        match self {
            Subject::Service(name) => *name == service.name,
            Subject::TargetGroup(path) => {
                let is_it = |arn: &String| arn.rsplit_once(':').is_some_and(|(_, last)| last == path);
                service.target_group_arns.iter().any(is_it)
            }
        }
    }
}

/// How the load balancer sees the tasks of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetHealth {
    pub healthy: u32,
    pub registered: u32,
    /// The load balancer's own words about targets that are not healthy, each once.
    pub complaints: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_and_indexes_of_them_are_images() {
        let [index, manifest, ..] = MANIFESTS;
        let [config, docker] = CONFIGS;
        let of = |manifest, holds, about| ImageKind::of(manifest, holds, about, true);
        for (manifest, holds) in [
            (Some(index), None),
            (Some(manifest), Some(config)),
            (Some(MANIFESTS[3]), Some(docker)),
            (None, None),
            (Some(index), Some("")),
            (Some(manifest), Some(manifest)),
        ] {
            assert_eq!(of(manifest, holds, None), ImageKind::Image, "{manifest:?} {holds:?}");
        }
        let chart = "application/vnd.cncf.helm.config.v1+json";
        assert_eq!(of(Some(manifest), Some(chart), None), ImageKind::Artifact(chart.into()));
        assert_eq!(of(Some(index), Some(chart), None), ImageKind::Artifact(chart.into()));
        let old = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        assert_eq!(of(Some(old), None, None), ImageKind::Artifact(old.into()));
        assert_eq!(of(Some(manifest), Some(config), Some("sha256:1")), ImageKind::About("sha256:1".into()));
        assert_eq!(ImageKind::of(Some(manifest), Some(config), None, false), ImageKind::Archived);
    }

    #[test]
    fn a_digest_is_sha256_and_64_lower_case_hex_digits() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(good.parse::<Digest>().unwrap().hex(), "0a".repeat(32));
        for bad in [
            "",
            "latest",
            "sha256:",
            &good[..70],
            &format!("{good}0"),
            &good.to_uppercase(),
            &good.replace("0a", "0A"),
            &good.replace("sha256", "sha512"),
            &format!("sha256:{}", "0g".repeat(32)),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
