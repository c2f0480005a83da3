//! Load balancers, target groups and the health of their targets, as ELBv2 keeps them. The proxy that really
//! serves requests lives in `balancer`; it reads this table and reports what it saw.

use jiff::SignedDuration;

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

impl ProbeFailure {
    /// ELB's `Reason`, as DescribeTargetHealth has it.
    pub fn code(&self) -> &'static str {
        match self {
            ProbeFailure::Timeout => "Target.Timeout",
            ProbeFailure::ResponseCodeMismatch(_) => "Target.ResponseCodeMismatch",
            ProbeFailure::FailedHealthChecks => "Target.FailedHealthChecks",
        }
    }

    /// ELB's `Description`.
    pub fn description(&self) -> String {
        match self {
            ProbeFailure::Timeout => "Request timed out".into(),
            ProbeFailure::ResponseCodeMismatch(status) => {
                format!("Health checks failed with these codes: [{status}]")
            }
            ProbeFailure::FailedHealthChecks => "Health checks failed".into(),
        }
    }
}

impl Target {
    fn new(id: &str, port: u16, zone: &str) -> Target {
        Target {
            id: id.into(),
            port,
            zone: zone.into(),
            state: TargetState::Initial,
            failure: None,
            consecutive_passes: 0,
            consecutive_failures: 0,
        }
    }

    pub fn is_draining(&self) -> bool {
        matches!(self.state, TargetState::Draining { .. })
    }

    fn probed(&mut self, outcome: Result<(), ProbeFailure>, health_check: &HealthCheck) {
        match outcome {
            Ok(()) => self.passed(health_check.healthy_threshold),
            Err(failure) => self.failed(failure, health_check.unhealthy_threshold),
        }
    }

    /// A new target is healthy after its first pass; only one that was unhealthy has to prove itself.
    fn passed(&mut self, healthy_threshold: u32) {
        self.consecutive_failures = 0;
        self.consecutive_passes += 1;
        let needed = match self.state {
            TargetState::Unhealthy => healthy_threshold,
            TargetState::Initial => 1,
            TargetState::Healthy | TargetState::Draining { .. } => return,
        };
        if self.consecutive_passes >= needed {
            self.state = TargetState::Healthy;
            self.failure = None;
        }
    }

