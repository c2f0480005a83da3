//! What capacity asks of AWS, with the real SDK against the stand-in: metrics at once and topped up, also those of 20
//! seconds, and a count that goes out alone. `capacity` shows alarms.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::Timestamp;
use pushboat::capacity::{Signal, Target};
use pushboat::cloud::Cloud;
use pushboat::model::ServiceName;
use pushboat_local::world::Report;
use pushboat_local::world::cloudwatch::{Datum, Metric, Statistics};
use pushboat_tests::wire::{Stand, create};
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
