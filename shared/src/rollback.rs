//! Going back on demand: to which release, in which way, and what is left behind for good. A pure function of what
//! was observed.
//!
//! What is left is rejected, so that the next look does not roll forward to it. Asking twice is asking once: without
//! a name one goes back from the newest release only, never further.

use std::str::FromStr;

use thiserror::Error;

use crate::model::{Digest, Outcome, Rollout, Service};
use crate::policy::{self, Track};
use crate::task_definition::{PUT_BACK, TaskDefinition, released_as, revision_name};

/// How a rejection begins that a person wrote.
pub const WORDS: &str = "rolled back by ";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    Digest(Digest),
    /// `family:revision`
    Revision(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a release is named by its digest, sha256:<64 hex>, or its revision, <family>:<number>")]
pub struct NotARelease;

impl FromStr for To {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<To, NotARelease> {
        if let Ok(digest) = text.parse() {
            return Ok(To::Digest(digest));
        }
        let (family, number) = text.split_once(':').ok_or(NotARelease)?;
        let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
        let is_family = (1..=255).contains(&family.len()) && family.bytes().all(allowed);
        let is_number = !number.starts_with(['0', '+']) && number.parse::<u32>().is_ok();
        if is_family && is_number { Ok(To::Revision(text.to_owned())) } else { Err(NotARelease) }
    }
}

/// The service is where it is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}: the service is at {at}")]
pub struct Already {
    pub at: String,
    pub what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("there is nothing to go back to: no earlier release completed that is not rejected")]
    NothingEarlier,
    #[error("no release of {0} completed here, as far back as ECS's history goes")]
    NeverCompleted(String),
    #[error("{to} was rejected: {why}; release that digest first")]
    Rejected { to: String, why: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// StopServiceDeployment: ECS goes back by itself to what completed last, which is where it should go.
    Stop { rollout_arn: String },
    /// UpdateService with the revision.
    Update,
}

/// A container's image that must not return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub container: String,
    pub digest: Digest,
    pub tagged: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub revision_arn: String,
    /// What its tracked containers ran: (container, digest). Where the revision names a tag, ECS would resolve it anew.
    pub ran: Vec<(String, Digest)>,
    pub way: Way,
    pub leaves: Vec<Left>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    Already(Already),
    Go(Plan),
}

/// `own` is what the service is at or is moving to; `history` is newest first; `tracks` those that are allowed. `same`
/// are revisions that are known to be what runs under another number: nobody means those.
pub fn decide(
    service: &Service,
    own: &TaskDefinition,
    tracks: &[Track],
    history: &[Rollout],
    to: Option<&To>,
    same: &[String],
) -> Result<Decided, Refusal> {
    let running = running(own, tracks, history);
    if let Some(already) = already(service, own, &running, history, to) {
        return Ok(Decided::Already(already));
    }
    let goal = goal(service, own, &running, history, to, same)?;
    let stays = |left: &Left| goal.ran(&left.container).as_ref() == Some(&left.digest);
    let ran = |left: &Left| Some((left.container.clone(), goal.ran(&left.container)?));
    let ran = running.iter().filter_map(ran).collect();
    let leaves = running.into_iter().filter(|left| !stays(left)).collect();
    Ok(Decided::Go(Plan {
        revision_arn: goal.task_definition_arn.clone(),
        ran,
        way: way(own, goal, history),
        leaves,
    }))
}

/// What the tracked containers run by digest.
fn running(own: &TaskDefinition, tracks: &[Track], history: &[Rollout]) -> Vec<Left> {
    let of_track = |track: &Track| {
        let (container, image) = own.container(track.container.as_deref(), &track.repository).ok()?;
        let resolved = || {
            let rollout = history.iter().find(|rollout| rollout.task_definition_arn == own.arn)?;
            rollout.ran(container)
        };
        let digest = image.digest.clone().or_else(resolved)?;
        let meant = own.tags.get(&released_as(container));
        let tagged = meant.cloned().unwrap_or_else(|| format!("{}@{digest}", track.repository));
        Some(Left { container: container.to_owned(), digest, tagged })
    };
    tracks.iter().filter_map(of_track).collect()
}

