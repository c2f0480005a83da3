//! What capacity asks of AWS, with the real SDK against the stand-in: metrics at once and topped up, also those of 20
//! seconds, alarms of each kind, and a count that goes out alone. `capacity` shows whole runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, MuteTargets, Rule, Schedule, StateValue, Statistic, Tag,
};
use jiff::Timestamp;
use pushboat::capacity::{Signal, Target};
use pushboat::cloud::{Cloud, Trouble};
use pushboat::control::{Scope, scale};
use pushboat::decision::Decision;
use pushboat::hint::Hint;
use pushboat::model::{AlarmState, ServiceName, Subject};
use pushboat_aws::Aws;
use pushboat_local::wire::FaultKind;
use pushboat_local::world::Report;
use pushboat_local::world::cloudwatch::{Datum, Metric, Statistics};
use pushboat_tests::wire::{KEY, SECRET, Stand, cloudwatch_at, create};
use serde_json::{Value, json};

const CPU: Target = Target { signal: Signal::Cpu, per_task: 60.0 };

fn name(service: &str) -> ServiceName {
    ServiceName { cluster: "pushboat".into(), service: service.into() }
}

/// Three tasks at 80 percent, in the period of so many seconds that begins at this one.
fn measured(stand: &Stand, service: &str, at: i64, seconds: i64) {
    let mut statistics = Statistics::of(80.0);
    statistics.add(80.0, 2.0);
    let data = Datum {
        metric: Metric::new(
            "AWS/ECS",
            "CPUUtilization",
            &[("ClusterName", "pushboat"), ("ServiceName", service)],
        ),
        at: Timestamp::from_second(at).unwrap(),
        unit: "Percent".to_owned(),
        statistics,
        high_resolution: seconds < 60,
    };
    let end = Timestamp::from_second(at + seconds).unwrap();
    stand.hub.report(Report::Measured { end, data: vec![data] });
}

/// The requests of an operation since the last time.
fn asked(stand: &Stand, operation: &str) -> Vec<Value> {
    let mut calls = stand.place.wire().calls.as_ref().unwrap().lock().unwrap();
    let calls = std::mem::take(&mut *calls);
    calls.into_iter().filter(|call| call.operation == operation).map(|call| call.request).collect()
}

#[tokio::test]
async fn metrics_are_read_once_and_topped_up_and_the_number_of_tasks_is_right() {
    let stand = Stand::start().await;
    let tags = [("pushboat:capacity", "2-10")].as_slice();
    create(&stand, "pushboat", &[("web", tags), ("fast", tags)]);
    let now = Timestamp::now().as_second();
    let minute = now.div_euclid(60);
    for back in 2..30 {
        measured(&stand, "web", (minute - back) * 60, 60);
    }
    for back in 2..(30 * 3) {
        measured(&stand, "fast", (now.div_euclid(20) - back) * 20, 20);
    }
    let aws = stand.aws();
    for (service, is_fast) in [("web", false), ("fast", true)] {
        let service = aws.service(&name(service)).await.unwrap().unwrap();
        asked(&stand, "");
        // What is old, what is new, and whether it is measured within the minute, which is asked again where it is.
        for calls in [3, 1 + usize::from(is_fast)] {
            let metrics = aws.metrics(&service, &[Signal::Cpu], 14).await.unwrap();
            assert_eq!(metrics.end - metrics.first, 14 * 1440);
            let (first, load) = metrics.load(CPU);
            let at = |back: i64| load[usize::try_from(minute - back - first).unwrap()];
            assert_eq!((at(5), at(25)), (4.0, 4.0), "three tasks at 80 of 60 percent");
            assert!(load[0].is_finite(), "what nobody measured is not carried along");
            let fast = metrics.fast_load(CPU);
            assert!(fast.iter().all(|load| *load == 4.0) && fast.is_empty() != is_fast, "{fast:?}");
            let asked = asked(&stand, "GetMetricData");
            assert_eq!(asked.len(), calls, "{asked:?}");
        }
    }
    stand.stop().await;
}

