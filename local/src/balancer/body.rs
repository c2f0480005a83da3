//! The two streams of a request that pass through: what the client uploads, and what the target answers. Both are
//! handed on frame by frame; neither is ever held as a whole.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::connection::Connection;
use super::counters::Totals;
use super::table::InFlight;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;
/// What a client gets: an answer that passes through, or a small one of the load balancer's own.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// When something last moved. An upload that takes long is not a target that is silent.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub(super) fn now() -> Activity {
        Activity(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

#[derive(Debug)]
pub(super) struct UploadBody {
    inner: Incoming,
    activity: Activity,
}

impl UploadBody {
    pub(super) fn new(inner: Incoming, activity: Activity) -> UploadBody {
        UploadBody { inner, activity }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        self.activity.touch();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer on its way to the client. Its target counts as busy until the answer is read to its end or given up;
/// only a connection whose answer was read to its end can be used again.
#[derive(Debug)]
pub(super) struct RelayedBody {
    inner: Incoming,
    ended: bool,
    idle: Pin<Box<Sleep>>,
    idle_timeout: Duration,
    in_flight: InFlight,
    connection: Option<Connection>,
    totals: Arc<Mutex<Totals>>,
}

impl RelayedBody {
    pub(super) fn new(
        inner: Incoming,
        idle_timeout: Duration,
        in_flight: InFlight,
        connection: Connection,
        totals: Arc<Mutex<Totals>>,
    ) -> RelayedBody {
        RelayedBody {
            inner,
            ended: false,
            idle: Box::pin(tokio::time::sleep(idle_timeout)),
            idle_timeout,
            in_flight,
            connection: Some(connection),
            totals,
        }
    }

    fn cut_short(&self) {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).cut_short();
    }
}

impl Body for RelayedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let again = Instant::now() + self.idle_timeout;
                self.idle.as_mut().reset(again);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.cut_short();
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(self.idle.as_mut().poll(context));
                self.cut_short();
                Poll::Ready(Some(Err("the target fell silent in the middle of its answer".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RelayedBody {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.is_end_stream()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let target = self.in_flight.target();
            runtime.spawn(async move { target.pool.give_back(connection).await });
        }
    }
}
