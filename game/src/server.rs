//! Accepts connections, hands requests to the site, and stops without losing one.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use crate::site::Site;

/// How long a connection may be idle. Longer than a load balancer keeps its own end open (60 seconds by default):
/// the other way round, it would now and then send a request into a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(75);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Drained,
    GraceOver,
}

/// Serves until `stop` is done, then takes no new connection and gives the open ones `grace` to finish.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Arc<Site>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) -> Ended {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: those who are connected go on and free some.
                    eprintln!("game-2048: cannot accept: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Answers are small: waiting to fill a packet only adds delay.
        let _ = stream.set_nodelay(true);
        let site = Arc::clone(&site);
        let service = service_fn(move |request: Request<Incoming>| {
            let response = site.answer(request.method(), request.uri().path());
            async move { Ok::<Response<_>, Infallible>(response) }
        });
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that goes away in the middle is its own business.
            let _ = connection.await;
        });
    }
    drop(listener);
    match tokio::time::timeout(grace, connections.shutdown()).await {
        Ok(()) => Ended::Drained,
        Err(_) => Ended::GraceOver,
    }
}

#[cfg(test)]
mod tests;
