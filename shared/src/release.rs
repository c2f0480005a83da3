//! Which image should a service run, and why not another? A pure function of what was observed.
//!
//! ```text
//!  candidate    what the tag means now, if the service does not run it yet
//!  precedent    what became of that digest here before
//!  judge        release it, keep what runs, or reject the digest
//! ```

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::hold::Hold;
use crate::model::{Digest, Outcome, Rollout, RolloutState, Service, ServiceStatus, Tags};
use crate::others::{self, Diverged};
use crate::overlap::{NotAnOverlap, Waits};
use crate::policy::{self, Track};
use crate::preflight::Unfit;
use crate::rule::{Choice, How, Rule};
use crate::task_definition::{EditError, TaskDefinition, family_and_number};

/// An invocation that overlaps with the one that wrote a rejection may have read the service before it. It lasts a
/// minute at most, and what is written is visible to everybody soon after.
pub const OVERLAP: SignedDuration = SignedDuration::from_secs(120);

/// An image that a service should move to, as far as the present tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub container: String,
    /// `<registry>/<repository>@sha256:…`
    pub image: String,
    pub digest: Digest,
    /// `<repository>:<tag>`, for people.
    pub tagged: String,
    /// How the tag was chosen.
    pub how: How,
    /// The image the container definition names now.
    pub replaces: String,
    pub pushed_at: Option<Timestamp>,
    /// The image has its own tag in the registry already, so that it stays while it is in use.
    pub is_kept: bool,
    /// It ran before the stack sent an older revision again.
    pub is_back: bool,
}

impl Candidate {
    /// The tag, and how it was chosen where a rule had the choice.
    pub fn named(&self) -> String {
        named(&self.tagged, &self.how)
    }
}

fn named(tagged: &str, how: &How) -> String {
    match how {
        How::ByName => tagged.to_owned(),
        How::Newest { .. } => format!("{tagged} ({how})"),
    }
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
    #[error("the template's revision {revision} failed here and is passed over: {why}")]
    PassedOver { revision: String, why: String },
    #[error("the template's revision {revision} waits until ECS has rolled back")]
    RollingBack { revision: String },
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

/// A digest that failed here and must not come back by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub container: String,
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

impl Noted {
    /// By the tags of the revision that failed, and the key of the mark.
    pub fn of(tags: &Tags, mark: &str, now: Option<Timestamp>) -> Noted {
        let Some(value) = tags.get(mark) else { return Noted::Never };
        let at = value.split(' ').next().and_then(|at| at.parse::<Timestamp>().ok());
        match (at, now) {
            (Some(at), Some(now)) if now.duration_since(at) > OVERLAP => Noted::LongAgo,
            _ => Noted::JustNow,
        }
    }
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
    Release(Box<Candidate>),
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
    choice: Result<Choice, Keep>,
) -> Result<Candidate, Verdict> {
    let Choice { image, tag, how } = choice?;
    let tagged = format!("{}:{tag}", track.repository);
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
        return Err(at_it_already(service, container, tagged, how, digest));
    }
    if let Some(why) = policy::rejection(&service.tags, &digest) {
        let tagged = named(&tagged, &how);
        return Err(Verdict::Keep(Keep::Rejected { tagged, digest, why: why.to_owned() }));
    }
    Ok(Candidate {
        container: container.to_owned(),
        image: format!("{repository_uri}@{digest}"),
        digest,
        tagged,
        how,
        replaces: current.to_string(),
        pushed_at: image.pushed_at,
        is_kept: image.tags.iter().any(|tag| policy::is_deployed_tag(tag)),
        is_back: false,
    })
}

/// The service is at the digest already. Where its roll-out has failed and stays, the digest is rejected all the
/// same: it must not come back once the service has moved on.
fn at_it_already(service: &Service, container: &str, tagged: String, how: How, digest: Digest) -> Verdict {
    let standing = standing(service);
    let failed = service.primary.as_ref().filter(|_| standing == Standing::FailedInPlace);
    match failed {
        Some(primary) if policy::rejection(&service.tags, &digest).is_none() => Verdict::Reject(Rejection {
            container: container.to_owned(),
            digest,
            tagged,
            why: primary.reason.clone(),
            failed_revision_arn: service.task_definition_arn.clone(),
        }),
        _ => Verdict::Keep(Keep::Current { tagged: named(&tagged, &how), digest, standing }),
    }
}

/// Where the stack has sent an older revision of the template again, and what the tag means is rejected: the image that
/// ran before the stack's update, if nothing speaks against it. Without it the old image would stay.
pub fn live_before(
    service: &Service,
    track: &Track,
    own: &TaskDefinition,
    history: &[Rollout],
) -> Option<Candidate> {
    let of_stack = own.is_of_template() && own.arn == service.task_definition_arn;
    let (container, current) =
        own.container(track.container.as_deref(), &track.repository).ok().filter(|_| of_stack)?;
    let here = history.iter().position(|rollout| rollout.task_definition_arn == own.arn)?;
    let before = history[here + 1..].iter().find(|rollout| rollout.outcome == Outcome::Successful)?;
    let number = |arn| family_and_number(arn).map(|(_, number)| number);
    if number(&before.task_definition_arn) <= number(&own.arn) {
        return None;
    }
    let digest = before.ran(container)?;
    let runs = current.digest.clone().or_else(|| history[here].ran(container));
    if runs.as_ref() == Some(&digest) || policy::rejection(&service.tags, &digest).is_some() {
        return None;
    }
    Some(Candidate {
        container: container.to_owned(),
        image: format!("{}@{digest}", current.name),
        tagged: format!("{}@{digest}", track.repository),
        how: How::ByName,
        digest,
        replaces: current.to_string(),
        // It returns because a stack left it, which is nobody's push.
        pushed_at: None,
        is_kept: true,
        is_back: true,
    })
}

