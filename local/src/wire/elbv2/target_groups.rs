//! Target groups: HTTP to ip targets, as Fargate's tasks are.

use super::{all_found, find_load_balancer, find_target_group, health_check, invalid, list, only, required};
use super::{required_port, tags, target_group_not_found};
use crate::wire::form::Form;
use crate::wire::xml::Xml;
use crate::world::elb::{CreateTargetGroup, HealthCheck, TargetGroup};
use crate::world::{Refusal, World};

pub(super) fn create(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let target_type = form.get("TargetType").unwrap_or("instance");
    if target_type != "ip" {
        let message =
            format!("TargetType '{target_type}' is not built here, only 'ip'; the default is 'instance'");
        return Err(invalid(&message));
    }
    required(form, "Protocol")?;
    only(form, "Protocol", "HTTP")?;
    only(form, "ProtocolVersion", "HTTP1")?;
    only(form, "IpAddressType", "ipv4")?;
    let created = world.create_target_group(CreateTargetGroup {
        name: required(form, "Name")?.to_owned(),
        port: required_port(form)?,
        vpc_id: Some(required(form, "VpcId")?.to_owned()),
        health_check: health_check::read(form, HealthCheck::default())?,
        tags: tags::read(form)?,
    })?;
    Ok(answer(world, &created))
}

pub(super) fn modify(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let group = find_target_group(world, required(form, "TargetGroupArn")?)?;
    let (arn, before) = (group.arn.clone(), group.health_check.clone());
    world.set_health_check(&arn, health_check::read(form, before)?)?;
    Ok(answer(world, find_target_group(world, &arn)?))
}

pub(super) fn delete(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    world.delete_target_group(required(form, "TargetGroupArn")?)?;
    Ok(Xml::new())
}

fn answer(world: &World, group: &TargetGroup) -> Xml {
    let mut xml = Xml::new();
    xml.list("TargetGroups", [group], |xml, group| write_target_group(xml, world, group));
    xml
}

pub(super) fn describe(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let world = &*world;
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
        named
            && balancer.is_none_or(|arn| {
                world.elb.load_balancer_of(&group.arn).is_some_and(|owner| owner.arn == arn)
            })
    });
    list(
        form,
        "TargetGroups",
        chosen,
        |group| group.arn.clone(),
        |xml, group| write_target_group(xml, world, group),
    )
}

fn write_target_group(xml: &mut Xml, world: &World, group: &TargetGroup) {
    let check = &group.health_check;
    xml.leaf("TargetGroupArn", &group.arn);
    xml.leaf("TargetGroupName", &group.name);
    xml.leaf("Protocol", "HTTP");
    xml.leaf("ProtocolVersion", "HTTP1");
    xml.leaf("Port", group.port);
    if let Some(vpc) = &group.vpc_id {
        xml.leaf("VpcId", vpc);
    }
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
    let owner = world.elb.load_balancer_of(&group.arn);
    xml.list("LoadBalancerArns", owner, |xml, owner| xml.text(&owner.arn));
}
