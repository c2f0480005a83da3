//! Metrics and alarms in virtual time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alarms;
mod metrics;
mod silent;

use super::*;
use crate::world::{Effect, World};

/// 2026-09-21T14:40:00Z, the beginning of a minute.
const BEGIN: i64 = 1_790_001_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + seconds).unwrap()
}

fn world() -> World {
    World::new(crate::world::Settings::default(), at(0))
}

fn metric(name: &str) -> Metric {
    Metric::new("Game", name, &[("Service", "game")])
}

fn datum(name: &str, seconds: i64, value: f64) -> Datum {
    Datum {
        metric: metric(name),
        at: at(seconds),
        unit: "Count".into(),
        statistics: Statistics::of(value),
        high_resolution: false,
    }
}

fn put(world: &mut World, name: &str, seconds: i64, value: f64) {
    world.put_metric_data(vec![datum(name, seconds, value)]).unwrap();
}

fn values(world: &World, name: &str, span: (i64, i64), period: i64, stat: Stat) -> Vec<(i64, f64)> {
    let span = (at(span.0), at(span.1));
    let read = world.cloudwatch.read(&metric(name), span, period, None, world.now());
    read.into_iter().filter_map(|it| Some((it.at.as_second() - BEGIN, it.statistics.get(stat)?))).collect()
}

fn advance(world: &mut World, seconds: i64) {
    world.advance(at(seconds));
}

fn query(id: &str, subject: Subject, return_data: bool) -> Query {
    Query { id: id.into(), label: None, return_data, period: None, subject }
}

fn stat(name: &str, stat: Stat) -> MetricStat {
    MetricStat { metric: metric(name), period: 60, stat, unit: None }
}
