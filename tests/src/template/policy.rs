//! Would IAM allow this call? Identity policies with `Allow` and `Deny`, wildcards in actions and resources, and the
//! condition operators that the templates use; an operator that is not known here is an error of the test.

use std::collections::BTreeMap;

use serde_json::Value;

use super::resolve::{Stack, text};

/// The condition keys of a call.
pub type Context = BTreeMap<&'static str, String>;

#[derive(Debug, Clone)]
pub struct Statement {
    pub allows: bool,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub condition: Value,
}

/// Everything that one role may do.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub statements: Vec<Statement>,
}

impl Policy {
    /// Inline policies, and those of the same template that are attached.
    pub fn of_role(stack: &Stack, role: &str) -> Policy {
        let role = stack.properties(role);
        let inline =
            role["Policies"].as_array().into_iter().flatten().map(|policy| &policy["PolicyDocument"]);
        let attached = role["ManagedPolicyArns"].as_array().into_iter().flatten().filter_map(|arn| {
            let logical = arn.as_str()?.strip_prefix('{')?.strip_suffix('}')?;
            Some(&stack.properties(logical)["PolicyDocument"])
        });
        let statements = inline.chain(attached).flat_map(statements).collect();
        Policy { statements }
    }

    /// The policy of the role of a function.
    pub fn of_function(stack: &Stack, function: &str) -> Policy {
        let role = text(&stack.properties(function)["Role"]);
        Policy::of_role(stack, role.rsplit('/').next().unwrap_or_default())
    }

    pub fn allows(&self, action: &str, resource: &str, context: &Context) -> bool {
        let fits = |statement: &&Statement| statement.fits(action, resource, context);
        let denied = self.statements.iter().filter(|statement| !statement.allows).any(|s| fits(&s));
        !denied && self.statements.iter().filter(|statement| statement.allows).any(|s| fits(&s))
    }
}

impl Statement {
    pub fn fits(&self, action: &str, resource: &str, context: &Context) -> bool {
        self.actions.iter().any(|pattern| like(&pattern.to_lowercase(), &action.to_lowercase()))
            && self.resources.iter().any(|pattern| like(pattern, resource))
            && holds(&self.condition, context)
    }
}

/// The statements of a policy document.
pub(super) fn statements(document: &Value) -> Vec<Statement> {
    let list = |value: &Value| match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Null => Vec::new(),
        one => vec![text(one)],
    };
    let written = document["Statement"].as_array().into_iter().flatten();
    written
        .map(|statement| Statement {
            allows: statement["Effect"] == "Allow",
            actions: list(&statement["Action"]),
            resources: list(&statement["Resource"]),
            condition: statement["Condition"].clone(),
        })
        .collect()
}

/// Every operator and every key must hold; of a key's values one. A key that the call does not have does not hold.
fn holds(condition: &Value, context: &Context) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        if operator == "Null" {
            let absent = |(key, wanted): (&String, &Value)| {
                text(wanted) == (!context.contains_key(key.as_str())).to_string()
            };
            return keys.as_object().into_iter().flatten().all(absent);
        }
        let compare: fn(&str, &str) -> bool = match operator.as_str() {
            "ArnLike" | "ArnEquals" | "StringLike" => like,
            "StringEquals" => |wanted, has| wanted == has,
            other => panic!("the condition operator {other} is not known here"),
        };
        keys.as_object().into_iter().flatten().all(|(key, wanted)| {
            let Some(has) = context.get(key.as_str()) else { return false };
            match wanted {
                Value::Array(any) => any.iter().any(|one| compare(&text(one), has)),
                one => compare(&text(one), has),
            }
        })
    })
}

/// `*` is any text, `?` one character.
fn like(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<char>, Vec<char>) = (pattern.chars().collect(), value.chars().collect());
    let (mut p, mut v, mut star) = (0, 0, None);
    while v < value.len() {
        if p < pattern.len() && (pattern[p] == '?' || pattern[p] == value[v]) && pattern[p] != '*' {
            (p, v) = (p + 1, v + 1);
        } else if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, v));
            p += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, v) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wildcards_are_any_text_and_one_character() {
        for (pattern, value, fits) in [
            ("*", "", true),
            ("ecs:Describe*", "ecs:DescribeServices", true),
            ("ecs:Describe*", "ecs:UpdateService", false),
            ("service/*/a", "service/x/y/a", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*:game:*", "x:game:1", true),
            ("game:*", "game-2:1", false),
        ] {
            assert_eq!(like(pattern, value), fits, "{pattern} {value}");
        }
    }

    #[test]
    fn a_statement_needs_action_resource_and_every_condition() {
        let document = json!({ "Statement": [{
            "Effect": "Allow", "Action": "ecs:UpdateService", "Resource": ["service/a/*"],
            "Condition": { "ArnLike": { "ecs:task-definition": "family/game:*" } },
        }, { "Effect": "Deny", "Action": "*", "Resource": "service/a/secret" }] });
        let policy = Policy { statements: statements(&document) };
        let context = Context::from([("ecs:task-definition", "family/game:7".to_owned())]);
        assert!(policy.allows("ecs:UpdateService", "service/a/b", &context));
        assert!(!policy.allows("ecs:UpdateService", "service/b/b", &context));
        assert!(!policy.allows("ecs:DeleteService", "service/a/b", &context));
        assert!(!policy.allows("ecs:UpdateService", "service/a/secret", &context));
        assert!(!policy.allows("ecs:UpdateService", "service/a/b", &Context::new()));
        let other = Context::from([("ecs:task-definition", "family/other:7".to_owned())]);
        assert!(!policy.allows("ecs:UpdateService", "service/a/b", &other));
    }
}
