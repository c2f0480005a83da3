//! Load balancing: do container and target group match, is the health check one that an app can pass, and does a task that
//! leaves finish what it serves?

use serde_json::{Map, Value};

use super::{Finding, Known, NotKnown, containers, list, number, text};

/// Where ECS says nothing else.
const STOP_SECONDS: u64 = 30;
/// An app that needs longer than this to answer is common.
const SHORTEST_START_SECONDS: f64 = 10.0;

/// A target group that the service names, and what ELB said of it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub arn: String,
    pub group: Known<Option<TargetGroup>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TargetGroup {
    /// `ip` or `instance`.
    pub target_type: String,
    pub protocol: String,
    pub load_balancer_arns: Vec<String>,
    pub health_check_port: String,
    pub health_check_path: Option<String>,
    pub matcher: Option<Matcher>,
    pub interval_seconds: Option<f64>,
    pub unhealthy_threshold: Option<u64>,
    pub deregistration_delay_seconds: Known<Option<u64>>,
}

/// Which answers are healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// `HttpCode`: such as `200-299` or `200,302`.
    Http(String),
    /// `GrpcCode`: such as `12` or `0-99`. Each of them may be what an app answers that is well.
    Grpc(String),
}

pub fn check(service: &Value, document: &Map<String, Value>, asked: &[Asked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for balancer in list(service, "loadBalancers") {
        let arn = text(balancer, "targetGroupArn");
        // A classic load balancer has a name instead.
        if arn.is_empty() {
            findings.push(Finding::unknown("target group", "a classic load balancer is not looked at"));
            continue;
        }
        findings.push(container_and_port(balancer, document));
        match asked.iter().find(|it| it.arn == arn).map(|it| &it.group) {
            None => {
                findings.push(Finding::unknown("target group", format!("{} was not asked for", name(arn))))
            }
            Some(Err(NotKnown(why))) => findings.push(Finding::unknown("target group", why)),
            Some(Ok(None)) => findings.push(Finding::wrong(
                "target group",
                format!("there is no {}", name(arn)),
                "give the service one that is there",
            )),
            Some(Ok(Some(group))) => {
                findings.push(kind(arn, group, document));
                findings.extend(health_check(group, balancer, document));
                findings.push(draining(group, balancer, document));
                findings.push(grace(group, service));
            }
        }
    }
    findings
}

/// `targetgroup/<name>/<id>` → `<name>`
fn name(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

fn ports(container: &Value) -> Vec<u64> {
    list(container, "portMappings").iter().filter_map(|it| number(&it["containerPort"])).collect()
}

fn container_and_port(balancer: &Value, document: &Map<String, Value>) -> Finding {
    let subject = "port";
    let (wanted, port) = (text(balancer, "containerName"), number(&balancer["containerPort"]).unwrap_or(0));
    let help = "the service's loadBalancers and the task definition must name the same container and port";
    let Some(container) = containers(document).iter().find(|it| text(it, "name") == wanted) else {
        let why =
            format!("the load balancer wants the container '{wanted}', which the task definition has not");
        return Finding::wrong(subject, why, help);
    };
    match ports(container).contains(&port) {
        true => Finding::ok(subject, format!("{wanted} listens on {port}, which the load balancer wants")),
        false => {
            let has: Vec<String> = ports(container).iter().map(u64::to_string).collect();
            let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
            let why = format!("the load balancer wants {port} of '{wanted}', which maps {has}");
            Finding::wrong(subject, why, help)
        }
    }
}

fn kind(arn: &str, group: &TargetGroup, document: &Map<String, Value>) -> Finding {
    let subject = "target group";
    let name = name(arn);
    let is_awsvpc = document.get("networkMode").is_some_and(|it| it == "awsvpc");
    if is_awsvpc && group.target_type != "ip" {
        return Finding::wrong(
            subject,
            format!(
                "{name} takes targets of the type {}, and tasks with awsvpc are addresses",
                group.target_type
            ),
            "make a target group of the type ip",
        );
    }
    if group.load_balancer_arns.is_empty() {
        return Finding::wrong(
            subject,
            format!("no load balancer sends anything to {name}, so ECS takes no task for it"),
            "give a listener a rule that forwards to it",
        );
    }
    Finding::ok(
        subject,
        format!("{name} is of the type {}, and a load balancer forwards to it", group.target_type),
    )
}

fn health_check(group: &TargetGroup, balancer: &Value, document: &Map<String, Value>) -> Option<Finding> {
    let subject = "health check";
    let port = group.health_check_port.as_str();
    let container =
        containers(document).iter().find(|it| text(it, "name") == text(balancer, "containerName"));
    let mapped = container.map(ports).unwrap_or_default();
    let is_mapped =
        matches!(port, "" | "traffic-port") || port.parse().is_ok_and(|port| mapped.contains(&port));
    if !is_mapped {
        let why = format!("it asks the port {port}, which the container does not map");
        return Some(Finding::wrong(subject, why, "let it ask the traffic port, or map that port"));
    }
    let path = group.health_check_path.as_deref()?;
    if !path.starts_with('/') {
        return Some(Finding::wrong(
            subject,
            format!("its path '{path}' is none"),
            "give it a path such as /health",
        ));
    }
    let matcher = match &group.matcher {
        Some(Matcher::Grpc(codes)) => {
            return Some(Finding::ok(subject, format!("{path} has to answer the gRPC status {codes}")));
        }
        Some(Matcher::Http(codes)) => codes,
        None => "200",
    };
    let codes = match codes(matcher) {
        Some(codes) if !codes.is_empty() => codes,
        _ => {
            let why = format!("nobody can read which codes it takes: '{matcher}'");
            return Some(Finding::unknown(subject, why));
        }
    };
    let takes = |from: u64, to: u64| codes.iter().any(|(low, high)| *low <= to && *high >= from);
    if !takes(200, 399) {
        let why = format!("{path} has to answer {matcher}, which no healthy app does");
        return Some(Finding::wrong(subject, why, "let it take 200-299"));
    }
    if takes(500, 599) {
        let why = format!("{path} may answer {matcher}: an app that fails is taken for healthy");
        return Some(Finding::wrong(subject, why, "let it take 200-299"));
    }
    Some(Finding::ok(subject, format!("{path} has to answer {matcher}")))
}

/// `200`, `200-299` and lists of them.
fn codes(matcher: &str) -> Option<Vec<(u64, u64)>> {
    let one = |part: &str| {
        let (low, high) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        Some((low.parse().ok()?, high.parse().ok()?))
    };
    matcher.split(',').map(one).collect()
}

/// ECS takes a task out of the target group, waits for the delay, then sends SIGTERM and, stopTimeout later, SIGKILL.
fn draining(group: &TargetGroup, balancer: &Value, document: &Map<String, Value>) -> Finding {
    let subject = "draining";
    let delay = match &group.deregistration_delay_seconds {
        Ok(Some(delay)) => *delay,
        Ok(None) => 300,
        Err(NotKnown(why)) => return Finding::unknown(subject, why),
    };
    let container =
        containers(document).iter().find(|it| text(it, "name") == text(balancer, "containerName"));
    let stop = container.and_then(|it| number(&it["stopTimeout"])).unwrap_or(STOP_SECONDS);
    let said = format!("{delay} s to finish requests, then {stop} s from SIGTERM to SIGKILL");
    if delay == 0 {
        return Finding::wrong(
            subject,
            format!("{said}: whoever is being served when a task leaves is cut off"),
            "give the target group a deregistration delay of 30 s or so",
        );
    }
    if delay + stop >= 300 {
        return Finding::ok(subject, format!("{said}; so long does each old task stay in every roll-out"));
    }
    Finding::ok(subject, said)
}

/// How long an app may take to answer before it is stopped as unhealthy.
fn grace(group: &TargetGroup, service: &Value) -> Finding {
    let subject = "grace period";
    let grace = number(&service["healthCheckGracePeriodSeconds"]).unwrap_or(0);
    let (Some(interval), Some(threshold)) = (group.interval_seconds, group.unhealthy_threshold) else {
        return Finding::unknown(subject, "ELB does not say how often it asks");
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds and counts of one digit or two")]
    let (grace_seconds, until_unhealthy) = (grace as f64, interval * threshold as f64);
    let patience = grace_seconds.max(until_unhealthy);
    let said = format!("{grace} s, and unhealthy after {until_unhealthy} s");
    if grace == 0 && patience < SHORTEST_START_SECONDS {
        return Finding::wrong(
            subject,
            format!("{said}: a task that is not ready by then is stopped and started for ever"),
            "aws ecs update-service --cluster … --service … --health-check-grace-period-seconds 60",
        );
    }
    Finding::ok(subject, said)
}
