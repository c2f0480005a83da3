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
}

/// One service deployment of the past or present, with the images it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    pub arn: String,
    pub outcome: Outcome,
    pub reason: String,
    pub task_definition_arn: String,
    /// What the target revision runs: container name and image, with the digest once ECS has resolved it.
    pub images: Vec<RolloutImage>,
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
