//! Which revision a release is made from, and what its document should be. Pure functions of what was observed.
//!
//! Two write revisions of one family: the template, when somebody changes CPU, memory or environment in it (its
//! revisions carry `pushboat:template`), and Pushboat, which registers copies of them with other images (copies do not).
//! A newer revision of the template is due, unless it has failed here:
//!
//! ```text
//!   game:5  own          runs                       ┐
//!   game:6  template     more memory                ├─ next: game:7, made from 6, with the image of 5
//!                                                   ┘
//! ```
//!
//! CloudFormation takes a bare family for its newest ACTIVE revision, so that one should always be good: after a
//! roll-back the running document is registered once more.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::{Outcome, Rollout, RolloutState, Service};
use crate::policy::{self, Track};
use crate::release::{self, Candidate, Noted};
use crate::task_definition::{BASE, ImageName, TaskDefinition};

/// The service's own revision, and the ACTIVE ones of its family that are newer: newest first, and no further down
/// than the template's newest.
#[derive(Debug, Clone, PartialEq)]
pub struct Revisions {
    pub own: TaskDefinition,
    pub newer: Vec<TaskDefinition>,
}

impl Revisions {
    pub fn newest(&self) -> &TaskDefinition {
        self.newer.first().unwrap_or(&self.own)
    }

    /// The template's newest revision, if it is newer than what the service runs.
    pub fn template(&self) -> Option<&TaskDefinition> {
        self.newer.iter().find(|revision| revision.is_of_template())
    }
}

/// How it stands with the template's newest revision.
#[derive(Debug, Clone, PartialEq)]
pub enum Template<'a> {
    /// The service runs it, or a copy of it.
    Applied,
    Due(&'a TaskDefinition),
    Waits(&'a TaskDefinition, Until),
    /// It failed here.
    PassedOver {
        revision: &'a TaskDefinition,
        why: String,
    },
    /// The same, and nobody has written it down yet.
    Failed {
        revision: &'a TaskDefinition,
        why: String,
        failed_revision_arn: String,
    },
}

impl<'a> Template<'a> {
    /// What a release is made from: the template's revision that is to come, or the service's own.
    pub fn base(&self, own: &'a TaskDefinition) -> &'a TaskDefinition {
        match self {
            Template::Due(revision) | Template::Waits(revision, _) => revision,
            _ => own,
        }
    }
}

/// What the template's revision waits for, unless an image is due as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// ECS is rolling back: first what runs should be whole again.
    RolledBack,
    /// The stack has sent an older revision, and the image of that is not the one to take along.
    KnownWhoSent,
}

/// Without the history: what was written down, or that there is nothing to decide.
pub fn known<'a>(service: &Service, revisions: &'a Revisions) -> Option<Template<'a>> {
    let Some(revision) = revisions.template() else { return Some(Template::Applied) };
    let why = policy::passed_over(&service.tags, revision.name())?;
    Some(Template::PassedOver { revision, why: why.to_owned() })
}

/// With the history: the newest revision of the template is due unless that very roll-out, its document with the
/// images that run, was rolled back before.
pub fn template<'a>(
    service: &Service,
    revisions: &'a Revisions,
    tracks: &[Track],
    history: &[Rollout],
    now: Option<Timestamp>,
) -> Template<'a> {
    let Some(revision) = revisions.template() else { return Template::Applied };
    let images = running_images(revisions, revision, tracks, history);
    if let Some((failed, attempt)) = failed_attempt(revisions, revision, &images, history) {
        let why = failed.reason.clone();
        match Noted::of(&attempt.tags, policy::PASSED_OVER, now) {
            Noted::Never => {
                let failed_revision_arn = attempt.arn.clone();
                return Template::Failed { revision, why, failed_revision_arn };
            }
            Noted::JustNow => return Template::PassedOver { revision, why },
            // The service's tag is gone since: the owner wants it tried again.
            Noted::LongAgo => {}
        }
    }
    let under_way = service.primary.as_ref().is_some_and(|it| it.state == RolloutState::InProgress);
    let rolling_back = under_way && history.first().is_some_and(|it| it.outcome == Outcome::RolledBack);
    if rolling_back {
        Template::Waits(revision, Until::RolledBack)
    } else if release::was_sent_back_just_now(&revisions.own, history, now) {
        Template::Waits(revision, Until::KnownWhoSent)
    } else {
        Template::Due(revision)
    }
}

/// What the tracked containers run now: (container, image), for a document made from the template's revision. A
/// container that the template has moved to another repository keeps the template's image.
pub fn running_images(
    revisions: &Revisions,
    template: &TaskDefinition,
    tracks: &[Track],
    history: &[Rollout],
) -> Vec<(String, String)> {
    let own = &revisions.own;
    let running = |track: &Track| {
        let (name, wanted) = template.container(track.container.as_deref(), &track.repository).ok()?;
        let (own_name, current) = own.container(track.container.as_deref(), &track.repository).ok()?;
        // What is of no tracked repository was never released: a placeholder, which the template may change.
        let moved = track.container.is_none() && wanted.name != current.name;
        if moved || current.repository() != track.repository {
            return None;
        }
        let digest = || {
            let rollout = history.iter().find(|rollout| rollout.task_definition_arn == own.arn)?;
            rollout.ran(own_name)
        };
        // A tag would be resolved anew, and may mean an image that was rejected.
        let digest = current.digest.clone().or_else(digest);
        Some((name.to_owned(), ImageName { digest, ..current }.to_string()))
    };
    tracks.iter().filter_map(running).collect()
}

