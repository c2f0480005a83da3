//! The rules, and what must be remembered to check them while a run goes on. It looks at the world itself, never through
//! the eyes of an instance, and works out for itself which digests failed.

use std::collections::{BTreeMap, BTreeSet};

use pushboat::decision::{Action, Decision};
use pushboat::model::Digest;
use pushboat::task_definition::{BASE, ImageName, TEMPLATE, revision_name};
use pushboat_local::world::World;
use pushboat_local::world::ecs::{ServiceDeployment, ServiceDeploymentStatus as Status};
use pushboat_local::world::elb::TargetState;

use super::asks::Standing;
use super::plan::SECOND;
use super::stage::Stage;
use super::{CONTAINER, REPOSITORY, TAG};

/// The functions read so many roll-outs, and a few may have come since; what is further back cannot clear a digest.
const SEEN_BACK: usize = 15;

/// A read may be so old, and a little more for the way.
pub(super) const GRACE: i64 = 15 * SECOND;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    Newest,
    Quiet,
    NoReturn,
    Blame,
    Revision,
    Count,
    Floor,
    Stack,
    Surplus,
    SecondLook,
    LooksFirst,
    Reason,
    GoodNewest,
    Held,
    Person,
    Rehearsed,
    Completes,
    Bounds,
    OneScaler,
    Override,
    ScaleIn,
    Once,
    Sized,
}

impl Rule {
    pub fn words(self) -> &'static str {
        match self {
            Rule::Newest => "a service ends at the newest eligible image, whatever was lost",
            Rule::Quiet => "nothing is written once all is done",
            Rule::NoReturn => "a digest that failed does not return by itself",
            Rule::Blame => "only a digest whose roll-out failed is rejected",
            Rule::Revision => "a revision differs from its base only in the image that is followed",
            Rule::Count => "the count is what those who may set it have set",
            Rule::Floor => "never fewer healthy tasks than the deployment promises",
            Rule::Stack => "no stack update brings back an old image for good",
            Rule::Surplus => "no revision is registered twice but by instances that overlap",
            Rule::SecondLook => "whoever releases looks once more",
            Rule::LooksFirst => {
                "what is released is what a tag meant or the service ran, not what an event said"
            }
            Rule::Reason => "every decision has a reason, every release its decision",
            Rule::GoodNewest => "at rest the newest ACTIVE revision is a good one",
            Rule::Held => "nothing is released while somebody holds",
            Rule::Person => {
                "what a person deployed or asked for stays until a push after that, or until somebody resumes"
            }
            Rule::Rehearsed => "a plan writes nothing",
            Rule::Completes => "no endless chain of roll-outs in which none completes",
            Rule::Bounds => "a count is within what its owner allows, or somebody has said",
            Rule::OneScaler => "a count that Application Auto Scaling decides is left alone",
            Rule::Override => "what a person has said of the count wins until it ends",
            Rule::ScaleIn => "a deployment pauses scaling in",
            Rule::Once => "one transition of an alarm moves once, and once more for each minute",
            Rule::Sized => "at rest the count is the one that the load asks for",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Violation {
    pub rule: Rule,
    pub at: i64,
    pub words: String,
}

/// Who told a service last what to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Pushboat,
    Stack,
    Person,
}

#[derive(Debug)]
pub(super) struct Watched {
    /// What those who may have set.
    pub(super) wanted: u32,
    /// The digest of the service's own revision, since when.
    pub(super) ran: Vec<(i64, Option<Digest>)>,
    pub(super) own: String,
    /// Since when that is the service's own without a break.
    pub(super) own_since: i64,
    /// Digests whose latest telling roll-out failed, and when.
    pub(super) failures: BTreeMap<Digest, i64>,
    pub(super) ever_failed: Vec<Digest>,
    pub(super) ever_completed: BTreeSet<Digest>,
    pub(super) released_by_person_at: i64,
    pub(super) person_registered_at: i64,
    /// What a person deployed or asked for last, and when.
    pub(super) person: Option<(String, i64)>,
    /// What people have asked for though no tag meant it, and when that was deployed.
    pub(super) asked: BTreeMap<Digest, i64>,
    /// What somebody has asked to go back from, and when.
    pub(super) left: BTreeMap<Digest, i64>,
    /// What such a request has rejected, whether it came to its end or not.
    pub(super) given_up: BTreeSet<Digest>,
    /// The revision that Pushboat's last release named.
    pub(super) told: String,
    pub(super) hold: Option<Standing>,
    pub(super) last_writer: Writer,
    /// What ran before the stack's last update.
    pub(super) before_stack: Option<Digest>,
    /// It has had enough healthy tasks, and nothing excuses fewer.
    was_enough: bool,
    is_excused: bool,
}

#[derive(Debug)]
pub(super) struct Watch {
    pub(super) violations: Vec<Violation>,
    pub(super) services: Vec<Watched>,
    /// What the tag meant, since when.
    pub(super) tag: Vec<(i64, Digest)>,
    pub(super) cluster_hold: Option<Standing>,
    /// Ids of deployments that have had the circuit breaker's least number of failed tasks.
    pub(super) failing: BTreeSet<String>,
    known: Vec<Status>,
    /// By ARN: when a revision was registered.
    pub(super) registered_at: BTreeMap<String, i64>,
}

impl Watch {
    pub(super) fn new(services: usize) -> Watch {
        let watched = || Watched {
            wanted: 0,
            ran: Vec::new(),
            own: String::new(),
            own_since: 0,
            failures: BTreeMap::new(),
            ever_failed: Vec::new(),
            ever_completed: BTreeSet::new(),
            released_by_person_at: -1,
            person_registered_at: -1,
            person: None,
            asked: BTreeMap::new(),
            left: BTreeMap::new(),
            given_up: BTreeSet::new(),
            told: String::new(),
            hold: None,
            last_writer: Writer::Stack,
            before_stack: None,
            was_enough: false,
            is_excused: false,
        };
        Watch {
            violations: Vec::new(),
            services: (0..services).map(|_| watched()).collect(),
            tag: Vec::new(),
            cluster_hold: None,
            failing: BTreeSet::new(),
            known: Vec::new(),
            registered_at: BTreeMap::new(),
        }
    }

