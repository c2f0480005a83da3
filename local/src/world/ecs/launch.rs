//! Where tasks run: Fargate, by launch type or by capacity provider. Nothing registers container instances here, so
//! what needs them is refused rather than left waiting for good.

use serde_json::{Map, Value};

use super::invalid;
use super::task_definition::{client, text};
use crate::world::Refusal;

const PROVIDERS: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// CPU units and the smallest, the largest and the step of MiB that Fargate has for them.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2_048, 512),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];
/// 256 units have no 1536 MiB; 32 vCPU have three sizes without a common step.
const NO_SIZE: (u32, u32) = (256, 1_536);
const LARGEST_SIZES: [(u32, u32); 3] = [(32_768, 61_440), (32_768, 122_880), (32_768, 249_856)];

/// Of a cluster's `capacityProviders` and `defaultCapacityProviderStrategy`.
pub(super) fn check_providers(cluster: &Map<String, Value>) -> Result<(), Refusal> {
    let named = list(cluster, "capacityProviders").filter_map(Value::as_str);
    let in_strategy = list(cluster, "defaultCapacityProviderStrategy").filter_map(provider);
    { named }.chain(in_strategy).try_for_each(check_provider)
}

fn check_provider(name: &str) -> Result<(), Refusal> {
    if PROVIDERS.contains(&name) {
        return Ok(());
    }
    Err(invalid(format!(
        "The specified capacity provider '{name}' was not found. Here there are {PROVIDERS:?}."
    )))
}

fn provider(item: &Value) -> Option<&str> {
    item.get("capacityProvider").and_then(Value::as_str)
}

