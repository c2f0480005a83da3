//! Health checks: a real GET to each registered target at the interval its target group asks for. What an outcome
//! means for the target's state is the world's business.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::table::Target;
use crate::world::elb::{HealthCheck, ProbeFailure};

/// Checks one target until it is aborted. The first check is made at once.
pub(super) async fn keep_checking(shared: Arc<Shared>, target: Arc<Target>) {
    loop {
        let Some(check) = shared.table.health_check() else {
            return;
        };
        let next = Instant::now() + seconds(check.interval_seconds);
        let outcome = probe(&target.id, target.port, &check).await;
        shared.probed(&target, outcome);
        sleep_until(next).await;
    }
}

pub(super) async fn probe(host: &str, port: u16, check: &HealthCheck) -> Result<(), ProbeFailure> {
    let status = timeout(seconds(check.timeout_seconds), get(host, port, &check.path))
        .await
        .map_err(|_| ProbeFailure::Timeout)?
        .map_err(|error| {
            tracing::debug!(host, port, %error, "health check failed");
            ProbeFailure::FailedHealthChecks
        })?;
    let (lowest, highest) = check.matcher;
    if (lowest..=highest).contains(&status) {
        Ok(())
    } else {
        Err(ProbeFailure::ResponseCodeMismatch(status))
    }
}

/// On a connection of its own: whether a target takes new connections is part of the question.
async fn get(host: &str, port: u16, path: &str) -> Result<u16, super::body::BoxError> {
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(HOST, format!("{host}:{port}"))
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = async { Ok(sender.send_request(request).await?.status().as_u16()) };
    tokio::pin!(answer);
    tokio::select! {
        status = &mut answer => status,
        ended = driver => match ended {
            Err(error) => Err(error.into()),
            // The connection may end in the same breath in which the answer arrived.
            Ok(()) => answer.await,
        },
    }
}

/// Never zero, so that a careless setting does not spin.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default().max(Duration::from_millis(10))
}
