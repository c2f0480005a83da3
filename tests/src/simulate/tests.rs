//! The simulator itself: some hundred seeds hold, a seed is always the same run, and what is broken is found.

use super::limits::Limits;
use super::*;

/// The binary runs many more.
const SEEDS: u64 = 300;
/// A mutant is found long before this; see `--mutant`.
const SEEDS_FOR_A_MUTANT: u64 = 300;

fn words(report: &Report) -> Vec<String> {
    report
        .violations
        .iter()
        .map(|it| format!("{} at {}: {}", it.rule.words(), clock(it.at), it.words))
        .collect()
}

/// Runs seeds on every core and collects what `of` says of them.
fn on_every_core<T: Send>(seeds: u64, of: impl Fn(u64) -> Option<T> + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, |it| it.get() as u64);
    std::thread::scope(|scope| {
        let of = &of;
        let part =
            |first: u64| move || (first..seeds).step_by(cores as usize).filter_map(of).collect::<Vec<_>>();
        let parts: Vec<_> = (0..cores).map(|first| scope.spawn(part(first))).collect();
        parts.into_iter().flat_map(|it| it.join().expect("a run does not panic")).collect()
    })
}

#[test]
fn no_seed_breaks_a_rule() {
    let broken = on_every_core(SEEDS, |seed| {
        let report = run(&Plan::of_seed(seed), None, false);
        (!report.violations.is_empty()).then(|| format!("seed {seed}: {:?}", words(&report)))
    });
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_seed_is_always_the_same_run() {
    for seed in 0..5 {
        let (one, other) = (Plan::of_seed(seed), Plan::of_seed(seed));
        assert_eq!(run(&one, None, true).trace, run(&other, None, true).trace, "seed {seed}");
    }
}

#[test]
fn seeds_differ_and_reach_what_they_are_for() {
    let reports: Vec<_> = (0..80).map(|seed| run(&Plan::of_seed(seed), None, true)).collect();
    assert!(reports.iter().any(|it| it.most_instances >= 8), "eight instances overlap somewhere");
    assert!(reports.iter().any(|it| it.millis > 6 * HOUR), "some event is hours late");
    for needle in [
        "EventBridge loses",
        " crashes",
        "runs out of time",
        "no answer in time",
        "ThrottlingException",
        "attempt 3",
        "ROLLBACK_SUCCESSFUL",
        "Rejected",
        "Restored",
        "the stack updates",
        "a person registers",
        "does not show it yet",
        "but diverged: ",
        "roll-outs in a row were superseded",
        "dies",
        "Succeeded",
        "announces: Pushboat Release Failed",
        "its tasks fail: ",
        "health check failed",
        "RolledBack",
        "held by ann",
        "may return",
        "Postponed",
        "was asked for by ann",
        "was deployed as ann has asked for",
        " rehearses: ",
    ] {
        let reached = reports.iter().any(|it| it.trace.iter().any(|line| line.1.contains(needle)));
        assert!(reached, "no run has: {needle}");
    }
}

#[test]
fn every_mutant_is_found_by_the_rule_it_breaks() {
    for (mutant, name, rule, _) in MUTANTS {
        let mut seeds = 0..SEEDS_FOR_A_MUTANT;
        let found = seeds.find(|seed| run(&Plan::of_seed(*seed), Some(mutant), false).breaks(rule));
        assert!(found.is_some(), "{name} passes {SEEDS_FOR_A_MUTANT} seeds");
    }
}

#[test]
fn every_rule_has_its_mutant() {
    use Rule::*;
    for rule in [
        Newest, Quiet, NoReturn, Blame, Revision, Count, Floor, Stack, Surplus, SecondLook, LooksFirst,
        Reason, GoodNewest, Held, Person, Rehearsed, Completes, Bounds, OneScaler, Override, ScaleIn, Once,
        Sized,
    ] {
        assert!(MUTANTS.iter().any(|it| it.2 == rule), "{}", rule.words());
    }
}

#[test]
fn a_failing_plan_is_cut_down_to_what_it_takes() {
    let mutant = Mutant::named("rejects-nothing").unwrap();
    let breaks = |seed: &u64| run(&Plan::of_seed(*seed), Some(mutant), false).breaks(mutant.breaks());
    let plan = Plan::of_seed((0..).find(breaks).unwrap());
    let shrunk = shrink(&plan, Some(mutant), mutant.breaks());
    assert!(shrunk.report.breaks(mutant.breaks()));
    assert!(shrunk.steps.len() <= 3 && shrunk.steps.len() <= plan.steps(), "{:?}", shrunk.steps);
    // What is printed is enough to see it again.
    let mut again = Plan::of_seed(plan.seed);
    again.faults = shrunk.faults;
    again.keep(&shrunk.steps);
    assert_eq!(run(&again, Some(mutant), true).trace, shrunk.report.trace);
}

#[test]
fn a_token_bucket_has_its_burst_and_then_its_rate() {
    let mut limits = Limits::new();
    let admitted = |limits: &mut Limits, at: i64| {
        (0..30).filter(|_| limits.admits("RegisterTaskDefinition", at)).count()
    };
    assert_eq!(admitted(&mut limits, 0), 20);
    assert_eq!(admitted(&mut limits, 900), 0);
    assert_eq!(admitted(&mut limits, 3_000), 3);
    assert!(limits.admits("UpdateService", 3_000), "another bucket");
    limits.taken_until(10_000);
    assert_eq!(admitted(&mut limits, 9_999), 0);
    assert_eq!(admitted(&mut limits, 15_000), 5);
}