fn list<'a>(members: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    members.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Of a service. Where it says nothing its tasks run on Fargate all the same, which on AWS would mean EC2.
pub(super) fn check_service(
    service: &Map<String, Value>,
    definition: &Map<String, Value>,
) -> Result<(), Refusal> {
    let launch_type = service.get("launchType").and_then(Value::as_str);
    let strategy: Vec<&Value> = list(service, "capacityProviderStrategy").collect();
    match launch_type {
        None if strategy.is_empty() => return Ok(()),
        Some(_) if !strategy.is_empty() => {
            return Err(invalid(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try \
                 again.",
            ));
        }
        None | Some("FARGATE") => {}
        Some(other @ ("EC2" | "EXTERNAL")) => {
            let message = format!("Launch type {other} is not built here: there are no container instances.");
            return Err(Refusal::new("UnsupportedFeatureException", message));
        }
        Some(other) => return Err(invalid(format!("Unknown launch type '{other}'."))),
    }
    strategy.iter().filter_map(|it| provider(it)).try_for_each(check_provider)?;
    let weight = |it: &&Value| it.get("weight").and_then(Value::as_u64).unwrap_or(0);
    if strategy.len() > 1 && strategy.iter().all(|it| weight(it) == 0) {
        return Err(invalid("At least one capacity provider must have a weight greater than zero."));
    }
    if !requires_fargate(definition) {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    let network = service.get("networkConfiguration").and_then(|it| it.get("awsvpcConfiguration"));
    let Some(network) = network.and_then(Value::as_object) else {
        let message = "Network Configuration must be provided when networkMode 'awsvpc' is specified.";
        return Err(invalid(message));
    };
    if list(network, "subnets").next().is_none() {
        return Err(invalid("subnets can not be empty."));
    }
    Ok(())
}

fn requires_fargate(definition: &Map<String, Value>) -> bool {
    list(definition, "requiresCompatibilities").any(|it| it == "FARGATE")
}

/// Of a task definition that asks for Fargate.
pub(super) fn check_task_definition(document: &Map<String, Value>) -> Result<(), Refusal> {
    if !requires_fargate(document) {
        return Ok(());
    }
    if text(document, "networkMode") != "awsvpc" {
        return Err(client("Fargate only supports network mode 'awsvpc'."));
    }
    for member in ["cpu", "memory"] {
        if text(document, member).is_empty() {
            return Err(client(format!("Fargate requires that '{member}' be defined at the task level.")));
        }
    }
    let size = units(text(document, "cpu"), "vcpu").zip(units(text(document, "memory"), "gb"));
    match size {
        Some(size) if is_fargate_size(size) => Ok(()),
        _ => Err(client(format!(
            "No Fargate configuration exists for given values: {} CPU, {} memory.",
            text(document, "cpu"),
            text(document, "memory")
        ))),
    }
}

/// `256` or `.25 vCPU`, `512` or `0.5 GB`.
fn units(value: &str, large_unit: &str) -> Option<u32> {
    let value = value.trim().to_ascii_lowercase();
    let Some(large) = value.strip_suffix(large_unit) else {
        return value.parse().ok();
    };
    let large: f64 = large.trim().parse().ok()?;
    let units = large * 1_024.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range and whole")]
    let whole = units as u32;
    (f64::from(whole) == units).then_some(whole)
}

fn is_fargate_size((cpu, memory): (u32, u32)) -> bool {
    let in_row = |(units, from, to, step): &(u32, u32, u32, u32)| {
        cpu == *units && (*from..=*to).contains(&memory) && (memory - from).is_multiple_of(*step)
    };
    LARGEST_SIZES.contains(&(cpu, memory)) || ((cpu, memory) != NO_SIZE && SIZES.iter().any(in_row))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(cpu: &str, memory: &str) -> Map<String, Value> {
        let document = json!({
            "networkMode": "awsvpc", "requiresCompatibilities": ["EC2", "FARGATE"], "cpu": cpu, "memory": memory,
        });
        document.as_object().cloned().unwrap()
    }

    #[test]
    fn fargate_has_these_sizes() {
        for (cpu, memory, exists) in [
            ("256", "512", true),
            (".25 vCPU", "0.5 GB", true),
            ("0.25vcpu", "2GB", true),
            ("256", "1536", false),
            ("256", "4096", false),
            ("1024", "8192", true),
            ("4 vCPU", "30 GB", true),
            ("8192", "18432", false),
            ("8192", "20480", true),
            ("16384", "122880", true),
            ("32768", "249856", true),
            ("32768", "131072", false),
            ("333", "512", false),
            ("small", "512", false),
            ("256", "0.3 GB", false),
        ] {
            let checked = check_task_definition(&definition(cpu, memory));
            assert_eq!(checked.is_ok(), exists, "{cpu} {memory}");
        }
    }

    #[test]
    fn fargate_needs_its_own_network_and_a_size() {
        for (member, says) in [("networkMode", "awsvpc"), ("cpu", "'cpu'"), ("memory", "'memory'")] {
            let mut document = definition("256", "512");
            document.remove(member);
            let refusal = check_task_definition(&document).unwrap_err();
            assert!(refusal.code == "ClientException" && refusal.message.contains(says), "{refusal}");
        }
        let mut document = definition("1", "1");
        document.remove("requiresCompatibilities");
        assert_eq!(check_task_definition(&document), Ok(()));
    }

    #[test]
    fn a_service_says_where_it_runs_in_one_way() {
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        let spot = json!([{"capacityProvider": "FARGATE_SPOT"}]);
        for (service, says) in [
            (json!({}), ""),
            (json!({"launchType": "FARGATE", "networkConfiguration": network}), ""),
            (json!({"capacityProviderStrategy": spot, "networkConfiguration": network}), ""),
            (json!({"launchType": "FARGATE", "capacityProviderStrategy": spot}), "Specifying both"),
            (json!({"launchType": "FARGATE"}), "Network Configuration must be provided"),
            (
                json!({"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}),
                "subnets",
            ),
            (json!({"launchType": "EC2"}), "no container instances"),
            (json!({"launchType": "LAMBDA"}), "Unknown launch type"),
            (json!({"capacityProviderStrategy": [{"capacityProvider": "mine"}]}), "'mine' was not found"),
            (
                json!({"capacityProviderStrategy": [
                    {"capacityProvider": "FARGATE", "weight": 0}, {"capacityProvider": "FARGATE_SPOT"},
                ]}),
                "weight",
            ),
        ] {
            let checked = check_service(service.as_object().unwrap(), &definition("256", "512"));
            match checked {
                Ok(()) => assert_eq!(says, "", "{service}"),
                Err(refusal) => {
                    assert!(!says.is_empty() && refusal.message.contains(says), "{service}: {refusal}")
                }
            }
        }
        let service = json!({"launchType": "FARGATE", "networkConfiguration": network});
        let refusal = check_service(service.as_object().unwrap(), &Map::new()).unwrap_err();
        assert_eq!(refusal.message, "Task definition does not support launch_type FARGATE.");
    }
}
