//! Alarms over time: when they are looked at, what they tell whom, and what is refused of them.

use serde_json::{Value, json};

use super::*;

pub(super) const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:sweep";

pub(super) fn alarm(datapoints: usize, periods: usize, missing: Option<MissingData>) -> PutMetricAlarm {
    PutMetricAlarm {
        alarm: PutAlarm {
            name: "too-much".into(),
            description: Some("a test".into()),
            actions: Actions {
                alarm: vec![FUNCTION.into(), "arn:aws:sns:eu-central-1:123456789012:people".into()],
                ok: vec![format!("{FUNCTION}:live")],
                ..Actions::default()
            },
            tags: [("team".to_owned(), "game".to_owned())].into(),
        },
        configuration: MetricAlarm {
            watched: Watched::One(stat("Load", Stat::Average)),
            evaluation_periods: periods,
            datapoints_to_alarm: Some(datapoints),
            threshold: 50.0,
            comparison: Comparison::GreaterThan,
            missing_data: missing,
            ignores_low_sample_counts: None,
        },
    }
}

fn state(world: &World) -> StateValue {
    world.cloudwatch.alarm("too-much").unwrap().state.value
}

fn reason(world: &World) -> &str {
    &world.cloudwatch.alarm("too-much").unwrap().state.reason
}

/// Events of alarms, and invocations of functions.
pub(super) fn told(world: &mut World) -> (Vec<Value>, Vec<(String, Value)>) {
    let (mut events, mut invocations) = (Vec::new(), Vec::new());
    for effect in world.take_effects() {
        match effect {
            Effect::Event(event) => events.push(event),
            Effect::InvokeFunction { function, payload } => invocations.push((function, payload)),
            other => panic!("{other:?}"),
        }
    }
    (events, invocations)
}

#[test]
fn an_alarm_goes_off_once_tells_the_bus_and_invokes_its_function() {
    let mut world = world();
    world.put_metric_alarm(alarm(1, 1, Some(MissingData::NotBreaching))).unwrap();
    assert_eq!(state(&world), StateValue::InsufficientData);
    assert_eq!(reason(&world), "Unchecked: Initial alarm creation");
    advance(&mut world, 5);
    assert_eq!(state(&world), StateValue::Ok);
    assert_eq!(
        reason(&world),
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as \
         [NonBreaching]."
    );
    let (events, invocations) = told(&mut world);
    assert_eq!((events.len(), invocations.len()), (1, 1), "also the first evaluation is a transition");
    assert_eq!(invocations[0].0, "sweep", "the alias is none of the name");

    put(&mut world, "Load", 10, 99.5);
    advance(&mut world, 64);
    assert_eq!(state(&world), StateValue::Ok, "the minute was not over when it was looked at");
    advance(&mut world, 65);
    assert_eq!(state(&world), StateValue::Alarm);
    let (events, invocations) = told(&mut world);
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event["source"], "aws.cloudwatch");
    assert_eq!(event["detail-type"], "CloudWatch Alarm State Change");
    assert_eq!(event["time"], "2026-09-21T14:41:05Z");
    let arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:too-much";
    assert_eq!(event["resources"], json!([arn]));
    let detail = &event["detail"];
    assert_eq!(detail["alarmName"], "too-much");
    assert_eq!(detail["state"]["value"], "ALARM");
    assert_eq!(
        detail["state"]["reason"],
        "Threshold Crossed: 1 out of the last 1 datapoints [99.5 (21/09/26 14:40:00)] was greater than the threshold \
         (50.0) (minimum 1 datapoint for OK -> ALARM transition)."
    );
    assert_eq!(detail["state"]["timestamp"], "2026-09-21T14:41:05.000+0000");
    assert_eq!(detail["previousState"]["value"], "OK");
    let data: Value = serde_json::from_str(detail["state"]["reasonData"].as_str().unwrap()).unwrap();
    assert_eq!(data["recentDatapoints"], json!([99.5]));
    assert_eq!((&data["statistic"], &data["period"]), (&json!("Average"), &json!(60)));
    assert_eq!(data["startDate"], "2026-09-21T14:40:00.000+0000");
    let metrics = &detail["configuration"]["metrics"][0];
    assert_eq!(metrics["metricStat"]["metric"]["dimensions"], json!({ "Service": "game" }));
    assert_eq!(metrics["metricStat"]["stat"], "Average");
    assert_eq!(detail["configuration"]["description"], "a test");

    let [(function, payload)] = &invocations[..] else { panic!("{invocations:?}") };
    assert_eq!(function, "sweep");
    assert_eq!(payload["alarmArn"], arn);
    assert_eq!(payload["accountId"], "123456789012");
    assert_eq!(payload["time"], "2026-09-21T14:41:05.000+0000");
    assert_eq!(payload["alarmData"], *detail, "the same data in another envelope");
    assert!(payload.get("detail").is_none());

    for minute in 2..=3 {
        put(&mut world, "Load", minute * 60 - 30, 80.0);
        advance(&mut world, minute * 60 + 5);
    }
    assert_eq!(state(&world), StateValue::Alarm);
    assert_eq!(told(&mut world), (vec![], vec![]), "however long it lasts");
    advance(&mut world, 900);
    assert_eq!(state(&world), StateValue::Ok);
    let kinds: Vec<&str> = world.cloudwatch.history().map(|item| item.kind.name()).collect();
    assert_eq!(
        kinds,
        [
            "ConfigurationUpdate",
            "StateUpdate",
            "Action",
            "StateUpdate",
            "Action",
            "Action",
            "StateUpdate",
            "Action"
        ]
    );
}

