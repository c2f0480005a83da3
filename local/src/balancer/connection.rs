//! Connections to one target: opened when needed, kept for the next request, thrown away for good once the target
//! drains. It knows nothing of which target a request should go to.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::UploadBody;

/// A connection that carries at most one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: SendRequest<UploadBody>,
    pub(super) used_before: bool,
}

/// The connections of one target that wait for a request.
///
/// A target that stops closes them, and a request written to a connection at that very moment is lost: nobody can
/// tell whether it was served. An ALB has the same gap. It is closed here by order, not by retries: a target is
/// deregistered before it is stopped, from then on it is picked no more, and [`Pool::close`] drops what waits and
/// refuses what comes back. Only a target that dies unannounced can still lose the requests it was working on.
#[derive(Debug)]
pub(super) struct Pool {
    waiting: Mutex<Waiting>,
    keep_for: Duration,
}

#[derive(Debug, Default)]
struct Waiting {
    connections: Vec<(Connection, Instant)>,
    closed: bool,
}

impl Pool {
    pub(super) fn new(keep_for: Duration) -> Pool {
        Pool { waiting: Mutex::default(), keep_for }
    }

    /// The connection used last, if one is still open.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut waiting = self.lock();
        while let Some((connection, since)) = waiting.connections.pop() {
            if connection.sender.is_ready() && since.elapsed() < self.keep_for {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) async fn give_back(&self, mut connection: Connection) {
        if connection.sender.ready().await.is_err() {
            return;
        }
        connection.used_before = true;
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.connections.push((connection, Instant::now()));
        }
    }

    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.connections.clear();
    }

    /// Undoes [`Pool::close`] for a target that is registered again.
    pub(super) fn reopen(&self) {
        self.lock().closed = false;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn open(host: &str, port: u16) -> io::Result<Connection> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends by itself as soon as the sender is dropped or the target closes.
    tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(%error, "connection to a target ended");
        }
    });
    Ok(Connection { sender, used_before: false })
}
