use proptest::prelude::*;

use super::*;

/// A wave of a day, with a bump each night and some noise: always the same.
fn wave(minutes: usize) -> Vec<f32> {
    let load = |minute: usize| {
        let day = (minute % 1440) as f32 / 1440.0 * std::f32::consts::TAU;
        let night = if (120..135).contains(&(minute % 1440)) { 12.0 } else { 0.0 };
        let noise = (minute * 7919 % 101) as f32 / 101.0;
        10.0 + 6.0 * day.sin() + night + noise
    };
    (0..minutes).map(load).collect()
}

fn of(loads: &[f32]) -> Forecast {
    Forecast::of(&History { first_minute: 0, loads }, 3, Style::Balanced)
}

#[test]
fn a_quiet_load_needs_hardly_more_than_it_is() {
    let loads = vec![9.5_f32; 3000];
    assert_eq!(of(&loads).count(3), Some(10));
    assert_eq!(of(&[]).count(3), None);
    assert_eq!(of(&loads[..100]).count(3), None, "too little is known");
}

#[test]
fn it_knows_the_night_that_comes_each_night() {
    let loads = wave(8 * 1440 + 118);
    let (expected, spread) = of(&loads).expected().unwrap();
    assert!(expected + spread > 20.0, "{expected} {spread}: two minutes before the bump");
    let (expected, _) = of(&loads[..loads.len() - 60]).expected().unwrap();
    assert!(expected < 18.0, "{expected}: an hour before");
}

#[test]
fn one_that_is_kept_says_what_a_new_one_says() {
    let mut loads = wave(9 * 1440);
    loads[12_000] = f32::NAN;
    let history = |end: usize| History { first_minute: 500, loads: &loads[..end] };
    let mut kept = Forecast::of(&history(11_500), 3, Style::Lean);
    for end in (11_501..12_960).step_by(7) {
        kept.follow(&history(end), 3, Style::Lean);
        let mut new = Forecast::of(&history(end), 3, Style::Lean);
        assert_eq!((kept.count(5), kept.expected()), (new.count(5), new.expected()), "at {end}");
    }
    let other = Forecast::of(&history(12_960), 5, Style::Safe);
    kept.follow(&history(12_960), 5, Style::Safe);
    assert_eq!(kept.expected(), other.expected(), "another horizon begins anew");
}

#[test]
fn a_minute_that_was_corrected_is_not_kept() {
    let mut loads = wave(3000);
    let mut kept = of(&loads);
    loads[2998] = 90.0;
    kept.follow(&History { first_minute: 0, loads: &loads }, 3, Style::Balanced);
    assert_eq!(kept.expected(), of(&loads).expected());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_load_gives_a_count(
        loads in proptest::collection::vec(
            prop_oneof![4 => 0.0_f32..40.0, 1 => Just(f32::NAN), 1 => Just(0.0), 1 => 0.0_f32..1e6], 0..1500
        ),
        horizon in 1_usize..30
    ) {
        let history = History { first_minute: 29_000_000, loads: &loads };
        for style in [Style::Lean, Style::Safe] {
            let mut forecast = Forecast::of(&history, horizon, style);
            if let Some((expected, spread)) = forecast.expected() {
                prop_assert!(expected.is_finite() && expected >= 0.0 && spread.is_finite() && spread > 0.0);
            }
            prop_assert!(forecast.count(5).is_none_or(|count| count >= 1));
        }
    }
}
