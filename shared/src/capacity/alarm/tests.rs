use proptest::prelude::*;

use super::*;

const ALL: (u32, u32) = (1, 100);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn step(text: &str) -> Step {
    text.parse().unwrap()
}

/// Applies it to a service that follows its floors and ceilings at once.
fn deliver(tag: &mut Option<Bound>, state: State, text: &str, desired: &mut u32, now: i64) -> Change {
    let change = change(tag.as_ref(), "queue", state, step(text), *desired, ALL, at(now));
    match &change {
        Change::Keep => {}
        Change::Write(bound) => {
            *tag = Some(bound.clone());
            *desired = match bound.kind {
                Kind::Floor => bound.count.max(*desired),
                Kind::Ceiling => bound.count.min(*desired),
            };
        }
        Change::Remove => *tag = None,
    }
    change
}

#[test]
fn a_step_is_a_signed_count_or_percentage() {
    for (text, from, to) in [
        ("+2", 4, 6),
        ("+50pct", 4, 6),
        ("+50pct", 3, 5),
        ("+1pct", 3, 4),
        ("-1", 4, 3),
        ("-1", 1, 1),
        ("-10pct", 5, 4),
        ("-50pct", 5, 2),
        ("-9", 4, 1),
        ("+5000", 4000, MOST_TASKS),
    ] {
        assert_eq!(step(text).from(from), to, "{text} of {from}");
    }
    for odd in [
        "", "2", "+", "-", "+0", "-0", "+2.5", "+-2", "++2", "+2 tasks", "+50%", "+1001pct", "-100pct", "pct",
    ] {
        assert!(odd.parse::<Step>().is_err(), "'{odd}'");
    }
}

#[test]
fn twenty_deliveries_of_one_transition_move_once() {
    let (mut tag, mut desired) = (None, 4);
    for delivery in 0..20 {
        deliver(&mut tag, State::Alarm { since: at(0) }, "+2", &mut desired, 5 + delivery);
    }
    assert_eq!(desired, 6);
}

#[test]
fn it_moves_each_minute_while_it_stays_and_ends_with_ok() {
    let (mut tag, mut desired) = (None, 4);
    let alarm = State::Alarm { since: at(0) };
    for (now, expected) in [(5, 6), (64, 6), (65, 8), (70, 8), (125, 10)] {
        deliver(&mut tag, alarm, "+2", &mut desired, now);
        assert_eq!(desired, expected, "at {now}");
    }
    deliver(&mut tag, State::Unknown, "+2", &mut desired, 200);
    assert_eq!((desired, tag.is_some()), (10, true), "without data it stays where it is");
    assert_eq!(deliver(&mut tag, State::Ok { since: at(210) }, "+2", &mut desired, 215), Change::Remove);
    assert_eq!(deliver(&mut tag, State::Ok { since: at(210) }, "+2", &mut desired, 216), Change::Keep);
}

#[test]
fn who_comes_late_changes_nothing() {
    let (mut tag, mut desired) = (None, 4);
    deliver(&mut tag, State::Alarm { since: at(100) }, "+2", &mut desired, 105);
    let before = tag.clone();
    assert_eq!(deliver(&mut tag, State::Ok { since: at(50) }, "+2", &mut desired, 110), Change::Keep);
    assert_eq!(deliver(&mut tag, State::Alarm { since: at(0) }, "+2", &mut desired, 300), Change::Keep);
    assert_eq!(tag, before);
}

#[test]
fn an_alarm_that_flaps_is_not_quicker_than_one_that_stays() {
    let (mut tag, mut desired) = (None, 4);
    for since in 0..50 {
        deliver(&mut tag, State::Alarm { since: at(since) }, "+2", &mut desired, since);
    }
    assert_eq!(desired, 6);
}

