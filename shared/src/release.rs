//! Which image should a service run, and why not another? A pure function of what was observed.
//!
//! ```text
//!  candidate(service, track, definition, image)      what the tag means now, if the service does not run it yet
//!      └─► judge(candidate, history)                 unless that very digest has failed here before
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
    ForeignRegistry {
        container: String,
        runs: String,
        uri: String,
    },
    #[error("{tagged} is {digest}, which {standing}")]
    Current {
        tagged: String,
        digest: Digest,
        standing: Standing,
    },
    #[error("{tagged} is {digest}, which was rejected: {why}")]
    Rejected {
        tagged: String,
        digest: Digest,
        why: String,
    },
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
) -> Result<Candidate, Keep> {
    let tagged = format!("{}:{}", track.repository, track.tag);
    let image = image.ok_or_else(|| Keep::NoImage(tagged.clone()))?;
    let (container, current) = definition.container(track.container.as_deref(), &track.repository)?;
    if track.container.is_none() && current.name != repository_uri {
        return Err(Keep::ForeignRegistry {
            container: container.to_owned(),
            runs: current.name.to_owned(),
            uri: repository_uri.to_owned(),
        });
    }
    let digest = image.digest.clone();
    if current.name == repository_uri && current.digest.as_ref() == Some(&digest) {
        return Err(Keep::Current {
            tagged,
            digest,
            standing: standing(service),
        });
    }
    if let Some(why) = policy::rejection(&service.tags, &digest) {
        return Err(Keep::Rejected {
            tagged,
            digest,
            why: why.to_owned(),
        });
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

fn standing(service: &Service) -> Standing {
    match service.primary.as_ref().map(|primary| primary.state) {
        Some(RolloutState::Failed) => Standing::FailedInPlace,
        Some(RolloutState::InProgress) => Standing::RollingOut,
        _ => Standing::Runs,
    }
}

/// The verdict over a candidate, by what became of that digest in this service. `noted` says of a failed revision
/// whether its failure has been written down before.
pub fn judge(
    service: &Service,
    candidate: Candidate,
    history: &[Rollout],
    noted: impl Fn(&str) -> Noted,
) -> Verdict {
    let ran = |rollout: &Rollout| {
        let of_container = rollout
            .images
            .iter()
            .find(|image| image.container == candidate.container);
        of_container.and_then(|image| image.ran()) == Some(candidate.digest.clone())
    };
    // A task definition that names a tag says nothing about the digest; the latest roll-out to it does.
    let latest = history
        .iter()
        .find(|rollout| rollout.task_definition_arn == service.task_definition_arn);
    if latest.is_some_and(|rollout| ran(rollout) && rollout.outcome != Outcome::RolledBack) {
        let standing = standing(service);
        return Verdict::Keep(Keep::Current {
            tagged: candidate.tagged,
            digest: candidate.digest,
            standing,
        });
    }
    let telling = |rollout: &&Rollout| matches!(rollout.outcome, Outcome::RolledBack | Outcome::Successful);
    let latest = history.iter().filter(telling).find(|rollout| ran(rollout));
    let Some(failed) = latest.filter(|rollout| rollout.outcome == Outcome::RolledBack) else {
        return Verdict::Release(candidate);
    };
    match noted(&failed.task_definition_arn) {
        Noted::Never => Verdict::Reject(Rejection {
            digest: candidate.digest,
            tagged: candidate.tagged,
            why: failed.reason.clone(),
            failed_revision_arn: failed.task_definition_arn.clone(),
        }),
        Noted::JustNow => Verdict::Keep(Keep::Rejected {
            tagged: candidate.tagged,
            digest: candidate.digest,
            why: failed.reason.clone(),
        }),
        Noted::LongAgo => Verdict::Release(candidate),
    }
}

#[cfg(test)]
mod tests;
