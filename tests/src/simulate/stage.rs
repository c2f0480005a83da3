//! The stage of one run: the world, virtual time, the queue of what happens next, and what is remembered of it.
//!
//! Nothing here waits. The runner takes the earliest thing from the queue, moves time there, and lets it happen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use jiff::SignedDuration;
use pushboat::Timestamp;
use pushboat::hint::Hint;
use pushboat::model::Digest;
use pushboat_local::world::{Effect, World};
use serde_json::Value;

use super::instances::Shelf;
use super::limits::Limits;
use super::load::Load;
use super::mutants::Mutant;
use super::outside::{Outside, TaskEvent};
use super::plan::{Fault, HOUR, MINUTE, Plan, SECOND};
use super::random::Random;
use super::seen::{self, Seen};
use super::watch::Watch;
use super::{CLUSTER, REPOSITORY};

/// How far back a read may look.
const STALE: i64 = 10 * SECOND;

/// An event or a tick on its way to a function.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) hint: Hint,
    /// The digest that the event named, which nobody should believe.
    pub(super) says: Option<Digest>,
    /// 1 for the first.
    pub(super) attempt: u32,
}

#[derive(Debug)]
pub(super) enum Happening {
    Invoke(Call),
    Tick,
    /// CloudWatch measures a minute.
    Measure,
    /// Somebody who waited may go on.
    Wake(u32),
    Task(TaskEvent),
    Step(usize),
}

#[derive(Debug)]
struct Entry {
    at: i64,
    /// Of two things at the same moment, either may be first.
    lot: u64,
    order: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.lot, self.order).cmp(&(other.at, other.lot, other.order))
    }
}

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) plan: Rc<Plan>,
    pub(super) mutant: Option<Mutant>,
    pub(super) random: Random,
    pub(super) world: World,
    pub(super) limits: Limits,
    pub(super) load: Load,
    pub(super) outside: Outside,
    pub(super) watch: Watch,
    /// Milliseconds since the beginning.
    pub(super) now: i64,
    began: Timestamp,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    /// When the last event that is late arrives, or the storm ends.
    pub(super) last_hint: i64,
    current: Seen,
    /// Of the roll-outs in it.
    of_rollouts: u64,
    /// Oldest first.
    past: Vec<Seen>,
    /// Known while the world is left alone.
    wake: Option<Option<i64>>,
    /// Digests by the order of their pushes.
    pub(super) pushed: Vec<Digest>,
    pub(super) instances: Shelf,
    pub(super) tells: bool,
    /// The last decisions about each service.
    pub(super) told: Vec<String>,
    pub(super) trace: Vec<(i64, String)>,
}

impl Stage {
    pub(super) fn new(plan: Rc<Plan>, mutant: Option<Mutant>, world: World, tells: bool) -> Stage {
        Stage {
            random: Random::new(plan.seed ^ 0x00c0_ffee),
            began: world.now(),
            limits: Limits::new(),
            load: Load::new(plan.seed, plan.services.iter().map(|it| it.name)),
            outside: Outside::default(),
            watch: Watch::new(plan.services.len()),
            now: 0,
            queue: BinaryHeap::new(),
            order: 0,
            last_hint: plan.storm_ends,
            current: Seen::new(),
            of_rollouts: 0,
            past: Vec::new(),
            wake: None,
            pushed: Vec::new(),
            instances: Shelf::new(),
            tells,
            told: Vec::new(),
            trace: Vec::new(),
            plan,
            mutant,
            world,
        }
    }

    /// Is it a time of trouble, and of this kind?
    pub(super) fn suffers(&self, fault: Fault) -> bool {
        self.now >= super::plan::CALM_BEFORE && self.now < self.plan.storm_ends && self.plan.has(fault)
    }

    pub(super) fn tell(&mut self, words: impl FnOnce(&Stage) -> String) {
        if self.tells {
            let words = words(self);
            self.trace.push((self.now, words));
        }
    }

    pub(super) fn clock(&self) -> Timestamp {
        self.clock_at(self.now)
    }

    pub(super) fn clock_at(&self, millis: i64) -> Timestamp {
        self.began + SignedDuration::from_millis(millis)
    }

    pub(super) fn millis_at(&self, at: Timestamp) -> i64 {
        i64::try_from(at.duration_since(self.began).as_millis()).unwrap_or(0)
    }

    pub(super) fn at(&mut self, at: i64, happening: Happening) {
        self.order += 1;
        let (lot, order) = (self.random.next(), self.order);
        self.queue.push(Reverse(Entry { at: at.max(self.now), lot, order, happening }));
    }

    /// Everything that comes late has come, and then there was an hour.
    pub(super) fn ends(&self) -> i64 {
        self.last_hint + HOUR
    }

    /// From here on nothing is written any more.
    pub(super) fn quiet_from(&self) -> i64 {
        self.ends() - 15 * MINUTE
    }

    /// Moves time to the next thing that happens, or says that the run is over.
    pub(super) fn next(&mut self) -> Option<Happening> {
        loop {
            let wake = match self.wake {
                Some(known) => known,
                None => {
                    let next = self.world.next_wake().map(|at| self.millis_at(at));
                    *self.wake.insert(next)
                }
            };
            let queued = self.queue.peek().map(|Reverse(entry)| entry.at);
            let at = [wake, queued].into_iter().flatten().min()?;
            if at > self.ends() {
                return None;
            }
            self.now = self.now.max(at);
            if wake == Some(at) {
                self.change(|_| ());
                continue;
            }
            let Reverse(entry) = self.queue.pop()?;
            return Some(entry.happening);
        }
    }

