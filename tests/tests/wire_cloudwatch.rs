//! The Rust SDK's CloudWatch client against the stand-in: metrics in and out, alarms, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ActionsSuppressedBy, AlarmMuteRuleStatus, AlarmType, ComparisonOperator, Dimension, Metric,
    MetricDataQuery, MetricDatum, MetricStat, MuteTargets, Rule, ScanBy, Schedule, StandardUnit, StateValue,
    Statistic, Tag,
};
use pushboat_tests::wire::{KEY, SECRET, Stand, cloudwatch_at};

fn client(stand: &Stand) -> Client {
    cloudwatch_at(&format!("http://{}", stand.place.endpoints().aws), KEY, SECRET)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn dimension() -> Dimension {
    Dimension::builder().name("Service").value("game").build()
}

fn datum(at: i64, value: f64) -> MetricDatum {
    MetricDatum::builder()
        .metric_name("Load")
        .dimensions(dimension())
        .timestamp(DateTime::from_secs(at))
        .value(value)
        .unit(StandardUnit::Count)
        .build()
}

fn of_load(id: &str, stat: &str) -> MetricDataQuery {
    let metric = Metric::builder().namespace("Game").metric_name("Load").dimensions(dimension()).build();
    let stat = MetricStat::builder().metric(metric).period(60).stat(stat).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

#[tokio::test]
async fn what_is_put_is_read_with_statistics_math_and_pages() {
    let stand = Stand::start().await;
    let client = client(&stand);
    let begin = now() / 60 * 60 - 600;
    // More than 10 KB, so that it comes compressed.
    let data = (0..300).map(|number| datum(begin + number % 5 * 60, number as f64));
    client.put_metric_data().namespace("Game").set_metric_data(Some(data.collect())).send().await.unwrap();

    let listed = client.list_metrics().namespace("Game").send().await.unwrap();
    assert_eq!(listed.metrics().len(), 1);
    assert_eq!(listed.metrics()[0].dimensions(), [dimension()]);

    let ask = || {
        client
            .get_metric_data()
            .metric_data_queries(of_load("m1", "Sum"))
            .metric_data_queries(of_load("m2", "p99"))
            .metric_data_queries(
                MetricDataQuery::builder().id("e1").expression("FILL(m1, 0) / PERIOD(m1)").build(),
            )
            .start_time(DateTime::from_secs(begin))
            .end_time(DateTime::from_secs(begin + 360))
            .scan_by(ScanBy::TimestampAscending)
    };
    let whole = ask().send().await.unwrap();
    let result = |place: usize| &whole.metric_data_results()[place];
    // Sixty values each: 0, 5 … 295, then one more each.
    assert_eq!(result(0).values(), [8_850.0, 8_910.0, 8_970.0, 9_030.0, 9_090.0]);
    assert_eq!(result(0).timestamps()[1], DateTime::from_secs(begin + 60));
    assert_eq!(result(0).label(), Some("Load"));
    assert_eq!(result(1).values()[0], 295.0);
    assert_eq!((result(2).values().len(), result(2).values()[5]), (6, 0.0));

    let (mut token, mut seen) = (None, 0);
    loop {
        let page = ask().max_datapoints(7).set_next_token(token).send().await.unwrap();
        seen += page.metric_data_results().iter().map(|it| it.values().len()).sum::<usize>();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, 16);

    let statistics = client
        .get_metric_statistics()
        .namespace("Game")
        .metric_name("Load")
        .dimensions(dimension())
        .start_time(DateTime::from_secs(begin))
        .end_time(DateTime::from_secs(begin + 300))
        .period(300)
        .statistics(Statistic::Average)
        .statistics(Statistic::SampleCount)
        .send()
        .await
        .unwrap();
    let point = &statistics.datapoints()[0];
    assert_eq!((point.average(), point.sample_count()), (Some(149.5), Some(300.0)));
    assert_eq!(point.unit(), Some(&StandardUnit::Count));
    stand.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_aws_names() {
    let stand = Stand::start().await;
    let client = client(&stand);
    let wrong = client
        .get_metric_data()
        .metric_data_queries(MetricDataQuery::builder().id("e1").expression("NOPE(1)").build())
        .start_time(DateTime::from_secs(now() - 600))
        .end_time(DateTime::from_secs(now()))
        .send()
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Some("ValidationError"));
    assert!(wrong.message().unwrap().contains("NOPE does not exist"));
    let forged = client
        .put_metric_data()
        .namespace("AWS/ECS")
        .metric_data(datum(now(), 1.0))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(forged.is_invalid_parameter_value_exception(), "{forged:?}");
    let missing = client
        .set_alarm_state()
        .alarm_name("nobody")
        .state_value(StateValue::Ok)
        .state_reason("x")
        .send()
        .await
        .unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found());
    stand.stop().await;
}

#[tokio::test]
async fn an_alarm_is_put_shown_set_and_deleted_and_the_bus_hears_of_it() {
    let stand = Stand::start().await;
    let client = client(&stand);
    let put = client
        .put_metric_alarm()
        .alarm_name("too-much")
        .alarm_description("a test")
        .metrics(MetricDataQuery::builder().id("e1").expression("m1 * 2").return_data(true).build())
        .metrics({
            let mut query = of_load("m1", "Average");
            query.return_data = Some(false);
            query
        })
        .evaluation_periods(3)
        .datapoints_to_alarm(2)
        .threshold(10.0)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("notBreaching")
        .tags(Tag::builder().key("team").value("game").build());
    put.send().await.unwrap();
    client.put_composite_alarm().alarm_name("any").alarm_rule("ALARM(\"too-much\")").send().await.unwrap();
    client
        .set_alarm_state()
        .alarm_name("too-much")
        .state_value(StateValue::Alarm)
        .state_reason("a test")
        .send()
        .await
        .unwrap();
    let shown = client.describe_alarms().alarm_name_prefix("too").send().await.unwrap();
    let alarm = &shown.metric_alarms()[0];
    assert_eq!(alarm.state_value(), Some(&StateValue::Alarm));
    assert_eq!((alarm.evaluation_periods(), alarm.datapoints_to_alarm()), (Some(3), Some(2)));
    assert_eq!(alarm.metrics()[0].expression(), Some("m1 * 2"));
    assert_eq!(alarm.metrics()[1].return_data(), Some(false));
    let in_alarm = client
        .describe_alarms()
        .alarm_types(AlarmType::CompositeAlarm)
        .state_value(StateValue::Alarm)
        .send()
        .await
        .unwrap();
    assert_eq!((in_alarm.metric_alarms().len(), in_alarm.composite_alarms().len()), (0, 1));

    let arn = alarm.alarm_arn().unwrap();
    client
        .tag_resource()
        .resource_arn(arn)
        .tags(Tag::builder().key("a").value("b").build())
        .send()
        .await
        .unwrap();
    client.untag_resource().resource_arn(arn).tag_keys("team").send().await.unwrap();
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags().iter().map(|tag| tag.key()).collect::<Vec<_>>(), [Some("a")]);
    let history = client.describe_alarm_history().alarm_name("too-much").send().await.unwrap();
    assert_eq!(
        history.alarm_history_items()[0].history_summary(),
        Some("Alarm updated from INSUFFICIENT_DATA to ALARM")
    );

    let heard = || {
        let seen = stand.place.bus().recent().into_iter().map(|seen| seen.event);
        seen.filter(|event| event["source"] == "aws.cloudwatch").count()
    };
    for _ in 0..200 {
        if heard() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(heard(), 3, "the composite twice: first it was OK");
    client.delete_alarms().alarm_names("any").alarm_names("too-much").send().await.unwrap();
    let left = client.describe_alarms().send().await.unwrap();
    assert!(left.metric_alarms().is_empty());
    stand.stop().await;
}

/// An alarm that nothing is measured for.
async fn put_quiet(client: &Client, name: &str) {
    let put = client.put_metric_alarm().alarm_name(name).namespace("Game").metric_name("Nothing").period(60);
    let put = put.statistic(Statistic::Sum).evaluation_periods(1).threshold(1.0).treat_missing_data("ignore");
    put.comparison_operator(ComparisonOperator::GreaterThanThreshold).send().await.unwrap();
}

async fn set(client: &Client, name: &str, state: StateValue) {
    let request = client.set_alarm_state().alarm_name(name).state_value(state).state_reason("a test");
    request.send().await.unwrap();
}

#[tokio::test]
async fn mute_rules_are_put_shown_listed_and_deleted_and_the_bus_hears_of_a_muted_alarm() {
    let stand = Stand::start().await;
    let client = client(&stand);
    put_quiet(&client, "queue").await;
    let put = |name: &str, expression: &str| {
        let schedule = Schedule::builder().expression(expression).duration("PT2M").timezone("Asia/Tokyo");
        let rule = Rule::builder().schedule(schedule.build()).build();
        let targets = MuteTargets::builder().set_alarm_names(Some(vec!["queue".to_owned()])).build();
        client.put_alarm_mute_rule().name(name).rule(rule).mute_targets(targets)
    };
    let expiry = DateTime::from_secs(now() + 86_400);
    let always = put("always", "cron(* * * * *)").description("every minute").expire_date(expiry);
    always.tags(Tag::builder().key("team").value("game").build()).send().await.unwrap();
    put("past", "at(2024-05-10T14:00)").send().await.unwrap();
    put("future", "at(2099-05-10T14:00)").send().await.unwrap();

    let shown = client.get_alarm_mute_rule().alarm_mute_rule_name("always").send().await.unwrap();
    let schedule = shown.rule().unwrap().schedule().unwrap();
    assert_eq!((schedule.expression(), schedule.duration()), (Some("cron(* * * * *)"), Some("PT2M")));
    assert_eq!((schedule.timezone(), shown.description()), (Some("Asia/Tokyo"), Some("every minute")));
    assert_eq!(shown.mute_targets().unwrap().alarm_names(), ["queue"]);
    assert_eq!((shown.start_date(), shown.expire_date()), (None, Some(&expiry)));
    assert_eq!((shown.status(), shown.mute_type()), (Some(&AlarmMuteRuleStatus::Active), Some("RECURRING")));
    assert!(shown.last_updated_timestamp().is_some());
    let arn = shown.alarm_mute_rule_arn().unwrap();
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags()[0].key(), Some("team"));

    let mut pages = client.list_alarm_mute_rules().alarm_name("queue").max_records(2).into_paginator().send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        listed.extend(page.unwrap().alarm_mute_rule_summaries().to_vec());
    }
    let statuses: Vec<_> = listed.iter().filter_map(|it| Some(it.status()?.as_str())).collect();
    assert_eq!(statuses, ["ACTIVE", "SCHEDULED", "EXPIRED"], "by name");
    let kinds: Vec<_> = listed.iter().filter_map(|it| it.mute_type()).collect();
    assert_eq!(kinds, ["RECURRING", "ONE_TIME", "ONE_TIME"]);

    set(&client, "queue", StateValue::Alarm).await;
    let muted = || {
        let seen = stand.place.bus().recent().into_iter().map(|seen| seen.event);
        let mut of_alarms = seen.filter(|event| event["source"] == "aws.cloudwatch");
        of_alarms.find_map(|event| event["detail"]["muteDetail"]["mutedByArn"].as_str().map(str::to_owned))
    };
    for _ in 0..200 {
        if muted().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(muted().as_deref(), Some(arn));

    let wrong = put("six-fields", "cron(0 2 * * ? *)").send().await.unwrap_err();
    assert_eq!(wrong.code(), Some("ValidationError"));
    for _ in 0..2 {
        client.delete_alarm_mute_rule().alarm_mute_rule_name("always").send().await.unwrap();
    }
    let gone = client.get_alarm_mute_rule().alarm_mute_rule_name("always").send().await.unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
    stand.stop().await;
}

