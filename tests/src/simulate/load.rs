//! Load, and everybody who has a word on a count: visitors, metrics that come late or never, an alarm, Application Auto
//! Scaling, people. And the rules that this makes.
//!
//! It has chances of its own, so that a run without it is the same as ever.

use pushboat::capacity::alarm::{self, BOUND, Bound};
use pushboat::capacity::temporary::{KEYS, Override};
use pushboat::capacity::{self, Policy, Situation, TargetLoad};
use pushboat::forecast::History;
use pushboat::hint::Hint;
use pushboat::metrics::Metrics;
use pushboat::model::{Alarm, AlarmState, ServiceName, Subject, Tags};
use pushboat::overview::Bounds;
use pushboat_local::world::ecs::RolloutState;
use pushboat_local::world::elb::TargetState;

use super::CLUSTER;
use super::plan::{Fault, LEAST, MINUTE, MOST, PER_TASK};
use super::random::Random;
use super::stage::{Happening, Stage};
use super::watch::{GRACE, Rule};

/// A minute can be seen so long after its end.
const METRIC_DELAY: i64 = MINUTE;
/// Subnets of every service.
pub(super) const ZONES: u32 = 2;

/// One minute of one service.
#[derive(Debug)]
struct Minute {
    /// Since 1970.
    number: i64,
    requests: u32,
    hosts: u32,
    seen_from: i64,
}

/// What is so outside of ECS, and what must be remembered to check the rules.
#[derive(Debug)]
pub(super) struct OfService {
    /// Requests a minute.
    pub(super) visitors: u32,
    minutes: Vec<Minute>,
    alarm: Alarm,
    /// Since when Application Auto Scaling decides its count.
    autoscaled: Option<i64>,
    /// What people have said, when, and when it was taken back or replaced.
    overrides: Vec<(i64, String, Override, i64)>,
    /// Each count that the alarm's bound has had since a transition.
    bounds: Vec<Bound>,
    /// Up or down, once all is quiet.
    quiet_move: Option<bool>,
}

#[derive(Debug)]
pub(super) struct Load {
    random: Random,
    pub(super) services: Vec<OfService>,
}

impl Load {
    pub(super) fn new(seed: u64, names: impl Iterator<Item = &'static str>) -> Load {
        let of = |name: &str| {
            let service = ServiceName { cluster: CLUSTER.to_owned(), service: name.to_owned() };
            let alarm = Alarm {
                name: format!("{name}/queue"),
                arn: format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{name}/queue"),
                state: AlarmState::Ok,
                since: pushboat::Timestamp::UNIX_EPOCH,
                actions_enabled: true,
                suppressed_by: None,
                about: vec![Subject::Service(service)],
                children: Vec::new(),
            };
            OfService {
                visitors: PER_TASK,
                minutes: Vec::new(),
                alarm,
                autoscaled: None,
                overrides: Vec::new(),
                bounds: Vec::new(),
                quiet_move: None,
            }
        };
        Load { random: Random::new(seed ^ 0x10ad), services: names.map(of).collect() }
    }
}

impl Stage {
    /// A minute is over.
    pub(super) fn measure(&mut self) {
        self.at(self.now + MINUTE, Happening::Measure);
        let number = self.clock().as_second().div_euclid(60) - 1;
        for index in 0..self.load.services.len() {
            let group = self.plan.services[index].name;
            let groups = self.world.elb.target_groups.iter().filter(|it| it.name == group);
            let healthy = groups.flat_map(|it| &it.targets).filter(|it| it.state == TargetState::Healthy);
            let hosts = u32::try_from(healthy.count()).unwrap_or(u32::MAX);
            let is_late = self.suffers(Fault::LateMetrics);
            let load = &mut self.load;
            let later = match is_late {
                true if load.random.permille(100) => i64::MAX / 2,
                true if load.random.permille(300) => load.random.between(0, 5 * MINUTE),
                _ => 0,
            };
            let requests = load.services[index].visitors;
            let seen_from = self.now + METRIC_DELAY + later;
            load.services[index].minutes.push(Minute { number, requests, hosts, seen_from });
        }
    }

