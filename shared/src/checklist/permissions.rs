//! What a role has to be allowed, and what IAM's simulator said of it.

use super::{Finding, Known, NotKnown};

/// Some actions on one resource, for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What it is for, in words that go after "may".
    pub purpose: String,
    pub actions: Vec<String>,
    pub resource: String,
    /// Condition keys as they would be in the real call.
    pub context: Vec<(String, String)>,
}

impl Need {
    pub fn new(purpose: impl Into<String>, actions: &[&str], resource: impl Into<String>) -> Need {
        let actions = actions.iter().map(|it| (*it).to_owned()).collect();
        Need { purpose: purpose.into(), actions, resource: resource.into(), context: Vec::new() }
    }

    pub fn with(mut self, key: &str, value: impl Into<String>) -> Need {
        self.context.push((key.to_owned(), value.into()));
        self
    }

    /// What every call has.
    pub fn called(self, account: &str, region: &str) -> Need {
        self.with("aws:ResourceAccount", account).with("aws:RequestedRegion", region)
    }
}

/// What the simulator said of one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    Denied,
    /// A policy asks for a condition key that was not given.
    Depends,
}

#[derive(Debug, Clone)]
pub struct Simulated {
    pub need: Need,
    pub decisions: Known<Vec<(String, Decision)>>,
}

/// `who`: the role, as somebody would find it.
pub fn check(subject: &str, who: &str, simulated: &Simulated) -> Finding {
    let Simulated { need, decisions } = simulated;
    let decisions = match decisions {
        Ok(decisions) => decisions,
        Err(NotKnown(why)) => return Finding::unknown(subject, format!("may {who} {}? {why}", need.purpose)),
    };
    let of = |wanted: Decision| -> Vec<&str> {
        decisions.iter().filter(|(_, it)| *it == wanted).map(|(action, _)| action.as_str()).collect()
    };
    let asked = need.actions.iter().all(|action| decisions.iter().any(|(it, _)| it == action));
    let (denied, depends) = (of(Decision::Denied), of(Decision::Depends));
    if !denied.is_empty() {
        let denied = denied.join(", ");
        return Finding::wrong(
            subject,
            format!("{who} may not {}: it lacks {denied}", need.purpose),
            format!("allow it {denied} on {}", need.resource),
        );
    }
    if !depends.is_empty() || !asked {
        let why = "IAM's simulator does not say; a condition of its policies cannot be known beforehand";
        return Finding::unknown(subject, format!("may {who} {}? {why}", need.purpose));
    }
    Finding::ok(subject, format!("{who} may {}", need.purpose))
}
