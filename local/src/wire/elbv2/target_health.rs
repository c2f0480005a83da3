//! The health of a target group's targets, in ELB's words.

use super::{find_target_group, required};
use crate::wire::form::Form;
use crate::wire::xml::Xml;
use crate::world::elb::{ProbeFailure, Target, TargetState};
use crate::world::{Refusal, World};

pub(super) fn describe(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let group = find_target_group(world, required(form, "TargetGroupArn")?)?;
    let is_in_use = world.elb.load_balancer_of(&group.arn).is_some();
    let mut wanted = Vec::new();
    for number in 1.. {
        let Some(id) = form.get(&format!("Targets.member.{number}.Id")) else {
            break;
        };
        wanted.push((id, form.number(&format!("Targets.member.{number}.Port"))?));
    }
    let is = |target: &Target, (id, port): &(&str, Option<u32>)| {
        target.id == *id && port.is_none_or(|port| port == u32::from(target.port))
    };
    let unknown = wanted.iter().filter(|wanted| !group.targets.iter().any(|target| is(target, wanted)));
    let known = group
        .targets
        .iter()
        .filter(|target| wanted.is_empty() || wanted.iter().any(|wanted| is(target, wanted)));
    let mut xml = Xml::new();
    xml.within("TargetHealthDescriptions", |xml| {
        for target in known {
            let (state, why) = health(is_in_use, target);
            let place = (target.id.as_str(), u32::from(target.port), Some(target.zone.as_str()));
            xml.within("member", |xml| write_target_health(xml, place, state, why));
        }
        for (id, port) in unknown {
            let why = ("Target.NotRegistered", "Target is not registered to the target group".to_owned());
            let place = (*id, port.unwrap_or(group.port.into()), None);
            xml.within("member", |xml| write_target_health(xml, place, "unused", Some(why)));
        }
    });
    Ok(xml)
}

type Why = Option<(&'static str, String)>;

fn health(is_in_use: bool, target: &Target) -> (&'static str, Why) {
    match (target.state, &target.failure) {
        (TargetState::Draining { .. }, _) => (
            "draining",
            Some(("Target.DeregistrationInProgress", "Target deregistration is in progress".into())),
        ),
        _ if !is_in_use => (
            "unused",
            Some((
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer".into(),
            )),
        ),
        (TargetState::Healthy, _) => ("healthy", None),
        (TargetState::Initial, _) => {
            ("initial", Some(("Elb.RegistrationInProgress", "Target registration is in progress".into())))
        }
        (TargetState::Unhealthy, failure) => {
            let failure = failure.as_ref().unwrap_or(&ProbeFailure::FailedHealthChecks);
            ("unhealthy", Some((failure.code(), failure.description())))
        }
    }
}

fn write_target_health(
    xml: &mut Xml,
    (id, port, zone): (&str, u32, Option<&str>),
    state: &'static str,
    why: Why,
) {
    xml.within("Target", |xml| {
        xml.leaf("Id", id);
        xml.leaf("Port", port);
        if let Some(zone) = zone {
            xml.leaf("AvailabilityZone", zone);
        }
    });
    xml.leaf("HealthCheckPort", port);
    xml.within("TargetHealth", |xml| {
        xml.leaf("State", state);
        if let Some((reason, description)) = why {
            xml.leaf("Reason", reason);
            xml.leaf("Description", description);
        }
    });
}
