use serde_json::{Value, json};

use super::*;
use crate::model::RolloutState;
use crate::overlap::tests::{rollout as of_second, service};

fn revision(number: u32, tags: &[(&str, &str)]) -> TaskDefinition {
    let document = json!({
        "family": "game", "registeredBy": "arn:aws:iam::1:user/ann", "registeredAt": 1_795_248_000.5,
    });
    let Value::Object(document) = document else { unreachable!() };
    let tags = tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    TaskDefinition { arn: format!("arn:aws:ecs:eu:1:task-definition/game:{number}"), document, tags }
}

fn rollout(revision: u32, outcome: Outcome, began: i64) -> Rollout {
    let task_definition_arn = format!("arn:aws:ecs:eu:1:task-definition/game:{revision}");
    Rollout { task_definition_arn, ..of_second(outcome, began) }
}

fn at(after_eight: i64) -> Timestamp {
    of_second(Outcome::Successful, after_eight).created_at.unwrap()
}

#[test]
fn tags_tell_who_registered_a_revision() {
    for (tags, expected) in [
        (&[][..], Origin::Person),
        (&[("team", "arcade")], Origin::Person),
        (&[(BASE, "game:1")], Origin::Pushboat),
        (&[(TEMPLATE, "stack")], Origin::Template),
        (&[(TEMPLATE, "stack"), (STACK, "s")], Origin::Template),
        (&[(STACK, "s")], Origin::Stack),
    ] {
        assert_eq!(origin(&revision(1, tags)), expected, "{tags:?}");
    }
}

#[test]
fn what_a_person_deployed_stays_until_something_is_pushed_after_it() {
    use Outcome::{RolledBack, Stopped, Successful, UnderWay};
    let person = revision(7, &[]);
    let ours = revision(7, &[(BASE, "game:6")]);
    let history = [rollout(7, UnderWay, 100), rollout(6, Successful, 0)];
    // A deployment forced anew, and one of Pushboat's that ECS rolled back: the word is still that of second 100.
    let longer = [
        rollout(8, RolledBack, 300),
        rollout(7, Successful, 200),
        rollout(7, Stopped, 100),
        rollout(6, Successful, 0),
    ];
    let created = [rollout(7, Successful, 100)];
    let failed_since = [rollout(8, RolledBack, 200), rollout(7, Successful, 100)];
    for (own, history, pushed, stays) in [
        (&person, &history[..], Some(99), true),
        (&person, &history, Some(100), false),
        (&person, &history, Some(101), false),
        (&person, &history, None, false),
        (&person, &longer, Some(99), true),
        (&person, &longer, Some(101), false),
        // Without a history the registration is what is known: half a second past eight.
        (&person, &[], Some(-1), true),
        (&person, &[], Some(0), false),
        // Created so and handed over, with and without a release that failed since.
        (&person, &created[..], Some(99), false),
        (&person, &failed_since, Some(99), false),
        (&ours, &history, Some(99), false),
    ] {
        let service = service(RolloutState::Completed);
        let found = diverged(&service, own, pushed.map(at), history);
        assert_eq!(found.is_some(), stays, "{pushed:?} {history:?}");
        if let Some(found) = found {
            let words = found.to_string();
            assert!(
                words.starts_with("diverged: game:7 was deployed (registered by arn:aws:iam::1:user/ann)"),
                "{words}"
            );
        }
    }
}

#[test]
fn a_divergence_that_was_resumed_is_none() {
    let mut service = service(RolloutState::Completed);
    service.tags = resume(&revision(7, &[]));
    assert_eq!(may_have_diverged(&service, &revision(7, &[])), None);
    assert!(may_have_diverged(&service, &revision(8, &[])).is_some(), "the next one is another matter");
}

#[test]
fn what_ran_before_and_comes_back_was_put_back_by_hand() {
    use Outcome::{RolledBack, Stopped, Successful, UnderWay};
    let ours = |number| revision(number, &[(BASE, "game:1")]);
    for (own, history, left) in [
        (ours(4), vec![(4, UnderWay, 900), (5, Successful, 500), (4, Successful, 0)], Some(5)),
        (ours(4), vec![(4, Successful, 900), (5, UnderWay, 500), (4, Successful, 0)], Some(5)),
        (
            ours(4),
            vec![(4, Successful, 950), (4, Stopped, 900), (5, Stopped, 500), (4, Successful, 0)],
            Some(5),
        ),
        (
            ours(3),
            vec![(3, UnderWay, 900), (5, Successful, 500), (4, Successful, 300), (3, Successful, 0)],
            Some(5),
        ),
        // The second write of an invocation that overlapped: it never ran before, or only just now.
        (ours(4), vec![(4, UnderWay, 503), (5, Stopped, 500), (3, Successful, 0)], None),
        (ours(4), vec![(4, UnderWay, 110), (5, Stopped, 60), (4, Successful, 0)], None),
        // On demand, of which the mark tells the time: 08:14:59 is 899 s.
        (
            revision(4, &[(BASE, "web:3"), (PUT_BACK, "2026-11-21T08:14:59Z by ann")]),
            vec![(4, UnderWay, 900), (5, Successful, 500), (4, Successful, 0)],
            None,
        ),
        (
            revision(4, &[(BASE, "web:3"), (PUT_BACK, "2026-11-21T08:10:59Z by ann")]),
            vec![(4, UnderWay, 900), (5, Successful, 500), (4, Successful, 0)],
            Some(5),
        ),
        // Once more since, when ECS itself went there: 08:30 is 1800 s.
        (
            revision(4, &[(BASE, "web:3"), (PUT_BACK, "2026-11-21T08:30:00Z by ann")]),
            vec![(4, UnderWay, 900), (5, Successful, 500), (4, Successful, 0)],
            None,
        ),
        // ECS itself went back.
        (ours(4), vec![(5, RolledBack, 500), (4, Successful, 0)], None),
        (ours(4), vec![(4, UnderWay, 900), (5, RolledBack, 500), (4, Successful, 0)], None),
        // Forwards, or another family's, or not Pushboat's.
        (ours(6), vec![(6, UnderWay, 900), (5, Successful, 500), (6, Successful, 0)], None),
        (ours(4), vec![(4, Successful, 0)], None),
        (ours(4), vec![], None),
        (revision(4, &[]), vec![(4, UnderWay, 900), (5, Successful, 500), (4, Successful, 0)], None),
        (
            revision(4, &[(TEMPLATE, "s")]),
            vec![(4, UnderWay, 900), (5, Successful, 500), (4, Successful, 0)],
            None,
        ),
    ] {
        let history: Vec<_> =
            history.into_iter().map(|(of, outcome, began)| rollout(of, outcome, began)).collect();
        let found =
            left_by_hand(&own, &history).map(|left| family_and_number(&left.task_definition_arn).unwrap().1);
        assert_eq!(found, left, "{} {history:?}", own.name());
    }
}
