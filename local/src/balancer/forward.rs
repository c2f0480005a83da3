//! The way of one request: to a target and back, or to an answer of the load balancer's own. A request that may have
//! reached a target is never sent again, so that a lost one shows.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, SERVER};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::body::{Activity, AnswerBody, BoxError, RelayedBody, UploadBody};
use super::connection::{self, Connection};
use super::headers;
use super::table::{InFlight, Target};

/// As an ALB: not adjustable there either.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
enum NoAnswer {
    TimedOut,
    Failed(BoxError),
}

pub(super) async fn serve(
    shared: Arc<Shared>,
    client: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let arrived = Instant::now();
    shared.totals().arrived();
    let own_answer = |status: StatusCode| {
        shared.totals().balancer_answered(status.as_u16(), arrived.elapsed());
        shared.traffic.answered_itself(&shared.target_group_arn, status.as_u16());
        Ok(own_answer(status))
    };
    let Some(request) = towards_target(&shared, client, request) else {
        return own_answer(StatusCode::BAD_REQUEST);
    };
    let Some(in_flight) = shared.table.pick() else {
        return own_answer(StatusCode::SERVICE_UNAVAILABLE);
    };
    let target = in_flight.target();
    let sent_on = Instant::now();
    shared.traffic.sent_on(&shared.target_group_arn);
    match exchange(&target, request, shared.settings.idle_timeout).await {
        Ok((response, connection)) => {
            let status = response.status().as_u16();
            target.answered(status);
            shared.totals().target_answered(status, arrived.elapsed());
            shared.traffic.answered(&shared.target_group_arn, status, sent_on.elapsed());
            Ok(towards_client(&shared, response, in_flight, connection))
        }
        Err(NoAnswer::TimedOut) => {
            tracing::debug!(target.id, target.port, "504: no answer in time");
            own_answer(StatusCode::GATEWAY_TIMEOUT)
        }
        Err(NoAnswer::Failed(error)) => {
            tracing::debug!(target.id, target.port, error, "502: no usable answer");
            own_answer(StatusCode::BAD_GATEWAY)
        }
    }
}

/// The request as a target sees it; `None` if it is not one to forward.
fn towards_target(
    shared: &Shared,
    client: IpAddr,
    mut request: Request<Incoming>,
) -> Option<Request<Incoming>> {
    if request.method() == Method::CONNECT || !request.headers().contains_key(HOST) {
        return None;
    }
    // A client that takes us for a forward proxy names the whole URL; a target gets the path only.
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
    *request.version_mut() = Version::HTTP_11;
    headers::strip_hop_by_hop(request.headers_mut());
    headers::add_forwarded(request.headers_mut(), client, shared.listener_port);
    Some(request)
}

fn towards_client(
    shared: &Shared,
    response: Response<Incoming>,
    in_flight: InFlight,
    connection: Connection,
) -> Response<AnswerBody> {
    let (mut parts, body) = response.into_parts();
    headers::strip_hop_by_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    let idle_timeout = shared.settings.idle_timeout;
    let totals = shared.totals.clone();
    let body = RelayedBody::new(body, idle_timeout, in_flight, connection, totals);
    Response::from_parts(parts, body.boxed_unsync())
}

async fn exchange(
    target: &Target,
    request: Request<Incoming>,
    idle_timeout: Duration,
) -> Result<(Response<Incoming>, Connection), NoAnswer> {
    let activity = Activity::now();
    let mut request = request.map(|body| UploadBody::new(body, activity.clone()));
    loop {
        let mut connection = match target.pool.take() {
            Some(connection) => connection,
            None => timeout(CONNECT_TIMEOUT.min(idle_timeout), connection::open(&target.id, target.port))
                .await
                .map_err(|_| NoAnswer::TimedOut)?
                .map_err(|error| NoAnswer::Failed(error.into()))?,
        };
        let answer = connection.sender.try_send_request(request);
        match before_silence(answer, &activity, idle_timeout).await {
            None => return Err(NoAnswer::TimedOut),
            Some(Ok(response)) => return Ok((response, connection)),
            Some(Err(mut error)) => match error.take_message() {
                // Not a retry: the connection had been closed while it waited, not a byte of the request was
                // written to it, and the request has been handed back whole.
                Some(unsent) if connection.used_before => request = unsent,
                _ => return Err(NoAnswer::Failed(error.into_error().into())),
            },
        }
    }
}

/// Waits for an answer until nothing has moved for the idle timeout.
async fn before_silence<T>(
    answer: impl Future<Output = T>,
    activity: &Activity,
    idle_timeout: Duration,
) -> Option<T> {
    tokio::pin!(answer);
    loop {
        let silent_at = activity.last() + idle_timeout;
        tokio::select! {
            answer = &mut answer => return Some(answer),
            () = sleep_until(silent_at) => {
                if activity.last() + idle_timeout <= Instant::now() {
                    return None;
                }
            }
        }
    }
}

fn own_answer(status: StatusCode) -> Response<AnswerBody> {
    let title = match status {
        StatusCode::BAD_REQUEST => "400 Bad Request",
        StatusCode::BAD_GATEWAY => "502 Bad Gateway",
        StatusCode::SERVICE_UNAVAILABLE => "503 Service Temporarily Unavailable",
        _ => "504 Gateway Time-out",
    };
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    let body = Full::new(Bytes::from(page)).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, hyper::header::HeaderValue::from_static("awselb/2.0"));
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/html"));
    response
}
