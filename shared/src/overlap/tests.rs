use proptest::prelude::*;

use super::*;
use crate::model::{Deployment, ServiceName, ServiceStatus};

fn eight() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn second(after_eight: i64) -> Timestamp {
    eight() + SignedDuration::from_secs(after_eight)
}

pub(crate) fn rollout(outcome: Outcome, began: i64) -> Rollout {
    Rollout {
        arn: format!("rollout/{began}"),
        outcome,
        reason: "as told".into(),
        task_definition_arn: format!("game:{began}"),
        images: vec![],
        created_at: Some(second(began)),
        finished_at: None,
    }
}

pub(crate) fn service(state: RolloutState) -> Service {
    Service {
        name: ServiceName { cluster: "pushboat".into(), service: "game".into() },
        arn: "arn:service".into(),
        status: ServiceStatus::Active,
        desired_count: 2,
        running_count: 2,
        pending_count: 0,
        task_definition_arn: "game:1".into(),
        tags: Tags::new(),
        primary: Some(Deployment {
            id: "d".into(),
            task_definition_arn: "game:1".into(),
            state,
            reason: String::new(),
            failed_tasks: 0,
        }),
        target_group_arns: vec![],
        subnets: 2,
        managed_by_ecs: false,
    }
}

#[test]
fn the_tag_says_supersede_or_wait() {
    let with = |value: &str| of(&Tags::from([(OVERLAP.to_owned(), value.to_owned())]));
    assert_eq!(of(&Tags::new()), Ok(Overlap::Supersede));
    assert_eq!(with("supersede"), Ok(Overlap::Supersede));
    assert_eq!(with("wait"), Ok(Overlap::Wait));
    assert_eq!(with("Wait"), Err(NotAnOverlap("Wait".into())));
}

/// The state, how many were superseded before the one under way, for how long that one has been, its failed tasks.
type Case = (RolloutState, usize, i64, u32);

fn waits_in(overlap: Overlap, (state, superseded, age, failed): Case, took: Option<i64>) -> Option<Waits> {
    let mut service = service(state);
    service.primary.as_mut().unwrap().failed_tasks = failed;
    let outcome = if state == RolloutState::InProgress { Outcome::UnderWay } else { Outcome::Successful };
    let mut history = vec![rollout(outcome, 10_000)];
    history.extend(
        (0..superseded).map(|number| rollout(Outcome::Stopped, 9_999 - i64::try_from(number).unwrap())),
    );
    let mut good = rollout(Outcome::Successful, 1_000);
    good.finished_at = took.map(|took| second(1_000 + took));
    history.push(good);
    waits(overlap, &service, &history, Some(second(10_000 + age)))
}

#[test]
fn a_chain_of_superseded_roll_outs_has_an_end() {
    use RolloutState::{Completed, Failed, InProgress};
    let one = |superseded| Some(Waits::ForOneToComplete(superseded));
    for (case, took, expected) in [
        ((InProgress, 0, 1, 0), None, None),
        ((InProgress, 2, 1, 0), None, None),
        ((InProgress, 3, 1, 0), None, one(3)),
        ((InProgress, 3, 599, 0), None, one(3)),
        ((InProgress, 3, 600, 0), None, None),
        // Overlapping invocations supersede within seconds, and that must not shut out the fix for hours.
        ((InProgress, 19, 599, 0), None, one(19)),
        ((InProgress, 19, 600, 0), None, None),
        ((InProgress, 19, 60, 3), None, None),
        // What took longer last gets more of it.
        ((InProgress, 3, 1_799, 0), Some(900), one(3)),
        ((InProgress, 3, 1_800, 0), Some(900), None),
        // The fix of one that fails waits less.
        ((InProgress, 3, 59, 3), None, one(3)),
        ((InProgress, 3, 60, 3), None, None),
        ((InProgress, 3, 60, 2), None, one(3)),
        ((Completed, 5, 1, 0), None, None),
        ((Failed, 5, 1, 0), None, None),
    ] {
        assert_eq!(waits_in(Overlap::Supersede, case, took), expected, "{case:?} {took:?}");
    }
}

