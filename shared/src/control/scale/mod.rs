//! Capacity: observe, decide, act, and look once more, for each service whose owner has handed over its count.
//!
//! A walk of its own, beside that of releases: neither keeps the other from its work, and each sends an UpdateService with
//! one member, so that neither overwrites the other. `look` is one look at one service, `alarms` what is known of alarms,
//! `bounds` what they raise and lower. How many tasks there should be is decided in `crate::capacity`.

mod alarms;
mod bounds;
mod look;

use std::cell::RefCell;
use std::time::Duration;

use alarms::Alarms;
use look::Sized;

use super::turn::Shared;
use super::{AT_ONCE, LOOKS, Scope, Unfinished, Watch, together};
use crate::capacity::Policy;
use crate::capacity::policy::CAPACITY;
use crate::cloud::{Answer, Cloud};
use crate::decision::{Action, Decision};
use crate::hint::Hint;
use crate::metrics::{self, Metrics};
use crate::model::{Service, ServiceName, Subject};
use crate::overview::Bounds;
use crate::pace;

/// How far back a forecast looks, where there are not too many services for the memory of a function.
const MOST_DAYS: i64 = 14;
/// What a forecast learns from.
const LEAST_DAYS: i64 = crate::forecast::LEARNING_DAYS + 1;
/// Days of history of all services together: 32 MB in a warm function, with two metrics each.
const SERVICE_DAYS: i64 = 2_800;

/// How often one invocation looks at a service that is measured within the minute and on the move, and how much later
/// each time: when its next measurement has come.
const LOOKS_A_TICK: u32 = 3;
const PERIOD: Duration = Duration::from_secs(metrics::FAST_PERIOD.unsigned_abs());

/// Looks at the capacity of the services that the hint points to, and does what is due.
pub async fn scale<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    hint: &Hint,
    log: &mut impl FnMut(Decision),
) -> Result<(), Unfinished> {
    let shared = Shared::new(cloud);
    let mut watch = Watch::new(cloud, scope, hint, &shared, log);
    watch.capacities().await;
    watch.outcome()
}

/// So many days of minutes are looked at, where there are so many services.
pub fn days_of_load(services: usize) -> i64 {
    let services = i64::try_from(services).unwrap_or(i64::MAX).max(1);
    (SERVICE_DAYS / services).clamp(LEAST_DAYS, MOST_DAYS)
}

/// What one walk asks once for all services.
struct Once {
    alarms: Alarms,
    /// Whose count somebody else decides.
    targets: Vec<(ServiceName, Bounds)>,
    days: i64,
}

impl<'a, C: Cloud, L: FnMut(Decision)> Watch<'a, C, L> {
    async fn capacities(&mut self) {
        let mut concerned = self.concerned_by_load().await;
        // What cannot be read is for the look to tell.
        concerned.retain(|service| !matches!(Policy::of(&service.tags), Ok(None)));
        if concerned.is_empty() {
            // Of a sweep, releases tell.
            if self.failures.is_empty() && *self.hint != Hint::Everything {
                self.say(Action::Kept, format!("no service with the tag {CAPACITY} is concerned"));
            }
            return;
        }
        if concerned.len() > AT_ONCE {
            let start = pace::starts_at(concerned.len(), self.cloud.now());
            concerned.rotate_left(start);
        }
        let names: Vec<ServiceName> = concerned.iter().map(|service| service.name.clone()).collect();
        // Two owners of one count fight: who cannot be told apart is left alone.
        let targets = match self.cloud.scalable_targets(&names).await {
            Ok(targets) => targets,
            Err(error) => return self.failed(None, error),
        };
        let alarms = self.alarms().await;
        let days = days_of_load(concerned.len());
        let once = Once { alarms, targets, days };
        let mut moving = self.each_capacity(concerned, &once).await;
        for _ in 1..LOOKS_A_TICK {
            // Somebody waits for the answer to a request.
            let is_awaited = matches!(self.hint, Hint::Request { .. });
            if moving.is_empty() || is_awaited || !self.shared.has_time_for(self.cloud, PERIOD) {
                return;
            }
            self.cloud.pause(PERIOD).await;
            let again = self.named_by(&moving.iter().collect::<Vec<_>>()).await;
            moving = self.each_capacity(again, &once).await;
        }
    }

    async fn concerned_by_load(&mut self) -> Vec<Service> {
        match self.hint {
            Hint::Image { .. } => Vec::new(),
            Hint::Service(name)
            | Hint::Completed { service: name, .. }
            | Hint::Request { service: name, .. } => self.named_by(&[name]).await,
            Hint::Cluster { cluster, .. } => self.services_of(|it| it == cluster).await,
            Hint::Alarm { about, .. } => {
                let names: Vec<&ServiceName> = about.iter().filter_map(name_of).collect();
                if !about.is_empty() && names.len() == about.len() {
                    return self.named_by(&names).await;
                }
                let mut services = self.services_of(|_| true).await;
                services.retain(|service| about.is_empty() || about.iter().any(|it| it.is(service)));
                services
            }
            Hint::Everything => self.services_of(|_| true).await,
        }
    }

