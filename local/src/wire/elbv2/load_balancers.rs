//! Load balancers. Each is reached at a port of its own on 127.0.0.1, which its `DNSName` has with it.

use super::{all_found, invalid, list, load_balancer_not_found, only, required, tags};
use crate::balancer::Address;
use crate::wire::Wire;
use crate::wire::form::Form;
use crate::wire::xml::Xml;
use crate::world::elb::{CreateLoadBalancer, LoadBalancer};
use crate::world::{Refusal, World, iso_millis};

pub(super) fn create(wire: &Wire, form: &Form) -> Result<Xml, Refusal> {
    only(form, "Type", "application")?;
    only(form, "IpAddressType", "ipv4")?;
    let name = required(form, "Name")?;
    let subnets = subnets(form)?;
    let tags = tags::read(form)?;
    let address = Address::reserve(0).map_err(|error| Refusal {
        http_status: 500,
        ..Refusal::new("InternalFailure", format!("No port could be opened on 127.0.0.1: {error}"))
    })?;
    wire.hub.with(|world| {
        let dns_name = address.get().to_string();
        let created = world.create_load_balancer(CreateLoadBalancer {
            name: name.to_owned(),
            dns_name: dns_name.clone(),
            subnets,
            security_groups: owned(form.list("SecurityGroups")),
            scheme: form.get("Scheme").map(str::to_owned),
            tags,
        })?;
        // One that was there already has an address.
        if created.dns_name == dns_name {
            wire.addresses.keep(&created.arn, address);
        }
        let mut xml = Xml::new();
        xml.list("LoadBalancers", [&created], write_load_balancer);
        Ok(xml)
    })
}

/// Either way of naming them; both at once are refused.
fn subnets(form: &Form) -> Result<Vec<String>, Refusal> {
    let plain = form.list("Subnets");
    let mapped: Vec<&str> =
        (1..).map_while(|number| form.get(&format!("SubnetMappings.member.{number}.SubnetId"))).collect();
    match (plain.is_empty(), mapped.is_empty()) {
        (false, true) => Ok(owned(plain)),
        (true, false) => Ok(owned(mapped)),
        (true, true) => {
            Err(invalid("At least two subnets in two different Availability Zones must be specified"))
        }
        (false, false) => Err(invalid("Either Subnets or SubnetMappings must be specified, not both")),
    }
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

pub(super) fn delete(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    world.delete_load_balancer(required(form, "LoadBalancerArn")?)?;
    Ok(Xml::new())
}

pub(super) fn describe(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
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
    xml.leaf("Scheme", &balancer.scheme);
    xml.leaf("Type", "application");
    xml.leaf("IpAddressType", "ipv4");
    xml.within("State", |xml| xml.leaf("Code", "active"));
    xml.list("AvailabilityZones", &balancer.zones, |xml, zone| {
        xml.leaf("ZoneName", &zone.name);
        if let Some(subnet) = &zone.subnet_id {
            xml.leaf("SubnetId", subnet);
        }
    });
    xml.list("SecurityGroups", &balancer.security_groups, |xml, group| xml.text(group));
}
