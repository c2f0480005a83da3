//! What a person asks for: go back, let a digest return, take over again, hold, continue, another count, a one-off task.
//!
//! Each is a decision that stands elsewhere (`rollback`, `hold`, `native`) and its writes. Asking twice is asking once.
//! Everything that is done or refused is one line of the decision log, with the name of who asked.

mod count;
pub mod deploy;
mod divergence;
mod hold;
mod pause;
mod rejection;
mod rollback;
pub mod run;

pub use count::{Rebound, end_overrides, override_count, set_bounds};
pub use deploy::deploy;
pub use divergence::resume;
pub use hold::{hold, hold_cluster, unhold, unhold_cluster};
pub use pause::continue_deployment;
pub use rejection::release_digest;
pub use rollback::rollback;
pub use run::run_task;
use thiserror::Error;

use super::say::Notes;
use super::turn::Shared;
use super::{Scope, Watch};
use crate::capacity::temporary::NotAnOverride;
use crate::cloud::{Cloud, CloudError};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::hold::NotAHold;
use crate::model::{Service, ServiceName};
use crate::policy::{self, Track};
use crate::release;

/// Why something was not done.
#[derive(Debug, Error)]
pub enum Undone {
    #[error("the cluster '{0}' is not one of this installation")]
    NotAllowed(String),
    #[error("there is no such service, or it has not been handed to Pushboat: {0}")]
    NoService(ServiceName),
    #[error("{0}")]
    Refused(String),
    #[error("the key stands for another request, for which there is the task {}", .tasks.join(", "))]
    KeyTaken { tasks: Vec<String> },
    #[error(transparent)]
    NotAHold(#[from] NotAHold),
    #[error(transparent)]
    NotAnOverride(#[from] NotAnOverride),
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

type Done = Result<(), Undone>;

fn request(service: &ServiceName, by: &str) -> Hint {
    Hint::Request { service: service.clone(), by: by.to_owned() }
}

type Asking<'a, C> = Watch<'a, C, &'a mut dyn FnMut(Decision)>;

async fn asked<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    hint: &Hint,
    log: &mut impl FnMut(Decision),
    work: impl AsyncFnOnce(&mut Asking<'_, C>) -> Done,
) -> Done {
    let shared = Shared::new(cloud);
    let mut notes = Notes::new(hint, log);
    let mut take = |decision| notes.take(decision);
    let mut log: &mut dyn FnMut(Decision) = &mut take;
    let done = work(&mut Watch::new(cloud, scope, hint, &shared, &mut log)).await;
    notes.send(cloud).await;
    done
}

/// What was done, as the decision log says it.
struct What {
    action: Action,
    reason: String,
    revision: Option<String>,
    digest: Option<String>,
    task: Option<String>,
}

impl What {
    fn new(action: Action, reason: impl ToString) -> What {
        What { action, reason: reason.to_string(), revision: None, digest: None, task: None }
    }
}

type Said = Result<What, Undone>;

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    async fn found(&self, name: &ServiceName) -> Result<Service, Undone> {
        if !self.scope.clusters.contains(&name.cluster) {
            return Err(Undone::NotAllowed(name.cluster.clone()));
        }
        self.cloud.service(name).await?.ok_or_else(|| Undone::NoService(name.clone()))
    }

    async fn asked_about(&mut self, name: &ServiceName) -> Result<(Service, Vec<Track>), Undone> {
        let found = self.found(name).await?;
        let tracks = policy::tracks(&found.tags).map_err(|error| Undone::Refused(error.to_string()))?;
        if tracks.is_empty() {
            return Err(Undone::NoService(name.clone()));
        }
        release::may_be_touched(&found).map_err(|keep| Undone::Refused(keep.to_string()))?;
        Ok((found, tracks))
    }

    /// The line for what was done, or for why it was not.
    fn tell(&mut self, service: &ServiceName, done: Said) -> Done {
        match done {
            Ok(What { action, reason, revision, digest, task }) => {
                let mut decision = self.decision(service, action, reason);
                (decision.revision, decision.digest, decision.task) = (revision, digest, task);
                (self.log)(decision);
                Ok(())
            }
            Err(Undone::Cloud(error)) => {
                let mut decision = self.decision(service, Action::Failed, &error);
                decision.retry = Some(error.retry_helps());
                (self.log)(decision);
                Err(Undone::Cloud(error))
            }
            Err(undone) => {
                self.about(service, Action::Kept, &undone);
                Err(undone)
            }
        }
    }

    /// Nothing stands in the way any more: what is due is done now and not with the next sweep.
    async fn go_on(&mut self, service: &ServiceName, tracks: &[Track]) -> Done {
        if let Some(found) = self.cloud.service(service).await? {
            self.handle(found, tracks).await;
        }
        match self.failures.pop() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}
