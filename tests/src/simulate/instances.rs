//! Instances of the functions: begun by a call, run between everybody else, killed at any moment or after sixty seconds,
//! and run again after one and two minutes, as Lambda does for asynchronous calls. One thread, no runtime.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use pushboat::control::{self, Scope};
use pushboat::decision::Decision;
use pushboat::hint::Hint;
use pushboat::model::Digest;

use super::asks::{self, Ask};
use super::lens::{Lens, Shared};
use super::mutants::Mutant;
use super::plan::{Fault, MINUTE, SECOND};
use super::stage::{Call, Happening, Stage};
use super::{CLUSTER, REPOSITORY, mutated};

/// Of both functions, in the template.
pub(super) const TIMEOUT: i64 = 60 * SECOND;
const RETRIES: u32 = 2;

/// What is remembered of an instance while it runs.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) started: i64,
    /// `None`: somebody who writes by himself.
    pub(super) call: Option<Call>,
    pub(super) registered: Vec<String>,
    pub(super) saw_failed: Vec<(usize, Digest, i64)>,
    /// How often it registered what was there: ECS may show it only later.
    pub(super) surplus: u32,
    pub(super) releases: usize,
    pub(super) said: usize,
    pub(super) said_to_go_back: usize,
    /// A person has asked it to go back.
    pub(super) goes_back: bool,
    /// The image that a person has asked it for.
    pub(super) asked: Option<Digest>,
    /// It only says what it would do.
    pub(super) rehearses: bool,
    pub(super) rejected: Vec<(Digest, i64)>,
    /// AWS has throttled it since its last release.
    pub(super) is_refused: bool,
    /// By name of the service: several are looked at at once.
    pub(super) looks: BTreeMap<String, Looks>,
}

/// How an instance has looked at one service.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// How often it read the service.
    pub(super) reads: u32,
    /// It has released since.
    pub(super) is_unlooked: bool,
    /// It has said that there is no time for another look.
    pub(super) is_postponed: bool,
}

impl Instance {
    pub(super) fn is_function(&self) -> bool {
        self.call.is_some()
    }
}

/// Whether it ended well.
type Running = Pin<Box<dyn Future<Output = bool>>>;

/// Looks that go on at once wake each other when they let go of a lock; for the cloud they wait in the stage's queue.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
pub(super) struct Instances {
    running: BTreeMap<u32, Running>,
    last: u32,
    pub(super) most: usize,
}

impl Instances {
    fn begin(&mut self, stage: &Shared, call: Option<Call>, make: impl FnOnce(u32) -> Running) {
        self.last += 1;
        let id = self.last;
        let mut on = stage.borrow_mut();
        let instance = Instance {
            started: on.now,
            call,
            registered: Vec::new(),
            saw_failed: Vec::new(),
            surplus: 0,
            releases: 0,
            said: 0,
            said_to_go_back: 0,
            goes_back: false,
            asked: None,
            rehearses: false,
            rejected: Vec::new(),
            is_refused: false,
            looks: BTreeMap::new(),
        };
        on.instances.insert(id, instance);
        drop(on);
        self.running.insert(id, make(id));
        self.most = self.most.max(self.running.len());
        self.wake(stage, id);
    }

    pub(super) fn invoke(&mut self, stage: &Shared, call: Call) {
        let on = stage.borrow();
        let (mutant, services) = (on.mutant, on.plan.services.len());
        let is_quiet_tick = call.hint == Hint::Everything && on.now >= on.plan.storm_ends;
        drop(on);
        debug_assert!(services > 0);
        let (of_call, hint) = (call.clone(), call.hint.clone());
        self.begin(stage, Some(call), |id| {
            if !is_quiet_tick {
                stage.borrow_mut().tell(|_| format!("#{id} begins, attempt {}: {hint}", of_call.attempt));
            }
            Box::pin(function(stage.clone(), id, of_call, mutant))
        });
    }

    pub(super) fn ask(&mut self, stage: &Shared, ask: Ask) {
        let call = ask.call(&stage.borrow());
        self.begin(stage, Some(call.clone()), |id| {
            if let Some(instance) = stage.borrow_mut().instances.get_mut(&id) {
                instance.goes_back = ask.goes_back();
            }
            Box::pin(asks::ask(stage.clone(), id, call, ask))
        });
    }

    /// Somebody else who takes his time over what he writes.
    pub(super) fn writer(&mut self, stage: &Shared, make: impl FnOnce(u32) -> Running) {
        self.begin(stage, None, make);
    }

    pub(super) fn wake(&mut self, stage: &Shared, id: u32) {
        let Some(running) = self.running.get_mut(&id) else { return };
        let death = stage.borrow_mut().dies(id);
        if let Some(why) = death {
            self.running.remove(&id);
            return stage.borrow_mut().ended(id, Some(why));
        }
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            if let Poll::Ready(well) = running.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.running.remove(&id);
                return stage.borrow_mut().ended(id, (!well).then_some("ends in an error"));
            }
            if !woken.0.swap(false, Ordering::Relaxed) {
                return;
            }
        }
    }
}

pub(super) fn scope() -> Scope {
    Scope { clusters: vec![CLUSTER.to_owned()], repositories: vec![REPOSITORY.to_owned()] }
}

/// The real thing: what a function does with a hint.
async fn function(stage: Shared, id: u32, call: Call, mutant: Option<Mutant>) -> bool {
    let scope = scope();
    let hint = call.hint.clone();
    let memory = mutated::Memory::of(call);
    let lens = Lens { stage: stage.clone(), id, date: Cell::new(None), mutant, memory };
    let mut log = |mut decision: Decision| {
        if mutant == Some(Mutant::SaysNothing) {
            decision.reason.clear();
        }
        stage.borrow_mut().decided(id, &decision);
    };
    let releases = !matches!(hint, Hint::Alarm { .. });
    let scales =
        stage.borrow().plan.has(Fault::Load) && matches!(hint, Hint::Alarm { .. } | Hint::Everything);
    let released = !releases || control::follow(&lens, &scope, &hint, &mut log).await.is_ok();
    let scaled = !scales || control::scale(&lens, &scope, &hint, &mut log).await.is_ok();
    released && scaled
}

impl Stage {
    fn dies(&mut self, id: u32) -> Option<&'static str> {
        let instance = self.instances.get(&id).filter(|it| it.is_function())?;
        if self.now > instance.started + TIMEOUT {
            return Some("runs out of time");
        }
        (self.suffers(Fault::Crashes) && self.random.permille(12)).then_some("crashes")
    }

    /// With what went wrong, if anything did.
    fn ended(&mut self, id: u32, trouble: Option<&'static str>) {
        if trouble.is_none() {
            self.ended_well(id);
        }
        let Some(instance) = self.instances.remove(&id) else { return };
        let (Some(trouble), Some(call)) = (trouble, instance.call) else { return };
        self.tell(|_| format!("#{id} {trouble}"));
        if call.attempt <= RETRIES {
            let at = self.now + i64::from(call.attempt) * MINUTE;
            self.at(at, Happening::Invoke(Call { attempt: call.attempt + 1, ..call }));
        }
    }
}

pub(super) type Shelf = BTreeMap<u32, Instance>;

pub(super) fn shared(stage: Stage) -> Shared {
    Rc::new(std::cell::RefCell::new(stage))
}
