//! What a person says of the count.

use jiff::SignedDuration;

use super::people::{set, web};
use super::*;
use crate::capacity::temporary::{self, Which};
use crate::hold::Length;
use crate::overview::Bounds;
use crate::task_definition::TEMPLATE;

const BY: &str = "ann";

#[tokio::test]
async fn a_count_for_a_time_is_written_down_and_set_at_once() {
    let cloud = Fake::rolling('a');
    let ask = async |which, count| {
        let length = Length::For(SignedDuration::from_hours(2));
        let (by, reason) = (BY.to_owned(), "big sale".to_owned());
        let wanted = temporary::Wanted { which, count, length, by, reason };
        let mut decisions = Vec::new();
        let log = &mut |decision| decisions.push(decision);
        let result = override_count(&cloud, &scope(), &web(), &wanted, log).await;
        (decisions, result)
    };
    let refused = ask(Which::Min, 6).await.1.unwrap_err().to_string();
    assert!(refused.contains("has not been handed over"), "{refused}");
    set(&cloud, "pushboat:capacity", "2-10");
    set(&cloud, "pushboat:load", "requests/600");
    let before = cloud.services.borrow()[0].desired_count;

    let (decisions, result) = ask(Which::Min, before + 3).await;
    result.unwrap();
    assert_eq!(actions(&decisions), [Action::Overridden, Action::Scaled], "{decisions:#?}");
    assert_eq!(cloud.services.borrow()[0].desired_count, before + 3);
    assert!(decisions[0].reason.ends_with("by ann until 2026-11-21T10:00:00Z: big sale"), "{decisions:?}");
    assert_eq!(
        actions(&ask(Which::Min, before + 3).await.0),
        [Action::Overridden],
        "asking twice is asking once"
    );
    let (decisions, _) = ask(Which::Desired, 50).await;
    assert_eq!(decisions[1].desired_count, Some(10), "no more than the owner allows");
    assert!(ask(Which::Max, 0).await.1.unwrap_err().to_string().contains("a count is 1 to"));
    let tags =
        cloud.services.borrow()[0].tags.keys().filter(|it| temporary::KEYS.contains(&it.as_str())).count();
    assert_eq!(tags, 2);

    let mut decisions = Vec::new();
    let log = &mut |decision| decisions.push(decision);
    end_overrides(&cloud, &scope(), &web(), BY, log).await.unwrap();
    assert_eq!(actions(&decisions), [Action::Overridden]);
    assert!(cloud.services.borrow()[0].tags.keys().all(|it| !temporary::KEYS.contains(&it.as_str())));

    let bounds = Bounds { min: 1, max: 3 };
    cloud.scalable.borrow_mut().push((web(), bounds));
    let refused = ask(Which::Min, 6).await.1.unwrap_err().to_string();
    assert!(refused.contains("Application Auto Scaling decides"), "{refused}");
}

#[tokio::test]
async fn bounds_stay_changed_where_no_template_declares_them() {
    let cloud = Fake::rolling('a');
    let ask = async |which, count| {
        let is = |wanted| (which == wanted).then_some(count);
        let wanted = Rebound {
            min: is(Which::Min),
            max: is(Which::Max),
            by: BY.to_owned(),
            reason: "big sale".to_owned(),
        };
        let mut decisions = Vec::new();
        let log = &mut |decision| decisions.push(decision);
        let result = set_bounds(&cloud, &scope(), &web(), &wanted, log).await;
        (decisions, result.map_err(|undone| undone.to_string()))
    };
    let capacity = || cloud.services.borrow()[0].tags.get("pushboat:capacity").cloned();
    assert!(ask(Which::Min, 6).await.1.unwrap_err().contains("has not been handed over"));
    set(&cloud, "pushboat:capacity", "1-10");
    let before = cloud.services.borrow()[0].desired_count;

    let (decisions, result) = ask(Which::Min, before + 2).await;
    result.unwrap();
    assert_eq!(actions(&decisions), [Action::Overridden, Action::Scaled], "{decisions:#?}");
    assert!(decisions[0].reason.ends_with("and were 1-10, says ann: big sale"), "{decisions:?}");
    assert_eq!(cloud.services.borrow()[0].desired_count, before + 2, "at once");
    assert_eq!(actions(&ask(Which::Min, before + 2).await.0), [Action::Kept], "asking twice is asking once");
    let (decisions, _) = ask(Which::Max, 40).await;
    assert_eq!(actions(&decisions), [Action::Overridden], "room for more is no reason for more");

    let now = capacity();
    assert!(ask(Which::Min, 41).await.1.unwrap_err().contains("the minimum is above the maximum"));
    set(&cloud, "pushboat:schedule", "mon-fri/08:00-19:00/20");
    assert!(ask(Which::Max, 19).await.1.unwrap_err().contains("wants 20 tasks"));
    set(&cloud, TEMPLATE, "prod");
    let refused = ask(Which::Max, 50).await.1.unwrap_err();
    assert!(refused.contains("is the template's to change (stack prod)"), "{refused}");
    assert_eq!(capacity(), now, "what is refused changes nothing");
}
