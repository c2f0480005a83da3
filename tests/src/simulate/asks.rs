//! People who ask Pushboat: to go back, to hold and to lift that, to let a digest return, to resume, to deploy an image by
//! its name. The real code of the API's calls, each an instance like those of the functions, though nobody calls it again
//! when it dies. Some look at the plan first, which is the same code on a rehearsal.

use std::cell::Cell;

use pushboat::capacity::temporary::{self, Which};
use pushboat::cloud::{Cloud, Reference};
use pushboat::control::{self, Undone, deploy};
use pushboat::decision::{Action, Decision};
use pushboat::hint::Hint;
use pushboat::hold::{HOLD, Hold, Length, Wanted};
use pushboat::model::{Digest, ServiceName, Tags};
use pushboat::rehearsal::Rehearsal;
use pushboat::rollback::To;
use pushboat::task_definition::revision_name;

use super::instances::scope;
use super::lens::{Lens, Shared};
use super::mutants::Mutant;
use super::plan::{Fault, MINUTE, SECOND};
use super::stage::{Call, Stage};
use super::watch::{Rule, digest_of};
use super::{CLUSTER, mutated};

const BY: &str = "ann";

/// What is asked, of the service with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// To the last release that completed, or to an image that was pushed before.
    Rollback {
        service: usize,
        back: Option<u64>,
    },
    /// `service`: `None` is the whole cluster. `minutes`: `None` is until somebody lifts it.
    Hold {
        service: Option<usize>,
        minutes: Option<i64>,
    },
    Unhold {
        service: Option<usize>,
    },
    LetReturn {
        service: usize,
    },
    Resume {
        service: usize,
    },
    /// So many tasks for so many minutes; `None`: no more of that.
    Count {
        service: usize,
        said: Option<(Which, u32, i64)>,
    },
    /// An image that was pushed before, by its digest.
    Deploy {
        service: usize,
        back: u64,
    },
}

/// A hold that stands: since when, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) since: i64,
    until: Option<i64>,
}

impl Ask {
    pub(super) fn goes_back(self) -> bool {
        matches!(self, Ask::Rollback { .. })
    }

    /// `None` is the whole cluster.
    fn service(self) -> Option<usize> {
        match self {
            Ask::Rollback { service, .. }
            | Ask::LetReturn { service }
            | Ask::Resume { service }
            | Ask::Count { service, .. }
            | Ask::Deploy { service, .. } => Some(service),
            Ask::Hold { service, .. } | Ask::Unhold { service } => service,
        }
    }

    pub(super) fn call(self, stage: &Stage) -> Call {
        let hint = match self.service() {
            None => Hint::Cluster { cluster: CLUSTER.to_owned(), by: BY.to_owned() },
            Some(service) => Hint::Request { service: stage.name(service), by: BY.to_owned() },
        };
        Call { hint, says: None, attempt: u32::MAX }
    }
}

/// Whether it ended well: a refusal is an answer.
pub(super) async fn ask(stage: Shared, id: u32, call: Call, ask: Ask) -> bool {
    let mutant = stage.borrow().mutant;
    let lens =
        Lens { stage: stage.clone(), id, date: Cell::new(None), mutant, memory: mutated::Memory::of(call) };
    let sees_the_plan = {
        let mut on = stage.borrow_mut();
        on.plan.has(Fault::Deploys) && on.random.permille(500)
    };
    if sees_the_plan {
        rehearse(&stage, &lens, ask).await;
    }
    stage.borrow_mut().asks_for(id, ask);
    let went_back = Cell::new(false);
    let log = &mut |decision: Decision| {
        went_back.set(went_back.get() || decision.decision == Action::RolledBack);
        stage.borrow_mut().decided(id, &decision);
    };
    let done = carry_out(&lens, &stage, ask, log).await;
    if let (Ask::Rollback { service, .. }, true, true) = (ask, done.is_ok(), went_back.get()) {
        stage.borrow_mut().went_back(id, service);
    }
    !matches!(done, Err(Undone::Cloud(_)))
}

