//! ELBv2: load balancers, listeners, target groups and the health of their targets. One load balancer here is an
//! address with one HTTP listener that forwards everything to one target group of ip targets.
//!
//! | file | operations on |
//! |---|---|
//! | `load_balancers` | load balancers |
//! | `listeners` | listeners and their rules |
//! | `target_groups`, `health_check` | target groups, how their targets are checked |
//! | `attributes` | the attributes of load balancers and target groups |
//! | `target_health` | the health of targets |
//! | `tags` | tags |

mod attributes;
mod health_check;
mod listeners;
mod load_balancers;
mod tags;
mod target_groups;
mod target_health;

use super::Wire;
use super::form::Form;
use super::paging::{self, Order};
use super::xml::Xml;
use crate::world::elb::{LoadBalancer, TargetGroup};
use crate::world::{Refusal, World};

pub(super) const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// The one operation that needs more than the world: a port.
const CREATE_LOAD_BALANCER: &str = "CreateLoadBalancer";

type Operation = fn(&mut World, &Form) -> Result<Xml, Refusal>;

const OPERATIONS: [(&str, Operation); 18] = [
    ("AddTags", tags::add),
    ("CreateListener", listeners::create),
    ("CreateTargetGroup", target_groups::create),
    ("DeleteListener", listeners::delete),
    ("DeleteLoadBalancer", load_balancers::delete),
    ("DeleteTargetGroup", target_groups::delete),
    ("DescribeListeners", listeners::describe),
    ("DescribeLoadBalancerAttributes", attributes::describe_of_load_balancer),
    ("DescribeLoadBalancers", load_balancers::describe),
    ("DescribeRules", listeners::describe_rules),
    ("DescribeTags", tags::describe),
    ("DescribeTargetGroupAttributes", attributes::describe_of_target_group),
    ("DescribeTargetGroups", target_groups::describe),
    ("DescribeTargetHealth", target_health::describe),
    ("ModifyLoadBalancerAttributes", attributes::modify_of_load_balancer),
    ("ModifyTargetGroup", target_groups::modify),
    ("ModifyTargetGroupAttributes", attributes::modify_of_target_group),
    ("RemoveTags", tags::remove),
];

pub(super) fn call(wire: &Wire, operation: &str, form: &Form) -> Result<String, Refusal> {
    if operation == CREATE_LOAD_BALANCER {
        return load_balancers::create(wire, form).map(Xml::finish);
    }
    let (_, carry_out) = OPERATIONS.iter().find(|(name, _)| *name == operation).ok_or_else(|| {
        let known: Vec<&str> =
            OPERATIONS.iter().map(|(name, _)| *name).chain([CREATE_LOAD_BALANCER]).collect();
        Refusal::new(
            "InvalidAction",
            format!("{operation} is not an operation of ELBv2 here; known: {}", known.join(", ")),
        )
    })?;
    wire.hub.with(|world| carry_out(world, form)).map(Xml::finish)
}

/// One page of a list, with `NextMarker` where there is more.
fn list<T>(
    form: &Form,
    name: &str,
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    member: impl FnMut(&mut Xml, T),
) -> Result<Xml, Refusal> {
    let size = form.number("PageSize")?.unwrap_or(400);
    if !(1..=400).contains(&size) {
        return Err(invalid("PageSize must be between 1 and 400"));
    }
    let keyed = items.map(|item| (key(&item), item)).collect();
    let page = paging::page(keyed, Order::Ascending, form.get("Marker"), size as usize)
        .map_err(|_| invalid("The marker is not valid"))?;
    let mut xml = Xml::new();
    xml.list(name, page.items, member);
    if let Some(next) = page.next {
        xml.leaf("NextMarker", next);
    }
    Ok(xml)
}

fn find_load_balancer<'a>(world: &'a World, arn: &str) -> Result<&'a LoadBalancer, Refusal> {
    let mut all = world.elb.load_balancers.iter();
    all.find(|balancer| balancer.arn == arn).ok_or_else(|| load_balancer_not_found(arn))
}

fn find_target_group<'a>(world: &'a World, arn: &str) -> Result<&'a TargetGroup, Refusal> {
    let mut all = world.elb.target_groups.iter();
    all.find(|group| group.arn == arn).ok_or_else(|| target_group_not_found(arn))
}

/// ELBv2 refuses the whole list where one of it is missing.
fn all_found(
    wanted: &[&str],
    exists: impl Fn(&str) -> bool,
    refusal: impl Fn(&str) -> Refusal,
) -> Result<(), Refusal> {
    match wanted.iter().find(|one| !exists(one)) {
        Some(missing) => Err(refusal(missing)),
        None => Ok(()),
    }
}

fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, Refusal> {
    form.get(name).ok_or_else(|| invalid(&format!("{name} must be given.")))
}

/// A member that has only one value here, given or not.
fn only(form: &Form, name: &str, built: &str) -> Result<(), Refusal> {
    match form.get(name) {
        Some(other) if other != built => {
            Err(invalid(&format!("{name} '{other}' is not built here, only '{built}'")))
        }
        _ => Ok(()),
    }
}

/// A port number that must be given.
fn required_port(form: &Form) -> Result<u16, Refusal> {
    let number = form.number("Port")?.ok_or_else(|| invalid("Port must be given."))?;
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    port.ok_or_else(|| invalid(&format!("Port {number} must be between 1 and 65535")))
}

fn invalid(message: &str) -> Refusal {
    Refusal::new("ValidationError", message)
}

fn load_balancer_not_found(_arn: &str) -> Refusal {
    Refusal::new("LoadBalancerNotFound", "One or more load balancers not found")
}

fn target_group_not_found(_arn: &str) -> Refusal {
    Refusal::new("TargetGroupNotFound", "One or more target groups not found")
}

fn listener_not_found(_arn: &str) -> Refusal {
    Refusal::new("ListenerNotFound", "One or more listeners not found")
}