fn already(
    service: &Service,
    own: &TaskDefinition,
    running: &[Left],
    history: &[Rollout],
    to: Option<&To>,
) -> Option<Already> {
    let at = |what| Some(Already { at: own.name().to_owned(), what });
    match to {
        Some(To::Digest(digest)) if running.iter().any(|left| left.digest == *digest) => {
            return at("nothing to do");
        }
        Some(To::Revision(name)) if name == own.name() => return at("nothing to do"),
        Some(_) => return None,
        None => {}
    }
    let newest = history.first()?;
    if newest.task_definition_arn != own.arn && newest.outcome == Outcome::RolledBack {
        return at("the newest release was rolled back already; name a release to go back further");
    }
    let mut before = history.iter().skip_while(|rollout| rollout.task_definition_arn == own.arn);
    let left = before.next()?;
    let ran_before = own.tags.contains_key(PUT_BACK)
        || before.any(|it| it.task_definition_arn == own.arn && it.outcome == Outcome::Successful);
    // What completed by itself and replaced a rejected one is a release like any other, and can be left.
    let went_back = ran_before && rejection(service, running, left, Some(own)).is_some();
    went_back.then(|| at("somebody went back already; name a release to go back further")).flatten()
}

/// Why one of the tracked containers' images of a roll-out is rejected.
fn rejection<'a>(
    service: &'a Service,
    running: &[Left],
    rollout: &Rollout,
    own: Option<&TaskDefinition>,
) -> Option<&'a str> {
    let is_own = |digest: &Digest| own.is_some() && running.iter().any(|left| left.digest == *digest);
    let digests = running.iter().filter_map(|left| rollout.ran(&left.container));
    { digests }.filter(|digest| !is_own(digest)).find_map(|digest| policy::rejection(&service.tags, &digest))
}

fn goal<'h>(
    service: &Service,
    own: &TaskDefinition,
    running: &[Left],
    history: &'h [Rollout],
    to: Option<&To>,
    same: &[String],
) -> Result<&'h Rollout, Refusal> {
    let rejected = |rollout: &Rollout| rejection(service, running, rollout, None);
    let mut completed = history.iter().filter(|rollout| rollout.outcome == Outcome::Successful);
    let (found, name) = match to {
        None => {
            let is_other =
                |it: &&Rollout| it.task_definition_arn != own.arn && !same.contains(&it.task_definition_arn);
            let mut earlier = completed.filter(|it| is_other(it) && rejected(it).is_none());
            return earlier.next().ok_or(Refusal::NothingEarlier);
        }
        Some(To::Digest(digest)) => {
            let ran =
                |it: &&Rollout| running.iter().any(|left| it.ran(&left.container).as_ref() == Some(digest));
            (completed.find(ran), digest.to_string())
        }
        Some(To::Revision(name)) => {
            (completed.find(|it| revision_name(&it.task_definition_arn) == name), name.clone())
        }
    };
    let found = found.ok_or_else(|| Refusal::NeverCompleted(name.clone()))?;
    match rejected(found) {
        Some(why) => Err(Refusal::Rejected { to: name, why: why.to_owned() }),
        None => Ok(found),
    }
}

/// Stopping is right while the roll-out to be left is under way, and ECS would go to the same revision: it takes what
/// completed last.
fn way(own: &TaskDefinition, goal: &Rollout, history: &[Rollout]) -> Way {
    let under_way = history
        .first()
        .filter(|newest| newest.outcome == Outcome::UnderWay && newest.task_definition_arn == own.arn);
    let completed_last = history.iter().find(|rollout| rollout.outcome == Outcome::Successful);
    match under_way {
        Some(newest)
            if completed_last.is_some_and(|it| it.task_definition_arn == goal.task_definition_arn) =>
        {
            Way::Stop { rollout_arn: newest.arn.clone() }
        }
        _ => Way::Update,
    }
}

#[cfg(test)]
mod tests;
