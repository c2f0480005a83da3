//! Capacity against the cloud in memory: load, alarms, people, deployments, and what is missing.

use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::capacity::startup::Starts;
use crate::capacity::{alarm, policy as wanted, temporary};
use crate::metrics::{self, Fast, Metrics};
use crate::model::{Alarm, AlarmState, Deployment, RolloutState, ServiceStatus, Subject};
use crate::overview::Bounds;

/// One service that may have two to ten tasks of 600 requests a minute each, at four.
pub(super) fn web() -> Fake {
    let cloud = Fake::new(&[("web", "game:main")], 'a');
    set(&cloud, wanted::CAPACITY, "2-10");
    set(&cloud, wanted::LOAD, "requests/600");
    cloud.services.borrow_mut()[0].desired_count = 4;
    cloud
}

fn set(cloud: &Fake, key: &str, value: &str) {
    cloud.services.borrow_mut()[0].tags.insert(key.into(), value.into());
}

/// An hour of so many requests a minute, then these, up to a minute ago.
pub(super) fn requests(cloud: &Fake, before: f64, last: &[f64]) {
    let end = cloud.now().unwrap().as_second() / 60 - 1;
    let first = end - 60;
    let from = end - i64::try_from(last.len()).unwrap();
    let mut metrics = Metrics { first, end, ..Metrics::default() };
    metrics.requests.extend((first..from).map(|minute| (minute, before)));
    metrics.requests.extend((from..).zip(last.iter().copied()));
    metrics.healthy_hosts.extend((first..end).map(|minute| (minute, 4.0)));
    cloud.metrics.borrow_mut().insert("web".into(), metrics);
}

pub(super) async fn scale_all(cloud: &Fake, hint: &Hint) -> (Vec<Decision>, Result<(), Unfinished>) {
    let mut decisions = Vec::new();
    let result = scale(cloud, &scope(), hint, &mut |decision| decisions.push(decision)).await;
    (decisions, result)
}

pub(super) async fn sweep(cloud: &Fake) -> Decision {
    let (mut decisions, result) = scale_all(cloud, &Hint::Everything).await;
    result.unwrap();
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    decisions.remove(0)
}

pub(super) fn desired(cloud: &Fake) -> u32 {
    cloud.services.borrow()[0].desired_count
}

/// An alarm on the service, in ALARM since now.
pub(super) fn raise(cloud: &Fake, step: Option<&str>) -> Hint {
    let alarm = Alarm {
        name: "orders/queue-length".into(),
        arn: "arn:aws:cloudwatch:eu:1:alarm:orders/queue-length".into(),
        state: AlarmState::Alarm,
        since: cloud.now().unwrap(),
        actions_enabled: true,
        suppressed_by: None,
        about: vec![Subject::Service(name("web"))],
        children: Vec::new(),
    };
    let hint = Hint::Alarm { name: alarm.name.clone(), about: alarm.about.clone() };
    let tags = step.map(|step| (alarm::STEP.to_owned(), step.to_owned())).into_iter().collect();
    *cloud.alarms.borrow_mut() = vec![(alarm, tags)];
    hint
}

pub(super) fn calm(cloud: &Fake, state: AlarmState) {
    let now = cloud.now().unwrap();
    let mut alarms = cloud.alarms.borrow_mut();
    (alarms[0].0.state, alarms[0].0.since) = (state, now);
}

#[tokio::test]
async fn a_surge_scales_out_at_once_and_quiet_scales_in_only_after_a_while() {
    let cloud = web();
    requests(&cloud, 1_200.0, &[]);
    let decision = sweep(&cloud).await;
    assert_eq!((decision.decision, desired(&cloud)), (Action::Scaled, 3), "{}", decision.reason);

    requests(&cloud, 1_200.0, &[4_000.0]);
    let decision = sweep(&cloud).await;
    assert_eq!((decision.former_count, decision.desired_count), (Some(3), Some(9)), "{}", decision.reason);
    assert!(decision.reason.starts_with("from 3 to 9: requests/600: 9"), "{}", decision.reason);
    assert_eq!(cloud.writes(), ["3 of pushboat/web", "9 of pushboat/web"]);

    requests(&cloud, 1_200.0, &[[4_000.0].as_slice(), &[100.0; 14]].concat());
    assert_eq!(sweep(&cloud).await.decision, Action::Kept, "the surge is only a quarter of an hour ago");
    requests(&cloud, 1_200.0, &[100.0; 15]);
    assert_eq!(
        (sweep(&cloud).await.decision, desired(&cloud)),
        (Action::Scaled, 2),
        "never below the minimum"
    );
    requests(&cloud, 1_200.0, &[1e9]);
    assert_eq!(
        (sweep(&cloud).await.decision, desired(&cloud)),
        (Action::Scaled, 10),
        "nor above the maximum"
    );
}

