//! The SAM templates as CloudFormation gets them, and what IAM makes of their policies.
//!
//! `tests/template/*.json` are the templates after the SAM transform, which needs Python; `tests/template/transform.py`
//! makes them and CI checks that they are what it would make. Here they are resolved for a choice of parameters into the
//! plain values that AWS would be asked for, so that tests can look at them.

mod needs;
mod policy;
mod resolve;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

pub use needs::{Need, needs};
pub use policy::{Context, Policy, Statement};
pub use resolve::{ResolveError, Stack};

/// Where a resolved stack is.
pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-central-1";
/// The name that makes the template's names those of `pushboat local`.
pub const STACK_NAME: &str = "pushboat";

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    crate::workspace()
}

/// `template.yaml`, transformed.
pub fn template() -> Value {
    read("template")
}

/// `adopt.yaml`, transformed.
pub fn adopt() -> Value {
    read("adopt")
}

#[allow(clippy::expect_used, reason = "a test without the template can only fail")]
fn read(name: &str) -> Value {
    let path = workspace().join(format!("tests/template/{name}.json"));
    let text = std::fs::read_to_string(path).expect("the transformed template");
    serde_json::from_str(&text).expect("JSON")
}

/// `template.yaml` with these parameters.
#[allow(clippy::expect_used, reason = "a test without the template can only fail")]
pub fn stack(chosen: &[(&str, &str)]) -> Stack {
    Stack::resolve(&template(), chosen).expect("a template that resolves")
}

/// `adopt.yaml` for two repositories of the cluster `shop`.
#[allow(clippy::expect_used, reason = "a test without the template can only fail")]
pub fn adopt_stack() -> Stack {
    let roles = format!("arn:aws:iam::{ACCOUNT}:role/task,arn:aws:iam::{ACCOUNT}:role/execution");
    let chosen = [("Cluster", "shop"), ("Repositories", "one,two"), ("PassableRoles", &roles)];
    Stack::resolve(&adopt(), &chosen).expect("a template that resolves")
}

/// Every parameter, resource and pseudo parameter that a piece of template refers to.
pub fn references(piece: &Value, found: &mut BTreeSet<String>) {
    match piece {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("Ref" | "DependsOn", Value::String(name)) => drop(found.insert(name.clone())),
                    ("DependsOn", Value::Array(names)) => {
                        found.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        found.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::GetAtt", Value::String(both)) => {
                        found.extend(both.split('.').next().map(str::to_owned));
                    }
                    ("Fn::Sub", _) => {
                        let pattern = value.as_str().or_else(|| value[0].as_str()).unwrap_or_default();
                        let names =
                            pattern.split("${").skip(1).filter_map(|rest| rest.split(['}', '.']).next());
                        found.extend(names.map(str::to_owned));
                        references(&value[1], found);
                    }
                    _ => references(value, found),
                }
            }
        }
        _ => {}
    }
}
