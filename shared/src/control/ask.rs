//! What a person asks for: go back, let a digest return, take over again, hold, continue.
//!
//! Each is a decision that stands elsewhere (`rollback`, `hold`, `native`) and its writes. Asking twice is asking once.
//! Everything that is done or refused is one line of the decision log, with the name of who asked.

use thiserror::Error;

use super::look::History;
use super::say::{Notes, seconds};
use super::turn::{May, Shared};
use super::{Looked, Scope, Watch};
use crate::cloud::{Answer, Cloud, CloudError};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::hold::{self, HOLD, Hold};
use crate::model::{Digest, Outcome, Rollout, Service, ServiceName, Tags};
use crate::native;
use crate::others::{self, RESUME};
use crate::pace::Kind;
use crate::policy::{self, Track};
use crate::release::{self, Rejection};
use crate::rollback::{self, Decided, Left, To, Way};
use crate::task_definition::{NOTED, TaskDefinition, family_and_number, revision_name};

/// Why something was not done.
#[derive(Debug, Error)]
pub enum Undone {
    #[error("the cluster '{0}' is not one of this installation")]
    NotAllowed(String),
    #[error("there is no such service, or it has not been handed to Pushboat: {0}")]
    NoService(ServiceName),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

type Done = Result<(), Undone>;

/// Goes back to the release that completed last, or to a named one, and rejects what it leaves.
pub async fn rollback<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    to: Option<&To>,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, tracks) = watch.asked_about(service).await?;
        let done = watch.roll_back(&found, &tracks, to, by).await;
        watch.tell(service, done)
    })
    .await
}

/// The owner's word that a digest may return.
pub async fn release_digest<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    digest: &Digest,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, tracks) = watch.asked_about(service).await?;
        let done = watch.let_return(&found, digest, by).await;
        watch.tell(service, done)?;
        watch.go_on(service, &tracks).await
    })
    .await
}

/// Ends a divergence: what a person deployed may be replaced by what is tracked.
pub async fn resume<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, tracks) = watch.asked_about(service).await?;
        let done = watch.take_over(&found, by).await;
        watch.tell(service, done)?;
        watch.go_on(service, &tracks).await
    })
    .await
}

/// Withholds releases of one service. A later hold takes the place of an earlier one.
pub async fn hold<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    hold: &Hold,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, &hold.by), log, async |watch| {
        let (found, _) = watch.asked_about(service).await?;
        let done = watch.put_hold(&found.arn, hold).await;
        watch.tell(service, done)
    })
    .await
}

/// Lifts the hold of one service, and looks at once what is due.
pub async fn unhold<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, tracks) = watch.asked_about(service).await?;
        let done = watch.lift_hold(&found.arn, &found.tags, by).await;
        watch.tell(service, done)?;
        watch.go_on(service, &tracks).await
    })
    .await
}

/// Withholds releases of every service of a cluster. It is no service's, so it is not announced: the log has it.
pub async fn hold_cluster<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    cluster: &str,
    hold: &Hold,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &Hint::Everything, log, async |watch| {
        let (arn, _) = watch.asked_about_cluster(cluster).await?;
        let What { action, reason, .. } = watch.put_hold(&arn, hold).await?;
        watch.say(action, format!("the cluster {cluster}: {reason}"));
        Ok(())
    })
    .await
}

/// What is due then is the next sweep's.
pub async fn unhold_cluster<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    cluster: &str,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &Hint::Everything, log, async |watch| {
        let (arn, tags) = watch.asked_about_cluster(cluster).await?;
        let What { action, reason, .. } = watch.lift_hold(&arn, &tags, by).await?;
        watch.say(action, format!("the cluster {cluster}: {reason}"));
        Ok(())
    })
    .await
}

/// Lets a deployment go on that waits at a hook: the one that is named, or the only one.
pub async fn continue_deployment<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    hook: Option<&str>,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        watch.asked_about(service).await?;
        let done = watch.go_past(service, hook, by).await;
        watch.tell(service, done)
    })
    .await
}

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
}

impl What {
    fn new(action: Action, reason: impl ToString) -> What {
        What { action, reason: reason.to_string(), revision: None, digest: None }
    }
}

