//! Anything may happen in any order; some things still hold.

use proptest::prelude::*;

use super::super::rolling::Limits;
use super::super::*;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Deploy(&'static str),
    Scale(u32),
    Force,
    Wait(i64),
    Crash(usize),
    StopTask(usize),
    StopRollout(bool),
    StartsAgain(bool),
    FinishesRequests(bool),
    LateReport(usize),
}

fn calm_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop::sample::select(vec!["v2", "v3", "missing", "crashing", "sick"]).prop_map(Step::Deploy),
        Just(Step::Force),
        (1_i64..20).prop_map(Step::Wait),
        (1_i64..20).prop_map(Step::Wait),
        any::<bool>().prop_map(Step::StopRollout),
        any::<bool>().prop_map(Step::StartsAgain),
        any::<bool>().prop_map(Step::FinishesRequests),
        any::<usize>().prop_map(Step::LateReport),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => calm_step(),
        1 => (0_u32..6).prop_map(Step::Scale),
        1 => any::<usize>().prop_map(Step::Crash),
        1 => any::<usize>().prop_map(Step::StopTask),
    ]
}

fn pick(laptop: &Laptop, which: usize) -> Option<String> {
    let tasks = &laptop.world.ecs.tasks;
    (!tasks.is_empty()).then(|| tasks[which % tasks.len()].arn.clone())
}

fn take(laptop: &mut Laptop, step: &Step) {
    match step {
        Step::Deploy(tag) => {
            laptop.deploy(tag);
        }
        Step::Scale(desired_count) => laptop.scale(*desired_count),
        Step::Force => {
            laptop.update(UpdateService { force_new_deployment: true, ..update_request() });
        }
        Step::Wait(seconds) => laptop.run_for(*seconds),
        Step::Crash(which) => {
            let running = pick(laptop, *which).filter(|it| laptop.is_running(it));
            if let Some(arn) = running {
                laptop.crash(&arn);
            }
        }
        Step::StopTask(which) => {
            if let Some(arn) = pick(laptop, *which) {
                laptop.world.stop_task(Some("demo"), &arn, None).unwrap();
            }
        }
        Step::StopRollout(rollback) => {
            let arn = laptop.service_deployment().arn.clone();
            let stop = if *rollback { StopType::Rollback } else { StopType::Abort };
            // Whether it can still be stopped is not the point here.
            let _ = laptop.world.stop_service_deployment(&arn, stop);
        }
        Step::StartsAgain(starts) => laptop.starts = *starts,
        Step::FinishesRequests(finishes) => laptop.finishes_requests = *finishes,
        Step::LateReport(which) => {
            let stopped = pick(laptop, *which).filter(|arn| {
                let mut tasks = laptop.world.ecs.tasks.iter();
                tasks.any(|it| it.arn == *arn && it.last_status == TaskStatus::Stopped)
            });
            if let Some(arn) = stopped {
                laptop.started(&arn, 9);
                assert!(laptop.live().iter().all(|it| it.arn != arn));
            }
        }
    }
}

/// With everything working again, the next good deployment ends with as many healthy tasks as desired.
fn recovers(laptop: &mut Laptop) {
    laptop.starts = true;
    laptop.finishes_requests = true;
    // What was never answered while nothing started is answered now, as a machine that comes back does.
    let forgotten: Vec<_> = laptop
        .live()
        .iter()
        .filter(|it| it.last_status == TaskStatus::Pending && !laptop.is_running(&it.arn))
        .map(|it| it.arn.clone())
        .collect();
    laptop.carry_out();
    for arn in forgotten {
        if !laptop.is_running(&arn) {
            laptop.world.stop_task(Some("demo"), &arn, None).unwrap();
        }
    }
    laptop.deploy("v9");
    laptop.run_until("v9 completes", |it| {
        let service = it.service();
        service.deployments.len() == 1 && service.deployments[0].rollout_state == RolloutState::Completed
    });
    let desired = laptop.service().desired_count;
    assert_eq!(laptop.tags(), vec!["v9"; desired as usize]);
    assert_eq!(laptop.healthy(), desired);
    laptop.run_for(10);
    let trace = laptop.trace.len();
    laptop.run_for(60);
    assert_eq!(laptop.trace.len(), trace, "quiet");
}

/// A desired count, and percentages with which its roll-outs can move.
fn movable() -> impl Strategy<Value = (u32, (u32, u32))> {
    let minimum = prop_oneof![Just(100), Just(50), Just(0), 0_u32..=100];
    let maximum = prop_oneof![Just(200), Just(150), Just(100), 100_u32..=200];
    (1_u32..6, (minimum, maximum)).prop_filter("a roll-out can move", |(desired, (minimum, maximum))| {
        let limits = Limits::new(*desired, *minimum, *maximum);
        limits.minimum < *desired || limits.maximum > *desired
    })
}

fn service(desired_count: u32, (minimum, maximum): (u32, u32), breaks: bool) -> Laptop {
    Laptop::with(CreateService {
        desired_count,
        minimum_healthy_percent: Some(minimum),
        maximum_percent: Some(maximum),
        circuit_breaker: breaks.then(|| breaker(true)),
        ..service_request()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// As long as no healthy task dies by itself and the desired count stays, the service keeps its promise:
    /// never fewer healthy tasks than the minimum, never more tasks than the maximum.
    #[test]
    fn no_rollout_breaks_the_promise(
        (desired, percentages) in movable(),
        breaks in any::<bool>(),
        steps in prop::collection::vec(calm_step(), 1..12),
    ) {
        let mut laptop = service(desired, percentages, breaks);
        laptop.never_below = (desired * percentages.0).div_ceil(100);
        for step in &steps {
            take(&mut laptop, step);
            prop_assert!(laptop.most_live <= desired * percentages.1 / 100);
        }
        recovers(&mut laptop);
        prop_assert!(laptop.most_live <= desired * percentages.1 / 100);
    }

    /// Whatever happened, it ends well once things work again.
    #[test]
    fn every_service_converges(
        (desired, percentages) in movable(),
        breaks in any::<bool>(),
        steps in prop::collection::vec(any_step(), 1..20),
    ) {
        let mut laptop = service(desired, percentages, breaks);
        for step in &steps {
            take(&mut laptop, step);
            let deployments = &laptop.service().deployments;
            prop_assert_eq!(deployments[0].status, DeploymentStatus::Primary);
            prop_assert!(deployments[1..].iter().all(|it| it.status == DeploymentStatus::Active));
            prop_assert!(laptop.service().events.len() <= 100);
        }
        // Another count may be one with which these percentages leave no room.
        laptop.scale(desired);
        recovers(&mut laptop);
    }
}