/// The image that a service is about to leave for another, if its roll-out has failed and nobody has written that down:
/// once the service has moved on, nothing tells of it any more.
pub fn left_behind(service: &Service, own: &TaskDefinition, candidate: &Candidate) -> Option<Rejection> {
    let primary = service.primary.as_ref().filter(|_| standing(service) == Standing::FailedInPlace)?;
    let (container, current) = own.container(Some(&candidate.container), "").ok()?;
    let digest = current.digest.clone().filter(|digest| *digest != candidate.digest)?;
    if policy::rejection(&service.tags, &digest).is_some() {
        return None;
    }
    Some(Rejection {
        container: container.to_owned(),
        digest,
        tagged: current.to_string(),
        why: primary.reason.clone(),
        failed_revision_arn: own.arn.clone(),
    })
}

/// A digest that is in place although its roll-out failed, in the light of the history: it ran before, and what was
/// new about that roll-out was something else.
pub fn blamed_in_place(rejection: Rejection, history: &[Rollout]) -> Verdict {
    let Rejection { container, digest, tagged, failed_revision_arn, .. } = &rejection;
    let failed = history.iter().position(|rollout| rollout.task_definition_arn == *failed_revision_arn);
    match failed {
        Some(at) if !brought(history, at, container, digest) => {
            let standing = Standing::FailedInPlace;
            Verdict::Keep(Keep::Current { tagged: tagged.clone(), digest: digest.clone(), standing })
        }
        _ => Verdict::Reject(rejection),
    }
}

/// Was the digest new to its container in this roll-out? One that only changed something else (the template's part)
/// says nothing about the digest.
fn brought(history: &[Rollout], at: usize, container: &str, digest: &Digest) -> bool {
    let mut earlier = history.iter().skip(at + 1);
    let before = earlier.find(|rollout| rollout.outcome == Outcome::Successful);
    before.and_then(|rollout| rollout.ran(container)).as_ref() != Some(digest)
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
    /// A person went back from it to what runs.
    Left { rollout: &'a Rollout, why: String },
}

/// Did a person go back from the candidate's digest to what runs?
pub fn left<'a>(
    own: &TaskDefinition,
    candidate: &Candidate,
    history: &'a [Rollout],
) -> Option<Precedent<'a>> {
    let rollout = others::left_by_hand(own, history)?;
    let is_it = rollout.ran(&candidate.container).as_ref() == Some(&candidate.digest);
    is_it.then(|| Precedent::Left { rollout, why: others::by_hand(own) })
}

pub fn precedent<'a>(service: &Service, candidate: &Candidate, history: &'a [Rollout]) -> Precedent<'a> {
    let Candidate { container, digest, .. } = candidate;
    let ran = |rollout: &Rollout| rollout.ran(container).as_ref() == Some(digest);
    let latest = history.iter().find(|rollout| rollout.task_definition_arn == service.task_definition_arn);
    if latest.is_some_and(|rollout| ran(rollout) && rollout.outcome != Outcome::RolledBack) {
        return Precedent::Runs(standing(service));
    }
    let of_digest = history.iter().enumerate().filter(|(_, rollout)| ran(rollout));
    let mut telling = of_digest.filter(|(at, rollout)| match rollout.outcome {
        Outcome::Successful => true,
        Outcome::RolledBack => brought(history, *at, container, digest),
        Outcome::UnderWay | Outcome::Stopped => false,
    });
    match telling.next() {
        Some((_, failed)) if failed.outcome == Outcome::RolledBack => Precedent::Failed(failed),
        _ => Precedent::None,
    }
}

/// The verdict over a candidate. `noted` is of the precedent's revision.
pub fn judge(candidate: Candidate, precedent: Precedent<'_>, noted: Noted) -> Verdict {
    let Candidate { container, tagged, digest, .. } = &candidate;
    let (tagged, digest) = (tagged.clone(), digest.clone());
    let (against, why) = match precedent {
        Precedent::None => return Verdict::Release(Box::new(candidate)),
        Precedent::Runs(standing) => {
            return Verdict::Keep(Keep::Current { tagged: candidate.named(), digest, standing });
        }
        Precedent::Failed(failed) => (failed, failed.reason.clone()),
        Precedent::Left { rollout, why } => (rollout, why),
    };
    match noted {
        Noted::Never => Verdict::Reject(Rejection {
            container: container.clone(),
            digest,
            tagged,
            why,
            failed_revision_arn: against.task_definition_arn.clone(),
        }),
        Noted::JustNow => Verdict::Keep(Keep::Rejected { tagged: candidate.named(), digest, why }),
        Noted::LongAgo => Verdict::Release(Box::new(candidate)),
    }
}

#[cfg(test)]
mod tests;
