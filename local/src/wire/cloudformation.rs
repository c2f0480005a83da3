//! CloudFormation over the wire, as far as somebody looks at it: the stack that the place declares, its resources and its
//! outputs. Nothing is made of it; all of it is there already.

use super::Wire;
use super::form::Form;
use super::paging::{Order, page};
use super::xml::Xml;
use crate::stack::Stack;
use crate::world::{Refusal, iso_seconds};

pub(super) const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const PAGE: usize = 100;

pub(super) fn call(wire: &Wire, operation: &str, form: &Form) -> Result<String, Refusal> {
    match operation {
        "DescribeStacks" => describe(wire, form),
        "ListStackResources" => resources(wire, form),
        _ => {
            let known = "DescribeStacks, ListStackResources";
            let message = format!("{operation} is not an operation of CloudFormation here; known: {known}");
            Err(Refusal::new("InvalidAction", message))
        }
    }
}

fn declared(wire: &Wire) -> Option<&Stack> {
    wire.deployed.as_ref().and_then(|it| it.stack.as_ref())
}

/// By name or ARN.
fn found<'a>(wire: &'a Wire, form: &Form) -> Result<&'a Stack, Refusal> {
    let name = form.get("StackName").unwrap_or_default();
    let is_it = |stack: &&Stack| stack.name == name || name.contains(&format!(":stack/{}/", stack.name));
    declared(wire).filter(is_it).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Refusal {
    Refusal::new("ValidationError", format!("Stack with id {name} does not exist"))
}

fn arn(wire: &Wire, stack: &Stack) -> String {
    wire.hub.with(|world| world.arn("cloudformation", &format!("stack/{}/local", stack.name)))
}

fn describe(wire: &Wire, form: &Form) -> Result<String, Refusal> {
    let stacks = match form.get("StackName") {
        Some(_) => vec![found(wire, form)?],
        None => declared(wire).into_iter().collect(),
    };
    let mut xml = Xml::new();
    xml.list("Stacks", stacks, |xml, stack| {
        xml.leaf("StackId", arn(wire, stack));
        xml.leaf("StackName", &stack.name);
        xml.leaf("CreationTime", iso_seconds(stack.created_at));
        xml.leaf("StackStatus", "CREATE_COMPLETE");
        xml.list("Outputs", &stack.outputs, |xml, (key, value)| {
            xml.leaf("OutputKey", key);
            xml.leaf("OutputValue", value);
        });
    });
    Ok(xml.finish())
}

fn resources(wire: &Wire, form: &Form) -> Result<String, Refusal> {
    let stack = found(wire, form)?;
    let items = stack.resources.iter().map(|it| (it.logical_id.clone(), it)).collect();
    let page = page(items, Order::Ascending, form.get("NextToken"), PAGE)
        .map_err(|_| Refusal::new("ValidationError", "The next token is not valid."))?;
    let mut xml = Xml::new();
    xml.list("StackResourceSummaries", page.items, |xml, resource| {
        xml.leaf("LogicalResourceId", &resource.logical_id);
        xml.leaf("PhysicalResourceId", &resource.physical_id);
        xml.leaf("ResourceType", &resource.kind);
        xml.leaf("LastUpdatedTimestamp", iso_seconds(stack.created_at));
        xml.leaf("ResourceStatus", "CREATE_COMPLETE");
    });
    if let Some(next) = page.next {
        xml.leaf("NextToken", next);
    }
    Ok(xml.finish())
}
