//! What the measuring of tasks needs to know: how much a task has reserved, and how often its service wants to be measured.

use serde_json::{Map, Value};

use super::{Service, Task};
use crate::world::World;

/// What a task may take; 1,024 units are one processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reservation {
    pub cpu_units: f64,
    pub memory_mib: f64,
}

impl World {
    /// Of the task, else of its containers together.
    pub fn reservation(&self, task: &Task) -> Option<Reservation> {
        let definition = self.find_task_definition(&task.task_definition_arn).ok()?;
        let whole = |name: &str| number(&definition.document, name);
        let of_containers = |names: &[&str]| -> f64 {
            let one = |container: &Map<String, Value>| names.iter().find_map(|name| number(container, name));
            definition.containers().filter_map(one).sum()
        };
        Some(Reservation {
            cpu_units: whole("cpu").unwrap_or_else(|| of_containers(&["cpu"])),
            memory_mib: whole("memory").unwrap_or_else(|| of_containers(&["memoryReservation", "memory"])),
        })
    }
}

impl Service {
    /// 20 or 60, as `monitoring.metricConfigurations` says for `CPUUtilization` or `MemoryUtilization`.
    pub fn metric_resolution_seconds(&self, metric: &str) -> i64 {
        let configurations =
            self.passed_through.get("monitoring").and_then(|it| it.get("metricConfigurations"));
        let of_metric = |configuration: &&Value| {
            let names = configuration.get("metricNames").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|name| name == metric))
        };
        let found = configurations.and_then(Value::as_array).and_then(|list| list.iter().find(of_metric));
        match found.and_then(|it| it.get("resolutionSeconds")).and_then(Value::as_i64) {
            Some(20) => 20,
            _ => 60,
        }
    }
}

/// A number, or a text as Fargate's: `256`, `.25 vCPU`, `0.5GB`.
fn number(members: &Map<String, Value>, name: &str) -> Option<f64> {
    let value = members.get(name)?;
    if let Some(number) = value.as_f64() {
        return Some(number);
    }
    let text = value.as_str()?.trim().to_ascii_lowercase();
    let times_1024 = ["vcpu", "gb"].into_iter().find_map(|unit| text.strip_suffix(unit));
    match times_1024 {
        Some(number) => number.trim().parse::<f64>().ok().map(|it| it * 1_024.0),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn reservations_are_numbers_in_several_spellings() {
        let document = json!({ "a": 256, "b": "512", "c": ".25 vCPU", "d": "0.5GB", "e": "much" });
        let read = |name: &str| number(document.as_object().unwrap(), name);
        assert_eq!(
            [read("a"), read("b"), read("c"), read("d"), read("e"), read("f")],
            [Some(256.0), Some(512.0), Some(256.0), Some(512.0), None, None]
        );
    }
}
