//! The Lambda Runtime API of one instance, over HTTP: next, response, error, init error.
//!
//! The [`Desk`] is where the instance's owner lays an invocation down and the process picks it up. It keeps the
//! order of the protocol and tells the owner what the process said; it knows nothing of processes, deadlines or
//! retries.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Notify, mpsc};

use super::records::{FunctionError, locked};

/// The largest answer of a synchronous or asynchronous invocation: 6 MB and a little, as Lambda has it.
pub(super) const LARGEST_RESPONSE_BYTES: usize = 6_291_556;

/// One invocation, as the process gets it.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) request_id: String,
    pub(super) deadline_unix_millis: i64,
    pub(super) function_arn: String,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
}

/// What the process said.
#[derive(Debug)]
pub(super) enum Said {
    /// It polls for work, for the first time or after an answer.
    Ready,
    InitFailed(FunctionError),
    Answered(Result<Bytes, FunctionError>),
}

#[derive(Debug)]
pub(super) struct Desk {
    inner: Mutex<Inner>,
    offered: Notify,
    said: mpsc::UnboundedSender<Said>,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    last_request_id: Option<String>,
}

#[derive(Debug)]
enum Phase {
    Starting,
    Ready,
    Offered(Offer),
    Working {
        request_id: String,
    },
    Answered,
    /// The owner has given the process up: nothing it says counts any more.
    Closed,
}

impl Desk {
    pub(super) fn new() -> (Arc<Desk>, mpsc::UnboundedReceiver<Said>) {
        let (said, heard) = mpsc::unbounded_channel();
        let inner = Inner { phase: Phase::Starting, last_request_id: None };
        let desk = Desk { inner: Mutex::new(inner), offered: Notify::new(), said };
        (Arc::new(desk), heard)
    }

    pub(super) fn offer(&self, offer: Offer) {
        locked(&self.inner).phase = Phase::Offered(offer);
        self.offered.notify_waiters();
    }

    pub(super) fn close(&self) {
        locked(&self.inner).phase = Phase::Closed;
    }

    pub(super) fn last_request_id(&self) -> Option<String> {
        locked(&self.inner).last_request_id.clone()
    }

    fn polled(&self) -> Result<(), Refused> {
        let mut inner = locked(&self.inner);
        match inner.phase {
            Phase::Starting | Phase::Answered => {
                inner.phase = Phase::Ready;
                self.say(Said::Ready);
                Ok(())
            }
            // A poll whose connection broke is simply made again.
            Phase::Ready | Phase::Offered(_) => Ok(()),
            Phase::Working { .. } | Phase::Closed => Err(Refused::transition("InvocationNext")),
        }
    }

    async fn pick_up(&self) -> Offer {
        loop {
            // Made before looking, so that an offer between the look and the wait is not missed.
            let offered = self.offered.notified();
            if let Some(offer) = self.take_offer() {
                return offer;
            }
            offered.await;
        }
    }

    fn take_offer(&self) -> Option<Offer> {
        let mut inner = locked(&self.inner);
        let Phase::Offered(offer) = &inner.phase else {
            return None;
        };
        let offer = offer.clone();
        inner.last_request_id = Some(offer.request_id.clone());
        inner.phase = Phase::Working { request_id: offer.request_id.clone() };
        Some(offer)
    }

    /// Whether an answer to this request would be taken now.
    fn expects(&self, request_id: &str, what: &str) -> Result<(), Refused> {
        match &locked(&self.inner).phase {
            Phase::Working { request_id: current } if current == request_id => Ok(()),
            Phase::Working { .. } => Err(Refused::unknown_request(request_id)),
            _ => Err(Refused::transition(what)),
        }
    }

    fn answered(
        &self,
        request_id: &str,
        what: &str,
        answer: Result<Bytes, FunctionError>,
    ) -> Result<(), Refused> {
        self.expects(request_id, what)?;
        locked(&self.inner).phase = Phase::Answered;
        self.say(Said::Answered(answer));
        Ok(())
    }

    fn init_failed(&self, error: FunctionError) -> Result<(), Refused> {
        let mut inner = locked(&self.inner);
        match inner.phase {
            Phase::Starting => {
                inner.phase = Phase::Closed;
                self.say(Said::InitFailed(error));
                Ok(())
            }
            _ => Err(Refused::transition("InitError")),
        }
    }

