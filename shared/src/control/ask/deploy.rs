//! Deploying a named image: another than the rule means, until the next push or until somebody resumes.

use super::{Done, Undone, What, asked, request};
use crate::base::Revisions;
use crate::cloud::{Answer, Cloud, Reference};
use crate::control::look::History;
use crate::control::{Looked, Scope, Watch, image};
use crate::decision::{Action, Decision};
use crate::hold;
use crate::model::{Service, ServiceName};
use crate::native;
use crate::policy::Track;
use crate::preflight;
use crate::release::{self, Cause, Keep, Verdict};
use crate::task_definition::{ASKED, NOTED, TaskDefinition};

/// What a person wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub image: Reference,
    /// Of the containers that are followed; none need be named where there is one.
    pub container: Option<String>,
}

/// Releases this image of the repository that is followed, with all that a release asks for: not rejected, able to run
/// there, and nothing that withholds it.
pub async fn deploy<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    wanted: &Wanted,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, tracks) = watch.asked_about(service).await?;
        match watch.deploy(&found, &tracks, wanted, by).await {
            Ok(None) => Ok(()),
            Ok(Some(already)) => watch.tell(service, Ok(What::new(Action::Kept, already))),
            Err(undone) => watch.tell(service, Err(undone)),
        }
    })
    .await
}

fn refused(why: impl ToString) -> Undone {
    Undone::Refused(why.to_string())
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// `Some`: it is so already. Else the log has the release.
    async fn deploy(
        &mut self,
        service: &Service,
        tracks: &[Track],
        wanted: &Wanted,
        by: &str,
    ) -> Result<Option<Keep>, Undone> {
        let track = meant(tracks, wanted.container.as_deref())?;
        let mut history = History::default();
        let service = &native::told(service.clone(), history.read(self.cloud, service).await?);
        let revisions = self.revisions(service).await?;
        let template = self.template(service, tracks, &revisions, &mut history).await?;
        if !self.scope.repositories.contains(&track.repository) {
            return Err(refused(Keep::RepositoryNotAllowed(track.repository.clone())));
        }
        let Some(uri) = self.repository_uri(&track.repository).await? else {
            return Err(refused(Keep::NoRepository(track.repository.clone())));
        };
        let named = named(&track.repository, &wanted.image);
        let found = self.cloud.image(&track.repository, &wanted.image).await?;
        let tag = match &wanted.image {
            Reference::Tag(tag) => tag.as_str(),
            Reference::Digest(digest) => digest.as_str(),
        };
        let choice = image::by_name(found, named.clone(), tag);
        let mut candidate = match release::candidate(service, track, &revisions.own, &uri, choice) {
            Ok(candidate) => candidate,
            Err(Verdict::Keep(keep @ Keep::Current { .. })) => return Ok(Some(keep)),
            Err(Verdict::Keep(keep)) => return Err(refused(keep)),
            Err(_) => return Err(refused(format!("{named} has just failed here"))),
        };
        candidate.tagged.clone_from(&named);
        let followed = self.choose_image(track).await?;
        // What is followed anyway needs nobody's word to stay.
        if !followed.is_ok_and(|choice| choice.image.digest == candidate.digest) {
            candidate.cause = Cause::Asked { by: hold::one_word(by) };
        }
        // What the template has changed goes along: made from an older revision, this one would be newer than the template's
        // and hide it for good.
        let base = template.base(&revisions.own);
        base.container(track.container.as_deref(), &track.repository)
            .map_err(|error| refused(Keep::from(error)))?;
        let fits = preflight::wanted(&base.document);
        if let Err(keep) = self.preflight(service, track, &candidate, fits).await? {
            return Err(refused(keep));
        }
        let found = [(track, candidate)];
        if let Some(keep) = self.withheld(service, &template, &found, &mut history).await? {
            return Err(refused(keep));
        }
        let document = self.document(service, &revisions, base, tracks, &found, &mut history).await?;
        match self.release(service, &revisions, base, document, &found).await? {
            Looked::Released { .. } => Ok(None),
            Looked::Waits => Err(refused("other releases go first; ask again in a minute")),
            Looked::Done | Looked::Outrun => Err(refused("it was not released; the decision log says why")),
        }
    }
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// What somebody asked for and ECS has gone back from does not return by itself either, and he learns why.
    pub(in crate::control) async fn reject_asked(
        &mut self,
        service: &Service,
        tracks: &[Track],
        revisions: &Revisions,
        history: &mut History,
    ) -> Answer<()> {
        let is_open = |it: &&TaskDefinition| it.tags.contains_key(ASKED) && !it.tags.contains_key(NOTED);
        for asked in revisions.newer.iter().filter(is_open) {
            let history = history.read(self.cloud, service).await?;
            let failed = release::asked_and_failed(service, &self.allowed(tracks), asked, history);
            if let Some(rejection) = failed {
                self.reject_digest(service, &rejection).await?;
            }
        }
        Ok(())
    }
}

/// `<repository>:<tag>` or `<repository>@<digest>`.
fn named(repository: &str, image: &Reference) -> String {
    match image {
        Reference::Tag(tag) => format!("{repository}:{tag}"),
        Reference::Digest(digest) => format!("{repository}@{digest}"),
    }
}

fn meant<'t>(tracks: &'t [Track], container: Option<&str>) -> Result<&'t Track, Undone> {
    let names = || {
        let names = tracks.iter().map(|track| track.container.as_deref().unwrap_or("the one without a name"));
        names.collect::<Vec<_>>().join(", ")
    };
    match (container, tracks) {
        (None, [only]) => Ok(only),
        (None, _) => {
            // The service's main container has no name in its tag.
            let main = tracks.iter().find(|track| track.container.is_none());
            main.ok_or_else(|| refused(format!("say which container: {}", names())))
        }
        (Some(name), _) => {
            let found = tracks.iter().find(|track| track.container.as_deref() == Some(name));
            found.ok_or_else(|| {
                refused(format!("no container '{name}' is followed here; there are: {}", names()))
            })
        }
    }
}