#[tokio::test]
async fn a_service_that_nobody_has_handed_over_keeps_its_count() {
    let cloud = Fake::new(&[("web", "game:main")], 'a');
    requests(&cloud, 1e6, &[]);
    let (decisions, result) = scale_all(&cloud, &Hint::Everything).await;
    assert!(result.is_ok() && decisions.is_empty(), "{decisions:?}");
    assert_eq!(*cloud.reads.borrow(), ["ListServices"], "nothing more is asked");
    let hint = raise(&cloud, Some("+2"));
    let (decisions, _) = scale_all(&cloud, &hint).await;
    assert_eq!(decisions[0].reason, "no service with the tag pushboat:capacity is concerned");
    set(&cloud, wanted::LOAD, "cpu/60");
    assert!(sweep(&cloud).await.reason.contains("is there, but no pushboat:capacity"));
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn a_deployment_pauses_scaling_in_and_not_out() {
    let cloud = web();
    let deploys = |state| {
        let mut services = cloud.services.borrow_mut();
        let task_definition_arn = services[0].task_definition_arn.clone();
        let (id, reason, failed_tasks) = ("ecs-svc/1".to_owned(), String::new(), 0);
        services[0].primary = Some(Deployment { id, task_definition_arn, state, reason, failed_tasks });
        // Old and new tasks run together, and count for nothing.
        services[0].running_count = 8;
    };
    deploys(RolloutState::InProgress);
    requests(&cloud, 600.0, &[]);
    let decision = sweep(&cloud).await;
    assert_eq!((decision.decision, desired(&cloud)), (Action::Kept, 4));
    assert!(decision.reason.contains("a deployment is under way"), "{}", decision.reason);
    requests(&cloud, 600.0, &[3_000.0]);
    sweep(&cloud).await;
    assert_eq!(desired(&cloud), 7);
    requests(&cloud, 600.0, &[]);
    deploys(RolloutState::Completed);
    sweep(&cloud).await;
    assert_eq!(desired(&cloud), 2);
}

#[tokio::test]
async fn without_metrics_it_holds_and_says_so() {
    let cloud = web();
    let decision = sweep(&cloud).await;
    assert_eq!((decision.decision, desired(&cloud)), (Action::Kept, 4));
    assert!(decision.reason.contains("requests/600: no metrics"), "{}", decision.reason);

    // No requests while hosts are seen is no load, and known.
    requests(&cloud, 600.0, &[]);
    cloud.metrics.borrow_mut().get_mut("web").unwrap().requests.clear();
    sweep(&cloud).await;
    assert_eq!(desired(&cloud), 2);

    for (trouble, again) in [(Trouble::Throttled, true), (Trouble::Refused, false)] {
        *cloud.failing.borrow_mut() = Some(("GetMetricData", trouble));
        let (decisions, result) = scale_all(&cloud, &Hint::Everything).await;
        assert_eq!((actions(&decisions), result.is_err()), (vec![Action::Failed, Action::Kept], again));
        assert_eq!(desired(&cloud), 2);
    }
    // A schedule and a person are heard all the same.
    set(&cloud, temporary::DESIRED, "5 2026-11-21T09:00:00Z ann sale");
    scale_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert_eq!(desired(&cloud), 5);
}

#[tokio::test]
async fn an_override_wins_until_it_expires_and_ends_by_itself() {
    let cloud = web();
    set(&cloud, temporary::DESIRED, "7 2026-11-21T08:10:00Z ann sale");
    for minute in 0..10 {
        requests(&cloud, 600.0, &[]);
        let decision = sweep(&cloud).await;
        let expected = if minute == 0 { Action::Scaled } else { Action::Kept };
        assert_eq!((decision.decision, desired(&cloud)), (expected, 7), "{}", decision.reason);
        assert!(decision.reason.contains("override: 7 by ann"), "{}", decision.reason);
        cloud.pass(60);
    }
    requests(&cloud, 600.0, &[]);
    assert_eq!((sweep(&cloud).await.decision, desired(&cloud)), (Action::Scaled, 2));
    assert!(
        cloud.tag_of_service(temporary::DESIRED).is_some(),
        "a newer one may have come: it is left there"
    );
    assert_eq!(cloud.writes(), ["7 of pushboat/web", "2 of pushboat/web"]);
}

#[tokio::test]
async fn one_transition_of_an_alarm_moves_once_however_often_it_is_told() {
    let cloud = web();
    requests(&cloud, 2_000.0, &[]);
    sweep(&cloud).await;
    assert_eq!(desired(&cloud), 5);
    cloud.writes();
    let hint = raise(&cloud, Some("+2"));
    for delivery in 0..20 {
        let (decisions, result) = scale_all(&cloud, &hint).await;
        result.unwrap();
        let expected = if delivery == 0 { Action::Scaled } else { Action::Kept };
        assert_eq!(actions(&decisions), [expected], "{decisions:?}");
        assert_eq!(decisions[0].hint, "alarm orders/queue-length");
        cloud.pass(2);
    }
    assert_eq!(cloud.writes(), ["tag arn:aws:ecs:eu:1:service/pushboat/web", "7 of pushboat/web"]);

    // The sweep continues where CloudWatch does not repeat itself.
    for expected in [9, 10, 10] {
        cloud.pass(60);
        requests(&cloud, 2_000.0, &[]);
        sweep(&cloud).await;
        assert_eq!(desired(&cloud), expected);
    }
    cloud.pass(60);
    requests(&cloud, 2_000.0, &[]);
    calm(&cloud, AlarmState::InsufficientData);
    sweep(&cloud).await;
    assert_eq!(desired(&cloud), 10, "what it said holds while nobody knows better");
    calm(&cloud, AlarmState::Ok);
    let decision = sweep(&cloud).await;
    assert_eq!((decision.decision, desired(&cloud)), (Action::Scaled, 5));
    assert!(decision.reason.contains("the alarm orders/queue-length is over"), "{}", decision.reason);
    assert!(cloud.tag_of_service(&alarm::key("orders/queue-length")).is_none());
}

#[tokio::test]
async fn an_alarm_ends_by_its_event_by_its_absence_and_by_its_actions_switched_off() {
    let ends: [fn(&Fake); 3] = [
        |cloud| calm(cloud, AlarmState::Ok),
        |cloud| cloud.alarms.borrow_mut().clear(),
        |cloud| cloud.alarms.borrow_mut()[0].0.actions_enabled = false,
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let cloud = web();
        requests(&cloud, 600.0, &[]);
        let hint = raise(&cloud, Some("+50pct"));
        scale_all(&cloud, &hint).await.1.unwrap();
        assert_eq!(desired(&cloud), 6);
        cloud.pass(30);
        end(&cloud);
        // One that is not there any more names nobody, so the sweep finds out.
        let hint = if number == 0 { hint } else { Hint::Everything };
        scale_all(&cloud, &hint).await.1.unwrap();
        assert_eq!(desired(&cloud), 2, "{number}");
        assert!(cloud.tag_of_service(&alarm::key("orders/queue-length")).is_none());
    }
}

#[tokio::test]
async fn an_alarm_without_a_step_is_a_hint_and_one_with_a_wrong_step_says_so() {
    let cloud = web();
    requests(&cloud, 600.0, &[3_000.0]);
    let hint = raise(&cloud, None);
    scale_all(&cloud, &hint).await.1.unwrap();
    assert_eq!((cloud.writes(), desired(&cloud)), (vec!["7 of pushboat/web".to_owned()], 7));
    let hint = raise(&cloud, Some("more"));
    let (decisions, _) = scale_all(&cloud, &hint).await;
    assert!(decisions[0].reason.contains("'more', not +2"), "{}", decisions[0].reason);
    assert!(cloud.writes().is_empty());
    // Whose alarms cannot be read keeps what it has, and is scaled by its load.
    *cloud.failing.borrow_mut() = Some(("DescribeAlarms", Trouble::Refused));
    requests(&cloud, 600.0, &[4_000.0]);
    let (decisions, result) = scale_all(&cloud, &Hint::Everything).await;
    assert!(result.is_ok());
    assert_eq!(actions(&decisions), [Action::Failed, Action::Scaled]);
}

#[tokio::test]
async fn what_somebody_else_scales_is_left_alone() {
    let cloud = web();
    requests(&cloud, 6_000.0, &[]);
    cloud.scalable.borrow_mut().push((name("web"), Bounds { min: 1, max: 4 }));
    let decision = sweep(&cloud).await;
    assert_eq!((decision.decision, desired(&cloud)), (Action::Kept, 4));
    assert!(decision.reason.contains("Application Auto Scaling decides its count, from 1 to 4"));
    // Nor where nobody can tell.
    cloud.scalable.borrow_mut().clear();
    *cloud.failing.borrow_mut() = Some(("DescribeScalableTargets", Trouble::Refused));
    assert_eq!(actions(&scale_all(&cloud, &Hint::Everything).await.0), [Action::Failed]);
    *cloud.failing.borrow_mut() = None;
    cloud.services.borrow_mut()[0].status = ServiceStatus::Draining;
    assert!(sweep(&cloud).await.reason.contains("DRAINING"));
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn a_release_and_a_new_count_leave_each_other_alone() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    set(&cloud, wanted::CAPACITY, "2-10");
    set(&cloud, wanted::LOAD, "requests/600");
    requests(&cloud, 3_000.0, &[]);
    let hint = raise(&cloud, None);
    // The push comes between what the one has read and what it writes.
    *cloud.slips_in_before_count.borrow_mut() = Some(|cloud| {
        let newer = cloud.define("web", "256", &fake::pinned('b'));
        cloud.services.borrow_mut()[0].task_definition_arn = newer;
    });
    scale_all(&cloud, &hint).await.1.unwrap();
    assert_eq!(cloud.own().document["containerDefinitions"][0]["image"], pinned('b'));
    assert_eq!(desired(&cloud), 7);
    cloud.images.borrow_mut().insert("game:main".into(), digest('c'));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    assert_eq!(
        (desired(&cloud), cloud.own().document["containerDefinitions"][0]["image"].clone()),
        (7, pinned('c').into())
    );
    let (decisions, _) = follow_all(&cloud, &hint).await;
    assert_eq!(actions(&decisions), [Action::Ignored], "an alarm says nothing of images");
}

#[tokio::test]
async fn whoever_writes_last_has_seen_the_newest_word() {
    let cloud = web();
    requests(&cloud, 3_000.0, &[]);
    *cloud.slips_in_before_count.borrow_mut() =
        Some(|cloud| set(cloud, temporary::MAX, "5 2026-11-21T09:00:00Z ann budget"));
    let (decisions, _) = scale_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Scaled, Action::Scaled]);
    assert_eq!(cloud.writes(), ["7 of pushboat/web", "5 of pushboat/web"]);
    // What is not visible yet is not written again.
    cloud.stale.set(true);
    requests(&cloud, 600.0, &[]);
    let (decisions, _) = scale_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Scaled, Action::Kept]);
    assert!(decisions[1].reason.contains("does not show its new count yet"));
    assert_eq!(cloud.writes(), ["2 of pushboat/web"]);
}

