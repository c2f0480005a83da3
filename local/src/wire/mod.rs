//! The AWS protocols over the world: one port, every service.
//!
//! | file | subject |
//! |---|---|
//! | `sigv4` | who is calling: Signature Version 4, verified for real |
//! | `caller` | who may call, and who it was |
//! | `call` | which operation of which service is asked for |
//! | `answer` | how AWS says yes and no, in JSON and in XML |
//! | `hooks` | what tests see of calls, and how they make AWS refuse |
//! | `encoding`, `form`, `xml`, `paging` | the small parts of the protocols |
//! | `ecs`, `ecr`, `elbv2`, `sts`, `application_autoscaling`, `logs`, `events`, `cloudwatch`, `lambda`, `sqs`, `cloudformation` | one translation per service |
//!
//! JSON services name the operation in `X-Amz-Target`, query services in the form member `Action`, RPC v2 (CBOR, spoken
//! by CloudWatch) in the path; the scope of the signature names the service. Nothing here decides anything: what ECS or ELB would do is asked of the world.

mod answer;
mod application_autoscaling;
mod call;
mod caller;
mod cloudformation;
mod cloudwatch;
mod ecr;
mod ecs;
mod elbv2;
pub(crate) mod encoding;
mod events;
mod form;
mod hooks;
mod lambda;
mod logs;
mod paging;
pub(crate) mod sigv4;
mod sqs;
mod sts;
#[cfg(test)]
mod tests;
mod xml;

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;

use crate::balancer::Addresses;
use crate::hub::Hub;
use crate::registry::BlobStore;
use crate::stack::Running;
use crate::tasks::TaskLogs;
use crate::world::Refusal;
use answer::{Protocol, RequestId};
use call::{Call, Input};
pub(crate) use caller::Signer;
pub use caller::{Caller, Credential};
pub use hooks::{Fault, FaultKind, RecordedCall};

/// A registered task definition is at most 64 KB, an image manifest 4 MiB; a layer part comes as base64 of 20 MB.
const LARGEST_BODY_BYTES: usize = 32 * 1024 * 1024;
/// As in the scope of a signature.
const CLOUDWATCH: &str = "monitoring";

/// What the protocols need: the world, who may call, and what ECR hands out. Cheap to clone.
#[derive(Clone)]
pub struct Wire {
    pub hub: Hub,
    pub credentials: Vec<Credential>,
    /// `http://127.0.0.1:PORT`, the `proxyEndpoint` of GetAuthorizationToken.
    pub registry_endpoint: String,
    /// The password for user `AWS` that GetAuthorizationToken hands out.
    pub registry_password: String,
    /// Where the registry keeps layers.
    pub blobs: BlobStore,
    /// Where load balancers keep their ports.
    pub addresses: Addresses,
    /// What tasks wrote.
    pub task_logs: TaskLogs,
    /// Functions, rules and the stack that they are of.
    pub(crate) deployed: Option<Running>,
    /// Every authenticated call, in order, where somebody wants to know.
    pub calls: Option<Arc<Mutex<Vec<RecordedCall>>>>,
    /// The calls that shall go wrong. Tests push into it while the server runs.
    pub faults: Arc<Mutex<Vec<Fault>>>,
}

impl Wire {
    pub fn new(
        hub: Hub,
        credentials: Vec<Credential>,
        registry_endpoint: String,
        registry_password: String,
        blobs: BlobStore,
    ) -> Wire {
        Wire {
            hub,
            credentials,
            registry_endpoint,
            registry_password,
            blobs,
            addresses: Addresses::default(),
            task_logs: TaskLogs::default(),
            deployed: None,
            calls: None,
            faults: Arc::default(),
        }
    }

    /// Keeps a list of every authenticated call, with what it was asked; the list is shared with the wire.
    pub fn record_calls(&mut self) -> Arc<Mutex<Vec<RecordedCall>>> {
        Arc::clone(self.calls.get_or_insert_default())
    }
}

impl fmt::Debug for Wire {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("credentials", &self.credentials)
            .field("registry_endpoint", &self.registry_endpoint)
            .finish_non_exhaustive()
    }
}

/// Every AWS API at whatever path nothing else has taken.
pub fn router(state: Wire) -> Router {
    Router::new().fallback(serve).with_state(state)
}

