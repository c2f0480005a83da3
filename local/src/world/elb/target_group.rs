//! Target groups: create, modify, delete. Targets come and go with the tasks of a service.

use super::{HealthCheck, Tags, TargetGroup, check_name, tag};
use crate::world::ecs::ServiceStatus;
use crate::world::{Refusal, World};

const DEFAULT_DEREGISTRATION_DELAY_SECONDS: u32 = 300;

#[derive(Debug, Clone, Default)]
pub struct CreateTargetGroup {
    pub name: String,
    pub port: u16,
    pub vpc_id: Option<String>,
    pub health_check: HealthCheck,
    pub tags: Tags,
}

impl World {
    /// Creating one that is there with the same settings returns it.
    pub fn create_target_group(&mut self, request: CreateTargetGroup) -> Result<TargetGroup, Refusal> {
        check_name("target group", &request.name)?;
        tag::check(&request.tags)?;
        if let Ok(existing) = self.find_target_group(&request.name) {
            let is_same = existing.port == request.port
                && existing.vpc_id == request.vpc_id
                && existing.health_check == request.health_check;
            return if is_same {
                Ok(existing.clone())
            } else {
                let message = format!(
                    "A target group with the same name '{}' exists, but with different settings",
                    request.name
                );
                Err(Refusal::new("DuplicateTargetGroupName", message))
            };
        }
        let id = self.short_id();
        let group = TargetGroup {
            arn: self.elb_arn(&format!("targetgroup/{}/{id}", request.name)),
            name: request.name,
            port: request.port,
            vpc_id: request.vpc_id,
            health_check: request.health_check,
            deregistration_delay_seconds: DEFAULT_DEREGISTRATION_DELAY_SECONDS,
            targets: Vec::new(),
            tags: request.tags,
        };
        self.elb.target_groups.push(group.clone());
        Ok(group)
    }

    /// What the targets have passed or failed so far stays as it is.
    pub fn set_health_check(&mut self, arn: &str, health_check: HealthCheck) -> Result<(), Refusal> {
        let arn = self.find_target_group(arn)?.arn.clone();
        if let Some(group) = self.elb.target_group_mut(&arn) {
            group.health_check = health_check;
        }
        Ok(())
    }

    /// For targets that begin to drain from now on.
    pub fn set_deregistration_delay(&mut self, arn: &str, seconds: u32) -> Result<(), Refusal> {
        let arn = self.find_target_group(arn)?.arn.clone();
        if let Some(group) = self.elb.target_group_mut(&arn) {
            group.deregistration_delay_seconds = seconds;
        }
        Ok(())
    }

    /// One that is not there is no error. AWS looks at listeners only, and leaves a service that uses the target
    /// group without a healthy task for good; that is refused here as well.
    pub fn delete_target_group(&mut self, arn: &str) -> Result<(), Refusal> {
        let in_use = |by: &str| {
            let message = format!("Target group '{arn}' is currently in use by {by}");
            Err(Refusal::new("ResourceInUse", message))
        };
        if self.elb.load_balancer_of(arn).is_some() {
            return in_use("a listener or a rule");
        }
        let mut services = self.ecs.services.iter().filter(|it| it.status != ServiceStatus::Inactive);
        let uses = |it: &crate::world::ecs::ServiceLoadBalancer| it.target_group_arn == arn;
        if let Some(service) = services.find(|it| it.load_balancers.iter().any(uses)) {
            return in_use(&format!("the service '{}'", service.arn));
        }
        self.elb.target_groups.retain(|it| it.arn != arn);
        Ok(())
    }
}
