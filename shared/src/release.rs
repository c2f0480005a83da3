//! Which image should a service run, and why not another? A pure function of what was observed.
//!
//! ```text
//!  candidate    what the tag means now, if the service does not run it yet
//!  precedent    what became of that digest here before
//!  judge        release it, keep what runs, or reject the digest
//! ```

use thiserror::Error;

use crate::model::{Digest, Image, Outcome, Rollout, RolloutState, Service, ServiceStatus};
use crate::policy::{self, Track};
use crate::task_definition::{EditError, TaskDefinition};

/// An image that a service should move to, as far as the present tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub container: String,
    /// `<registry>/<repository>@sha256:…`
    pub image: String,
    pub digest: Digest,
    /// `<repository>:<tag>`, for people.
    pub tagged: String,
    /// The image the container definition names now.
    pub replaces: String,
}

/// Why a service stays as it is. The text is what log, API and command show.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Keep {
    #[error("the service is {0}")]
    NotActive(&'static str),
    #[error("ECS manages this service itself (Express mode)")]
    ManagedByEcs,
    #[error("the repository '{0}' is not one that this installation may deploy from")]
    RepositoryNotAllowed(String),
    #[error("there is no repository '{0}'")]
    NoRepository(String),
    #[error("the repository has no image {0}")]
    NoImage(String),
    #[error(transparent)]
    NoContainer(#[from] EditError),
    #[error(
        "the container '{container}' runs {runs}, which is not of {uri}; name it with pushboat:track:{container} to replace it"
    )]
    ForeignRegistry { container: String, runs: String, uri: String },
    #[error("{tagged} is {digest}, which {standing}")]
    Current { tagged: String, digest: Digest, standing: Standing },
    #[error("{tagged} is {digest}, which was rejected: {why}")]
    Rejected { tagged: String, digest: Digest, why: String },
    #[error("{tagged} was released a moment ago, but ECS does not show it yet; the next sweep looks again")]
    NotVisibleYet { tagged: String },
}

/// How it stands with the image that the service is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Standing {
    #[error("the service runs")]
    Runs,
    #[error("is rolling out")]
    RollingOut,
    #[error("failed to roll out and still is the service's own: ECS was not asked to roll back")]
    FailedInPlace,
}

/// A digest that failed here and must not come back by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub digest: Digest,
    pub tagged: String,
    pub why: String,
    /// The revision that failed, marked once the rejection is written, so that removing the rejection releases the digest.
    pub failed_revision_arn: String,
}

/// Has the failure of a revision been written to its service before?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    Never,
    /// So lately that this look may have read the service before that: the missing rejection means nothing.
    JustNow,
    /// If the rejection is gone since, the owner has released the digest.
    LongAgo,
}

impl From<Keep> for Verdict {
    fn from(keep: Keep) -> Verdict {
        Verdict::Keep(keep)
    }
}

