//! What the load balancer counted, as CloudWatch would show it per load balancer and per target.

use std::time::Duration;

use serde::Serialize;

use super::histogram::Histogram;

/// A reading of all counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Everything that came in, answered or not.
    pub requests: u64,
    /// Answers that came from targets.
    pub from_targets: StatusClasses,
    /// Answers that the load balancer had to make itself.
    pub elb_400: u64,
    pub elb_502: u64,
    pub elb_503: u64,
    pub elb_504: u64,
    /// Answers that a target began and did not finish.
    pub cut_short: u64,
    /// From a request's arrival to the head of its answer.
    pub latency_p50_millis: f64,
    pub latency_p99_millis: f64,
    pub latency_longest_millis: f64,
    /// The targets registered now.
    pub targets: Vec<TargetCounters>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetCounters {
    pub id: String,
    pub port: u16,
    pub zone: String,
    pub in_flight: usize,
    pub requests: u64,
    pub answers: StatusClasses,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StatusClasses {
    pub http_2xx: u64,
    pub http_3xx: u64,
    pub http_4xx: u64,
    pub http_5xx: u64,
}

impl StatusClasses {
    pub(super) fn count(&mut self, status: u16) {
        match status / 100 {
            2 => self.http_2xx += 1,
            3 => self.http_3xx += 1,
            4 => self.http_4xx += 1,
            5 => self.http_5xx += 1,
            _ => {}
        }
    }
}

/// The running totals; kept under a lock that is never held for longer than an addition.
#[derive(Debug, Default)]
pub(super) struct Totals {
    requests: u64,
    from_targets: StatusClasses,
    elb_400: u64,
    elb_502: u64,
    elb_503: u64,
    elb_504: u64,
    cut_short: u64,
    latency: Histogram,
}

impl Totals {
    pub(super) fn arrived(&mut self) {
        self.requests += 1;
    }

    pub(super) fn target_answered(&mut self, status: u16, after: Duration) {
        self.from_targets.count(status);
        self.latency.record(after);
    }

    pub(super) fn balancer_answered(&mut self, status: u16, after: Duration) {
        match status {
            400 => self.elb_400 += 1,
            502 => self.elb_502 += 1,
            503 => self.elb_503 += 1,
            _ => self.elb_504 += 1,
        }
        self.latency.record(after);
    }

    pub(super) fn cut_short(&mut self) {
        self.cut_short += 1;
    }

    pub(super) fn read(&self, targets: Vec<TargetCounters>) -> Counters {
        Counters {
            requests: self.requests,
            from_targets: self.from_targets,
            elb_400: self.elb_400,
            elb_502: self.elb_502,
            elb_503: self.elb_503,
            elb_504: self.elb_504,
            cut_short: self.cut_short,
            latency_p50_millis: self.latency.percentile_millis(50.0),
            latency_p99_millis: self.latency.percentile_millis(99.0),
            latency_longest_millis: self.latency.longest_millis(),
            targets,
        }
    }
}
