//! ELBv2: what clients read of load balancers, listeners, target groups and the health of their targets. The place
//! that starts the world makes them; nothing here changes any.

mod listeners;
mod target_health;

use super::Wire;
use super::form::Form;
use super::paging::{self, Order};
use super::xml::Xml;
use crate::world::elb::{Listener, LoadBalancer, TargetGroup};
use crate::world::{Refusal, World, iso_millis};

pub(super) const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

type Operation = fn(&World, &Form) -> Result<Xml, Refusal>;

const OPERATIONS: [(&str, Operation); 8] = [
    ("DescribeListeners", listeners::describe),
    ("DescribeLoadBalancerAttributes", describe_load_balancer_attributes),
    ("DescribeLoadBalancers", describe_load_balancers),
    ("DescribeRules", listeners::describe_rules),
    ("DescribeTags", describe_tags),
    ("DescribeTargetGroupAttributes", describe_target_group_attributes),
    ("DescribeTargetGroups", describe_target_groups),
    ("DescribeTargetHealth", target_health::describe),
];

pub(super) fn call(wire: &Wire, operation: &str, form: &Form) -> Result<String, Refusal> {
    let (_, carry_out) = OPERATIONS.iter().find(|(name, _)| *name == operation).ok_or_else(|| {
        let known: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        Refusal::new(
            "InvalidAction",
            format!("{operation} is not an operation of ELBv2 here; known: {}", known.join(", ")),
        )
    })?;
    wire.hub.with(|world| carry_out(world, form)).map(Xml::finish)
}

fn describe_load_balancers(world: &World, form: &Form) -> Result<Xml, Refusal> {
    let all = &world.elb.load_balancers;
    let arns = form.list("LoadBalancerArns");
    let names = form.list("Names");
    all_found(&arns, |arn| all.iter().any(|lb| lb.arn == arn), load_balancer_not_found)?;
    all_found(
        &names,
        |name| all.iter().any(|lb| lb.name == name),
        |name| Refusal::new("LoadBalancerNotFound", format!("Load balancers '[{name}]' not found")),
    )?;
    let chosen = all.iter().filter(|lb| {
        (arns.is_empty() && names.is_empty())
            || arns.contains(&lb.arn.as_str())
            || names.contains(&lb.name.as_str())
    });
    list(form, "LoadBalancers", chosen, |lb| lb.arn.clone(), write_load_balancer)
}

fn write_load_balancer(xml: &mut Xml, balancer: &LoadBalancer) {
    xml.leaf("LoadBalancerArn", &balancer.arn);
    xml.leaf("DNSName", &balancer.dns_name);
    xml.leaf("LoadBalancerName", &balancer.name);
    xml.leaf("CreatedTime", iso_millis(balancer.created_at));
    xml.leaf("Scheme", "internet-facing");
    xml.leaf("Type", "application");
    xml.leaf("IpAddressType", "ipv4");
    xml.within("State", |xml| xml.leaf("Code", "active"));
    xml.list("AvailabilityZones", &balancer.zones, |xml, zone| {
        xml.leaf("ZoneName", zone);
    });
}

fn describe_target_groups(world: &World, form: &Form) -> Result<Xml, Refusal> {
    let all = &world.elb.target_groups;
    let arns = form.list("TargetGroupArns");
    let names = form.list("Names");
    all_found(&arns, |arn| all.iter().any(|group| group.arn == arn), target_group_not_found)?;
    all_found(&names, |name| all.iter().any(|group| group.name == name), target_group_not_found)?;
    let balancer = form.get("LoadBalancerArn");
    if let Some(arn) = balancer {
        find_load_balancer(world, arn)?;
    }
    let chosen = all.iter().filter(|group| {
        let named = (arns.is_empty() && names.is_empty())
            || arns.contains(&group.arn.as_str())
            || names.contains(&group.name.as_str());
        named && balancer.is_none_or(|arn| group.load_balancer_arns.iter().any(|other| other == arn))
    });
    list(form, "TargetGroups", chosen, |group| group.arn.clone(), write_target_group)
}

