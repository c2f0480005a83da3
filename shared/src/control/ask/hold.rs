//! Withholding releases, of one service or of all services of a cluster, and lifting that again.

use super::{Done, Said, Undone, What, asked, request};
use crate::cloud::Cloud;
use crate::control::{Scope, Watch};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::hold::{HOLD, Wanted};
use crate::model::{ServiceName, Tags};

/// Withholds releases of one service. A later hold takes the place of an earlier one.
pub async fn hold<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    wanted: &Wanted,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, &wanted.by), log, async |watch| {
        let (found, _) = watch.asked_about(service).await?;
        let done = watch.put_hold(&found.arn, wanted).await;
        watch.tell(service, done)
    })
    .await
}

/// Lifts the hold of one service, and looks at once what is due.
pub async fn unhold<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, tracks) = watch.asked_about(service).await?;
        let done = watch.lift_hold(&found.arn, &found.tags, by).await;
        watch.tell(service, done)?;
        watch.go_on(service, &tracks).await
    })
    .await
}

/// Withholds releases of every service of a cluster. It is no service's, so it is not announced: the log has it.
pub async fn hold_cluster<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    cluster: &str,
    wanted: &Wanted,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &about(cluster, &wanted.by), log, async |watch| {
        let (arn, _) = watch.asked_about_cluster(cluster).await?;
        let What { action, reason, .. } = watch.put_hold(&arn, wanted).await?;
        watch.say(action, format!("the cluster {cluster}: {reason}"));
        Ok(())
    })
    .await
}

/// What is due then is the next sweep's.
pub async fn unhold_cluster<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    cluster: &str,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &about(cluster, by), log, async |watch| {
        let (arn, tags) = watch.asked_about_cluster(cluster).await?;
        let What { action, reason, .. } = watch.lift_hold(&arn, &tags, by).await?;
        watch.say(action, format!("the cluster {cluster}: {reason}"));
        Ok(())
    })
    .await
}

fn about(cluster: &str, by: &str) -> Hint {
    Hint::Cluster { cluster: cluster.to_owned(), by: by.to_owned() }
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    async fn asked_about_cluster(&mut self, cluster: &str) -> Result<(String, Tags), Undone> {
        let is_allowed = self.scope.clusters.iter().any(|allowed| allowed == cluster);
        let found = if is_allowed { self.cloud.cluster(cluster).await? } else { None };
        let found = found.ok_or_else(|| Undone::NotAllowed(cluster.to_owned()))?;
        Ok((found.arn, found.tags))
    }

    async fn put_hold(&mut self, arn: &str, wanted: &Wanted) -> Said {
        let hold = wanted.at(self.cloud.now())?;
        self.cloud.tag(arn, &Tags::from([(HOLD.to_owned(), hold.value())])).await?;
        Ok(What::new(Action::Held, hold))
    }

    async fn lift_hold(&mut self, arn: &str, tags: &Tags, by: &str) -> Said {
        let Some(value) = tags.get(HOLD) else { return Ok(What::new(Action::Kept, "there is no hold")) };
        self.cloud.untag(arn, &[HOLD.to_owned()]).await?;
        Ok(What::new(Action::Lifted, format!("the hold was lifted by {by}; it was: {value}")))
    }
}
