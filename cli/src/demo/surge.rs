//! A surge: more visitors come than the tasks are to serve, an alarm notices, Pushboat adds tasks, and takes them away
//! again when the visitors have gone. An alarm needs minutes, so time runs faster for AWS meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use pushboat_local::hub::Hub;
use pushboat_local::traffic::Traffic;
use pushboat_local::world::World;
use pushboat_local::world::cloudwatch::{
    Comparison, Metric, MetricAlarm, MetricStat, MissingData, PutAlarm, PutMetricAlarm, Stat, StateValue,
    Watched,
};
use serde::Serialize;

use super::view::Phase;
use super::{MARGIN, Teller, connections};
use crate::local::{Narrator, stack};

pub(super) const SPEED: u32 = 60;
/// Of real time: as many in a minute of the world.
const REQUESTS_A_SECOND: u32 = 120;
/// What a task is to carry in a minute of the world.
const PER_TASK: u32 = 20;
const LEAST: u32 = 2;
const MOST: u32 = 8;

const ALARM: &str = "game-2048/busy";

/// What came of it. Seconds are of the world's time, since the first request.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Surge {
    pub tasks_before: usize,
    pub tasks_during: usize,
    pub tasks_after: usize,
    pub alarm_after_seconds: i64,
    pub scaled_after_seconds: i64,
    pub healthy_after_seconds: i64,
    /// From the last request until the first tasks were taken away.
    pub scaled_in_after_seconds: i64,
    pub requests_sent: u64,
    pub requests_failed: u64,
    pub latency_p50_millis: f64,
    pub latency_p99_millis: f64,
}

impl Surge {
    pub(super) fn in_words(&self) -> String {
        format!(
            "  surge        ALARM after {} s, told to have {} tasks instead of {} after {} s, all healthy after {} s; \
             {} again {} s after its end\n  \
             visitors     {} requests sent, {} failed; half within {:.1} ms, 99 % within {:.1} ms",
            self.alarm_after_seconds,
            self.tasks_during,
            self.tasks_before,
            self.scaled_after_seconds,
            self.healthy_after_seconds,
            self.tasks_after,
            self.scaled_in_after_seconds,
            self.requests_sent,
            self.requests_failed,
            self.latency_p50_millis,
            self.latency_p99_millis,
        )
    }
}

/// Time runs as it does on the wall when this goes, whatever became of the story.
pub(super) struct Faster;

impl Faster {
    pub(super) fn begin() -> Faster {
        Hub::run_faster(SPEED);
        Faster
    }
}

impl Drop for Faster {
    fn drop(&mut self) {
        Hub::run_faster(1);
    }
}

