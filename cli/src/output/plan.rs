//! What would be decided, the calls of AWS in order, and what changes of a task definition.

use serde_json::Value;

use super::decisions::decisions;
use super::paint::{Colour, Look};
use super::text::hanging;
use crate::api::{Call, Difference, Plan};

/// What a call is about says enough without its name, and comes first.
const SUBJECTS: [&str; 5] = ["revision", "service", "service_deployment", "resource", "repository"];

pub(crate) fn plan(plan: &Plan, look: Look) -> String {
    let calls: Vec<String> = plan.calls.iter().map(|it| call(it, look)).collect();
    let calls = if calls.is_empty() { "no call of AWS".to_owned() } else { calls.join("\n") };
    let end = look.paint("a plan: nothing of it has been done", Some(Colour::Faint));
    format!("{}\n\n{calls}\n\n{end}", decisions(&plan.decisions, look))
}

fn call(call: &Call, look: Look) -> String {
    let subjects = SUBJECTS.iter().filter_map(|name| call.members.get(*name)).map(without_account);
    let others =
        call.members.iter().filter(|(name, value)| !SUBJECTS.contains(&name.as_str()) && says(value));
    let others = others.map(|(name, value)| format!("{} {}", name.replace('_', " "), shown(value)));
    let words = subjects.chain(others).collect::<Vec<_>>().join(", ");
    let line = hanging(&format!("{}  ", call.call), &words, look.width);
    let rest = line.strip_prefix(&call.call).unwrap_or_default();
    let mut lines = vec![format!("{}{rest}", look.paint(&call.call, Some(Colour::Strong)))];
    lines.extend(call.differences.iter().flat_map(|it| difference(it, look)));
    lines.join("\n")
}

fn says(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(members) => !members.is_empty(),
        Value::Array(members) => !members.is_empty(),
        _ => true,
    }
}

/// Of an ARN, what comes after region and account: these are the service's.
fn without_account(value: &Value) -> String {
    let whole = shown(value);
    match whole.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", .., own] => (*own).to_owned(),
        _ => whole,
    }
}

/// Values are not broken into lines: where they differ may be a space.
fn difference(it: &Difference, look: Look) -> impl Iterator<Item = String> {
    let line = |sign: &str, value: &Option<Value>, colour| {
        value.as_ref().map(|value| look.paint(&format!("{sign} {}", shown(value)), Some(colour)))
    };
    let old = line("-", &it.from, Colour::Bad);
    let new = line("+", &it.to, Colour::Good);
    [Some(format!("  {}", it.at)), old, new].into_iter().flatten()
}

/// Tags as `key=value`. What would break the line, or change how the terminal shows the rest, is escaped.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) if !text.chars().any(char::is_control) => text.clone(),
        Value::String(text) => text.escape_debug().to_string(),
        Value::Object(members) => {
            let pairs = members.iter().map(|(key, value)| format!("{key}={}", shown(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Value::Array(members) => members.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
