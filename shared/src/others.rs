//! What others do to a service: a person who deploys, and a person who goes back. Pure functions of what is there.
//!
//! Who registered a revision is told by its tags: Pushboat's copies have `pushboat:base`, the template's have
//! `pushboat:template`, and what CloudFormation creates has tags of its own. What has none of them is a person's.
//!
//! | what runs | |
//! |---|---|
//! | a person's revision | the service has *diverged*: it stays until an image is pushed after that, or somebody resumes |
//! | the template's, or another stack's | the tracked image comes back with the next look |
//! | an older one of Pushboat's that ran before | somebody went back: what he left is rejected |

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::base::Revisions;
use crate::model::{Digest, Outcome, Rollout, Service, Tags};
use crate::policy;
use crate::release::OVERLAP;
use crate::rollback::To;
use crate::task_definition::{
    ASKED, BASE, PUT_BACK, TEMPLATE, TaskDefinition, family_and_number, revision_name,
};

/// On a service: divergence by this revision (`family:revision`) has been ended by somebody.
pub const RESUME: &str = "pushboat:resume";
/// After so long everybody reads what was written, and a little more.
const READS_AGREE: SignedDuration = SignedDuration::from_secs(15);
/// CloudFormation's own tag on what it creates.
const STACK: &str = "aws:cloudformation:stack-name";

/// The stack whose template declares the tags of a service. That a stack has made the service says nothing of its tags:
/// CloudFormation leaves those alone that its template does not have.
pub fn declared_by(service_tags: &Tags) -> Option<&str> {
    service_tags.get(TEMPLATE).map(String::as_str)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Pushboat,
    Template,
    /// A stack without the template's tag, as that of a service which was adopted.
    Stack,
    Person,
}

pub fn origin(definition: &TaskDefinition) -> Origin {
    let has = |key| definition.tags.contains_key(key);
    if has(TEMPLATE) {
        Origin::Template
    } else if has(BASE) {
        Origin::Pushboat
    } else if has(STACK) {
        Origin::Stack
    } else {
        Origin::Person
    }
}

/// Somebody deployed a revision that is not of Pushboat, and nothing newer has been pushed since.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("diverged: {revision} was deployed{how}, and stays until the next push or until somebody resumes")]
pub struct Diverged {
    /// `family:revision`
    pub revision: String,
    pub how: How,
}

/// How a service came to what it is not to leave by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Somebody went past Pushboat.
    Past { registered_by: Option<String> },
    /// Somebody asked Pushboat for it.
    Asked { by: String, at: Option<Timestamp> },
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::Past { registered_by: Some(by) } => write!(f, " (registered by {by}) past Pushboat"),
            How::Past { registered_by: None } => f.write_str(" past Pushboat"),
            How::Asked { by, .. } => write!(f, " as {by} has asked for"),
        }
    }
}

/// What the service and its definition alone tell.
pub fn may_have_diverged(service: &Service, own: &TaskDefinition) -> Option<Diverged> {
    let resumed = service.tags.get(RESUME).is_some_and(|resumed| resumed == own.name());
    let how = match own.tags.get(ASKED) {
        _ if resumed => return None,
        Some(asked) => {
            let (at, by) = asked.split_once(' ').unwrap_or(("", asked));
            How::Asked { by: by.to_owned(), at: at.parse().ok() }
        }
        None if origin(own) == Origin::Person => {
            How::Past { registered_by: own.registered_by().map(str::to_owned) }
        }
        None => return None,
    };
    Some(Diverged { revision: own.name().to_owned(), how })
}

/// With the push of the image that would be released. An image that was pushed after the person deployed is due.
pub fn diverged(
    service: &Service,
    own: &TaskDefinition,
    pushed_at: Option<Timestamp>,
    history: &[Rollout],
) -> Option<Diverged> {
    let diverged = may_have_diverged(service, own)?;
    if never_left(own, history) {
        return None;
    }
    let moved_at = match diverged.how {
        How::Past { .. } => moved_at(own, history),
        How::Asked { at, .. } => at,
    };
    let since = moved_at.or_else(|| own.registered_at())?;
    // The registry tells whole seconds: of the same second, the push counts.
    (pushed_at?.as_second() < since.as_second()).then_some(diverged)
}

/// The service has never run anything else: it was created so and handed over, and nobody went past Pushboat.
fn never_left(own: &TaskDefinition, history: &[Rollout]) -> bool {
    let mut told = history.iter().filter(|rollout| rollout.outcome != Outcome::RolledBack);
    !history.is_empty() && told.all(|rollout| rollout.task_definition_arn == own.arn)
}

/// Since when the service has been told to run this revision. A roll-back by ECS is no such word.
fn moved_at(own: &TaskDefinition, history: &[Rollout]) -> Option<Timestamp> {
    let told = history.iter().filter(|rollout| rollout.outcome != Outcome::RolledBack);
    let own_stretch = told.take_while(|rollout| rollout.task_definition_arn == own.arn);
    own_stretch.last()?.created_at
}