    pub(super) fn tag_means(&self) -> Option<&Digest> {
        self.tag.last().map(|(_, digest)| digest)
    }

    pub(super) fn tag_moved(&self, world: &World) -> bool {
        tag_now(world).as_deref() != self.tag_means().map(Digest::as_str)
    }

    /// A healthy task has died by itself: fewer than promised is nobody's fault for a while.
    pub(super) fn excuse(&mut self) {
        for service in &mut self.services {
            service.is_excused = true;
        }
    }

    /// Each rule once: the first time says it.
    fn broken(&mut self, rule: Rule, at: i64, words: String) {
        if self.violations.iter().all(|it| it.rule != rule) {
            self.violations.push(Violation { rule, at, words });
        }
    }
}

fn tag_now(world: &World) -> Option<String> {
    world.find_image(REPOSITORY, TAG).ok().flatten().map(|it| it.digest.clone())
}

/// What a revision runs: by name, or as its first task has resolved it.
pub(super) fn digest_of(world: &World, task_definition_arn: &str) -> Option<Digest> {
    let definition = world.find_task_definition(task_definition_arn).ok()?;
    let containers = definition.document.get("containerDefinitions")?.as_array()?;
    let image = containers.iter().find(|it| it["name"] == CONTAINER)?["image"].as_str()?;
    ImageName::parse(image).digest.or_else(|| {
        let mut revisions = world.ecs.service_revisions.iter().rev();
        let revision = revisions.find(|it| it.task_definition_arn == task_definition_arn)?;
        let resolved = revision.container_images.iter().find(|it| it.0 == CONTAINER)?;
        resolved.2.as_ref()?.parse().ok()
    })
}

impl Stage {
    pub(super) fn breaks(&mut self, rule: Rule, words: String) {
        let now = self.now;
        self.tell(|_| format!("VIOLATION: {}: {words}", rule.words()));
        self.watch.broken(rule, now, words);
    }

