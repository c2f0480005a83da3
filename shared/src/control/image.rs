//! Which image a track means, and whether it can run where it would go. The decisions are pure and stand in `rule`,
//! `preflight` and `scan`; here their questions are asked. Nothing is written.

use super::Watch;
use crate::base::{Found, Template};
use crate::cloud::{Answer, Cloud};
use crate::decision::Decision;
use crate::model::{Image, ImageKind, Service};
use crate::policy::{self, Track};
use crate::preflight::{self, Contents, Unfit, Wanted};
use crate::release::{Candidate, Keep};
use crate::rule::{Choice, How, Rule};
use crate::task_definition::TaskDefinition;

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// One question where the tag is named; the list of the repository where a rule has the choice.
    pub(super) async fn choose_image(&self, track: &Track) -> Answer<Result<Choice, Keep>> {
        let Track { repository, rule, .. } = track;
        if let Rule::Tag(tag) = rule {
            let image = self.image(repository, tag).await?;
            return Ok(by_name(image, format!("{repository}:{tag}"), tag));
        }
        let asking = self.shared.locks.lock(&format!("list {repository}")).await;
        let listing = self.shared.known.listing(self.cloud, repository).await?;
        drop(asking);
        let (repository, rule) = (repository.clone(), rule.clone());
        if !listing.is_complete {
            let listed = listing.images.len();
            return Ok(Err(Keep::TooManyImages { repository, rule, listed }));
        }
        Ok(rule.choose(&listing.images).ok_or(Keep::NoneFits { repository, rule }))
    }

    /// Those candidates that can run in a revision made from what it will be made from; of the others it is said why
    /// not.
    pub(super) async fn fit_to_run<'t>(
        &mut self,
        service: &Service,
        own: &TaskDefinition,
        template: &Template<'_>,
        candidates: Vec<Found<'t>>,
    ) -> Answer<Vec<Found<'t>>> {
        let wanted = preflight::wanted(&template.base(own).document);
        let mut fit = Vec::new();
        for (track, candidate) in candidates {
            match self.preflight(service, track, &candidate, wanted).await? {
                Ok(()) => fit.push((track, candidate)),
                Err(keep) => self.kept(service, keep),
            }
        }
        Ok(fit)
    }

    /// Why this candidate cannot run in a revision that asks for so much.
    pub(super) async fn preflight(
        &self,
        service: &Service,
        track: &Track,
        candidate: &Candidate,
        wanted: Wanted,
    ) -> Answer<Result<(), Keep>> {
        let Candidate { digest, .. } = candidate;
        let unfit = |why| {
            let (tagged, digest) = (candidate.named(), digest.clone());
            Ok(Err(Keep::Unfit { tagged, digest, why: Box::new(why) }))
        };
        if let Err(why) = preflight::registry(&service.arn, &candidate.image) {
            return unfit(why);
        }
        // The cloud remembers what a digest holds, so that many services on one image ask once.
        let asking = self.shared.locks.lock(&format!("contents {}@{digest}", track.repository)).await;
        let Some(manifest) = self.cloud.manifest(&track.repository, digest).await? else {
            return Ok(Err(Keep::NoImage(format!("{}@{digest}", track.repository))));
        };
        let contents = match preflight::contents(&manifest) {
            Ok(contents) => contents,
            Err(why) => return unfit(why),
        };
        let configured = match &contents {
            Contents::Image { config: Some(config) } => {
                self.cloud.image_config(&track.repository, config).await?
            }
            _ => None,
        };
        drop(asking);
        let configured = configured.as_ref().and_then(preflight::platform_of);
        if let Err(why) = preflight::platform(&contents, configured.as_ref(), wanted) {
            return unfit(why);
        }
        let allowed = match policy::max_severity(&service.tags) {
            Ok(Some(allowed)) => allowed,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return unfit(error.into()),
        };
        for scanned in preflight::scanned(digest, &contents, wanted) {
            let _asking = self.shared.locks.lock(&format!("scan {}@{scanned}", track.repository)).await;
            let scan = self.shared.known.scan(self.cloud, &track.repository, &scanned).await?;
            if let Err(why) = scan.within(allowed) {
                return unfit(Unfit::Scan(why));
            }
        }
        Ok(Ok(()))
    }
}

/// `tagged` is how people name it.
pub(super) fn by_name(image: Option<Image>, tagged: String, tag: &str) -> Result<Choice, Keep> {
    let Some(image) = image else { return Err(Keep::NoImage(tagged)) };
    let what = match &image.kind {
        ImageKind::Image => return Ok(Choice { image, tag: tag.to_owned(), how: How::ByName }),
        ImageKind::Archived => "in the registry's archive".to_owned(),
        ImageKind::About(subject) => format!("about {subject}"),
        ImageKind::Artifact(media_type) => format!("no image but {media_type}"),
    };
    Err(Keep::NotAnImage { tagged, what })
}
