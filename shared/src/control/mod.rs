//! Observe, decide, act, and look once more: the way of every hint.
//!
//! Writes are absolute and few: one RegisterTaskDefinition and one UpdateService for a release, tags for a
//! rejection, one RegisterTaskDefinition after a failure. Nothing is remembered between calls.
//!
//! Several services are looked at at once, at a pace that leaves AWS's limits to others too; what does not fit into the
//! time of an invocation is the next sweep's.
//!
//! Here is the walk; `look` is one look at one service, `image` which image it should run and whether it can, `withhold`
//! what makes a release wait, `act` what is written, `ask` what a person asks for, one file each, `say` how it is told, `known` what one
//! walk need not ask twice, `diagnose` why a roll-out fails, `conclude` whether one has succeeded, `turn` who waits for
//! what, `together` how looks go on at once. `scale` is the same walk once more, for how many tasks there are.

mod act;
mod ask;
mod conclude;
mod diagnose;
mod image;
mod known;
mod look;
mod say;
mod scale;
mod together;
mod turn;
mod withhold;

use std::cell::RefCell;

pub use ask::{
    Rebound, Undone, continue_deployment, deploy, end_overrides, hold, hold_cluster, override_count,
    release_digest, resume, rollback, run, run_task, set_bounds, unhold, unhold_cluster,
};
pub use diagnose::of_task as diagnose_task;
pub use scale::{days_of_load, scale};
use thiserror::Error;

use crate::cloud::{Cloud, CloudError};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::model::{Service, ServiceName};
use crate::pace;
use crate::policy::{self, PolicyError, Track};
use crate::release::Keep;
use say::Notes;
use turn::{Shared, Turn};

/// How often one call looks at a service again after its own write. A tag that moves faster than this is the
/// next hint's or the sweep's.
const LOOKS: u32 = 3;
/// How many services are looked at at once: enough to wait for AWS's limits and not for its answers.
const AT_ONCE: usize = 8;
/// What this installation may touch. Tags choose what is wanted, never what is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    pub clusters: Vec<String>,
    pub repositories: Vec<String>,
}

/// Some services could not be dealt with, and another try may help. The rest is done.
#[derive(Debug, Error)]
#[error("{failed} of {looked_at} could not be dealt with, first {first}")]
pub struct Unfinished {
    pub failed: usize,
    pub looked_at: usize,
    #[source]
    pub first: CloudError,
}

/// Looks wherever the hint points and does what is due; `log` gets every decision as it falls, and in the end those that
/// others may wait for are announced. An announcement that AWS does not take changes nothing.
pub async fn follow<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    hint: &Hint,
    log: &mut impl FnMut(Decision),
) -> Result<(), Unfinished> {
    let mut notes = Notes::new(hint, log);
    let result = walk(cloud, scope, hint, &mut |decision| notes.take(decision)).await;
    notes.send(cloud).await;
    result
}

async fn walk<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    hint: &Hint,
    log: &mut impl FnMut(Decision),
) -> Result<(), Unfinished> {
    let shared = Shared::new(cloud);
    let mut watch = Watch::new(cloud, scope, hint, &shared, log);
    match hint {
        Hint::Image { repository, .. } if !scope.repositories.contains(repository) => {
            watch.say(Action::Ignored, Keep::RepositoryNotAllowed(repository.clone()));
        }
        Hint::Service(name) | Hint::Completed { service: name, .. } | Hint::Request { service: name, .. }
            if !scope.clusters.contains(&name.cluster) =>
        {
            watch.say(
                Action::Ignored,
                format!("the cluster '{}' is not one of this installation", name.cluster),
            );
        }
        Hint::Service(name) | Hint::Completed { service: name, .. } | Hint::Request { service: name, .. } => {
            watch.named(name).await
        }
        Hint::Alarm { .. } => watch.say(Action::Ignored, "an alarm says nothing of images"),
        Hint::Image { .. } | Hint::Cluster { .. } | Hint::Everything => watch.clusters().await,
    }
    watch.outcome()
}

/// One walk from a hint to its decisions.
struct Watch<'a, C, L> {
    cloud: &'a C,
    scope: &'a Scope,
    hint: &'a Hint,
    shared: &'a Shared,
    turn: Turn,
    log: &'a mut L,
    looked_at: usize,
    failures: Vec<CloudError>,
}

impl<'a, C: Cloud, L: FnMut(Decision)> Watch<'a, C, L> {
    fn new(cloud: &'a C, scope: &'a Scope, hint: &'a Hint, shared: &'a Shared, log: &'a mut L) -> Self {
        Watch { cloud, scope, hint, shared, turn: Turn::default(), log, looked_at: 0, failures: Vec::new() }
    }

    fn outcome(self) -> Result<(), Unfinished> {
        let Watch { looked_at, failures, .. } = self;
        let mut worth_another_try = failures.into_iter().filter(CloudError::retry_helps);
        match worth_another_try.next() {
            None => Ok(()),
            Some(first) => Err(Unfinished { failed: 1 + worth_another_try.count(), looked_at, first }),
        }
    }

