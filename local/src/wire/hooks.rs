//! How tests look at calls and make AWS refuse: a list of every authenticated call, and faults that meet the next
//! calls of one operation. A live place leaves both empty.

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use super::answer::Protocol;
use super::{Call, Caller, Input, Wire};
use crate::hub::Hub;
use crate::world::{Refusal, Timestamp};

/// Who asked for what, whether or not it was granted. Environment values of task definitions are in `request`, which
/// is why nothing is kept unless [`Wire::record_calls`] was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// As in the scope of the signature: `ecs`, `ecr`, `elasticloadbalancing`, `sts`, `application-autoscaling`, `logs`,
    /// `events`, `monitoring`.
    pub service: String,
    pub operation: String,
    /// The caller's ARN.
    pub caller: String,
    pub at: Timestamp,
    /// The JSON of the request, or its form as an object of strings.
    pub request: Value,
}

/// The next `remaining` calls of one operation go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub service: String,
    pub operation: String,
    pub remaining: u32,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// HTTP 400, `ThrottlingException`, "Rate exceeded"; nothing is carried out.
    Throttle,
    /// HTTP 500; nothing is carried out.
    ServerError,
    /// The call is carried out this many milliseconds later.
    Delay(u64),
}

/// Records the call and lets the first fault that fits it happen.
pub(super) async fn before(
    wire: &Wire,
    call: &Call,
    caller: &Caller,
    protocol: Protocol,
) -> Result<(), Refusal> {
    if let Some(calls) = &wire.calls {
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(RecordedCall {
            service: call.service.to_owned(),
            operation: call.operation.clone(),
            caller: caller.arn.clone(),
            at: Hub::now(),
            request: match &call.input {
                Input::Json(body) => body.clone(),
                Input::Path(name) => serde_json::json!({ "FunctionName": name }),
                Input::Form(form) => form.to_json(),
                Input::CloudWatch(input) => input.to_json(),
            },
        });
    }
    match take_fault(wire, call) {
        None => Ok(()),
        Some(FaultKind::Delay(millis)) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(())
        }
        Some(FaultKind::Throttle) => Err(match protocol {
            Protocol::Json | Protocol::Cbor => Refusal::new("ThrottlingException", "Rate exceeded"),
            Protocol::Query => Refusal::new("Throttling", "Rate exceeded"),
        }),
        Some(FaultKind::ServerError) => {
            let code = match protocol {
                Protocol::Json | Protocol::Cbor => "ServerException",
                Protocol::Query => "InternalFailure",
            };
            let message = "Service Unavailable. Please try again later.";
            Err(Refusal { http_status: 500, ..Refusal::new(code, message) })
        }
    }
}

fn take_fault(wire: &Wire, call: &Call) -> Option<FaultKind> {
    let mut faults = wire.faults.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = faults.iter_mut().find(|fault| {
        fault.remaining > 0 && fault.service == call.service && fault.operation == call.operation
    })?;
    fault.remaining -= 1;
    let kind = fault.kind;
    faults.retain(|fault| fault.remaining > 0);
    Some(kind)
}