/// Did this roll-out go to its revision because Pushboat was asked to go back? Or has it been asked to since: where ECS
/// goes back by itself, the newest request has no roll-out of its own.
pub fn put_back_on_demand(own: &TaskDefinition, rollout: &Rollout) -> bool {
    let asked_at = || own.tags.get(PUT_BACK)?.split(' ').next()?.parse::<Timestamp>().ok();
    let between = rollout.created_at.zip(asked_at()).map(|(began, asked)| began.duration_since(asked));
    between.is_some_and(|between| between <= OVERLAP)
}

/// Is it too early to say who put the service where it is? Reads may be ten seconds old, and the mark of a roll-back on
/// demand is one of them.
pub fn was_put_back_just_now(own: &TaskDefinition, history: &[Rollout], now: Option<Timestamp>) -> bool {
    let mut told = history.iter().take_while(|rollout| rollout.task_definition_arn == own.arn);
    let began = told.find_map(|rollout| rollout.created_at);
    began.zip(now).is_some_and(|(began, now)| now.duration_since(began) < READS_AGREE)
}

/// The roll-out that a person left when he put an older revision of Pushboat's back.
///
/// An overlapping invocation that writes late looks nearly the same. It can only repeat a release that it decided on
/// while it was new, so what ran for longer than invocations overlap, and comes back, was put back on purpose. Where
/// Pushboat itself was asked to, it has rejected what whoever asked was looking at, and what came in between is due.
pub fn left_by_hand<'h>(own: &TaskDefinition, history: &'h [Rollout]) -> Option<&'h Rollout> {
    if origin(own) != Origin::Pushboat {
        return None;
    }
    let of_own =
        |rollout: &&Rollout| rollout.task_definition_arn == own.arn && rollout.outcome != Outcome::RolledBack;
    let stretch = history.iter().take_while(of_own).count();
    let put_back = history.get(stretch.checked_sub(1)?).filter(|it| !put_back_on_demand(own, it))?;
    let left = history.get(stretch)?;
    let (family, number) = family_and_number(&own.arn)?;
    let (left_family, left_number) = family_and_number(&left.task_definition_arn)?;
    if left.outcome == Outcome::RolledBack || left_family != family || left_number <= number {
        return None;
    }
    let ran_before = history[stretch..].iter().any(|earlier| {
        let since = put_back.created_at.zip(earlier.created_at);
        of_own(&earlier)
            && earlier.outcome == Outcome::Successful
            && since.is_some_and(|(put_back, earlier)| put_back.duration_since(earlier) > OVERLAP)
    });
    ran_before.then_some(left)
}

/// May this container run what was rejected? As far as the service and its definition alone tell.
pub fn may_have_returned(service: &Service, own: &TaskDefinition, container: &str) -> bool {
    let named = own.container(Some(container), "").ok().and_then(|(_, image)| image.digest);
    match named {
        Some(digest) => rejected_at(service, &digest).is_some(),
        None => policy::rejections(&service.tags).next().is_some(),
    }
}

fn rejected_at(service: &Service, digest: &Digest) -> Option<Timestamp> {
    policy::rejection(&service.tags, digest)?.split(' ').next()?.parse().ok()
}

/// What was rejected is there again, and nobody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Where to go back to; `None` is the last good release.
    pub to: Option<To>,
}

/// Does this container run again what was rejected, though nobody put it there? That is so in three ways. An invocation
/// that overlapped has released it: the service was told to run it after the rejection, and so soon that whoever decided
/// on it may not have seen it. A stack that names the family alone has taken its newest revision, before a sweep had
/// registered the good document again. Or the roll-out of what was gone back to was superseded before it had completed,
/// and ECS has rolled its successor back to what had.
///
/// Why it was rejected is no matter: an invocation that overlaps may write its own reason over a person's word.
pub fn returned(
    service: &Service,
    revisions: &Revisions,
    container: &str,
    history: &[Rollout],
) -> Option<Returned> {
    let own = &revisions.own;
    let of_own = |it: &&Rollout| it.task_definition_arn == own.arn && it.outcome != Outcome::RolledBack;
    let at = history.iter().position(|it| of_own(&it))?;
    let rejected = rejected_at(service, &history[at].ran(container)?)?;
    // A deployment that somebody has forced since is one of what was there.
    let told = history[at..].iter().take_while(of_own).last()?;
    let began = told.created_at?.duration_since(rejected);
    let Some(newest) = history[..at].first() else {
        let by_nobody = began <= OVERLAP || (revisions.newer.is_empty() && origin(own) == Origin::Pushboat);
        return (began.is_positive() && by_nobody).then_some(Returned { to: None });
    };
    let is_other = |it: &&Rollout| it.task_definition_arn != newest.task_definition_arn;
    let mut superseded = history[..at].iter().rev().filter(is_other);
    let back = superseded.find(|it| it.outcome == Outcome::Stopped)?.ran(container)?;
    let is_back = !began.is_positive() && newest.outcome == Outcome::RolledBack;
    is_back.then_some(Returned { to: Some(To::Digest(back)) })
}

/// Why what a person left does not return.
pub fn by_hand(own: &TaskDefinition) -> String {
    format!("rolled back by hand to {}", revision_name(&own.arn))
}

/// The tag that ends a divergence.
pub fn resume(own: &TaskDefinition) -> Tags {
    Tags::from([(RESUME.to_owned(), own.name().to_owned())])
}

#[cfg(test)]
mod tests;