#[test]
fn the_patience_doubles_with_each_roll_out_that_it_was_lost_on() {
    // Newest first, each until the next: the one under way, one of 600 s, one of 599, one of 1,200.
    let began = [10_000, 9_400, 8_801, 7_601];
    let mut history: Vec<_> = began.map(|began| rollout(Outcome::Stopped, began)).into();
    history[0].outcome = Outcome::UnderWay;
    let waits_at = |age: i64| {
        let now = Some(second(10_000 + age));
        waits(Overlap::Supersede, &service(RolloutState::InProgress), &history, now).is_some()
    };
    assert!(waits_at(2_399) && !waits_at(2_400));
}

#[test]
fn who_asks_to_wait_waits_for_all_but_one_that_fails_for_long() {
    use RolloutState::{Completed, InProgress};
    let wait = Some(Waits::AsAsked);
    for (case, expected) in [
        ((InProgress, 0, 1, 0), wait),
        ((InProgress, 0, 1_000_000, 0), wait),
        ((InProgress, 0, 599, 3), wait),
        ((InProgress, 0, 600, 3), None),
        ((Completed, 0, 1, 0), None),
    ] {
        assert_eq!(waits_in(Overlap::Wait, case, None), expected, "{case:?}");
    }
    // ECS is rolling back: that too is a deployment under way.
    let history = [rollout(Outcome::RolledBack, 0)];
    assert_eq!(waits(Overlap::Wait, &service(InProgress), &history, Some(second(1))), wait);
    assert_eq!(waits(Overlap::Supersede, &service(InProgress), &history, Some(second(1))), None);
    assert_eq!(waits(Overlap::Wait, &service(Completed), &history, Some(second(1))), None);
}

/// A service to which something new is pushed again and again, looked at with each push. Returns how many roll-outs
/// completed, and how often it was told to move.
fn pushes(overlap: Overlap, every: i64, takes: i64, seconds: i64) -> (usize, usize) {
    let mut history: Vec<Rollout> = Vec::new();
    let mut completed = 0;
    let mut at = 0;
    while at < seconds {
        if let Some(newest) = history.first_mut()
            && newest.outcome == Outcome::UnderWay
            && newest.created_at.unwrap() + SignedDuration::from_secs(takes) <= second(at)
        {
            newest.outcome = Outcome::Successful;
            newest.finished_at = Some(newest.created_at.unwrap() + SignedDuration::from_secs(takes));
            completed += 1;
        }
        let under_way = history.first().is_some_and(|newest| newest.outcome == Outcome::UnderWay);
        let state = if under_way { RolloutState::InProgress } else { RolloutState::Completed };
        let seen = &history[..history.len().min(20)];
        if waits(overlap, &service(state), seen, Some(second(at))).is_none() {
            if let Some(newest) = history.first_mut().filter(|_| under_way) {
                newest.outcome = Outcome::Stopped;
            }
            history.insert(0, rollout(Outcome::UnderWay, at));
        }
        at += every;
    }
    (completed, history.len())
}

#[test]
fn under_pushes_every_few_seconds_for_an_hour_something_completes() {
    let (completed, begun) = pushes(Overlap::Supersede, 5, 120, 3_600);
    assert!(completed >= 20, "{completed} of {begun}");
    assert!(begun <= 4 * completed + 4, "three superseded for each that completes: {begun} for {completed}");
    let (completed, begun) = pushes(Overlap::Wait, 5, 120, 3_600);
    assert!(completed >= 28 && begun <= completed + 1, "{completed} of {begun}");
}

proptest! {
    /// However slow a roll-out is and however fast the pushes come: within eight times as long something completes.
    #[test]
    fn something_completes_however_slow_it_is(every in 1_i64..60, takes in 1_i64..20_000) {
        let time = 8 * takes + 8 * 600;
        let (completed, _) = pushes(Overlap::Supersede, every, takes, time);
        prop_assert!(completed > 0, "nothing in {} seconds", time);
    }
}