/// The plan of an ask, as somebody sees it first. Whatever comes of it, he then asks.
async fn rehearse(stage: &Shared, lens: &Lens, ask: Ask) {
    let log = &mut |_: Decision| ();
    stage.borrow_mut().begins_rehearsal(lens.id);
    if lens.mutant == Some(Mutant::RehearsesInEarnest) {
        let _ = carry_out(lens, stage, ask, log).await;
    } else {
        let rehearsal = Rehearsal::on(lens);
        let done = carry_out(&rehearsal, stage, ask, log).await;
        let name = ask.service().map(|service| stage.borrow().name(service));
        let calls = rehearsal.calls(name.as_ref()).await;
        stage.borrow_mut().tell(|_| {
            let calls = calls.map_or_else(|error| error.to_string(), |it| format!("{} calls", it.len()));
            let undone = done.err().map(|undone| format!(", and {undone}"));
            format!("  #{} rehearses: {calls}{}", lens.id, undone.unwrap_or_default())
        });
    }
    stage.borrow_mut().ends_rehearsal(lens.id);
}

async fn carry_out<C: Cloud>(
    cloud: &C,
    stage: &Shared,
    ask: Ask,
    log: &mut impl FnMut(Decision),
) -> Result<(), Undone> {
    let scope = scope();
    let name = |service: usize| stage.borrow().name(service);
    let earlier = |back: u64| -> Option<Digest> { stage.borrow().earlier(back)?.parse().ok() };
    match ask {
        Ask::Rollback { service, back } => {
            let to = back.and_then(earlier).map(To::Digest);
            control::rollback(cloud, &scope, &name(service), to.as_ref(), BY, log).await
        }
        Ask::Hold { service, minutes } => {
            let length = minutes.map(|minutes| Length::For(jiff::SignedDuration::from_mins(minutes)));
            let length = length.unwrap_or(Length::UntilLifted);
            let wanted = Wanted { length, by: BY.to_owned(), reason: "a sale".to_owned() };
            match service {
                Some(service) => control::hold(cloud, &scope, &name(service), &wanted, log).await,
                None => control::hold_cluster(cloud, &scope, CLUSTER, &wanted, log).await,
            }
        }
        Ask::Unhold { service: Some(service) } => {
            control::unhold(cloud, &scope, &name(service), BY, log).await
        }
        Ask::Unhold { service: None } => control::unhold_cluster(cloud, &scope, CLUSTER, BY, log).await,
        Ask::LetReturn { service } => {
            let digest = stage.borrow().rejected(service);
            match digest {
                Some(digest) => {
                    control::release_digest(cloud, &scope, &name(service), &digest, BY, log).await
                }
                None => Ok(()),
            }
        }
        Ask::Resume { service } => control::resume(cloud, &scope, &name(service), BY, log).await,
        Ask::Count { service, said: Some((which, count, minutes)) } => {
            let length = Length::For(jiff::SignedDuration::from_mins(minutes));
            let (by, reason) = (BY.to_owned(), "a sale".to_owned());
            let wanted = temporary::Wanted { which, count, length, by, reason };
            control::override_count(cloud, &scope, &name(service), &wanted, log).await
        }
        Ask::Count { service, said: None } => {
            control::end_overrides(cloud, &scope, &name(service), BY, log).await
        }
        Ask::Deploy { service, back } => {
            let Some(digest) = earlier(back) else { return Ok(()) };
            let wanted = deploy::Wanted { image: Reference::Digest(digest), container: None };
            control::deploy(cloud, &scope, &name(service), &wanted, BY, log).await
        }
    }
}

impl Stage {
    fn name(&self, service: usize) -> ServiceName {
        let service = self.plan.services[service].name.to_owned();
        ServiceName { cluster: CLUSTER.to_owned(), service }
    }

    fn rejected(&self, service: usize) -> Option<Digest> {
        let tags = &self.world.ecs.services[service].tags;
        let mut rejected = tags.keys().filter_map(|key| key.strip_prefix("pushboat:rejected:"));
        rejected.next_back().and_then(|hex| format!("sha256:{hex}").parse().ok())
    }

    /// Somebody has gone back from what this instance has rejected, and knows it.
    fn went_back(&mut self, id: u32, service: usize) {
        let rejected = self.instances.get_mut(&id).map(|it| std::mem::take(&mut it.rejected));
        let watched = &mut self.watch.services[service];
        watched.left.extend(rejected.into_iter().flatten());
    }

    /// The hold of a service, or of the cluster where it is `None`.
    fn hold_of(&mut self, arn: &str) -> Option<&mut Option<Standing>> {
        let is_cluster = self.world.ecs.clusters.iter().any(|it| it.arn == arn);
        match self.world.ecs.services.iter().position(|it| it.arn == arn) {
            Some(index) => Some(&mut self.watch.services[index].hold),
            None => is_cluster.then_some(&mut self.watch.cluster_hold),
        }
    }

