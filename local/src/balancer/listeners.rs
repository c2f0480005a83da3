//! The running listeners: starts a [`Balancer`] for each that the world creates and ends it when the world says so,
//! one change after the other.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::{Addresses, Balancer, Traffic};
use crate::hub::Hub;
use crate::world::elb::ListenerChange;

#[derive(Debug)]
pub struct Listeners {
    changes: mpsc::UnboundedSender<Word>,
    working: JoinHandle<()>,
    traffic: Traffic,
}

#[derive(Debug)]
enum Word {
    Change(ListenerChange),
    End,
}

/// Where changes are handed in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ListenerChanges(mpsc::UnboundedSender<Word>);

impl ListenerChanges {
    pub fn put(&self, change: ListenerChange) {
        // Nobody listens any more only while everything is being shut down.
        let _ = self.0.send(Word::Change(change));
    }
}

impl Listeners {
    pub fn start(hub: Hub, addresses: Addresses) -> Listeners {
        let (changes, received) = mpsc::unbounded_channel();
        let traffic = Traffic::default();
        let working = tokio::spawn(work(hub, addresses, traffic.clone(), received));
        Listeners { changes, working, traffic }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    pub fn changes(&self) -> ListenerChanges {
        ListenerChanges(self.changes.clone())
    }

    /// Ends every listener, after what was asked for before.
    pub async fn shutdown(mut self) {
        let _ = self.changes.send(Word::End);
        let _ = (&mut self.working).await;
    }
}

/// Listeners that are dropped rather than shut down leave no port open either.
impl Drop for Listeners {
    fn drop(&mut self) {
        self.working.abort();
    }
}

async fn work(hub: Hub, addresses: Addresses, traffic: Traffic, mut received: mpsc::UnboundedReceiver<Word>) {
    let mut running: BTreeMap<String, Balancer> = BTreeMap::new();
    while let Some(Word::Change(change)) = received.recv().await {
        match change {
            ListenerChange::Start { listener_arn, load_balancer_arn, target_group_arn } => {
                let started = addresses.listen(&load_balancer_arn).and_then(|listener| {
                    Balancer::start(hub.clone(), listener, &target_group_arn, traffic.clone())
                });
                match started {
                    Ok(balancer) => {
                        running.insert(listener_arn, balancer);
                    }
                    Err(error) => tracing::error!(listener_arn, %error, "a listener could not be started"),
                }
            }
            ListenerChange::Stop { listener_arn } => {
                if let Some(balancer) = running.remove(&listener_arn) {
                    balancer.shutdown().await;
                }
            }
            ListenerChange::Release { load_balancer_arn } => addresses.release(&load_balancer_arn),
        }
    }
    let mut ending: JoinSet<()> = running.into_values().map(Balancer::shutdown).collect();
    while ending.join_next().await.is_some() {}
}
