//! One look at one service: what is there, and what is to be done about it. The decisions are pure and stand in
//! `release` and `base`; here their questions are asked, and only those whose answer matters.

use serde_json::{Map, Value};

use super::{Looked, Watch};
use crate::base::{self, Found, Revisions, Template, Until};
use crate::cloud::{Answer, Cloud};
use crate::decision::Decision;
use crate::hint::Hint;
use crate::model::{Outcome, Rollout, Service};
use crate::native;
use crate::others::{self, Returned};
use crate::policy::Track;
use crate::release::{self, Candidate, Keep, Noted, Precedent, Verdict};
use crate::task_definition::{NOTED, TaskDefinition, family_and_number, revision_name};

/// The roll-outs of a service, read when the first question needs them.
#[derive(Default)]
pub(super) struct History(Option<Vec<Rollout>>);

impl History {
    pub(super) async fn read<C: Cloud>(&mut self, cloud: &C, service: &Service) -> Answer<&[Rollout]> {
        match &mut self.0 {
            Some(known) => Ok(known),
            unknown => Ok(unknown.insert(cloud.rollouts(&service.name).await?)),
        }
    }
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    pub(super) async fn look(&mut self, service: &Service, tracks: &[Track]) -> Answer<Looked> {
        if let Err(keep) = release::may_be_touched(service) {
            self.kept(service, keep);
            return Ok(Looked::Done);
        }
        let mut history = History::default();
        let service = &self.told(service, &mut history).await?;
        let revisions = self.revisions(service).await?;
        let template = self.template(service, tracks, &revisions, &mut history).await?;
        self.reject_asked(service, tracks, &revisions, &mut history).await?;
        let mut candidates = Vec::new();
        for track in tracks {
            let definition = judged_by(track, &revisions.own, &template);
            match self.judge(service, track, definition, &revisions, &mut history).await? {
                Verdict::Keep(keep) if self.is_failing(service, &keep) => {
                    self.kept_failing(service, keep).await
                }
                Verdict::Keep(keep) => self.kept(service, keep),
                Verdict::Reject(rejection) => self.reject_digest(service, &rejection).await?,
                Verdict::Release(candidate) => {
                    self.reject_left_behind(service, &revisions, &candidate, &mut history).await?;
                    candidates.push((track, *candidate));
                }
            }
        }
        // Whoever changes the template after a person deployed has the last word.
        if !matches!(template, Template::Due(_) | Template::Waits(..)) && !candidates.is_empty() {
            let history = history.read(self.cloud, service).await?;
            candidates = self.without_diverged(service, &revisions.own, candidates, history);
        }
        let candidates = self.fit_to_run(service, &revisions.own, &template, candidates).await?;
        let withheld = self.withheld(service, &template, &candidates, &mut history).await?;
        // The template's revision would take along what runs.
        if (candidates.is_empty() || withheld.is_some())
            && let Some(returned) = self.returned(service, &revisions, tracks, &mut history).await?
            && let Some(looked) = self.go_back_again(service, tracks, &returned).await?
        {
            return Ok(looked);
        }
        if let Some(keep) = withheld {
            self.kept(service, keep);
            return self.at_rest(service, &revisions, Template::Applied, &mut history).await;
        }
        match template {
            Template::Waits(revision, until) if candidates.is_empty() => {
                self.kept(service, waits(revision, until, &revisions.own));
                Ok(Looked::Done)
            }
            Template::Due(revision) | Template::Waits(revision, _) => {
                // Without a container of that name in the template's document there is nothing to put the image in.
                let mut fitting = Vec::new();
                for (track, candidate) in candidates {
                    match revision.container(track.container.as_deref(), &track.repository) {
                        Ok(_) => fitting.push((track, candidate)),
                        Err(error) => self.kept(service, error.into()),
                    }
                }
                let document =
                    self.document(service, &revisions, revision, tracks, &fitting, &mut history).await?;
                self.release(service, &revisions, revision, document, &fitting).await
            }
            _ if !candidates.is_empty() => {
                let document = base::from_own(&revisions.own, &candidates);
                self.release(service, &revisions, &revisions.own, document, &candidates).await
            }
            other => self.at_rest(service, &revisions, other, &mut history).await,
        }
    }

