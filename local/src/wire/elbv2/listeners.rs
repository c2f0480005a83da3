//! Listeners and their rules. A listener here forwards everything to one target group, so its default rule is its
//! only one.

use super::{all_found, all_listeners, find_load_balancer, invalid, list, listener_not_found};
use crate::wire::form::Form;
use crate::wire::xml::Xml;
use crate::world::elb::Listener;
use crate::world::{Refusal, World};

pub(super) fn describe(world: &World, form: &Form) -> Result<Xml, Refusal> {
    let arns = form.list("ListenerArns");
    let balancer = form.get("LoadBalancerArn");
    if arns.is_empty() && balancer.is_none() {
        return Err(invalid("Either LoadBalancerArn or ListenerArns must be given."));
    }
    if let Some(arn) = balancer {
        find_load_balancer(world, arn)?;
    }
    all_found(&arns, |arn| all_listeners(world).any(|(_, one)| one.arn == arn), listener_not_found)?;
    let chosen = all_listeners(world).filter(|(owner, listener)| {
        arns.contains(&listener.arn.as_str()) || balancer.is_some_and(|arn| owner.arn == arn)
    });
    list(
        form,
        "Listeners",
        chosen,
        |(_, one)| one.arn.clone(),
        |xml, (owner, listener)| {
            xml.leaf("ListenerArn", &listener.arn);
            xml.leaf("LoadBalancerArn", &owner.arn);
            xml.leaf("Port", listener.port);
            xml.leaf("Protocol", "HTTP");
            write_forward(xml, "DefaultActions", listener);
        },
    )
}

pub(super) fn describe_rules(world: &World, form: &Form) -> Result<Xml, Refusal> {
    let rules = form.list("RuleArns");
    let listener = form.get("ListenerArn");
    if rules.is_empty() && listener.is_none() {
        return Err(invalid("Either ListenerArn or RuleArns must be given."));
    }
    if let Some(arn) = listener {
        all_found(&[arn], |arn| all_listeners(world).any(|(_, one)| one.arn == arn), listener_not_found)?;
    }
    all_found(
        &rules,
        |arn| all_listeners(world).any(|(_, one)| default_rule_arn(one) == arn),
        |_| Refusal::new("RuleNotFound", "One or more rules not found"),
    )?;
    let chosen = all_listeners(world).map(|(_, one)| one).filter(|one| {
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
