//! What another document would change, member by member, for people. Environment values stay hidden.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::task_definition::RESPONSE_ONLY;

/// Stands where a value of the environment would.
pub const HIDDEN: &str = "(hidden)";

/// One member that is not the same. What has a name is called by it: `containerDefinitions[game].environment[COLOUR]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    pub at: String,
    /// `null`: it was not there.
    pub from: Option<Value>,
    /// `null`: it is not there any more.
    pub to: Option<Value>,
}

/// From one task definition to another, in the order of the members' names. What only an answer of ECS has is nobody's change.
pub fn between(from: &Map<String, Value>, to: &Map<String, Value>) -> Vec<Difference> {
    let (from, to) = (members(from), members(to));
    let all: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let changed = all.into_iter().filter(|at| from.get(*at) != to.get(*at));
    let shown = |at: &String, value: Option<&&Value>| {
        value.map(|value| if is_hidden(at) { Value::from(HIDDEN) } else { (*value).clone() })
    };
    changed
        .map(|at| Difference { at: at.clone(), from: shown(at, from.get(at)), to: shown(at, to.get(at)) })
        .collect()
}

fn is_hidden(at: &str) -> bool {
    at.contains(".environment[")
}

/// Every value that has no members itself, by where it is.
fn members(document: &Map<String, Value>) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    for (name, value) in document.iter().filter(|(name, _)| !RESPONSE_ONLY.contains(&name.as_str())) {
        collect(name.clone(), value, &mut found);
    }
    found
}

fn collect<'v>(at: String, value: &'v Value, found: &mut BTreeMap<String, &'v Value>) {
    match value {
        // ECS answers with empty lists what nobody has set.
        Value::Array(list) if list.is_empty() => {}
        Value::Object(object) if object.is_empty() => {}
        Value::Object(object) => {
            for (name, value) in object {
                collect(format!("{at}.{name}"), value, found);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                let name = value.get("name").and_then(Value::as_str);
                let called = name.map_or_else(|| place.to_string(), str::to_owned);
                let at = format!("{at}[{called}]");
                match value.as_object().filter(|_| name.is_some()) {
                    // A pair is its other half.
                    Some(pair) if pair.len() == 2 && pair.contains_key("value") => {
                        found.insert(at, &pair["value"]);
                    }
                    Some(named) => {
                        for (name, value) in named.iter().filter(|(name, _)| *name != "name") {
                            collect(format!("{at}.{name}"), value, found);
                        }
                    }
                    None => collect(at, value, found),
                }
            }
        }
        leaf => {
            found.insert(at, leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn document(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_changes_is_named_and_no_environment_is_shown() {
        let from = document(json!({
            "family": "game", "revision": 3, "cpu": "256", "volumes": [],
            "containerDefinitions": [
                {"name": "side", "image": "side:1"},
                {"name": "game", "image": "game:1", "command": ["a", "b"], "environment": [
                    {"name": "COLOUR", "value": "red"}, {"name": "KEY", "value": "secret-1"},
                ]},
            ],
        }));
        let to = document(json!({
            "family": "game", "cpu": "512",
            "containerDefinitions": [
                {"name": "game", "image": "game:2", "command": ["a"], "environment": [
                    {"name": "KEY", "value": "secret-2"}, {"name": "NEW", "value": "secret-3"},
                    {"name": "COLOUR", "value": "red"},
                ]},
                {"name": "side", "image": "side:1", "essential": false},
            ],
        }));
        let found = between(&from, &to);
        let of = |at: &str, from: Value, to: Value| {
            let some = |value: Value| Some(value).filter(|value| !value.is_null());
            Difference { at: at.to_owned(), from: some(from), to: some(to) }
        };
        let expected = [
            of("containerDefinitions[game].command[1]", json!("b"), Value::Null),
            of("containerDefinitions[game].environment[KEY]", json!(HIDDEN), json!(HIDDEN)),
            of("containerDefinitions[game].environment[NEW]", Value::Null, json!(HIDDEN)),
            of("containerDefinitions[game].image", json!("game:1"), json!("game:2")),
            of("containerDefinitions[side].essential", Value::Null, json!(false)),
            of("cpu", json!("256"), json!("512")),
        ];
        assert_eq!(found, expected);
        assert!(!serde_json::to_string(&found).unwrap().contains("secret"));
        assert_eq!(between(&from, &from), []);
    }

    #[test]
    fn an_environment_in_another_form_is_hidden_too() {
        let with = |value: &str| {
            document(json!({"containerDefinitions": [{"name": "game", "environment": [
                {"name": "KEY", "value": value, "more": value}, {"value": value},
            ]}]}))
        };
        let shown = serde_json::to_string(&between(&with("secret-1"), &with("secret-2"))).unwrap();
        assert!(shown.contains("KEY") && !shown.contains("secret"), "{shown}");
    }
}
