//! Taking over again what a person has deployed past Pushboat.

use super::{Done, Said, What, asked, request};
use crate::cloud::Cloud;
use crate::control::{Scope, Watch};
use crate::decision::{Action, Decision};
use crate::model::{Service, ServiceName};
use crate::others::{self, RESUME};

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

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    async fn take_over(&mut self, service: &Service, by: &str) -> Said {
        let own = self.cloud.task_definition(&service.task_definition_arn).await?;
        let Some(diverged) = others::may_have_diverged(service, &own) else {
            return Ok(What::new(Action::Kept, format!("{} has not diverged", own.name())));
        };
        self.cloud.tag(&service.arn, &others::resume(&own)).await?;
        let reason = format!("resumed by {by} with the tag {RESUME}; it was {diverged}");
        Ok(What { revision: Some(own.name().to_owned()), ..What::new(Action::Lifted, reason) })
    }
}
