//! How many requests AWS takes: token buckets per account and region, one for each category of operations. ECS
//! documents what fits at once and what is added each second; ECR and CloudWatch document rates, which are taken for both. What is
//! not documented (ELBv2, STS, most of ECR) is not counted.

use std::collections::BTreeMap;

use super::{Refusal, Timestamp, World};

/// Operations that share a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Category {
    /// As in the scope of a signature.
    pub service: &'static str,
    pub name: &'static str,
    pub operations: &'static [&'static str],
    pub burst: f64,
    pub per_second: f64,
}

const fn ecs(
    name: &'static str,
    operations: &'static [&'static str],
    burst: f64,
    per_second: f64,
) -> Category {
    Category { service: "ecs", name, operations, burst, per_second }
}

const fn ecr(name: &'static str, operations: &'static [&'static str], per_second: f64) -> Category {
    Category { service: "ecr", name, operations, burst: per_second, per_second }
}

const fn cloudwatch(operations: &'static [&'static str], per_second: f64) -> Category {
    Category { service: "monitoring", name: operations[0], operations, burst: per_second, per_second }
}

pub const CATEGORIES: [Category; 34] = [
    ecs(
        "cluster modify",
        &[
            "CreateCluster",
            "DeleteCluster",
            "PutClusterCapacityProviders",
            "UpdateCluster",
            "UpdateClusterSettings",
        ],
        20.0,
        1.0,
    ),
    ecs("cluster read", &["DescribeClusters", "ListClusters"], 50.0, 20.0),
    ecs("task definition modify", &["DeregisterTaskDefinition", "RegisterTaskDefinition"], 20.0, 1.0),
    ecs(
        "task definition read",
        &["DescribeTaskDefinition", "ListTaskDefinitionFamilies", "ListTaskDefinitions"],
        50.0,
        20.0,
    ),
    ecs("task definition deletion", &["DeleteTaskDefinitions"], 5.0, 1.0),
    ecs(
        "capacity provider modify",
        &["CreateCapacityProvider", "DeleteCapacityProvider", "UpdateCapacityProvider"],
        10.0,
        1.0,
    ),
    ecs("capacity provider read", &["DescribeCapacityProviders"], 50.0, 20.0),
    ecs("tag modify", &["TagResource", "UntagResource"], 20.0, 10.0),
    ecs("tag read", &["ListTagsForResource"], 50.0, 20.0),
    ecs("cluster resource modify", &["RunTask", "StartTask", "StopTask"], 100.0, 40.0),
    ecs("cluster resource read", &["DescribeTasks", "ListTasks"], 100.0, 20.0),
    ecs("service modify", &["CreateService", "DeleteService", "UpdateService"], 50.0, 5.0),
    ecs("service read", &["DescribeServices", "ListServices"], 100.0, 20.0),
    ecs("service deployment", &["DescribeServiceDeployments", "ListServiceDeployments"], 50.0, 20.0),
    ecs("service revision", &["DescribeServiceRevisions"], 50.0, 20.0),
    ecr("image manifest read", &["BatchGetImage"], 2_000.0),
    ecr("image manifest write", &["PutImage"], 10.0),
    ecr("authorization", &["GetAuthorizationToken"], 500.0),
    ecr("layer availability", &["BatchCheckLayerAvailability"], 1_000.0),
    ecr("layer download", &["GetDownloadUrlForLayer"], 3_000.0),
    cloudwatch(&["DeleteAlarms"], 3.0),
    cloudwatch(&["DescribeAlarmHistory"], 20.0),
    cloudwatch(&["DescribeAlarms"], 9.0),
    cloudwatch(&["DescribeAlarmsForMetric"], 9.0),
    cloudwatch(&["DisableAlarmActions"], 3.0),
    cloudwatch(&["EnableAlarmActions"], 3.0),
    cloudwatch(&["GetMetricData"], 50.0),
    cloudwatch(&["GetMetricStatistics"], 400.0),
    cloudwatch(&["ListMetrics"], 25.0),
    cloudwatch(&["ListTagsForResource", "TagResource", "UntagResource"], 20.0),
    cloudwatch(&["PutCompositeAlarm"], 3.0),
    cloudwatch(&["PutMetricAlarm"], 3.0),
    cloudwatch(&["PutMetricData"], 500.0),
    cloudwatch(&["SetAlarmState"], 3.0),
];

/// How one bucket is filled, and what came to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    pub tokens: f64,
    counted_at: Timestamp,
    pub granted: u64,
    pub refused: u64,
}

#[derive(Debug)]
pub struct Limits {
    is_on: bool,
    /// By place in [`CATEGORIES`]; one that nobody has asked yet is full.
    buckets: BTreeMap<usize, Bucket>,
}

impl Limits {
    pub(super) fn new(is_on: bool) -> Limits {
        Limits { is_on, buckets: BTreeMap::new() }
    }