    fn say(&self, said: Said) {
        // An owner that is gone has closed the listener as well.
        let _ = self.said.send(said);
    }
}

/// Why a call was not taken, with the names and statuses of the Runtime API.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    error_type: &'static str,
    message: String,
}

impl Refused {
    fn transition(to: &str) -> Refused {
        Refused {
            status: StatusCode::FORBIDDEN,
            error_type: "InvalidStateTransition",
            message: format!("Transition to {to} is not allowed."),
        }
    }

    fn unknown_request(request_id: &str) -> Refused {
        Refused {
            status: StatusCode::BAD_REQUEST,
            error_type: "InvalidRequestID",
            message: format!("Invalid request ID {request_id}"),
        }
    }

    fn too_large() -> Refused {
        Refused {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            error_type: "RequestEntityTooLarge",
            message: format!("Exceeded maximum allowed payload size ({LARGEST_RESPONSE_BYTES} bytes)."),
        }
    }

    fn broken_body(error: &axum::Error) -> Refused {
        Refused {
            status: StatusCode::BAD_REQUEST,
            error_type: "InvalidRequestBody",
            message: error.to_string(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({ "errorType": self.error_type, "errorMessage": self.message });
        (self.status, axum::Json(body)).into_response()
    }
}

pub(super) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(desk)
}

async fn next(State(desk): State<Arc<Desk>>) -> Result<Response, Refused> {
    desk.polled()?;
    let offer = desk.pick_up().await;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", offer.request_id),
        ("lambda-runtime-deadline-ms", offer.deadline_unix_millis.to_string()),
        ("lambda-runtime-invoked-function-arn", offer.function_arn),
        ("lambda-runtime-trace-id", offer.trace_id),
    ];
    Ok((headers, offer.payload).into_response())
}

async fn response(
    State(desk): State<Arc<Desk>>,
    Path(request_id): Path<String>,
    body: Body,
) -> Result<Response, Refused> {
    const WHAT: &str = "InvocationResponse";
    desk.expects(&request_id, WHAT)?;
    match read(body).await? {
        Some(payload) => {
            desk.answered(&request_id, WHAT, Ok(payload))?;
            Ok(accepted())
        }
        None => {
            let message = format!(
                "Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE_BYTES} bytes)."
            );
            let error = FunctionError::new("Function.ResponseSizeTooLarge", message);
            desk.answered(&request_id, WHAT, Err(error))?;
            Err(Refused::too_large())
        }
    }
}

async fn error(
    State(desk): State<Arc<Desk>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    const WHAT: &str = "InvocationErrorResponse";
    desk.expects(&request_id, WHAT)?;
    let error = told_error(&headers, &read(body).await?.ok_or_else(Refused::too_large)?);
    desk.answered(&request_id, WHAT, Err(error))?;
    Ok(accepted())
}

async fn init_error(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let error = told_error(&headers, &read(body).await?.ok_or_else(Refused::too_large)?);
    desk.init_failed(error)?;
    Ok(accepted())
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({ "status": "OK" }))).into_response()
}

/// The body, or nothing if it is too large. It is read to its end in any case: a client that is still sending
/// would not see the refusal.
async fn read(mut body: Body) -> Result<Option<Bytes>, Refused> {
    let mut kept = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refused::broken_body(&error))?;
        if let Ok(data) = frame.into_data() {
            length += data.len();
            if length <= LARGEST_RESPONSE_BYTES {
                kept.extend_from_slice(&data);
            }
        }
    }
    Ok((length <= LARGEST_RESPONSE_BYTES).then(|| kept.freeze()))
}

/// Runtimes send an object with the type and the message; the type may be in a header instead.
fn told_error(headers: &HeaderMap, body: &[u8]) -> FunctionError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Told {
        error_type: Option<String>,
        error_message: Option<String>,
    }
    let told: Option<Told> = serde_json::from_slice(body).ok();
    let (error_type, message) = match told {
        Some(told) => (told.error_type, told.error_message.unwrap_or_default()),
        None => (None, String::from_utf8_lossy(body).into_owned()),
    };
    let header = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    FunctionError {
        error_type: error_type.unwrap_or_else(|| header.unwrap_or("Unhandled").to_owned()),
        message,
    }
}
