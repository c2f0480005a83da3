#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;
use crate::world::cloudwatch::Stat;
use crate::world::ecs::CreateService;
use crate::world::elb::HealthCheck;
use crate::world::{Effect, Settings};

const BEGIN: i64 = 1_790_001_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + seconds).unwrap()
}

/// One task of a quarter of a processor and 512 MiB, running.
fn world_with_a_task(monitoring: serde_json::Value) -> (World, String) {
    let mut world = World::new(Settings::default(), at(-60));
    world.create_cluster("c", Default::default()).unwrap();
    let document = json!({
        "family": "web", "cpu": "256", "memory": "512",
        "containerDefinitions": [{ "name": "app", "image": "x" }],
    });
    world.register_task_definition(document.as_object().unwrap().clone(), Default::default(), "me").unwrap();
    let request = CreateService {
        cluster: Some("c".into()),
        name: "web".into(),
        task_definition: "web".into(),
        desired_count: 1,
        passed_through: json!({ "monitoring": monitoring }).as_object().unwrap().clone(),
        ..CreateService::default()
    };
    world.create_service(request).unwrap();
    world.advance(at(-30));
    let effects = world.take_effects();
    let start = effects.iter().find_map(|effect| match effect {
        Effect::StartTask(start) => Some(start.clone()),
        _ => None,
    });
    let task_arn = start.unwrap().task_arn;
    world.report(Report::PullStarted { task_arn: task_arn.clone() });
    world.report(Report::PullStopped { task_arn: task_arn.clone() });
    world.report(Report::ContainerStarted {
        task_arn: task_arn.clone(),
        container: "app".into(),
        host_port: None,
        digest: "sha256:0".into(),
    });
    world.advance(at(0));
    (world, task_arn)
}

/// Name, value and second of each datum, over four slots in which the task takes an eighth of a processor.
fn measured(monitoring: serde_json::Value) -> Vec<(String, f64, i64, bool)> {
    let (world, task) = world_with_a_task(monitoring);
    let mut measurer = Measurer::new(at(0));
    let begin = Instant::now();
    let mut found = Vec::new();
    for slot in 0..=3 {
        let seconds = slot * 20;
        let usage = Usage { cpu: Duration::from_secs(seconds) / 8, memory_bytes: 128 * 1_048_576 };
        let usage = HashMap::from([(task.clone(), usage)]);
        let read_at = begin + Duration::from_secs(seconds);
        let now = at(i64::try_from(seconds).unwrap());
        for report in measurer.measure(&world, &usage, &BTreeMap::new(), now, read_at) {
            let Report::Measured { data, .. } = report else { panic!("{report:?}") };
            found.extend(data.into_iter().map(|it| {
                assert_eq!(it.metric.dimensions["ClusterName"], "c");
                assert_eq!(it.metric.dimensions["ServiceName"], "web");
                let value = it.statistics.get(Stat::Average).unwrap();
                (it.metric.name, value, it.at.as_second() - BEGIN, it.high_resolution)
            }));
        }
    }
    found
}

#[test]
fn tasks_are_measured_each_minute_in_percent_of_what_they_reserve() {
    let found = measured(json!({}));
    assert_eq!(
        found,
        [("CPUUtilization".to_owned(), 50.0, 0, false), ("MemoryUtilization".to_owned(), 25.0, 0, false)]
    );
}

#[test]
fn and_every_twenty_seconds_where_the_service_asks_for_it() {
    let fast =
        json!({ "metricConfigurations": [{ "metricNames": ["CPUUtilization"], "resolutionSeconds": 20 }] });
    let found = measured(fast);
    let cpu: Vec<_> =
        found.iter().filter(|it| it.0 == "CPUUtilization").map(|it| (it.1, it.2, it.3)).collect();
    assert_eq!(cpu, [(50.0, 0, true), (50.0, 20, true), (50.0, 40, true)]);
    assert_eq!(found.iter().filter(|it| it.0 == "MemoryUtilization").count(), 1);
}

#[test]
fn a_minute_of_traffic_is_told_with_the_dimensions_of_aws() {
    let mut world = World::new(Settings::default(), at(0));
    let (_, group) = world
        .create_load_balancer_with_listener("game", "127.0.0.1:1", 80, HealthCheck::default(), 10)
        .unwrap();
    let mut traffic = GroupTraffic { requests: 3, ..GroupTraffic::default() };
    traffic.from_targets.http_2xx = 2;
    traffic.own.insert(502, 1);
    [0.1, 0.3].into_iter().for_each(|seconds| traffic.response_times.add(seconds, 1.0));
    let mut measurer = Measurer::new(at(0));
    measurer.hosts.insert(group.clone(), (Statistics::of(2.0), Statistics::of(1.0)));
    let passed = BTreeMap::from([(group, traffic)]);
    let found: Vec<(String, Vec<String>, f64)> = measurer
        .elb_data(&world, &passed)
        .into_iter()
        .map(|it| {
            let stat =
                if it.metric.name == "TargetResponseTime" { Stat::Percentile(99.0) } else { Stat::Sum };
            assert_eq!(it.at, at(0));
            let prefix = |(name, value): (&String, &String)| format!("{name}={}", &value[..8]);
            (
                it.metric.name,
                it.metric.dimensions.iter().map(prefix).collect(),
                it.statistics.get(stat).unwrap(),
            )
        })
        .collect();
    let of = |name: &str| -> Vec<(usize, f64)> {
        found.iter().filter(|it| it.0 == name).map(|it| (it.1.len(), it.2)).collect()
    };
    assert_eq!(of("RequestCount"), [(1, 3.0), (2, 3.0)]);
    assert_eq!(of("RequestCountPerTarget"), [(1, 1.5), (2, 1.5)]);
    assert_eq!(of("TargetResponseTime"), [(1, 0.3), (2, 0.3)]);
    assert_eq!(of("HTTPCode_Target_2XX_Count"), [(1, 2.0), (2, 2.0)]);
    assert_eq!(of("HTTPCode_Target_5XX_Count"), [], "what did not happen is not told");
    assert_eq!(of("HTTPCode_ELB_5XX_Count"), [(1, 1.0)]);
    assert_eq!(of("HealthyHostCount"), [(2, 2.0)]);
    assert_eq!(of("UnHealthyHostCount"), [(2, 1.0)]);
    let dimensions = &found.iter().find(|it| it.0 == "HealthyHostCount").unwrap().1;
    assert_eq!(dimensions, &["LoadBalancer=app/game", "TargetGroup=targetgr"]);
}
