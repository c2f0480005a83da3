//! The service deployments of a service: what they were for, what became of them, and how far one is.

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{self as sdk, CreatedAt, ServiceDeploymentStatus};
use pushboat::Timestamp;
use pushboat::cloud::Answer;
use pushboat::model::{Outcome, Pause, Progress, Rollout, RolloutImage, ServiceName};

use crate::client::Aws;
use crate::error::trouble;
use crate::time::moment;

/// How far back a roll-out of the same digest is looked for. DescribeServiceRevisions takes twenty at a time.
const ROLLOUTS: i32 = 20;

impl Aws {
    /// The latest that began before this moment, newest first; and whether there are older ones.
    pub async fn rollouts_before(
        &self,
        service: &ServiceName,
        before: Option<Timestamp>,
    ) -> Answer<(Vec<Rollout>, bool)> {
        let subject = service.to_string();
        let request = self.ecs.list_service_deployments().cluster(&service.cluster).service(&service.service);
        let before = before.map(|it| DateTime::from_nanos(it.as_nanosecond())).and_then(Result::ok);
        let created = before.map(|before| CreatedAt::builder().before(before).build());
        let answer = request.set_created_at(created).max_results(ROLLOUTS).send().await;
        let answer = answer.map_err(|error| trouble("ListServiceDeployments", &subject, error))?;
        let mut briefs = answer.service_deployments().to_vec();
        briefs.sort_by_key(|brief| {
            std::cmp::Reverse(brief.created_at().map(|at| (at.secs(), at.subsec_nanos())))
        });
        let mut targets: Vec<_> = briefs
            .iter()
            .filter_map(|brief| brief.target_service_revision_arn().map(str::to_owned))
            .collect();
        targets.sort();
        targets.dedup();
        if targets.is_empty() {
            return Ok((Vec::new(), false));
        }
        let is_more = answer.next_token().is_some();
        let request = self.ecs.describe_service_revisions().set_service_revision_arns(Some(targets));
        let answer = request.send().await;
        let answer = answer.map_err(|error| trouble("DescribeServiceRevisions", &subject, error))?;
        let found = briefs.iter().filter_map(|brief| rollout(brief, answer.service_revisions()));
        Ok((found.collect(), is_more))
    }
}

fn rollout(brief: &sdk::ServiceDeploymentBrief, revisions: &[sdk::ServiceRevision]) -> Option<Rollout> {
    let target = brief.target_service_revision_arn();
    let revision = revisions.iter().find(|revision| revision.service_revision_arn() == target)?;
    let images = revision.container_images().iter().map(|image| RolloutImage {
        container: image.container_name().unwrap_or_default().to_owned(),
        image: image.image().unwrap_or_default().to_owned(),
        digest: image.image_digest().and_then(|digest| digest.parse().ok()),
    });
    let outcome = match brief.status() {
        Some(ServiceDeploymentStatus::Successful) => Outcome::Successful,
        Some(
            ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed,
        ) => Outcome::RolledBack,
        Some(ServiceDeploymentStatus::Stopped | ServiceDeploymentStatus::StopRequested) => Outcome::Stopped,
        _ => Outcome::UnderWay,
    };
    let unsaid = if outcome == Outcome::RolledBack { "its deployment was rolled back" } else { "" };
    Some(Rollout {
        arn: brief.service_deployment_arn()?.to_owned(),
        outcome,
        reason: brief.status_reason().unwrap_or(unsaid).to_owned(),
        task_definition_arn: revision.task_definition().unwrap_or_default().to_owned(),
        images: images.collect(),
        created_at: brief.created_at().and_then(moment),
        finished_at: brief.finished_at().and_then(moment),
    })
}

pub(crate) fn progress(found: &sdk::ServiceDeployment) -> Progress {
    let waits = |hook: &&sdk::DeploymentLifecycleHookDetail| {
        hook.status() == Some(&sdk::DeploymentLifecycleHookStatus::AwaitingAction)
    };
    let pause = |hook: &sdk::DeploymentLifecycleHookDetail| {
        Some(Pause {
            hook_id: hook.hook_id()?.to_owned(),
            until: hook.expires_at().and_then(moment),
            then: hook.timeout_action().map(|action| action.as_str().to_owned()),
        })
    };
    Progress {
        stage: found.lifecycle_stage().map(|stage| stage.as_str().to_owned()),
        pauses: found.lifecycle_hook_details().iter().filter(waits).filter_map(pause).collect(),
    }
}