    /// `base` with these images; made from the template's, with those that run where there is no other.
    pub(super) async fn document(
        &self,
        service: &Service,
        revisions: &Revisions,
        base: &TaskDefinition,
        tracks: &[Track],
        found: &[Found<'_>],
        history: &mut History,
    ) -> Answer<Map<String, Value>> {
        if base.arn == revisions.own.arn {
            return Ok(base::from_own(base, found));
        }
        let history = history.read(self.cloud, service).await?;
        let running = base::running_images(revisions, base, &self.allowed(tracks), history);
        Ok(base::from_template(base, &running, found))
    }

    /// Does the service run again what was rejected, though nobody wants it?
    async fn returned(
        &self,
        service: &Service,
        revisions: &Revisions,
        tracks: &[Track],
        history: &mut History,
    ) -> Answer<Option<Returned>> {
        let own = &revisions.own;
        for track in tracks {
            let Ok((container, _)) = own.container(track.container.as_deref(), &track.repository) else {
                continue;
            };
            if !others::may_have_returned(service, own, container) {
                continue;
            }
            let history = history.read(self.cloud, service).await?;
            if let Some(returned) = others::returned(service, revisions, container, history) {
                return Ok(Some(returned));
            }
        }
        Ok(None)
    }

    /// Nothing is released. The family's newest revision may still be one that must not stay the newest.
    async fn at_rest(
        &mut self,
        service: &Service,
        revisions: &Revisions,
        template: Template<'_>,
        history: &mut History,
    ) -> Answer<Looked> {
        if let Template::PassedOver { revision, why } = template {
            self.kept(service, Keep::PassedOver { revision: revision.name().to_owned(), why });
        }
        // A copy that does not run is not wanted, whatever runs: it failed, or came too late for a person who deployed.
        let is_copy = base::newest_is_a_copy(revisions);
        // The events of a roll-back come at once, and each of the looks that overlap would register. Sweeps
        // come one by one.
        let restores = *self.hint == Hint::Everything
            && base::may_need_restoring(service, revisions)
            && (is_copy || base::newest_failed(revisions, history.read(self.cloud, service).await?));
        if restores { self.restore(service, revisions).await } else { Ok(Looked::Done) }
    }

    /// Where ECS does not say how the deployment is doing, its service deployment does.
    async fn told(&mut self, service: &Service, history: &mut History) -> Answer<Service> {
        if !native::is_silent(service) {
            return Ok(service.clone());
        }
        let history = history.read(self.cloud, service).await?;
        if let Some(newest) = history.first().filter(|newest| newest.outcome == Outcome::UnderWay)
            && let Some(progress) = self.cloud.progress(&newest.arn).await?
        {
            let revision = revision_name(&newest.task_definition_arn).to_owned();
            self.kept(service, Keep::InStages { revision, progress: native::words(&progress) });
        }
        Ok(native::told(service.clone(), history))
    }

    /// Mostly one question: the newest ACTIVE revision of the family is the service's own.
    pub(super) async fn revisions(&self, service: &Service) -> Answer<Revisions> {
        let arn = &service.task_definition_arn;
        let Some((family, number)) = family_and_number(arn) else {
            let own = self.cloud.task_definition(arn).await?;
            return Ok(Revisions { own, newer: Vec::new() });
        };
        let newest = match self.cloud.task_definition(family).await {
            Ok(newest) if newest.arn == *arn => return Ok(Revisions { own: newest, newer: Vec::new() }),
            Ok(newest) => Some(newest),
            Err(error) if error.retry_helps() => return Err(error),
            // Every revision may be INACTIVE, and the service's own still runs.
            Err(_) => None,
        };
        let own = self.cloud.task_definition(arn).await?;
        let is_newer = |it: &TaskDefinition| family_and_number(&it.arn).is_some_and(|it| it.1 > number);
        let Some(newest) = newest.filter(is_newer) else { return Ok(Revisions { own, newer: Vec::new() }) };
        let newer = self.down_to_the_template(newest, family, number).await?;
        Ok(Revisions { own, newer })
    }

    async fn down_to_the_template(
        &self,
        newest: TaskDefinition,
        family: &str,
        newer_than: u32,
    ) -> Answer<Vec<TaskDefinition>> {
        let mut newer = vec![newest];
        if newer[0].is_of_template() {
            return Ok(newer);
        }
        for arn in self.cloud.newest_revisions(family, newer_than).await? {
            if newer.iter().any(|it| it.arn == arn) {
                continue;
            }
            match self.cloud.task_definition(&arn).await {
                Ok(definition) => newer.push(definition),
                Err(error) if error.retry_helps() => return Err(error),
                // Deregistered since it was listed.
                Err(_) => continue,
            }
            if newer.last().is_some_and(TaskDefinition::is_of_template) {
                break;
            }
        }
        Ok(newer)
    }

    pub(super) async fn template<'r>(
        &mut self,
        service: &Service,
        tracks: &[Track],
        revisions: &'r Revisions,
        history: &mut History,
    ) -> Answer<Template<'r>> {
        if let Some(known) = base::known(service, revisions) {
            return Ok(known);
        }
        let history = history.read(self.cloud, service).await?;
        let allowed = self.allowed(tracks);
        match base::template(service, revisions, &allowed, history, self.cloud.now()) {
            Template::Due(revision)
                if let Some(left) = others::left_by_hand(&revisions.own, history)
                    && number(&left.task_definition_arn) >= number(&revision.arn) =>
            {
                let (why, left) = (others::by_hand(&revisions.own), left.task_definition_arn.clone());
                if others::was_put_back_just_now(&revisions.own, history, self.cloud.now()) {
                    return Ok(Template::PassedOver { revision, why: format!("perhaps {why}") });
                }
                self.reject_template(service, revision.name(), &why, &left).await?;
                Ok(Template::PassedOver { revision, why })
            }
            Template::Failed { revision, why, failed_revision_arn } => {
                self.reject_template(service, revision.name(), &why, &failed_revision_arn).await?;
                Ok(Template::PassedOver { revision, why })
            }
            other => Ok(other),
        }
    }

    /// The others are not followed, so they set no image.
    pub(super) fn allowed(&self, tracks: &[Track]) -> Vec<Track> {
        let is_allowed = |track: &&Track| self.scope.repositories.contains(&track.repository);
        tracks.iter().filter(is_allowed).cloned().collect()
    }

    async fn judge(
        &self,
        service: &Service,
        track: &Track,
        definition: &TaskDefinition,
        revisions: &Revisions,
        history: &mut History,
    ) -> Answer<Verdict> {
        if !self.scope.repositories.contains(&track.repository) {
            return Ok(Verdict::Keep(Keep::RepositoryNotAllowed(track.repository.clone())));
        }
        let Some(uri) = self.repository_uri(&track.repository).await? else {
            return Ok(Verdict::Keep(Keep::NoRepository(track.repository.clone())));
        };
        let choice = self.choose_image(track).await?;
        let candidate = match release::candidate(service, track, definition, &uri, choice) {
            Ok(candidate) => candidate,
            Err(Verdict::Reject(rejection)) => {
                let history = history.read(self.cloud, service).await?;
                return Ok(release::blamed_in_place(rejection, history));
            }
            Err(verdict @ Verdict::Keep(Keep::Rejected { .. })) if definition.is_of_template() => {
                let history = history.read(self.cloud, service).await?;
                match release::live_before(service, track, definition, history, self.cloud.now()) {
                    Some(candidate) => candidate,
                    None => return Ok(verdict),
                }
            }
            Err(verdict) => return Ok(verdict),
        };
        // Only a candidate is worth the question what became of it before.
        let history = history.read(self.cloud, service).await?;
        let left = release::left(definition, &candidate, history, self.cloud.now());
        let excuses = |at| base::spoilt_by_template(revisions, &candidate.container, history, at);
        let precedent = left.unwrap_or_else(|| release::precedent(service, &candidate, history, excuses));
        let noted = match &precedent {
            Precedent::Failed(rollout) | Precedent::Left { rollout, .. } => {
                self.noted(&rollout.task_definition_arn).await?
            }
            _ => Noted::Never,
        };
        Ok(release::judge(candidate, precedent, noted))
    }

    /// What failed in place is written down before the service leaves it.
    async fn reject_left_behind(
        &mut self,
        service: &Service,
        revisions: &Revisions,
        candidate: &Candidate,
        history: &mut History,
    ) -> Answer<()> {
        let Some(rejection) = release::left_behind(service, &revisions.own, candidate) else { return Ok(()) };
        let history = history.read(self.cloud, service).await?;
        match release::blamed_in_place(rejection, history) {
            Verdict::Reject(rejection) => self.reject_digest(service, &rejection).await,
            _ => Ok(()),
        }
    }

    /// Has the failure of this revision been written down before? A revision that can no longer be described carries
    /// no mark.
    async fn noted(&self, revision_arn: &str) -> Answer<Noted> {
        match self.cloud.task_definition(revision_arn).await {
            Ok(definition) => Ok(Noted::of(&definition.tags, NOTED, self.cloud.now())),
            Err(error) if error.retry_helps() => Err(error),
            Err(_) => Ok(Noted::Never),
        }
    }
}

fn number(revision_arn: &str) -> u32 {
    family_and_number(revision_arn).map_or(0, |(_, number)| number)
}

fn waits(template: &TaskDefinition, until: Until, own: &TaskDefinition) -> Keep {
    let (revision, own) = (template.name().to_owned(), own.name().to_owned());
    match until {
        Until::RolledBack => Keep::RollingBack { revision },
        Until::KnownWhoSent => Keep::SentBack { revision, own },
    }
}

/// A container that only the template's due revision has is judged by that one.
fn judged_by<'a>(track: &Track, own: &'a TaskDefinition, template: &Template<'a>) -> &'a TaskDefinition {
    let has = |it: &TaskDefinition| it.container(track.container.as_deref(), &track.repository).is_ok();
    match template {
        Template::Due(revision) if !has(own) && has(revision) => revision,
        _ => own,
    }
}