    pub(super) fn hold_is_put(&mut self, arn: &str, tags: &Tags) {
        let Some(hold) = tags.get(HOLD).and_then(|value| Hold::parse(value)) else { return };
        let (since, until) = (self.now, hold.until.map(|until| self.millis_at(until)));
        if let Some(standing) = self.hold_of(arn) {
            *standing = Some(Standing { since, until });
        }
    }

    pub(super) fn untagged(&mut self, arn: &str, keys: &[String]) {
        if keys.iter().any(|key| key == HOLD)
            && let Some(standing) = self.hold_of(arn)
        {
            *standing = None;
        }
        if let Some(index) = self.world.ecs.services.iter().position(|it| it.arn == arn) {
            self.word_is_removed(index, keys);
        }
        let may_return = keys.iter().any(|key| key.starts_with("pushboat:rejected:"));
        let now = self.now;
        if let Some(index) =
            self.world.ecs.services.iter().position(|it| it.arn == arn).filter(|_| may_return)
        {
            self.watch.services[index].released_by_person_at = now;
        }
    }

    fn holds(&self, index: usize) -> impl Iterator<Item = Standing> {
        [self.watch.services[index].hold, self.watch.cluster_hold].into_iter().flatten()
    }

    pub(super) fn is_held(&self, index: usize) -> bool {
        let now = self.now;
        self.holds(index).any(|it| it.until.is_none_or(|until| now < until))
    }

    /// Just before a release: what keeps a release from going out that knows of everything until `since`?
    pub(super) fn goes_past(
        &self,
        index: usize,
        task_definition_arn: &str,
        since: i64,
    ) -> Option<(Rule, String)> {
        let name = self.plan.services[index].name;
        let now = self.now;
        let held = self.holds(index).find(|it| it.since < since && it.until.is_none_or(|until| now < until));
        if let Some(held) = held {
            let words = format!("releases {name}, which is held since {}", super::clock(held.since));
            return Some((Rule::Held, words));
        }
        let person = self.past_a_person(index, task_definition_arn, since).map(|words| (Rule::Person, words));
        person.or_else(|| self.past_a_chain(index, since).map(|words| (Rule::Completes, words)))
    }

    fn past_a_person(&self, index: usize, task_definition_arn: &str, since: i64) -> Option<String> {
        let watched = &self.watch.services[index];
        // A stack's update or a failed roll-out in between may have brought it back only after somebody looked.
        let (theirs, at) = watched.person.as_ref().filter(|it| it.1.max(watched.own_since) < since)?;
        let service = &self.world.ecs.services[index];
        let resumed = service.tags.get("pushboat:resume").is_some_and(|it| it == revision_name(theirs));
        if service.task_definition_arn != *theirs || resumed {
            return None;
        }
        let after = self.world.ecs.task_definitions.iter().rev().take_while(|it| it.arn != *theirs);
        if after.filter(|it| it.family == service.name).any(|it| it.tags.contains_key("pushboat:template")) {
            return None;
        }
        let digest = digest_of(&self.world, task_definition_arn)?;
        let is_older = self.pushed_at(&digest)? / SECOND < at / SECOND;
        let name = self.named(&digest);
        is_older
            .then(|| format!("puts {name} in the place of what a person deployed at {}", super::clock(*at)))
    }

    /// The chain as everybody has seen it for a while, and what is waited for is young and does not fail.
    fn past_a_chain(&self, index: usize, since: i64) -> Option<String> {
        use pushboat_local::world::ecs::ServiceDeploymentStatus::{InProgress, Pending, Stopped};
        let service = &self.world.ecs.services[index];
        let all = &self.world.ecs.service_deployments;
        let mut newest_first = all.iter().rev().filter(|it| it.service_arn == service.arn);
        let newest = newest_first.next()?;
        let began = self.millis_at(newest.created_at);
        let primary = service.deployments.first()?;
        let is_young = began < since && self.now < began + 10 * MINUTE;
        let fails = self.watch.failing.contains(&primary.id);
        if !matches!(newest.status, InProgress | Pending) || !is_young || fails {
            return None;
        }
        let stopped = newest_first.take_while(|it| it.status == Stopped).count();
        (stopped >= 3).then(|| {
            format!("supersedes one more after {stopped}, while that of {} is under way", super::clock(began))
        })
    }
}
