use proptest::prelude::*;

use super::*;

#[test]
fn times_are_seconds_or_words_and_gaps_are_bridged() {
    let trace = Trace::parse("x", "timestamp,value\n0,1\n300,2\n900,4\n1200,3\n").unwrap();
    assert_eq!((trace.first_minute, trace.period_minutes), (0, 5));
    assert_eq!(trace.values, [1.0, 2.0, 3.0, 4.0, 3.0]);
    let words =
        Trace::parse("x", "2026-11-21 00:00:00,1\n2026-11-21T00:01:00Z,2\n2026-11-21 00:02:00,3").unwrap();
    assert_eq!((words.first_minute % 1440, words.period_minutes, words.values.len()), (0, 1, 3));
    for (text, says) in [
        ("", "three points"),
        ("timestamp,value\n0,1\n60,2\n", "three points"),
        ("timestamp,value\n0,1\n60;2\n", "line 3"),
        ("0,1\n60,-2\n120,1", "line 2"),
        ("0,1\n60,inf\n120,1", "line 2"),
        ("0,1\nyesterday,2\n120,1", "line 2"),
    ] {
        let refused = format!("{:#}", Trace::parse("x", text).unwrap_err());
        assert!(refused.contains(says), "{refused}");
    }
    assert!(Trace::parse("x", "0,0\n60,0\n120,0").unwrap().load(Some(10.0)).is_err());
}

#[test]
fn a_coarse_trace_has_its_mean_and_noise_of_its_own() {
    let values = vec![7.0; 300];
    let trace = Trace { name: String::new(), first_minute: 0, period_minutes: 5, values };
    let load = trace.load(Some(10.0)).unwrap();
    let mean = load.steps.iter().sum::<f64>() / load.steps.len() as f64;
    let variance = load.steps.iter().map(|step| (step - mean).powi(2)).sum::<f64>() / load.steps.len() as f64;
    // 2,500 requests a step: their root is 2 %.
    assert!((mean - 10.0).abs() < 0.02 && (variance.sqrt() - 0.2).abs() < 0.02, "{mean} {variance}");
    assert_eq!(load.steps, trace.load(Some(10.0)).unwrap().steps, "always the same");
}

proptest! {
    #[test]
    fn the_sum_of_a_minute_holds(values in proptest::collection::vec(0.0_f64..1e4, 3..200)) {
        let steps = within_minutes(&values);
        for (minute, value) in values.iter().enumerate() {
            let steps = &steps[minute * STEPS_PER_MINUTE..(minute + 1) * STEPS_PER_MINUTE];
            prop_assert!(steps.iter().all(|step| *step >= 0.0));
            prop_assert!((steps.iter().sum::<f64>() / 4.0 - value).abs() < 1e-6, "{steps:?} {value}");
        }
    }
}
