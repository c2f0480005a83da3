//! What is put is read back, in every period, for as long as CloudWatch keeps it.

use proptest::prelude::*;

use super::*;

#[test]
fn values_are_summed_up_by_period() {
    let mut world = world();
    advance(&mut world, 300);
    for (seconds, value) in [(0, 1.0), (59, 3.0), (60, 10.0), (185, 5.0)] {
        put(&mut world, "Load", seconds, value);
    }
    assert_eq!(values(&world, "Load", (0, 300), 60, Stat::Sum), [(0, 4.0), (60, 10.0), (180, 5.0)]);
    assert_eq!(values(&world, "Load", (0, 300), 60, Stat::Average)[0], (0, 2.0));
    assert_eq!(values(&world, "Load", (0, 300), 300, Stat::Maximum), [(0, 10.0)]);
    assert_eq!(values(&world, "Load", (0, 300), 120, Stat::SampleCount), [(0, 3.0), (120, 1.0)]);
    assert_eq!(values(&world, "Load", (60, 180), 60, Stat::Sum), [(60, 10.0)]);
    assert_eq!(values(&world, "Load", (0, 300), 20, Stat::Sum), [], "no high resolution");
    assert_eq!(values(&world, "Other", (0, 300), 60, Stat::Sum), []);
}

#[test]
fn high_resolution_is_read_by_the_second_and_by_the_minute() {
    let mut world = world();
    advance(&mut world, 60);
    for (seconds, value) in [(0, 1.0), (20, 2.0), (40, 3.0)] {
        let datum = Datum { high_resolution: true, ..datum("Load", seconds, value) };
        world.put_metric_data(vec![datum]).unwrap();
    }
    assert_eq!(values(&world, "Load", (0, 60), 20, Stat::Sum), [(0, 1.0), (20, 2.0), (40, 3.0)]);
    assert_eq!(values(&world, "Load", (0, 60), 60, Stat::Sum), [(0, 6.0)]);
    advance(&mut world, 3 * 3_600 + 30);
    assert_eq!(values(&world, "Load", (0, 60), 20, Stat::Sum), [(40, 3.0)], "kept for three hours");
}

#[test]
fn the_older_the_coarser_and_at_last_gone() {
    let mut world = world();
    put(&mut world, "Load", 0, 7.0);
    const DAY: i64 = 86_400;
    for (age, kept) in [
        (14 * DAY, [true, true, true]),
        (16 * DAY, [false, true, true]),
        (64 * DAY, [false, false, true]),
        (456 * DAY, [false, false, false]),
    ] {
        advance(&mut world, age);
        let found = [60, 300, 3_600].map(|period| {
            // Each span begins with a period: 14:40 is none of hours.
            let from = series::floor(BEGIN, period) - BEGIN;
            !values(&world, "Load", (from, 3_600), period, Stat::Sum).is_empty()
        });
        assert_eq!(found, kept, "after {} days", age / DAY);
    }
}

#[test]
fn what_aws_measures_is_seen_later_and_what_is_put_at_once() {
    let mut world = world();
    advance(&mut world, 60);
    world.measured(at(60), vec![datum("Load", 0, 1.0)]);
    advance(&mut world, 119);
    assert_eq!(values(&world, "Load", (0, 120), 60, Stat::Sum), []);
    assert_eq!(world.next_wake(), Some(at(120)));
    advance(&mut world, 120);
    assert_eq!(values(&world, "Load", (0, 120), 60, Stat::Sum), [(0, 1.0)]);
    world.settings.cloudwatch.put_delay_seconds = 30;
    put(&mut world, "Load", 60, 2.0);
    assert_eq!(values(&world, "Load", (60, 180), 60, Stat::Sum), []);
    advance(&mut world, 150);
    assert_eq!(values(&world, "Load", (60, 180), 60, Stat::Sum), [(60, 2.0)]);
}

#[test]
fn metrics_are_listed_for_two_weeks_and_there_are_only_so_many() {
    let mut world = world();
    world.settings.cloudwatch.most_metrics = 2;
    for (seconds, name) in [(0, "a"), (10, "b"), (20, "c")] {
        put(&mut world, name, seconds, 1.0);
    }
    let names = |world: &World, now| -> Vec<String> {
        world.cloudwatch.metrics(now).map(|it| it.name.clone()).collect()
    };
    assert_eq!(names(&world, at(20)), ["b", "c"]);
    assert_eq!(names(&world, at(14 * 86_400 + 15)), ["c"]);
    assert_eq!(world.cloudwatch.metrics_since(at(3_615), 3_600).count(), 1);
    assert_eq!(world.cloudwatch.unit_of(&metric("c")), Some("Count"));
}

