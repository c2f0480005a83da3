//! The stack itself: is it at rest and whole?

use crate::checklist::{Finding, Known, NotKnown};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub status: String,
    /// Since it was made or last changed; `None` where nobody says.
    pub age_seconds: Option<i64>,
    pub resources: Vec<Resource>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// As the template calls it.
    pub logical_id: String,
    /// As AWS does.
    pub physical_id: String,
    pub kind: String,
    pub status: String,
}

impl Stack {
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |it| it.kind == kind && it.is_there())
    }
}

impl Resource {
    fn is_there(&self) -> bool {
        !self.physical_id.is_empty() && self.status != "DELETE_COMPLETE"
    }
}

/// What no installation can do without, by the names of both templates.
pub const FUNCTIONS: [&str; 4] = ["DeployFunction", "SweepFunction", "ScaleFunction", "ApiFunction"];
const RULES: [&str; 4] =
    ["DeployFunctionPushes", "DeployFunctionDeployments", "ScaleFunctionAlarms", "SweepFunctionMinute"];

pub fn is_there<'a>(name: &str, seen: &'a Known<Option<Stack>>) -> (Finding, Option<&'a Stack>) {
    let subject = "stack";
    match seen {
        Err(NotKnown(why)) => (Finding::unknown(subject, why), None),
        Ok(None) => {
            let help = "give its name with --stack; docs/install.md says how to set one up";
            (
                Finding::wrong(subject, format!("there is no stack {name} in this region and account"), help),
                None,
            )
        }
        Ok(Some(stack)) => {
            let status = &stack.status;
            let said = format!("{name} is {status}");
            let finding = if status.ends_with("_IN_PROGRESS") {
                Finding::unknown(subject, format!("{said}: what follows may change yet"))
            } else if status.ends_with("_FAILED")
                || status == "ROLLBACK_COMPLETE"
                || status.starts_with("DELETE")
            {
                Finding::wrong(subject, said, "docs/install.md, \"When something is wrong\"")
            } else {
                Finding::ok(subject, said)
            };
            (finding, Some(stack))
        }
    }
}

/// Is everything there without which nothing is looked at?
pub fn parts(stack: &Stack) -> Vec<Finding> {
    let has = |logical: &str, kind: &str| stack.of_kind(kind).any(|it| it.logical_id == logical);
    let functions = FUNCTIONS.iter().filter(|it| !has(it, "AWS::Lambda::Function"));
    let rules = RULES.iter().filter(|it| !has(it, "AWS::Events::Rule"));
    let missing: Vec<&str> = functions.chain(rules).copied().collect();
    if missing.is_empty() {
        let count = |kind: &str| stack.of_kind(kind).count();
        let (functions, rules) = (count("AWS::Lambda::Function"), count("AWS::Events::Rule"));
        return vec![Finding::ok("parts", format!("{functions} functions and {rules} rules"))];
    }
    let all = missing.join(", ");
    vec![Finding::wrong(
        "parts",
        format!("the stack has no {all}"),
        "deploy the template of this version; a stack of another template is no installation",
    )]
}
