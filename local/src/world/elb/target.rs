//! The targets of a target group: registered by ECS, judged by health checks, drained before they go.

use jiff::SignedDuration;

use super::{Elb, HealthCheck};
use crate::world::{Timestamp, World};

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

impl Elb {
    pub(in crate::world) fn target(&self, target_group_arn: &str, id: &str, port: u16) -> Option<&Target> {
        self.target_groups.iter().find(|it| it.arn == target_group_arn)?.target(id, port)
    }

    /// Registering what is still draining takes it back, as new.
    pub(in crate::world) fn register(&mut self, target_group_arn: &str, id: &str, port: u16, zone: &str) {
        let Some(group) = self.target_group_mut(target_group_arn) else {
            return;
        };
        group.targets.retain(|it| (it.id.as_str(), it.port) != (id, port));
        group.targets.push(Target::new(id, port, zone));
    }

    /// Where no listener leads to the target group there are no requests to wait for.
    pub(in crate::world) fn deregister(
        &mut self,
        target_group_arn: &str,
        id: &str,
        port: u16,
        now: Timestamp,
    ) {
        let is_in_use = self.load_balancer_of(target_group_arn).is_some();
        let Some(group) = self.target_group_mut(target_group_arn) else {
            return;
        };
        if !is_in_use {
            group.targets.retain(|it| (it.id.as_str(), it.port) != (id, port));
            return;
        }
        let until = now + SignedDuration::from_secs(i64::from(group.deregistration_delay_seconds));
        for target in group.targets.iter_mut().filter(|it| it.id == id && it.port == port) {
            if !target.is_draining() {
                target.state = TargetState::Draining { until };
            }
        }
    }

    /// The last listener is gone: nobody checks the targets any more, and nothing is left to drain.
    pub(super) fn out_of_use(&mut self, target_group_arn: &str) {
        if let Some(group) = self.target_group_mut(target_group_arn) {
            group.targets.retain(|it| !it.is_draining());
            for target in &mut group.targets {
                *target = Target::new(&target.id, target.port, &target.zone);
            }
        }
    }
}

impl World {
    /// Draining ends when its time is over.
    pub(in crate::world) fn advance_elb(&mut self) {
        let now = self.now;
        for group in &mut self.elb.target_groups {
            group.targets.retain(|it| !matches!(it.state, TargetState::Draining { until } if until <= now));
        }
    }

    pub(in crate::world) fn next_elb_wake(&self) -> Option<Timestamp> {
        let targets = self.elb.target_groups.iter().flat_map(|it| &it.targets);
        targets
            .filter_map(|it| match it.state {
                TargetState::Draining { until } => Some(until),
                _ => None,
            })
            .filter(|until| *until > self.now)
            .min()
    }

    pub(in crate::world) fn target_probed(
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

    pub(in crate::world) fn target_idle(&mut self, target_group_arn: &str, id: &str, port: u16) {
        if let Some(group) = self.elb.target_group_mut(target_group_arn) {
            group.targets.retain(|it| !(it.is_draining() && it.id == id && it.port == port));
        }
    }
}
