//! Alarms that do not act, because they are muted or suppressed, and alarms on alarms.

use super::scaling::{desired, raise, requests, scale_all, sweep, web};
use super::*;
use crate::capacity::{alarm, policy as wanted};
use crate::model::{Alarm, AlarmState, Subject};

/// A composite alarm, in ALARM since now; with a step only where it has one of its own.
fn composed(cloud: &Fake, name: &str, children: &[&str], step: Option<&str>) {
    let alarm = Alarm {
        name: name.into(),
        arn: format!("arn:aws:cloudwatch:eu:1:alarm:{name}"),
        state: AlarmState::Alarm,
        since: cloud.now().unwrap(),
        actions_enabled: true,
        suppressed_by: None,
        about: Vec::new(),
        children: children.iter().map(|it| (*it).to_owned()).collect(),
    };
    let tags = step.map(|step| (alarm::STEP.to_owned(), step.to_owned())).into_iter().collect();
    cloud.alarms.borrow_mut().push((alarm, tags));
}

fn asked(cloud: &Fake, operation: &str) -> usize {
    cloud.reads.borrow_mut().extract_if(.., |_| true).filter(|it| *it == operation).count()
}

#[tokio::test]
async fn a_muted_alarm_moves_nothing_and_what_it_moved_goes() {
    let cloud = web();
    requests(&cloud, 600.0, &[]);
    let hint = raise(&cloud, Some("+50pct"));
    cloud.muted.borrow_mut().insert("orders/queue-length".into());
    let decision = sweep(&cloud).await;
    assert_eq!(desired(&cloud), 2, "{}", decision.reason);
    assert!(decision.reason.contains("the alarm orders/queue-length is muted"), "{}", decision.reason);
    assert!(cloud.tag_of_service(&alarm::key("orders/queue-length")).is_none());
    cloud.muted.borrow_mut().clear();
    scale_all(&cloud, &hint).await.1.unwrap();
    assert_eq!(desired(&cloud), 3);
    cloud.pass(30);
    cloud.muted.borrow_mut().insert("orders/queue-length".into());
    let decision = sweep(&cloud).await;
    assert_eq!(desired(&cloud), 2);
    assert!(decision.reason.contains("the alarm orders/queue-length is muted"), "{}", decision.reason);
    assert!(!decision.reason.contains("is over"), "{}", decision.reason);
    assert!(cloud.tag_of_service(&alarm::key("orders/queue-length")).is_none());
}

#[tokio::test]
async fn mute_rules_are_asked_for_once_a_walk_and_only_where_they_decide() {
    let cloud = web();
    requests(&cloud, 600.0, &[]);
    for (step, change, expected) in [
        (Some("+1"), (|_| {}) as fn(&mut Alarm), 1),
        (None, |_| {}, 0),
        (Some("more"), |_| {}, 0),
        (Some("+1"), |alarm| alarm.actions_enabled = false, 0),
        (Some("+1"), |alarm| alarm.suppressed_by = Some("Alarm".into()), 0),
        (Some("+1"), |alarm| alarm.about = vec![Subject::Service(name("other"))], 0),
    ] {
        raise(&cloud, step);
        change(&mut cloud.alarms.borrow_mut()[0].0);
        asked(&cloud, "");
        scale_all(&cloud, &Hint::Everything).await.1.unwrap();
        assert_eq!(asked(&cloud, "ListAlarmMuteRules"), expected, "{step:?}");
    }
    // One alarm of three services, each of which is looked at twice.
    let cloud = Fake::new(&[("web", "game:main"), ("shop", "game:main"), ("blog", "game:main")], 'a');
    for service in cloud.services.borrow_mut().iter_mut() {
        service.tags.insert(wanted::CAPACITY.into(), "2-10".into());
    }
    raise(&cloud, Some("+1"));
    let about = ["web", "shop", "blog"].map(|it| Subject::Service(name(it)));
    cloud.alarms.borrow_mut()[0].0.about = about.to_vec();
    scale_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert!(cloud.services.borrow().iter().all(|service| service.desired_count == 3));
    let reads = cloud.reads.borrow().clone();
    for (operation, expected) in
        [("DescribeAlarms", 1), ("ListTagsForResource", 1), ("ListAlarmMuteRules", 1)]
    {
        assert_eq!(reads.iter().filter(|it| **it == operation).count(), expected, "{reads:?}");
    }
}

