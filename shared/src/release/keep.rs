//! Why a service stays as it is: every reason, in the words that people read.

use thiserror::Error;

use crate::hold::Hold;
use crate::model::Digest;
use crate::others::Diverged;
use crate::overlap::{NotAnOverlap, Waits};
use crate::preflight::Unfit;
use crate::rule::Rule;
use crate::task_definition::EditError;

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
    #[error("no image of the repository '{repository}' has a tag that fits {rule}")]
    NoneFits { repository: String, rule: Rule },
    #[error(
        "the repository '{repository}' has more tagged images than the {listed} that are listed, so nobody can tell \
         which is the newest of {rule}: let a lifecycle policy expire old ones, or follow one tag"
    )]
    TooManyImages { repository: String, rule: Rule, listed: usize },
    #[error("{tagged} is {what}, which is never deployed")]
    NotAnImage { tagged: String, what: String },
    #[error("{tagged} is {digest}, which cannot run here: {why}")]
    Unfit { tagged: String, digest: Digest, why: Box<Unfit> },
    #[error("ECS would not take a new revision: {0}")]
    UnfitDocument(Box<Unfit>),
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
    #[error(
        "{tagged} is {digest}, but {revision} was put back a moment ago, and ECS may not show yet by whom; the next sweep \
         looks again"
    )]
    PutBack { tagged: String, digest: Digest, revision: String },
    #[error("the template's revision {revision} failed here and is passed over: {why}")]
    PassedOver { revision: String, why: String },
    #[error("the template's revision {revision} waits until ECS has rolled back")]
    RollingBack { revision: String },
    #[error("the template's revision {revision} waits until it can be known who put {own} back")]
    SentBack { revision: String, own: String },
    #[error("the template registered {revision} in the meantime, so a release is made from that")]
    NewerTemplate { revision: String },
    #[error("{what} is due, but the service is {hold}")]
    Held { what: String, hold: Hold },
    #[error("{what} is due, but its cluster is {hold}")]
    ClusterHeld { what: String, hold: Hold },
    #[error(
        "{what} is due, but a hold keeps it that nobody can read: the tag pushboat:hold is '{value}', not <until or -> <by> <reason>"
    )]
    HoldUnreadable { what: String, value: String },
    #[error("{what} is due, but {waits}")]
    Overlaps { what: String, waits: Waits },
    #[error("{what} is due, but {error}")]
    OverlapUnreadable { what: String, error: NotAnOverlap },
    #[error("{tagged} is {digest}, but {diverged}")]
    Diverged { tagged: String, digest: Digest, diverged: Diverged },
    #[error("ECS rolls {revision} out in stages and is at {progress}")]
    InStages { revision: String, progress: String },
    #[error("{what} was released a moment ago, but ECS does not show it yet; the next sweep looks again")]
    NotVisibleYet { what: String },
}

impl Keep {
    /// Is there an image that would be released but for this? Not where the service is at it, and not where the next
    /// look goes on by itself.
    pub fn withholds(&self) -> bool {
        let goes_on = matches!(
            self,
            Keep::Current { .. }
                | Keep::PassedOver { .. }
                | Keep::RollingBack { .. }
                | Keep::SentBack { .. }
                | Keep::NewerTemplate { .. }
                | Keep::Overlaps { .. }
                | Keep::InStages { .. }
                | Keep::NotVisibleYet { .. }
        );
        !goes_on
    }
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
