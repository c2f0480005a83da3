//! What CloudWatch measured of a service, by the minute, and the load that follows from it. It knows no AWS.

use crate::capacity::load::{self, Points};
use crate::capacity::{Signal, Target};

/// A minute without requests is taken for one only when so many minutes have passed: the load balancer's counts
/// may come after the hosts that it saw.
const SETTLED_MINUTES: i64 = 2;

/// From `first` up to the minute before `end`; both in minutes since 1970.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    pub first: i64,
    pub end: i64,
    /// Requests in a minute, over all of the service's target groups.
    pub requests: Points,
    pub healthy_hosts: Points,
    /// Percent, on average over the tasks.
    pub cpu: Points,
    pub memory: Points,
    /// Tasks that were measured.
    pub running: Points,
    /// Of the last minutes, where the service is measured every 20 seconds.
    pub fast: Vec<Fast>,
}

/// How long one of ECS's shorter periods is.
pub const FAST_PERIOD: i64 = 20;

/// What was measured within a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fast {
    /// When its period began, in seconds since 1970.
    pub at: i64,
    pub cpu: Option<f64>,
    pub memory: Option<f64>,
    pub running: f64,
}

impl Metrics {
    /// When the newest period ended of which anything is known, in seconds since 1970.
    pub fn until(&self) -> Option<i64> {
        let minutes = [&self.requests, &self.healthy_hosts, &self.cpu, &self.memory];
        let minute = minutes.into_iter().filter_map(|points| points.keys().next_back()).max();
        let minute = minute.map(|minute| (minute + 1) * 60);
        minute.max(self.fast.iter().map(|fast| fast.at + FAST_PERIOD).max())
    }

    /// The load of the last seconds, in tasks. A load balancer counts whole minutes only.
    pub fn fast_load(&self, target: Target) -> Vec<f32> {
        let percent = |fast: &Fast| match target.signal {
            Signal::Requests => None,
            Signal::Cpu => fast.cpu,
            Signal::Memory => fast.memory,
        };
        let load = |fast: &Fast| Some((fast.running * percent(fast)? / target.per_task) as f32);
        self.fast.iter().filter_map(load).collect()
    }

    /// The load in tasks, minute by minute from the first on in which it is known: a young service has a short past.
    pub fn load(&self, target: Target) -> (i64, Vec<f32>) {
        let Metrics { first, end, .. } = *self;
        let mut loads = match target.signal {
            Signal::Requests => {
                let settled = end - SETTLED_MINUTES;
                let last = self.requests.keys().next_back().map_or(settled, |last| settled.max(last + 1));
                let end = last.clamp(first, end);
                load::requests(first, end, &self.requests, &self.healthy_hosts, target.per_task)
            }
            Signal::Cpu => load::share(first, end, &self.cpu, &self.running, target.per_task),
            Signal::Memory => load::share(first, end, &self.memory, &self.running, target.per_task),
        };
        let unknown = loads.iter().position(|load| !load.is_nan()).unwrap_or(loads.len());
        loads.drain(..unknown);
        (first + i64::try_from(unknown).unwrap_or(0), loads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_within_the_minute_is_load_of_tasks_too() {
        let fast = vec![
            Fast { at: 100, cpu: Some(90.0), memory: Some(35.0), running: 4.0 },
            Fast { at: 120, cpu: None, memory: Some(70.0), running: 4.0 },
        ];
        let metrics = Metrics { fast, cpu: [(0, 90.0)].into(), ..Metrics::default() };
        assert_eq!(metrics.until(), Some(140));
        assert_eq!(Metrics { fast: Vec::new(), ..metrics.clone() }.until(), Some(60));
        assert_eq!(Metrics::default().until(), None);
        let of = |signal, per_task| metrics.fast_load(Target { signal, per_task });
        assert_eq!(of(Signal::Cpu, 60.0), [6.0]);
        assert_eq!(of(Signal::Memory, 70.0), [2.0, 4.0]);
        assert!(of(Signal::Requests, 600.0).is_empty());
    }

    #[test]
    fn a_minute_without_requests_is_no_load_once_the_counts_have_had_time_to_come() {
        let target = Target { signal: Signal::Requests, per_task: 600.0 };
        let hosts: Points = (0..10).map(|minute| (minute, 2.0)).collect();
        let of = |requests: &[(i64, f64)]| {
            let requests = requests.iter().copied().collect();
            Metrics { end: 10, requests, healthy_hosts: hosts.clone(), ..Metrics::default() }.load(target).1
        };
        assert_eq!(of(&[(6, 1200.0)]), [0., 0., 0., 0., 0., 0., 2., 0.]);
        assert_eq!(of(&[(9, 1200.0)]).last(), Some(&2.0), "what has come counts at once");
        assert_eq!(of(&[]).len(), 8);
    }

    #[test]
    fn the_past_begins_where_something_is_known() {
        let (cpu, running) = ([(7, 30.0), (9, 60.0)].into(), [(7, 2.0), (8, 2.0), (9, 2.0)].into());
        let metrics = Metrics { first: 2, end: 11, cpu, running, ..Metrics::default() };
        let (first, loads) = metrics.load(Target { signal: Signal::Cpu, per_task: 60.0 });
        assert_eq!((first, loads.len(), loads[0], loads[2]), (7, 4, 1.0, 2.0));
        let (first, loads) = Metrics { first: 2, end: 11, ..Metrics::default() }
            .load(Target { signal: Signal::Cpu, per_task: 60.0 });
        assert_eq!((first, loads.len()), (11, 0));
    }
}
