//! Which image should a service run, and why not another? A pure function of what was observed.
//!
//! ```text
//!  candidate    what the tag means now, if the service does not run it yet
//!  precedent    what became of that digest here before
//!  judge        release it, keep what runs, or reject the digest
//! ```

mod keep;
mod precedent;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Digest, Outcome, Rollout, RolloutState, Service, ServiceStatus, Tags};
use crate::others;
use crate::policy::{self, Track};
use crate::rule::{Choice, How};
use crate::task_definition::{EditError, TaskDefinition, family_and_number};

pub use keep::{Keep, Standing};
pub use precedent::{Precedent, asked_and_failed, blamed_in_place, judge, left, precedent};

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
    pub cause: Cause,
}

/// Why an image is to be released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// What is followed means it now.
    Moved,
    /// It ran before the stack sent an older revision again.
    Returns,
    /// Somebody wants it, whatever is followed.
    Asked { by: String },
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
        cause: Cause::Moved,
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
/// ran well before the stack's update, the last that is not rejected. Without it the old image would stay.
pub fn live_before(
    service: &Service,
    track: &Track,
    own: &TaskDefinition,
    history: &[Rollout],
    now: Option<Timestamp>,
) -> Option<Candidate> {
    let (container, current) = own
        .container(track.container.as_deref(), &track.repository)
        .ok()
        .filter(|_| own.arn == service.task_definition_arn)?;
    let Sent { here, is_young: false } = sent_back(own, history, now)? else { return None };
    let is_rejected = |rollout: &Rollout| {
        rollout.ran(container).is_some_and(|digest| policy::rejection(&service.tags, &digest).is_some())
    };
    let before = newer_before(own, history, here).find(|rollout| !is_rejected(rollout))?;
    let digest = before.ran(container)?;
    let runs = current.digest.clone().or_else(|| history[here].ran(container));
    if runs.as_ref() == Some(&digest) {
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
        cause: Cause::Returns,
    })
}

/// The stack has sent an older revision of the template again.
struct Sent {
    /// The place of its roll-out.
    here: usize,
    /// So lately that it may have been somebody who asked to go back.
    is_young: bool,
}

fn sent_back(own: &TaskDefinition, history: &[Rollout], now: Option<Timestamp>) -> Option<Sent> {
    let here = history.iter().position(|rollout| rollout.task_definition_arn == own.arn)?;
    let mut told = history[here..].iter().take_while(|rollout| rollout.task_definition_arn == own.arn);
    let is_on_demand = told.any(|rollout| others::put_back_on_demand(own, rollout));
    newer_before(own, history, here).next().filter(|_| own.is_of_template() && !is_on_demand)?;
    Some(Sent { here, is_young: others::was_put_back_just_now(own, &history[here..], now) })
}

/// Newer revisions that had run well before the service was told to run its own.
fn newer_before<'h>(
    own: &TaskDefinition,
    history: &'h [Rollout],
    here: usize,
) -> impl Iterator<Item = &'h Rollout> {
    let number = |arn: &str| family_and_number(arn).map(|(_, number)| number);
    let own = number(&own.arn);
    let good = history[here + 1..].iter().filter(|rollout| rollout.outcome == Outcome::Successful);
    good.take_while(move |rollout| number(&rollout.task_definition_arn) > own)
}

/// Is it too early to tell the image that ran before from the one that the stack has sent?
pub fn was_sent_back_just_now(own: &TaskDefinition, history: &[Rollout], now: Option<Timestamp>) -> bool {
    sent_back(own, history, now).is_some_and(|sent| sent.is_young)
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

fn standing(service: &Service) -> Standing {
    match service.primary.as_ref().map(|primary| primary.state) {
        Some(RolloutState::Failed) => Standing::FailedInPlace,
        Some(RolloutState::InProgress) => Standing::RollingOut,
        _ => Standing::Runs,
    }
}

#[cfg(test)]
mod tests;
