//! CloudWatch: the load of services.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::Builder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy};
use pushboat::Timestamp;
use pushboat::capacity::load::Points;
use pushboat::capacity::{FAST_SECONDS, Signal};
use pushboat::cloud::Answer;
use pushboat::forecast::{self, COARSE_MINUTES};
use pushboat::metrics::{FAST_PERIOD, Fast, Metrics};
use pushboat::model::Service;

use crate::client::Aws;
use crate::error::{incomplete, trouble};
use crate::history::{History, Series};

const DAY_MINUTES: i64 = 1440;
const MINUTE: i32 = 60;
/// ECS's shorter period, and how many of them a minute has.
const FAST: i32 = FAST_PERIOD as i32;
const FAST_A_MINUTE: f64 = 3.0;
/// A service may begin to be measured every 20 seconds.
const ASK_AGAIN_MINUTES: i64 = 60;
const LATELY_MINUTES: i64 = 5;

/// One metric of a service, with its statistic.
#[derive(Debug, Clone)]
struct Measured {
    namespace: &'static str,
    name: &'static str,
    stat: &'static str,
    dimensions: Vec<(&'static str, String)>,
}

impl Measured {
    fn series(&self) -> Series {
        let last = self.dimensions.last().map_or("", |(_, value)| value);
        format!("{} {} {last}", self.name, self.stat)
    }

    /// Over a longer period it is the more.
    fn adds_up(&self) -> bool {
        matches!(self.stat, "Sum" | "SampleCount")
    }

    fn query(&self, id: String, period: i32) -> MetricDataQuery {
        let dimensions = self.dimensions.iter();
        let dimensions =
            dimensions.map(|(name, value)| Dimension::builder().name(*name).value(value).build());
        let metric = Metric::builder()
            .namespace(self.namespace)
            .metric_name(self.name)
            .set_dimensions(Some(dimensions.collect()))
            .build();
        let stat = MetricStat::builder().metric(metric).period(period).stat(self.stat).build();
        MetricDataQuery::builder().id(id).metric_stat(stat).build()
    }
}

impl Aws {
    pub(crate) fn cloudwatch(&self) -> Client {
        let config = Builder::from(&self.config).interceptor(self.clock.clone());
        Client::from_conf(config.build())
    }

    pub(crate) async fn find_metrics(
        &self,
        service: &Service,
        signals: &[Signal],
        days: i64,
    ) -> Answer<Metrics> {
        let subject = service.name.to_string();
        let now =
            self.latest_date().ok_or_else(|| incomplete("GetMetricData", &subject, "Date before it"))?;
        let end = now.as_second().div_euclid(60);
        let first = end - days * DAY_MINUTES;
        let measured = self.measured(service, signals).await?;
        let series: Vec<Series> = measured.iter().map(Measured::series).collect();
        let mut history = match self.histories.take(&service.name, &series, first) {
            Some(known) => known,
            None => self.read_old(&subject, &measured, History::new(first, &series), end).await?,
        };
        let read = self.read(&subject, &measured, history.end(), end).await?;
        history.extend(end, &read);
        let mut metrics = metrics(&history, &measured, first, end);
        if signals.iter().any(|signal| *signal != Signal::Requests) {
            let is_measured = metrics.running.range(end - LATELY_MINUTES..).next().is_some();
            metrics.fast = self.measured_fast(service, &mut history, is_measured, now).await?;
            if matches!(history.fast_at, Some((true, _))) {
                // A sample for each period of each task.
                metrics.running.values_mut().for_each(|samples| *samples /= FAST_A_MINUTE);
            }
        }
        self.histories.keep(&service.name, history);
        Ok(metrics)
    }

    /// Which metrics tell the load.
    async fn measured(&self, service: &Service, signals: &[Signal]) -> Answer<Vec<Measured>> {
        let mut measured = Vec::new();
        if signals.contains(&Signal::Requests) {
            for (balancer, target_group) in self.balancers(&service.target_group_arns).await? {
                let of_group = |name, stat| Measured {
                    namespace: "AWS/ApplicationELB",
                    name,
                    stat,
                    dimensions: vec![
                        ("LoadBalancer", balancer.clone()),
                        ("TargetGroup", target_group.clone()),
                    ],
                };
                measured.push(of_group("RequestCount", "Sum"));
                measured.push(of_group("HealthyHostCount", "Maximum"));
            }
        }
        let of_service = |name, stat| of_service(service, name, stat);
        if signals.contains(&Signal::Cpu) {
            measured.push(of_service("CPUUtilization", "Average"));
        }
        if signals.contains(&Signal::Memory) {
            measured.push(of_service("MemoryUtilization", "Average"));
        }
        if signals.iter().any(|signal| *signal != Signal::Requests) {
            measured.push(of_service("CPUUtilization", "SampleCount"));
        }
        Ok(measured)
    }

    /// For each target group behind an Application Load Balancer, both as CloudWatch names them.
    async fn balancers(&self, target_groups: &[String]) -> Answer<Vec<(String, String)>> {
        let mut found = Vec::new();
        for arn in target_groups {
            let balancer = self.target_group(arn).await?.map(|group| group.balancer);
            // A Network Load Balancer counts no requests.
            let name = |arn: &str, before| arn.split_once(before).map(|(_, name)| name.to_owned());
            let balancer = balancer.as_deref().and_then(|arn| name(arn, ":loadbalancer/"));
            let balancer = balancer.filter(|name| name.starts_with("app/"));
            let group = arn.rsplit_once(':').map(|(_, name)| name.to_owned());
            found.extend(balancer.zip(group));
        }
        Ok(found)
    }

