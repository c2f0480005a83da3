//! The rules that are checked at the end of a run, when all has been quiet for a while.

use pushboat::model::Digest;
use pushboat::others::{self, How};
use pushboat::policy;
use pushboat::task_definition::{BASE, revision_name};
use pushboat_local::world::ecs::{RolloutState, Service, ServiceDeploymentStatus as Status, TaskDefinition};

use super::plan::Breaker;
use super::stage::Stage;
use super::watch::{Rule, Writer, digest_of};

impl Stage {
    pub(super) fn check_rest(&mut self) {
        for index in 0..self.plan.services.len() {
            let broken: Vec<_> =
                [self.image_at_rest(index), self.newest_at_rest(index), self.size_at_rest(index)].into();
            for (rule, words) in broken.into_iter().flatten() {
                self.breaks(rule, words);
            }
        }
    }

    fn image_at_rest(&self, index: usize) -> Option<(Rule, String)> {
        let service = self.world.ecs.services.get(index)?;
        let watched = &self.watch.services[index];
        let wanted = self.watch.tag_means()?;
        let runs = digest_of(&self.world, &service.task_definition_arn);
        let left = runs.as_ref().and_then(|it| watched.left.get(it));
        if left.is_some_and(|at| *at > watched.released_by_person_at)
            && watched.told == service.task_definition_arn
        {
            let words = format!("{} runs what somebody has asked to go back from", service.name);
            return Some((Rule::NoReturn, words));
        }
        if runs.as_ref() == Some(wanted) {
            return self.state_at_rest(index, service);
        }
        if self.stays_as_asked(index, wanted) {
            return self.state_at_rest(index, service);
        }
        if watched.person_registered_at >= 0 && self.has_diverged(index, wanted) {
            return None;
        }
        if self.is_held(index) {
            return None;
        }
        let rule = if watched.last_writer == Writer::Stack { Rule::Stack } else { Rule::Newest };
        let named = |digest: Option<&Digest>| digest.map_or_else(|| "?".to_owned(), |it| self.named(it));
        let name = &service.name;
        let (wants, has) = (named(Some(wanted)), named(runs.as_ref()));
        if policy::rejection(&service.tags, wanted).is_none() {
            return Some((
                rule,
                format!("the tag means {wants}, which is not rejected, but {name} runs {has}"),
            ));
        }
        let runs = runs?;
        if watched.failures.contains_key(&runs) && self.plan.services[index].breaker == Breaker::RollsBack {
            return Some((Rule::NoReturn, format!("{name} is at {has}, which failed there")));
        }
        let is_good = |it: &&Digest| {
            watched.ever_completed.contains(*it)
                && !watched.failures.contains_key(*it)
                && !watched.left.contains_key(*it)
                // What is rejected does not return, though whoever asked to go back from it got no further than that, and
                // though it ran well with a later revision of the template.
                && policy::rejection(&service.tags, it).is_none()
        };
        let before = watched.before_stack.as_ref().filter(is_good)?;
        let place = |digest: &Digest| self.pushed.iter().position(|it| it == digest);
        let is_older = place(&runs) < place(before) && watched.last_writer == Writer::Stack;
        is_older.then(|| {
            (
                Rule::Stack,
                format!("{name} is at {has}, but ran {} before the stack's update", named(Some(before))),
            )
        })
    }

    /// What a person deployed stays until an image is pushed after that. A tag that moves to an older image is no push.
    /// A stack that names a bare family deploys what a person has only registered, and nobody can tell the two apart.
    fn has_diverged(&self, index: usize, wanted: &Digest) -> bool {
        let truth = self.truth();
        let (service, history) = (&truth.services[index], &truth.rollouts[index]);
        let Some(own) = truth.revision(&service.task_definition_arn) else { return false };
        let image = truth.images.iter().find(|it| it.digest == *wanted);
        let pushed_at = image.and_then(|it| it.pushed_at);
        let diverged = others::diverged(service, &own.shown, pushed_at, history);
        diverged.is_some_and(|it| matches!(it.how, How::Past { .. }))
    }

    /// With the right image, the roll-out has come to its end, where it can.
    fn state_at_rest(&self, index: usize, service: &Service) -> Option<(Rule, String)> {
        let primary = service.deployments.first()?;
        let is_over = primary.rollout_state == RolloutState::Completed;
        let must_be = self.plan.services[index].breaker == Breaker::RollsBack;
        (must_be && !is_over).then(|| {
            (Rule::Newest, format!("{} has not completed: {}", service.name, primary.rollout_state_reason))
        })
    }

    fn newest_at_rest(&self, index: usize) -> Option<(Rule, String)> {
        let service = self.world.ecs.services.get(index)?;
        let primary = service.deployments.first()?;
        let at_rest = primary.rollout_state == RolloutState::Completed
            && primary.task_definition_arn == service.task_definition_arn;
        let newest = self.world.find_task_definition(&service.name).ok()?;
        let own = self.world.find_task_definition(&service.task_definition_arn).ok()?;
        if !at_rest || newest.document == own.document {
            return None;
        }
        let (newest_name, own_name) = (revision_name(&newest.arn), revision_name(&own.arn));
        if newest.tags.contains_key(BASE) {
            let words = format!("{newest_name}, a copy, is the newest, but {own_name} runs");
            return Some((Rule::GoodNewest, words));
        }
        self.has_failed(service, newest)
            .then(|| (Rule::GoodNewest, format!("{newest_name} is the newest, but failed; {own_name} runs")))
    }

    /// Its latest roll-out that came to an end was rolled back.
    fn has_failed(&self, service: &Service, revision: &TaskDefinition) -> bool {
        let of_service =
            self.world.ecs.service_deployments.iter().rev().filter(|it| it.service_arn == service.arn);
        let mut outcomes = of_service.filter_map(|it| {
            let mut revisions = self.world.ecs.service_revisions.iter();
            let target = revisions.find(|one| one.arn == it.target_revision_arn)?;
            (target.task_definition_arn == revision.arn).then_some(it.status)
        });
        let telling = outcomes.find(|it| {
            matches!(it, Status::Successful | Status::RollbackSuccessful | Status::RollbackFailed)
        });
        telling.is_some_and(|it| it != Status::Successful)
    }
}
