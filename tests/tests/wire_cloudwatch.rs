//! The Rust SDK's CloudWatch client against the stand-in: metrics in and out, alarms, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy,
    StandardUnit, StateValue, Statistic, Tag,
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