#[test]
fn three_out_of_three_take_three_minutes_and_missing_data_ends_in_insufficient_data() {
    let mut world = world();
    world.put_metric_alarm(alarm(3, 3, None)).unwrap();
    let mut states = Vec::new();
    for minute in 1..=10 {
        if minute <= 4 {
            put(&mut world, "Load", minute * 60 - 60, if minute == 1 { 1.0 } else { 90.0 });
        }
        advance(&mut world, minute * 60 + 5);
        states.push(state(&world).name());
    }
    assert_eq!(
        states,
        [
            "OK",
            "OK",
            "OK",
            "ALARM",
            "ALARM",
            "ALARM",
            "ALARM",
            "ALARM",
            "INSUFFICIENT_DATA",
            "INSUFFICIENT_DATA"
        ]
    );
    assert_eq!(reason(&world), "Insufficient Data: 3 datapoints were unknown.");
}

#[test]
fn high_resolution_alarms_are_looked_at_every_ten_seconds() {
    let mut world = world();
    let mut request = alarm(2, 2, None);
    request.configuration.watched = Watched::One(MetricStat { period: 20, ..stat("Load", Stat::Maximum) });
    world.put_metric_alarm(request).unwrap();
    for second in [0, 20, 40] {
        advance(&mut world, second + 20);
        let value = if second == 0 { 1.0 } else { 90.0 };
        world.put_metric_data(vec![Datum { high_resolution: true, ..datum("Load", second, value) }]).unwrap();
    }
    advance(&mut world, 64);
    assert_eq!(state(&world), StateValue::Ok);
    advance(&mut world, 65);
    assert_eq!(state(&world), StateValue::Alarm);
}

