//! The arithmetic of rolling, as tables.

use proptest::prelude::*;

use super::super::Threshold::{BoundedPercent, Count, UnboundedPercent};
use super::super::rolling::{Heads, Limits, Moves, Progress, next_moves, restart_delay};

fn heads(primary: (u32, u32), older: (u32, u32)) -> Heads {
    Heads { primary: primary.0, primary_healthy: primary.1, older: older.0, older_kept: older.1 }
}

#[test]
fn the_minimum_is_rounded_up_and_the_maximum_down() {
    //   desired, min %, max % -> minimum, maximum
    let table = [
        (1, 100, 200, 1, 2),
        (1, 50, 150, 1, 1),
        (3, 100, 125, 3, 3),
        (3, 50, 150, 2, 4),
        (4, 75, 125, 3, 5),
        (5, 50, 110, 3, 5),
        (10, 33, 101, 4, 10),
        (0, 100, 200, 0, 0),
        (5_000, 100, 200, 5_000, 10_000),
        (u32::MAX, 100, 200, u32::MAX, u32::MAX),
    ];
    for (desired, minimum_percent, maximum_percent, minimum, maximum) in table {
        let limits = Limits::new(desired, minimum_percent, maximum_percent);
        assert_eq!((limits.minimum, limits.maximum), (minimum, maximum), "{desired}");
    }
}

#[test]
fn the_first_moves_of_a_rollout() {
    //   desired, min %, max % -> start new, stop old
    let table = [
        (2, 100, 200, 2, 0),
        (4, 100, 150, 2, 0),
        (4, 50, 100, 2, 2),
        (4, 50, 200, 4, 0),
        (1, 0, 100, 1, 1),
        // These can never move.
        (1, 100, 100, 0, 0),
        (3, 100, 125, 0, 0),
        (1, 50, 150, 0, 0),
    ];
    for (desired, minimum, maximum, start, stop) in table {
        let limits = Limits::new(desired, minimum, maximum);
        let moves = next_moves(limits, heads((0, 0), (desired, desired)), Progress::Fine, true);
        let expected = Moves { start_primary: start, stop_older: stop, ..Moves::default() };
        assert_eq!(moves, expected, "{desired} tasks, {minimum} to {maximum} percent");
    }
}

#[test]
fn old_tasks_go_as_new_ones_become_healthy() {
    let limits = Limits::new(4, 100, 200);
    for healthy in 0..=4 {
        let moves = next_moves(limits, heads((4, healthy), (4, 4)), Progress::Fine, true);
        assert_eq!(moves.stop_older, healthy);
        assert_eq!(moves.start_primary, 0);
    }
}

#[test]
fn old_tasks_that_are_not_healthy_go_first_and_need_no_spare() {
    let limits = Limits::new(2, 100, 200);
    // Two proven ones, two that a superseded deployment left behind: they make room.
    let moves = next_moves(limits, heads((0, 0), (4, 2)), Progress::Fine, true);
    assert_eq!((moves.stop_older, moves.start_primary), (2, 2));
}

#[test]
fn scaling_down_during_a_rollout_stops_the_surplus_of_both() {
    let limits = Limits::new(2, 100, 200);
    let moves = next_moves(limits, heads((3, 0), (4, 4)), Progress::Fine, true);
    assert_eq!((moves.stop_primary, moves.stop_older), (1, 2));
}

#[test]
fn while_the_new_ones_fail_the_proven_ones_are_kept_at_the_minimum() {
    let limits = Limits::new(4, 75, 200);
    let moves = next_moves(limits, heads((4, 0), (1, 1)), Progress::Failing, true);
    assert_eq!((moves.start_proven, moves.stop_older), (2, 0));
    // Proven ones that are still starting count, so that this ends.
    let moves = next_moves(limits, heads((4, 0), (3, 3)), Progress::Failing, true);
    assert_eq!(moves, Moves::default());
}

