//! Lambda over the wire, as far as somebody looks at it: functions as they are configured, who may call them. They are the
//! place's own and not changed from here.

use axum::http::Method;
use serde_json::{Value, json};

use super::Wire;
use super::encoding::percent_decode;
use crate::lambda::{Function, Lambda};
use crate::world::Refusal;

pub(super) const SERVICE: &str = "lambda";

/// What a path asks for. `None`: it is no path of Lambda's.
pub(super) fn operation(method: &Method, path: &str) -> Option<(&'static str, String)> {
    let mut parts = path.trim_matches('/').split('/');
    let is_version = |it: &str| it.len() == 10 && it.starts_with("20");
    let (Some(version), Some("functions")) = (parts.next(), parts.next()) else { return None };
    if !is_version(version) {
        return None;
    }
    let name = parts.next().map(|it| String::from_utf8_lossy(&percent_decode(it.as_bytes())).into_owned());
    let operation = match (method.as_str(), &name, parts.next(), parts.next()) {
        ("GET", None, None, None) => "ListFunctions",
        ("GET", Some(_), Some("configuration"), None) => "GetFunctionConfiguration",
        ("GET", Some(_), Some("policy"), None) => "GetPolicy",
        ("GET", Some(_), Some("concurrency"), None) => "GetFunctionConcurrency",
        _ => "another operation",
    };
    Some((operation, name.unwrap_or_default()))
}

pub(super) fn is_path(path: &str) -> bool {
    operation(&Method::GET, path).is_some()
}

pub(super) fn call(wire: &Wire, operation: &str, name: &str) -> Result<Value, Refusal> {
    let unknown = || {
        let known = "ListFunctions, GetFunctionConfiguration, GetPolicy, GetFunctionConcurrency";
        let message = format!("{operation} is not an operation of Lambda here; known: {known}");
        Refusal::new("UnknownOperationException", message)
    };
    // Where nothing is deployed, no function is there.
    let Some(deployed) = &wire.deployed else { return Err(missing(wire, name)) };
    let lambda = &deployed.lambda;
    if operation == "ListFunctions" {
        let functions = lambda.functions();
        return Ok(json!({ "Functions": functions.iter().map(|it| show(lambda, it)).collect::<Vec<_>>() }));
    }
    // By name or ARN.
    let name = name.rsplit(":function:").next().unwrap_or(name);
    let function = lambda.functions().into_iter().find(|it| it.name == name);
    let function = function.ok_or_else(|| missing(wire, name))?;
    match operation {
        "GetFunctionConfiguration" => Ok(show(lambda, &function)),
        "GetPolicy" => {
            let policy = policy(lambda, &function, &deployed.bus.callers(&function.name))
                .ok_or_else(|| not_found("The resource you requested does not exist."))?;
            Ok(json!({ "Policy": policy.to_string(), "RevisionId": "1" }))
        }
        // A function has so many instances at once, as many as Lambda would reserve for it.
        "GetFunctionConcurrency" => Ok(json!({ "ReservedConcurrentExecutions": function.concurrency_limit })),
        _ => Err(unknown()),
    }
}

fn missing(wire: &Wire, name: &str) -> Refusal {
    let arn = wire.hub.with(|world| world.arn("lambda", &format!("function:{name}")));
    not_found(format!("Function not found: {arn}"))
}

fn not_found(message: impl Into<String>) -> Refusal {
    Refusal { http_status: 404, ..Refusal::new("ResourceNotFoundException", message) }
}

fn show(lambda: &Lambda, function: &Function) -> Value {
    let settings = lambda.settings();
    // Credentials are Lambda's to give, and no part of what somebody has configured.
    let own = function.environment.iter().filter(|(name, _)| !name.starts_with("AWS_"));
    let variables: serde_json::Map<String, Value> =
        own.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "FunctionName": function.name,
        "FunctionArn": settings.function_arn(&function.name),
        "Runtime": "provided.al2023",
        "Role": format!("arn:aws:iam::{}:role/{}", settings.account, function.name),
        "Handler": "bootstrap",
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mib,
        "Environment": { "Variables": variables },
        "State": "Active",
        "LastUpdateStatus": "Successful",
    })
}

/// Each rule that calls it may. On AWS somebody has said so; here the place has, by deploying them together.
fn policy(lambda: &Lambda, function: &Function, rules: &[String]) -> Option<Value> {
    let settings = lambda.settings();
    let statement = |rule: &String| {
        json!({
            "Sid": rule,
            "Effect": "Allow",
            "Principal": { "Service": "events.amazonaws.com" },
            "Action": "lambda:InvokeFunction",
            "Resource": settings.function_arn(&function.name),
            "Condition": { "ArnLike": {
                "AWS:SourceArn": format!("arn:aws:events:{}:{}:rule/{rule}", settings.region, settings.account),
            } },
        })
    };
    let statements: Vec<Value> = rules.iter().map(statement).collect();
    (!statements.is_empty())
        .then(|| json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }))
}
