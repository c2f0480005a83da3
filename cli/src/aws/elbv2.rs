//! Elastic Load Balancing: target groups with their attributes, and the load balancers in front.

use pushboat::checklist::balancer::{Asked, Matcher, TargetGroup};
use pushboat::checklist::network::LoadBalancer;
use pushboat::checklist::{Known, NotKnown};
use serde_json::Value;

use super::account::Account;
use super::ask::ELBV2;
use super::there;
use super::xml::{items, text};

const DELAY: &str = "deregistration_delay.timeout_seconds";

impl Account {
    pub(crate) async fn target_group(&self, arn: &str) -> Asked {
        Asked { arn: arn.to_owned(), group: self.find_target_group(arn).await }
    }

    async fn find_target_group(&self, arn: &str) -> Known<Option<TargetGroup>> {
        let answer = self.query(ELBV2, "DescribeTargetGroups", &[("TargetGroupArns.member.1", arn)]).await;
        let Some(answer) = there(answer, &["TargetGroupNotFound"])? else { return Ok(None) };
        let Some(found) = items(&answer, &["TargetGroups"]).first() else { return Ok(None) };
        let attributes = self.query(ELBV2, "DescribeTargetGroupAttributes", &[("TargetGroupArn", arn)]).await;
        Ok(Some(target_group(found, attributes.map_err(NotKnown::from).map(|it| delay(&it)))))
    }

    /// Those in front of a target group, with where they are.
    pub(crate) async fn load_balancers(&self, arns: &[String]) -> Known<Vec<LoadBalancer>> {
        let mut found = Vec::new();
        for arn in arns {
            let answer =
                self.query(ELBV2, "DescribeLoadBalancers", &[("LoadBalancerArns.member.1", arn)]).await;
            let Some(answer) = there(answer, &["LoadBalancerNotFound"])? else { continue };
            for one in items(&answer, &["LoadBalancers"]) {
                let zones = items(one, &["AvailabilityZones"]).iter();
                let subnets: Vec<String> =
                    zones.map(|it| text(it, "SubnetId")).filter(|it| !it.is_empty()).collect();
                // Of use only where security groups do not name each other.
                let cidrs = if subnets.is_empty() {
                    Vec::new()
                } else {
                    self.ranges(&subnets).await.unwrap_or_default()
                };
                let groups = items(one, &["SecurityGroups"]).iter();
                found.push(LoadBalancer {
                    name: text(one, "LoadBalancerName"),
                    security_groups: groups.filter_map(Value::as_str).map(str::to_owned).collect(),
                    cidrs,
                });
            }
        }
        Ok(found)
    }
}

pub(super) fn target_group(found: &Value, delay: Known<Option<u64>>) -> TargetGroup {
    let some = |value: String| (!value.is_empty()).then_some(value);
    let balancers = items(found, &["LoadBalancerArns"]).iter();
    TargetGroup {
        target_type: text(found, "TargetType"),
        protocol: text(found, "Protocol"),
        load_balancer_arns: balancers.filter_map(Value::as_str).map(str::to_owned).collect(),
        health_check_port: text(found, "HealthCheckPort"),
        health_check_path: some(text(found, "HealthCheckPath")),
        matcher: some(text(&found["Matcher"], "GrpcCode"))
            .map(Matcher::Grpc)
            .or_else(|| some(text(&found["Matcher"], "HttpCode")).map(Matcher::Http)),
        interval_seconds: text(found, "HealthCheckIntervalSeconds").parse().ok(),
        unhealthy_threshold: text(found, "UnhealthyThresholdCount").parse().ok(),
        deregistration_delay_seconds: delay,
    }
}

pub(super) fn delay(attributes: &Value) -> Option<u64> {
    let found = items(attributes, &["Attributes"]).iter().find(|it| text(it, "Key") == DELAY)?;
    text(found, "Value").parse().ok()
}
