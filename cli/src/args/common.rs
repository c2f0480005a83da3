//! What several commands take: where the API is, who asks, how it is shown, and how careful to be.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Arguments, ValueEnum};
use serde_json::Value;

use super::values;

/// Where the API is and how to speak with it.
#[derive(Debug, Clone, Default, Arguments)]
pub struct Connection {
    /// Address of the API [env: PUSHBOAT_URL]
    #[arg(long, value_name = "URL", conflicts_with = "stack", help_heading = "API")]
    pub url: Option<String>,
    /// CloudFormation stack whose output ApiAddress is the address
    #[arg(long, value_name = "NAME", help_heading = "API")]
    pub stack: Option<String>,
    /// Token of the JWT issuer, sent instead of a signature [env: PUSHBOAT_TOKEN]
    #[arg(long, value_name = "TOKEN", help_heading = "API")]
    pub token: Option<Token>,
    /// Profile of AWS's own files to sign with [env: AWS_PROFILE]
    #[arg(long, value_name = "NAME", help_heading = "API")]
    pub profile: Option<String>,
    /// Region to sign for, where the address does not say it [env: AWS_REGION]
    #[arg(long, value_name = "REGION", help_heading = "API")]
    pub region: Option<String>,
    /// Where `pushboat local` wrote down its addresses (default: in this user's own runtime folder)
    #[arg(long, env = "PUSHBOAT_PLACE", value_name = "FILE", help_heading = "API")]
    pub place: Option<PathBuf>,
    /// Say on standard error what is asked of which address, and what it answers
    #[arg(short, long, help_heading = "API")]
    pub verbose: bool,
}

/// Whoever has it is its owner: it is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Token {
    fn from(text: String) -> Token {
        Token(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// The API's answer as it is, one document
    Json,
}

#[derive(Debug, Clone, Arguments)]
pub struct Output {
    /// How the answer is shown
    #[arg(long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub output: Format,
}

#[derive(Debug, Clone, Arguments)]
pub struct Wait {
    /// Follow the roll-out to its end
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// How long to follow it, such as 90s, 15m or "1h 30m"
    #[arg(long, default_value = "15m", value_parser = values::duration, value_name = "DURATION")]
    pub timeout: Duration,
}

#[derive(Debug, Clone, Arguments)]
pub struct Which {
    /// `cluster/service`, or `service` alone where that is clear; may be left out where there is only one
    pub service: Option<String>,
}

/// Before something is changed.
#[derive(Debug, Clone, Arguments)]
pub struct Precaution {
    /// Change nothing: show what would be decided, and which calls of AWS would be made
    #[arg(long)]
    pub dry_run: bool,
    /// Only if this is there to be replaced: family:revision or a digest; else status 3
    #[arg(long, value_name = "REVISION|DIGEST", value_parser = values::release)]
    pub from: Option<Value>,
}
