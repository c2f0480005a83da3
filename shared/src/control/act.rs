//! What is written: releases, rejections, and the good document once more after a failure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::say::seconds;
use super::turn::May;
use super::{Looked, Watch};
use crate::base::{Found, Revisions};
use crate::cloud::{Answer, Cloud, Reference};
use crate::decision::{Action, Decision};
use crate::diagnosis::{Diagnosis, Remedy};
use crate::model::{Service, Tags, TargetHealth};
use crate::pace::Kind;
use crate::policy;
use crate::preflight;
use crate::release::{Cause, Keep, Rejection};
use crate::rollback;
use crate::task_definition::{
    ASKED, BASE, CAUSE, NOTED, TaskDefinition, family_and_number, released_as, revision_name,
};

/// A service may have 50 tags in all; from this many rejections on, those that are void make room.
pub(super) const REJECTIONS: usize = 20;

/// The revision that a service is to be told to run.
enum Chosen {
    Revision(String),
    /// The template has registered a newer one since this look began.
    Outrun(String),
    /// None is registered yet: others go first.
    Waits,
}

/// Why something does not return.
struct No {
    /// As the value of a tag.
    value: String,
    /// "failed and ", where it did.
    failed: &'static str,
    sentence: String,
    diagnosis: Option<Diagnosis>,
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// `document` is `base` with the images that are wanted.
    pub(super) async fn release(
        &mut self,
        service: &Service,
        revisions: &Revisions,
        base: &TaskDefinition,
        document: Map<String, Value>,
        candidates: &[Found<'_>],
    ) -> Answer<Looked> {
        if let Err(unfit) = preflight::document(&service.arn, &document) {
            self.kept(service, Keep::UnfitDocument(Box::new(unfit)));
            return Ok(Looked::Done);
        }
        let not_kept = self.keep_images(candidates).await?;
        // The template's own revision will do where it has the right images, and nobody's word has to stand on it. A mark
        // means that it was tried as it is.
        let asked_by = asked_by(candidates);
        let is_base = asked_by.is_none()
            && base.arn != revisions.own.arn
            && base.with_images(&[]) == document
            && !base.is_marked();
        let chosen = match is_base {
            true => Chosen::Revision(base.arn.clone()),
            false => {
                let mut tags = base.tags_to_keep();
                tags.insert(BASE.to_owned(), base.name().to_owned());
                tags.insert(CAUSE.to_owned(), policy::tag_value(&self.hint.to_string()));
                for (_, candidate) in candidates {
                    tags.insert(released_as(&candidate.container), policy::tag_value(&candidate.tagged));
                }
                // With the registration, so that no look in between takes it for a release that is out of date.
                if let Some(by) = asked_by {
                    let at = self.cloud.now().map(seconds).unwrap_or_default();
                    tags.insert(ASKED.to_owned(), policy::tag_value(&format!("{at} {by}")));
                }
                self.choose(revisions, base, &document, &tags).await?
            }
        };
        let revision = match chosen {
            Chosen::Revision(revision) => revision,
            Chosen::Outrun(revision) => {
                self.kept(service, Keep::NewerTemplate { revision });
                return Ok(Looked::Outrun);
            }
            Chosen::Waits => return Ok(Looked::Waits),
        };
        if self.may(Kind::Update).await == May::Later {
            return Ok(Looked::Waits);
        }
        self.cloud.release(&service.name, &revision).await?;
        self.went_well();
        // What the load balancer says is for the reader of the log; a release does not fail for want of it.
        let health = self.cloud.target_health(&service.target_group_arns).await.unwrap_or_default();

        let (mut reasons, what) = reasons(revisions, base, candidates);
        reasons.extend(not_kept);
        let mut decision =
            self.decision(&service.name, Action::Released, reasons.join("; ")).with_targets(&health);
        decision.digest = candidates.first().map(|(_, candidate)| candidate.digest.to_string());
        decision.revision = Some(revision_name(&revision).to_owned());
        decision.base = Some(base.name().to_owned());
        (self.log)(decision);
        Ok(Looked::Released { what })
    }

    /// An image in use must not expire when its tag moves on. A registry that refuses is no reason not to deploy.
    async fn keep_images(&self, candidates: &[Found<'_>]) -> Answer<Vec<String>> {
        let mut not_kept = Vec::new();
        for (track, candidate) in candidates.iter().filter(|(_, candidate)| !candidate.is_kept) {
            match self.keep_image(&track.repository, &candidate.digest).await {
                Ok(()) => {}
                Err(error) if error.retry_helps() => return Err(error),
                Err(error) => {
                    let tag = policy::deployed_tag(&candidate.digest);
                    not_kept.push(format!("it could not be tagged {tag}, so it may expire: {error}"))
                }
            }
        }
        Ok(not_kept)
    }

    /// The family's newest revision, if it is this very document from the same base (an earlier try registered it and
    /// did not get to the service), else a new one. A mark means that it did get there, and failed.
    async fn choose(
        &mut self,
        revisions: &Revisions,
        base: &TaskDefinition,
        document: &Map<String, Value>,
        tags: &Tags,
    ) -> Answer<Chosen> {
        let Some((family, _)) = family_and_number(&base.arn) else {
            return Ok(Chosen::Revision(self.cloud.register(document, tags).await?));
        };
        // Services of one family that are looked at together see what each has registered.
        let shared = self.shared;
        let _choosing = shared.locks.lock(family).await;
        let newest = loop {
            let newest = match self.cloud.task_definition(family).await {
                Ok(newest) => Some(newest),
                Err(error) if error.retry_helps() => return Err(error),
                Err(_) => None,
            };
            if let Some(newest) = &newest {
                // What nobody has asked for must not say so, nor the other way round.
                let is_as_asked = newest.tags.get(ASKED) == tags.get(ASKED);
                let is_this = newest.is_made_from(base) && !newest.is_marked() && is_as_asked;
                if is_this && newest.with_images(&[]) == *document {
                    return Ok(Chosen::Revision(newest.arn.clone()));
                }
                if newest.is_of_template() && number(newest) > number(revisions.newest()) {
                    return Ok(Chosen::Outrun(newest.name().to_owned()));
                }
            }
            match self.may(Kind::Register).await {
                May::Now => break newest,
                May::AfterAWait => {}
                May::Later => return Ok(Chosen::Waits),
            }
        };
        let registered = self.cloud.register(document, tags).await?;
        self.went_well();
        // An answer may be older than the one before it.
        let before = newest.iter().chain([revisions.newest()]).map(number).max().unwrap_or_default();
        if let Some(template) = self.slipped_in(family, before, &registered).await? {
            return Ok(Chosen::Outrun(template));
        }
        Ok(Chosen::Revision(registered))
    }

    /// What the template registered between the look at the newest revision and the one registered now. Released from
    /// an older base, that one would be newer than it and hide it for good.
    async fn slipped_in(&self, family: &str, before: u32, registered: &str) -> Answer<Option<String>> {
        let registered_number = family_and_number(registered).map_or(0, |(_, number)| number);
        if registered_number <= before + 1 {
            return Ok(None);
        }
        for arn in self.cloud.newest_revisions(family, before).await? {
            let is_between = family_and_number(&arn).is_some_and(|(_, number)| number < registered_number);
            if is_between && self.cloud.task_definition(&arn).await?.is_of_template() {
                return Ok(Some(revision_name(&arn).to_owned()));
            }
        }
        Ok(None)
    }

    pub(super) async fn reject_digest(&mut self, service: &Service, rejection: &Rejection) -> Answer<()> {
        let health = self.cloud.target_health(&service.target_group_arns).await.unwrap_or_default();
        let key = policy::rejection_key(&rejection.digest);
        let failed = (rejection.failed_revision_arn.as_str(), rejection.why.as_str());
        let no = self.explain(service, failed, &health, Remedy::RemoveTag(&key)).await;
        self.make_room(service).await?;
        let mark = (NOTED, no.value.clone());
        self.note(service, key, no.value, &rejection.failed_revision_arn, mark).await?;

        let reason = format!("{} {}does not return by itself: {}", rejection.tagged, no.failed, no.sentence);
        let mut decision = self.decision(&service.name, Action::Rejected, reason).with_targets(&health);
        decision.digest = Some(rejection.digest.to_string());
        decision.revision = Some(revision_name(&rejection.failed_revision_arn).to_owned());
        decision.diagnosis = no.diagnosis;
        (self.log)(decision);
        Ok(())
    }

    /// `revision` is the template's; what failed is that one or a copy of it.
    pub(super) async fn reject_template(
        &mut self,
        service: &Service,
        revision: &str,
        why: &str,
        failed_revision_arn: &str,
    ) -> Answer<()> {
        let health = self.cloud.target_health(&service.target_group_arns).await.unwrap_or_default();
        let remedy = Remedy::RemoveTag(policy::PASSED_OVER);
        let no = self.explain(service, (failed_revision_arn, why), &health, remedy).await;
        let value = policy::tag_value(&format!("{revision} {}", no.value));
        let mark = (policy::PASSED_OVER, no.value);
        self.note(service, policy::PASSED_OVER.to_owned(), value, failed_revision_arn, mark).await?;

        let reason =
            format!("the template's revision {revision} {}is not tried again: {}", no.failed, no.sentence);
        let mut decision = self.decision(&service.name, Action::Rejected, reason).with_targets(&health);
        decision.revision = Some(revision_name(failed_revision_arn).to_owned());
        decision.base = Some(revision.to_owned());
        decision.diagnosis = no.diagnosis;
        (self.log)(decision);
        Ok(())
    }

    /// What a person left did not fail, so there is nothing to diagnose.
    async fn explain(
        &self,
        service: &Service,
        failed: (&str, &str),
        health: &TargetHealth,
        remedy: Remedy<'_>,
    ) -> No {
        let (_, why) = failed;
        if why.starts_with(rollback::WORDS) {
            return No {
                value: self.as_tag_value(why),
                failed: "",
                sentence: why.to_owned(),
                diagnosis: None,
            };
        }
        let diagnosis = self.diagnose(service, failed, health, remedy).await;
        No {
            value: self.as_tag_value(&diagnosis.short),
            failed: "failed and ",
            sentence: diagnosis.sentence.clone(),
            diagnosis: Some(diagnosis),
        }
    }

    /// A rejection as a tag's value: when, and why in few words.
    pub(super) fn as_tag_value(&self, why: &str) -> String {
        let at = self.cloud.now().map(seconds).unwrap_or_default();
        policy::tag_value(&format!("{at} {why}"))
    }

    /// The service first: a crash in between leaves a rejection that is written once more, never a lost one.
    async fn note(
        &self,
        service: &Service,
        key: String,
        value: String,
        failed_revision_arn: &str,
        (mark_key, mark): (&str, String),
    ) -> Answer<()> {
        self.cloud.tag(&service.arn, &Tags::from([(key, value)])).await?;
        let mark = Tags::from([(mark_key.to_owned(), mark)]);
        match self.cloud.tag(failed_revision_arn, &mark).await {
            Err(error) if error.retry_helps() => Err(error),
            // A revision that is gone needs no mark.
            _ => Ok(()),
        }
    }

    /// Rejections of digests that every tracked repository has lost make room. Others stay: one that is gone would
    /// look like the owner's word that the digest may return.
    pub(super) async fn make_room(&self, service: &Service) -> Answer<()> {
        let rejections: Vec<_> = policy::rejections(&service.tags).collect();
        if rejections.len() < REJECTIONS {
            return Ok(());
        }
        let tracks = policy::tracks(&service.tags).unwrap_or_default();
        let mut gone = Vec::new();
        for digest in rejections {
            let mut exists = false;
            for track in &tracks {
                let reference = Reference::Digest(digest.clone());
                exists |= self.cloud.image(&track.repository, &reference).await?.is_some();
            }
            if !exists {
                gone.push(policy::rejection_key(&digest));
            }
        }
        match gone.is_empty() {
            true => Ok(()),
            false => self.cloud.untag(&service.arn, &gone).await,
        }
    }

    /// The running document becomes the family's newest once more. Nothing is deregistered.
    pub(super) async fn restore(&mut self, service: &Service, revisions: &Revisions) -> Answer<Looked> {
        let own = &revisions.own;
        let newest = revisions.newest().name().to_owned();
        let (document, tags) = (own.with_images(&[]), own.tags_to_restore());
        let revision = match self.choose(revisions, own, &document, &tags).await? {
            Chosen::Revision(revision) => revision,
            // The template's newer revision is the next look's.
            Chosen::Outrun(_) => return Ok(Looked::Done),
            Chosen::Waits => return Ok(Looked::Waits),
        };
        let reason = format!(
            "{newest} is not what should run, so {}, which runs, is registered once more: the newest revision of a \
             family is what a stack update may take",
            own.name()
        );
        let mut decision = self.decision(&service.name, Action::Restored, reason);
        decision.revision = Some(revision_name(&revision).to_owned());
        decision.base = Some(own.name().to_owned());
        (self.log)(decision);
        Ok(Looked::Done)
    }
}

fn asked_by<'c>(candidates: &'c [Found<'_>]) -> Option<&'c str> {
    candidates.iter().find_map(|(_, candidate)| match &candidate.cause {
        Cause::Asked { by } => Some(by.as_str()),
        _ => None,
    })
}

/// Why a release is made, and what it is of, for people.
pub(super) fn reasons(
    revisions: &Revisions,
    base: &TaskDefinition,
    candidates: &[Found<'_>],
) -> (Vec<String>, String) {
    let own = revisions.own.name();
    let (mut reasons, mut what) = (Vec::new(), Vec::new());
    let causes: BTreeSet<&Cause> = candidates.iter().map(|(_, candidate)| &candidate.cause).collect();
    for cause in causes {
        let these: Vec<_> = candidates.iter().map(|it| &it.1).filter(|it| it.cause == *cause).collect();
        let tagged: Vec<_> = these.iter().map(|candidate| candidate.tagged.as_str()).collect();
        let named: Vec<_> = these.iter().map(|candidate| candidate.named()).collect();
        let from: Vec<_> = these.iter().map(|candidate| candidate.replaces.as_str()).collect();
        let why = match cause {
            Cause::Moved => "means another image now".to_owned(),
            Cause::Returns => "ran before the stack's update and returns".to_owned(),
            Cause::Asked { by } => format!("was asked for by {by}"),
        };
        let (tagged, from) = (tagged.join(" and "), from.join(" and "));
        reasons.push(format!("{} {why}; the service ran {from}", named.join(" and ")));
        what.push(tagged);
    }
    if base.arn != revisions.own.arn {
        let name = base.name();
        reasons.push(format!("the template's revision {name} is newer than {own}, which the service ran"));
        what.push(name.to_owned());
    }
    (reasons, what.join(" with "))
}

fn number(definition: &TaskDefinition) -> u32 {
    family_and_number(&definition.arn).map_or(0, |(_, number)| number)
}
