//! Attributes of load balancers and target groups. What is acted on can be changed; the others have one value here, and
//! asking for another is refused, so that nobody believes in it.

use super::{find_load_balancer, find_target_group, invalid, required};
use crate::wire::form::Form;
use crate::wire::xml::Xml;
use crate::world::elb::{LoadBalancer, TargetGroup};
use crate::world::{Refusal, World};

const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";
const LONGEST_DEREGISTRATION_DELAY_SECONDS: u32 = 3_600;
const DELETION_PROTECTION: &str = "deletion_protection.enabled";

const FIXED_OF_TARGET_GROUP: [(&str, &str); 3] = [
    ("load_balancing.algorithm.type", "round_robin"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.enabled", "false"),
];

const FIXED_OF_LOAD_BALANCER: [(&str, &str); 4] = [
    ("access_logs.s3.enabled", "false"),
    ("idle_timeout.timeout_seconds", "60"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("routing.http2.enabled", "false"),
];

pub(super) fn describe_of_target_group(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    Ok(of_target_group(find_target_group(world, required(form, "TargetGroupArn")?)?))
}

pub(super) fn describe_of_load_balancer(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    Ok(of_load_balancer(find_load_balancer(world, required(form, "LoadBalancerArn")?)?))
}

pub(super) fn modify_of_target_group(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let arn = required(form, "TargetGroupArn")?;
    find_target_group(world, arn)?;
    let mut delay = None;
    for (key, value) in wanted(form)? {
        match key {
            DEREGISTRATION_DELAY => delay = Some(seconds(key, value)?),
            _ => check_fixed(&FIXED_OF_TARGET_GROUP, "Target group", key, value)?,
        }
    }
    if let Some(seconds) = delay {
        world.set_deregistration_delay(arn, seconds)?;
    }
    Ok(of_target_group(find_target_group(world, arn)?))
}

pub(super) fn modify_of_load_balancer(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let arn = required(form, "LoadBalancerArn")?;
    find_load_balancer(world, arn)?;
    let mut protection = None;
    for (key, value) in wanted(form)? {
        match (key, value) {
            (DELETION_PROTECTION, "true") => protection = Some(true),
            (DELETION_PROTECTION, "false") => protection = Some(false),
            (DELETION_PROTECTION, other) => {
                return Err(invalid(&format!("'{other}' is not a valid value of '{key}'")));
            }
            _ => check_fixed(&FIXED_OF_LOAD_BALANCER, "Load balancer", key, value)?,
        }
    }
    if let Some(protected) = protection {
        world.protect_load_balancer(arn, protected)?;
    }
    Ok(of_load_balancer(find_load_balancer(world, arn)?))
}

/// The attributes of a request; none at all is refused.
fn wanted(form: &Form) -> Result<Vec<(&str, &str)>, Refusal> {
    let pairs: Vec<_> = (1..)
        .map_while(|number| {
            let key = form.get(&format!("Attributes.member.{number}.Key"))?;
            Some((key, form.get(&format!("Attributes.member.{number}.Value")).unwrap_or_default()))
        })
        .collect();
    match pairs.is_empty() {
        true => Err(invalid("Attributes must be given.")),
        false => Ok(pairs),
    }
}

fn seconds(key: &str, value: &str) -> Result<u32, Refusal> {
    let seconds = value.parse().ok().filter(|it| *it <= LONGEST_DEREGISTRATION_DELAY_SECONDS);
    seconds.ok_or_else(|| {
        invalid(&format!(
            "'{key}' must be between 0 and {LONGEST_DEREGISTRATION_DELAY_SECONDS}, not '{value}'"
        ))
    })
}

fn check_fixed(fixed: &[(&str, &str)], of: &str, key: &str, value: &str) -> Result<(), Refusal> {
    match fixed.iter().find(|(name, _)| *name == key) {
        None => Err(invalid(&format!("{of} attribute key '{key}' is not recognized"))),
        Some((_, built)) if *built != value => {
            Err(invalid(&format!("'{key}' is always '{built}' here; '{value}' is not built")))
        }
        Some(_) => Ok(()),
    }
}

fn of_target_group(group: &TargetGroup) -> Xml {
    let delay = group.deregistration_delay_seconds.to_string();
    write((DEREGISTRATION_DELAY, &delay), &FIXED_OF_TARGET_GROUP)
}

fn of_load_balancer(balancer: &LoadBalancer) -> Xml {
    write((DELETION_PROTECTION, &balancer.deletion_protection.to_string()), &FIXED_OF_LOAD_BALANCER)
}

fn write(own: (&str, &str), fixed: &[(&str, &str)]) -> Xml {
    let mut xml = Xml::new();
    let all = [own].into_iter().chain(fixed.iter().copied());
    xml.list("Attributes", all, |xml, (key, value)| {
        xml.leaf("Key", key);
        xml.leaf("Value", value);
    });
    xml
}