    /// After everything that touched the world.
    pub(super) fn observe(&mut self) {
        let now = self.now;
        if self.watch.tag_moved(&self.world)
            && let Some(digest) = tag_now(&self.world).and_then(|it| it.parse().ok())
        {
            self.watch.tag.push((now, digest));
        }
        self.observe_deployments();
        for index in 0..self.world.ecs.services.len().min(self.watch.services.len()) {
            self.observe_service(index);
        }
    }

    fn observe_service(&mut self, index: usize) {
        let now = self.now;
        let service = &self.world.ecs.services[index];
        if let Some(failing) = service.deployments.first().filter(|it| it.failed_tasks >= 3) {
            self.watch.failing.insert(failing.id.clone());
        }
        let watched = &mut self.watch.services[index];
        let is_new = watched.own != service.task_definition_arn;
        if is_new {
            watched.own_since = now;
        }
        if is_new || watched.ran.last().is_none_or(|(_, digest)| digest.is_none()) {
            watched.own.clone_from(&service.task_definition_arn);
            watched.ran.push((now, digest_of(&self.world, &service.task_definition_arn)));
        }
        let (name, desired, wanted) = (service.name.clone(), service.desired_count, watched.wanted);
        let of_desired = wanted * self.plan.services[index].minimum_healthy_percent;
        let promised = of_desired.div_ceil(100);
        let groups = self.world.elb.target_groups.iter().filter(|it| it.name == service.name);
        let healthy = groups.flat_map(|it| &it.targets).filter(|it| it.state == TargetState::Healthy);
        let healthy = u32::try_from(healthy.count()).unwrap_or(u32::MAX);
        let is_too_few = healthy < promised && watched.was_enough && !watched.is_excused;
        watched.was_enough = healthy >= promised;
        if watched.was_enough {
            watched.is_excused = false;
        }
        if desired != wanted {
            self.breaks(Rule::Count, format!("{name} has a count of {desired}, but was told {wanted}"));
        }
        if is_too_few {
            self.breaks(Rule::Floor, format!("{name} has {healthy} healthy tasks, promised are {promised}"));
        }
    }

    fn observe_deployments(&mut self) {
        for at in 0..self.world.ecs.service_deployments.len() {
            let status = self.world.ecs.service_deployments[at].status;
            let before = self.watch.known.get(at).copied();
            if before == Some(status) {
                continue;
            }
            match before {
                Some(_) => self.watch.known[at] = status,
                None => self.watch.known.push(status),
            }
            self.deployment_turned(at, before, status);
        }
    }

    fn deployment_turned(&mut self, at: usize, before: Option<Status>, status: Status) {
        let deployments = &self.world.ecs.service_deployments;
        let deployment = &deployments[at];
        let target = |it: &ServiceDeployment| {
            let mut revisions = self.world.ecs.service_revisions.iter();
            let revision = revisions.find(|one| one.arn == it.target_revision_arn)?;
            let (_, image, resolved) = revision.container_images.iter().find(|it| it.0 == CONTAINER)?;
            ImageName::parse(image).digest.or_else(|| resolved.as_ref()?.parse().ok())
        };
        let Some(index) = self.world.ecs.services.iter().position(|it| it.arn == deployment.service_arn)
        else {
            return;
        };
        let name = self.world.ecs.services[index].name.clone();
        let Some(digest) = target(deployment) else { return };
        let reason = deployment.status_reason.as_deref().unwrap_or_default();
        let has_failed = match status {
            // Going back may be done at once, where everything old still runs.
            Status::RollbackInProgress | Status::RollbackSuccessful => {
                before != Some(Status::RollbackInProgress)
            }
            Status::Stopped => reason.contains("circuit breaker"),
            _ => false,
        };
        let earlier = || deployments[..at].iter().rev().filter(|it| it.service_arn == deployment.service_arn);
        let is_good = |it: &&ServiceDeployment| it.status == Status::Successful;
        let good = earlier().find(is_good).and_then(target);
        let seen_good = earlier().take(SEEN_BACK).find(is_good).and_then(target);
        let began_at = self.millis_at(deployment.created_at);
        let is_spoilt = self.is_of_untried_template(at);
        let now = self.now;
        let watched = &mut self.watch.services[index];
        // A template that never ran here may be at fault where the image is known to be good.
        let is_spoilt = is_spoilt && watched.ever_completed.contains(&digest);
        if has_failed && seen_good.as_ref() != Some(&digest) {
            watched.ever_failed.push(digest.clone());
        }
        if has_failed {
            // What failed in place counts once somebody has seen it there: ECS forgets it with the next roll-out.
            // One that began before the person let the digest return has nothing to say of what comes after.
            let is_old = began_at < watched.released_by_person_at;
            let is_new = good.as_ref() != Some(&digest) && !is_spoilt;
            if is_new && status != Status::Stopped && !is_old {
                watched.failures.insert(digest.clone(), now);
            }
        } else if status == Status::Successful {
            watched.failures.remove(&digest);
            watched.ever_completed.insert(digest.clone());
        }
        let number = self.named(&digest);
        self.tell(|_| format!("ECS: deployment {} of {name} to {number}: {}", at + 1, status.as_str()));
    }

