//! Actions that are kept back: by mute rules and by suppressors.

use serde_json::{Value, json};

use super::alarms::{FUNCTION, alarm, told};
use super::*;

const ARN: &str = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm-mute-rule:night";

/// From 14:41 to 14:43 every day.
fn night() -> PutMuteRule {
    PutMuteRule {
        name: "night".into(),
        expression: "cron(41 14 * * *)".into(),
        duration: "PT2M".into(),
        targets: vec!["too-much".into()],
        ..PutMuteRule::default()
    }
}

fn set(world: &mut World, name: &str, value: StateValue) {
    world.set_alarm_state(name, value, "testing", None).unwrap();
}

/// Nothing is measured, so that the alarm stays as the test sets it.
fn quiet_world() -> World {
    let mut world = world();
    let mut request = alarm(1, 1, Some(MissingData::Ignore));
    request.alarm.actions.ok = vec![FUNCTION.into()];
    world.put_metric_alarm(request).unwrap();
    set(&mut world, "too-much", StateValue::Ok);
    told(&mut world);
    world
}

fn status(world: &World) -> &'static str {
    world.cloudwatch.mute_rule("night").unwrap().status(world.now()).name()
}

#[test]
fn a_muted_alarm_acts_when_the_window_is_over_by_the_state_it_then_has() {
    for (ends_in, acted) in [(StateValue::Alarm, "ALARM"), (StateValue::Ok, "OK")] {
        let mut world = quiet_world();
        world.put_mute_rule(night()).unwrap();
        assert_eq!(status(&world), "SCHEDULED");
        advance(&mut world, 70);
        assert_eq!(status(&world), "ACTIVE");
        set(&mut world, "too-much", StateValue::Alarm);
        let (events, invocations) = told(&mut world);
        assert_eq!((events.len(), invocations.len()), (1, 0));
        assert_eq!(
            events[0]["detail"]["muteDetail"],
            json!({
                "mutedByArn": ARN,
                "muteWindowStart": "2026-09-21T14:41:00.000+0000",
                "muteWindowEnd": "2026-09-21T14:43:00.000+0000",
            })
        );
        if ends_in == StateValue::Ok {
            set(&mut world, "too-much", ends_in);
        }
        advance(&mut world, 179);
        assert_eq!(told(&mut world).1, vec![]);
        advance(&mut world, 181);
        let (events, invocations) = told(&mut world);
        assert_eq!((events.len(), invocations.len()), (0, 1), "EventBridge has heard of it");
        let (function, payload) = &invocations[0];
        assert_eq!(function, "sweep");
        assert_eq!(payload["alarmData"]["state"]["value"], acted);
        assert_eq!(payload["time"], "2026-09-21T14:43:00.000+0000", "at once");
        assert!(payload["alarmData"].get("muteDetail").is_none());
        assert_eq!(status(&world), "SCHEDULED", "until tomorrow");
        set(&mut world, "too-much", StateValue::InsufficientData);
        set(&mut world, "too-much", StateValue::Ok);
        let (events, invocations) = told(&mut world);
        assert_eq!((events.len(), invocations.len()), (2, 1));
        assert!(events[1]["detail"].get("muteDetail").is_none());
    }
}

#[test]
fn a_rule_that_goes_or_changes_unmutes_at_once() {
    let changes: [fn(&mut World); 3] = [
        |world| world.delete_mute_rule("night"),
        |world| world.put_mute_rule(PutMuteRule { targets: Vec::new(), ..night() }).unwrap(),
        |world| world.put_mute_rule(PutMuteRule { expire: Some(at(90)), ..night() }).unwrap(),
    ];
    for change in changes {
        let mut world = quiet_world();
        world.put_mute_rule(night()).unwrap();
        advance(&mut world, 90);
        set(&mut world, "too-much", StateValue::Alarm);
        told(&mut world);
        change(&mut world);
        assert_eq!(told(&mut world).1.len(), 1);
    }
}

