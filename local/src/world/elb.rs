//! Load balancers, target groups and the health of their targets, as ELBv2 keeps them. The proxy that really
//! serves requests lives in `balancer`; it reads this table and reports what it saw.

use super::{Refusal, Timestamp, World};

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
    pub zones: Vec<String>,
    pub created_at: Timestamp,
    pub listeners: Vec<Listener>,
}

/// One listener that forwards everything to one target group.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    pub arn: String,
    pub port: u16,
    pub target_group_arn: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    pub port: u16,
    pub load_balancer_arns: Vec<String>,
    pub health_check: HealthCheck,
    pub deregistration_delay_seconds: u32,
    pub targets: Vec<Target>,
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

#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The address, as ip targets have it.
    pub id: String,
    pub port: u16,
    pub zone: String,
    pub state: TargetState,
    /// Why it is not healthy, in ELB's words.
    pub failure: Option<ProbeFailure>,
    consecutive_passes: u32,
    consecutive_failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Registered, not yet judged.
    Initial,
    Healthy,
    Unhealthy,
    /// Deregistered: finishes what it has, gets nothing new, is gone at `until`.
    Draining {
        until: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeFailure {
    Timeout,
    ResponseCodeMismatch(u16),
    FailedHealthChecks,
}

impl World {
    pub(super) fn advance_elb(&mut self) {}
    pub(super) fn target_probed(
        &mut self,
        _tg: &str,
        _id: &str,
        _port: u16,
        _outcome: Result<(), ProbeFailure>,
    ) {
    }
    pub(super) fn target_idle(&mut self, _tg: &str, _id: &str, _port: u16) {}

    /// Creates a load balancer with one HTTP listener in front of one target group, and returns both ARNs
    /// (load balancer, target group).
    pub fn create_load_balancer(
        &mut self,
        _name: &str,
        _dns_name: &str,
        _port: u16,
        _health_check: HealthCheck,
        _deregistration_delay_seconds: u32,
    ) -> Result<(String, String), Refusal> {
        Err(Refusal::new("NotBuilt", "helper"))
    }
}
