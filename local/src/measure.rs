//! What AWS's services measure about themselves and tell CloudWatch: the load balancer each minute, ECS each minute, or
//! every 20 seconds where a service asks for it. Reads processes and counters, reports data; what becomes of them is the
//! world's business.
//!
//! Processor time is that of real seconds, whatever time it is in the world.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::balancer::{GroupTraffic, Traffic};
use crate::hub::Hub;
use crate::tasks::{TaskRunner, Usage};
use crate::world::cloudwatch::{Datum, Metric, Statistics};
use crate::world::ecs::{Reservation, Task, TaskStatus};
use crate::world::elb::TargetState;
use crate::world::{Report, World};

/// How often it is looked whether a period is over, where time does not run faster.
const LOOK: Duration = Duration::from_millis(50);
/// The shorter of ECS's periods; a minute has three.
const SLOT_SECONDS: i64 = 20;
const MINUTE_SECONDS: i64 = 60;

const ECS: &str = "AWS/ECS";
const ELB: &str = "AWS/ApplicationELB";

/// Until the place stops.
pub(crate) async fn run(hub: Hub, tasks: TaskRunner, traffic: Traffic, stopped: watch::Receiver<bool>) {
    let mut measurer = Measurer::new(hub.with(|world| world.now()));
    while !*stopped.borrow() {
        tokio::time::sleep((LOOK / Hub::speed()).max(Duration::from_millis(5))).await;
        let now = hub.with(|world| world.now());
        if now.as_second() < measurer.slot_end {
            continue;
        }
        let usage = tasks.usage();
        let minute_is_over = now.as_second() >= measurer.minute_end;
        let passed = if minute_is_over { traffic.take() } else { BTreeMap::new() };
        let reports = hub.with(|world| measurer.measure(world, &usage, &passed, now, Instant::now()));
        for report in reports {
            hub.report(report);
        }
    }
}

/// A reading of one task's processor time.
#[derive(Debug, Clone, Copy)]
struct Reading {
    cpu: Duration,
    at: Instant,
}

#[derive(Debug)]
struct Measurer {
    /// Seconds at which the period under way ends.
    slot_end: i64,
    minute_end: i64,
    /// By task, at the beginning of the period.
    at_slot: HashMap<String, Reading>,
    at_minute: HashMap<String, Reading>,
    /// Healthy and unhealthy targets, read several times a minute.
    hosts: BTreeMap<String, (Statistics, Statistics)>,
}

impl Measurer {
    fn new(now: Timestamp) -> Measurer {
        let next = |width: i64| (now.as_second().div_euclid(width) + 1) * width;
        Measurer {
            slot_end: next(SLOT_SECONDS),
            minute_end: next(MINUTE_SECONDS),
            at_slot: HashMap::new(),
            at_minute: HashMap::new(),
            hosts: BTreeMap::new(),
        }
    }

    fn measure(
        &mut self,
        world: &World,
        usage: &HashMap<String, Usage>,
        passed: &BTreeMap<String, GroupTraffic>,
        now: Timestamp,
        read_at: Instant,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        let readings =
            usage.iter().map(|(task, usage)| (task.clone(), Reading { cpu: usage.cpu, at: read_at }));
        let readings: HashMap<String, Reading> = readings.collect();
        self.look_at_hosts(world);
        let fast = ecs_data(world, usage, &readings, &self.at_slot, (self.slot_end, SLOT_SECONDS));
        reports.extend(report(self.slot_end, fast));
        if now.as_second() >= self.minute_end {
            let mut data =
                ecs_data(world, usage, &readings, &self.at_minute, (self.minute_end, MINUTE_SECONDS));
            data.extend(self.elb_data(world, passed));
            reports.extend(report(self.minute_end, data));
            self.at_minute.clone_from(&readings);
        }
        // A task that began within the minute is measured from the first reading on.
        for (task, reading) in &readings {
            self.at_minute.entry(task.clone()).or_insert(*reading);
        }
        self.at_slot = readings;
        // Whatever was missed while the machine slept is over.
        let fresh = Measurer::new(now);
        (self.slot_end, self.minute_end) = (fresh.slot_end, fresh.minute_end);
        reports
    }

