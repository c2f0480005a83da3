//! Every announcement of every pure test comes by `check`.

use serde_json::{Value, json};

use super::*;
use crate::decision::Decision;
use crate::hint::Hint;
use crate::model::ServiceName;

#[path = "../../../tests/src/schema.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of the other crates")]
mod schema;

pub(crate) fn check(announcement: &Announcement) {
    let schema: Value = serde_json::from_str(include_str!("../../../events/pushboat.schema.json")).unwrap();
    let detail = serde_json::to_value(announcement).unwrap();
    let event = json!({"source": SOURCE, "detail-type": announcement.detail_type, "detail": detail});
    let violations = schema::violations(&schema, &event);
    assert!(violations.is_empty(), "{event:#}: {violations:#?}");
}

fn push() -> Hint {
    Hint::Image { repository: "game".into(), tag: "main".into() }
}

fn completed() -> Hint {
    let service = ServiceName { cluster: "pushboat".into(), service: "web".into() };
    Hint::Completed { service, deployment_id: "ecs-svc/1".into() }
}

#[test]
fn each_decision_is_announced_where_somebody_waits_for_it() {
    let none = None;
    for (action, withheld, retry, on_push, on_completed, on_sweep) in [
        (
            Action::Released,
            false,
            none,
            Some("Pushboat Release Started"),
            Some("Pushboat Release Started"),
            Some("Pushboat Release Started"),
        ),
        (
            Action::Rejected,
            false,
            none,
            Some("Pushboat Release Failed"),
            Some("Pushboat Release Failed"),
            Some("Pushboat Release Failed"),
        ),
        (
            Action::Restored,
            false,
            none,
            Some("Pushboat Revision Restored"),
            Some("Pushboat Revision Restored"),
            Some("Pushboat Revision Restored"),
        ),
        (
            Action::Succeeded,
            false,
            none,
            Some("Pushboat Release Succeeded"),
            Some("Pushboat Release Succeeded"),
            Some("Pushboat Release Succeeded"),
        ),
        (Action::Kept, true, none, Some("Pushboat Release Withheld"), None, None),
        (Action::Kept, false, none, None, None, None),
        (Action::Failed, false, Some(false), Some("Pushboat Release Withheld"), None, None),
        (Action::Failed, false, Some(true), None, None, None),
        (Action::Ignored, false, none, None, None, None),
    ] {
        for (hint, expected) in [(push(), on_push), (completed(), on_completed), (Hint::Everything, on_sweep)]
        {
            let mut decision = Decision::new(action, &hint, "as it is");
            assert_eq!(Announcement::of(&decision, &hint), None, "it is about no service");
            decision.service = Some("pushboat/web".into());
            (decision.withheld, decision.retry) = (withheld, retry);
            let announcement = Announcement::of(&decision, &hint);
            assert_eq!(announcement.as_ref().map(|it| it.detail_type), expected, "{action:?} on {hint}");
            announcement.iter().for_each(check);
        }
    }
}

#[test]
fn an_announcement_is_the_line_of_the_log_and_the_number_of_its_schema() {
    let mut decision = Decision::new(Action::Released, push(), "main means another image now");
    decision.service = Some("pushboat/web".into());
    decision.revision = Some("web:2".into());
    let announcement = Announcement::of(&decision, &push()).unwrap();
    let mut line = json!(decision);
    line["schema"] = json!(1);
    assert_eq!(json!(announcement), line);
}

#[test]
fn what_is_not_in_the_schema_would_be_found() {
    let mut decision = Decision::new(Action::Released, push(), "");
    decision.service = Some("web".into());
    let announcement = Announcement::of(&decision, &push()).unwrap();
    assert!(std::panic::catch_unwind(|| check(&announcement)).is_err(), "no reason, and no cluster");
}
