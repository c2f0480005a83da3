//! Letting a deployment go on that waits at a hook.

use super::{Done, Said, Undone, What, asked, request};
use crate::cloud::Cloud;
use crate::control::{Scope, Watch};
use crate::decision::{Action, Decision};
use crate::model::{Outcome, ServiceName};
use crate::native;
use crate::task_definition::revision_name;

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

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
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