type Said = Result<What, Undone>;

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    async fn asked_about(&mut self, name: &ServiceName) -> Result<(Service, Vec<Track>), Undone> {
        if !self.scope.clusters.contains(&name.cluster) {
            return Err(Undone::NotAllowed(name.cluster.clone()));
        }
        let found = self.cloud.service(name).await?.ok_or_else(|| Undone::NoService(name.clone()))?;
        let tracks = policy::tracks(&found.tags).map_err(|error| Undone::Refused(error.to_string()))?;
        if tracks.is_empty() {
            return Err(Undone::NoService(name.clone()));
        }
        release::may_be_touched(&found).map_err(|keep| Undone::Refused(keep.to_string()))?;
        Ok((found, tracks))
    }

    async fn asked_about_cluster(&mut self, cluster: &str) -> Result<(String, Tags), Undone> {
        let is_allowed = self.scope.clusters.iter().any(|allowed| allowed == cluster);
        let found = if is_allowed { self.cloud.cluster(cluster).await? } else { None };
        let found = found.ok_or_else(|| Undone::NotAllowed(cluster.to_owned()))?;
        Ok((found.arn, found.tags))
    }

    /// The line for what was done, or for why it was not.
    fn tell(&mut self, service: &ServiceName, done: Said) -> Done {
        match done {
            Ok(What { action, reason, revision, digest }) => {
                let mut decision = self.decision(service, action, reason);
                (decision.revision, decision.digest) = (revision, digest);
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

    async fn roll_back(&mut self, service: &Service, tracks: &[Track], to: Option<&To>, by: &str) -> Said {
        let mut history = History::default();
        let service = &native::told(service.clone(), history.read(self.cloud, service).await?);
        let own = self.cloud.task_definition(&service.task_definition_arn).await?;
        let history = history.read(self.cloud, service).await?;
        let allowed = self.allowed(tracks);
        let plan = match rollback::decide(service, &own, &allowed, history, to) {
            Ok(Decided::Go(plan)) => plan,
            Ok(Decided::Already(already)) => return Ok(What::new(Action::Kept, already)),
            Err(refusal) => return Err(Undone::Refused(refusal.to_string())),
        };
        let goal = revision_name(&plan.revision_arn).to_owned();
        let why = format!("{}{} to {goal}", rollback::WORDS, hold::one_word(by));
        // First what must not return: a look in between would roll forward to it.
        self.leave(service, &own, plan.leaves, &why).await?;
        self.leave_template(service, &own, &plan.revision_arn, &why).await?;
        let stopped = match &plan.way {
            Way::Stop { rollout_arn } => match self.cloud.stop_rollout(rollout_arn).await {
                Ok(()) => true,
                Err(error) if error.retry_helps() => return Err(error.into()),
                // It came to its end in this moment, or cannot be stopped.
                Err(_) => false,
            },
            Way::Update => false,
        };
        if !stopped {
            let revision = self.able_to_run(&plan.revision_arn).await?;
            self.cloud.release(&service.name, &revision).await?;
            self.went_well();
        }
        let how = if stopped { "the deployment under way was stopped" } else { "the service was updated" };
        let what = What::new(Action::RolledBack, format!("{why}, from {}; {how}", own.name()));
        Ok(What { revision: Some(goal), ..what })
    }

    /// An overlapping invocation has undone a roll-back.
    pub(super) async fn go_back_again(&mut self, service: &Service, tracks: &[Track]) -> Answer<Looked> {
        if self.may(Kind::Update).await == May::Later {
            return Ok(Looked::Waits);
        }
        let what = "what was rejected a moment ago and came back".to_owned();
        match self.roll_back(service, tracks, None, "Pushboat").await {
            Ok(What { action, reason, revision, .. }) => {
                let mut decision = self.decision(&service.name, action, format!("{what}: {reason}"));
                decision.revision = revision;
                (self.log)(decision);
            }
            Err(Undone::Cloud(error)) => return Err(error),
            Err(undone) => {
                self.about(&service.name, Action::Kept, format!("{what}, but {undone}"));
                return Ok(Looked::Done);
            }
        }
        Ok(Looked::Released { what })
    }

    async fn leave(
        &mut self,
        service: &Service,
        own: &TaskDefinition,
        leaves: Vec<Left>,
        why: &str,
    ) -> Answer<()> {
        for Left { container, digest, tagged } in leaves {
            if policy::rejection(&service.tags, &digest).is_none() {
                let (why, failed_revision_arn) = (why.to_owned(), own.arn.clone());
                self.reject_digest(
                    service,
                    &Rejection { container, digest, tagged, why, failed_revision_arn },
                )
                .await?;
            }
        }
        Ok(())
    }

    /// What the template changed between the goal and what is left is left as well, or it would be due at once.
    async fn leave_template(
        &mut self,
        service: &Service,
        own: &TaskDefinition,
        goal_arn: &str,
        why: &str,
    ) -> Answer<()> {
        let at_goal = Service { task_definition_arn: goal_arn.to_owned(), ..service.clone() };
        let revisions = self.revisions(&at_goal).await?;
        let Some(template) = revisions.template() else { return Ok(()) };
        let number = |arn: &str| family_and_number(arn).map(|(_, number)| number);
        let is_in_own = number(&template.arn) <= number(&own.arn);
        if is_in_own && policy::passed_over(&service.tags, template.name()).is_none() {
            self.reject_template(service, template.name(), why, &own.arn).await?;
        }
        Ok(())
    }

    /// A revision that was deregistered is registered once more: an INACTIVE one can start nothing.
    async fn able_to_run(&self, revision_arn: &str) -> Answer<String> {
        let definition = self.cloud.task_definition(revision_arn).await?;
        let is_gone = definition.document.get("status").is_some_and(|status| status == "INACTIVE");
        if !is_gone {
            return Ok(definition.arn);
        }
        // Others that choose a revision of this family must not take it for one that slipped in.
        let family = family_and_number(revision_arn).map_or(revision_arn, |(family, _)| family);
        let shared = self.shared;
        let _choosing = shared.locks.lock(family).await;
        self.cloud.register(&definition.with_images(&[]), &definition.tags_to_restore()).await
    }

    /// The marks of the revisions that failed with it count as old from now on, so that nobody waits for the overlap.
    async fn let_return(&mut self, service: &Service, digest: &Digest, by: &str) -> Said {
        if policy::rejection(&service.tags, digest).is_none() {
            return Ok(What::new(Action::Kept, format!("{digest} is not rejected")));
        }
        let history = self.cloud.rollouts(&service.name).await?;
        let ran = |it: &&Rollout| it.images.iter().any(|image| image.ran().as_ref() == Some(digest));
        let mut revisions: Vec<_> =
            { history.iter() }.filter(ran).map(|it| it.task_definition_arn.clone()).collect();
        revisions.sort();
        revisions.dedup();
        let mark = policy::tag_value(&format!("1970-01-01T00:00:00Z released by {by}"));
        for revision in revisions {
            match self.cloud.task_definition(&revision).await {
                Ok(definition) if definition.tags.contains_key(NOTED) => {
                    self.cloud.tag(&revision, &Tags::from([(NOTED.to_owned(), mark.clone())])).await?;
                }
                Err(error) if error.retry_helps() => return Err(error.into()),
                _ => {}
            }
        }
        self.cloud.untag(&service.arn, &[policy::rejection_key(digest)]).await?;
        let what = What::new(Action::Lifted, format!("{digest} may return: released by {by}"));
        Ok(What { digest: Some(digest.to_string()), ..what })
    }

    async fn take_over(&mut self, service: &Service, by: &str) -> Said {
        let own = self.cloud.task_definition(&service.task_definition_arn).await?;
        let Some(diverged) = others::may_have_diverged(service, &own) else {
            return Ok(What::new(Action::Kept, format!("{} has not diverged", own.name())));
        };
        self.cloud.tag(&service.arn, &others::resume(&own)).await?;
        let reason = format!("resumed by {by} with the tag {RESUME}; it was {diverged}");
        Ok(What { revision: Some(own.name().to_owned()), ..What::new(Action::Lifted, reason) })
    }

    async fn put_hold(&mut self, arn: &str, hold: &Hold) -> Said {
        if let (Some(until), Some(now)) = (hold.until, self.cloud.now())
            && until <= now
        {
            return Err(Undone::Refused(format!("{} is over already", seconds(until))));
        }
        let value = hold.value();
        if Hold::parse(&value).is_none() {
            return Err(Undone::Refused("a hold says who holds, and why".to_owned()));
        }
        self.cloud.tag(arn, &Tags::from([(HOLD.to_owned(), value)])).await?;
        Ok(What::new(Action::Held, hold))
    }

    async fn lift_hold(&mut self, arn: &str, tags: &Tags, by: &str) -> Said {
        let Some(value) = tags.get(HOLD) else { return Ok(What::new(Action::Kept, "there is no hold")) };
        self.cloud.untag(arn, &[HOLD.to_owned()]).await?;
        Ok(What::new(Action::Lifted, format!("the hold was lifted by {by}; it was: {value}")))
    }

    async fn go_past(&mut self, service: &ServiceName, hook: Option<&str>, by: &str) -> Said {
        let history = self.cloud.rollouts(service).await?;
        let under_way = history.first().filter(|newest| newest.outcome == Outcome::UnderWay);
        let Some(newest) = under_way else {
            return Err(Undone::Refused("no deployment is under way".to_owned()));
        };
        let progress = self.cloud.progress(&newest.arn).await?.unwrap_or_default();
        let pause = native::hook(&progress, hook).map_err(Undone::Refused)?;
        self.cloud.continue_rollout(&newest.arn, &pause.hook_id).await?;
        let stage = progress.stage.as_deref().unwrap_or("a stage that ECS does not name");
        let revision = revision_name(&newest.task_definition_arn);
        let reason = format!("{revision} goes on past {stage}: continued by {by}");
        Ok(What { revision: Some(revision.to_owned()), ..What::new(Action::Continued, reason) })
    }
}
