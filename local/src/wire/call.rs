//! Which operation of which service a request asks for, and with what: by a header, by a form's member or by the path.

use std::borrow::Cow;
use std::io::Read;

use axum::http::request::Parts;
use serde_json::Value;

use super::answer::Protocol;
use super::form::Form;
use super::{CLOUDWATCH, LARGEST_BODY_BYTES, cloudwatch, lambda, sigv4};
use crate::world::Refusal;

/// One operation of one service, with what it was given.
pub(super) struct Call {
    pub(super) service: &'static str,
    pub(super) operation: String,
    pub(super) input: Input,
}

pub(super) enum Input {
    Json(Value),
    /// What is named in the path.
    Path(String),
    Form(Form),
    /// Of CloudWatch, whatever the protocol.
    CloudWatch(cloudwatch::value::Value),
}

impl Call {
    /// `scope` is the service that the signature is good for.
    pub(super) fn read(parts: &Parts, body: &[u8], scope: &str, protocol: Protocol) -> Result<Call, Refusal> {
        let path = lambda::operation(&parts.method, parts.uri.path());
        match protocol {
            _ if path.is_some() => name_rest_call(path, scope),
            Protocol::Json => name_json_call(parts, body, scope),
            Protocol::Cbor => name_cbor_call(parts, body, scope),
            Protocol::Query => name_query_call(parts, body, scope),
        }
    }
}

const JSON_TARGETS: [(&str, &str); 7] = [
    ("AmazonEC2ContainerServiceV20141113.", "ecs"),
    ("AmazonEC2ContainerRegistry_V20150921.", "ecr"),
    ("AnyScaleFrontendService.", "application-autoscaling"),
    ("AWSEvents.", "events"),
    ("Logs_20140328.", "logs"),
    ("AmazonSQS.", "sqs"),
    ("GraniteServiceVersion20100801.", CLOUDWATCH),
];

/// Services that a template of ECS has to do with, and that are not built.
const OTHERS: [&str; 5] = ["iam", "ec2", "secretsmanager", "ssm", "kms"];

fn not_here(scope: &str) -> Refusal {
    Refusal::new("UnknownOperationException", format!("There is no {scope} here."))
}

/// Lambda, which is asked by paths.
fn name_rest_call(named: Option<(&'static str, String)>, scope: &str) -> Result<Call, Refusal> {
    let (operation, name) = named.unwrap_or_default();
    if scope != lambda::SERVICE {
        return Err(sigv4::AuthError::wrong_service(lambda::SERVICE).refusal(Protocol::Json));
    }
    Ok(Call { service: lambda::SERVICE, operation: operation.to_owned(), input: Input::Path(name) })
}

fn name_json_call(parts: &Parts, body: &[u8], scope: &str) -> Result<Call, Refusal> {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (service, operation) = JSON_TARGETS
        .iter()
        .find_map(|(prefix, service)| Some((*service, target.strip_prefix(prefix)?)))
        .ok_or_else(|| {
            let known: Vec<&str> = JSON_TARGETS.iter().map(|(prefix, _)| *prefix).collect();
            match OTHERS.contains(&scope) {
                true => not_here(scope),
                false => Refusal::new(
                    "UnknownOperationException",
                    format!("X-Amz-Target '{target}' is none of {}", known.join(", ")),
                ),
            }
        })?;
    if scope != service {
        return Err(sigv4::AuthError::wrong_service(service).refusal(Protocol::Json));
    }
    let body = parse_json(&unpacked(parts, body)?)?;
    let input = match service {
        CLOUDWATCH => Input::CloudWatch(
            cloudwatch::value::Value::from_json(&body)
                .ok_or_else(|| Refusal::new("SerializationException", "The request is null."))?,
        ),
        _ => Input::Json(body),
    };
    Ok(Call { service, operation: operation.to_owned(), input })
}

/// `POST /service/<name>/operation/<name>`
fn name_cbor_call(parts: &Parts, body: &[u8], scope: &str) -> Result<Call, Refusal> {
    let mut path = parts.uri.path().trim_matches('/').split('/');
    let (Some("service"), Some(cloudwatch::TARGET), Some("operation"), Some(operation), None) =
        (path.next(), path.next(), path.next(), path.next(), path.next())
    else {
        let path = parts.uri.path();
        let known = format!("{path} is not /service/{}/operation/<name>", cloudwatch::TARGET);
        return Err(Refusal::new("UnknownOperationException", known));
    };
    if scope != CLOUDWATCH {
        return Err(sigv4::AuthError::wrong_service(CLOUDWATCH).refusal(Protocol::Cbor));
    }
    let body = unpacked(parts, body)?;
    // An operation that takes nothing may be asked with nothing.
    let input = match &body[..] {
        [] => cloudwatch::value::Value::Map(Vec::new()),
        body => cloudwatch::cbor::read(body)
            .map_err(|error| Refusal::new("SerializationException", format!("Not CBOR: {error}")))?,
    };
    Ok(Call { service: CLOUDWATCH, operation: operation.to_owned(), input: Input::CloudWatch(input) })
}

/// PutMetricData may come compressed.
fn unpacked<'a>(parts: &Parts, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Refusal> {
    let encoding = parts.headers.get("content-encoding").and_then(|value| value.to_str().ok());
    if !encoding.is_some_and(|encoding| encoding.split(',').any(|it| it.trim() == "gzip")) {
        return Ok(Cow::Borrowed(body));
    }
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(body).take(LARGEST_BODY_BYTES as u64 + 1);
    let wrong = |error: String| Refusal::new("SerializationException", error);
    reader.read_to_end(&mut unpacked).map_err(|error| wrong(format!("Not gzip: {error}")))?;
    match unpacked.len() > LARGEST_BODY_BYTES {
        true => Err(wrong("The request is too large once it is unpacked.".into())),
        false => Ok(Cow::Owned(unpacked)),
    }
}

fn parse_json(body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut members)) => {
            drop_nulls(&mut members);
            Ok(Value::Object(members))
        }
        Ok(_) => Err(Refusal::new("SerializationException", "The request is not a JSON object.")),
        Err(error) => Err(Refusal::new("SerializationException", error.to_string())),
    }
}

/// AWS treats a member that is null as one that is not there.
fn drop_nulls(members: &mut serde_json::Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(drop_nulls_within);
}

fn drop_nulls_within(value: &mut Value) {
    match value {
        Value::Object(members) => drop_nulls(members),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls_within),
        _ => {}
    }
}

fn name_query_call(parts: &Parts, body: &[u8], scope: &str) -> Result<Call, Refusal> {
    let known = ["elasticloadbalancing", "sts", "cloudformation", CLOUDWATCH];
    let service = known.into_iter().find(|service| *service == scope);
    let service = service.ok_or_else(|| match ["ecs", "ecr", "logs", "events", "sqs"].contains(&scope) {
        true => {
            sigv4::AuthError::wrong_service("elasticloadbalancing', 'sts', 'cloudformation' or 'monitoring")
                .refusal(Protocol::Query)
        }
        false => not_here(scope),
    })?;
    let body = unpacked(parts, body)?;
    let form = Form::parse(parts.uri.query().unwrap_or_default().as_bytes(), &body)?;
    let operation = form.get("Action").unwrap_or_default().to_owned();
    if operation.is_empty() {
        return Err(Refusal::new("MissingAction", "The request has no member Action."));
    }
    let input = match service {
        CLOUDWATCH => Input::CloudWatch(cloudwatch::query::read(&form)),
        _ => Input::Form(form),
    };
    Ok(Call { service, operation, input })
}
