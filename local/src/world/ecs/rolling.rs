//! The arithmetic of a rolling deployment, over head counts alone: how many tasks to start and to stop now, and how
//! long to wait after failures.

use jiff::SignedDuration;

use super::Service;

/// How many tasks a service may have while it rolls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) desired: u32,
    /// Healthy tasks, rounded up.
    pub(super) minimum: u32,
    /// Tasks not being stopped, rounded down.
    pub(super) maximum: u32,
}

impl Limits {
    pub(super) fn new(desired: u32, minimum_healthy_percent: u32, maximum_percent: u32) -> Limits {
        let of_desired = |percent: u32| u64::from(desired) * u64::from(percent);
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Limits {
            desired,
            minimum: count(of_desired(minimum_healthy_percent).div_ceil(100)),
            maximum: count(of_desired(maximum_percent) / 100),
        }
    }

    pub(super) fn of(service: &Service) -> Limits {
        let maximum_percent = match super::native_configuration(service) {
            None => service.maximum_percent,
            // The new tasks stand beside all of the old ones.
            Some(_) => service.maximum_percent.max(200),
        };
        Limits::new(service.desired_count, service.minimum_healthy_percent, maximum_percent)
    }
}

/// How the newest deployment is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Fine,
    /// Its tasks fail and none is healthy: what is proven is kept at the minimum meanwhile.
    Failing,
    /// It was given up: nothing of it starts any more, what is proven fills the gap.
    Stalled,
}

/// Tasks that are not being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heads {
    pub(super) primary: u32,
    pub(super) primary_healthy: u32,
    pub(super) older: u32,
    /// Those of `older` that count as healthy.
    pub(super) older_kept: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) stop_primary: u32,
    pub(super) stop_older: u32,
    pub(super) start_proven: u32,
    pub(super) start_primary: u32,
}

/// The next moves. Healthy tasks are stopped last, in either group, and never below the minimum to make room.
pub(super) fn next_moves(limits: Limits, heads: Heads, progress: Progress, may_start: bool) -> Moves {
    let Limits { desired, minimum, maximum } = limits;
    let stop_primary = heads.primary.saturating_sub(desired);
    let primary = heads.primary - stop_primary;
    let primary_healthy = heads.primary_healthy.min(primary);
    let missing = match progress {
        Progress::Stalled => 0,
        _ if may_start => desired - primary,
        _ => 0,
    };

    let surplus = heads.older.saturating_sub(desired.saturating_sub(primary_healthy));
    let in_the_way = match missing {
        0 => 0,
        _ => (primary + heads.older).saturating_add(missing).saturating_sub(maximum),
    };
    let older_idle = heads.older - heads.older_kept;
    let spare = (primary_healthy + heads.older_kept).saturating_sub(minimum);
    let stop_older = surplus.max(in_the_way).min(heads.older).min(older_idle + spare);

    let older = heads.older - stop_older;
    let older_kept = heads.older_kept - stop_older.saturating_sub(older_idle);
    let room = maximum.saturating_sub(primary + older);
    let start_proven = match progress {
        Progress::Fine => 0,
        Progress::Failing => minimum.saturating_sub(primary_healthy + older_kept).min(room),
        Progress::Stalled => desired.saturating_sub(primary + older),
    };
    Moves {
        stop_primary,
        stop_older,
        start_proven,
        start_primary: missing.min(room.saturating_sub(start_proven)),
    }
}

/// The first three rounds of failures restart at once, then the wait doubles with each round.
pub(super) fn restart_delay(
    failures_in_a_row: u32,
    desired: u32,
    longest_seconds: i64,
) -> Option<SignedDuration> {
    const ROUNDS_AT_ONCE: u32 = 3;
    let rounds = failures_in_a_row / desired.max(1);
    let doublings = rounds.checked_sub(ROUNDS_AT_ONCE + 1)?;
    let seconds = 1_i64.checked_shl(doublings.min(40)).unwrap_or(i64::MAX);
    Some(SignedDuration::from_secs(seconds.min(longest_seconds)))
}
