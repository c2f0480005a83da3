//! Every announcement of every pure test comes by `check`.

use serde_json::{Value, json};

use super::*;
use crate::decision::Decision;
use crate::diagnosis::{Evidence, diagnose};
use crate::hint::Hint;
use crate::model::{ServiceName, TargetHealth};

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
    let always = |detail_type| (Some(detail_type), Some(detail_type), Some(detail_type));
    for (action, expected) in [
        (Action::Released, always("Pushboat Release Started")),
        (Action::Rejected, always("Pushboat Release Rejected")),
        (Action::RolledBack, always("Pushboat Release Rolled Back")),
        (Action::Continued, always("Pushboat Release Continued")),
        (Action::Held, always("Pushboat Releases Held")),
        (Action::Lifted, always("Pushboat Releases Resumed")),
        (Action::TaskStarted, always("Pushboat Task Started")),
        (Action::Restored, always("Pushboat Revision Restored")),
        (Action::Succeeded, always("Pushboat Release Succeeded")),
    ] {
        announces(action, false, none, expected);
    }
    for (action, withheld, retry, on_push) in [
        (Action::Kept, true, none, Some("Pushboat Release Withheld")),
        (Action::Kept, false, none, None),
        (Action::Failed, false, Some(false), Some("Pushboat Release Withheld")),
        (Action::Failed, false, Some(true), None),
        (Action::Ignored, false, none, None),
    ] {
        announces(action, withheld, retry, (on_push, None, None));
    }
}

/// On a push, when a deployment completes, and on a sweep.
type Expected = (Option<&'static str>, Option<&'static str>, Option<&'static str>);

fn announces(
    action: Action,
    withheld: bool,
    retry: Option<bool>,
    (on_push, on_completed, on_sweep): Expected,
) {
    for (hint, expected) in [(push(), on_push), (completed(), on_completed), (Hint::Everything, on_sweep)] {
        let mut decision = Decision::new(action, &hint, "as it is");
        assert_eq!(Announcement::of(&decision, &hint), None, "it is about no service");
        decision.service = Some("pushboat/web".into());
        (decision.withheld, decision.retry) = (withheld, retry);
        let announcement = Announcement::of(&decision, &hint);
        assert_eq!(announcement.as_ref().map(|it| it.detail_type), expected, "{action:?} on {hint}");
        announcement.iter().for_each(check);
    }
}

#[test]
fn what_failed_is_told_apart_from_what_somebody_left() {
    let mut decision = Decision::new(Action::Rejected, Hint::Everything, "as it is");
    decision.service = Some("pushboat/web".into());
    let detail_type = |decision: &Decision| {
        let announcement = Announcement::of(decision, &Hint::Everything).unwrap();
        check(&announcement);
        announcement.detail_type
    };
    assert_eq!(detail_type(&decision), "Pushboat Release Rejected");
    let health = TargetHealth::default();
    let evidence = Evidence { why: "tasks failed to start", tasks: &[], messages: &[], health: &health };
    decision.diagnosis = Some(diagnose(evidence));
    assert_eq!(detail_type(&decision), "Pushboat Release Failed");
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
