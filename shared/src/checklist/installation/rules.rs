//! Rules: on, with targets that are there and let EventBridge call them.

use serde_json::Value;

use super::functions::Function;
use crate::checklist::{Finding, Known, NotKnown};

#[derive(Debug, Clone)]
pub struct Rule {
    pub logical_id: String,
    pub name: String,
    /// `None` when EventBridge has no such rule.
    pub described: Known<Option<Described>>,
    /// ARNs.
    pub targets: Known<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    pub arn: String,
    pub state: String,
    /// `rate(…)`, or empty.
    pub schedule: String,
}

pub fn check(rule: &Rule, functions: &[Function]) -> Vec<Finding> {
    let subject = format!("rule {}", rule.logical_id);
    let described = match &rule.described {
        Err(NotKnown(why)) => return vec![Finding::unknown(subject, why)],
        Ok(None) => {
            let why = format!("somebody has deleted {}, so its events reach nobody", rule.name);
            return vec![Finding::wrong(
                subject,
                why,
                "delete the stack and deploy it again, or restore the rule",
            )];
        }
        Ok(Some(described)) => described,
    };
    if !described.state.starts_with("ENABLED") {
        let why = format!("it is {}", described.state);
        let help = format!("aws events enable-rule --name {}", rule.name);
        return vec![Finding::wrong(subject, why, help)];
    }
    let targets = match &rule.targets {
        Err(NotKnown(why)) => return vec![Finding::unknown(subject, format!("on; its targets: {why}"))],
        Ok(targets) if targets.is_empty() => {
            let help = "deploy the stack again with a change, so that its targets come back";
            return vec![Finding::wrong(subject, "it is on and calls nobody", help)];
        }
        Ok(targets) => targets,
    };
    let mut findings = Vec::new();
    for target in targets {
        if let Some(trouble) = called(&subject, target, described, functions) {
            findings.push(trouble);
        }
    }
    if findings.is_empty() {
        let names: Vec<&str> = targets.iter().map(|it| short(it)).collect();
        findings.push(Finding::ok(subject, format!("on, and calls {}", names.join(", "))));
    }
    findings
}

fn short(arn: &str) -> &str {
    arn.split_once(":function:").map_or_else(|| arn.rsplit(':').next().unwrap_or(arn), |(_, name)| name)
}

/// Topics and destinations of the template's owner are not looked at.
fn called(subject: &str, target: &str, rule: &Described, functions: &[Function]) -> Option<Finding> {
    let (_, name) = target.split_once(":function:")?;
    let name = name.split(':').next().unwrap_or(name);
    let Some(function) = functions.iter().find(|it| it.name == name) else {
        let why = format!("it calls {name}, which is no function of this stack");
        return Some(Finding::wrong(subject, why, "give it the stack's own function as its target"));
    };
    match &function.policy {
        Err(NotKnown(why)) => {
            Some(Finding::unknown(subject, format!("on; whether {name} lets itself be called: {why}")))
        }
        Ok(policy) if policy.as_ref().is_some_and(|it| lets_in(it, &rule.arn)) => None,
        Ok(_) => Some(Finding::wrong(
            subject,
            format!("{name} does not let it call: no statement of its policy allows events.amazonaws.com"),
            format!(
                "aws lambda add-permission --function-name {name} --statement-id {} --action lambda:InvokeFunction \
                 --principal events.amazonaws.com --source-arn {}",
                rule.arn.rsplit('/').next().unwrap_or("rule"),
                rule.arn
            ),
        )),
    }
}

/// A statement for EventBridge, for this rule or for any.
pub fn lets_in(policy: &Value, rule_arn: &str) -> bool {
    let one_or_more = |value: &Value, wanted: &dyn Fn(&str) -> bool| match value {
        Value::String(one) => wanted(one),
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(wanted),
        _ => false,
    };
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    statements.iter().any(|it| {
        let principal = &it["Principal"];
        let is_events = |principal: &str| matches!(principal, "events.amazonaws.com" | "*");
        let invokes = |action: &str| matches!(action, "lambda:InvokeFunction" | "lambda:*" | "*");
        let sources = it["Condition"].as_object().into_iter().flatten().filter_map(|(_, keys)| {
            let keys = keys.as_object()?;
            keys.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn")).map(|(_, value)| value)
        });
        let mut sources = sources.peekable();
        let is_for_it = sources.peek().is_none()
            || sources.all(|value| one_or_more(value, &|pattern| is_like(pattern, rule_arn)));
        it["Effect"] == "Allow"
            && one_or_more(&it["Action"], &invokes)
            && (one_or_more(principal, &is_events) || one_or_more(&principal["Service"], &is_events))
            && is_for_it
    })
}

/// `*` stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Seconds of `rate(1 minute)`; `None` for what is no rate.
pub fn period_seconds(schedule: &str) -> Option<i64> {
    let inner = schedule.strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = inner.split_once(' ')?;
    let unit = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    count.parse::<i64>().ok().filter(|it| *it > 0)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_with_stars_is_as_iam_reads_it() {
        for (pattern, text, is) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "ab", false),
            ("*", "", true),
            ("a", "ab", false),
            ("a*b*c", "aXbYc", true),
            ("a*ab", "ab", false),
        ] {
            assert_eq!(is_like(pattern, text), is, "{pattern} {text}");
        }
        assert_eq!(period_seconds("rate(5 minutes)"), Some(300));
        for none in ["cron(0 1 * * ? *)", "rate(0 minutes)", "rate(1 year)", ""] {
            assert_eq!(period_seconds(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_like_itself_and_like_what_lacks_its_middle(text in "[a-z:/]{0,20}", at in 0_usize..20) {
            prop_assert!(is_like(&text, &text) && is_like("*", &text));
            let at = at.min(text.len());
            let pattern = format!("{}*{}", &text[..at], &text[at..]);
            prop_assert!(is_like(&pattern, &text));
        }
    }
}
