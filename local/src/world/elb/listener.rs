//! Listeners: where a load balancer takes requests and to which target group it forwards them. A load balancer here
//! has one address and so one listener, which forwards everything to one target group.

use super::{HealthCheck, Listener, LoadBalancer, Tags, invalid, tag};
use crate::world::elb::{CreateLoadBalancer, CreateTargetGroup};
use crate::world::{Effect, Refusal, World};

#[derive(Debug, Clone, Default)]
pub struct CreateListener {
    pub load_balancer_arn: String,
    pub port: u16,
    pub target_group_arn: String,
    pub tags: Tags,
}

/// What the outside must do for load balancers, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerChange {
    /// Serve HTTP at the load balancer's address for this target group.
    Start {
        listener_arn: String,
        load_balancer_arn: String,
        target_group_arn: String,
    },
    Stop {
        listener_arn: String,
    },
    /// The load balancer is gone and needs its address no more.
    Release {
        load_balancer_arn: String,
    },
}

impl World {
    /// Creating one that is there with the same settings returns it.
    pub fn create_listener(&mut self, request: CreateListener) -> Result<(LoadBalancer, Listener), Refusal> {
        let CreateListener { port, tags, .. } = request;
        let balancer = self.find_load_balancer(&request.load_balancer_arn)?;
        let load_balancer_arn = balancer.arn.clone();
        let target_group_arn = self.find_target_group(&request.target_group_arn)?.arn.clone();
        if port == 0 {
            return Err(invalid("The port of a listener must be between 1 and 65535"));
        }
        tag::check(&tags)?;
        if let Some(existing) = balancer.listeners.first() {
            if existing.port != port {
                let message = format!(
                    "A load balancer has one listener here, and '{load_balancer_arn}' has one on port {}",
                    existing.port
                );
                return Err(Refusal::new("TooManyListeners", message));
            }
            if existing.target_group_arn != target_group_arn {
                let message = format!(
                    "A listener already exists on this port for this load balancer '{load_balancer_arn}'"
                );
                return Err(Refusal::new("DuplicateListener", message));
            }
            return Ok((balancer.clone(), existing.clone()));
        }
        if self.elb.load_balancer_of(&target_group_arn).is_some() {
            let message = format!(
                "The following target groups cannot be associated with more than one load balancer: {target_group_arn}"
            );
            return Err(Refusal::new("TargetGroupAssociationLimit", message));
        }
        let resource = load_balancer_arn.rsplit(":loadbalancer/").next().unwrap_or_default().to_owned();
        let id = self.short_id();
        let arn = self.elb_arn(&format!("listener/{resource}/{id}"));
        let listener = Listener { arn, port, target_group_arn, tags };
        self.effect(Effect::Listener(ListenerChange::Start {
            listener_arn: listener.arn.clone(),
            load_balancer_arn: load_balancer_arn.clone(),
            target_group_arn: listener.target_group_arn.clone(),
        }));
        for one in self.elb.load_balancers.iter_mut().filter(|it| it.arn == load_balancer_arn) {
            one.listeners.push(listener.clone());
        }
        Ok((self.find_load_balancer(&load_balancer_arn)?.clone(), listener))
    }

    pub fn delete_listener(&mut self, arn: &str) -> Result<(), Refusal> {
        let target_group_arn = self.find_listener(arn)?.1.target_group_arn.clone();
        for balancer in &mut self.elb.load_balancers {
            balancer.listeners.retain(|it| it.arn != arn);
        }
        self.elb.out_of_use(&target_group_arn);
        self.effect(Effect::Listener(ListenerChange::Stop { listener_arn: arn.to_owned() }));
        self.settle();
        Ok(())
    }

    /// A load balancer over all zones with one HTTP listener in front of one target group of the same name; returns
    /// the ARNs of load balancer and target group.
    pub fn create_load_balancer_with_listener(
        &mut self,
        name: &str,
        dns_name: &str,
        port: u16,
        health_check: HealthCheck,
        deregistration_delay_seconds: u32,
    ) -> Result<(String, String), Refusal> {
        if self.find_load_balancer(name).is_ok() || self.find_target_group(name).is_ok() {
            let message = format!("A load balancer or target group with the name '{name}' exists");
            return Err(Refusal::new("DuplicateLoadBalancerName", message));
        }
        let balancer = self.create_load_balancer(CreateLoadBalancer {
            name: name.into(),
            dns_name: dns_name.into(),
            ..CreateLoadBalancer::default()
        })?;
        let group = self.create_target_group(CreateTargetGroup {
            name: name.into(),
            port,
            health_check,
            ..CreateTargetGroup::default()
        })?;
        self.set_deregistration_delay(&group.arn, deregistration_delay_seconds)?;
        self.create_listener(CreateListener {
            load_balancer_arn: balancer.arn.clone(),
            port,
            target_group_arn: group.arn.clone(),
            tags: Tags::new(),
        })?;
        Ok((balancer.arn, group.arn))
    }
}
