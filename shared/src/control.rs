//! Observe, decide, act, and look once more: the way of every hint.
//!
//! Writes are absolute and few: one RegisterTaskDefinition and one UpdateService for a release, tags for a
//! rejection. Nothing is remembered between calls.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::cloud::{Answer, Cloud, CloudError, Reference};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::model::{Rollout, Service, ServiceName, Tags};
use crate::policy::{self, Track};
use crate::release::{self, Candidate, Keep, Noted, Precedent, Rejection, Verdict};
use crate::task_definition::TaskDefinition;

/// How often one call looks at a service again after its own write. A tag that moves faster than this is the
/// next hint's or the sweep's.
const LOOKS: u32 = 3;
/// A service may have 50 tags in all; from this many rejections on, those that are void make room.
const REJECTIONS: usize = 20;
/// On a failed revision: its failure has been written to the service, and when.
pub const NOTED: &str = "pushboat:rejected";
/// An invocation that overlaps with the one that wrote a rejection may have read the service before it. It lasts a
/// minute at most, and what is written is visible to everybody soon after.
const OVERLAP: SignedDuration = SignedDuration::from_secs(120);

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

/// Looks wherever the hint points and does what is due; `log` gets every decision as it falls.
pub async fn follow<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    hint: &Hint,
    log: &mut impl FnMut(Decision),
) -> Result<(), Unfinished> {
    let mut watch = Watch { cloud, scope, hint, log, looked_at: 0, failures: Vec::new() };
    match hint {
        Hint::Image { repository, .. } if !scope.repositories.contains(repository) => {
            watch.say(Action::Ignored, Keep::RepositoryNotAllowed(repository.clone()));
        }
        Hint::Service(name) if !scope.clusters.contains(&name.cluster) => {
            watch.say(
                Action::Ignored,
                format!("the cluster '{}' is not one of this installation", name.cluster),
            );
        }
        Hint::Service(name) => watch.named(name).await,
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
            Ok(tracks) => self.handle(service, &tracks).await,
            Err(error) => self.about(name, Action::Kept, error),
        }
    }

    async fn handle(&mut self, mut service: Service, tracks: &[Track]) {
        self.looked_at += 1;
        let name = service.name.clone();
        for look in 1..=LOOKS {
            let before = service.task_definition_arn.clone();
            let released = match self.look(&service, tracks).await {
                Ok(released) => released,
                Err(error) => return self.failed(Some(&name), error),
            };
            let Some(tagged) = released else { return };
            if look == LOOKS {
                return;
            }
            // Whoever writes last must have seen the newest state.
            service = match self.cloud.service(&name).await {
                Ok(Some(again)) => again,
                Ok(None) => return self.about(&name, Action::Kept, "the service is gone"),
                Err(error) => return self.failed(Some(&name), error),
            };
            if service.task_definition_arn == before {
                return self.about(&name, Action::Kept, Keep::NotVisibleYet { tagged });
            }
        }
    }

    /// One look at one service. Returns what was released, if anything was.
    async fn look(&mut self, service: &Service, tracks: &[Track]) -> Answer<Option<String>> {
        if let Err(keep) = release::may_be_touched(service) {
            self.about(&service.name, Action::Kept, keep);
            return Ok(None);
        }
        let definition = self.cloud.task_definition(&service.task_definition_arn).await?;
        let mut candidates = Vec::new();
        let mut history = None;
        for track in tracks {
            match self.judge(service, track, &definition, &mut history).await? {
                Verdict::Keep(keep) => self.kept(service, keep),
                Verdict::Reject(rejection) => self.reject(service, &rejection).await?,
                Verdict::Release(candidate) => candidates.push(candidate),
            }
        }
        if candidates.is_empty() {
            return Ok(None);
        }
        self.release(service, &definition, &candidates).await.map(Some)
    }

    async fn judge(
        &self,
        service: &Service,
        track: &Track,
        definition: &TaskDefinition,
        history: &mut Option<Vec<Rollout>>,
    ) -> Answer<Verdict> {
        if !self.scope.repositories.contains(&track.repository) {
            return Ok(Verdict::Keep(Keep::RepositoryNotAllowed(track.repository.clone())));
        }
        let Some(uri) = self.cloud.repository_uri(&track.repository).await? else {
            return Ok(Verdict::Keep(Keep::NoRepository(track.repository.clone())));
        };
        let image = self.cloud.image(&track.repository, &Reference::Tag(track.tag.clone())).await?;
        let candidate = match release::candidate(service, track, definition, &uri, image.as_ref()) {
            Ok(candidate) => candidate,
            Err(verdict) => return Ok(verdict),
        };
        // Only a candidate is worth the question what became of it before.
        let history = match history {
            Some(known) => known,
            None => history.insert(self.cloud.rollouts(&service.name).await?),
        };
        let precedent = release::precedent(service, &candidate, history);
        let noted = match &precedent {
            Precedent::Failed(rollout) => self.noted(&rollout.task_definition_arn).await?,
            _ => Noted::Never,
        };
        Ok(release::judge(candidate, precedent, noted))
    }

    /// Has the failure of this revision been written down before? A revision that can no longer be described carries
    /// no mark.
    async fn noted(&self, revision_arn: &str) -> Answer<Noted> {
        let definition = match self.cloud.task_definition(revision_arn).await {
            Ok(definition) => definition,
            Err(error) if error.retry_helps() => return Err(error),
            Err(_) => return Ok(Noted::Never),
        };
        let Some(value) = definition.tags.get(NOTED) else { return Ok(Noted::Never) };
        let at = value.split(' ').next().and_then(|at| at.parse::<Timestamp>().ok());
        Ok(match (at, self.cloud.now()) {
            (Some(at), Some(now)) if now.duration_since(at) > OVERLAP => Noted::LongAgo,
            _ => Noted::JustNow,
        })
    }

    /// The newest revision of the family, if it is this very document: an earlier try registered it and did not get
    /// to the service, or the owner has taken a rejection back.
    async fn registered_before(&self, document: &Map<String, Value>) -> Answer<Option<String>> {
        let family = document.get("family").and_then(Value::as_str).unwrap_or_default();
        match self.cloud.task_definition(family).await {
            Ok(newest) => Ok((newest.with_images(&[]) == *document).then_some(newest.arn)),
            Err(error) if error.retry_helps() => Err(error),
            Err(_) => Ok(None),
        }
    }

    async fn release(
        &mut self,
        service: &Service,
        definition: &TaskDefinition,
        candidates: &[Candidate],
    ) -> Answer<String> {
        let images: Vec<_> = candidates.iter().map(|c| (c.container.as_str(), c.image.as_str())).collect();
        let document = definition.with_images(&images);
        let mut tags = definition.tags_to_keep();
        let base = revision_name(&definition.arn).to_owned();
        tags.insert("pushboat:base".into(), base.clone());
        tags.insert("pushboat:cause".into(), policy::tag_value(&self.hint.to_string()));
        for candidate in candidates {
            tags.insert(
                format!("pushboat:image:{}", candidate.container),
                policy::tag_value(&candidate.tagged),
            );
        }
        let revision = match self.registered_before(&document).await? {
            Some(revision) => revision,
            None => self.cloud.register(&document, &tags).await?,
        };
        self.cloud.release(&service.name, &revision).await?;
        // What the load balancer says is for the reader of the log; a release does not fail for want of it.
        let health = self.cloud.target_health(&service.target_group_arns).await.unwrap_or_default();

        let tagged = candidates.iter().map(|c| c.tagged.as_str()).collect::<Vec<_>>().join(" and ");
        let from = candidates.iter().map(|c| c.replaces.as_str()).collect::<Vec<_>>().join(" and ");
        let reason = format!("{tagged} means another image now; the service ran {from}");
        let mut decision = self.decision(&service.name, Action::Released, reason).with_targets(&health);
        decision.digest = candidates.first().map(|c| c.digest.to_string());
        decision.revision = Some(revision_name(&revision).to_owned());
        decision.base = Some(base);
        (self.log)(decision);
        Ok(tagged)
    }

    /// The service first: a crash in between leaves a rejection that is written once more, never a lost one.
    async fn reject(&mut self, service: &Service, rejection: &Rejection) -> Answer<()> {
        let health = self.cloud.target_health(&service.target_group_arns).await.unwrap_or_default();
        let mut why = rejection.why.clone();
        for complaint in &health.complaints {
            why.push_str("; ");
            why.push_str(complaint);
        }
        let at = self.cloud.now().map(seconds).unwrap_or_default();
        let value = policy::tag_value(&format!("{at} {why}"));
        self.make_room(service).await?;
        let key = policy::rejection_key(&rejection.digest);
        self.cloud.tag(&service.arn, &Tags::from([(key, value.clone())])).await?;
        let noted = Tags::from([(NOTED.to_owned(), value)]);
        // A revision that is gone needs no mark.
        if let Err(error) = self.cloud.tag(&rejection.failed_revision_arn, &noted).await
            && error.retry_helps()
        {
            return Err(error);
        }

        let reason = format!("{} failed and does not return by itself: {why}", rejection.tagged);
        let mut decision = self.decision(&service.name, Action::Rejected, reason).with_targets(&health);
        decision.digest = Some(rejection.digest.to_string());
        decision.revision = Some(revision_name(&rejection.failed_revision_arn).to_owned());
        (self.log)(decision);
        Ok(())
    }

    /// Rejections of digests that every tracked repository has lost make room. Others stay: one that is gone would
    /// look like the owner's word that the digest may return.
    async fn make_room(&self, service: &Service) -> Answer<()> {
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

    fn kept(&mut self, service: &Service, keep: Keep) {
        let digest = match &keep {
            Keep::Current { digest, .. } | Keep::Rejected { digest, .. } => Some(digest.to_string()),
            _ => None,
        };
        let mut decision = self.decision(&service.name, Action::Kept, keep);
        decision.digest = digest;
        (self.log)(decision);
    }

    fn failed(&mut self, service: Option<&ServiceName>, error: CloudError) {
        let mut decision = Decision::new(Action::Failed, self.hint, &error);
        decision.service = service.map(ToString::to_string);
        decision.at = self.cloud.now().map(seconds);
        decision.retry = Some(error.retry_helps());
        self.looked_at += usize::from(service.is_none());
        self.failures.push(error);
        (self.log)(decision);
    }

    fn about(&mut self, service: &ServiceName, action: Action, reason: impl ToString) {
        let decision = self.decision(service, action, reason);
        (self.log)(decision);
    }

    fn say(&mut self, action: Action, reason: impl ToString) {
        let mut decision = Decision::new(action, self.hint, reason);
        decision.at = self.cloud.now().map(seconds);
        (self.log)(decision);
    }

    fn decision(&self, service: &ServiceName, action: Action, reason: impl ToString) -> Decision {
        let mut decision = Decision::new(action, self.hint, reason);
        decision.service = Some(service.to_string());
        decision.at = self.cloud.now().map(seconds);
        decision
    }
}

/// `family:revision` of an ARN.
fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