    async fn named_by(&mut self, names: &[&ServiceName]) -> Vec<Service> {
        let mut services = Vec::new();
        for name in names {
            if !self.scope.clusters.contains(&name.cluster) {
                let reason = format!("the cluster '{}' is not one of this installation", name.cluster);
                self.about(name, Action::Ignored, reason);
                continue;
            }
            match self.cloud.service(name).await {
                Ok(Some(service)) => services.push(service),
                Ok(None) => self.about(name, Action::Kept, "there is no such service"),
                Err(error) => self.failed(Some(name), error),
            }
        }
        services
    }

    async fn services_of(&mut self, is_meant: impl Fn(&String) -> bool) -> Vec<Service> {
        let mut services = Vec::new();
        for cluster in self.scope.clusters.iter().filter(|cluster| is_meant(cluster)) {
            match self.cloud.services(cluster).await {
                Ok(some) => services.extend(some),
                Err(error) => self.failed(None, error),
            }
        }
        services
    }

    /// One service's trouble is not another's. Returns those that are measured within the minute and on the move: what
    /// the next sweep would see of them can be seen sooner.
    async fn each_capacity(&mut self, concerned: Vec<Service>, once: &Once) -> Vec<ServiceName> {
        let count = concerned.len();
        let (cloud, scope, hint, shared) = (self.cloud, self.scope, self.hint, self.shared);
        let log = &RefCell::new(&mut *self.log);
        let jobs = concerned.into_iter().map(|service| async move {
            if !shared.may_look(cloud).await {
                return None;
            }
            let mut log = |decision| log.borrow_mut()(decision);
            let mut watch = Watch::new(cloud, scope, hint, shared, &mut log);
            let name = service.name.clone();
            let moves = watch.capacity(service, once).await;
            Some((moves.then_some(name), watch.looked_at, watch.failures))
        });
        let outcomes = together::at_most(AT_ONCE, jobs).await;
        let reached = outcomes.iter().flatten().count();
        let mut moving = Vec::new();
        for (moves, looked_at, failures) in outcomes.into_iter().flatten() {
            moving.extend(moves);
            self.looked_at += looked_at;
            self.failures.extend(failures);
        }
        if reached < count {
            let left = count - reached;
            let reason = format!(
                "the capacity of {left} of {count} services was not looked at in the time of this invocation; the next \
                 sweep goes on"
            );
            self.say(Action::Postponed, reason);
        }
        moving
    }

    async fn capacity(&mut self, mut service: Service, once: &Once) -> bool {
        self.looked_at += 1;
        let (name, former) = (service.name.clone(), service.desired_count);
        let mut metrics: Option<Metrics> = None;
        if let Err(error) = self.capacity_until_it_fits(&mut service, once, &mut metrics).await {
            self.failed(Some(&name), error);
        }
        let is_fast = metrics.is_some_and(|metrics| !metrics.fast.is_empty());
        is_fast && (service.desired_count > former || matches!(self.hint, Hint::Alarm { .. }))
    }

    async fn capacity_until_it_fits(
        &mut self,
        service: &mut Service,
        once: &Once,
        metrics: &mut Option<Metrics>,
    ) -> Answer<()> {
        let name = service.name.clone();
        for look in 0..LOOKS {
            let sized = self.capacity_in_turn(service, once, metrics, look > 0).await?;
            let Sized::Told { before } = sized else { break };
            // Whoever writes last must have seen the newest state.
            match self.cloud.service(&name).await? {
                Some(again) => *service = again,
                None => {
                    self.about(&name, Action::Kept, "the service is gone");
                    break;
                }
            }
            if service.desired_count == before {
                self.about(&name, Action::Kept, "the service does not show its new count yet");
                break;
            }
        }
        Ok(())
    }

    /// One look, and one more after each wait for a turn.
    async fn capacity_in_turn(
        &mut self,
        service: &mut Service,
        once: &Once,
        metrics: &mut Option<Metrics>,
        is_again: bool,
    ) -> Answer<Sized> {
        loop {
            let sized = match self.look_at_capacity(service, once, metrics, is_again).await {
                Err(error) if self.is_one_too_many(&error) => Sized::Waits,
                sized => sized?,
            };
            if sized != Sized::Waits {
                self.leave_the_queue();
                return Ok(sized);
            }
            if !self.wait().await {
                let reason = "there is no time left in this invocation to wait for AWS's limits; the next sweep goes on";
                self.about(&service.name, Action::Postponed, reason);
                return Ok(Sized::Done);
            }
            match self.cloud.service(&service.name).await? {
                Some(again) => *service = again,
                None => {
                    self.about(&service.name, Action::Kept, "the service is gone");
                    return Ok(Sized::Done);
                }
            }
        }
    }
}

fn name_of(subject: &Subject) -> Option<&ServiceName> {
    match subject {
        Subject::Service(name) => Some(name),
        Subject::TargetGroup(_) => None,
    }
}
