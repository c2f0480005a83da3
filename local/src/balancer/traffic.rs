//! What went through the listeners since somebody last asked, by target group: what CloudWatch is told each minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::StatusClasses;
use crate::world::cloudwatch::Statistics;

/// Cheap to clone; shared by all listeners.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Mutex<BTreeMap<String, GroupTraffic>>>);

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct GroupTraffic {
    /// For which a target was found.
    pub(crate) requests: u64,
    pub(crate) from_targets: StatusClasses,
    /// Answers of the load balancer itself, by status.
    pub(crate) own: BTreeMap<u16, u64>,
    /// In seconds, from sending a request on to the head of the answer.
    pub(crate) response_times: Statistics,
}

impl Traffic {
    pub(super) fn sent_on(&self, target_group_arn: &str) {
        self.change(target_group_arn, |group| group.requests += 1);
    }

    pub(super) fn answered(&self, target_group_arn: &str, status: u16, after: Duration) {
        self.change(target_group_arn, |group| {
            group.from_targets.count(status);
            group.response_times.add(after.as_secs_f64(), 1.0);
        });
    }

    pub(super) fn answered_itself(&self, target_group_arn: &str, status: u16) {
        self.change(target_group_arn, |group| *group.own.entry(status).or_default() += 1);
    }

    pub(crate) fn take(&self) -> BTreeMap<String, GroupTraffic> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, target_group_arn: &str, change: impl FnOnce(&mut GroupTraffic)) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match groups.get_mut(target_group_arn) {
            Some(group) => change(group),
            None => change(groups.entry(target_group_arn.to_owned()).or_default()),
        }
    }
}