#[tokio::test]
async fn a_suppressor_is_shown_with_what_it_suppresses() {
    let stand = Stand::start().await;
    let client = client(&stand);
    for name in ["queue", "maintenance"] {
        put_quiet(&client, name).await;
    }
    set(&client, "maintenance", StateValue::Alarm).await;
    let put = client.put_composite_alarm().alarm_name("any").alarm_rule("ALARM(queue)");
    let put = put.actions_suppressor("maintenance").actions_suppressor_wait_period(60);
    let lacking = put.clone().send().await.unwrap_err();
    assert_eq!(lacking.code(), Some("MissingParameter"));
    put.actions_suppressor_extension_period(90).send().await.unwrap();
    set(&client, "queue", StateValue::Alarm).await;
    let show = async || {
        let request = client.describe_alarms().alarm_names("any").alarm_types(AlarmType::CompositeAlarm);
        request.send().await.unwrap().composite_alarms.unwrap().remove(0)
    };
    let shown = show().await;
    assert_eq!(shown.actions_suppressor(), Some("maintenance"));
    assert_eq!(shown.actions_suppressor_wait_period(), Some(60));
    assert_eq!(shown.actions_suppressor_extension_period(), Some(90));
    assert_eq!(shown.actions_suppressed_by(), Some(&ActionsSuppressedBy::Alarm));
    assert_eq!(shown.actions_suppressed_reason(), Some("Actions suppressed by Alarm"));
    set(&client, "maintenance", StateValue::Ok).await;
    assert_eq!(show().await.actions_suppressed_by(), Some(&ActionsSuppressedBy::ExtensionPeriod));
    stand.stop().await;
}
