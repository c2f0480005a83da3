//! The document: would ECS start tasks of it where the service runs them?

use serde_json::{Map, Value};

use super::service::is_on_fargate;
use super::{Finding, containers, list, number, sizes, text};
use crate::preflight;

/// On Fargate no container is waited for longer.
const LONGEST_STOP_SECONDS: u64 = 120;

pub fn check(document: &Map<String, Value>, service: Option<&Value>) -> Vec<Finding> {
    let wants_fargate = compatibilities(document).any(|it| it == "FARGATE");
    let is_fargate = service.map_or(wants_fargate, is_on_fargate);
    let mut findings = vec![is_active(document)];
    if is_fargate {
        findings.push(fargate(document, wants_fargate));
        findings.push(size(document));
    }
    findings.push(essential(document));
    if let Some(service) = service {
        findings.push(taken_by_ecs(document, service));
    }
    findings
}

fn compatibilities(document: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let all = document.get("requiresCompatibilities").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str)
}

fn is_active(document: &Map<String, Value>) -> Finding {
    let said = |member: &str| document.get(member).and_then(Value::as_str).unwrap_or_default();
    let revision = document.get("revision").and_then(number).unwrap_or_default();
    let name = format!("{}:{revision}", said("family"));
    match said("status") {
        "" | "ACTIVE" => Finding::ok("task definition", format!("{name} is ACTIVE")),
        other => Finding::wrong(
            "task definition",
            format!("{name} is {other}: what runs goes on, but nothing new may be made from it"),
            "register it again",
        ),
    }
}

fn fargate(document: &Map<String, Value>, wants_fargate: bool) -> Finding {
    let subject = "Fargate";
    let mode = document.get("networkMode").and_then(Value::as_str).unwrap_or("bridge");
    let stop = containers(document).iter().find_map(|container| {
        let seconds = number(&container["stopTimeout"])?;
        (seconds > LONGEST_STOP_SECONDS).then(|| (text(container, "name").to_owned(), seconds))
    });
    match (wants_fargate, mode, stop) {
        (false, ..) => Finding::wrong(
            subject,
            "the service runs on Fargate, and the task definition does not say that it can",
            "register it with requiresCompatibilities: [FARGATE]",
        ),
        (_, "awsvpc", None) => Finding::ok(subject, "asked for, with the network mode awsvpc"),
        (_, "awsvpc", Some((container, seconds))) => Finding::wrong(
            subject,
            format!(
                "'{container}' has a stopTimeout of {seconds} s, and Fargate takes {LONGEST_STOP_SECONDS}"
            ),
            format!("register it with a stopTimeout of {LONGEST_STOP_SECONDS} at most"),
        ),
        (_, other, _) => Finding::wrong(
            subject,
            format!("its network mode is {other}, and Fargate takes awsvpc alone"),
            "register it with networkMode: awsvpc",
        ),
    }
}

fn size(document: &Map<String, Value>) -> Finding {
    let subject = "size";
    let help = "register it with a size that Fargate has";
    let said = |member: &str| document.get(member).map(as_text).unwrap_or_default();
    let (cpu_text, memory_text) = (said("cpu"), said("memory"));
    let (Some(cpu), Some(memory)) = (sizes::cpu_units(&cpu_text), sizes::mebibytes(&memory_text)) else {
        let why =
            format!("Fargate wants the task's own cpu and memory; it has '{cpu_text}' and '{memory_text}'");
        return Finding::wrong(subject, why, help);
    };
    if let Err(why) = sizes::fits(cpu, memory) {
        return Finding::wrong(subject, format!("{cpu} CPU units and {memory} MiB: {why}"), help);
    }
    let sum =
        |member: &str| -> u64 { containers(document).iter().filter_map(|it| number(&it[member])).sum() };
    let hard = containers(document).iter().filter_map(|it| number(&it["memory"])).max().unwrap_or(0);
    let (of_containers, reserved) = (sum("cpu"), sum("memoryReservation"));
    if of_containers > cpu {
        let why = format!("its containers want {of_containers} CPU units together, the task has {cpu}");
        return Finding::wrong(subject, why, "give the task more, or its containers less");
    }
    if hard > memory || reserved > memory {
        let why = format!("its containers want {} MiB, the task has {memory}", hard.max(reserved));
        return Finding::wrong(subject, why, "give the task more, or its containers less");
    }
    Finding::ok(subject, format!("{cpu} CPU units and {memory} MiB"))
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn essential(document: &Map<String, Value>) -> Finding {
    let subject = "containers";
    let all = containers(document);
    // Where nobody says, a container is essential.
    let essential: Vec<&str> =
        all.iter().filter(|it| it["essential"] != false).map(|it| text(it, "name")).collect();
    if essential.is_empty() {
        let why = "none of them is essential, so a task would never end with its app";
        return Finding::wrong(subject, why, "make the app's container essential");
    }
    // A container that is waited for must be one that can be waited for.
    for container in all {
        for dependency in list(container, "dependsOn") {
            let (name, on) = (text(container, "name"), text(dependency, "containerName"));
            let Some(other) = all.iter().find(|it| text(it, "name") == on) else {
                let why = format!("'{name}' waits for '{on}', which is not there");
                return Finding::wrong(subject, why, "mend dependsOn");
            };
            if text(dependency, "condition") == "HEALTHY" && other.get("healthCheck").is_none() {
                let why = format!("'{name}' waits until '{on}' is healthy, which has no health check");
                return Finding::wrong(subject, why, "give it a health check, or wait for START");
            }
        }
    }
    Finding::ok(subject, format!("{} of {} essential: {}", essential.len(), all.len(), essential.join(", ")))
}

fn taken_by_ecs(document: &Map<String, Value>, service: &Value) -> Finding {
    let subject = "accounts and limits";
    let arn = text(service, "serviceArn");
    let images = containers(document).iter().map(|it| text(it, "image"));
    let refused = preflight::document(arn, document)
        .and_then(|()| images.into_iter().try_for_each(|image| preflight::registry(arn, image)));
    match refused {
        Ok(()) => Finding::ok(
            subject,
            "roles and registries are of the service's account, and ECS takes the document",
        ),
        Err(why) => Finding::wrong(
            subject,
            why.to_string(),
            "mend the task definition; Pushboat releases none like it",
        ),
    }
}
