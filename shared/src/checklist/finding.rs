//! What a check finds, and what it is to make of a question that AWS did not answer.

use serde::Serialize;
use thiserror::Error;

/// AWS did not say: it refused, it is not there, or the question cannot be asked. In its own words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NotKnown(pub String);

/// An answer of AWS, or why there is none.
pub type Known<T> = Result<T, NotKnown>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Wrong,
    /// Nobody could tell. That is no trouble, and no comfort.
    Unknown,
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub verdict: Verdict,
    pub subject: String,
    pub why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_to_do: Option<String>,
}

impl Finding {
    pub fn ok(subject: impl Into<String>, why: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Ok, subject: subject.into(), why: why.into(), what_to_do: None }
    }

    pub fn wrong(
        subject: impl Into<String>,
        why: impl Into<String>,
        what_to_do: impl Into<String>,
    ) -> Finding {
        let what_to_do = Some(what_to_do.into());
        Finding { verdict: Verdict::Wrong, subject: subject.into(), why: why.into(), what_to_do }
    }

    pub fn unknown(subject: impl Into<String>, why: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Unknown, subject: subject.into(), why: why.into(), what_to_do: None }
    }

    pub fn with(mut self, what_to_do: impl Into<String>) -> Finding {
        self.what_to_do = Some(what_to_do.into());
        self
    }
}

pub fn is_wrong(findings: &[Finding]) -> bool {
    findings.iter().any(|it| it.verdict == Verdict::Wrong)
}