async fn serve(State(wire): State<Wire>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let protocol = Protocol::of(&parts);
    let id = RequestId::new();
    match read(body).await {
        Ok(body) => match authenticate(&wire, &parts, &body, protocol) {
            Ok(authenticated) => answer_call(&wire, &parts, &body, authenticated, &id).await,
            Err(refusal) => {
                tracing::debug!(code = refusal.code, "unauthenticated call refused");
                answer::refused(protocol, "", &id, &refusal)
            }
        },
        Err(refusal) => answer::refused(protocol, "", &id, &refusal),
    }
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    axum::body::to_bytes(body, LARGEST_BODY_BYTES).await.map_err(|error| Refusal {
        http_status: 413,
        ..Refusal::new(
            "RequestEntityTooLargeException",
            format!("The request cannot be read or is larger than {LARGEST_BODY_BYTES} bytes: {error}"),
        )
    })
}

/// A caller and the service that its signature is good for.
struct Authenticated {
    protocol: Protocol,
    caller: Caller,
    service: String,
}

fn authenticate(
    wire: &Wire,
    parts: &Parts,
    body: &[u8],
    protocol: Protocol,
) -> Result<Authenticated, Refusal> {
    wire.verify(parts, body)
        .map(|verified| Authenticated { protocol, caller: verified.caller, service: verified.service })
        .map_err(|error| error.refusal(protocol))
}

enum Output {
    Json(Value),
    Cbor(Vec<u8>),
    /// What stands between `<OperationResult>` and its end, and the namespace of the service.
    Xml {
        namespace: &'static str,
        result: String,
    },
}

async fn answer_call(
    wire: &Wire,
    parts: &Parts,
    body: &[u8],
    authenticated: Authenticated,
    id: &RequestId,
) -> Response {
    let Authenticated { protocol, caller, service } = authenticated;
    let call = match Call::read(parts, body, &service, protocol) {
        Ok(call) => call,
        Err(refusal) => return answer::refused(protocol, &service, id, &refusal),
    };
    let result = match hooks::before(wire, &call, &caller, protocol).await {
        Ok(()) => match wire.hub.with(|world| world.admit(call.service, &call.operation)) {
            Ok(()) => carry_out(wire, &caller, &call, protocol).await,
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    };
    let response = match result {
        Ok(Output::Json(value)) => answer::json(id, &value),
        Ok(Output::Cbor(bytes)) => answer::cbor(id, bytes),
        Ok(Output::Xml { namespace, result }) => answer::xml(id, &call.operation, namespace, &result),
        Err(refusal) => answer::refused(protocol, &service, id, &refusal),
    };
    tracing::debug!(
        service = call.service,
        operation = call.operation,
        caller = caller.arn,
        status = response.status().as_u16(),
        "call"
    );
    response
}

async fn carry_out(wire: &Wire, caller: &Caller, call: &Call, protocol: Protocol) -> Result<Output, Refusal> {
    let operation = call.operation.as_str();
    match (&call.input, call.service) {
        (Input::CloudWatch(input), _) => {
            let answer = cloudwatch::call(wire, operation, input)?;
            Ok(match protocol {
                Protocol::Json => Output::Json(answer.to_json()),
                Protocol::Cbor => Output::Cbor(cloudwatch::cbor::write(&answer)),
                Protocol::Query => Output::Xml {
                    namespace: cloudwatch::NAMESPACE,
                    result: cloudwatch::query::write(&answer),
                },
            })
        }
        (Input::Json(body), "ecs") => ecs::call(wire, caller, operation, body).map(Output::Json),
        (Input::Json(body), "application-autoscaling") => {
            application_autoscaling::call(wire, operation, body).map(Output::Json)
        }
        (Input::Json(body), "logs") => logs::call(wire, operation, body).map(Output::Json),
        (Input::Path(name), _) => lambda::call(wire, operation, name).map(Output::Json),
        (Input::Json(body), "sqs") => sqs::call(wire, operation, body).map(Output::Json),
        (Input::Json(body), "events") => events::call(wire, operation, body).map(Output::Json),
        (Input::Json(body), _) => ecr::call(wire, caller, operation, body).await.map(Output::Json),
        (Input::Form(form), "sts") => sts::call(wire, caller, operation, form)
            .map(|result| Output::Xml { namespace: sts::NAMESPACE, result }),
        (Input::Form(form), "cloudformation") => cloudformation::call(wire, operation, form)
            .map(|result| Output::Xml { namespace: cloudformation::NAMESPACE, result }),
        (Input::Form(form), _) => elbv2::call(wire, operation, form)
            .map(|result| Output::Xml { namespace: elbv2::NAMESPACE, result }),
    }
}
