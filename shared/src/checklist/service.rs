//! The service itself: can a release of it begin, end, and be taken back?

use serde_json::Value;

use super::{Finding, Known, NotKnown, list, number, text};

pub fn is_there(name: &str, seen: &Known<Option<Value>>) -> Finding {
    let subject = "service";
    match seen {
        Err(NotKnown(why)) => Finding::unknown(subject, why),
        Ok(None) => Finding::wrong(
            subject,
            format!("ECS knows no service {name}"),
            "check the name, the region and the account (`aws ecs list-services --cluster …`)",
        ),
        Ok(Some(service)) => match text(service, "status") {
            "ACTIVE" => Finding::ok(subject, format!("{name} is ACTIVE")),
            other => Finding::wrong(
                subject,
                format!("{name} is {other}, and ECS changes only what is ACTIVE"),
                "make the service again",
            ),
        },
    }
}

pub fn check(service: &Value) -> Vec<Finding> {
    let controller = controller(service);
    let mut findings = vec![controller, going_back(service)];
    findings.extend(room(service));
    findings.push(count(service));
    findings
}

/// UpdateService with a task definition is refused for the others.
fn controller(service: &Value) -> Finding {
    let subject = "deployment controller";
    match text(&service["deploymentController"], "type") {
        "" | "ECS" => Finding::ok(subject, "ECS"),
        other => Finding::wrong(
            subject,
            format!("it is {other}, and releases are made with UpdateService, which ECS refuses then"),
            "move the service to the deployment controller ECS",
        ),
    }
}

/// The circuit breaker is ECS's for rolling deployments; with the others its deployment alarms end a bad one.
fn going_back(service: &Value) -> Finding {
    let configuration = &service["deploymentConfiguration"];
    let is_on = |it: &Value, enable: &str| it[enable] == true;
    let (breaker, alarms) = (&configuration["deploymentCircuitBreaker"], &configuration["alarms"]);
    let strategy = match text(configuration, "strategy") {
        "" => "ROLLING",
        other => other,
    };
    if strategy != "ROLLING" {
        let subject = "deployment alarms";
        return match is_on(alarms, "enable") && is_on(alarms, "rollback") {
            true => Finding::ok(subject, format!("on, with roll-back, for the strategy {strategy}")),
            false => Finding::wrong(
                subject,
                format!(
                    "with the strategy {strategy} nothing ends a bad roll-out but alarms, and none rolls back"
                ),
                "give the service deployment alarms with roll-back (deploymentConfiguration.alarms)",
            ),
        };
    }
    let subject = "circuit breaker";
    let help = "aws ecs update-service --cluster … --service … --deployment-configuration \
                deploymentCircuitBreaker={enable=true,rollback=true}";
    match (is_on(breaker, "enable"), is_on(breaker, "rollback")) {
        (true, true) => Finding::ok(subject, "on, with roll-back"),
        (true, false) => Finding::wrong(
            subject,
            "it ends a failed roll-out and does not roll back, so the failed revision stays",
            help,
        ),
        (false, _) => Finding::wrong(
            subject,
            "it is off: a roll-out that fails goes on for ever, and ECS never says that it failed",
            help,
        ),
    }
}

/// Between the fewest and the most tasks there must be room for one more or one less.
fn room(service: &Value) -> Option<Finding> {
    let configuration = &service["deploymentConfiguration"];
    if !matches!(text(configuration, "strategy"), "" | "ROLLING") {
        return None;
    }
    let subject = "room for a roll-out";
    let is_daemon = text(service, "schedulingStrategy") == "DAEMON";
    let least = number(&configuration["minimumHealthyPercent"]).unwrap_or(if is_daemon { 0 } else { 100 });
    let most = number(&configuration["maximumPercent"]).unwrap_or(if is_daemon { 100 } else { 200 });
    let desired = number(&service["desiredCount"]).unwrap_or(0).max(1);
    let (fewest, greatest) = ((desired * least).div_ceil(100), desired * most / 100);
    let said = format!("{least} to {most} percent of {desired}: {fewest} to {greatest} tasks");
    Some(if greatest <= desired && fewest >= desired {
        Finding::wrong(
            subject,
            format!("{said}, so ECS may neither start a new task nor stop an old one"),
            "a maximumPercent of 200 with a minimumHealthyPercent of 100 keeps all of them in service",
        )
    } else if fewest == 0 && greatest <= desired {
        let note = "ECS stops all of them before it starts new ones";
        Finding::ok(subject, format!("{said}; {note}"))
    } else {
        Finding::ok(subject, said)
    })
}

fn count(service: &Value) -> Finding {
    let subject = "desired count";
    if text(service, "schedulingStrategy") == "DAEMON" {
        return Finding::ok(subject, "one on each instance (DAEMON)");
    }
    match number(&service["desiredCount"]).unwrap_or(0) {
        0 => Finding::wrong(
            subject,
            "it is 0: a roll-out of no task says nothing of its image",
            "aws ecs update-service --cluster … --service … --desired-count 2",
        ),
        desired => Finding::ok(subject, desired.to_string()),
    }
}

/// Tasks run on Fargate, as far as the service says.
pub fn is_on_fargate(service: &Value) -> bool {
    let strategy = list(service, "capacityProviderStrategy");
    let is_fargate = |it: &Value| text(it, "capacityProvider").starts_with("FARGATE");
    text(service, "launchType") == "FARGATE" || strategy.iter().any(is_fargate)
}

pub fn awsvpc(service: &Value) -> &Value {
    &service["networkConfiguration"]["awsvpcConfiguration"]
}