    /// Whatever touches the world goes through here: it is moved to the present, touched, and its effects go out.
    pub(super) fn change<R>(&mut self, touch: impl FnOnce(&mut World) -> R) -> R {
        let clock = self.clock();
        self.world.advance(clock);
        let result = touch(&mut self.world);
        self.wake = None;
        for effect in self.world.take_effects() {
            match effect {
                Effect::StartTask(start) => self.start_task(&start),
                Effect::StopTask { task_arn } => self.stop_task(&task_arn),
                Effect::Event(event) => self.route(&event),
                // Alarms are put by `load`.
                Effect::Listener(_) | Effect::InvokeFunction { .. } => {}
            }
        }
        self.look_again();
        self.observe();
        result
    }

    /// EventBridge: the two rules of the template.
    fn route(&mut self, event: &Value) {
        let detail = &event["detail"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (hint, says) = match event["detail-type"].as_str() {
            Some("ECR Image Action") if detail["action-type"] == "PUSH" && detail["image-tag"] != "" => {
                let (repository, tag) = (text(&detail["repository-name"]), text(&detail["image-tag"]));
                (Hint::Image { repository, tag }, text(&detail["image-digest"]).parse().ok())
            }
            Some("ECS Deployment State Change") => {
                let arn = text(&event["resources"][0]);
                let service = arn.rsplit('/').next().unwrap_or_default().to_owned();
                let service = pushboat::model::ServiceName { cluster: CLUSTER.to_owned(), service };
                let hint = match detail["eventName"].as_str() {
                    Some("SERVICE_DEPLOYMENT_COMPLETED") => {
                        Hint::Completed { service, deployment_id: text(&detail["deploymentId"]) }
                    }
                    _ => Hint::Service(service),
                };
                (hint, None)
            }
            _ => return,
        };
        self.deliver(&hint, says);
    }

    /// On its way to a function, in the manner of EventBridge.
    pub(super) fn deliver(&mut self, hint: &Hint, says: Option<Digest>) {
        if self.suffers(Fault::Lost) && self.random.permille(300) {
            return self.tell(|_| format!("EventBridge loses: {hint}"));
        }
        let copies = match self.suffers(Fault::Doubled) && self.random.permille(500) {
            true => self.random.between(2, 4),
            false => 1,
        };
        for _ in 0..copies {
            let mut delay = self.random.between(150, 2_000);
            if self.suffers(Fault::Late) && self.random.permille(150) {
                let longest = self.random.pick(&[10 * SECOND, 2 * MINUTE, 20 * MINUTE, 6 * HOUR]);
                delay += self.random.between(0, longest);
                self.last_hint = self.last_hint.max(self.now + delay);
            }
            let call = Call { hint: hint.clone(), says: says.clone(), attempt: 1 };
            self.at(self.now + delay, Happening::Invoke(call));
        }
    }

    /// Builds what reads see from now on, and keeps what they saw until now.
    fn look_again(&mut self) {
        let stale = self.plan.has(Fault::Stale) && self.now < self.plan.storm_ends + STALE;
        if stale {
            let oldest = self.now - STALE;
            while self.past.get(1).is_some_and(|it| it.from <= oldest) {
                self.past.remove(0);
            }
            self.past.push(self.current.clone());
        } else {
            self.past.clear();
        }
        let world = &self.world;
        self.current.from = self.now;
        self.current.services = Rc::new(seen::services(world));
        let of_rollouts = seen::state_of_rollouts(world);
        if self.of_rollouts != of_rollouts {
            self.of_rollouts = of_rollouts;
            let rollouts = world.ecs.services.iter().map(|it| seen::rollouts(world, &it.arn)).collect();
            self.current.rollouts = Rc::new(rollouts);
        }
        let images =
            world.repository(REPOSITORY).map_or(0, |it| it.images.values().map(|it| 1 + it.tags.len()).sum());
        if self.current.images.iter().map(|it| 1 + it.tags.len()).sum::<usize>() != images
            || self.watch.tag_moved(world)
        {
            self.current.images = Rc::new(seen::images(world));
        }
        let known = self.current.revisions.len();
        if known < world.ecs.task_definitions.len() {
            let mut revisions = self.current.revisions.to_vec();
            revisions
                .extend(world.ecs.task_definitions[known..].iter().map(|it| Rc::new(seen::revision(it))));
            self.current.revisions = Rc::new(revisions);
        }
    }

    /// The tags of a revision have changed.
    pub(super) fn look_at_revision(&mut self, arn: &str) {
        let found = self.world.ecs.task_definitions.iter().position(|it| it.arn == arn);
        if let Some(at) = found {
            let mut revisions = self.current.revisions.to_vec();
            revisions[at] = Rc::new(seen::revision(&self.world.ecs.task_definitions[at]));
            self.current.revisions = Rc::new(revisions);
        }
    }

    /// What is true now.
    pub(super) fn truth(&self) -> &Seen {
        &self.current
    }

    /// What one read sees.
    pub(super) fn read(&mut self) -> Seen {
        if self.suffers(Fault::Stale) && self.random.permille(300) {
            let at = self.now - self.random.between(0, STALE);
            let then = self.past.iter().rev().find(|it| it.from <= at);
            if self.current.from > at
                && let Some(then) = then
            {
                return then.clone();
            }
        }
        self.current.clone()
    }

    /// By name: where services stand in the plan and in the world.
    pub(super) fn index_of(&self, service: &str) -> Option<usize> {
        self.plan.services.iter().position(|it| it.name == service)
    }
}
