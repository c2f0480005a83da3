//! Observe, decide, act, and look once more: the way of every hint.
//!
//! Writes are absolute and few: one RegisterTaskDefinition and one UpdateService for a release, tags for a
//! rejection, one RegisterTaskDefinition after a failure. Nothing is remembered between calls.
//!
//! Here is the walk; `look` is one look at one service, `image` which image it should run and whether it can, `act` what
//! is written, `say` how it is told, `known` what one walk need not ask twice, `diagnose` why a roll-out fails, `conclude`
//! whether one has succeeded.

mod act;
mod conclude;
mod diagnose;
mod image;
mod known;
mod look;
mod say;

use thiserror::Error;

use crate::announce::Announcement;
use crate::cloud::{Cloud, CloudError};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::model::{Service, ServiceName};
use crate::policy::{self, Track};
use crate::release::Keep;
use known::Known;

/// How often one call looks at a service again after its own write. A tag that moves faster than this is the
/// next hint's or the sweep's.
const LOOKS: u32 = 3;
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
    let mut announcements = Vec::new();
    let mut note = |decision: Decision| {
        announcements.extend(Announcement::of(&decision, hint));
        log(decision);
    };
    let result = walk(cloud, scope, hint, &mut note).await;
    if !announcements.is_empty()
        && let Err(error) = cloud.announce(&announcements).await
    {
        let mut decision = Decision::new(Action::Failed, hint, format!("events were not sent: {error}"));
        decision.at = cloud.now().map(say::seconds);
        decision.retry = Some(false);
        log(decision);
    }
    result
}

async fn walk<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    hint: &Hint,
    log: &mut impl FnMut(Decision),
) -> Result<(), Unfinished> {
    let mut watch =
        Watch { cloud, scope, hint, log, looked_at: 0, failures: Vec::new(), known: Known::default() };
    match hint {
        Hint::Image { repository, .. } if !scope.repositories.contains(repository) => {
            watch.say(Action::Ignored, Keep::RepositoryNotAllowed(repository.clone()));
        }
        Hint::Service(name) | Hint::Completed { service: name, .. }
            if !scope.clusters.contains(&name.cluster) =>
        {
            watch.say(
                Action::Ignored,
                format!("the cluster '{}' is not one of this installation", name.cluster),
            );
        }
        Hint::Service(name) | Hint::Completed { service: name, .. } => watch.named(name).await,
        Hint::Image { .. } | Hint::Everything => watch.clusters().await,
    }
    let Watch { looked_at, failures, .. } = watch;
    let mut worth_another_try = failures.into_iter().filter(CloudError::retry_helps);
    match worth_another_try.next() {
        None => Ok(()),
        Some(first) => Err(Unfinished { failed: 1 + worth_another_try.count(), looked_at, first }),
    }
}

/// One walk from a hint to its decisions.
struct Watch<'a, C, L> {
    cloud: &'a C,
    scope: &'a Scope,
    hint: &'a Hint,
    log: &'a mut L,
    looked_at: usize,
    failures: Vec<CloudError>,
    known: Known,
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    async fn clusters(&mut self) {
        for cluster in &self.scope.clusters {
            match self.cloud.services(cluster).await {
                Ok(services) => self.each(services).await,
                Err(error) => self.failed(None, error),
            }
        }
        if self.looked_at == 0 && self.failures.is_empty() {
            self.say(Action::Kept, "no service follows it");
        }
    }

    /// One service's trouble is not another's.
    async fn each(&mut self, services: Vec<Service>) {
        for service in services {
            let tracks = match policy::tracks(&service.tags) {
                Ok(tracks) if tracks.is_empty() => continue,
                Ok(tracks) => tracks,
                // A push concerns those it can reach; a policy that nobody can read is the sweep's to report.
                Err(_) if *self.hint != Hint::Everything => continue,
                Err(error) => {
                    self.looked_at += 1;
                    self.about(&service.name, Action::Kept, error);
                    continue;
                }
            };
            let concerned = match self.hint {
                Hint::Image { repository, tag } => tracks.iter().any(|track| track.follows(repository, tag)),
                _ => true,
            };
            if concerned {
                self.handle(service, &tracks).await;
            }
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
            let before = service.task_definition_arn.clone();
            let looked = match self.look(&service, tracks).await {
                Ok(looked) => looked,
                Err(error) => return self.failed(Some(&name), error),
            };
            if looked == Looked::Done || look == LOOKS {
                return;
            }
            // Whoever writes last must have seen the newest state.
            self.known.look_again(tracks);
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
}

#[cfg(test)]
mod tests;
