//! One look at the capacity of one service: what is there, how many tasks there should be, and one UpdateService.

use jiff::SignedDuration;

use super::Once;
use crate::capacity::{self, Policy, Situation, TargetLoad, startup};
use crate::cloud::{Answer, Cloud};
use crate::control::Watch;
use crate::control::turn::May;
use crate::decision::{Action, Decision};
use crate::forecast::History;
use crate::metrics::Metrics;
use crate::model::{Outcome, RolloutState, Service};
use crate::native;
use crate::pace::Kind;
use crate::release;

/// What came of one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sized {
    Done,
    /// The service was told to have another number of tasks than these.
    Told {
        before: u32,
    },
    /// It is not this service's turn to be written to.
    Waits,
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// A look that is not the first says nothing where nothing is to be done.
    pub(super) async fn look_at_capacity(
        &mut self,
        service: &mut Service,
        once: &Once,
        metrics: &mut Option<Metrics>,
        is_again: bool,
    ) -> Answer<Sized> {
        let policy = match Policy::of(&service.tags) {
            Ok(Some(policy)) => policy,
            Ok(None) => return Ok(Sized::Done),
            Err(error) => return Ok(self.leaves(service, error)),
        };
        if let Err(keep) = release::may_be_touched(service) {
            return Ok(self.leaves(service, keep));
        }
        if let Some((_, bounds)) = once.targets.iter().find(|(name, _)| *name == service.name) {
            let reason = format!(
                "Application Auto Scaling decides its count, from {} to {}, so Pushboat leaves it alone",
                bounds.min, bounds.max
            );
            return Ok(self.leaves(service, reason));
        }
        let Some(now) = self.cloud.now() else {
            return Ok(self.leaves(service, "AWS has not said what time it is"));
        };
        let mut words = self.follow_alarms(service, &policy, &once.alarms, now).await?;
        let is_deploying = self.is_deploying(service).await?;
        if metrics.is_none() {
            *metrics = Some(self.measured(service, &policy, once.days).await);
        }
        let metrics = metrics.get_or_insert_default();
        let startup = self.startup(service).await;
        let each = policy.targets.iter();
        let minutes: Vec<_> =
            each.map(|target| (*target, metrics.load(*target), metrics.fast_load(*target))).collect();
        let loads: Vec<_> = minutes
            .iter()
            .map(|(target, (first_minute, loads), fast)| TargetLoad {
                target: *target,
                minutes: History { first_minute: *first_minute, loads },
                fast,
            })
            .collect();
        let decided = capacity::decide(&Situation {
            now,
            policy: &policy,
            tags: &service.tags,
            desired: service.desired_count,
            is_deploying,
            zones: service.subnets,
            startup,
            loads: &loads,
        });
        words.push(decided.reason);
        let age = metrics.until().map(|until| (now.as_second() - until).max(0));
        self.resize(service, decided.desired, &words.join("; "), age, is_again).await
    }

    async fn resize(
        &mut self,
        service: &Service,
        to: u32,
        words: &str,
        load_age_seconds: Option<i64>,
        is_again: bool,
    ) -> Answer<Sized> {
        let before = service.desired_count;
        let (action, reason) = if to == before {
            if is_again {
                return Ok(Sized::Done);
            }
            (Action::Kept, format!("{before} stays the desired count: {words}"))
        } else {
            if self.may(Kind::Update).await == May::Later {
                return Ok(Sized::Waits);
            }
            self.cloud.set_desired_count(&service.name, to).await?;
            self.went_well();
            (Action::Scaled, format!("from {before} to {to}: {words}"))
        };
        let mut decision = self.decision(&service.name, action, reason);
        decision.load_age_seconds = load_age_seconds;
        decision.former_count = (to != before).then_some(before);
        decision.desired_count = Some(to);
        (self.log)(decision);
        Ok(if to == before { Sized::Done } else { Sized::Told { before } })
    }

    fn leaves(&mut self, service: &Service, why: impl ToString) -> Sized {
        self.about(&service.name, Action::Kept, format!("its count is left as it is: {}", why.to_string()));
        Sized::Done
    }

    /// What is not known is no load and no quiet either: schedules, alarms and people are heard all the same.
    async fn measured(&mut self, service: &Service, policy: &Policy, days: i64) -> Metrics {
        let signals: Vec<_> = policy.targets.iter().map(|target| target.signal).collect();
        match self.cloud.metrics(service, &signals, days).await {
            Ok(metrics) => metrics,
            Err(error) => {
                self.failed(Some(&service.name), error);
                Metrics::default()
            }
        }
    }

    async fn startup(&mut self, service: &Service) -> Option<SignedDuration> {
        match self.cloud.starts(service).await {
            Ok(starts) => startup::observed(&starts),
            Err(error) => {
                self.failed(Some(&service.name), error);
                None
            }
        }
    }

    /// Where ECS does not say how the deployment is doing, its newest service deployment does.
    async fn is_deploying(&self, service: &Service) -> Answer<bool> {
        if native::is_silent(service) {
            let rollouts = self.cloud.rollouts(&service.name).await?;
            return Ok(rollouts.first().is_some_and(|newest| newest.outcome == Outcome::UnderWay));
        }
        Ok(service.primary.as_ref().is_some_and(|primary| primary.state == RolloutState::InProgress))
    }
}
