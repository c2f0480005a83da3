//! Listeners and their rules. A listener here forwards everything to one target group, so its default rule is its
//! only one.

use super::{all_found, find_load_balancer, find_target_group, invalid, list, listener_not_found, required};
use super::{required_port, tags};
use crate::wire::form::Form;
use crate::wire::xml::Xml;
use crate::world::elb::{CreateListener, Listener, LoadBalancer};
use crate::world::{Refusal, World};

pub(super) fn create(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let balancer = find_load_balancer(world, required(form, "LoadBalancerArn")?)?.arn.clone();
    let protocol = required(form, "Protocol")?;
    if protocol != "HTTP" {
        let message = format!("Protocol '{protocol}' is not built here, only 'HTTP'");
        return Err(Refusal::new("UnsupportedProtocol", message));
    }
    let group = find_target_group(world, forward_to(form)?)?.arn.clone();
    let (owner, listener) = world.create_listener(CreateListener {
        load_balancer_arn: balancer,
        port: required_port(form)?,
        target_group_arn: group,
        tags: tags::read(form)?,
    })?;
    let mut xml = Xml::new();
    xml.list("Listeners", [(&owner, &listener)], write_listener);
    Ok(xml)
}

/// The target group of the one forward action, which may be named in two places.
fn forward_to(form: &Form) -> Result<&str, Refusal> {
    let wrong = |message: &str| Err(Refusal::new("InvalidLoadBalancerAction", message));
    let kind = required(form, "DefaultActions.member.1.Type")?;
    if kind != "forward" {
        return wrong(&format!("Action type '{kind}' is not built here, only 'forward'"));
    }
    if form.get("DefaultActions.member.2.Type").is_some() {
        return wrong("A listener must have one default action");
    }
    let groups = "DefaultActions.member.1.ForwardConfig.TargetGroups.member";
    if form.get(&format!("{groups}.2.TargetGroupArn")).is_some() {
        return wrong("A forward action to several target groups is not built here");
    }
    let plain = form.get("DefaultActions.member.1.TargetGroupArn");
    let listed = form.get(&format!("{groups}.1.TargetGroupArn"));
    match (plain, listed) {
        (Some(plain), Some(listed)) if plain != listed => {
            wrong("TargetGroupArn and ForwardConfig must name the same target group")
        }
        (Some(arn), _) | (None, Some(arn)) => Ok(arn),
        (None, None) => wrong("A forward action must name a target group"),
    }
}

pub(super) fn delete(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    world.delete_listener(required(form, "ListenerArn")?)?;
    Ok(Xml::new())
}

pub(super) fn describe(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let arns = form.list("ListenerArns");
    let balancer = form.get("LoadBalancerArn");
    if arns.is_empty() && balancer.is_none() {
        return Err(invalid("Either LoadBalancerArn or ListenerArns must be given."));
    }
    if let Some(arn) = balancer {
        find_load_balancer(world, arn)?;
    }
    all_found(&arns, |arn| world.elb.listeners().any(|(_, one)| one.arn == arn), listener_not_found)?;
    let chosen = world.elb.listeners().filter(|(owner, listener)| {
        arns.contains(&listener.arn.as_str()) || balancer.is_some_and(|arn| owner.arn == arn)
    });
    list(form, "Listeners", chosen, |(_, one)| one.arn.clone(), write_listener)
}

fn write_listener(xml: &mut Xml, (owner, listener): (&LoadBalancer, &Listener)) {
    xml.leaf("ListenerArn", &listener.arn);
    xml.leaf("LoadBalancerArn", &owner.arn);
    xml.leaf("Port", listener.port);
    xml.leaf("Protocol", "HTTP");
    write_forward(xml, "DefaultActions", listener);
}

pub(super) fn describe_rules(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let rules = form.list("RuleArns");
    let listener = form.get("ListenerArn");
    if rules.is_empty() && listener.is_none() {
        return Err(invalid("Either ListenerArn or RuleArns must be given."));
    }
    if let Some(arn) = listener {
        all_found(&[arn], |arn| world.elb.listeners().any(|(_, one)| one.arn == arn), listener_not_found)?;
    }
    all_found(
        &rules,
        |arn| world.elb.listeners().any(|(_, one)| default_rule_arn(one) == arn),
        |_| Refusal::new("RuleNotFound", "One or more rules not found"),
    )?;
    let chosen = world.elb.listeners().map(|(_, one)| one).filter(|one| {
        listener.is_some_and(|arn| one.arn == arn) || rules.contains(&default_rule_arn(one).as_str())
    });
    list(
        form,
        "Rules",
        chosen,
        |one| one.arn.clone(),
        |xml, listener| {
            xml.leaf("RuleArn", default_rule_arn(listener));
            xml.leaf("Priority", "default");
            xml.leaf("IsDefault", true);
            xml.within("Conditions", |_| {});
            write_forward(xml, "Actions", listener);
        },
    )
}

/// A listener here has no rule but its default one, so one rule id is enough.
fn default_rule_arn(listener: &Listener) -> String {
    format!("{}/9683b2d02a6cabee", listener.arn.replacen(":listener/", ":listener-rule/", 1))
}

fn write_forward(xml: &mut Xml, name: &str, listener: &Listener) {
    xml.list(name, [listener], |xml, listener| {
        xml.leaf("Type", "forward");
        xml.leaf("TargetGroupArn", &listener.target_group_arn);
        xml.leaf("Order", 1);
        xml.within("ForwardConfig", |xml| {
            xml.list("TargetGroups", [listener], |xml, listener| {
                xml.leaf("TargetGroupArn", &listener.target_group_arn);
                xml.leaf("Weight", 1);
            });
        });
    });
}
