//! SQS over the wire, as far as somebody looks at it: the queue that holds what functions gave up on, by the name that the
//! place's stack has for it.

use serde_json::{Map, Value, json};

use super::Wire;
use crate::stack::QUEUE;
use crate::world::Refusal;

pub(super) fn call(wire: &Wire, operation: &str, body: &Value) -> Result<Value, Refusal> {
    match operation {
        "ListQueues" => Ok(json!({ "QueueUrls": queues(wire) })),
        "GetQueueAttributes" => attributes(wire, body),
        _ => {
            let known = "ListQueues, GetQueueAttributes";
            let message = format!("{operation} is not an operation of SQS here; known: {known}");
            Err(Refusal::new("InvalidAction", message))
        }
    }
}

fn queues(wire: &Wire) -> Vec<String> {
    let stack = wire.deployed.as_ref().and_then(|it| it.stack.as_ref());
    let resources = stack.into_iter().flat_map(|it| &it.resources);
    resources.filter(|it| it.kind == QUEUE).map(|it| it.physical_id.clone()).collect()
}

fn attributes(wire: &Wire, body: &Value) -> Result<Value, Refusal> {
    let url = body["QueueUrl"].as_str().unwrap_or_default();
    let (Some(deployed), true) = (&wire.deployed, queues(wire).iter().any(|it| it == url)) else {
        return Err(Refusal::new("QueueDoesNotExist", "The specified queue does not exist."));
    };
    let name = url.rsplit('/').next().unwrap_or_default();
    let wanted: Vec<&str> =
        body["AttributeNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all = [
        ("QueueArn", wire.hub.with(|world| world.arn("sqs", name))),
        ("ApproximateNumberOfMessages", deployed.lambda.dead_letters().len().to_string()),
        ("ApproximateNumberOfMessagesNotVisible", "0".to_owned()),
    ];
    let is_wanted = |name: &str| wanted.contains(&"All") || wanted.contains(&name);
    let shown: Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| is_wanted(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    Ok(json!({ "Attributes": shown }))
}
