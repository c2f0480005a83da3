//! The targets as the load balancer sees them: a copy of the world's table, refreshed several times a second, so
//! that a request never waits for the world. It picks, it counts what is in flight, and it knows when a draining
//! target has nothing left to do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::connection::Pool;
use super::counters::{StatusClasses, TargetCounters};
use crate::world::elb::{HealthCheck, TargetState};

/// What the load balancer needs to know of a target group.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetTable {
    pub health_check: HealthCheck,
    pub targets: Vec<RegisteredTarget>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredTarget {
    pub id: String,
    pub port: u16,
    pub zone: String,
    pub state: TargetState,
}

#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) port: u16,
    pub(super) zone: String,
    pub(super) pool: Pool,
    /// Raised under the table's lock only, lowered wherever a request ends.
    in_flight: AtomicUsize,
    answered: Mutex<(u64, StatusClasses)>,
}

impl Target {
    pub(super) fn answered(&self, status: u16) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.1.count(status);
    }

    fn read(&self) -> TargetCounters {
        let (requests, answers) = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        TargetCounters {
            id: self.id.clone(),
            port: self.port,
            zone: self.zone.clone(),
            in_flight: self.in_flight.load(Ordering::Acquire),
            requests,
            answers,
        }
    }
}

/// One request that a target is working on. Its end, however it comes, is its drop.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Target>);

impl InFlight {
    pub(super) fn target(&self) -> Arc<Target> {
        self.0.clone()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Debug)]
pub(super) struct Table {
    inner: Mutex<Inner>,
    keep_connections_for: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    picks: u64,
    closed: bool,
    health_check: Option<HealthCheck>,
}

#[derive(Debug)]
struct Entry {
    target: Arc<Target>,
    state: TargetState,
    last_pick: u64,
    idle_reported: bool,
    prober: Option<Prober>,
}

/// Health checks end with the entry that wanted them.
#[derive(Debug)]
struct Prober(AbortHandle);

impl Drop for Prober {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Table {
    pub(super) fn new(keep_connections_for: Duration) -> Table {
        Table { inner: Mutex::default(), keep_connections_for }
    }

    /// The target with the fewest requests in flight; then the one whose zone has the fewest; then the one that has
    /// waited longest. Without a healthy target every registered one is tried, as an ALB does ("fail open").
    pub(super) fn pick(&self) -> Option<InFlight> {
        let mut inner = self.lock();
        let healthy = inner.entries.iter().any(|entry| entry.state == TargetState::Healthy);
        let eligible = |entry: &Entry| match entry.state {
            TargetState::Healthy => true,
            TargetState::Initial | TargetState::Unhealthy => !healthy,
            TargetState::Draining { .. } => false,
        };
        let busy = |entry: &Entry| entry.target.in_flight.load(Ordering::Acquire);
        let busy_in_zone = |zone: &str| -> usize {
            let of_zone = inner.entries.iter().filter(|entry| entry.target.zone == zone);
            of_zone.map(busy).sum()
        };
        let (chosen, _) = inner
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| eligible(entry))
            .min_by_key(|(_, entry)| (busy(entry), busy_in_zone(&entry.target.zone), entry.last_pick))?;

        inner.picks += 1;
        let pick = inner.picks;
        let entry = &mut inner.entries[chosen];
        entry.last_pick = pick;
        // Under the lock: once a refresh has marked a target as draining, its count can only fall.
        entry.target.in_flight.fetch_add(1, Ordering::AcqRel);
        entry.target.answered.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
        Some(InFlight(entry.target.clone()))
    }

    /// Takes over the world's table. `probe` starts the health checks of a target that is new here. Returns the
    /// draining targets that have become idle, each once.
    ///
    /// A target is called idle at the earliest by the refresh after the one that saw it drain: whatever was picked
    /// before that moment is counted by then, and nothing is picked after it.
    pub(super) fn refresh(
        &self,
        table: Option<TargetTable>,
        probe: impl Fn(Arc<Target>) -> AbortHandle,
    ) -> Vec<(String, u16)> {
        let mut inner = self.lock();
        let targets = match table {
            Some(table) if !inner.closed => {
                inner.health_check = Some(table.health_check);
                table.targets
            }
            _ => Vec::new(),
        };
        let idle = inner.report_idle(&targets);
        inner.entries.retain(|entry| {
            let registered = targets.iter().any(|target| entry.is(target));
            if !registered {
                entry.target.pool.close();
            }
            registered
        });
        for registered in targets {
            match inner.entries.iter_mut().find(|entry| entry.is(&registered)) {
                Some(entry) => entry.update(registered.state, &probe),
                None => {
                    let mut entry = Entry::new(registered, self.keep_connections_for);
                    entry.update(entry.state, &probe);
                    inner.entries.push(entry);
                }
            }
        }
        idle
    }

    /// Ends the health checks, closes waiting connections and takes no target any more.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        for entry in inner.entries.drain(..) {
            entry.target.pool.close();
        }
    }

    pub(super) fn health_check(&self) -> Option<HealthCheck> {
        self.lock().health_check.clone()
    }

    pub(super) fn read(&self) -> Vec<TargetCounters> {
        self.lock().entries.iter().map(|entry| entry.target.read()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Of the entries that were already draining before this refresh and still are.
    fn report_idle(&mut self, targets: &[RegisteredTarget]) -> Vec<(String, u16)> {
        let mut idle = Vec::new();
        for entry in &mut self.entries {
            let still_draining = |target: &RegisteredTarget| {
                entry.is(target) && matches!(target.state, TargetState::Draining { .. })
            };
            let done = matches!(entry.state, TargetState::Draining { .. })
                && targets.iter().any(still_draining)
                && entry.target.in_flight.load(Ordering::Acquire) == 0;
            if done && !entry.idle_reported {
                entry.idle_reported = true;
                idle.push((entry.target.id.clone(), entry.target.port));
            }
        }
        idle
    }
}

impl Entry {
    fn new(registered: RegisteredTarget, keep_connections_for: Duration) -> Entry {
        Entry {
            state: registered.state,
            target: Arc::new(Target {
                id: registered.id,
                port: registered.port,
                zone: registered.zone,
                pool: Pool::new(keep_connections_for),
                in_flight: AtomicUsize::new(0),
                answered: Mutex::default(),
            }),
            last_pick: 0,
            idle_reported: false,
            prober: None,
        }
    }

    fn is(&self, registered: &RegisteredTarget) -> bool {
        self.target.port == registered.port && self.target.id == registered.id
    }

    fn update(&mut self, state: TargetState, probe: impl Fn(Arc<Target>) -> AbortHandle) {
        self.state = state;
        if matches!(state, TargetState::Draining { .. }) {
            self.target.pool.close();
            self.prober = None;
        } else {
            self.target.pool.reopen();
            self.idle_reported = false;
            if self.prober.is_none() {
                self.prober = Some(Prober(probe(self.target.clone())));
            }
        }
    }
}
