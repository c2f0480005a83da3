//! What the story came to, for a person and for a machine.

use std::collections::BTreeMap;

use pushboat_local::traffic::TrafficReport;
use serde::Serialize;

use super::person::Person;
use super::surge::Surge;

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    pub requests_sent: u64,
    pub requests_failed: u64,
    /// Readable, the first few only.
    pub failures: Vec<String>,
    pub requests_by_version: BTreeMap<String, u64>,
    pub latency_p50_millis: f64,
    pub latency_p99_millis: f64,
    /// From the push of version 2 until nothing of version 1 was left.
    pub rollout_seconds: f64,
    pub first_rollout_seconds: f64,
    /// Every revision that was registered, the template's first.
    pub revisions: Vec<String>,
    pub tasks_per_zone: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surge: Option<Surge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// Why the story was not told to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Report {
    pub(crate) fn failed(error: &anyhow::Error) -> Report {
        Report { error: Some(format!("{error:#}")), ..Report::default() }
    }

    pub(crate) fn served(&mut self, traffic: TrafficReport) {
        self.requests_sent = traffic.sent;
        self.requests_failed = traffic.failed;
        self.failures = traffic.first_failures;
        self.requests_by_version = traffic.by_version;
        self.latency_p50_millis = traffic.latency_p50_millis;
        self.latency_p99_millis = traffic.latency_p99_millis;
    }

    /// Something was asked, nothing was lost, and more than one zone serves.
    pub(crate) fn is_good(&self) -> bool {
        self.error.is_none()
            && self.requests_sent > 0
            && self.requests_failed == 0
            && self.surge.as_ref().is_none_or(|surge| surge.requests_failed == 0)
            && self.person.as_ref().is_none_or(|person| person.requests_failed == 0)
            && (self.tasks_per_zone.values().filter(|tasks| **tasks > 0).count() > 1
                || self.tasks_per_zone.values().sum::<usize>() < 2)
    }

    pub(crate) fn in_words(&self) -> String {
        let served: Vec<_> =
            self.requests_by_version.iter().map(|(version, count)| format!("{count} by {version}")).collect();
        let mut words = format!(
            "  traffic      {} requests sent, {} failed ({}); half within {:.1} ms, 99 % within {:.1} ms",
            self.requests_sent,
            self.requests_failed,
            served.join(", "),
            self.latency_p50_millis,
            self.latency_p99_millis
        );
        for failure in &self.failures {
            words.push_str("\n               ");
            words.push_str(failure);
        }
        if let Some(surge) = &self.surge {
            words.push('\n');
            words.push_str(&surge.in_words());
        }
        if let Some(person) = &self.person {
            words.push('\n');
            words.push_str(&person.in_words());
        }
        words
    }
}
