//! The load balancer: a real HTTP/1.1 reverse proxy in front of the world's target group, with the manners of an
//! Application Load Balancer. It reads the target table, checks health, forwards, drains, and reports what it saw;
//! what that means for a deployment is the world's business. It does not pass WebSocket upgrades on.
//!
//! | file | subject |
//! |---|---|
//! | `addresses` | a port for each load balancer |
//! | `listeners` | one proxy for each listener, started and ended |
//! | `table` | the targets as seen here, picking one, knowing when a draining one is idle |
//! | `forward` | the way of one request |
//! | `headers` | what is added and what is not passed on |
//! | `body` | the streams that pass through |
//! | `connection` | connections to one target |
//! | `health` | health checks |
//! | `counters`, `histogram` | what was counted |
//! | `traffic` | the same since the last minute, for CloudWatch |

mod addresses;
mod body;
mod connection;
mod counters;
mod forward;
mod headers;
mod health;
mod histogram;
mod listeners;
mod table;
#[cfg(test)]
mod tests;
mod traffic;

pub use addresses::{Address, Addresses};
pub use counters::{Counters, StatusClasses, TargetCounters};
pub(crate) use histogram::Histogram;
pub use listeners::{ListenerChanges, Listeners};
pub use table::{RegisteredTarget, TargetTable};
pub(crate) use traffic::{GroupTraffic, Traffic};

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::hub::Hub;
use crate::world::Report;
use crate::world::elb::ProbeFailure;
use counters::Totals;
use table::{Table, Target};

/// How long open connections may take to finish once the load balancer is told to stop.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(3);

/// Where the targets come from and where reports go: the hub, or a test.
pub trait TargetGroupControl: Send + Sync + 'static {
    /// The table as it is now; `None` if there is no such target group.
    fn table(&self) -> Option<TargetTable>;
    fn report(&self, report: Report);
}

#[derive(Debug, Clone)]
pub struct BalancerSettings {
    /// A target that says nothing for so long is given up. ALB: 60 seconds.
    pub idle_timeout: Duration,
    /// How old the view of the targets may be.
    pub refresh_interval: Duration,
}

impl Default for BalancerSettings {
    fn default() -> Self {
        BalancerSettings {
            idle_timeout: Duration::from_secs(60),
            refresh_interval: Duration::from_millis(50),
        }
    }
}

#[derive(Debug)]
pub struct Balancer {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    refreshing: JoinHandle<()>,
}

/// What every request and every health check needs.
struct Shared {
    table: Table,
    totals: Arc<Mutex<Totals>>,
    traffic: Traffic,
    settings: BalancerSettings,
    target_group_arn: String,
    listener_port: u16,
    control: Box<dyn TargetGroupControl>,
    changed: Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("target_group_arn", &self.target_group_arn)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

impl Balancer {
    /// Serves on `listener` until [`Balancer::shutdown`].
    pub(crate) fn start(
        hub: Hub,
        listener: TcpListener,
        target_group_arn: &str,
        traffic: Traffic,
    ) -> io::Result<Balancer> {
        let control = HubControl { hub, target_group_arn: target_group_arn.to_owned() };
        Balancer::start_counted(control, listener, target_group_arn, BalancerSettings::default(), traffic)
    }

    pub fn start_with(
        control: impl TargetGroupControl,
        listener: TcpListener,
        target_group_arn: &str,
        settings: BalancerSettings,
    ) -> io::Result<Balancer> {
        Balancer::start_counted(control, listener, target_group_arn, settings, Traffic::default())
    }

    fn start_counted(
        control: impl TargetGroupControl,
        listener: TcpListener,
        target_group_arn: &str,
        settings: BalancerSettings,
        traffic: Traffic,
    ) -> io::Result<Balancer> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            table: Table::new(settings.idle_timeout),
            totals: Arc::default(),
            traffic,
            settings,
            target_group_arn: target_group_arn.to_owned(),
            listener_port: address.port(),
            control: Box::new(control),
            changed: Notify::new(),
        });
        // Before the first request, so that none is refused for want of a table.
        shared.refresh();
        let (stop, stopped) = watch::channel(false);
        Ok(Balancer {
            address,
            stop,
            accepting: tokio::spawn(accept(shared.clone(), listener, stopped)),
            refreshing: tokio::spawn(keep_refreshing(shared.clone())),
            shared,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn counters(&self) -> Counters {
        let targets = self.shared.table.read();
        self.shared.totals().read(targets)
    }

    /// Takes no more connections, lets open requests finish for a moment, ends the health checks.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        // The limit inside `accept` makes this end; an error would only say that the task is gone.
        let _ = (&mut self.accepting).await;
        self.refreshing.abort();
        self.shared.table.close();
    }
}

/// A load balancer that is dropped rather than shut down leaves no task behind either.
impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.refreshing.abort();
        self.shared.table.close();
    }
}

impl Shared {
    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(self: &Arc<Self>) {
        let table = self.control.table();
        let idle = self.table.refresh(table, |target| {
            let checks = health::keep_checking(self.clone(), target);
            tokio::spawn(checks).abort_handle()
        });
        for (id, port) in idle {
            self.control.report(Report::TargetIdle {
                target_group_arn: self.target_group_arn.clone(),
                id,
                port,
            });
        }
    }

    fn probed(&self, target: &Target, outcome: Result<(), ProbeFailure>) {
        self.control.report(Report::TargetProbed {
            target_group_arn: self.target_group_arn.clone(),
            id: target.id.clone(),
            port: target.port,
            outcome,
        });
        self.changed.notify_one();
    }
}

async fn keep_refreshing(shared: Arc<Shared>) {
    loop {
        // Whatever ends the wait, the table is looked at again.
        let _ = timeout(shared.settings.refresh_interval, shared.changed.notified()).await;
        shared.refresh();
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = asked_to_stop(&mut stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(serve_connection(shared.clone(), stream, client, stopped.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: give the others time to finish.
                    tracing::warn!(%error, "the load balancer could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(SHUTDOWN_PATIENCE, finished).await.is_err() {
        tracing::debug!("some requests did not finish before the load balancer stopped");
    }
}

/// Also when the load balancer itself is gone.
async fn asked_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn serve_connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    client: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    // Without it small answers wait for acknowledgements; a failure here costs only time.
    let _ = stream.set_nodelay(true);
    let idle_timeout = shared.settings.idle_timeout;
    let service = service_fn(move |request| forward::serve(shared.clone(), client.ip(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = asked_to_stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%client, %error, "a client's connection ended");
    }
}

/// The world's target group, through the hub.
#[derive(Debug)]
struct HubControl {
    hub: Hub,
    target_group_arn: String,
}

impl TargetGroupControl for HubControl {
    fn table(&self) -> Option<TargetTable> {
        self.hub.with(|world| {
            let mut groups = world.elb.target_groups.iter();
            let group = groups.find(|group| group.arn == self.target_group_arn)?;
            let targets = group.targets.iter().map(|target| RegisteredTarget {
                id: target.id.clone(),
                port: target.port,
                zone: target.zone.clone(),
                state: target.state,
            });
            Some(TargetTable { health_check: group.health_check.clone(), targets: targets.collect() })
        })
    }

    fn report(&self, report: Report) {
        self.hub.report(report);
    }
}
