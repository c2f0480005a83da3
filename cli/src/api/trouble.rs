//! What can go wrong, in words for whoever typed the command, and the exit status for a script.

use aws_credential_types::provider::error::CredentialsError;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::local::INTERRUPTED;

/// A problem document (RFC 9457) of the API.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) r#type: String,
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) detail: String,
    /// As it came, for a script.
    #[serde(skip)]
    pub(crate) document: Value,
}

impl Problem {
    /// What helps, where the detail does not say it already.
    fn advice(&self) -> &'static str {
        match self.r#type.as_str() {
            "/problems/nameless-caller" => {
                "\nSign with an IAM identity instead, or ask with a token that has a subject."
            }
            "/problems/unauthenticated" => {
                "\nSend a token (--token), or sign with AWS credentials (--profile)."
            }
            "/problems/bad-body" if self.detail.contains("unknown field") => {
                "\nThe API may be older than this command: update its stack."
            }
            "/problems/no-such-cluster" | "/problems/no-such-service" => {
                "\n`pushboat status` shows what there is. A service is handed over by its tag pushboat:track."
            }
            "/problems/refused" if self.detail.contains("was rejected") => {
                "\n`pushboat release <digest>` lets it return; `pushboat status <service>` shows the rejections."
            }
            "/problems/refused" | "/problems/moved" => "\n`pushboat status <service>` shows how things are.",
            _ => "",
        }
    }
}

/// Something answered, but not what was asked for.
#[derive(Debug, Error)]
#[error("{url} did not answer as it should: {why}")]
pub(crate) struct NotAnswered {
    pub(crate) url: String,
    pub(crate) why: String,
}

#[derive(Debug, Error)]
pub(crate) enum Trouble {
    #[error(
        "where is the API? Give --url, PUSHBOAT_URL or --stack; or start `pushboat local`, which is found by itself"
    )]
    NoAddress,
    #[error("{0}")]
    Usage(String),
    #[error(
        "there are no AWS credentials to sign with; log in as for the AWS CLI, or give --profile (the API also takes a token: --token)"
    )]
    NoCredentials(#[source] CredentialsError),
    #[error("AWS does not let these credentials ask anything: {0}")]
    Nobody(String),
    #[error("which region? Give --region or AWS_REGION, or a profile that has one")]
    NoRegion,
    #[error("the request could not be signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no root certificates are found on this machine, so no https:// address can be trusted")]
    NoRoots(#[source] std::io::Error),
    #[error("{url} cannot be reached")]
    Unreachable { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{url} did not answer within {seconds} s")]
    Silent { url: String, seconds: u64 },
    #[error(transparent)]
    NotAnswered(#[from] NotAnswered),
    #[error("{call}: the API or AWS is in trouble ({status}): {why}")]
    Troubled { call: String, status: u16, why: String },
    #[error(
        "the API let nobody through ({status}): {call} was {identity}\nCheck that this identity may call the API \
         (execute-api:Invoke, or the token's audience and issuer), that the region is the API's, and this machine's clock."
    )]
    NotLetThrough { call: String, status: u16, identity: String },
    #[error(
        "the API does not know {call}: it is older than this command; update its stack, or ask another address"
    )]
    OldApi { call: String },
    #[error("{}: {}{}", .0.title, .0.detail, .0.advice())]
    Refused(Problem),
    #[error("the stack {stack} in {region} does not say where the API is: {why}")]
    Stack { stack: String, region: String, why: String },
    #[error("no service has been handed to Pushboat; the tag pushboat:track on an ECS service does that")]
    NothingHandedOver,
    #[error("no service {wanted} has been handed to Pushboat; there are:\n  {}", .there_are.join("\n  "))]
    NoSuchService { wanted: String, there_are: Vec<String> },
    #[error("ECS has no service {wanted} here; there are:\n  {}", .there_are.join("\n  "))]
    NoEcsService { wanted: String, there_are: Vec<String> },
    #[error("not all is well (wrong: {0}), so nothing was written; mend it, or say --despite")]
    ChecksWrong(usize),
    #[error("{what} may be any of these:\n  {}", .candidates.join("\n  "))]
    Ambiguous { what: String, candidates: Vec<String> },
    #[error("AWS did not let it happen: {0}")]
    NotDone(String),
    #[error("the roll-out failed: {0}")]
    RolloutFailed(String),
    #[error("the roll-out has not come to its end in {seconds} s and goes on: {stands}")]
    NotInTime { seconds: u64, stands: String },
    #[error("the task failed: {0}")]
    TaskFailed(String),
    #[error("the task {id} has not ended in {seconds} s and goes on: {state}; {advice}")]
    TaskNotInTime { seconds: u64, id: String, state: String, advice: String },
    #[error("standard output cannot be written to")]
    Output(#[from] std::io::Error),
    #[error("not followed any further; what was begun goes on")]
    Interrupted,
}

impl Trouble {
    /// As `pushboat --help` says.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Trouble::Signing(_)
            | Trouble::NoRoots(_)
            | Trouble::Unreachable { .. }
            | Trouble::Silent { .. }
            | Trouble::NotAnswered(_)
            | Trouble::Troubled { .. }
            | Trouble::NotDone(_)
            | Trouble::Output(_) => 1,
            // What the API could not read was typed.
            Trouble::Refused(problem) if problem.status == 400 => 2,
            Trouble::NoAddress
            | Trouble::Usage(_)
            | Trouble::NoCredentials(_)
            | Trouble::NoRegion
            | Trouble::Nobody(_)
            | Trouble::Ambiguous { .. } => 2,
            Trouble::NotLetThrough { .. }
            | Trouble::OldApi { .. }
            | Trouble::Refused(_)
            | Trouble::Stack { .. }
            | Trouble::NothingHandedOver
            | Trouble::NoEcsService { .. }
            | Trouble::ChecksWrong(_)
            | Trouble::NoSuchService { .. } => 3,
            Trouble::RolloutFailed(_) | Trouble::TaskFailed(_) => 4,
            Trouble::NotInTime { .. } | Trouble::TaskNotInTime { .. } => 5,
            Trouble::Interrupted => INTERRUPTED,
        }
    }
}