#[test]
fn windows_are_cut_by_start_and_expiry_and_counted_in_the_time_zone() {
    let mut world = quiet_world();
    let active = |world: &mut World, request: PutMuteRule, seconds: &[i64]| -> Vec<&'static str> {
        world.put_mute_rule(request).unwrap();
        let rule = world.cloudwatch.mute_rule("night").unwrap();
        seconds.iter().map(|second| rule.status(at(*second)).name()).collect()
    };
    let (scheduled, on, expired) = ("SCHEDULED", "ACTIVE", "EXPIRED");
    assert_eq!(active(&mut world, night(), &[59, 60, 179, 180]), [scheduled, on, on, scheduled]);
    assert_eq!(active(&mut world, night(), &[86_459, 86_460]), [scheduled, on]);
    let cut = PutMuteRule { start: Some(at(90)), expire: Some(at(150)), ..night() };
    assert_eq!(active(&mut world, cut, &[89, 90, 149, 150]), [scheduled, on, on, expired]);
    let berlin = PutMuteRule {
        expression: "cron(41 16 * * MON)".into(),
        timezone: Some("Europe/Berlin".into()),
        ..night()
    };
    assert_eq!(active(&mut world, berlin, &[59, 60, 86_460]), [scheduled, on, scheduled]);
    let once =
        PutMuteRule { expression: "at(2026-09-21T14:41)".into(), duration: "P1DT1M".into(), ..night() };
    assert_eq!(active(&mut world, once, &[59, 60, 86_519, 86_520]), [scheduled, on, on, expired]);
    assert!(!world.cloudwatch.mute_rule("night").unwrap().schedule.is_recurring());
    // A window that is longer than what lies between two.
    let long = PutMuteRule { duration: "P2D".into(), ..night() };
    assert_eq!(active(&mut world, long, &[0, 60, 86_400, 200_000]), [on; 4]);
}

#[test]
fn what_is_no_mute_rule_is_refused() {
    let mut world = quiet_world();
    for request in [
        PutMuteRule { name: String::new(), ..night() },
        PutMuteRule { targets: vec!["nobody".into()], ..night() },
        PutMuteRule { targets: vec!["too-much".into(); 101], ..night() },
        PutMuteRule { duration: "PT59S".into(), ..night() },
        PutMuteRule { duration: "P15DT1M".into(), ..night() },
        PutMuteRule { duration: "P1M".into(), ..night() },
        PutMuteRule { duration: "2 hours".into(), ..night() },
        PutMuteRule { duration: "-PT1H".into(), ..night() },
        PutMuteRule { expression: "41 14 * * *".into(), ..night() },
        PutMuteRule { expression: "rate(5 minutes)".into(), ..night() },
        PutMuteRule { expression: "cron(0 2 * * ? *)".into(), ..night() },
        PutMuteRule { expression: "at(2026-09-21 14:41)".into(), ..night() },
        PutMuteRule { expression: "at(2026-13-21T14:41)".into(), ..night() },
        PutMuteRule { expression: "at(2026-09-21T14:41)".into(), expire: Some(at(900)), ..night() },
        PutMuteRule { start: Some(at(900)), expire: Some(at(900)), ..night() },
        PutMuteRule { timezone: Some("Europe/Atlantis".into()), ..night() },
    ] {
        let refusal = world.put_mute_rule(request.clone()).unwrap_err();
        assert_eq!(refusal.code, "ValidationError", "{request:?}");
    }
    world.put_mute_rule(PutMuteRule { duration: "P15D".into(), ..night() }).unwrap();
    assert_eq!(world.cloudwatch.mute_rules().count(), 1);
}

/// `any` follows `too-much`, with a suppressor that is OK: 20 seconds to wait, 30 after.
fn suppressed() -> World {
    let mut world = quiet_world();
    let mut request = alarm(1, 1, Some(MissingData::Ignore));
    request.alarm = PutAlarm { name: "maintenance".into(), ..PutAlarm::default() };
    world.put_metric_alarm(request).unwrap();
    world.put_composite_alarm(composite("maintenance")).unwrap();
    assert_eq!(by(&world), Some("WaitPeriod"), "it was not OK before");
    advance(&mut world, 20);
    assert_eq!(by(&world), None);
    let (_, invocations) = told(&mut world);
    assert_eq!(invocations.len(), 1, "{invocations:?}");
    world
}

fn composite(suppressor: &str) -> PutCompositeAlarm {
    let actions = Actions { alarm: vec![FUNCTION.into()], ok: vec![FUNCTION.into()], ..Actions::default() };
    PutCompositeAlarm {
        alarm: PutAlarm { name: "any".into(), actions, ..PutAlarm::default() },
        rule: "ALARM(too-much)".into(),
        suppressor: Some(Suppressor { alarm: suppressor.into(), wait_seconds: 20, extension_seconds: 30 }),
    }
}

fn by(world: &World) -> Option<&'static str> {
    world.cloudwatch.alarm("any").unwrap().state.suppression.map(|it| it.by.name())
}

/// What the functions have been told of `any`.
fn invoked(world: &mut World) -> Vec<Value> {
    let of_any = told(world).1.into_iter().map(|(_, payload)| payload["alarmData"].clone());
    of_any.filter(|data| data["alarmName"] == "any").collect()
}

