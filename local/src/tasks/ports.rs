//! A port of this machine for each container that wants one, different for all that live.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Below what the system hands out for outgoing connections: a port that is free now cannot be taken by one of those
/// before the process gets around to listening on it.
const RANGE: RangeInclusive<u16> = 20_000..=29_999;

#[derive(Debug, Clone)]
pub(super) struct Ports(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    next: u16,
    taken: BTreeSet<u16>,
}

/// The port is nobody else's until this is dropped.
#[derive(Debug)]
pub(super) struct PortLease {
    pub(super) port: u16,
    ports: Ports,
}

impl Ports {
    /// Several runners on one machine begin at different ports, so that they do not race for the same ones.
    pub(super) fn new() -> Ports {
        static RUNNERS: AtomicU32 = AtomicU32::new(0);
        let count = u32::from(RANGE.end() - RANGE.start()) + 1;
        let runner = RUNNERS.fetch_add(1, Ordering::Relaxed);
        let offset = std::process::id().wrapping_mul(37).wrapping_add(runner.wrapping_mul(613)) % count;
        Ports(Arc::new(Mutex::new(Inner { next: RANGE.start() + offset as u16, taken: BTreeSet::new() })))
    }

    /// Ports are used in turn, so that one just given up rests as long as possible. `None` if nothing is free.
    pub(super) fn lease(&self) -> Option<PortLease> {
        let mut inner = self.lock();
        for _ in RANGE {
            let port = inner.next;
            inner.next = if port == *RANGE.end() { *RANGE.start() } else { port + 1 };
            if !inner.taken.contains(&port) && is_free(port) {
                inner.taken.insert(port);
                return Some(PortLease { port, ports: self.clone() });
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.ports.lock().taken.remove(&self.port);
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_while_it_is_in_use() {
        let ports = Ports::new();
        let leases: Vec<PortLease> = (0..50).map(|_| ports.lease().unwrap()).collect();
        let different: BTreeSet<u16> = leases.iter().map(|lease| lease.port).collect();
        assert_eq!(different.len(), 50);
        drop(leases);
        assert!(ports.lock().taken.is_empty());
    }

    #[test]
    fn a_port_somebody_listens_on_is_passed_over() {
        let ports = Ports::new();
        let somebody = (0..100).find_map(|_| {
            let lease = ports.lease()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, lease.port)).ok()
        });
        let somebody = somebody.unwrap();
        let busy = somebody.local_addr().unwrap().port();
        ports.lock().next = busy;
        assert_ne!(ports.lease().unwrap().port, busy);
    }
}