    /// What CloudWatch shows of a service now.
    pub(super) fn metrics(&self, index: usize, days: i64) -> Metrics {
        self.metrics_at(index, self.now, days)
    }

    fn metrics_at(&self, index: usize, now: i64, days: i64) -> Metrics {
        let end = self.clock_at(now).as_second().div_euclid(60);
        let mut metrics = Metrics { first: end - days * 24 * 60, end, ..Metrics::default() };
        let minutes = &self.load.services[index].minutes;
        for minute in minutes.iter().filter(|it| it.seen_from <= now) {
            metrics.requests.insert(minute.number, f64::from(minute.requests));
            metrics.healthy_hosts.insert(minute.number, f64::from(minute.hosts));
        }
        metrics
    }

    pub(super) fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.load.services.iter().map(|it| &it.alarm)
    }

    pub(super) fn alarm_turns(&mut self, index: usize, rings: bool) {
        let state = if rings { AlarmState::Alarm } else { AlarmState::Ok };
        let now = self.clock();
        let alarm = &mut self.load.services[index].alarm;
        if alarm.state == state {
            return;
        }
        (alarm.state, alarm.since) = (state, now);
        let hint = Hint::Alarm { name: alarm.name.clone(), about: alarm.about.clone() };
        self.deliver(&hint, None);
    }

    /// Application Auto Scaling takes the count, and sets it, or leaves it.
    pub(super) fn autoscaling(&mut self, index: usize, to: Option<u32>) {
        let Some(to) = to else {
            self.load.services[index].autoscaled = None;
            return;
        };
        let now = self.now;
        self.load.services[index].autoscaled.get_or_insert(now);
        self.watch.services[index].wanted = to;
        self.watch.excuse();
        self.update(index, |request| request.desired_count = Some(to));
    }

    pub(super) fn scalable_targets(&self, names: &[ServiceName]) -> Vec<(ServiceName, Bounds)> {
        let is_asked = |name: &&ServiceName| {
            let index = self.index_of(&name.service);
            index.is_some_and(|it| self.load.services[it].autoscaled.is_some())
        };
        let bounds = Bounds { min: LEAST, max: MOST };
        names.iter().filter(is_asked).map(|name| (name.clone(), bounds)).collect()
    }

    /// What is written on a service: a person's word, an alarm's bound.
    pub(super) fn word_is_written(&mut self, index: usize, id: u32, tags: &Tags) {
        let now = self.now;
        let said = &mut self.load.services[index];
        for (key, value) in tags {
            if let Some(word) = Override::parse(value).filter(|_| KEYS.contains(&key.as_str())) {
                said.overrides.iter_mut().filter(|it| it.1 == *key).for_each(|it| it.3 = it.3.min(now));
                said.overrides.push((now, key.clone(), word, i64::MAX));
            }
        }
        let bound = alarm::bounds(tags).find_map(|(key, bound)| bound.filter(|_| key.starts_with(BOUND)));
        let Some(bound) = bound else { return };
        said.bounds.retain(|it| it.since == bound.since);
        if said.bounds.iter().all(|it| it.count != bound.count) {
            said.bounds.push(bound.clone());
        }
        let counts = i64::try_from(said.bounds.len()).unwrap_or(i64::MAX);
        let minutes = (now - self.millis_at(bound.since)) / MINUTE;
        if counts > minutes + 2 {
            let words = format!("#{id} moves the bound for the {counts}th time in {minutes} minutes");
            self.breaks(Rule::Once, words);
        }
    }

    pub(super) fn word_is_removed(&mut self, index: usize, keys: &[String]) {
        let now = self.now;
        let taken = |it: &&mut (i64, String, Override, i64)| keys.contains(&it.1);
        self.load.services[index].overrides.iter_mut().filter(taken).for_each(|it| it.3 = it.3.min(now));
    }

    /// Just before an instance sets a count.
    pub(super) fn means_to_size(&mut self, id: u32, service: &str, to: u32) {
        let Some(index) = self.index_of(service) else { return };
        let Some(started) = self.instances.get(&id).map(|it| it.started) else { return };
        let since = started - GRACE;
        let said = &self.load.services[index];
        let counts = || said.overrides.iter().map(|it| it.2.count);
        let (least, most) = (counts().fold(LEAST, u32::min), counts().fold(MOST, u32::max));
        if !(least..=most).contains(&to) {
            let words = format!("#{id} gives {service} {to} tasks, allowed are {least} to {most}");
            return self.breaks(Rule::Bounds, words);
        }
        if said.autoscaled.is_some_and(|at| at < since) {
            let words =
                format!("#{id} gives {service} {to} tasks, whose count is Application Auto Scaling's");
            return self.breaks(Rule::OneScaler, words);
        }
        let standing = said.overrides.iter().find(|(written, key, word, ended)| {
            let ends = self.millis_at(word.until).min(*ended);
            key == KEYS[0] && *written < since && self.now < ends
        });
        let is_only = said.overrides.iter().all(|it| it.1 == KEYS[0]);
        if let Some((_, _, word, _)) = standing.filter(|it| is_only && it.2.count.clamp(LEAST, MOST) != to) {
            let words = format!("#{id} gives {service} {to} tasks, but {word}");
            return self.breaks(Rule::Override, words);
        }
        let found = &self.world.ecs.services[index];
        let began = found.deployments.first().filter(|it| it.rollout_state == RolloutState::InProgress);
        let is_deploying = began.is_some_and(|it| self.millis_at(it.created_at) < since);
        if to < found.desired_count && is_deploying && said.overrides.is_empty() {
            let words = format!("#{id} takes tasks from {service} while a deployment is under way");
            self.breaks(Rule::ScaleIn, words);
        }
    }

    /// The count is what those who may set it have set, and Pushboat is one of them here. While nothing changes but what
    /// is known of the past, a count may still follow that, but not back and forth.
    pub(super) fn sized(&mut self, id: u32, service: &str, to: u32) {
        let Some(index) = self.index_of(service) else { return };
        let wanted = std::mem::replace(&mut self.watch.services[index].wanted, to);
        self.watch.excuse();
        if self.now < self.quiet_from() || to == wanted {
            return;
        }
        let is_up = to > wanted;
        let before = self.load.services[index].quiet_move.replace(is_up);
        if before.is_some_and(|it| it != is_up) {
            self.breaks(
                Rule::Quiet,
                format!("#{id} moves the count of {service} to and fro: {wanted}, {to}"),
            );
        }
    }

    /// The count that the decision gives of everything that could be seen when the last sweeps looked.
    pub(super) fn size_at_rest(&self, index: usize) -> Option<(Rule, String)> {
        let service = &self.world.ecs.services[index];
        let is_pushboats = self.plan.has(Fault::Load) && self.load.services[index].autoscaled.is_none();
        let policy = Policy::of(&service.tags).ok().flatten().filter(|_| is_pushboats)?;
        // Where no circuit breaker ends it, it may go on for ever.
        let primary = service.deployments.first();
        let decided = |ago: i64| {
            let metrics = self.metrics_at(index, self.now - ago, 4);
            let target = policy.targets[0];
            let (first_minute, loads) = metrics.load(target);
            let minutes = History { first_minute, loads: &loads };
            capacity::decide(&Situation {
                now: self.clock_at(self.now - ago),
                policy: &policy,
                tags: &service.tags,
                desired: service.desired_count,
                is_deploying: primary.is_some_and(|it| it.rollout_state == RolloutState::InProgress),
                zones: ZONES,
                startup: None,
                loads: &[TargetLoad { target, minutes, fast: &[] }],
            })
        };
        let lately = [0, MINUTE, 2 * MINUTE].map(decided);
        lately.iter().all(|it| it.desired != service.desired_count).then(|| {
            let words = format!("{} has {} tasks: {}", service.name, service.desired_count, lately[0].reason);
            (Rule::Sized, words)
        })
    }

    /// Visitors come and go.
    pub(super) fn visitors(&mut self, index: usize, tasks: u32) {
        self.load.services[index].visitors = tasks * PER_TASK;
    }
}
