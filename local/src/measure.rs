//! What AWS's services measure about themselves and tell CloudWatch: the load balancer and Lambda each minute, ECS each
//! minute, or every 20 seconds where a service asks for it. Reads processes and counters, reports data; what becomes of them is the
//! world's business.
//!
//! Processor time is that of real seconds, whatever time it is in the world.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::balancer::{GroupTraffic, Traffic};
use crate::hub::Hub;
use crate::lambda::{Invocation, Lambda, Outcome};
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
const LAMBDA: &str = "AWS/Lambda";

/// Until the place stops.
pub(crate) async fn run(
    hub: Hub,
    tasks: TaskRunner,
    traffic: Traffic,
    lambda: Lambda,
    stopped: watch::Receiver<bool>,
) {
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
        let began = measurer.minute_end - MINUTE_SECONDS;
        let reports = hub.with(|world| measurer.measure(world, &usage, &passed, now, Instant::now()));
        if minute_is_over
            && let Some(report) = report(began + MINUTE_SECONDS, of_functions(&lambda.invocations(), began))
        {
            hub.report(report);
        }
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

/// How often each function ran and failed in the minute that began then. What did not run is not told.
fn of_functions(invocations: &[Invocation], began: i64) -> Vec<Datum> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let minute = began..began + MINUTE_SECONDS;
    for invocation in invocations.iter().filter(|it| minute.contains(&it.started_at.as_second())) {
        let (ran, failed) = counts.entry(invocation.function.as_str()).or_default();
        *ran += 1;
        *failed += u64::from(invocation.outcome != Outcome::Succeeded);
    }
    let Ok(at) = Timestamp::from_second(began) else { return Vec::new() };
    let datum = |function: &str, name: &str, statistics: Statistics| Datum {
        metric: Metric::new(LAMBDA, name, &[("FunctionName", function)]),
        at,
        unit: "Count".to_owned(),
        statistics,
        high_resolution: false,
    };
    let each = |(function, (ran, failed)): (&str, (u64, u64))| {
        let (ran, failed) = (ran as f64, failed as f64);
        // Every invocation says of itself whether it failed.
        let (least, most) = (f64::from(failed >= ran), f64::from(failed > 0.0));
        let errors = Statistics::summed_up(ran, failed, least, most);
        [
            datum(function, "Invocations", Statistics::summed_up(ran, ran, 1.0, 1.0)),
            datum(function, "Errors", errors),
        ]
    };
    counts.into_iter().flat_map(each).collect()
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
mod tests;