impl From<EditError> for Verdict {
    fn from(error: EditError) -> Verdict {
        Verdict::Keep(error.into())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Keep(Keep),
    Reject(Rejection),
    Release(Candidate),
}

/// Says no before anything is asked of the registry.
pub fn may_be_touched(service: &Service) -> Result<(), Keep> {
    match service.status {
        ServiceStatus::Draining => Err(Keep::NotActive("being deleted (DRAINING)")),
        ServiceStatus::Inactive => Err(Keep::NotActive("gone (INACTIVE)")),
        ServiceStatus::Active if service.managed_by_ecs => Err(Keep::ManagedByEcs),
        ServiceStatus::Active => Ok(()),
    }
}

/// The image this track asks for, unless the service is there already or must not go there.
pub fn candidate(
    service: &Service,
    track: &Track,
    definition: &TaskDefinition,
    repository_uri: &str,
    image: Option<&Image>,
) -> Result<Candidate, Verdict> {
    let tagged = format!("{}:{}", track.repository, track.tag);
    let image = image.ok_or_else(|| Keep::NoImage(tagged.clone()))?;
    let (container, current) = definition.container(track.container.as_deref(), &track.repository)?;
    if track.container.is_none() && current.name != repository_uri {
        return Err(Verdict::Keep(Keep::ForeignRegistry {
            container: container.to_owned(),
            runs: current.name.to_owned(),
            uri: repository_uri.to_owned(),
        }));
    }
    let digest = image.digest.clone();
    if current.name == repository_uri && current.digest.as_ref() == Some(&digest) {
        return Err(at_it_already(service, tagged, digest));
    }
    if let Some(why) = policy::rejection(&service.tags, &digest) {
        return Err(Verdict::Keep(Keep::Rejected { tagged, digest, why: why.to_owned() }));
    }
    let replaces = match (&current.digest, current.tag) {
        (Some(digest), _) => format!("{}@{digest}", current.name),
        (None, Some(tag)) => format!("{}:{tag}", current.name),
        (None, None) => current.name.to_owned(),
    };
    Ok(Candidate {
        container: container.to_owned(),
        image: format!("{repository_uri}@{digest}"),
        digest,
        tagged,
        replaces,
    })
}

/// The service is at the digest already. Where its roll-out has failed and stays, the digest is rejected all the
/// same: it must not come back once the service has moved on.
fn at_it_already(service: &Service, tagged: String, digest: Digest) -> Verdict {
    let standing = standing(service);
    let failed = service.primary.as_ref().filter(|_| standing == Standing::FailedInPlace);
    match failed {
        Some(primary) if policy::rejection(&service.tags, &digest).is_none() => Verdict::Reject(Rejection {
            digest,
            tagged,
            why: primary.reason.clone(),
            failed_revision_arn: service.task_definition_arn.clone(),
        }),
        _ => Verdict::Keep(Keep::Current { tagged, digest, standing }),
    }
}

fn standing(service: &Service) -> Standing {
    match service.primary.as_ref().map(|primary| primary.state) {
        Some(RolloutState::Failed) => Standing::FailedInPlace,
        Some(RolloutState::InProgress) => Standing::RollingOut,
        _ => Standing::Runs,
    }
}

/// What became of a candidate's digest in this service before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precedent<'a> {
    /// Nothing that would speak against it.
    None,
    /// The service runs it: its definition names a tag, and ECS has resolved that to this digest.
    Runs(Standing),
    /// Its latest roll-out that came to an end was rolled back.
    Failed(&'a Rollout),
}

pub fn precedent<'a>(service: &Service, candidate: &Candidate, history: &'a [Rollout]) -> Precedent<'a> {
    let ran = |rollout: &Rollout| {
        let of_container = rollout.images.iter().find(|image| image.container == candidate.container);
        of_container.and_then(|image| image.ran()).as_ref() == Some(&candidate.digest)
    };
    let latest = history.iter().find(|rollout| rollout.task_definition_arn == service.task_definition_arn);
    if latest.is_some_and(|rollout| ran(rollout) && rollout.outcome != Outcome::RolledBack) {
        return Precedent::Runs(standing(service));
    }
    let telling = |rollout: &&Rollout| matches!(rollout.outcome, Outcome::RolledBack | Outcome::Successful);
    match history.iter().filter(telling).find(|rollout| ran(rollout)) {
        Some(failed) if failed.outcome == Outcome::RolledBack => Precedent::Failed(failed),
        _ => Precedent::None,
    }
}

/// The verdict over a candidate. `noted` is of the precedent's revision.
pub fn judge(candidate: Candidate, precedent: Precedent<'_>, noted: Noted) -> Verdict {
    let Candidate { tagged, digest, .. } = &candidate;
    let (tagged, digest) = (tagged.clone(), digest.clone());
    match (precedent, noted) {
        (Precedent::Runs(standing), _) => Verdict::Keep(Keep::Current { tagged, digest, standing }),
        (Precedent::Failed(failed), Noted::Never) => Verdict::Reject(Rejection {
            digest,
            tagged,
            why: failed.reason.clone(),
            failed_revision_arn: failed.task_definition_arn.clone(),
        }),
        (Precedent::Failed(failed), Noted::JustNow) => {
            Verdict::Keep(Keep::Rejected { tagged, digest, why: failed.reason.clone() })
        }
        (Precedent::Failed(_), Noted::LongAgo) | (Precedent::None, _) => Verdict::Release(candidate),
    }
}

#[cfg(test)]
mod tests;
