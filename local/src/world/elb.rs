//! Load balancers, listeners, target groups and the health of their targets, as ELBv2 keeps them. The proxy that
//! really serves requests lives in `balancer`; it reads this table and reports what it saw.
//!
//! | file | subject |
//! |---|---|
//! | `load_balancer` | create, delete, attributes |
//! | `listener` | create, delete: one HTTP listener for each load balancer |
//! | `target_group` | create, modify, delete |
//! | `target` | health and draining |
//! | `tag` | tags on all of them |

mod listener;
mod load_balancer;
mod tag;
mod target;
mod target_group;
#[cfg(test)]
mod tests;

pub use listener::{CreateListener, ListenerChange};
pub use load_balancer::CreateLoadBalancer;
pub use target::{ProbeFailure, Target, TargetState};
pub use target_group::CreateTargetGroup;

use std::collections::BTreeMap;

use super::{Refusal, Timestamp, World};

pub type Tags = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub struct Elb {
    pub load_balancers: Vec<LoadBalancer>,
    pub target_groups: Vec<TargetGroup>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LoadBalancer {
    pub arn: String,
    pub name: String,
    /// What a browser opens, host and port.
    pub dns_name: String,
    pub zones: Vec<AvailabilityZone>,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    /// Kept and shown: nothing is filtered here.
    pub security_groups: Vec<String>,
    pub created_at: Timestamp,
    pub deletion_protection: bool,
    pub listeners: Vec<Listener>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailabilityZone {
    pub name: String,
    pub subnet_id: Option<String>,
}

/// One listener that forwards everything to one target group.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    pub arn: String,
    /// As declared. Where it is really reached is the load balancer's `dns_name`.
    pub port: u16,
    pub target_group_arn: String,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    pub port: u16,
    pub vpc_id: Option<String>,
    pub health_check: HealthCheck,
    pub deregistration_delay_seconds: u32,
    pub targets: Vec<Target>,
    pub tags: Tags,
}

/// Fractions of a second are allowed so that a laptop need not wait as long as AWS makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheck {
    pub path: String,
    pub interval_seconds: f64,
    pub timeout_seconds: f64,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    /// Inclusive range of codes that count as healthy.
    pub matcher: (u16, u16),
}

/// What an Application Load Balancer does for an HTTP target group when nothing is said.
impl Default for HealthCheck {
    fn default() -> HealthCheck {
        HealthCheck {
            path: "/".into(),
            interval_seconds: 30.0,
            timeout_seconds: 5.0,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: (200, 200),
        }
    }
}

impl TargetGroup {
    pub fn target(&self, id: &str, port: u16) -> Option<&Target> {
        self.targets.iter().find(|it| it.id == id && it.port == port)
    }

    /// Where a request may go: the healthy targets; if every one is unhealthy, all of them ("fail open").
    pub fn routable(&self) -> Vec<&Target> {
        let in_state = |state| self.targets.iter().filter(move |it| it.state == state);
        let healthy: Vec<_> = in_state(TargetState::Healthy).collect();
        if healthy.is_empty() { in_state(TargetState::Unhealthy).collect() } else { healthy }
    }

    /// Which targets are health checked: all that are not leaving.
    pub fn probed(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|it| !it.is_draining())
    }

    pub fn draining(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|it| it.is_draining())
    }
}

impl Elb {
    fn target_group_mut(&mut self, arn: &str) -> Option<&mut TargetGroup> {
        self.target_groups.iter_mut().find(|it| it.arn == arn)
    }

    /// The load balancer whose listener forwards to the target group; ELB allows only one.
    pub fn load_balancer_of(&self, target_group_arn: &str) -> Option<&LoadBalancer> {
        let forwards = |it: &Listener| it.target_group_arn == target_group_arn;
        self.load_balancers.iter().find(|it| it.listeners.iter().any(forwards))
    }

    pub fn listeners(&self) -> impl Iterator<Item = (&LoadBalancer, &Listener)> {
        let of = |it| -> &LoadBalancer { it };
        self.load_balancers.iter().flat_map(move |it| it.listeners.iter().map(move |one| (of(it), one)))
    }
}

impl World {
    /// By ARN or name.
    pub fn find_load_balancer(&self, reference: &str) -> Result<&LoadBalancer, Refusal> {
        let mut all = self.elb.load_balancers.iter();
        all.find(|it| it.arn == reference || it.name == reference).ok_or_else(|| {
            let message = format!("One or more load balancers not found: {reference}");
            Refusal::new("LoadBalancerNotFound", message)
        })
    }

    /// By ARN or name.
    pub fn find_target_group(&self, reference: &str) -> Result<&TargetGroup, Refusal> {
        let mut all = self.elb.target_groups.iter();
        all.find(|it| it.arn == reference || it.name == reference).ok_or_else(|| {
            let message = format!("One or more target groups not found: {reference}");
            Refusal::new("TargetGroupNotFound", message)
        })
    }

    /// By ARN.
    pub fn find_listener(&self, arn: &str) -> Result<(&LoadBalancer, &Listener), Refusal> {
        self.elb.listeners().find(|(_, it)| it.arn == arn).ok_or_else(|| {
            Refusal::new("ListenerNotFound", format!("One or more listeners not found: {arn}"))
        })
    }

    /// ELB's resources end in 16 hex digits.
    fn short_id(&mut self) -> String {
        self.new_id()[..16].to_owned()
    }

    fn elb_arn(&self, resource: &str) -> String {
        self.arn("elasticloadbalancing", resource)
    }
}

/// 1 to 32 letters, digits and hyphens: load balancers and target groups.
fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    if name.len() > 32 {
        return Err(invalid(format!("The {what} name '{name}' cannot be longer than '32' characters")));
    }
    if name.is_empty() || !name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-') {
        return Err(invalid(format!(
            "The {what} name '{name}' must contain only letters, digits and hyphens, and at least one of them"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(invalid(format!("The {what} name '{name}' cannot begin or end with a hyphen(-)")));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
