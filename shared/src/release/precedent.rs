//! What became of a digest in this service before, and the verdict that follows from it.

use jiff::Timestamp;

use super::{Candidate, Keep, Noted, Rejection, Standing, Verdict, standing};
use crate::model::{Digest, Outcome, Rollout, Service};
use crate::others;
use crate::policy::{self, Track};
use crate::task_definition::{TaskDefinition, released_as};

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
    /// Somebody has put this revision back only just now, so it is not known yet whether a person knew of the candidate.
    PutBack { revision: String },
}

/// Did a person go back from the candidate's digest to what runs?
pub fn left<'a>(
    own: &TaskDefinition,
    candidate: &Candidate,
    history: &'a [Rollout],
    now: Option<Timestamp>,
) -> Option<Precedent<'a>> {
    let rollout = others::left_by_hand(own, history)?;
    let is_it = rollout.ran(&candidate.container).as_ref() == Some(&candidate.digest);
    is_it.then(|| match others::was_put_back_just_now(own, history, now) {
        true => Precedent::PutBack { revision: own.name().to_owned() },
        false => Precedent::Left { rollout, why: others::by_hand(own) },
    })
}

/// `excuses`: something else than the image made the roll-out at this place fail.
pub fn precedent<'a>(
    service: &Service,
    candidate: &Candidate,
    history: &'a [Rollout],
    excuses: impl Fn(usize) -> bool,
) -> Precedent<'a> {
    let Candidate { container, digest, .. } = candidate;
    let ran = |rollout: &Rollout| rollout.ran(container).as_ref() == Some(digest);
    let latest = history.iter().find(|rollout| rollout.task_definition_arn == service.task_definition_arn);
    if latest.is_some_and(|rollout| ran(rollout) && rollout.outcome != Outcome::RolledBack) {
        return Precedent::Runs(standing(service));
    }
    let of_digest = history.iter().enumerate().filter(|(_, rollout)| ran(rollout));
    let mut telling = of_digest.filter(|(at, rollout)| match rollout.outcome {
        Outcome::Successful => true,
        Outcome::RolledBack => brought(history, *at, container, digest) && !excuses(*at),
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
        Precedent::PutBack { revision } => {
            return Verdict::Keep(Keep::PutBack { tagged: candidate.named(), digest, revision });
        }
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

/// The image that somebody asked for by name, if ECS has gone back from it. Where nobody follows it, no candidate would
/// ever ask what became of it. `asked` is the revision of his word.
pub fn asked_and_failed(
    service: &Service,
    tracks: &[Track],
    asked: &TaskDefinition,
    history: &[Rollout],
) -> Option<Rejection> {
    let at = history.iter().position(|rollout| rollout.task_definition_arn == asked.arn)?;
    let failed = history.get(at).filter(|rollout| rollout.outcome == Outcome::RolledBack)?;
    tracks.iter().find_map(|track| {
        let (container, image) = asked.container(track.container.as_deref(), &track.repository).ok()?;
        let digest = failed.ran(container)?;
        let is_blamed =
            brought(history, at, container, &digest) && policy::rejection(&service.tags, &digest).is_none();
        let tagged = asked.tags.get(&released_as(container)).cloned().unwrap_or_else(|| image.to_string());
        is_blamed.then(|| Rejection {
            container: container.to_owned(),
            digest,
            tagged,
            why: failed.reason.clone(),
            failed_revision_arn: asked.arn.clone(),
        })
    })
}

/// Was the digest new to its container in this roll-out? One that only changed something else (the template's part)
/// says nothing about the digest.
fn brought(history: &[Rollout], at: usize, container: &str, digest: &Digest) -> bool {
    let mut earlier = history.iter().skip(at + 1);
    let before = earlier.find(|rollout| rollout.outcome == Outcome::Successful);
    before.and_then(|rollout| rollout.ran(container)).as_ref() != Some(digest)
}