    /// For whoever wants to ask as much as the machine gives. What comes is still counted.
    pub fn turn(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes the token of one request, if there is one.
    pub fn take(&mut self, service: &str, operation: &str, now: Timestamp) -> bool {
        let of_it = |it: &Category| it.service == service && it.operations.contains(&operation);
        let Some(place) = CATEGORIES.iter().position(of_it) else { return true };
        let Category { burst, per_second, .. } = CATEGORIES[place];
        let full = Bucket { tokens: burst, counted_at: now, granted: 0, refused: 0 };
        let bucket = self.buckets.entry(place).or_insert(full);
        bucket.fill(burst, per_second, now);
        let granted = bucket.tokens >= 1.0 || !self.is_on;
        if granted {
            bucket.tokens = (bucket.tokens - 1.0).max(0.0);
            bucket.granted += 1;
        } else {
            bucket.refused += 1;
        }
        granted
    }

    /// Every category that somebody has asked, as it stands now.
    pub fn used(&mut self, now: Timestamp) -> Vec<(Category, Bucket)> {
        let show = |(place, bucket): (&usize, &mut Bucket)| {
            let category = CATEGORIES[*place];
            bucket.fill(category.burst, category.per_second, now);
            (category, bucket.clone())
        };
        self.buckets.iter_mut().map(show).collect()
    }

    /// How often an operation's category had no token left.
    pub fn refused(&self, service: &str, operation: &str) -> u64 {
        let of_it = |(place, _): &(&usize, &Bucket)| {
            let category = &CATEGORIES[**place];
            category.service == service && category.operations.contains(&operation)
        };
        self.buckets.iter().find(of_it).map_or(0, |(_, bucket)| bucket.refused)
    }
}

impl Bucket {
    /// Time never runs backwards.
    fn fill(&mut self, burst: f64, per_second: f64, now: Timestamp) {
        let gained = now.duration_since(self.counted_at).as_secs_f64().max(0.0) * per_second;
        self.tokens = (self.tokens + gained).min(burst);
        self.counted_at = self.counted_at.max(now);
    }
}

impl World {
    /// Asked before a request is carried out.
    pub fn admit(&mut self, service: &str, operation: &str) -> Result<(), Refusal> {
        if self.limits.take(service, operation, self.now()) {
            return Ok(());
        }
        Err(Refusal::new("ThrottlingException", "Rate exceeded"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::world::Settings;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_790_000_000_000 + millis).unwrap()
    }

    /// How many of so many requests at once are taken.
    fn taken(limits: &mut Limits, operation: &str, count: usize, now: Timestamp) -> usize {
        (0..count).filter(|_| limits.take("ecs", operation, now)).count()
    }

    #[test]
    fn operations_of_a_category_share_what_is_documented_for_it() {
        let mut limits = Limits::new(true);
        for (operation, burst, per_second) in [
            ("RegisterTaskDefinition", 20, 1),
            ("DescribeTaskDefinition", 50, 20),
            ("UpdateService", 50, 5),
            ("DescribeServices", 100, 20),
            ("ListServiceDeployments", 50, 20),
            ("DescribeServiceRevisions", 50, 20),
            ("TagResource", 20, 10),
            ("DescribeTasks", 100, 20),
            ("CreateCluster", 20, 1),
        ] {
            assert_eq!(taken(&mut limits, operation, 200, at(0)), burst, "{operation}");
            assert_eq!(
                taken(&mut limits, operation, 200, at(1_000)),
                per_second,
                "{operation} a second later"
            );
        }
        assert_eq!(taken(&mut limits, "DeregisterTaskDefinition", 1, at(1_000)), 0, "one category");
        assert_eq!(
            taken(&mut limits, "RegisterTaskDefinition", 200, at(3_600_000)),
            20,
            "never above the burst"
        );
        assert_eq!(limits.refused("ecs", "RegisterTaskDefinition"), 180 + 199 + 1 + 180);
    }

    #[test]
    fn what_has_no_documented_limit_is_not_counted_and_no_operation_is_counted_twice() {
        let mut limits = Limits::new(true);
        for (service, operation) in [("ecr", "DescribeImages"), ("elasticloadbalancing", "DescribeTags")] {
            assert!((0..5_000).all(|_| limits.take(service, operation, at(0))));
        }
        assert!(limits.used(at(0)).is_empty());
        let mut all: Vec<_> =
            CATEGORIES.iter().flat_map(|it| it.operations.iter().map(|name| (it.service, *name))).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn the_world_refuses_in_the_words_of_ecs_unless_it_is_told_not_to() {
        let mut world = World::new(Settings::default(), at(0));
        for _ in 0..20 {
            world.admit("ecs", "RegisterTaskDefinition").unwrap();
        }
        let refusal = world.admit("ecs", "RegisterTaskDefinition").unwrap_err();
        assert_eq!((refusal.code, refusal.http_status), ("ThrottlingException", 400));
        assert_eq!(refusal.message, "Rate exceeded");
        world.advance(at(0) + SignedDuration::from_secs(1));
        world.admit("ecs", "RegisterTaskDefinition").unwrap();
        world.limits.turn(false);
        world.admit("ecs", "RegisterTaskDefinition").unwrap();
        let used = world.limits.used(world.now());
        assert_eq!((used[0].0.name, used[0].1.granted, used[0].1.refused), ("task definition modify", 22, 1));
    }

    proptest! {
        /// Within any span no more is taken than the burst and what the span adds.
        #[test]
        fn never_more_than_promised(waits in prop::collection::vec(0_i64..2_000, 1..150)) {
            let mut limits = Limits::new(true);
            let (mut now, mut granted) = (0, Vec::new());
            for wait in waits {
                now += wait;
                if limits.take("ecs", "RegisterTaskDefinition", at(now)) {
                    granted.push(now);
                }
            }
            for (from, first) in granted.iter().enumerate() {
                for (to, last) in granted.iter().enumerate().skip(from) {
                    let promised = 20.0 + (last - first) as f64 / 1_000.0;
                    prop_assert!((to - from + 1) as f64 <= promised + 1e-6);
                }
            }
        }
    }
}
