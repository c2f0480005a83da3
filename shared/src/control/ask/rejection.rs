//! The owner's word that a rejected digest may return.

use super::{Done, Said, What, asked, request};
use crate::cloud::Cloud;
use crate::control::{Scope, Watch};
use crate::decision::{Action, Decision};
use crate::model::{Digest, Rollout, Service, ServiceName, Tags};
use crate::policy;
use crate::task_definition::NOTED;

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

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
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
}