/// The newest roll-out that tells something of the template's revision with these images or with such that had run
/// well here, if it was rolled back, and the revision it was of. An image that was new was to blame itself, and is rejected.
fn failed_attempt<'a, 'h>(
    revisions: &'a Revisions,
    template: &TaskDefinition,
    images: &[(String, String)],
    history: &'h [Rollout],
) -> Option<(&'h Rollout, &'a TaskDefinition)> {
    let had_these = |rollout: &Rollout| {
        images.iter().all(|(container, image)| {
            let ran = rollout.images.iter().find(|it| it.container == *container);
            ran.is_none_or(|ran| {
                let digest = ImageName::parse(image).digest;
                ran.image == *image || (digest.is_some() && ran.ran() == digest)
            })
        })
    };
    let had_good_ones = |at: usize| images.iter().all(|(container, _)| had_run_well(history, at, container));
    let mut telling = history
        .iter()
        .enumerate()
        .filter(|(at, rollout)| rollout.outcome.is_telling() && (had_these(rollout) || had_good_ones(*at)))
        .filter_map(|(_, rollout)| Some((rollout, attempt(revisions, template, rollout)?)));
    telling.next().filter(|(rollout, _)| rollout.outcome == Outcome::RolledBack)
}

/// The revision of this roll-out, if it is the template's or a copy of it.
fn attempt<'a>(
    revisions: &'a Revisions,
    template: &TaskDefinition,
    rollout: &Rollout,
) -> Option<&'a TaskDefinition> {
    let of_template = |it: &&TaskDefinition| it.arn == template.arn || it.is_made_from(template);
    revisions.newer.iter().filter(of_template).find(|it| it.arn == rollout.task_definition_arn)
}

/// Had the image of this roll-out succeeded in an earlier one?
fn had_run_well(history: &[Rollout], at: usize, container: &str) -> bool {
    let Some(digest) = history[at].ran(container) else { return false };
    let mut earlier = history[at + 1..].iter().filter(|it| it.outcome == Outcome::Successful);
    earlier.any(|it| it.ran(container).as_ref() == Some(&digest))
}

/// What the template's newer revision spoilt says nothing against an image that had run well before.
pub fn spoilt_by_template(revisions: &Revisions, container: &str, history: &[Rollout], at: usize) -> bool {
    let template = revisions.template();
    template.is_some_and(|it| attempt(revisions, it, &history[at]).is_some())
        && had_run_well(history, at, container)
}

/// A candidate with the track that found it.
pub type Found<'a> = (&'a Track, Candidate);

/// The service's own document with the candidates' images.
pub fn from_own(own: &TaskDefinition, candidates: &[Found<'_>]) -> Map<String, Value> {
    let images: Vec<_> =
        candidates.iter().map(|(_, it)| (it.container.as_str(), it.image.as_str())).collect();
    own.with_images(&images)
}

/// The template's document with the candidates' images, and with those that run where there is no candidate.
pub fn from_template(
    template: &TaskDefinition,
    running: &[(String, String)],
    candidates: &[Found<'_>],
) -> Map<String, Value> {
    // The first entry of a container counts.
    let mut images = Vec::new();
    for (track, candidate) in candidates {
        if let Ok((name, _)) = template.container(track.container.as_deref(), &track.repository) {
            images.push((name, candidate.image.as_str()));
        }
    }
    images.extend(running.iter().map(|(container, image)| (container.as_str(), image.as_str())));
    template.with_images(&images)
}

/// Is the family's newest revision one that must not stay the newest? As far as can be told without the history.
pub fn may_need_restoring(service: &Service, revisions: &Revisions) -> bool {
    let completed = service.primary.as_ref().is_some_and(|primary| {
        primary.state == RolloutState::Completed && primary.task_definition_arn == revisions.own.arn
    });
    completed && revisions.newest().with_images(&[]) != revisions.own.with_images(&[])
}

/// Is the newest revision one that Pushboat registered? Where nothing is due, it failed, or never reached the service.
pub fn newest_is_a_copy(revisions: &Revisions) -> bool {
    revisions.newest().tags.contains_key(BASE)
}

/// Was the newest revision rolled back when it was tried last?
pub fn newest_failed(revisions: &Revisions, history: &[Rollout]) -> bool {
    let newest = revisions.newest();
    let mut tried =
        history.iter().filter(|it| it.task_definition_arn == newest.arn && it.outcome.is_telling());
    tried.next().is_some_and(|rollout| rollout.outcome == Outcome::RolledBack)
}

#[cfg(test)]
mod tests;
