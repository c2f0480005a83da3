//! How long a task of a service takes until it serves, as observed: what ECS says of the tasks that run, and how often a
//! load balancer wants to see a new target well before it sends it requests.

use jiff::SignedDuration;

/// What was seen of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Starts {
    /// From creation to start (machine, network, image), the newest task first.
    pub tasks: Vec<SignedDuration>,
    /// Of the slowest of its target groups: the checks that a new target must pass.
    pub checks: SignedDuration,
}

/// As many as tell of the present image and the present day.
const NEWEST: usize = 15;
/// Longer than this is a task that somebody held up.
const MOST: SignedDuration = SignedDuration::from_mins(15);

/// In the middle of the newest tasks. `None` where none runs.
pub fn observed(starts: &Starts) -> Option<SignedDuration> {
    let mut newest: Vec<_> = starts.tasks.iter().take(NEWEST).filter(|it| !it.is_negative()).collect();
    newest.sort_unstable();
    let middle = **newest.get(newest.len() / 2)?;
    Some((middle + starts.checks).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: &[i64], checks: i64) -> Option<i64> {
        let tasks = seconds.iter().copied().map(SignedDuration::from_secs).collect();
        let starts = Starts { tasks, checks: SignedDuration::from_secs(checks) };
        observed(&starts).map(|it| it.as_secs())
    }

    #[test]
    fn it_is_the_middle_of_the_newest_and_the_checks() {
        assert_eq!(of(&[], 20), None);
        assert_eq!(of(&[40], 20), Some(60));
        assert_eq!(of(&[40, 30, 600], 0), Some(40), "one that was slow once tells nothing");
        let mut seconds = vec![20; 15];
        seconds.extend([90; 100]);
        assert_eq!(of(&seconds, 10), Some(30), "older tasks tell of older images");
        assert_eq!(of(&[-5, 40, 40], 0), Some(40), "clocks differ");
        assert_eq!(of(&[86_400], 0), Some(900));
    }
}
