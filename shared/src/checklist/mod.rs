//! Would it run, and is the installation healthy? Facts in, findings out: what was asked of AWS by whoever looks, and what
//! that means. No I/O.
//!
//! | file | subject |
//! |---|---|
//! | `finding` | a line of a checklist; an answer that AWS did not give |
//! | `service` | the service: controller, circuit breaker, room for a roll-out, count |
//! | `task_definition`, `sizes` | the document, and what Fargate takes |
//! | `image` | the images that it names |
//! | `roles`, `permissions` | whom roles trust, and what they may do |
//! | `logs`, `secrets` | what a task needs to be there before it starts |
//! | `balancer` | target groups, their health checks, draining |
//! | `network`, `cidr` | zones, security groups, ways out |
//! | `handover` | the tags that hand a service over, and those that take it back |
//! | `installation` | what `template.yaml` and `adopt.yaml` make |
//!
//! What AWS did not say is unknown, with its words, and never taken for well.

pub mod balancer;
mod cidr;
mod finding;
pub mod handover;
pub mod image;
pub mod installation;
pub mod logs;
pub mod network;
pub mod permissions;
pub mod roles;
pub mod secrets;
pub mod service;
pub mod sizes;
pub mod task_definition;
#[cfg(test)]
mod tests;

pub use finding::{Finding, Known, NotKnown, Verdict, is_wrong};

use serde_json::{Map, Value};

/// Everything that was asked about one service, or about a task definition alone.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `cluster/service`, or the task definition that was named.
    pub name: String,
    /// As DescribeServices tells it. `None`: a task definition alone is looked at.
    pub service: Option<Known<Option<Value>>>,
    /// `None`: without a service there is none to ask for.
    pub task_definition: Option<Known<Option<Map<String, Value>>>>,
    pub images: Vec<image::Asked>,
    pub roles: Vec<roles::Role>,
    pub log_groups: Vec<(logs::LogGroup, Known<bool>)>,
    pub secrets: Vec<(secrets::Reference, Known<secrets::Found>)>,
    pub target_groups: Vec<balancer::Asked>,
    pub network: Option<network::Network>,
}

/// The checklist, in the order in which a roll-out would meet the trouble.
pub fn verify(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let service = match &facts.service {
        None => None,
        Some(seen) => {
            findings.push(service::is_there(&facts.name, seen));
            match seen {
                Ok(Some(service)) => Some(service),
                _ => return findings,
            }
        }
    };
    if let Some(service) = service {
        findings.extend(service::check(service));
    }
    let Some(seen) = &facts.task_definition else { return findings };
    let document = match seen {
        Ok(Some(document)) => document,
        Ok(None) => {
            let help = "register it, or name another with --task-definition";
            findings.push(Finding::wrong("task definition", "ECS knows none of this name", help));
            return findings;
        }
        Err(NotKnown(why)) => {
            findings.push(Finding::unknown("task definition", why));
            return findings;
        }
    };
    findings.extend(task_definition::check(document, service));
    findings.extend(facts.images.iter().map(|asked| image::check(asked, document)));
    findings.extend(roles::check(document, &facts.roles));
    findings.extend(facts.log_groups.iter().map(|(group, is_there)| logs::check(group, is_there)));
    findings.extend(facts.secrets.iter().map(|(reference, found)| secrets::check(reference, found)));
    if let Some(service) = service {
        findings.extend(facts.images.iter().filter_map(|asked| image::rejected(asked, service)));
        findings.extend(balancer::check(service, document, &facts.target_groups));
        match &facts.network {
            Some(network) => findings.extend(network::check(service, document, network)),
            None if document.get("networkMode").is_some_and(|it| it == "awsvpc") => {
                let why = "ECS does not say in which subnets its tasks run";
                findings.push(Finding::unknown("network", why));
            }
            None => {}
        }
    }
    findings
}

/// The containers of a document.
pub(crate) fn containers(document: &Map<String, Value>) -> &[Value] {
    let containers = document.get("containerDefinitions").and_then(Value::as_array);
    containers.map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// ECS writes sizes now as numbers, now as text. None of them is so large that a sum or a product would not fit.
pub(crate) fn number(value: &Value) -> Option<u64> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|it| u32::try_from(*it).is_ok())
}
