//! ELBv2: how the load balancer sees the tasks.

use aws_sdk_elasticloadbalancingv2::types::{TargetHealthReasonEnum, TargetHealthStateEnum};
use pushboat::cloud::Answer;
use pushboat::model::TargetHealth;

use crate::client::Aws;
use crate::error::trouble;

impl Aws {
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
