//! What is shown of a service that has been handed to Pushboat: a view of what was observed, and nothing decided.
//!
//! Of a task definition it shows images, never a document and never an environment. Where something could not be
//! observed, the view says so in `trouble` and shows the rest.

mod capacity;
mod live;

use jiff::Timestamp;
use serde::Serialize;

use crate::cloud::{Answer, CloudError};
use crate::history::LastDecision;
use crate::hold::{self, Hold, Standing};
use crate::model::{Digest, RolloutState, Service, ServiceStatus, Tags, TargetHealth};
use crate::others::{self, How};
use crate::overlap::{self, NotAnOverlap, Overlap};
use crate::policy::{self, Track};
use crate::release;
use crate::task_definition::{TaskDefinition, released_as, revision_name};
use capacity::capacity;
use live::{Shown, shown};

pub use capacity::Capacity;
pub use live::{Live, ZoneView, Zones};

/// How few and how many tasks a scalable target allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub min: u32,
    pub max: u32,
}

/// What is known of a service besides itself.
#[derive(Debug)]
pub struct Observed<'a> {
    pub definition: &'a Answer<TaskDefinition>,
    pub health: &'a Answer<TargetHealth>,
    /// Its cluster's tags, or the reason why they could not be read.
    pub cluster_tags: Result<&'a Tags, &'a str>,
    /// Of Application Auto Scaling: no scalable target, or the reason why it could not be asked.
    pub scalable_target: Result<Option<Bounds>, String>,
    pub live: Live,
    /// AWS's time; a hold that has expired by then is none.
    pub now: Option<Timestamp>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceView {
    pub cluster: String,
    pub service: String,
    pub status: &'static str,
    /// One for each track whose container is found.
    pub images: Vec<ImageView>,
    /// `family:revision`
    pub task_definition: String,
    pub desired_count: u32,
    pub running_count: u32,
    pub pending_count: u32,
    /// Where its tasks are that are to run.
    pub zones: Vec<ZoneView>,
    /// `null`: the service has no deployment.
    pub rollout: Option<RolloutView>,
    pub tracks: Vec<Track>,
    /// The newest first: the first one says why the last failure was.
    pub rejected: Vec<RejectedView>,
    /// The template's revision that failed here and is not tried again; `null`: there is none.
    pub passed_over: Option<PassedOverView>,
    /// `null`: what runs is Pushboat's, the template's or another stack's.
    pub diverged: Option<DivergedView>,
    /// Of the service itself. `null`: there is none, or it has expired.
    pub hold: Option<HoldView>,
    /// Of its cluster; `null` as well where `trouble` says why it is not known.
    pub cluster_hold: Option<HoldView>,
    /// `supersede` or `wait`; `null`: `trouble` says why not.
    pub overlap: Option<&'static str>,
    /// `null`: the service has no target group, or `trouble` says why it is not known.
    pub targets: Option<TargetsView>,
    pub capacity: Capacity,
    /// By the latest look at it that was, in the last minutes.
    pub last_decisions: Vec<LastDecision>,
    /// What keeps Pushboat from this service, and what could not be observed.
    pub trouble: Vec<String>,
}