#[tokio::test]
async fn an_alarm_leads_to_whom_it_names_and_to_all_where_it_names_nobody() {
    let cloud = Fake::new(&[("web", "game:main"), ("other", "game:main")], 'a');
    for service in cloud.services.borrow_mut().iter_mut() {
        service.tags.insert(wanted::CAPACITY.into(), "2-10".into());
        service.target_group_arns =
            vec![format!("arn:aws:elasticloadbalancing:eu:1:targetgroup/{}/1", service.name.service)];
    }
    let elsewhere = ServiceName { cluster: "payroll".into(), service: "web".into() };
    for (about, expected) in [
        (vec![], vec!["pushboat/web", "pushboat/other"]),
        (vec![Subject::Service(name("other"))], vec!["pushboat/other"]),
        (vec![Subject::TargetGroup("targetgroup/web/1".into())], vec!["pushboat/web"]),
        (vec![Subject::TargetGroup("targetgroup/none/1".into())], vec![]),
        (vec![Subject::Service(elsewhere)], vec!["payroll/web"]),
        (vec![Subject::Service(name("gone"))], vec!["pushboat/gone"]),
    ] {
        let hint = Hint::Alarm { name: "x".into(), about: about.clone() };
        let (decisions, result) = scale_all(&cloud, &hint).await;
        let mut of: Vec<_> = decisions.iter().filter_map(|decision| decision.service.as_deref()).collect();
        of.dedup();
        assert!(result.is_ok() && !decisions.is_empty());
        assert_eq!(of, expected, "{about:?}");
        assert!(decisions.iter().all(|it| matches!(it.decision, Action::Kept | Action::Ignored)));
    }
    assert!(cloud.writes().is_empty());
}

