//! Functions: ready, told what they may touch, allowed to run; and the sweep, which everything else may rest on, runs.

use serde_json::Value;

use super::rules::{Rule, period_seconds};
use crate::checklist::{Finding, Known, NotKnown, number, text};

const CLUSTERS: &str = "PUSHBOAT_CLUSTERS";
const REPOSITORIES: &str = "PUSHBOAT_REPOSITORIES";
/// It answers CloudFormation, which tells it all that it needs.
const WITHOUT_SCOPE: &str = "LiveImageFunction";
const SWEEP: &str = "SweepFunction";
/// CloudWatch shows a minute some minutes later.
const LAG_SECONDS: i64 = 300;

#[derive(Debug, Clone)]
pub struct Function {
    pub logical_id: String,
    pub name: String,
    /// As GetFunctionConfiguration tells it; `None` when there is no such function.
    pub configuration: Known<Option<Value>>,
    /// `None`: nothing is reserved.
    pub reserved_concurrency: Known<Option<u64>>,
    /// Who may call it; `None`: nobody but the account's own.
    pub policy: Known<Option<Value>>,
    /// Of the sweep: how often it ran and failed in the last minutes.
    pub ran: Option<Known<Ran>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ran {
    pub minutes: i64,
    pub invocations: f64,
    pub errors: f64,
}

pub fn check(function: &Function) -> Vec<Finding> {
    let subject = format!("function {}", function.name);
    let configuration = match &function.configuration {
        Err(NotKnown(why)) => return vec![Finding::unknown(subject, why)],
        Ok(None) => {
            let help = "deploy the stack again with a change of the function, or delete it and deploy";
            return vec![Finding::wrong(subject, "somebody has deleted it", help)];
        }
        Ok(Some(configuration)) => configuration,
    };
    let mut findings = Vec::new();
    match (text(configuration, "State"), text(configuration, "LastUpdateStatus")) {
        ("" | "Active", "" | "Successful") => {}
        ("Inactive", _) => {
            findings.push(Finding::unknown(&subject, "Lambda has put it to sleep; the next call wakes it"))
        }
        ("Pending", _) | (_, "InProgress") => {
            findings.push(Finding::unknown(&subject, "Lambda is still making it ready"));
        }
        (state, update) => {
            let reasons = ["StateReason", "LastUpdateStatusReason"].map(|member| text(configuration, member));
            let reason = reasons.into_iter().find(|it| !it.is_empty()).unwrap_or("Lambda does not say why");
            let why = format!("its state is {state}, its last update {update}: {reason}");
            findings.push(Finding::wrong(&subject, why, "deploy the stack again"));
        }
    }
    if let Some(missing) = untold(function, configuration) {
        let why = format!("its environment has no {missing}, so it may touch nothing and fails");
        let help = "deploy the stack again; adopt.yaml takes them as Cluster and Repositories";
        findings.push(Finding::wrong(&subject, why, help));
    }
    match &function.reserved_concurrency {
        Ok(Some(0)) => {
            let help = format!("aws lambda delete-function-concurrency --function-name {}", function.name);
            findings.push(Finding::wrong(&subject, "its reserved concurrency is 0, so it never runs", help));
        }
        Ok(_) => {}
        Err(NotKnown(why)) => findings.push(Finding::unknown(&subject, format!("its concurrency: {why}"))),
    }
    if findings.is_empty() {
        findings.push(Finding::ok(subject, "ready, and told what it may touch"));
    }
    findings
}

fn untold(function: &Function, configuration: &Value) -> Option<&'static str> {
    let variables = &configuration["Environment"]["Variables"];
    let is_told = |name: &&str| text(variables, name).split(',').any(|word| !word.trim().is_empty());
    [CLUSTERS, REPOSITORIES].into_iter().find(|name| function.logical_id != WITHOUT_SCOPE && !is_told(name))
}

/// How far back to ask whether the sweep ran.
pub fn window_seconds(schedule: &str) -> i64 {
    3 * period_seconds(schedule).unwrap_or(60) + LAG_SECONDS
}

/// The one function that repairs whatever the others miss.
pub fn sweep(functions: &[Function], rules: &[Rule], age_seconds: Option<i64>) -> Option<Finding> {
    let subject = "sweep";
    let function = functions.iter().find(|it| it.logical_id == SWEEP)?;
    let schedules = rules.iter().filter_map(|it| it.described.as_ref().ok()?.as_ref());
    let window = schedules
        .map(|it| it.schedule.as_str())
        .find(|it| !it.is_empty())
        .map_or(LAG_SECONDS, window_seconds);
    let logs = format!("aws logs tail /aws/lambda/{} --since 15m", function.name);
    Some(match function.ran.as_ref()? {
        Err(NotKnown(why)) => Finding::unknown(subject, why),
        Ok(Ran { invocations, minutes, .. }) if *invocations < 1.0 => {
            let why = format!("CloudWatch has seen no run of it in the last {minutes} minutes");
            match age_seconds.is_some_and(|age| age < window) {
                true => Finding::unknown(subject, format!("{why}; the stack is that young")),
                false => Finding::wrong(subject, why, "see its rule and its concurrency above"),
            }
        }
        Ok(Ran { invocations, errors, minutes }) if *errors > 0.0 => {
            let why = format!("{errors} of {invocations} runs failed in the last {minutes} minutes");
            Finding::wrong(subject, why, logs)
        }
        Ok(Ran { invocations, minutes, .. }) => {
            Finding::ok(subject, format!("{invocations} runs in the last {minutes} minutes, none failed"))
        }
    })
}

/// Names with commas, as a function is told.
pub fn words(configuration: &Value, name: &str) -> Vec<String> {
    let value = text(&configuration["Environment"]["Variables"], name);
    value.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// What Lambda says of the reserved concurrency: a number, or nothing.
pub fn reserved(answer: &Value) -> Option<u64> {
    number(&answer["ReservedConcurrentExecutions"])
}