/// The image as the container's definition names it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImageView {
    pub container: String,
    pub name: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
    /// `<repository>:<tag>` that meant the digest when Pushboat released it.
    pub released_as: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolloutView {
    /// In ECS's words; `null` where ECS does not say.
    pub state: Option<&'static str>,
    pub reason: String,
    /// Of the native strategies: the stage that it is in, and the hook that waits for somebody.
    pub stage: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RejectedView {
    pub digest: Digest,
    /// `null`: the tag says no time.
    pub at: Option<Timestamp>,
    pub why: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PassedOverView {
    pub revision: String,
    pub at: Option<Timestamp>,
    pub why: String,
}

/// A person registered this. Deployed past Pushboat, it stays until an image is pushed after it, or somebody resumes;
/// a service that was handed over shows its own until the first release.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DivergedView {
    pub revision: String,
    pub registered_by: Option<String>,
    pub registered_at: Option<Timestamp>,
    /// Who has asked Pushboat for it; `null`: somebody went past Pushboat.
    pub asked_by: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HoldView {
    /// `null`: until somebody lifts it.
    pub until: Option<Timestamp>,
    /// `null`: nobody can read the tag, and it holds all the same.
    pub by: Option<String>,
    /// Or the tag as it is.
    pub reason: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TargetsView {
    pub healthy: u32,
    pub registered: u32,
}

/// Has this service been handed to Pushboat? Also where nobody can read what its owner wants.
pub fn is_handed_over(service: &Service) -> bool {
    !matches!(policy::tracks(&service.tags), Ok(tracks) if tracks.is_empty())
}

pub fn view(service: &Service, observed: Observed<'_>) -> ServiceView {
    let mut trouble = Vec::new();
    if let Err(keep) = release::may_be_touched(service) {
        trouble.push(keep.to_string());
    }
    let tracks = policy::tracks(&service.tags).unwrap_or_else(|error| {
        trouble.push(error.to_string());
        Vec::new()
    });
    let overlap = match overlap::of(&service.tags) {
        Ok(Overlap::Supersede) => Some("supersede"),
        Ok(Overlap::Wait) => Some("wait"),
        Err(error) => not_readable(&error, &mut trouble),
    };
    let images = match observed.definition {
        Ok(definition) => images(definition, &tracks, &mut trouble),
        Err(error) => not_observed(error, &mut trouble),
    };
    let targets = match observed.health {
        Ok(_) if service.target_group_arns.is_empty() => None,
        Ok(health) => Some(TargetsView { healthy: health.healthy, registered: health.registered }),
        Err(error) => not_observed(error, &mut trouble),
    };
    let cluster_hold = match observed.cluster_tags {
        Ok(tags) => hold(tags, observed.now),
        Err(why) => {
            trouble.push(why.to_owned());
            None
        }
    };
    let Shown { zones, stage, last_decisions } = shown(observed.live, &mut trouble);
    ServiceView {
        cluster: service.name.cluster.clone(),
        service: service.name.service.clone(),
        status: match service.status {
            ServiceStatus::Active => "ACTIVE",
            ServiceStatus::Draining => "DRAINING",
            ServiceStatus::Inactive => "INACTIVE",
        },
        images,
        task_definition: revision_name(&service.task_definition_arn).to_owned(),
        desired_count: service.desired_count,
        running_count: service.running_count,
        pending_count: service.pending_count,
        zones,
        rollout: rollout(service, stage),
        tracks,
        rejected: rejected(service),
        passed_over: passed_over(service),
        diverged: observed.definition.as_ref().ok().and_then(|definition| diverged(service, definition)),
        hold: hold(&service.tags, observed.now),
        cluster_hold,
        overlap,
        targets,
        capacity: capacity(service, observed.scalable_target, observed.now),
        last_decisions,
        trouble,
    }
}

fn not_readable<T>(error: &NotAnOverlap, trouble: &mut Vec<String>) -> Option<T> {
    trouble.push(error.to_string());
    None
}

fn diverged(service: &Service, definition: &TaskDefinition) -> Option<DivergedView> {
    let others::Diverged { revision, how } = others::may_have_diverged(service, definition)?;
    let asked_by = match how {
        How::Asked { by, .. } => Some(by),
        How::Past { .. } => None,
    };
    let registered_by = definition.registered_by().map(str::to_owned);
    Some(DivergedView { revision, registered_by, registered_at: definition.registered_at(), asked_by })
}

fn hold(tags: &Tags, now: Option<Timestamp>) -> Option<HoldView> {
    match hold::standing(tags, now) {
        Standing::Free | Standing::Expired(_) => None,
        Standing::Unreadable(reason) => Some(HoldView { until: None, by: None, reason }),
        Standing::Held(Hold { until, by, reason }) => Some(HoldView { until, by: Some(by), reason }),
    }
}

fn not_observed<T: Default>(error: &CloudError, trouble: &mut Vec<String>) -> T {
    trouble.push(error.to_string());
    T::default()
}

fn images(definition: &TaskDefinition, tracks: &[Track], trouble: &mut Vec<String>) -> Vec<ImageView> {
    let mut images = Vec::new();
    for track in tracks {
        match definition.container(track.container.as_deref(), &track.repository) {
            Ok((container, image)) => images.push(ImageView {
                container: container.to_owned(),
                name: image.name.to_owned(),
                tag: image.tag.map(str::to_owned),
                digest: image.digest,
                released_as: definition.tags.get(&released_as(container)).cloned(),
            }),
            Err(error) => trouble.push(error.to_string()),
        }
    }
    images
}

fn rollout(service: &Service, stage: Option<String>) -> Option<RolloutView> {
    let primary = service.primary.as_ref()?;
    let state = match primary.state {
        RolloutState::InProgress => Some("IN_PROGRESS"),
        RolloutState::Completed => Some("COMPLETED"),
        RolloutState::Failed => Some("FAILED"),
        RolloutState::Unknown => None,
    };
    Some(RolloutView { state, reason: primary.reason.clone(), stage })
}

fn rejected(service: &Service) -> Vec<RejectedView> {
    let with_reason = |digest: Digest| {
        let (at, why) = at_and_why(policy::rejection(&service.tags, &digest).unwrap_or_default());
        RejectedView { digest, at, why }
    };
    let mut rejected: Vec<_> = policy::rejections(&service.tags).map(with_reason).collect();
    rejected.sort_by_key(|it| std::cmp::Reverse(it.at));
    rejected
}

fn passed_over(service: &Service) -> Option<PassedOverView> {
    let (revision, words) = service.tags.get(policy::PASSED_OVER)?.split_once(' ')?;
    let (at, why) = at_and_why(words);
    Some(PassedOverView { revision: revision.to_owned(), at, why })
}

/// As Pushboat writes it into a tag: when, and why.
fn at_and_why(value: &str) -> (Option<Timestamp>, String) {
    let told = value.split_once(' ').and_then(|(at, why)| Some((at.parse().ok()?, why)));
    match told {
        Some((at, why)) => (Some(at), why.to_owned()),
        None => (None, value.to_owned()),
    }
}

#[cfg(test)]
mod tests;
