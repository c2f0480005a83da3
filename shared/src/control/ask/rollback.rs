//! Going back: to the release that completed last, or to a named one. What is left is rejected first.

use super::{Done, Said, Undone, What, asked, request};
use crate::cloud::{Answer, Cloud};
use crate::control::look::History;
use crate::control::say::seconds;
use crate::control::turn::May;
use crate::control::{Looked, Scope, Watch};
use crate::decision::{Action, Decision};
use crate::hold;
use crate::model::{Service, ServiceName, Tags};
use crate::native;
use crate::others::Returned;
use crate::pace::Kind;
use crate::policy::{self, Track};
use crate::release::Rejection;
use crate::rollback::{self, Decided, Left, Plan, To, Way};
use crate::task_definition::{PUT_BACK, TaskDefinition, family_and_number, revision_name};

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
        let done = watch.roll_back(&found, &tracks, to, Some(by)).await;
        watch.tell(service, done)
    })
    .await
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// `by`: `None` is Pushboat itself.
    async fn roll_back(
        &mut self,
        service: &Service,
        tracks: &[Track],
        to: Option<&To>,
        by: Option<&str>,
    ) -> Said {
        let (is_asked, by) = (by.is_some(), by.unwrap_or("Pushboat"));
        let mut history = History::default();
        let service = &native::told(service.clone(), history.read(self.cloud, service).await?);
        let own = self.cloud.task_definition(&service.task_definition_arn).await?;
        let history = history.read(self.cloud, service).await?;
        let allowed = self.allowed(tracks);
        let mut same = Vec::new();
        let plan = loop {
            match rollback::decide(service, &own, &allowed, history, to, &same) {
                // A stack sends a revision whose tag means what runs: that is no release before this one.
                Ok(Decided::Go(plan)) if to.is_none() && self.is_the_same(&own, &plan).await? => {
                    same.push(plan.revision_arn);
                }
                Ok(Decided::Go(plan)) => break plan,
                Ok(Decided::Already(already)) => return Ok(What::new(Action::Kept, already)),
                Err(refusal) => return Err(Undone::Refused(refusal.to_string())),
            }
        };
        let goal = revision_name(&plan.revision_arn).to_owned();
        let why = format!("{}{} to {goal}", rollback::WORDS, hold::one_word(by));
        // First what must not return: a look in between would roll forward to it.
        self.leave(service, &own, plan.leaves.clone(), &why, is_asked).await?;
        self.leave_template(service, &own, &plan.revision_arn, &why).await?;
        let revision = match plan.way {
            // ECS goes to what it has resolved.
            Way::Stop { .. } => plan.revision_arn.clone(),
            Way::Update => self.able_to_run(&plan).await?,
        };
        self.mark_as_put_back(&revision, by).await?;
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
            let revision = if plan.way == Way::Update { revision } else { self.able_to_run(&plan).await? };
            self.cloud.release(&service.name, &revision).await?;
            self.went_well();
        }
        let how = if stopped { "the deployment under way was stopped" } else { "the service was updated" };
        let what = What::new(Action::RolledBack, format!("{why}, from {}; {how}", own.name()));
        Ok(What { revision: Some(goal), ..what })
    }

    /// A roll-back was undone by nobody's wish. `None` where there is nothing to go back to: the look goes on.
    pub(in crate::control) async fn go_back_again(
        &mut self,
        service: &Service,
        tracks: &[Track],
        returned: &Returned,
    ) -> Answer<Option<Looked>> {
        if self.may(Kind::Update).await == May::Later {
            return Ok(Some(Looked::Waits));
        }
        let what = "what was rejected came back".to_owned();
        match self.roll_back(service, tracks, returned.to.as_ref(), None).await {
            Ok(What { action: Action::Kept, .. }) => return Ok(None),
            Ok(What { action, reason, revision, .. }) => {
                let mut decision = self.decision(&service.name, action, format!("{what}: {reason}"));
                decision.revision = revision;
                (self.log)(decision);
            }
            Err(Undone::Cloud(error)) => return Err(error),
            Err(undone) => {
                self.about(&service.name, Action::Kept, format!("{what}, but {undone}"));
                return Ok(None);
            }
        }
        Ok(Some(Looked::Released { what }))
    }

    async fn leave(
        &mut self,
        service: &Service,
        own: &TaskDefinition,
        leaves: Vec<Left>,
        why: &str,
        is_asked: bool,
    ) -> Answer<()> {
        for Left { container, digest, tagged } in leaves {
            if let Some(before) = policy::rejection(&service.tags, &digest) {
                // Somebody may be lifting it in this moment. Whoever asks last has the last word, and it counts from now on:
                // what is released so soon after that was decided on before.
                if is_asked {
                    let words = before.split_once(' ').map_or(before, |(_, words)| words);
                    let value = self.as_tag_value(words);
                    let tags = Tags::from([(policy::rejection_key(&digest), value)]);
                    self.cloud.tag(&service.arn, &tags).await?;
                }
            } else {
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

    /// So that nobody takes it for a stack's update, or for a person who knew all that ran.
    async fn mark_as_put_back(&mut self, revision_arn: &str, by: &str) -> Answer<()> {
        let Some(now) = self.cloud.now() else { return Ok(()) };
        let value = policy::tag_value(&format!("{} by {by}", seconds(now)));
        match self.cloud.tag(revision_arn, &Tags::from([(PUT_BACK.to_owned(), value)])).await {
            Err(error) if error.retry_helps() => Err(error),
            // Whoever wants to go back goes back.
            _ => Ok(()),
        }
    }

    /// Where nothing would be left, the goal may be what runs under another number.
    async fn is_the_same(&self, own: &TaskDefinition, plan: &Plan) -> Answer<bool> {
        if !plan.leaves.is_empty() {
            return Ok(false);
        }
        let goal = self.cloud.task_definition(&plan.revision_arn).await?;
        Ok(goal.pinned(&plan.ran) == own.pinned(&plan.ran))
    }

    /// The revision itself, or a copy of it where it would run something else: an INACTIVE one can start nothing, and ECS
    /// resolves a tag anew for each deployment.
    async fn able_to_run(&self, plan: &Plan) -> Answer<String> {
        let definition = self.cloud.task_definition(&plan.revision_arn).await?;
        let pinned = definition.pinned(&plan.ran);
        let is_gone = definition.document.get("status").is_some_and(|status| status == "INACTIVE");
        if !is_gone && pinned == definition.with_images(&[]) {
            return Ok(definition.arn);
        }
        // Others that choose a revision of this family must not take it for one that slipped in.
        let family = family_and_number(&plan.revision_arn).map_or("", |(family, _)| family);
        let shared = self.shared;
        let _choosing = shared.locks.lock(family).await;
        self.cloud.register(&pinned, &definition.tags_to_restore()).await
    }
}