#[test]
fn math_is_evaluated_with_what_is_missing_filled() {
    let mut world = world();
    let mut request = alarm(1, 1, None);
    request.configuration.threshold = 0.5;
    request.configuration.watched = Watched::Queries(vec![
        query("m1", Subject::Metric(stat("Errors", Stat::Sum)), false),
        query("m2", Subject::Metric(stat("Requests", Stat::Sum)), false),
        query("e1", Subject::Expression("IF(m2 > 10, FILL(m1, 0) / m2, 0)".into()), true),
    ]);
    world.put_metric_alarm(request).unwrap();
    put(&mut world, "Requests", 0, 20.0);
    advance(&mut world, 65);
    assert_eq!(state(&world), StateValue::Ok);
    put(&mut world, "Requests", 60, 20.0);
    put(&mut world, "Errors", 60, 15.0);
    told(&mut world);
    advance(&mut world, 125);
    assert_eq!(state(&world), StateValue::Alarm);
    let (events, _) = told(&mut world);
    let metrics = &events[0]["detail"]["configuration"]["metrics"];
    assert_eq!(
        metrics[2],
        json!({ "expression": "IF(m2 > 10, FILL(m1, 0) / m2, 0)", "id": "e1", "returnData": true })
    );
    assert_eq!(metrics[0]["returnData"], false);
    assert!(metrics[0]["metricStat"].is_object());
}

#[test]
fn actions_can_be_turned_off_the_event_cannot() {
    let mut world = world();
    world.put_metric_alarm(alarm(1, 1, None)).unwrap();
    world.enable_alarm_actions(&["too-much".into(), "nobody".into()], false);
    world.set_alarm_state("too-much", StateValue::Alarm, "testing", None).unwrap();
    let (events, invocations) = told(&mut world);
    assert_eq!((events.len(), invocations.len()), (1, 0));
    assert_eq!(events[0]["detail"]["state"]["reason"], "testing");
    assert!(events[0]["detail"]["state"].get("reasonData").is_none());
    world.set_alarm_state("too-much", StateValue::Alarm, "again", None).unwrap();
    assert_eq!(told(&mut world), (vec![], vec![]), "no change");
    advance(&mut world, 5);
    assert_eq!(state(&world), StateValue::InsufficientData, "lasts until it is looked at");
    assert_eq!(world.set_alarm_state("nobody", StateValue::Ok, "", None).unwrap_err().http_status, 404);
    let wrong = world.set_alarm_state("too-much", StateValue::Ok, "", Some("{".into())).unwrap_err();
    assert_eq!(wrong.code, "InvalidFormat");
}

#[test]
fn a_composite_alarm_follows_its_children_and_keeps_them() {
    let mut world = world();
    world.put_metric_alarm(alarm(1, 1, Some(MissingData::NotBreaching))).unwrap();
    let composite = |rule: &str| PutCompositeAlarm {
        alarm: PutAlarm {
            name: "any".into(),
            actions: Actions { alarm: vec![FUNCTION.into()], ..Actions::default() },
            ..PutAlarm::default()
        },
        rule: rule.into(),
        suppressor: None,
    };
    for wrong in ["ALARM(nobody)", "ALARM(any)", "ALARM(too-much", ""] {
        assert_eq!(
            world.put_composite_alarm(composite(wrong)).unwrap_err().code,
            "ValidationError",
            "{wrong}"
        );
    }
    world.put_composite_alarm(composite("ALARM(\"too-much\") AND NOT FALSE")).unwrap();
    assert_eq!(world.cloudwatch.alarm("any").unwrap().state.value, StateValue::Ok);
    told(&mut world);
    world.set_alarm_state("too-much", StateValue::Alarm, "testing", None).unwrap();
    let (events, invocations) = told(&mut world);
    assert_eq!(events.len(), 2);
    let detail = &events[1]["detail"];
    assert_eq!((&detail["alarmName"], &detail["state"]["value"]), (&json!("any"), &json!("ALARM")));
    assert_eq!(
        detail["state"]["reason"],
        "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:too-much transitioned to ALARM at Monday 21 September, 2026 \
         14:40:00 UTC"
    );
    assert_eq!(detail["configuration"], json!({ "alarmRule": "ALARM(\"too-much\") AND NOT FALSE" }));
    assert_eq!(invocations.len(), 2);
    let refusal = world.delete_alarms(&["too-much".into()]).unwrap_err();
    assert!(refusal.message.contains("the composite alarm any depends on it"));
    world.delete_alarms(&["too-much".into(), "any".into(), "nobody".into()]).unwrap();
    assert_eq!(world.cloudwatch.alarms().count(), 0);
}