    fn look_at_hosts(&mut self, world: &World) {
        for group in world.elb.target_groups.iter().filter(|group| group.probed().next().is_some()) {
            let healthy = group.targets.iter().filter(|it| it.state == TargetState::Healthy).count();
            let unhealthy = group.targets.iter().filter(|it| it.state == TargetState::Unhealthy).count();
            let (of_healthy, of_unhealthy) = self.hosts.entry(group.arn.clone()).or_default();
            of_healthy.add(healthy as f64, 1.0);
            of_unhealthy.add(unhealthy as f64, 1.0);
        }
    }

    fn elb_data(&mut self, world: &World, passed: &BTreeMap<String, GroupTraffic>) -> Vec<Datum> {
        let mut data = Vec::new();
        let mut hosts = std::mem::take(&mut self.hosts);
        for group in &world.elb.target_groups {
            let Some(balancer) = world.elb.load_balancer_of(&group.arn) else { continue };
            let (Some(balancer), Some(target_group)) =
                (balancer.arn.split_once(":loadbalancer/"), group.arn.rsplit_once(':'))
            else {
                continue;
            };
            let names = Names { balancer: balancer.1, target_group: target_group.1, end: self.minute_end };
            if let Some((healthy, unhealthy)) = hosts.remove(&group.arn) {
                data.extend(names.of_group("HealthyHostCount", "Count", healthy.clone()));
                data.extend(names.of_group("UnHealthyHostCount", "Count", unhealthy));
                let passed = passed.get(&group.arn).map_or(0, |it| it.requests);
                let targets = healthy.get(crate::world::cloudwatch::Stat::Average).unwrap_or(1.0).max(1.0);
                if passed > 0 {
                    data.extend(names.per_target(Statistics::of(passed as f64 / targets)));
                }
            }
            if let Some(traffic) = passed.get(&group.arn) {
                data.extend(names.traffic(traffic));
            }
        }
        data
    }
}

fn report(end: i64, data: Vec<Datum>) -> Option<Report> {
    let end = Timestamp::from_second(end).ok()?;
    (!data.is_empty()).then_some(Report::Measured { end, data })
}

/// The dimensions of a load balancer and a target group, and the end of the minute.
struct Names<'a> {
    /// `app/<name>/<id>`
    balancer: &'a str,
    /// `targetgroup/<name>/<id>`
    target_group: &'a str,
    end: i64,
}

impl Names<'_> {
    fn datum(
        &self,
        name: &str,
        unit: &str,
        statistics: Statistics,
        dimensions: &[(&str, &str)],
    ) -> Option<Datum> {
        Some(Datum {
            metric: Metric::new(ELB, name, dimensions),
            at: Timestamp::from_second(self.end - MINUTE_SECONDS).ok()?,
            unit: unit.to_owned(),
            statistics,
            high_resolution: false,
        })
    }

    fn of_group(&self, name: &str, unit: &str, statistics: Statistics) -> Option<Datum> {
        let dimensions = [("LoadBalancer", self.balancer), ("TargetGroup", self.target_group)];
        self.datum(name, unit, statistics, &dimensions)
    }

    fn of_balancer(&self, name: &str, unit: &str, statistics: Statistics) -> Option<Datum> {
        self.datum(name, unit, statistics, &[("LoadBalancer", self.balancer)])
    }

    fn per_target(&self, statistics: Statistics) -> Vec<Datum> {
        let name = "RequestCountPerTarget";
        let alone = self.datum(name, "None", statistics.clone(), &[("TargetGroup", self.target_group)]);
        alone.into_iter().chain(self.of_group(name, "None", statistics)).collect()
    }

    /// With each set of dimensions that there is. What did not happen is not told.
    fn traffic(&self, traffic: &GroupTraffic) -> Vec<Datum> {
        let times = |count: u64| Statistics::summed_up(count as f64, count as f64, 1.0, 1.0);
        let targets = &traffic.from_targets;
        let mut data = Vec::new();
        for (name, unit, statistics) in [
            ("RequestCount", "Count", times(traffic.requests)),
            ("TargetResponseTime", "Seconds", traffic.response_times.clone()),
            ("HTTPCode_Target_2XX_Count", "Count", times(targets.http_2xx)),
            ("HTTPCode_Target_3XX_Count", "Count", times(targets.http_3xx)),
            ("HTTPCode_Target_4XX_Count", "Count", times(targets.http_4xx)),
            ("HTTPCode_Target_5XX_Count", "Count", times(targets.http_5xx)),
        ] {
            if !statistics.is_empty() {
                data.extend(self.of_balancer(name, unit, statistics.clone()));
                data.extend(self.of_group(name, unit, statistics));
            }
        }
        let own = |statuses: std::ops::RangeInclusive<u16>| {
            traffic.own.range(statuses).map(|(_, count)| *count).sum()
        };
        for (name, count) in [
            ("HTTPCode_ELB_4XX_Count", own(400..=499)),
            ("HTTPCode_ELB_5XX_Count", own(500..=599)),
            ("HTTPCode_ELB_502_Count", own(502..=502)),
            ("HTTPCode_ELB_503_Count", own(503..=503)),
            ("HTTPCode_ELB_504_Count", own(504..=504)),
        ] {
            if count > 0 {
                data.extend(self.of_balancer(name, "Count", times(count)));
            }
        }
        data
    }
}