    /// What was measured every 20 seconds lately. Points between whole minutes tell that it is.
    async fn measured_fast(
        &self,
        service: &Service,
        history: &mut History,
        is_measured: bool,
        now: Timestamp,
    ) -> Answer<Vec<Fast>> {
        let minute = now.as_second().div_euclid(60);
        if history.fast_at.is_some_and(|(is_fast, at)| !is_fast && minute < at + ASK_AGAIN_MINUTES) {
            return Ok(Vec::new());
        }
        let (cpu, memory, samples) = (
            of_service(service, "CPUUtilization", "Average"),
            of_service(service, "MemoryUtilization", "Average"),
            of_service(service, "CPUUtilization", "SampleCount"),
        );
        let end = now.as_second().div_euclid(FAST_PERIOD) * FAST_PERIOD;
        let measured = [cpu.clone(), memory.clone(), samples.clone()];
        let read =
            self.read_periods(&service.name.to_string(), &measured, end - FAST_SECONDS, end, FAST).await?;
        let of = |measured: &Measured| read.get(&measured.series());
        let at = |points: Option<&Points>, second| points.and_then(|it| it.get(&second)).copied();
        let fast: Vec<_> = of(&samples)
            .into_iter()
            .flatten()
            .map(|(second, running)| Fast {
                at: *second,
                cpu: at(of(&cpu), *second),
                memory: at(of(&memory), *second),
                running: *running,
            })
            .collect();
        let is_fast = of(&samples).is_some_and(|points| points.keys().any(|second| second % 60 != 0));
        // Where nothing is measured at all, nothing is known.
        history.fast_at = is_measured.then_some((is_fast, minute));
        Ok(if is_fast { fast } else { Vec::new() })
    }

    /// What is old, by longer periods: one answer has room for so many points only.
    async fn read_old(
        &self,
        subject: &str,
        measured: &[Measured],
        mut history: History,
        end: i64,
    ) -> Answer<History> {
        let fine_from = forecast::fine_from(end);
        // CloudWatch's own periods begin where time divides by them.
        let first = (history.end() + COARSE_MINUTES - 1).div_euclid(COARSE_MINUTES) * COARSE_MINUTES;
        if first >= fine_from {
            return Ok(history);
        }
        let period = MINUTE * COARSE_MINUTES as i32;
        let mut read = self.read_periods(subject, measured, first * 60, fine_from * 60, period).await?;
        for it in measured {
            // A sum is of all its minutes.
            let share = if it.adds_up() { COARSE_MINUTES as f64 } else { 1.0 };
            let Some(points) = read.get_mut(&it.series()) else { continue };
            let spread = points.iter().flat_map(|(at, value)| {
                let first = at.div_euclid(60);
                (first..first + COARSE_MINUTES).map(move |minute| (minute, value / share))
            });
            *points = spread.collect();
        }
        history.extend(fine_from, &read);
        Ok(history)
    }

    /// By minute, from `first` up to the one before `end`.
    async fn read(
        &self,
        subject: &str,
        measured: &[Measured],
        first: i64,
        end: i64,
    ) -> Answer<BTreeMap<Series, Points>> {
        let read = self.read_periods(subject, measured, first * 60, end * 60, MINUTE).await?;
        let by_minute =
            |points: Points| points.into_iter().map(|(at, value)| (at.div_euclid(60), value)).collect();
        Ok(read.into_iter().map(|(series, points)| (series, by_minute(points))).collect())
    }

    /// By second.
    async fn read_periods(
        &self,
        subject: &str,
        measured: &[Measured],
        first: i64,
        end: i64,
        period: i32,
    ) -> Answer<BTreeMap<Series, Points>> {
        let mut read = BTreeMap::<Series, Points>::new();
        if measured.is_empty() || first >= end {
            return Ok(read);
        }
        let ids: BTreeMap<String, Series> =
            measured.iter().enumerate().map(|(place, it)| (format!("m{place}"), it.series())).collect();
        let queries = measured.iter().enumerate().map(|(place, it)| it.query(format!("m{place}"), period));
        let request = self
            .cloudwatch()
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_secs(first))
            .end_time(DateTime::from_secs(end))
            .scan_by(ScanBy::TimestampAscending);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| trouble("GetMetricData", subject, error))?;
            for result in page.metric_data_results() {
                let Some(series) = result.id().and_then(|id| ids.get(id)) else { continue };
                let points = result.timestamps().iter().zip(result.values());
                let points = points.map(|(at, value)| (at.secs(), *value));
                read.entry(series.clone()).or_default().extend(points);
            }
        }
        Ok(read)
    }
}

fn of_service(service: &Service, name: &'static str, stat: &'static str) -> Measured {
    let dimensions =
        vec![("ClusterName", service.name.cluster.clone()), ("ServiceName", service.name.service.clone())];
    Measured { namespace: "AWS/ECS", name, stat, dimensions }
}

/// Several target groups of one service count together.
fn metrics(history: &History, measured: &[Measured], first: i64, end: i64) -> Metrics {
    let mut metrics = Metrics { first, end, ..Metrics::default() };
    for it in measured {
        let points = history.points_of(&it.series());
        let into = match (it.name, it.stat) {
            ("RequestCount", _) => &mut metrics.requests,
            ("HealthyHostCount", _) => &mut metrics.healthy_hosts,
            ("MemoryUtilization", _) => &mut metrics.memory,
            (_, "SampleCount") => &mut metrics.running,
            _ => &mut metrics.cpu,
        };
        for (minute, value) in points {
            *into.entry(minute).or_default() += value;
        }
    }
    metrics
}