#[test]
fn alarms_that_refer_to_each_other_do_not_spin() {
    let mut world = world();
    let put = |world: &mut World, name: &str, rule: &str| {
        let alarm = PutAlarm { name: name.into(), ..PutAlarm::default() };
        world.put_composite_alarm(PutCompositeAlarm { alarm, rule: rule.into(), suppressor: None }).unwrap();
    };
    put(&mut world, "a", "TRUE");
    put(&mut world, "b", "NOT ALARM(a)");
    put(&mut world, "a", "OK(b)");
    put(&mut world, "b", "ALARM(a)");
    advance(&mut world, 600);
    assert!(world.cloudwatch.history().count() < 2_000);
}

#[test]
fn an_update_keeps_state_and_tags_and_wrong_alarms_are_refused() {
    let mut world = world();
    world.put_metric_alarm(alarm(1, 1, Some(MissingData::Breaching))).unwrap();
    advance(&mut world, 5);
    assert_eq!(state(&world), StateValue::Alarm);
    let mut changed = alarm(2, 3, None);
    changed.alarm.tags.clear();
    world.put_metric_alarm(changed).unwrap();
    let found = world.cloudwatch.alarm("too-much").unwrap();
    assert_eq!((found.state.value, found.tags.len()), (StateValue::Alarm, 1));

    let wrong = |change: &dyn Fn(&mut PutMetricAlarm)| {
        let mut request = alarm(1, 1, None);
        change(&mut request);
        request
    };
    let math = |text: &str| {
        let text = text.to_owned();
        Watched::Queries(vec![query("e1", Subject::Expression(text), true)])
    };
    for request in [
        wrong(&|it| it.configuration.datapoints_to_alarm = Some(2)),
        wrong(&|it| it.configuration.evaluation_periods = 0),
        wrong(&|it| it.configuration.threshold = f64::NAN),
        wrong(&|it| it.configuration.watched = math("FOO(1)")),
        wrong(&|it| it.configuration.watched = math("METRICS()")),
        wrong(&|it| it.configuration.watched = math("m1")),
        wrong(&|it| it.configuration.watched = Watched::Queries(Vec::new())),
        wrong(&|it| {
            it.configuration.watched = Watched::One(MetricStat { period: 45, ..stat("Load", Stat::Sum) });
        }),
        wrong(&|it| {
            it.configuration.evaluation_periods = 1_441;
        }),
        wrong(&|it| it.alarm.actions.alarm = vec!["sweep".into()]),
        wrong(&|it| it.alarm.name = String::new()),
    ] {
        assert_eq!(world.put_metric_alarm(request).unwrap_err().code, "ValidationError");
    }
}

#[test]
fn a_percentile_of_few_samples_can_be_left_out_of_account() {
    let mut world = world();
    let mut request = alarm(1, 1, Some(MissingData::Ignore));
    request.configuration.watched = Watched::One(stat("Load", Stat::Percentile(99.0)));
    request.configuration.ignores_low_sample_counts = Some(true);
    world.put_metric_alarm(request).unwrap();
    let samples = |seconds, count| Datum {
        statistics: Statistics::summed_up(count, 90.0 * count, 90.0, 90.0),
        ..datum("Load", seconds, 0.0)
    };
    world.put_metric_data(vec![samples(0, 999.0)]).unwrap();
    advance(&mut world, 65);
    assert_eq!(state(&world), StateValue::InsufficientData);
    world.put_metric_data(vec![samples(60, 1_000.0)]).unwrap();
    advance(&mut world, 125);
    assert_eq!(state(&world), StateValue::Alarm);
}