impl Teller<'_> {
    pub(super) async fn surge(&self) -> Result<Surge> {
        let Teller { local, page, .. } = self;
        let mut narrator = Narrator::new(local);
        narrator.so_far();
        let all = LEAST * PER_TASK;
        local.place.hub().with(|world| hand_over_count(world, f64::from(all)))?;
        page.say(format!(
            "  the count    Pushboat's from here: {LEAST} to {MOST} tasks for {PER_TASK} requests a minute each; an alarm is \
             at {all}"
        ));
        page.say(
            "               what was sent a moment ago is all in one minute, so there are more at first",
        );
        let _faster = Faster::begin();
        let few = usize::try_from(LEAST)?;
        self.reached(&mut narrator, "rest", |it| Ok(it.desired()? == few && it.all_are_healthy()?)).await?;
        page.say("  visitors     are coming");
        let mut surge = Surge { tasks_before: few, ..Surge::default() };

        let (first, rate) = (Hub::now(), f64::from(REQUESTS_A_SECOND));
        let traffic = Traffic::start(&local.addresses.game, rate, connections(REQUESTS_A_SECOND))?;
        let (mut rang, mut scaled, mut healthy) = (None, None, None);
        // A sweep may see the load before the alarm does.
        let served = self.reached(&mut narrator, "alarm and more tasks", |it| {
            rang = rang.or(it.alarm_rang()?.then(Hub::now));
            scaled = scaled.or((it.desired()? > few).then(Hub::now));
            healthy = healthy.or((scaled.is_some() && it.all_are_healthy()?).then(Hub::now));
            Ok(rang.is_some() && healthy.is_some())
        });
        let served = served.await?;
        surge.tasks_during = self.desired()?;
        tokio::time::sleep(MARGIN).await;
        let report = traffic.stop().await;
        let last = Hub::now();
        page.say("  visitors     are gone");
        let during = surge.tasks_during;
        let fewer = self.reached(&mut narrator, "fewer tasks", |it| Ok(it.desired()? < during)).await?;
        self.reached(&mut narrator, "rest", |it| Ok(it.desired()? == few && it.all_are_healthy()?)).await?;

        let since = |from: Timestamp, at: Timestamp| at.duration_since(from).as_secs();
        surge.alarm_after_seconds = since(first, rang.unwrap_or(served));
        surge.scaled_after_seconds = since(first, scaled.unwrap_or(served));
        surge.healthy_after_seconds = since(first, healthy.unwrap_or(served));
        surge.scaled_in_after_seconds = since(last, fewer);
        surge.tasks_after = self.desired()?;
        (surge.requests_sent, surge.requests_failed) = (report.sent, report.failed);
        surge.latency_p50_millis = report.latency_p50_millis;
        surge.latency_p99_millis = report.latency_p99_millis;
        Ok(surge)
    }

    /// When it was so, in the world's time. Says meanwhile what Pushboat does.
    pub(super) async fn reached(
        &self,
        narrator: &mut Narrator,
        what: &str,
        mut is_so: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<Timestamp> {
        let since = Instant::now();
        loop {
            for told in narrator.so_far().iter().filter(|told| !told.contains(" kept")) {
                self.page.say(told);
            }
            if is_so(self)? {
                return Ok(Hub::now());
            }
            if since.elapsed() > self.patience {
                bail!("no {what} after {} s", self.patience.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) fn desired(&self) -> Result<usize> {
        Ok(self.local.view().context("the service is gone")?.desired)
    }

    pub(super) fn all_are_healthy(&self) -> Result<bool> {
        let view = self.local.view().context("the service is gone")?;
        Ok(view.is_settled() && view.count(Phase::Healthy) == view.desired)
    }

    fn alarm_rang(&self) -> Result<bool> {
        let rang = self.local.place.hub().with(|world| {
            let alarm = world.cloudwatch.alarm(ALARM);
            alarm.map(|alarm| alarm.state.value == StateValue::Alarm)
        });
        rang.context("the alarm is gone")
    }
}

/// The two tags that an owner would write, and an alarm on the requests of all tasks together.
fn hand_over_count(world: &mut World, most_requests: f64) -> Result<()> {
    let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE)?.context("the service is gone")?;
    let (arn, group) = (service.arn.clone(), service.load_balancers.first());
    let group = group.context("nothing balances the load")?.target_group_arn.clone();
    let tags =
        [("pushboat:capacity", format!("{LEAST}-{MOST}")), ("pushboat:load", format!("requests/{PER_TASK}"))];
    world.tag_resource(&arn, tags.map(|(key, value)| (key.to_owned(), value)).into())?;

    let balancer = world.elb.load_balancer_of(&group).context("nothing balances the load")?.arn.clone();
    let balancer = balancer.split_once(":loadbalancer/").map_or("", |(_, name)| name);
    let group = group.rsplit_once(':').map_or("", |(_, name)| name);
    let dimensions = [("LoadBalancer", balancer), ("TargetGroup", group)];
    let metric = Metric::new("AWS/ApplicationELB", "RequestCount", &dimensions);
    let watched = Watched::One(MetricStat { metric, period: 60, stat: Stat::Sum, unit: None });
    let configuration = MetricAlarm {
        watched,
        evaluation_periods: 1,
        datapoints_to_alarm: None,
        threshold: most_requests,
        comparison: Comparison::GreaterThan,
        missing_data: Some(MissingData::NotBreaching),
        ignores_low_sample_counts: None,
    };
    let alarm = PutAlarm { name: ALARM.to_owned(), ..PutAlarm::default() };
    world.put_metric_alarm(PutMetricAlarm { alarm, configuration })?;
    Ok(())
}