#[test]
fn units_are_kept_apart_and_mixed_only_when_nobody_asks_for_one() {
    let mut world = world();
    put(&mut world, "Load", 0, 1.0);
    world.put_metric_data(vec![Datum { unit: "Percent".into(), ..datum("Load", 0, 5.0) }]).unwrap();
    let sum = |unit| {
        let read = world.cloudwatch.read(&metric("Load"), (at(0), at(60)), 60, unit, world.now());
        read.first().and_then(|it| it.statistics.get(Stat::Sum))
    };
    assert_eq!((sum(Some("Count")), sum(Some("Percent")), sum(None)), (Some(1.0), Some(5.0), Some(6.0)));
    assert_eq!(sum(Some("Seconds")), None);
}

#[test]
fn what_cloudwatch_does_not_take_is_refused_as_a_whole() {
    let mut world = world();
    let good = datum("Load", 0, 1.0);
    for bad in [
        Datum { metric: Metric::new("AWS/ECS", "CPUUtilization", &[]), ..good.clone() },
        Datum { metric: Metric::new("Game", "", &[]), ..good.clone() },
        Datum { metric: Metric::new("Game", "Load", &[("Service", "")]), ..good.clone() },
        Datum { unit: "Pieces".into(), ..good.clone() },
        Datum { at: at(-15 * 86_400), ..good.clone() },
        Datum { at: at(3 * 3_600), ..good.clone() },
    ] {
        let refusal = world.put_metric_data(vec![good.clone(), bad]).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterValue", "{refusal}");
    }
    assert_eq!(values(&world, "Load", (0, 60), 60, Stat::Sum), []);
    for wrong in [f64::NAN, f64::INFINITY, 1e200, -1e200] {
        assert!(check_value(wrong).is_err());
    }
    assert_eq!(check_value(-1.5), Ok(-1.5));
}

#[test]
fn queries_yield_metrics_and_expressions() {
    let mut world = world();
    advance(&mut world, 180);
    for (seconds, load, tasks) in [(0, 10.0, 2.0), (60, 30.0, 3.0)] {
        put(&mut world, "Load", seconds, load);
        put(&mut world, "Tasks", seconds, tasks);
    }
    let queries = [
        query("m1", Subject::Metric(stat("Load", Stat::Sum)), true),
        query("m2", Subject::Metric(stat("Tasks", Stat::Average)), false),
        query("e1", Subject::Expression("FILL(m1, 0) / FILL(m2, 1)".into()), true),
        query("e2", Subject::Expression("e1 * 100".into()), true),
    ];
    let found = world.cloudwatch.query(&queries, (at(0), at(180)), world.now()).unwrap();
    let shown: Vec<(&str, &str, Vec<f64>)> = found
        .iter()
        .map(|it| (it.id.as_str(), it.label.as_str(), it.points.iter().map(|(_, value)| *value).collect()))
        .collect();
    assert_eq!(
        shown,
        [
            ("m1", "Load", vec![10.0, 30.0]),
            ("e1", "e1", vec![5.0, 10.0, 0.0]),
            ("e2", "e2", vec![500.0, 1_000.0, 0.0])
        ]
    );
    let ask = |subject: &str| {
        let queries = [query("e1", Subject::Expression(subject.into()), true)];
        world.cloudwatch.query(&queries, (at(0), at(180)), world.now())
    };
    for (wrong, part) in
        [("m9 + 1", "not defined"), ("e1 + 1", "refers to itself"), ("FOO(1)", "does not exist")]
    {
        let refusal = ask(wrong).unwrap_err();
        assert_eq!(refusal.code, "ValidationError");
        assert!(refusal.message.contains(part), "{refusal}");
    }
    assert_eq!(ask("TIME_SERIES(3)").unwrap()[0].points.len(), 3);
}

proptest! {
    /// However the values arrive, every period adds up to what was put into it.
    #[test]
    fn nothing_is_lost_between_periods(
        data in prop::collection::vec((0_i64..7_200, 0.0_f64..100.0), 1..60),
        period in prop::sample::select(vec![60_i64, 120, 300, 900, 3_600]),
    ) {
        let mut world = world();
        advance(&mut world, 7_200);
        for (seconds, value) in &data {
            put(&mut world, "Load", *seconds, *value);
        }
        // From a moment at which every period begins.
        let from = series::floor(BEGIN, 3_600) - BEGIN;
        let found: f64 = values(&world, "Load", (from, 7_200), period, Stat::Sum).iter().map(|it| it.1).sum();
        let expected: f64 = data.iter().map(|it| it.1).sum();
        prop_assert!((found - expected).abs() < 1e-6, "{} {}", found, expected);
    }
}
