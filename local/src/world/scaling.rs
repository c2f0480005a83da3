//! Application Auto Scaling: the scalable targets of ECS services, and nothing else of it. They are only recorded:
//! there are no scaling policies and no scheduled actions, so a target never changes a desired count.

use std::collections::BTreeMap;

use super::{Refusal, Timestamp, World};
use crate::world::ecs::ServiceStatus;

/// The one dimension there is here.
pub const DESIRED_COUNT: &str = "ecs:service:DesiredCount";

#[derive(Debug, Default)]
pub struct Scaling {
    pub targets: Vec<ScalableTarget>,
}

/// Between which counts an ECS service may be scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalableTarget {
    pub arn: String,
    /// `service/<cluster>/<service>`
    pub resource_id: String,
    pub min_capacity: u32,
    pub max_capacity: u32,
    pub role_arn: String,
    pub suspended: SuspendedState,
    pub created_at: Timestamp,
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SuspendedState {
    pub dynamic_scaling_in: bool,
    pub dynamic_scaling_out: bool,
    pub scheduled_scaling: bool,
}

/// What RegisterScalableTarget says; what it does not say stays as it is.
#[derive(Debug, Clone, Default)]
pub struct RegisterScalableTarget {
    pub resource_id: String,
    pub min_capacity: Option<i64>,
    pub max_capacity: Option<i64>,
    pub suspended: Option<SuspendedState>,
    pub tags: BTreeMap<String, String>,
}

impl World {
    /// Registers a target or changes the one that is there; its ARN.
    pub fn register_scalable_target(&mut self, request: RegisterScalableTarget) -> Result<String, Refusal> {
        self.check_scalable_service(&request.resource_id)?;
        let known = self.scaling.targets.iter().position(|it| it.resource_id == request.resource_id);
        let existing = known.map(|at| &self.scaling.targets[at]);
        if existing.is_some() && !request.tags.is_empty() {
            return Err(invalid(
                "The scalable target that you tried to tag already exists. To update tags on an existing scalable \
                 target, use the TagResource API.",
            ));
        }
        let min_capacity = capacity("MinCapacity", request.min_capacity, existing.map(|it| it.min_capacity))?;
        let max_capacity = capacity("MaxCapacity", request.max_capacity, existing.map(|it| it.max_capacity))?;
        if max_capacity < min_capacity {
            return Err(invalid(format!(
                "Maximum capacity cannot be less than minimum capacity: {max_capacity} < {min_capacity}"
            )));
        }
        let at = match known {
            Some(at) => at,
            None => {
                let id = self.new_id();
                let target = ScalableTarget {
                    arn: self.arn("application-autoscaling", &format!("scalable-target/0ec5{id}")),
                    resource_id: request.resource_id,
                    min_capacity,
                    max_capacity,
                    role_arn: self.scaling_role(),
                    suspended: SuspendedState::default(),
                    created_at: self.now,
                    tags: request.tags,
                };
                self.scaling.targets.push(target);
                self.scaling.targets.len() - 1
            }
        };
        let target = &mut self.scaling.targets[at];
        target.min_capacity = min_capacity;
        target.max_capacity = max_capacity;
        target.suspended = request.suspended.unwrap_or(target.suspended);
        Ok(target.arn.clone())
    }

    pub fn deregister_scalable_target(&mut self, resource_id: &str) -> Result<(), Refusal> {
        let targets = &mut self.scaling.targets;
        let at = targets.iter().position(|it| it.resource_id == resource_id).ok_or_else(|| {
            Refusal::new(
                "ObjectNotFoundException",
                format!(
                    "No scalable target found for service namespace: ecs, resource ID: {resource_id}, scalable \
                     dimension: {DESIRED_COUNT}"
                ),
            )
        })?;
        targets.remove(at);
        Ok(())
    }

    fn check_scalable_service(&self, resource_id: &str) -> Result<(), Refusal> {
        let ["service", cluster, service] = resource_id.split('/').collect::<Vec<_>>()[..] else {
            return Err(invalid("Unsupported service namespace, resource type or scalable dimension"));
        };
        let cluster_arn = self.find_cluster(Some(cluster)).ok().map(|cluster| &cluster.arn);
        let exists = self.ecs.services.iter().any(|it| {
            it.name == service && Some(&it.cluster_arn) == cluster_arn && it.status == ServiceStatus::Active
        });
        if exists { Ok(()) } else { Err(invalid(format!("ECS service doesn't exist: {resource_id}"))) }
    }

    /// The service-linked role: ECS takes no other, whatever a request names.
    fn scaling_role(&self) -> String {
        format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
             AWSServiceRoleForApplicationAutoScaling_ECSService",
            self.settings.account
        )
    }
}

/// A new target needs both capacities.
fn capacity(member: &str, given: Option<i64>, existing: Option<u32>) -> Result<u32, Refusal> {
    match given {
        Some(given) => u32::try_from(given)
            .ok()
            .filter(|it| i32::try_from(*it).is_ok())
            .ok_or_else(|| invalid(format!("{member} must be a number from 0 to {}: {given}", i32::MAX))),
        None => existing.ok_or_else(|| invalid(format!("{member} must be given for a new scalable target."))),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}