#[tokio::test]
async fn an_alarm_counts_where_nobody_can_tell_whether_it_is_muted_and_waits_where_aws_is_too_busy() {
    let cloud = web();
    requests(&cloud, 600.0, &[]);
    raise(&cloud, Some("+50pct"));
    cloud.services.borrow_mut()[0].desired_count = 2;
    *cloud.failing.borrow_mut() = Some(("ListAlarmMuteRules", Trouble::Throttled));
    let (decisions, result) = scale_all(&cloud, &Hint::Everything).await;
    assert!(result.is_err(), "another try helps");
    assert_eq!(actions(&decisions), [Action::Failed, Action::Kept], "{decisions:?}");
    assert_eq!(desired(&cloud), 2);
    *cloud.failing.borrow_mut() = Some(("ListAlarmMuteRules", Trouble::Refused));
    let decision = sweep(&cloud).await;
    assert_eq!((decision.decision, desired(&cloud)), (Action::Scaled, 3));
    let words = "nobody can tell whether the alarm orders/queue-length is muted, so it counts \
                 (ListAlarmMuteRules for it: as told)";
    assert_eq!(decision.reason.matches(words).count(), 1, "{}", decision.reason);
}

#[tokio::test]
async fn a_composite_alarm_is_about_what_its_alarms_are_about() {
    let cloud = web();
    requests(&cloud, 600.0, &[]);
    cloud.services.borrow_mut()[0].desired_count = 2;
    raise(&cloud, None);
    // By another composite alarm, and one that is not there.
    composed(&cloud, "inner", &["orders/queue-length"], None);
    composed(&cloud, "any", &["inner", "gone"], Some("+50pct"));
    let hint = Hint::Alarm { name: "any".into(), about: Vec::new() };
    // Also where one of them is calm and has to be asked for.
    for (calm, calls) in [(None, 2), (Some("orders/queue-length"), 2), (Some("inner"), 3)] {
        for (alarm, _) in
            cloud.alarms.borrow_mut().iter_mut().filter(|(alarm, _)| Some(alarm.name.as_str()) == calm)
        {
            alarm.state = AlarmState::Ok;
        }
        asked(&cloud, "");
        let (decisions, result) = scale_all(&cloud, &hint).await;
        result.unwrap();
        assert_eq!(desired(&cloud), 3, "{decisions:?}");
        assert_eq!(asked(&cloud, "DescribeAlarms"), calls, "{calm:?}");
        let bound = cloud.tag_of_service(&alarm::key("any")).unwrap();
        assert!(bound.starts_with("floor 3 "), "{bound}");
        cloud.pass(5);
    }
    // Nor is a third level looked at.
    composed(&cloud, "outer", &["any"], Some("+9"));
    sweep(&cloud).await;
    assert!(cloud.tag_of_service(&alarm::key("outer")).is_none());
    cloud.alarms.borrow_mut().retain(|(alarm, _)| alarm.name != "any" && alarm.name != "outer");
    let decision = sweep(&cloud).await;
    assert!(decision.reason.contains("the alarm any is over"), "{}", decision.reason);
    assert_eq!(desired(&cloud), 2);
}

#[tokio::test]
async fn one_call_lists_all_alarms_unless_a_composite_one_with_a_step_names_another() {
    let cloud = web();
    requests(&cloud, 600.0, &[]);
    raise(&cloud, None);
    for (children, step, expected) in [
        (["orders/queue-length"].as_slice(), Some("+1"), 1),
        (&["orders/queue-length", "calm"], None, 1),
        (&["orders/queue-length", "calm"], Some("+1"), 2),
    ] {
        cloud.alarms.borrow_mut().truncate(1);
        composed(&cloud, "any", children, step);
        asked(&cloud, "");
        sweep(&cloud).await;
        assert_eq!(asked(&cloud, "DescribeAlarms"), expected, "{children:?} {step:?}");
    }
    // What cannot be found out leaves everything as it is.
    *cloud.failing.borrow_mut() = Some(("ListTagsForResource", Trouble::Refused));
    let before = cloud.tag_of_service(&alarm::key("any"));
    let (decisions, _) = scale_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Failed, Action::Kept], "{decisions:?}");
    assert!(before.is_some() && cloud.tag_of_service(&alarm::key("any")) == before);
}

#[tokio::test]
async fn a_composite_alarm_that_is_suppressed_moves_nothing() {
    let cloud = web();
    requests(&cloud, 600.0, &[]);
    raise(&cloud, None);
    composed(&cloud, "any", &["orders/queue-length"], Some("+50pct"));
    sweep(&cloud).await;
    assert_eq!(desired(&cloud), 6, "from four");
    cloud.alarms.borrow_mut()[1].0.suppressed_by = Some("ExtensionPeriod".into());
    let decision = sweep(&cloud).await;
    assert_eq!(desired(&cloud), 2);
    let words = "the actions of the alarm any are suppressed by ExtensionPeriod";
    assert!(decision.reason.contains(words), "{}", decision.reason);
    assert!(cloud.tag_of_service(&alarm::key("any")).is_none());
}
