//! What the looks of one invocation share: its time, its pace, and what need not be asked twice.
//!
//! A service that is not to be written to yet waits for its turn and is looked at again then: what was seen before the
//! wait is old. What does not fit into the invocation's time is left to the next sweep.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::known::Known;
use super::together::Locks;
use super::{Looked, Watch};
use crate::cloud::{Answer, Cloud, CloudError, Reference, Trouble};
use crate::decision::{Action, Decision};
use crate::model::{Cluster, Image, Service};
use crate::pace::{Kind, Pace, Permit};
use crate::policy::{self, Track};

/// The end of an invocation is for what has begun: nothing begins in its last seconds.
const LAST: Duration = Duration::from_secs(7);
/// After a wait this short, only what others may have registered in the meantime is looked at again.
const SHORT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The time there was at the beginning. Where nobody counts, nothing is paced.
    whole: Option<Duration>,
    pace: RefCell<Pace>,
    /// One has waited in vain: whoever comes after it would only ask the same questions in vain too.
    is_over: Cell<bool>,
    pub(super) locks: Locks,
    pub(super) known: Known,
    uris: RefCell<BTreeMap<String, Option<String>>>,
    images: RefCell<BTreeMap<(String, String), Option<Image>>>,
    clusters: RefCell<BTreeMap<String, Option<Cluster>>>,
    pub(super) kept: RefCell<BTreeSet<String>>,
}

/// Where one service stands in the queue.
#[derive(Debug, Default)]
pub(super) struct Turn {
    permit: Option<Permit>,
    waits_for: Option<Kind>,
    /// It has been looked at before, so that what others have asked is not new enough.
    again: bool,
}

/// Whether a write may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Now,
    /// It has waited for a moment.
    AfterAWait,
    Later,
}

impl Shared {
    pub(super) fn new<C: Cloud>(cloud: &C) -> Shared {
        Shared { whole: cloud.time_left(), ..Shared::default() }
    }

    /// Since the beginning, and what is left for work.
    fn time<C: Cloud>(&self, cloud: &C) -> Option<(Duration, Duration)> {
        let (whole, left) = (self.whole?, cloud.time_left()?);
        Some((whole.saturating_sub(left), left.saturating_sub(LAST.min(whole / 4))))
    }

    /// Is so much time left for work, and something more? Not where nobody counts.
    pub(super) fn has_time_for<C: Cloud>(&self, cloud: &C, wait: Duration) -> bool {
        self.time(cloud).is_some_and(|(_, left)| left > wait + SHORT)
    }

    /// Waits for the leave to look at one service more. `false`: there is no time for it.
    pub(super) async fn may_look<C: Cloud>(&self, cloud: &C) -> bool {
        let Some((now, left)) = self.time(cloud) else { return true };
        if self.is_over.get() {
            return false;
        }
        let wait = self.pace.borrow_mut().take(Kind::Look, now).ready_at.saturating_sub(now);
        if wait >= left {
            return false;
        }
        if !wait.is_zero() {
            cloud.pause(wait).await;
        }
        true
    }
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// One look, and one more after each wait for a turn. The service becomes what was looked at.
    pub(super) async fn look_in_turn(&mut self, service: &mut Service, tracks: &[Track]) -> Answer<Looked> {
        let mut is_old = false;
        loop {
            let looked = match self.look_anew(is_old, service, tracks).await {
                Err(error) if self.is_one_too_many(&error) => Looked::Waits,
                looked => looked?,
            };
            (self.turn.again, is_old) = (true, true);
            if looked != Looked::Waits {
                self.shared.pace.borrow_mut().went_well(Kind::Look);
                self.leave_the_queue();
                return Ok(looked);
            }
            if !self.wait().await {
                let reason = "there is no time left in this invocation to wait for AWS's limits; the next sweep goes on";
                self.about(&service.name, Action::Postponed, reason);
                return Ok(Looked::Done);
            }
        }
    }

    async fn look_anew(&mut self, is_old: bool, service: &mut Service, tracks: &[Track]) -> Answer<Looked> {
        if is_old {
            let Some(again) = self.cloud.service(&service.name).await? else {
                self.about(&service.name, Action::Kept, "the service is gone");
                return Ok(Looked::Done);
            };
            *service = again;
        }
        self.look(service, tracks).await
    }

    /// Asked right before a write.
    pub(super) async fn may(&mut self, kind: Kind) -> May {
        let Some((now, _)) = self.shared.time(self.cloud) else { return May::Now };
        let permit = self.permit(kind, now);
        self.turn.permit = Some(permit);
        self.turn.waits_for = Some(kind);
        let wait = permit.ready_at.saturating_sub(now);
        if wait.is_zero() {
            return May::Now;
        }
        if wait > SHORT {
            return May::Later;
        }
        self.cloud.pause(wait).await;
        if self.shared.pace.borrow().is_valid(&permit) { May::AfterAWait } else { May::Later }
    }