#[test]
fn a_stalled_deployment_starts_nothing_and_the_proven_one_fills_the_gap() {
    let limits = Limits::new(3, 100, 200);
    let moves = next_moves(limits, heads((0, 0), (2, 2)), Progress::Stalled, true);
    let expected = Moves { start_proven: 1, ..Moves::default() };
    assert_eq!(moves, expected);
}

#[test]
fn a_delayed_start_makes_no_room_yet() {
    let limits = Limits::new(4, 50, 100);
    let moves = next_moves(limits, heads((0, 0), (4, 4)), Progress::Fine, false);
    assert_eq!(moves, Moves::default());
}

#[test]
fn the_breaker_trips_at() {
    let table = [
        (BoundedPercent(50), 1, 3),
        (BoundedPercent(50), 6, 3),
        (BoundedPercent(50), 7, 4),
        (BoundedPercent(50), 25, 13),
        (BoundedPercent(50), 400, 200),
        (BoundedPercent(50), 5_000, 200),
        (BoundedPercent(10), 100, 10),
        (UnboundedPercent(50), 1, 1),
        (UnboundedPercent(50), 5_000, 2_500),
        (UnboundedPercent(50), 0, 1),
        (Count(7), 1, 7),
    ];
    for (threshold, desired, failed_tasks) in table {
        assert_eq!(threshold.failed_tasks(desired), failed_tasks, "{threshold:?} of {desired}");
    }
}

#[test]
fn restarts_wait_longer_and_longer_up_to_the_limit() {
    let seconds = |failures| restart_delay(failures, 2, 60).map(|it| it.as_secs());
    assert_eq!(seconds(0), None);
    assert_eq!(seconds(7), None);
    assert_eq!(seconds(8), Some(1));
    assert_eq!(seconds(10), Some(2));
    assert_eq!(seconds(12), Some(4));
    assert_eq!(seconds(1_000_000), Some(60));
    assert!(restart_delay(4, 0, 60).is_some());
}

/// What the counts are once the moves are made: stopped ones are gone, started ones are not healthy yet.
fn made(heads: Heads, moves: Moves, progress: Progress) -> Heads {
    let idle = heads.older - heads.older_kept;
    // While the new ones fail, a proven one counts from its start.
    let kept_from_start = if progress == Progress::Failing { moves.start_proven } else { 0 };
    let primary = heads.primary - moves.stop_primary;
    Heads {
        primary: primary + moves.start_primary,
        primary_healthy: heads.primary_healthy.min(primary),
        older: heads.older - moves.stop_older + moves.start_proven,
        older_kept: heads.older_kept - moves.stop_older.saturating_sub(idle) + kept_from_start,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the counts are: healthy ones are not given up below the minimum, nothing is started above the
    /// maximum, and with nothing new from outside there is soon nothing left to do.
    #[test]
    fn moves_keep_the_limits_and_come_to_rest(
        (desired, minimum, maximum) in (0_u32..12, 0_u32..=100, 100_u32..=300),
        (primary, primary_idle, older, older_idle) in (0_u32..12, 0_u32..12, 0_u32..12, 0_u32..12),
        progress in prop::sample::select(vec![Progress::Fine, Progress::Failing, Progress::Stalled]),
        may_start in any::<bool>(),
    ) {
        let limits = Limits::new(desired, minimum, maximum);
        let primary_healthy = match progress {
            Progress::Failing => 0,
            _ => primary.saturating_sub(primary_idle),
        };
        let before = heads((primary, primary_healthy), (older, older.saturating_sub(older_idle)));
        let moves = next_moves(limits, before, progress, may_start);
        let after = made(before, moves, progress);

        let healthy = |it: Heads| it.primary_healthy + it.older_kept;
        prop_assert!(healthy(after) >= limits.minimum.min(healthy(before)));
        let live = |it: Heads| it.primary + it.older;
        prop_assert!(live(after) <= limits.maximum.max(live(before)));
        prop_assert!(after.primary <= desired);

        let mut settled = after;
        for _ in 0..16 {
            settled = made(settled, next_moves(limits, settled, progress, may_start), progress);
        }
        prop_assert_eq!(next_moves(limits, settled, progress, may_start), Moves::default());
    }
}