#[test]
fn a_composite_alarm_waits_for_its_suppressor_and_acts_if_that_stays_calm() {
    let mut world = suppressed();
    set(&mut world, "too-much", StateValue::Alarm);
    let (events, _) = told(&mut world);
    let detail = &events[1]["detail"];
    assert_eq!(detail["state"]["actionsSuppressedBy"], "WaitPeriod");
    assert_eq!(detail["state"]["actionsSuppressedReason"], "Actions suppressed by WaitPeriod");
    assert_eq!(
        detail["configuration"],
        json!({
            "alarmRule": "ALARM(too-much)",
            "actionsSuppressor": "maintenance",
            "actionsSuppressorWaitPeriod": 20,
            "actionsSuppressorExtensionPeriod": 30,
        })
    );
    advance(&mut world, 39);
    assert_eq!(invoked(&mut world), Vec::<Value>::new());
    advance(&mut world, 40);
    let [data] = &invoked(&mut world)[..] else { panic!("once") };
    assert_eq!(data["state"]["value"], "ALARM");
    assert_eq!(data["state"]["timestamp"], "2026-09-21T14:40:40.000+0000");
    assert!(data["state"].get("actionsSuppressedBy").is_none());
    let previous = &data["previousState"];
    assert_eq!(
        (&previous["value"], &previous["actionsSuppressedBy"]),
        (&json!("ALARM"), &json!("WaitPeriod"))
    );
    // A change while it waits begins another wait; what it acts by is how it stands then.
    advance(&mut world, 50);
    set(&mut world, "too-much", StateValue::Ok);
    advance(&mut world, 60);
    set(&mut world, "too-much", StateValue::Alarm);
    advance(&mut world, 79);
    assert_eq!((by(&world), invoked(&mut world)), (Some("WaitPeriod"), vec![]));
    advance(&mut world, 80);
    let invoked = invoked(&mut world);
    assert_eq!((invoked.len(), &invoked[0]["state"]["value"]), (1, &json!("ALARM")));
}

#[test]
fn a_suppressor_in_alarm_keeps_actions_back_and_for_a_while_longer() {
    let mut world = suppressed();
    set(&mut world, "too-much", StateValue::Alarm);
    advance(&mut world, 30);
    set(&mut world, "maintenance", StateValue::Alarm);
    assert_eq!(by(&world), Some("Alarm"));
    advance(&mut world, 200);
    assert_eq!((by(&world), invoked(&mut world)), (Some("Alarm"), vec![]));
    set(&mut world, "maintenance", StateValue::Ok);
    assert_eq!(by(&world), Some("ExtensionPeriod"));
    advance(&mut world, 229);
    assert_eq!(invoked(&mut world), Vec::<Value>::new());
    advance(&mut world, 230);
    let told = invoked(&mut world);
    assert_eq!((by(&world), told.len()), (None, 1));
    assert_eq!(told[0]["previousState"]["actionsSuppressedBy"], "ExtensionPeriod");
    // Suppressed after it has acted, it has nothing to make up for.
    set(&mut world, "maintenance", StateValue::Alarm);
    set(&mut world, "maintenance", StateValue::Ok);
    assert_eq!(by(&world), Some("ExtensionPeriod"));
    advance(&mut world, 235);
    // Its end discards the period and begins a wait.
    set(&mut world, "too-much", StateValue::Ok);
    assert_eq!(by(&world), Some("WaitPeriod"));
    advance(&mut world, 254);
    assert_eq!(invoked(&mut world), Vec::<Value>::new());
    advance(&mut world, 255);
    assert_eq!(invoked(&mut world)[0]["state"]["value"], "OK");
}

#[test]
fn a_suppressed_alarm_may_be_muted_as_well_and_another_suppressor_begins_anew() {
    let mut world = suppressed();
    world.put_mute_rule(PutMuteRule { targets: vec!["any".into()], ..night() }).unwrap();
    advance(&mut world, 100);
    set(&mut world, "too-much", StateValue::Alarm);
    advance(&mut world, 130);
    assert_eq!((by(&world), invoked(&mut world)), (None, vec![]), "muted until 180");
    advance(&mut world, 180);
    assert_eq!(invoked(&mut world).len(), 1);

    set(&mut world, "too-much", StateValue::Ok);
    assert_eq!(by(&world), Some("WaitPeriod"));
    let arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:too-much";
    world.put_composite_alarm(composite(arn)).unwrap();
    assert_eq!((by(&world), invoked(&mut world).len()), (None, 1));
    let negative = |mut request: PutCompositeAlarm| {
        request.suppressor.as_mut().unwrap().wait_seconds = -1;
        request
    };
    for wrong in [composite("nobody"), composite("any"), negative(composite("maintenance"))] {
        assert_eq!(world.put_composite_alarm(wrong).unwrap_err().code, "ValidationError");
    }
}