    async fn clusters(&mut self) {
        let mut concerned = Vec::new();
        let is_meant = |it: &&String| !matches!(self.hint, Hint::Cluster { cluster, .. } if cluster != *it);
        for cluster in self.scope.clusters.iter().filter(is_meant) {
            match self.cloud.services(cluster).await {
                Ok(services) => concerned.extend(services.into_iter().filter_map(|it| self.concerned(it))),
                Err(error) => self.failed(None, error),
            }
        }
        if concerned.is_empty() && self.failures.is_empty() {
            return self.say(Action::Kept, "no service follows it");
        }
        // Those that fit at once need no order.
        if concerned.len() > AT_ONCE {
            let start = pace::starts_at(concerned.len(), self.cloud.now());
            // A push begins opposite to the sweep of the same minute, so that they seldom meet.
            let opposite = if *self.hint == Hint::Everything { 0 } else { concerned.len() / 2 };
            let start = (start + opposite) % concerned.len();
            concerned.rotate_left(start);
        }
        self.each(concerned).await;
    }

    /// A service with what it follows, if the hint means it.
    fn concerned(&self, service: Service) -> Option<(Service, Result<Vec<Track>, PolicyError>)> {
        let tracks = policy::tracks(&service.tags);
        let is_meant = match (&tracks, self.hint) {
            (Ok(tracks), Hint::Image { repository, tag }) => {
                tracks.iter().any(|track| track.follows(repository, tag))
            }
            (Ok(tracks), _) => !tracks.is_empty(),
            // A push concerns those it can reach; a policy that nobody can read is the sweep's to report.
            (Err(_), hint) => *hint == Hint::Everything,
        };
        is_meant.then_some((service, tracks))
    }

    /// One service's trouble is not another's.
    async fn each(&mut self, concerned: Vec<(Service, Result<Vec<Track>, PolicyError>)>) {
        let count = concerned.len();
        let (cloud, scope, hint, shared) = (self.cloud, self.scope, self.hint, self.shared);
        let log = &RefCell::new(&mut *self.log);
        let jobs = concerned.into_iter().map(|(service, tracks)| async move {
            if !shared.may_look(cloud).await {
                return None;
            }
            let mut log = |decision| log.borrow_mut()(decision);
            let mut watch = Watch::new(cloud, scope, hint, shared, &mut log);
            match tracks {
                Ok(tracks) => watch.handle(service, &tracks).await,
                Err(error) => {
                    watch.looked_at += 1;
                    watch.about(&service.name, Action::Kept, error);
                }
            }
            Some((watch.looked_at, watch.failures))
        });
        let outcomes = together::at_most(AT_ONCE, jobs).await;
        let reached = outcomes.iter().flatten().count();
        for (looked_at, failures) in outcomes.into_iter().flatten() {
            self.looked_at += looked_at;
            self.failures.extend(failures);
        }
        if reached < count {
            let left = count - reached;
            let reason = format!(
                "{left} of {count} services were not reached in the time of this invocation; the next sweep goes on"
            );
            self.say(Action::Postponed, reason);
        }
    }

    async fn named(&mut self, name: &ServiceName) {
        let service = match self.cloud.service(name).await {
            Ok(Some(service)) => service,
            Ok(None) => return self.about(name, Action::Kept, "there is no such service"),
            Err(error) => return self.failed(Some(name), error),
        };
        match policy::tracks(&service.tags) {
            Ok(tracks) if tracks.is_empty() => {
                self.about(name, Action::Ignored, format!("the service has no tag {}", policy::TRACK));
            }
            Ok(tracks) => {
                self.conclude(&service).await;
                self.handle(service, &tracks).await;
            }
            Err(error) => self.about(name, Action::Kept, error),
        }
    }

    async fn handle(&mut self, mut service: Service, tracks: &[Track]) {
        self.looked_at += 1;
        let name = service.name.clone();
        for look in 1..=LOOKS {
            let looked = match self.look_in_turn(&mut service, tracks).await {
                Ok(looked) => looked,
                Err(error) => return self.failed(Some(&name), error),
            };
            let before = service.task_definition_arn.clone();
            if looked == Looked::Done || look == LOOKS {
                return;
            }
            // Whoever writes last must have seen the newest state.
            self.shared.known.look_again(tracks);
            service = match self.cloud.service(&name).await {
                Ok(Some(again)) => again,
                Ok(None) => return self.about(&name, Action::Kept, "the service is gone"),
                Err(error) => return self.failed(Some(&name), error),
            };
            if let Looked::Released { what } = looked
                && service.task_definition_arn == before
            {
                return self.about(&name, Action::Kept, Keep::NotVisibleYet { what });
            }
        }
    }
}

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Looked {
    Done,
    /// The service was told to run something else.
    Released {
        what: String,
    },
    /// Somebody else registered a revision during this look that a release must be made from.
    Outrun,
    /// It is not this service's turn to be written to.
    Waits,
}

#[cfg(test)]
mod tests;