#[test]
fn two_at_once_write_the_same_and_nobody_leaves_the_bounds() {
    let tag = Bound { kind: Kind::Floor, count: 6, since: at(0), moved_at: at(0), alarm: "queue".into() };
    let raised = |now, present| match change(
        Some(&tag),
        "queue",
        State::Alarm { since: at(0) },
        step("+50pct"),
        present,
        (1, 8),
        at(now),
    ) {
        Change::Write(bound) => bound.count,
        other => panic!("{other:?}"),
    };
    assert_eq!((raised(60, 6), raised(65, 9)), (8, 8));
    let top = Bound { count: 8, ..tag };
    let kept = change(Some(&top), "queue", State::Alarm { since: at(0) }, step("+2"), 8, (1, 8), at(60));
    assert_eq!(kept, Change::Keep, "nothing is written where nothing moves");
}

#[test]
fn an_alarm_that_would_not_act_is_as_good_as_ok_and_says_why() {
    let rings = Alarm {
        name: "queue".into(),
        arn: "arn:aws:cloudwatch:eu:1:alarm:queue".into(),
        state: AlarmState::Alarm,
        since: at(7),
        actions_enabled: true,
        suppressed_by: None,
        about: Vec::new(),
        children: Vec::new(),
    };
    let off = Alarm { actions_enabled: false, ..rings.clone() };
    let suppressed = Alarm { suppressed_by: Some("WaitPeriod".into()), ..rings.clone() };
    let calm = Alarm { state: AlarmState::Ok, ..suppressed.clone() };
    let unknown = Alarm { state: AlarmState::InsufficientData, ..suppressed.clone() };
    let refused = Muted::NotToBeFound("AccessDenied".into());
    let (alarm, ok) = (State::Alarm { since: at(7) }, State::Ok { since: at(9) });
    for (found, muted, expected, words) in [
        (&rings, &Muted::No, alarm, None),
        (&rings, &Muted::Yes, ok, Some("is muted")),
        (&rings, &Muted::NotYet, State::Unknown, None),
        (&rings, &refused, alarm, Some("so it counts (AccessDenied)")),
        (&off, &Muted::No, ok, Some("are switched off")),
        (&suppressed, &Muted::No, ok, Some("are suppressed by WaitPeriod")),
        (&calm, &Muted::Yes, State::Ok { since: at(7) }, None),
        (&unknown, &Muted::Yes, State::Unknown, None),
    ] {
        let (state, why) = stands(found, muted, at(9));
        assert_eq!(state, expected, "{why:?}");
        assert_eq!(why.is_some(), words.is_some());
        assert!(words.is_none_or(|words| why.unwrap().ends_with(words)), "{words:?}");
    }
    // In the second of the transition, of which "now" has no parts.
    assert_eq!(stands(&rings, &Muted::Yes, at(6)).0, State::Ok { since: at(7) });
}

#[test]
fn a_ceiling_goes_down() {
    let (mut tag, mut desired) = (None, 4);
    for now in [0, 10, 60, 120, 180, 240] {
        deliver(&mut tag, State::Alarm { since: at(0) }, "-1", &mut desired, now);
    }
    assert_eq!(desired, 1);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        count in 1..=MOST_TASKS, since in 0_i64..4_000_000_000_000, moved in 0_i64..4_000_000_000_000,
        alarm in "[a-zA-Z].{0,254}", is_floor in any::<bool>()
    ) {
        let kind = if is_floor { Kind::Floor } else { Kind::Ceiling };
        let since = Timestamp::from_millisecond(since).unwrap();
        let bound = Bound { kind, count, since, moved_at: Timestamp::from_millisecond(moved).unwrap(), alarm: tag_value(&alarm) };
        let value = bound.value();
        prop_assert!(value.chars().count() <= 256 && key(&alarm).len() <= 128);
        let read = Bound::parse(&value).unwrap();
        prop_assert_eq!(&read.alarm, &bound.alarm.chars().take(read.alarm.chars().count()).collect::<String>());
        prop_assert_eq!(Bound { alarm: String::new(), ..read }, Bound { alarm: String::new(), ..bound });
    }

    #[test]
    fn within_a_minute_it_is_one_step_at_most(nows in proptest::collection::vec((0_i64..60, 0_i64..60), 1..40)) {
        let (mut tag, mut desired) = (None, 10);
        let mut nows = nows;
        nows.sort_unstable();
        for (now, since) in nows {
            deliver(&mut tag, State::Alarm { since: at(since.min(now)) }, "+3", &mut desired, now);
            prop_assert!(desired == 13);
        }
    }
}
