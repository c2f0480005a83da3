#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_part_of_the_burst_goes_at_once_and_then_the_rate() {
    let mut pace = Pace::default();
    let ready: Vec<_> = (0..20).map(|_| pace.take(Kind::Register, Duration::ZERO).ready_at).collect();
    assert_eq!(ready[0], Duration::ZERO);
    assert_eq!(ready[14], 14 * APART, "one by one, but at once");
    // What is owed by then takes its time, each a token after the one before.
    let steady: Vec<_> = ready[18..].iter().map(|it| (it.as_secs_f64() * 0.9 * 1e6).round() / 1e6).collect();
    assert_eq!(steady, [4.0, 5.0]);
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let mut pace = Pace::default();
    let permits: Vec<_> = (0..15).map(|_| pace.take(Kind::Register, Duration::ZERO)).collect();
    pace.give_back(permits[14]);
    let next = [(); 2].map(|()| pace.take(Kind::Register, Duration::ZERO).ready_at);
    assert_eq!(next, [15 * APART, 16 * APART], "one at once, and one that is owed soon");
}

#[test]
fn a_refusal_holds_everybody_and_slows_down_once() {
    let mut pace = Pace::default();
    let (one, two) = (pace.take(Kind::Register, seconds(9.0)), pace.take(Kind::Register, seconds(9.0)));
    pace.refused(Kind::Register, Some(one), seconds(10.0));
    pace.refused(Kind::Register, Some(two), seconds(10.1));
    assert!(!pace.is_valid(&one) && !pace.is_valid(&two));
    // Held for two seconds, then the next one at half the rate.
    let next = pace.take(Kind::Register, seconds(10.2));
    let expected = 10.0 + 2.0 + 1.0 / 0.45;
    assert!((next.ready_at.as_secs_f64() - expected).abs() < 1e-6, "{next:?}");
    assert!(pace.is_valid(&next));
    let update = pace.take(Kind::Update, seconds(10.2));
    assert_eq!(update.ready_at, seconds(10.2), "other requests are not held");
}

#[test]
fn it_is_never_slower_than_an_eighth_and_becomes_as_fast_as_before() {
    let mut pace = Pace::default();
    for refusal in 1..9 {
        let now = seconds(10.0 * f64::from(refusal));
        let permit = pace.take(Kind::Register, now);
        pace.refused(Kind::Register, Some(permit), now);
    }
    assert!((pace.register.rate - 0.9 / 8.0).abs() < 1e-9);
    for _ in 0..18 {
        pace.went_well(Kind::Register);
    }
    assert!((pace.register.rate - 0.9).abs() < 1e-9);
}

proptest! {
    /// Whenever requests come, within any span no more are let through than the burst and what the rate adds.
    #[test]
    fn never_more_than_the_share(waits in prop::collection::vec(0_u64..3_000, 1..120)) {
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        let mut ready = Vec::new();
        for wait in waits {
            now += Duration::from_millis(wait);
            ready.push(pace.take(Kind::Register, now).ready_at);
        }
        for (from, first) in ready.iter().enumerate() {
            for (to, last) in ready.iter().enumerate().skip(from) {
                let span = last.saturating_sub(*first).as_secs_f64();
                let count = (to - from + 1) as f64;
                prop_assert!(count <= 15.0 + 1.0 + span * 0.9 + 1e-6, "{count} in {span} s");
            }
        }
        prop_assert!(ready.is_sorted(), "first come, first served");
    }

    /// Invocations of which each gets through a small part of the list leave nobody out, at whatever minute they begin.
    #[test]
    fn nobody_starves(length in 1_usize..400, reached in 1_usize..40, begin in 0_i64..40_000_000) {
        let mut waited = vec![0_usize; length];
        // Twice as many sweeps as it would take without any overlap, and a few for short lists.
        let enough = 2 * length.div_ceil(reached) + 3;
        for sweep in 0..4 * enough {
            let now = Timestamp::from_second((begin + sweep as i64) * 60).unwrap();
            let start = starts_at(length, Some(now));
            waited.iter_mut().for_each(|waited| *waited += 1);
            for step in 0..reached {
                waited[(start + step) % length] = 0;
            }
            prop_assert!(waited.iter().all(|waited| *waited <= enough), "{start} of {length}: {waited:?}");
        }
    }
}
