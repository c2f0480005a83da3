//! ELBv2: which load balancer is in front of the tasks, and how it sees them.

use std::sync::PoisonError;

use aws_sdk_elasticloadbalancingv2::types::{TargetHealthReasonEnum, TargetHealthStateEnum};
use jiff::SignedDuration;
use pushboat::cloud::Answer;
use pushboat::model::TargetHealth;

use crate::client::Aws;
use crate::error::trouble;

/// What does not change while a target group belongs to a load balancer, or hardly ever.
#[derive(Debug, Clone)]
pub(crate) struct TargetGroup {
    pub(crate) balancer: String,
    /// How long a new target is checked at least before it gets requests.
    pub(crate) checks: SignedDuration,
}

impl Aws {
    /// `None` where no load balancer sends it anything.
    pub(crate) async fn target_group(&self, arn: &str) -> Answer<Option<TargetGroup>> {
        let known = self.target_groups.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let answer = self.elbv2.describe_target_groups().target_group_arns(arn).send().await;
        let answer = answer.map_err(|error| trouble("DescribeTargetGroups", arn, error))?;
        let found = answer.target_groups().iter().find_map(|group| {
            let interval = i64::from(group.health_check_interval_seconds().unwrap_or(0));
            let times = i64::from(group.healthy_threshold_count().unwrap_or(0));
            Some(TargetGroup {
                balancer: group.load_balancer_arns().first()?.clone(),
                checks: SignedDuration::from_secs(interval.saturating_mul(times)),
            })
        });
        if let Some(found) = &found {
            let mut known = self.target_groups.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(arn.to_owned(), found.clone());
        }
        Ok(found)
    }

    pub(crate) async fn find_target_health(&self, target_group_arns: &[String]) -> Answer<TargetHealth> {
        let mut health = TargetHealth::default();
        for arn in target_group_arns {
            let answer = self.elbv2.describe_target_health().target_group_arn(arn).send().await;
            let answer = answer.map_err(|error| trouble("DescribeTargetHealth", arn, error))?;
            for target in
                answer.target_health_descriptions().iter().filter_map(|target| target.target_health())
            {
                match target.state() {
                    Some(TargetHealthStateEnum::Draining) => continue,
                    Some(TargetHealthStateEnum::Healthy) => health.healthy += 1,
                    Some(TargetHealthStateEnum::Unhealthy) => {
                        let code = target.reason().map(TargetHealthReasonEnum::as_str);
                        let words = target.description().or(code).unwrap_or("a target is unhealthy");
                        let words = words.to_owned();
                        if !health.complaints.contains(&words) {
                            health.complaints.push(words);
                        }
                    }
                    _ => {}
                }
                health.registered += 1;
            }
        }
        Ok(health)
    }
}
