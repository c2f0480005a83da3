//! From metrics to load: how many tasks' worth there was, minute by minute. A gap is a gap, except where nothing
//! really came.

use std::collections::BTreeMap;

/// A metric by the minute (since 1970) it was measured in.
pub type Points = BTreeMap<i64, f64>;

/// Requests a minute. The load balancer writes no `RequestCount` for a minute without requests: where it saw healthy
/// hosts in that minute, that is no load; where it says neither, nobody knows.
pub fn requests(first: i64, end: i64, requests: &Points, healthy_hosts: &Points, per_task: f64) -> Vec<f32> {
    let load = |minute| match (requests.get(&minute), healthy_hosts.get(&minute)) {
        (Some(requests), _) => (requests / per_task) as f32,
        (None, Some(_)) => 0.0,
        (None, None) => f32::NAN,
    };
    (first..end).map(load).collect()
}

/// CPU or memory: running tasks, times what they use, by what they are to use.
pub fn share(first: i64, end: i64, percent: &Points, running: &Points, target_percent: f64) -> Vec<f32> {
    let load = |minute| match (percent.get(&minute), running.get(&minute)) {
        (Some(percent), Some(running)) => (running * percent / target_percent) as f32,
        _ => f32::NAN,
    };
    (first..end).map(load).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_only_where_somebody_would_have_seen_it() {
        let load = requests(
            10,
            14,
            &Points::from([(10, 600.0), (13, 300.0)]),
            &Points::from([(10, 2.0), (11, 2.0), (13, 0.0)]),
            600.0,
        );
        assert_eq!((load[0], load[1], load[3]), (1.0, 0.0, 0.5));
        assert!(load[2].is_nan(), "nobody knows");
    }

    #[test]
    fn a_share_is_of_the_tasks_that_ran() {
        let load =
            share(0, 3, &Points::from([(0, 90.0), (1, 30.0)]), &Points::from([(0, 4.0), (2, 4.0)]), 60.0);
        assert_eq!(load[0], 6.0);
        assert!(load[1].is_nan() && load[2].is_nan());
    }
}