    /// The write that was asked for is done.
    pub(super) fn went_well(&mut self) {
        if let Some(permit) = self.turn.permit.take() {
            self.shared.pace.borrow_mut().went_well(permit.kind);
        }
    }

    /// Until it is this service's turn. `false`: not within this invocation.
    pub(super) async fn wait(&mut self) -> bool {
        let Some(kind) = self.turn.waits_for else { return false };
        loop {
            let Some((now, left)) = self.shared.time(self.cloud) else { return false };
            let permit = self.permit(kind, now);
            let wait = permit.ready_at.saturating_sub(now);
            if wait >= left {
                self.shared.pace.borrow_mut().give_back(permit);
                self.shared.is_over.set(true);
                return false;
            }
            self.turn.permit = Some(permit);
            if wait.is_zero() {
                return true;
            }
            self.cloud.pause(wait).await;
        }
    }

    /// The one it has, if that is good for this, or the next that is free.
    fn permit(&mut self, kind: Kind, now: Duration) -> Permit {
        let mut pace = self.shared.pace.borrow_mut();
        match self.turn.permit.take() {
            Some(permit) if permit.kind == kind && pace.is_valid(&permit) => permit,
            other => {
                other.into_iter().for_each(|permit| pace.give_back(permit));
                pace.take(kind, now)
            }
        }
    }

    /// Has AWS refused one of the requests that are paced? Then whoever asked it waits for its turn.
    pub(super) fn is_one_too_many(&mut self, error: &CloudError) -> bool {
        let (Some((now, _)), Some(kind)) = (self.shared.time(self.cloud), counted(error.operation)) else {
            return false;
        };
        if error.trouble != Trouble::Throttled {
            return false;
        }
        let permit = self.turn.permit.take_if(|permit| permit.kind == kind);
        self.shared.pace.borrow_mut().refused(kind, permit, now);
        self.turn.waits_for = Some(kind);
        true
    }

    pub(super) fn leave_the_queue(&mut self) {
        if let Some(permit) = self.turn.permit.take() {
            self.shared.pace.borrow_mut().give_back(permit);
        }
    }

    /// The repository's URI, asked once.
    pub(super) async fn repository_uri(&self, repository: &str) -> Answer<Option<String>> {
        let _asking = self.shared.locks.lock(&format!("uri {repository}")).await;
        let known = self.shared.uris.borrow().get(repository).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let uri = self.cloud.repository_uri(repository).await?;
        self.shared.uris.borrow_mut().insert(repository.to_owned(), uri.clone());
        Ok(uri)
    }

    /// What the tag means. The first look at a service takes what others have asked; a later one must see the newest
    /// state, and lets others see it.
    pub(super) async fn image(&self, repository: &str, tag: &str) -> Answer<Option<Image>> {
        let _asking = self.shared.locks.lock(&format!("image {repository}:{tag}")).await;
        let key = (repository.to_owned(), tag.to_owned());
        let known = self.shared.images.borrow().get(&key).cloned();
        if let Some(known) = known.filter(|_| !self.turn.again) {
            return Ok(known);
        }
        let image = self.cloud.image(repository, &Reference::Tag(tag.to_owned())).await?;
        self.shared.images.borrow_mut().insert(key, image.clone());
        Ok(image)
    }

    /// A cluster with its tags, for its hold. As with images, a later look sees the newest state: a hold that somebody
    /// puts on it while hundreds of services wait for their turn holds the rest of them.
    pub(super) async fn cluster(&self, name: &str) -> Answer<Option<Cluster>> {
        let _asking = self.shared.locks.lock(&format!("cluster {name}")).await;
        let known = self.shared.clusters.borrow().get(name).cloned();
        if let Some(known) = known.filter(|_| !self.turn.again) {
            return Ok(known);
        }
        let cluster = self.cloud.cluster(name).await?;
        self.shared.clusters.borrow_mut().insert(name.to_owned(), cluster.clone());
        Ok(cluster)
    }

    /// Gives an image its own tag, once for all services that get it.
    pub(super) async fn keep_image(&self, repository: &str, digest: &crate::model::Digest) -> Answer<()> {
        let name = format!("{repository}@{digest}");
        let _keeping = self.shared.locks.lock(&name).await;
        if !self.shared.kept.borrow().contains(&name) {
            self.cloud.keep_image(repository, digest, &policy::deployed_tag(digest)).await?;
            self.shared.kept.borrow_mut().insert(name);
        }
        Ok(())
    }
}

/// What a request of ECS counts as.
fn counted(operation: &str) -> Option<Kind> {
    match operation {
        "RegisterTaskDefinition" => Some(Kind::Register),
        "UpdateService" => Some(Kind::Update),
        "DescribeServices"
        | "DescribeTaskDefinition"
        | "ListTaskDefinitions"
        | "ListServiceDeployments"
        | "DescribeServiceDeployments"
        | "DescribeServiceRevisions"
        | "DescribeClusters" => Some(Kind::Look),
        _ => None,
    }
}