fn write_target_group(xml: &mut Xml, group: &TargetGroup) {
    let check = &group.health_check;
    xml.leaf("TargetGroupArn", &group.arn);
    xml.leaf("TargetGroupName", &group.name);
    xml.leaf("Protocol", "HTTP");
    xml.leaf("ProtocolVersion", "HTTP1");
    xml.leaf("Port", group.port);
    xml.leaf("TargetType", "ip");
    xml.leaf("IpAddressType", "ipv4");
    xml.leaf("HealthCheckEnabled", true);
    xml.leaf("HealthCheckProtocol", "HTTP");
    xml.leaf("HealthCheckPort", "traffic-port");
    xml.leaf("HealthCheckPath", &check.path);
    // Clients expect whole seconds; a laptop may check more often than that.
    xml.leaf("HealthCheckIntervalSeconds", check.interval_seconds.ceil());
    xml.leaf("HealthCheckTimeoutSeconds", check.timeout_seconds.ceil());
    xml.leaf("HealthyThresholdCount", check.healthy_threshold);
    xml.leaf("UnhealthyThresholdCount", check.unhealthy_threshold);
    xml.within("Matcher", |xml| {
        let (from, to) = check.matcher;
        let codes = if from == to { from.to_string() } else { format!("{from}-{to}") };
        xml.leaf("HttpCode", codes);
    });
    xml.list("LoadBalancerArns", &group.load_balancer_arns, |xml, arn| xml.text(arn));
}

/// Nothing of ELBv2 can be tagged here, so every resource that exists has no tags.
fn describe_tags(world: &World, form: &Form) -> Result<Xml, Refusal> {
    let arns = form.list("ResourceArns");
    if arns.is_empty() {
        return Err(invalid("ResourceArns must be given."));
    }
    for arn in &arns {
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        match resource.split('/').next() {
            Some("loadbalancer") => find_load_balancer(world, arn).map(drop)?,
            Some("targetgroup") => find_target_group(world, arn).map(drop)?,
            Some("listener") if all_listeners(world).any(|(_, one)| one.arn == *arn) => {}
            Some("listener") => return Err(listener_not_found(arn)),
            _ => return Err(invalid(&format!("'{arn}' is not a valid ARN"))),
        }
    }
    let mut xml = Xml::new();
    xml.list("TagDescriptions", arns, |xml, arn| {
        xml.leaf("ResourceArn", arn);
        xml.within("Tags", |_| {});
    });
    Ok(xml)
}

fn describe_target_group_attributes(world: &World, form: &Form) -> Result<Xml, Refusal> {
    let group = find_target_group(world, required(form, "TargetGroupArn")?)?;
    Ok(attributes(&[
        ("deregistration_delay.timeout_seconds", &group.deregistration_delay_seconds.to_string()),
        ("load_balancing.algorithm.type", "round_robin"),
        ("slow_start.duration_seconds", "0"),
        ("stickiness.enabled", "false"),
    ]))
}

fn describe_load_balancer_attributes(world: &World, form: &Form) -> Result<Xml, Refusal> {
    find_load_balancer(world, required(form, "LoadBalancerArn")?)?;
    Ok(attributes(&[
        ("access_logs.s3.enabled", "false"),
        ("deletion_protection.enabled", "false"),
        ("load_balancing.cross_zone.enabled", "true"),
        ("routing.http2.enabled", "false"),
    ]))
}

fn attributes(pairs: &[(&str, &str)]) -> Xml {
    let mut xml = Xml::new();
    xml.list("Attributes", pairs, |xml, (key, value)| {
        xml.leaf("Key", key);
        xml.leaf("Value", value);
    });
    xml
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

fn all_listeners(world: &World) -> impl Iterator<Item = (&LoadBalancer, &Listener)> {
    world
        .elb
        .load_balancers
        .iter()
        .flat_map(|balancer| balancer.listeners.iter().map(move |listener| (balancer, listener)))
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