#[tokio::test]
async fn what_is_old_is_read_by_longer_periods_and_means_the_same() {
    let stand = Stand::start().await;
    create(&stand, "pushboat", &[("web", &[("pushboat:capacity", "2-10")])]);
    let minute = Timestamp::now().as_second().div_euclid(60);
    let old = (minute - 10 * 1440).div_euclid(5) * 5;
    for at in (old..old + 10).chain([minute - 2]) {
        measured(&stand, "web", at * 60, 60);
    }
    let aws = stand.aws();
    let service = aws.service(&name("web")).await.unwrap().unwrap();
    asked(&stand, "");
    let metrics = aws.metrics(&service, &[Signal::Cpu], 14).await.unwrap();
    let asked = asked(&stand, "GetMetricData");
    let periods = asked.iter().map(|call| call["MetricDataQueries"][0]["MetricStat"]["Period"].as_i64());
    assert_eq!(periods.collect::<Vec<_>>(), [Some(300), Some(60), Some(20)], "{asked:?}");
    let (first, load) = metrics.load(CPU);
    assert_eq!(first, old, "nothing is known before");
    let loads = |from: i64, to: i64| load[(from - first) as usize..(to - first) as usize].to_vec();
    assert_eq!(loads(old, old + 10), [4.0; 10]);
    assert!(loads(old + 10, minute - 2).iter().all(|load| load.is_nan()), "nor between");
    assert_eq!(loads(minute - 2, minute - 1), [4.0]);
    stand.stop().await;
}

#[tokio::test]
async fn a_count_goes_out_alone() {
    let stand = Stand::start().await;
    create(&stand, "pushboat", &[("web", &[])]);
    let aws = stand.aws();
    aws.set_desired_count(&name("web"), 3).await.unwrap();
    let sent = json!({"cluster": "pushboat", "service": "web", "desiredCount": 3});
    assert_eq!(asked(&stand, "UpdateService"), [sent]);
    assert_eq!(aws.service(&name("web")).await.unwrap().unwrap().desired_count, 3);
    stand.stop().await;
}

/// On a service, where one is named; nothing is measured for it.
async fn put_alarm(client: &Client, name: &str, service: Option<&str>) {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let put = client.put_metric_alarm().alarm_name(name).namespace("Orders").metric_name("Queue").period(60);
    let put = put.statistic(Statistic::Sum).evaluation_periods(1).threshold(1.0).treat_missing_data("ignore");
    let dimensions =
        service.map(|it| vec![dimension("ClusterName", "pushboat"), dimension("ServiceName", it)]);
    let put = put.set_dimensions(dimensions);
    put.comparison_operator(ComparisonOperator::GreaterThanThreshold).send().await.unwrap();
}

async fn set(client: &Client, name: &str, state: StateValue) {
    let request = client.set_alarm_state().alarm_name(name).state_value(state).state_reason("a test");
    request.send().await.unwrap();
}

async fn mute(client: &Client, alarm: &str) {
    let schedule = Schedule::builder().expression("cron(* * * * *)").duration("PT2M").build();
    let rule = Rule::builder().schedule(schedule).build();
    let targets = MuteTargets::builder().set_alarm_names(Some(vec![alarm.to_owned()])).build();
    client.put_alarm_mute_rule().name("now").rule(rule).mute_targets(targets).send().await.unwrap();
}

async fn swept(aws: &Aws) -> Vec<Decision> {
    let scope = Scope { clusters: vec!["pushboat".into()], repositories: Vec::new() };
    let mut decisions = Vec::new();
    scale(aws, &scope, &Hint::Everything, &mut |decision| decisions.push(decision)).await.unwrap();
    decisions
}