/// One sample for each running task of a service, in percent of what the task has reserved. The short period is for
/// services that ask for it, the minute for the others: theirs is made of the short ones.
fn ecs_data(
    world: &World,
    usage: &HashMap<String, Usage>,
    now: &HashMap<String, Reading>,
    before: &HashMap<String, Reading>,
    (end, width): (i64, i64),
) -> Vec<Datum> {
    let mut by_metric: BTreeMap<Metric, Statistics> = BTreeMap::new();
    for task in &world.ecs.tasks {
        let Some(service) = running_service(world, task) else { continue };
        let (Some(now), Some(usage)) = (now.get(&task.arn), usage.get(&task.arn)) else { continue };
        let Some(reserved) = world.reservation(task) else { continue };
        let mut add = |name: &str, value: Option<f64>| {
            if let Some(value) = value.filter(|_| service.resolution_of(name) == width) {
                let dimensions =
                    [("ClusterName", service.cluster.as_str()), ("ServiceName", service.name.as_str())];
                by_metric.entry(Metric::new(ECS, name, &dimensions)).or_default().add(value, 1.0);
            }
        };
        add("CPUUtilization", before.get(&task.arn).and_then(|before| cpu_percent(before, now, reserved)));
        let memory = usage.memory_bytes as f64 / (reserved.memory_mib * 1_048_576.0) * 100.0;
        add("MemoryUtilization", (reserved.memory_mib > 0.0).then_some(memory));
    }
    let Ok(at) = Timestamp::from_second(end - width) else { return Vec::new() };
    let datum = |(metric, statistics)| Datum {
        metric,
        at,
        unit: "Percent".to_owned(),
        statistics,
        high_resolution: width < MINUTE_SECONDS,
    };
    by_metric.into_iter().map(datum).collect()
}

fn cpu_percent(before: &Reading, now: &Reading, reserved: Reservation) -> Option<f64> {
    let passed = now.at.saturating_duration_since(before.at).as_secs_f64();
    let used = now.cpu.saturating_sub(before.cpu).as_secs_f64();
    (passed > 0.0 && reserved.cpu_units > 0.0).then(|| used / passed / (reserved.cpu_units / 1_024.0) * 100.0)
}

struct ServiceName<'a> {
    cluster: String,
    name: String,
    service: &'a crate::world::ecs::Service,
}

impl ServiceName<'_> {
    fn resolution_of(&self, metric: &str) -> i64 {
        self.service.metric_resolution_seconds(metric)
    }
}

fn running_service<'a>(world: &'a World, task: &Task) -> Option<ServiceName<'a>> {
    let arn = task.service_arn.as_ref().filter(|_| task.last_status == TaskStatus::Running)?;
    let service = world.ecs.services.iter().find(|it| it.arn == *arn)?;
    let cluster = service.cluster_arn.rsplit('/').next()?.to_owned();
    Some(ServiceName { cluster, name: service.name.clone(), service })
}

#[cfg(test)]
mod tests {
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
        world
            .register_task_definition(document.as_object().unwrap().clone(), Default::default(), "me")
            .unwrap();
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
        let fast = json!({ "metricConfigurations": [{ "metricNames": ["CPUUtilization"], "resolutionSeconds": 20 }] });
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
}
