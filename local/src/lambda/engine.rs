//! The work behind the handle: an event's way through attempts, retries and the dead letters, and the instances
//! of each function.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::function::{Function, Settings};
use super::ids;
use super::instance::{Instance, InstanceName};
use super::process::Counted;
use super::records::{Condition, DeadLetter, FunctionError, Invocation, Outcome, Records, Start, locked};
use crate::hub::Hub;

/// What a function is asked to do. The retries of one event share its request id.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) trace_id: String,
    pub(super) payload: Value,
    accepted_at: Timestamp,
}

impl Event {
    pub(super) fn new(payload: Value) -> Event {
        let accepted_at = Hub::now();
        let (seconds, root, parent) = (accepted_at.as_second(), ids::hex(24), ids::hex(16));
        Event {
            request_id: ids::uuid(),
            trace_id: format!("Root=1-{seconds:08x}-{root};Parent={parent};Sampled=0"),
            payload,
            accepted_at,
        }
    }
}

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) settings: Settings,
    pub(super) pools: BTreeMap<String, Arc<Pool>>,
    pub(super) records: Arc<Records>,
    /// Events that are queued, waiting for a retry or running.
    pub(super) events: watch::Sender<usize>,
    pub(super) processes: watch::Sender<usize>,
    pub(super) closing: watch::Sender<bool>,
}

/// A function and its instances.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) function: Function,
    /// One permit for each instance that may work at the same time.
    slots: Arc<Semaphore>,
    warm: Mutex<Vec<Parked>>,
}

#[derive(Debug)]
struct Parked {
    instance: Instance,
    since: Instant,
}

type Slot = OwnedSemaphorePermit;

impl Pool {
    pub(super) fn new(function: Function) -> Pool {
        Pool {
            slots: Arc::new(Semaphore::new(function.concurrency_limit)),
            warm: Mutex::new(Vec::new()),
            function,
        }
    }

    /// A slot if one is free now, else nothing: a synchronous caller is throttled.
    pub(super) fn free_slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    async fn next_slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// The instance that worked last, so that the others can retire.
    fn take_warm(&self) -> Option<Instance> {
        let mut warm = locked(&self.warm);
        while let Some(parked) = warm.pop() {
            if parked.instance.is_running() {
                return Some(parked.instance);
            }
        }
        None
    }

    fn park(&self, instance: Instance) {
        locked(&self.warm).push(Parked { instance, since: Instant::now() });
    }

    fn retire(&self, after: Duration) {
        locked(&self.warm).retain(|parked| parked.since.elapsed() < after && parked.instance.is_running());
    }

    pub(super) fn dismiss_all(&self) {
        locked(&self.warm).clear();
    }
}

