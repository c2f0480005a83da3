//! Is the installation healthy? What `template.yaml` and `adopt.yaml` make, as it is in the account.
//!
//! | file | subject |
//! |---|---|
//! | `stack` | the stack, and that its parts are there |
//! | `rules` | rules are on, and what they call exists and lets itself be called |
//! | `functions` | functions are ready, know what they may touch, and the sweep runs |
//! | `queues` | nobody gave up on an event; alarms are quiet |
//! | `reach` | who may touch which service, and that somebody may |

pub mod functions;
pub mod queues;
pub mod reach;
pub mod rules;
pub mod stack;
#[cfg(test)]
mod tests;

use super::{Finding, Known};

/// Everything that was asked about one installation.
#[derive(Debug, Clone)]
pub struct Facts {
    pub name: String,
    pub stack: Known<Option<stack::Stack>>,
    pub rules: Vec<rules::Rule>,
    pub functions: Vec<functions::Function>,
    pub queues: Vec<queues::Queue>,
    pub alarms: Vec<queues::Alarm>,
    pub api: Api,
    /// Of the account: whatever is handed over, and which functions there are.
    pub services: Known<Vec<reach::Service>>,
    pub scopes: Known<Vec<reach::Scope>>,
    pub permissions: Vec<reach::Permission>,
}

/// What became of `GET /health`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    /// No output of the stack says where it is.
    Nowhere,
    Answers,
    /// It is there, and does not let in whoever asked.
    Refuses(String),
    Fails(String),
}

pub fn check(facts: &Facts) -> Vec<Finding> {
    let (first, stack) = stack::is_there(&facts.name, &facts.stack);
    let mut findings = vec![first];
    let Some(stack) = stack else { return findings };
    findings.extend(stack::parts(stack));
    findings.extend(facts.functions.iter().flat_map(functions::check));
    findings.extend(facts.rules.iter().flat_map(|rule| rules::check(rule, &facts.functions)));
    findings.extend(functions::sweep(&facts.functions, &facts.rules, stack.age_seconds));
    findings.extend(facts.queues.iter().map(queues::messages));
    findings.extend(queues::alarms(&facts.alarms));
    findings.push(api(&facts.api));
    findings.extend(reach::check(&facts.services, &facts.scopes));
    findings.extend(reach::permissions(&facts.permissions));
    findings
}

fn api(api: &Api) -> Finding {
    let subject = "API";
    match api {
        Api::Answers => Finding::ok(subject, "it answers"),
        Api::Nowhere => Finding::unknown(subject, "no output of the stack says where it is"),
        Api::Refuses(why) => Finding::unknown(subject, why),
        Api::Fails(why) => Finding::wrong(subject, why, "the log of the function api says more"),
    }
}