#[tokio::test]
async fn alarms_of_both_kinds_are_found_with_what_they_are_about_and_what_keeps_them_back() {
    let stand = Stand::start().await;
    let client = cloudwatch_at(&format!("http://{}", stand.place.endpoints().aws), KEY, SECRET);
    let aws = stand.aws();
    put_alarm(&client, "orders/queue", Some("web")).await;
    put_alarm(&client, "maintenance", None).await;
    let rule = "ALARM(\"orders/queue\") AND NOT OK(maintenance)";
    let put =
        client.put_composite_alarm().alarm_name("any").alarm_rule(rule).actions_suppressor("maintenance");
    put.actions_suppressor_wait_period(0).actions_suppressor_extension_period(60).send().await.unwrap();
    set(&client, "orders/queue", StateValue::Alarm).await;
    let names = |alarms: &[pushboat::model::Alarm]| -> Vec<String> {
        alarms.iter().map(|alarm| alarm.name.clone()).collect()
    };
    let found = aws.alarms_in_alarm().await.unwrap();
    assert_eq!(names(&found), ["orders/queue", "any"]);
    assert_eq!(asked(&stand, "DescribeAlarms").len(), 1, "of both kinds at once");
    assert_eq!(found[0].about, [Subject::Service(name("web"))]);
    assert_eq!((&found[1].about, &found[1].suppressed_by), (&vec![], &None));
    assert_eq!(found[1].children, ["maintenance", "orders/queue"]);
    set(&client, "maintenance", StateValue::Alarm).await;
    let any = aws.alarm("any").await.unwrap().unwrap();
    assert_eq!((any.state, any.suppressed_by.as_deref()), (AlarmState::Alarm, Some("Alarm")));
    let asked_for = ["any", "maintenance", "gone"].map(str::to_owned);
    assert_eq!(names(&aws.alarms(&asked_for).await.unwrap()), ["maintenance", "any"]);
    assert_eq!(aws.alarm("gone").await.unwrap(), None);

    assert!(!aws.is_muted("any").await.unwrap());
    mute(&client, "any").await;
    assert!(aws.is_muted("any").await.unwrap() && !aws.is_muted("orders/queue").await.unwrap());
    let sent = asked(&stand, "ListAlarmMuteRules");
    assert_eq!(sent[0], json!({"AlarmName": "any", "Statuses": ["ACTIVE"]}));
    for (fault, expected) in
        [(FaultKind::Throttle, Trouble::Throttled), (FaultKind::ServerError, Trouble::Unavailable)]
    {
        stand.trouble("monitoring", "ListAlarmMuteRules", 9, fault);
        let refused = aws.is_muted("any").await.unwrap_err();
        assert_eq!((refused.operation, refused.trouble), ("ListAlarmMuteRules", expected));
    }
    stand.stop().await;
}

#[tokio::test]
async fn the_step_of_a_composite_alarm_moves_the_service_until_it_is_muted() {
    let stand = Stand::start().await;
    create(&stand, "pushboat", &[("web", &[("pushboat:capacity", "1-9")])]);
    let client = cloudwatch_at(&format!("http://{}", stand.place.endpoints().aws), KEY, SECRET);
    let aws = stand.aws();
    put_alarm(&client, "orders/queue", Some("web")).await;
    put_alarm(&client, "other", None).await;
    let put =
        client.put_composite_alarm().alarm_name("any").alarm_rule("ALARM(\"orders/queue\") OR ALARM(other)");
    put.tags(Tag::builder().key("pushboat:step").value("+3").build()).send().await.unwrap();
    // The alarm that names the service is calm, and has to be asked for.
    set(&client, "other", StateValue::Alarm).await;
    let web = async || aws.service(&name("web")).await.unwrap().unwrap();
    let before = web().await.desired_count;
    asked(&stand, "");
    let decisions = swept(&aws).await;
    assert_eq!(web().await.desired_count, before + 3, "{decisions:?}");
    let described = asked(&stand, "DescribeAlarms");
    assert_eq!(described.len(), 2, "{described:?}");
    assert_eq!(described[1]["AlarmNames"], json!(["orders/queue"]));
    mute(&client, "any").await;
    let decisions = swept(&aws).await;
    assert!(decisions[0].reason.contains("the alarm any is muted"), "{decisions:?}");
    assert!(web().await.tags.keys().all(|key| !key.starts_with("pushboat:alarm:")));
    stand.stop().await;
}