impl Engine {
    pub(super) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Runs `work`, counted as an event under way, until it is done or everything closes.
    fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let counted = Counted::new(&self.events);
        let mut closing = self.closing.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
            drop(counted);
        });
    }

    /// Queues an event: Lambda's asynchronous invocation.
    pub(super) fn enqueue(self: &Arc<Self>, pool: &Arc<Pool>, payload: Value) -> String {
        let event = Event::new(payload);
        let request_id = event.request_id.clone();
        let (engine, pool) = (Arc::clone(self), Arc::clone(pool));
        self.spawn(async move {
            if let Some(letter) = engine.carry_through(&pool, event).await {
                engine.records.bury(letter);
            }
        });
        request_id
    }

    /// Attempts an event until it succeeds; what cannot be delivered comes back as a dead letter.
    async fn carry_through(self: &Arc<Self>, pool: &Arc<Pool>, event: Event) -> Option<DeadLetter> {
        let retry = &pool.function.retry;
        let expires = Instant::now() + retry.maximum_event_age;
        let mut letter = DeadLetter {
            request_id: event.request_id.clone(),
            function: pool.function.name.clone(),
            payload: Value::Null,
            condition: Condition::EventAgeExceeded,
            attempts: 0,
            error: None,
            accepted_at: event.accepted_at,
            first_attempt_at: None,
            last_attempt_at: None,
        };
        while let Ok(Some(slot)) = timeout_at(expires, pool.next_slot()).await {
            letter.attempts += 1;
            letter.last_attempt_at = Some(Hub::now());
            letter.first_attempt_at = letter.first_attempt_at.or(letter.last_attempt_at);
            match self.attempt(pool, &event, letter.attempts, slot).await {
                Ok(_) => return None,
                Err(error) => letter.error = Some(error),
            }
            let Some(delay) = retry.delays.get(letter.attempts - 1) else {
                letter.condition = Condition::RetriesExhausted;
                break;
            };
            if Instant::now() + *delay >= expires {
                break;
            }
            sleep(*delay).await;
        }
        letter.payload = event.payload;
        Some(letter)
    }

    /// One attempt on behalf of a caller who may lose interest: the function finishes all the same.
    pub(super) fn call(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        event: Event,
        slot: Slot,
    ) -> oneshot::Receiver<Result<Value, FunctionError>> {
        let (answer, answered) = oneshot::channel();
        let (engine, pool) = (Arc::clone(self), Arc::clone(pool));
        self.spawn(async move {
            let result = engine.attempt(&pool, &event, 1, slot).await;
            // The caller may be gone.
            let _ = answer.send(result);
        });
        answered
    }

    async fn attempt(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        event: &Event,
        attempt: usize,
        slot: Slot,
    ) -> Result<Value, FunctionError> {
        let begun = Attempt::new(pool, event, attempt);
        let (name, init, instance) = self.warm_or_new(pool).await;
        let mut instance = match instance {
            Ok(instance) => instance,
            Err(error) => {
                let outcome = Outcome::Failed(error.clone());
                self.records.invoked(begun.ended(&name, (init, Duration::ZERO), outcome));
                return Err(error);
            }
        };
        let from = Instant::now();
        let arn = self.settings.function_arn(&pool.function.name);
        let result = instance.invoke(event, arn, pool.function.timeout()).await;
        let outcome = match &result {
            Ok(_) => Outcome::Succeeded,
            Err(error) => Outcome::Failed(error.clone()),
        };
        self.records.invoked(begun.ended(&name, (init, from.elapsed()), outcome));
        self.take_back(pool, instance, slot);
        result
    }

    /// An instance, its name, and how long it took to start if it was started for this.
    async fn warm_or_new(
        &self,
        pool: &Pool,
    ) -> (InstanceName, Option<Duration>, Result<Instance, FunctionError>) {
        if let Some(instance) = pool.take_warm() {
            return (instance.name.clone(), None, Ok(instance));
        }
        let name = InstanceName::fresh();
        let counted = Counted::new(&self.processes);
        let from = Instant::now();
        let started =
            Instance::start(name.clone(), &pool.function, &self.settings, &self.records, counted).await;
        (name, Some(from.elapsed()), started)
    }

    /// The instance is free for others once it asks for more; its answer does not wait for that.
    fn take_back(self: &Arc<Self>, pool: &Arc<Pool>, mut instance: Instance, slot: Slot) {
        let pool = Arc::clone(pool);
        self.spawn(async move {
            if instance.is_ready_again(pool.function.timeout()).await {
                pool.park(instance);
            }
            drop(slot);
        });
    }

    /// Stops instances that have been without work for too long, until everything closes.
    pub(super) async fn retire_idle_instances(self: Arc<Self>) {
        let mut closing = self.closing.subscribe();
        let period =
            (self.settings.retire_after / 2).clamp(Duration::from_millis(10), Duration::from_secs(30));
        loop {
            tokio::select! {
                () = sleep(period) => {}
                _ = closing.wait_for(|closing| *closing) => return,
            }
            for pool in self.pools.values() {
                pool.retire(self.settings.retire_after);
            }
        }
    }
}

/// An attempt under way: what its record says already before it ends.
struct Attempt<'a> {
    function: &'a Function,
    event: &'a Event,
    attempt: usize,
    started_at: Timestamp,
}

impl<'a> Attempt<'a> {
    fn new(pool: &'a Pool, event: &'a Event, attempt: usize) -> Attempt<'a> {
        Attempt { function: &pool.function, event, attempt, started_at: Hub::now() }
    }

    fn ended(self, name: &InstanceName, spent: (Option<Duration>, Duration), outcome: Outcome) -> Invocation {
        let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        let (init, duration) = spent;
        let billed = (init.unwrap_or_default() + duration).as_nanos().div_ceil(1_000_000);
        Invocation {
            function: self.function.name.clone(),
            request_id: self.event.request_id.clone(),
            instance: name.id.clone(),
            log_stream: name.log_stream.clone(),
            attempt: self.attempt,
            start: if init.is_some() { Start::Cold } else { Start::Warm },
            started_at: self.started_at,
            init_millis: init.map(millis),
            duration_millis: millis(duration),
            billed_millis: u64::try_from(billed).unwrap_or(u64::MAX),
            memory_mib: self.function.memory_mib,
            outcome,
        }
    }
}
