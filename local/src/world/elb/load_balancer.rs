//! Load balancers: create, delete, and the one attribute that is acted on.

use super::{AvailabilityZone, ListenerChange, LoadBalancer, Tags, check_name, invalid, tag};
use crate::world::{Effect, Refusal, World};

#[derive(Debug, Clone, Default)]
pub struct CreateLoadBalancer {
    pub name: String,
    /// Host and port, which the caller keeps open for it.
    pub dns_name: String,
    /// One for each zone, in the order of the zones; empty means all zones, whatever their subnets.
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    /// `internet-facing` when absent.
    pub scheme: Option<String>,
    pub tags: Tags,
}

impl World {
    /// Creating one that is there with the same settings returns it, with the address it has.
    pub fn create_load_balancer(&mut self, request: CreateLoadBalancer) -> Result<LoadBalancer, Refusal> {
        let name = &request.name;
        check_name("load balancer", name)?;
        if name.starts_with("internal-") {
            return Err(invalid(format!("The load balancer name '{name}' cannot begin with 'internal-'")));
        }
        let scheme = request.scheme.unwrap_or_else(|| "internet-facing".into());
        if !["internet-facing", "internal"].contains(&scheme.as_str()) {
            return Err(Refusal::new("InvalidScheme", format!("Scheme '{scheme}' is not valid")));
        }
        tag::check(&request.tags)?;
        let zones = self.zones_of(&request.subnets)?;
        if let Ok(existing) = self.find_load_balancer(name) {
            let security_groups = &existing.security_groups;
            return if (&existing.zones, &existing.scheme, security_groups)
                == (&zones, &scheme, &request.security_groups)
            {
                Ok(existing.clone())
            } else {
                let message = format!(
                    "A load balancer with the same name '{name}' exists, but with different settings"
                );
                Err(Refusal::new("DuplicateLoadBalancerName", message))
            };
        }
        let id = self.short_id();
        let created = LoadBalancer {
            arn: self.elb_arn(&format!("loadbalancer/app/{name}/{id}")),
            name: request.name,
            dns_name: request.dns_name,
            zones,
            scheme,
            security_groups: request.security_groups,
            created_at: self.now,
            deletion_protection: false,
            listeners: Vec::new(),
            tags: request.tags,
        };
        self.elb.load_balancers.push(created.clone());
        Ok(created)
    }

    /// There is no network here that would tell a subnet's zone: the first is taken to be in the first zone.
    fn zones_of(&self, subnets: &[String]) -> Result<Vec<AvailabilityZone>, Refusal> {
        let zones = &self.settings.zones;
        if subnets.is_empty() {
            let named = zones.iter().map(|it| AvailabilityZone { name: it.clone(), subnet_id: None });
            return Ok(named.collect());
        }
        if let Some(wrong) = subnets.iter().find(|it| !it.starts_with("subnet-")) {
            return Err(Refusal::new("SubnetNotFound", format!("The subnet ID '{wrong}' is not valid")));
        }
        let mut different = subnets.to_vec();
        different.sort();
        different.dedup();
        if different.len() < 2 {
            let message = "At least two subnets in two different Availability Zones must be specified";
            return Err(invalid(message));
        }
        if different.len() < subnets.len() || subnets.len() > zones.len() {
            let message =
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
            return Err(Refusal::new("InvalidConfigurationRequest", message));
        }
        let pairs = zones.iter().zip(subnets);
        let zone = |(name, subnet): (&String, &String)| AvailabilityZone {
            name: name.clone(),
            subnet_id: Some(subnet.clone()),
        };
        Ok(pairs.map(zone).collect())
    }

    pub fn protect_load_balancer(&mut self, arn: &str, protected: bool) -> Result<(), Refusal> {
        let arn = self.find_load_balancer(arn)?.arn.clone();
        for one in self.elb.load_balancers.iter_mut().filter(|it| it.arn == arn) {
            one.deletion_protection = protected;
        }
        Ok(())
    }

    /// With its listeners. One that is not there is no error.
    pub fn delete_load_balancer(&mut self, arn: &str) -> Result<(), Refusal> {
        let Some(index) = self.elb.load_balancers.iter().position(|it| it.arn == arn) else {
            return Ok(());
        };
        if self.elb.load_balancers[index].deletion_protection {
            let message =
                format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
            return Err(Refusal::new("OperationNotPermitted", message));
        }
        let deleted = self.elb.load_balancers.remove(index);
        for listener in deleted.listeners {
            self.elb.out_of_use(&listener.target_group_arn);
            self.effect(Effect::Listener(ListenerChange::Stop { listener_arn: listener.arn }));
        }
        self.effect(Effect::Listener(ListenerChange::Release { load_balancer_arn: deleted.arn }));
        self.settle();
        Ok(())
    }
}