/// Four tasks of the service, measured every 20 seconds, the last of them now.
fn cpu_within_the_minute(cloud: &Fake, percent: &[f64]) -> Metrics {
    let now = cloud.now().unwrap().as_second();
    let end = now / 60 - 1;
    let minutes = |value: f64| (end - 10..end).map(move |minute| (minute, value)).collect();
    let ago = (1_i64..).map(|back| now - back * metrics::FAST_PERIOD);
    let fast = ago.zip(percent.iter().rev());
    let fast = fast.map(|(at, cpu)| Fast { at, cpu: Some(*cpu), memory: None, running: 4.0 }).collect();
    Metrics { first: end - 10, end, cpu: minutes(30.0), running: minutes(4.0), fast, ..Metrics::default() }
}

#[tokio::test]
async fn what_is_measured_within_the_minute_is_looked_at_again_while_it_moves() {
    let cloud = web();
    set(&cloud, wanted::LOAD, "cpu/60");
    let measured = |percent: &[f64]| {
        cloud.metrics.borrow_mut().insert("web".into(), cpu_within_the_minute(&cloud, percent));
    };
    let minute = Duration::from_secs(60);
    let sweep = async || {
        cloud.left.set(Some(minute));
        let (decisions, result) = scale_all(&cloud, &Hint::Everything).await;
        result.unwrap();
        (decisions, minute - cloud.left.get().unwrap())
    };
    // At rest nobody waits.
    measured(&[30.0, 30.0]);
    let (_, waited) = sweep().await;
    assert_eq!(waited, Duration::ZERO);

    // It rises, and once more while the invocation goes on; then it does not.
    cloud.services.borrow_mut()[0].desired_count = 4;
    measured(&[30.0, 75.0]);
    let next = [[75.0, 90.0], [90.0, 90.0]].map(|percent| cpu_within_the_minute(&cloud, &percent));
    cloud.later.borrow_mut().extend(next);
    let (decisions, waited) = sweep().await;
    assert_eq!(actions(&decisions)[..2], [Action::Scaled, Action::Scaled], "{decisions:#?}");
    assert!(decisions[0].desired_count < decisions[1].desired_count);
    assert_eq!(decisions[0].load_age_seconds, Some(0), "as old as the newest of what was measured");
    assert_eq!(waited, Duration::from_secs(40), "three looks, or two where the second changes nothing");

    // An alarm says that something is about to move.
    let hint = raise(&cloud, None);
    cloud.left.set(Some(minute));
    scale_all(&cloud, &hint).await.1.unwrap();
    assert_eq!(cloud.left.get(), Some(Duration::from_secs(20)));

    // Not where there is no time for it.
    cloud.left.set(Some(Duration::from_secs(25)));
    scale_all(&cloud, &hint).await.1.unwrap();
    assert_eq!(cloud.left.get(), Some(Duration::from_secs(25)));
}

#[tokio::test]
async fn tasks_that_start_slowly_are_asked_for_earlier() {
    let cloud = web();
    set(&cloud, wanted::SCHEDULE, "daily/08:10-09:00/7");
    requests(&cloud, 600.0, &[]);
    assert!(sweep(&cloud).await.desired_count < Some(7), "ten minutes before it begins");
    let tasks = vec![SignedDuration::from_secs(560); 3];
    *cloud.starts.borrow_mut() = Starts { tasks, checks: SignedDuration::from_secs(60) };
    let decision = sweep(&cloud).await;
    assert_eq!(decision.desired_count, Some(7), "{}", decision.reason);
}
