//! AWS itself, asked with a person's own credentials: what the checklists need, in its own words.
//!
//! | file | subject |
//! |---|---|
//! | `account` | whose account, which region, which endpoint |
//! | `ask` | one question in AWS's three ways to ask, again where it is put off, and what a refusal says |
//! | `xml` | an answer in XML as a tree |
//! | `ecs`, `ecr`, `iam`, `ec2`, `elbv2`, `stores` | where a service runs and what its tasks need |
//! | `cloudformation`, `lambda`, `events`, `cloudwatch`, `scaling` | what an installation is made of |
//!
//! Only the tags of a service are ever written. No value of a secret is asked for.

mod account;
mod ask;
mod cloudformation;
mod cloudwatch;
mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod events;
mod iam;
mod lambda;
mod scaling;
mod stores;
#[cfg(test)]
mod tests;
mod xml;

pub(crate) use account::Account;
pub(crate) use ask::{Refusal, encoded};
pub(crate) use cloudformation::outputs;
pub(crate) use ecs::tags_of;

use pushboat::checklist::{Known, NotKnown};

/// What is not there is an answer; every other refusal leaves the question open.
fn there<T>(answer: Result<T, Refusal>, missing: &[&str]) -> Known<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal) if missing.contains(&refusal.code.as_str()) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

impl From<Refusal> for NotKnown {
    fn from(refusal: Refusal) -> NotKnown {
        NotKnown(refusal.to_string())
    }
}
