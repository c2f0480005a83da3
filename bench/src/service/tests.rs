use proptest::prelude::*;

use super::*;
use crate::optimum;
use crate::ours::{Fast, Ours};
use crate::trace::Trace;
use pushboat::forecast::Style;

/// Always the same count, or what a list says step by step.
struct Fixed(Vec<u32>);

impl Scaler for Fixed {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        self.0[view.step.min(self.0.len() - 1)]
    }
}

fn load(values: Vec<f64>) -> Load {
    Load { first_minute: 0, steps: values }
}

/// A day that is not scored, and then this.
fn after_a_day(first: f64, steps: &[f64]) -> Load {
    let mut all = vec![first; UNSCORED_MINUTES * STEPS_PER_MINUTE];
    all.extend(steps);
    load(all)
}

#[test]
fn tasks_are_billed_at_once_serve_later_and_drain() {
    let day = UNSCORED_MINUTES * STEPS_PER_MINUTE;
    let mut wants = vec![1; day];
    wants.extend([2, 2, 2, 2, 2, 1, 1, 1]);
    let mut running = Vec::new();
    struct Seen<'a>(Fixed, &'a mut Vec<u32>);
    impl Scaler for Seen<'_> {
        fn desired(&mut self, view: &View<'_>) -> u32 {
            self.1.push(view.running);
            self.0.desired(view)
        }
    }
    let mut scaler = Seen(Fixed(wants), &mut running);
    let score = run(&after_a_day(0.5, &[0.5; 8]), &Setting::new(60.0), &mut scaler, |_, _| {});
    assert_eq!(running[day..], [1, 1, 1, 1, 2, 2, 1, 1]);
    // Five steps of two, three of one, and half a minute of draining.
    assert!((score.cost - (13.0 * 0.25 + 0.5)).abs() < 1e-9, "{score:?}");
    assert_eq!((score.actions, score.violated), (2.0, 0.0));
}

#[test]
fn more_than_nine_tenths_is_a_violation_and_waits() {
    let score = |steps: &[f64], tasks| {
        run(&after_a_day(0.5, steps), &Setting::new(60.0), &mut Fixed(vec![tasks]), |_, _| {})
    };
    assert_eq!(score(&[0.9, 0.9], 1).violated, 0.0);
    assert_eq!(score(&[0.91, 0.5], 1).violated, 0.91);
    // Half a step waits and makes the next one too much.
    assert_eq!(score(&[1.5, 0.5, 0.5], 1).violated, 2.0);
    // What is beyond a minute of what runs is dropped: 100 leaves 4, which are less than 0.9 with the sixth step of 0.2.
    let dropped = score(&[&[100.0][..], &[0.2; 20]].concat(), 1);
    assert!((dropped.violated - 100.8).abs() < 1e-9, "{dropped:?}");
}

#[test]
fn nothing_is_seen_before_it_is_published() {
    struct Late;
    impl Scaler for Late {
        fn desired(&mut self, view: &View<'_>) -> u32 {
            let minutes = view.minutes.len() as f64;
            assert!((minutes * 60.0 + 60.0 <= view.second()) || view.minutes.is_empty());
            assert!(view.steps.len() as f64 * 15.0 + 15.0 <= view.second() || view.steps.is_empty());
            1
        }
    }
    run(&load(vec![0.5; 400]), &Setting::new(60.0), &mut Late, |_, _| {});
}

#[test]
fn the_optimum_bridges_short_gaps_and_starts_for_long_ones() {
    let setting = Setting::new(60.0);
    let cost = |steps: &[f64]| optimum::cost(&after_a_day(0.5, steps), &setting);
    assert_eq!(cost(&[0.5; 4]), 1.0);
    // A second task for two steps: start-up and drain, and the steps.
    assert_eq!(cost(&[0.5, 1.5, 1.5, 0.5]), 1.0 + 1.5 + 0.5);
    let gap = |steps: usize| [&[0.5, 1.5][..], &vec![0.5; steps], &[1.5]].concat();
    assert_eq!(cost(&gap(4)), 7.0 * 0.25 + 1.5 + 0.5 + 1.0, "bridged");
    assert_eq!(cost(&gap(20)), 23.0 * 0.25 + 1.5 + 0.5 + 1.5, "started again");
}

#[test]
fn a_replay_of_the_beginning_is_the_beginning_of_a_replay() {
    let values: Vec<f64> = (0..2600)
        .map(|m| 10.0 + 6.0 * (f64::from(m) / 229.0).sin() + f64::from(m * 7919 % 101) / 25.0)
        .collect();
    let trace = Trace { name: String::new(), first_minute: 29_000_123, period_minutes: 1, values };
    let wants = |trace: &Trace| {
        let mut wants = Vec::new();
        let setting = Setting::new(60.0);
        let mut ours = Ours::new(Style::Lean, &setting, Fast::Nothing);
        run(&trace.load(None).unwrap(), &setting, &mut ours, |_, wanted| wants.push(wanted));
        wants
    };
    let whole = wants(&trace);
    for count in [300, 1441, 2000] {
        let part = wants(&trace.until(count));
        assert_eq!(part[..], whole[..part.len()], "{count} minutes");
    }
    let mut other = trace.clone();
    other.values[1999] = 500.0;
    let other = wants(&other);
    let differs = other.iter().zip(&whole).position(|(a, b)| a != b).unwrap();
    assert_eq!(differs, 2001 * STEPS_PER_MINUTE, "a minute is seen a minute after its end, and then at once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nobody_without_a_violation_is_cheaper_than_the_optimum(
        steps in proptest::collection::vec(0.0_f64..8.0, 8..200),
        wants in proptest::collection::vec(1_u32..12, 8..200),
    ) {
        let setting = Setting::new(60.0);
        let load = after_a_day(0.5, &steps);
        let mut all = vec![9; UNSCORED_MINUTES * STEPS_PER_MINUTE];
        // Kept for a while each, so that some serve everything.
        all.extend(wants.iter().flat_map(|want| [*want; 6]));
        for mut scaler in [Fixed(all), Fixed(vec![9])] {
            let score = run(&load, &setting, &mut scaler, |_, _| {});
            if score.violated == 0.0 {
                // It may find tasks there that were started on the day before.
                let found = (9.0 - 1.0) * 1.5;
                prop_assert!(score.cost + found >= optimum::cost(&load, &setting) - 1e-6);
            }
        }
    }
}
