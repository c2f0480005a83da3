//! The network: over how many zones, does the load balancer get in, and do tasks get out to where their image is?

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::cidr::covers;
use super::service::{awsvpc, is_on_fargate};
use super::{Finding, Known, NotKnown, list, logs, number, secrets, text};

const HTTPS: u16 = 443;

/// What EC2 and ELB said of where the tasks run.
#[derive(Debug, Clone)]
pub struct Network {
    /// Of the tasks.
    pub subnets: Known<Vec<Subnet>>,
    pub security_groups: Known<Vec<SecurityGroup>>,
    /// In front of the tasks. Empty: the service has none.
    pub load_balancers: Known<Vec<LoadBalancer>>,
    /// Of the tasks' VPC, by the ends of their services' names, such as `ecr.api`.
    pub endpoints: Known<BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    pub id: String,
    pub zone: String,
    /// What `0.0.0.0/0` goes to, as its route table says: `igw-…`, `nat-…`, `tgw-…`. `None`: nowhere.
    pub way_out: Known<Option<String>>,
    /// The gateway endpoint for S3 is in its route table.
    pub reaches_s3: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    pub id: String,
    pub ingress: Vec<Permission>,
    pub egress: Vec<Permission>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permission {
    /// `tcp`, or `-1` for all of them.
    pub protocol: String,
    /// `None`: every port.
    pub ports: Option<(u16, u16)>,
    pub groups: Vec<String>,
    pub cidrs: Vec<String>,
    /// Whom it names otherwise: prefix lists, IPv6.
    pub others: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadBalancer {
    pub name: String,
    pub security_groups: Vec<String>,
    /// Of its subnets.
    pub cidrs: Vec<String>,
}

impl Permission {
    fn is_about(&self, port: u16) -> bool {
        let is_in = self.ports.is_none_or(|(from, to)| (from..=to).contains(&port));
        self.protocol == "-1" || (matches!(self.protocol.as_str(), "tcp" | "6") && is_in)
    }
}

pub fn check(service: &Value, document: &Map<String, Value>, network: &Network) -> Vec<Finding> {
    let mut findings = vec![zones(&network.subnets, list(awsvpc(service), "subnets").len())];
    for balancer in list(service, "loadBalancers") {
        let port = number(&balancer["containerPort"]).and_then(|port| u16::try_from(port).ok());
        findings.extend(port.map(|port| way_in(port, network)));
    }
    findings.push(egress(&network.security_groups));
    findings.push(way_out(service, document, network));
    findings
}

fn zones(subnets: &Known<Vec<Subnet>>, named: usize) -> Finding {
    let subject = "zones";
    let help = "give the service subnets in two zones at least";
    match subnets {
        _ if named < 2 => {
            Finding::wrong(subject, "it has one subnet, so one zone that fails takes all tasks", help)
        }
        Err(NotKnown(why)) => Finding::unknown(subject, format!("{named} subnets; in which zones? {why}")),
        Ok(subnets) => {
            let zones: BTreeSet<&str> = subnets.iter().map(|it| it.zone.as_str()).collect();
            let listed = zones.iter().copied().collect::<Vec<_>>().join(", ");
            match zones.len() {
                0 => Finding::unknown(subject, "EC2 does not tell of its subnets"),
                1 => Finding::wrong(subject, format!("all its subnets are in {listed}"), help),
                _ => Finding::ok(subject, listed),
            }
        }
    }
}

fn way_in(port: u16, network: &Network) -> Finding {
    let subject = "way in";
    let (groups, balancers) = match (&network.security_groups, &network.load_balancers) {
        (Ok(groups), Ok(balancers)) => (groups, balancers),
        (Err(NotKnown(why)), _) | (_, Err(NotKnown(why))) => return Finding::unknown(subject, why),
    };
    let about: Vec<&Permission> =
        groups.iter().flat_map(|it| &it.ingress).filter(|it| it.is_about(port)).collect();
    let gets_in = |balancer: &&LoadBalancer| {
        let named = |it: &&Permission| it.groups.iter().any(|id| balancer.security_groups.contains(id));
        let covered = |cidr: &String| about.iter().flat_map(|it| &it.cidrs).any(|outer| covers(outer, cidr));
        about.iter().any(named) || (!balancer.cidrs.is_empty() && balancer.cidrs.iter().all(covered))
    };
    if let Some(balancer) = balancers.iter().find(gets_in) {
        return Finding::ok(
            subject,
            format!("the tasks' security group lets {} in on {port}", balancer.name),
        );
    }
    let Some(balancer) = balancers.first() else {
        return Finding::unknown(subject, "ELB does not tell of the load balancer");
    };
    let name = &balancer.name;
    match balancer.security_groups.first() {
        Some(source) if !about.iter().any(|it| it.others) => Finding::wrong(
            subject,
            format!("no security group of the tasks lets {name} in on {port}, so no task gets healthy"),
            format!(
                "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port {port} --source-group {source}",
                groups.first().map_or("…", |it| it.id.as_str()),
            ),
        ),
        _ => {
            let why =
                format!("whether {name} gets in on {port} is not to be seen from security groups alone");
            Finding::unknown(subject, why)
        }
    }
}

fn egress(groups: &Known<Vec<SecurityGroup>>) -> Finding {
    let subject = "egress";
    match groups {
        Err(NotKnown(why)) => Finding::unknown(subject, why),
        Ok(groups) if groups.is_empty() => {
            Finding::unknown(subject, "the VPC's own security group is not looked at")
        }
        Ok(groups) => match groups.iter().flat_map(|it| &it.egress).any(|it| it.is_about(HTTPS)) {
            true => Finding::ok(subject, format!("tasks may go out to {HTTPS}")),
            false => Finding::wrong(
                subject,
                format!(
                    "no security group of the tasks lets them out to {HTTPS}, where registry, logs and secrets are"
                ),
                "allow the tasks' security group egress to 443",
            ),
        },
    }
}

/// A public subnet is of use only with a public address; others need a way out or an endpoint for each service.
fn way_out(service: &Value, document: &Map<String, Value>, network: &Network) -> Finding {
    let subject = "way out";
    let subnets = match &network.subnets {
        Ok(subnets) if subnets.is_empty() => {
            return Finding::unknown(subject, "EC2 does not tell of its subnets");
        }
        Ok(subnets) => subnets,
        Err(NotKnown(why)) => return Finding::unknown(subject, why),
    };
    let has_address = text(awsvpc(service), "assignPublicIp") == "ENABLED" && is_on_fargate(service);
    let mut stuck = Vec::new();
    for subnet in subnets {
        match &subnet.way_out {
            Err(NotKnown(why)) => return Finding::unknown(subject, format!("{}: {why}", subnet.id)),
            Ok(Some(way)) if has_address || !way.starts_with("igw-") => {}
            Ok(_) => stuck.push(subnet),
        }
    }
    let Some(first) = stuck.first() else {
        return Finding::ok(subject, "every subnet has a way to the registry");
    };
    let endpoints = match &network.endpoints {
        Ok(endpoints) => endpoints,
        Err(NotKnown(why)) => return Finding::unknown(subject, why),
    };
    let mut missing: Vec<&str> = wanted(document).into_iter().filter(|it| !endpoints.contains(*it)).collect();
    if stuck.iter().any(|it| !it.reaches_s3) && !endpoints.contains("s3-interface") {
        missing.push("s3");
    }
    if missing.is_empty() {
        return Finding::ok(subject, "VPC endpoints for the registry and what else a task needs to start");
    }
    let is_public = matches!(&first.way_out, Ok(Some(way)) if way.starts_with("igw-"));
    let why = match is_public {
        true => "is public, and its tasks get no public address, so nothing answers them",
        false => "has no way out",
    };
    let missing = missing.join(", ");
    let help = match is_public {
        true => {
            format!("assignPublicIp: ENABLED, subnets behind a NAT gateway, or VPC endpoints for {missing}")
        }
        false => format!("a NAT gateway, or VPC endpoints for {missing}"),
    };
    Finding::wrong(subject, format!("{} {why}, and there is no VPC endpoint for {missing}", first.id), help)
}

/// The services that a task needs to start.
fn wanted(document: &Map<String, Value>) -> Vec<&'static str> {
    let mut wanted = vec!["ecr.api", "ecr.dkr"];
    if !logs::named(document).is_empty() {
        wanted.push("logs");
    }
    for reference in secrets::named(document) {
        let service = match reference {
            secrets::Reference::Secret { .. } => "secretsmanager",
            secrets::Reference::Parameter { .. } => "ssm",
            secrets::Reference::Nothing { .. } | secrets::Reference::NoCredentials { .. } => continue,
        };
        if !wanted.contains(&service) {
            wanted.push(service);
        }
    }
    wanted
}