    /// Is this roll-out to a revision of the template, or to a copy of one, that has not succeeded in its service?
    fn is_of_untried_template(&self, at: usize) -> bool {
        let all = &self.world.ecs.service_deployments;
        let template_of = |it: &ServiceDeployment| {
            let mut revisions = self.world.ecs.service_revisions.iter();
            let target = revisions.find(|one| one.arn == it.target_revision_arn)?;
            let definition = self.world.find_task_definition(&target.task_definition_arn).ok()?;
            match definition.tags.contains_key(TEMPLATE) {
                true => Some(revision_name(&definition.arn).to_owned()),
                false => definition.tags.get(BASE).cloned(),
            }
        };
        let Some(template) = template_of(&all[at]) else { return false };
        let mut earlier = all[..at].iter().filter(|it| it.service_arn == all[at].service_arn);
        let is_template = |it: &pushboat_local::world::ecs::TaskDefinition| {
            revision_name(&it.arn) == template && it.tags.contains_key(TEMPLATE)
        };
        self.world.ecs.task_definitions.iter().any(is_template)
            && !earlier
                .any(|it| it.status == Status::Successful && template_of(it).as_ref() == Some(&template))
    }

    /// An invocation that has come to a good end saw these services, at these times, in the state that a failed roll-out
    /// left. What a person has let return since says nothing any more.
    pub(super) fn saw_failed(&mut self, seen: Vec<(usize, Digest, i64)>) {
        let now = self.now;
        for (index, digest, at) in seen {
            let watched = &mut self.watch.services[index];
            if watched.ever_failed.contains(&digest) && at > watched.released_by_person_at {
                watched.failures.insert(digest, now);
            }
        }
    }

    /// `image 3`, by the order of pushes.
    pub(super) fn named(&self, digest: &Digest) -> String {
        match self.pushed.iter().position(|it| it == digest) {
            Some(at) => format!("image {at}"),
            None => digest.to_string(),
        }
    }

    /// Once: sweeps say the same again and again.
    fn tell_decision(&mut self, id: u32, decision: &Decision) {
        if !self.tells {
            return;
        }
        let service = decision.service.clone().unwrap_or_else(|| "all".to_owned());
        let mut words = format!("{:?} {service}: {}", decision.decision, decision.reason);
        for (at, digest) in self.pushed.iter().enumerate() {
            words = words.replace(digest.as_str(), &format!("image {at}"));
        }
        if decision.decision != Action::Kept {
            self.told.retain(|it| !it.contains(&service));
        } else if self.told.contains(&words) {
            return;
        }
        self.told.push(words.clone());
        self.tell(|_| format!("  #{id} {words}"));
    }

    pub(super) fn decided(&mut self, id: u32, decision: &Decision) {
        self.tell_decision(id, decision);
        if decision.reason.trim().len() < 8 {
            self.breaks(Rule::Reason, format!("a decision {:?} without a reason", decision.decision));
        }
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.said += usize::from(decision.decision == Action::Released);
            instance.said_to_go_back += usize::from(decision.decision == Action::RolledBack);
            // For want of time, which is no error.
            if decision.decision == Action::Postponed
                && let Some(service) = &decision.service
                && let Some((_, service)) = service.split_once('/')
            {
                instance.looks.entry(service.to_owned()).or_default().is_postponed = true;
            }
        }
    }
}