    fn failed(&mut self, failure: ProbeFailure, unhealthy_threshold: u32) {
        self.consecutive_passes = 0;
        self.consecutive_failures += 1;
        match self.state {
            TargetState::Draining { .. } => {}
            TargetState::Unhealthy => self.failure = Some(failure),
            TargetState::Initial | TargetState::Healthy => {
                if self.consecutive_failures >= unhealthy_threshold {
                    self.state = TargetState::Unhealthy;
                    self.failure = Some(failure);
                }
            }
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

    pub(super) fn target(&self, target_group_arn: &str, id: &str, port: u16) -> Option<&Target> {
        self.target_groups.iter().find(|it| it.arn == target_group_arn)?.target(id, port)
    }

    /// Registering what is still draining takes it back, as new.
    pub(super) fn register(&mut self, target_group_arn: &str, id: &str, port: u16, zone: &str) {
        let Some(group) = self.target_group_mut(target_group_arn) else {
            return;
        };
        group.targets.retain(|it| (it.id.as_str(), it.port) != (id, port));
        group.targets.push(Target::new(id, port, zone));
    }

    pub(super) fn deregister(&mut self, target_group_arn: &str, id: &str, port: u16, now: Timestamp) {
        let Some(group) = self.target_group_mut(target_group_arn) else {
            return;
        };
        let until = now + SignedDuration::from_secs(i64::from(group.deregistration_delay_seconds));
        for target in group.targets.iter_mut().filter(|it| it.id == id && it.port == port) {
            if !target.is_draining() {
                target.state = TargetState::Draining { until };
            }
        }
    }
}

impl World {
    /// Draining ends when its time is over.
    pub(super) fn advance_elb(&mut self) {
        let now = self.now;
        for group in &mut self.elb.target_groups {
            group.targets.retain(|it| !matches!(it.state, TargetState::Draining { until } if until <= now));
        }
    }

    pub(super) fn next_elb_wake(&self) -> Option<Timestamp> {
        let targets = self.elb.target_groups.iter().flat_map(|it| &it.targets);
        targets
            .filter_map(|it| match it.state {
                TargetState::Draining { until } => Some(until),
                _ => None,
            })
            .filter(|until| *until > self.now)
            .min()
    }

    pub(super) fn target_probed(
        &mut self,
        target_group_arn: &str,
        id: &str,
        port: u16,
        outcome: Result<(), ProbeFailure>,
    ) {
        let Some(group) = self.elb.target_group_mut(target_group_arn) else {
            return;
        };
        let target = group.targets.iter_mut().find(|it| it.id == id && it.port == port);
        if let Some(target) = target {
            target.probed(outcome, &group.health_check);
        }
    }

    pub(super) fn target_idle(&mut self, target_group_arn: &str, id: &str, port: u16) {
        if let Some(group) = self.elb.target_group_mut(target_group_arn) {
            group.targets.retain(|it| !(it.is_draining() && it.id == id && it.port == port));
        }
    }

    /// Creates a load balancer with one HTTP listener in front of one target group, and returns both ARNs
    /// (load balancer, target group). The target group has the load balancer's name.
    pub fn create_load_balancer(
        &mut self,
        name: &str,
        dns_name: &str,
        port: u16,
        health_check: HealthCheck,
        deregistration_delay_seconds: u32,
    ) -> Result<(String, String), Refusal> {
        check_name(name)?;
        if self.find_load_balancer(name).is_ok() {
            let message =
                format!("A load balancer with the same name '{name}' exists, but with different settings");
            return Err(Refusal::new("DuplicateLoadBalancerName", message));
        }
        let (lb_id, group_id, listener_id) = (self.short_id(), self.short_id(), self.short_id());
        let elb_arn = |resource: String| self.arn("elasticloadbalancing", &resource);
        let arn = elb_arn(format!("loadbalancer/app/{name}/{lb_id}"));
        let target_group_arn = elb_arn(format!("targetgroup/{name}/{group_id}"));
        let listener_arn = elb_arn(format!("listener/app/{name}/{lb_id}/{listener_id}"));
        self.elb.load_balancers.push(LoadBalancer {
            arn: arn.clone(),
            name: name.into(),
            dns_name: dns_name.into(),
            zones: self.settings.zones.clone(),
            created_at: self.now,
            listeners: vec![Listener { arn: listener_arn, port, target_group_arn: target_group_arn.clone() }],
        });
        self.elb.target_groups.push(TargetGroup {
            arn: target_group_arn.clone(),
            name: name.into(),
            port,
            load_balancer_arns: vec![arn.clone()],
            health_check,
            deregistration_delay_seconds,
            targets: Vec::new(),
        });
        Ok((arn, target_group_arn))
    }

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

    /// The target group behind the listener on this port.
    pub fn target_group_of_listener(&self, port: u16) -> Option<&TargetGroup> {
        let mut listeners = self.elb.load_balancers.iter().flat_map(|it| &it.listeners);
        let listener = listeners.find(|it| it.port == port)?;
        self.find_target_group(&listener.target_group_arn).ok()
    }

    /// ELB's resources end in 16 hex digits.
    fn short_id(&mut self) -> String {
        self.new_id()[..16].to_owned()
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let well_formed = (1..=32).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if well_formed {
        return Ok(());
    }
    let message = format!(
        "The load balancer name '{name}' must have 1 to 32 letters, digits or hyphens and not begin or end with a hyphen"
    );
    Err(Refusal::new("ValidationError", message))
}

#[cfg(test)]
mod tests;
