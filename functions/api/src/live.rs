//! What goes on in services at this moment: in which zones their tasks are, what was decided last, and how far the deployment
//! of a native strategy is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pushboat::cloud::{Answer, Cloud};
use pushboat::history::last_decisions;
use pushboat::model::{Outcome, Progress, Service, ServiceName};
use pushboat::overview::{Live, Zones};
use pushboat::{SignedDuration, Timestamp, native};
use pushboat_aws::{Aws, Settings};
use serde_json::Value;

/// Each service is looked at once a minute.
const LOOKS: SignedDuration = SignedDuration::from_mins(3);
/// The log is only asked for what went on lately, and is no reason to wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// Of one cluster, or of one service in it.
pub(crate) struct Cluster {
    zones: Result<BTreeMap<String, Zones>, String>,
    lines: Result<Vec<(Timestamp, Value)>, String>,
}

impl Cluster {
    /// `about` is one service, or `*`.
    pub(crate) async fn look(aws: &Aws, about: &ServiceName) -> Cluster {
        let only = Some(about).filter(|it| it.service != "*");
        let (zones, lines) =
            tokio::join!(aws.tasks_in_zones(&about.cluster, only), lines_of_the_last_minutes(aws, about));
        let zones = match zones {
            Ok(Some(zones)) => Ok(zones),
            Ok(None) => Err(format!("{} has too many tasks to say in which zones they are", about.cluster)),
            Err(error) => Err(error.to_string()),
        };
        Cluster { zones, lines }
    }

    pub(crate) fn live(&self, service: &ServiceName) -> Live {
        let zones = self.zones.as_ref().map(|zones| zones.get(&service.service).cloned().unwrap_or_default());
        let last_decisions = self.lines.as_ref().map(|lines| last_decisions(lines, service));
        Live {
            zones: zones.map_err(String::clone),
            progress: Ok(None),
            last_decisions: last_decisions.map_err(String::clone),
        }
    }
}

async fn lines_of_the_last_minutes(
    aws: &Aws,
    about: &ServiceName,
) -> Result<Vec<(Timestamp, Value)>, String> {
    let groups = Settings::log_groups_from_env();
    let Some(now) = aws.now().filter(|_| !groups.is_empty()) else {
        return Err(
            "the last decisions are not shown: PUSHBOAT_LOG_GROUPS does not say where they are".to_owned()
        );
    };
    let between = (now - LOOKS, now + SignedDuration::from_mins(1));
    let found = aws.lines_about(&groups, about, between, Instant::now() + PATIENCE).await;
    let found = found.map_err(|error| format!("the last decisions are not shown: {error}"))?;
    found.ok_or_else(|| "the last decisions are not shown: the log could not be searched in time".to_owned())
}

/// Of a native strategy ECS says no state in the service; its newest service deployment has one, and a stage.
pub(crate) async fn told(aws: &Aws, service: &Service) -> (Service, Result<Option<Progress>, String>) {
    if !native::is_silent(service) {
        return (service.clone(), Ok(None));
    }
    match stage(aws, service).await {
        Ok((service, progress)) => (service, Ok(progress)),
        Err(error) => (service.clone(), Err(error.to_string())),
    }
}

async fn stage(aws: &Aws, service: &Service) -> Answer<(Service, Option<Progress>)> {
    let rollouts = aws.rollouts(&service.name).await?;
    let told = native::told(service.clone(), &rollouts);
    let under_way = rollouts.first().filter(|newest| newest.outcome == Outcome::UnderWay);
    let progress = match under_way {
        Some(newest) => aws.progress(&newest.arn).await?,
        None => None,
    };
    Ok((told, progress))
}
