//! What can be typed about services that run: where the API is, who asks, and what is asked for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args as Arguments, ValueEnum};

use super::examples;

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
    #[arg(long)]
    pub wait: bool,
    /// How long to follow it, such as 90s, 15m or "1h 30m"
    #[arg(long, default_value = "15m", value_parser = duration, value_name = "DURATION")]
    pub timeout: Duration,
}

#[derive(Debug, Clone, Arguments)]
pub struct Which {
    /// `cluster/service`, or `service` alone where that is clear; may be left out where there is only one
    pub service: Option<String>,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::STATUS)]
pub struct Status {
    #[command(flatten)]
    pub which: Which,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::WATCH)]
pub struct Watch {
    /// Follow this one's roll-out, or its next one: `cluster/service`, or `service` alone where that is clear
    pub service: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::ROLLBACK)]
pub struct Rollback {
    #[command(flatten)]
    pub which: Which,
    /// A digest or family:revision to go back to (default: the last good release)
    #[arg(long, value_name = "DIGEST|REVISION")]
    pub to: Option<String>,
    #[command(flatten)]
    pub wait: Wait,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(
    after_help = examples::SCALE,
    group(ArgGroup::new("count").args(["desired", "min", "max", "end"]).required(true)),
    group(ArgGroup::new("length").args(["for_", "until"])),
)]
pub struct Scale {
    #[command(flatten)]
    pub which: Which,
    /// Exactly so many tasks
    #[arg(long, value_name = "N", requires = "length")]
    pub desired: Option<u32>,
    /// At least so many tasks
    #[arg(long, value_name = "N", requires = "length")]
    pub min: Option<u32>,
    /// At most so many tasks
    #[arg(long, value_name = "N", requires = "length")]
    pub max: Option<u32>,
    /// End what was said for a time: the load decides again
    #[arg(long, conflicts_with_all = ["length", "reason"])]
    pub end: bool,
    /// How long, such as 30m, 2h or 7d
    #[arg(long = "for", value_name = "DURATION")]
    pub for_: Option<String>,
    /// Until when, such as 2026-11-21T18:00:00Z
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Why, for others to read
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::HOLD, group(ArgGroup::new("length").args(["for_", "until"])))]
pub struct Hold {
    #[command(flatten)]
    pub which: Which,
    /// All services of this cluster instead of one
    #[arg(long, value_name = "CLUSTER", conflicts_with = "service")]
    pub cluster: Option<String>,
    /// Why, for others to read
    #[arg(long, value_name = "TEXT", required_unless_present = "lift")]
    pub reason: Option<String>,
    /// How long, such as 30m, 2h or 7d (default: until it is lifted)
    #[arg(long = "for", value_name = "DURATION")]
    pub for_: Option<String>,
    /// Until when, such as 2026-11-21T18:00:00Z
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Lift it: what is due is released
    #[arg(long, conflicts_with_all = ["reason", "length"])]
    pub lift: bool,
    /// With --lift: follow the roll-out of what was due to its end
    #[arg(long, conflicts_with_all = ["cluster", "reason"])]
    pub wait: bool,
    /// How long to follow it, such as 90s, 15m or "1h 30m"
    #[arg(long, default_value = "15m", value_parser = duration, value_name = "DURATION")]
    pub timeout: Duration,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::RELEASE, allow_missing_positional = true)]
pub struct Release {
    #[command(flatten)]
    pub which: Which,
    /// The rejected digest that may return, or its first digits as `status` shows them
    #[arg(required = true, value_parser = digest)]
    pub digest: String,
    #[command(flatten)]
    pub wait: Wait,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::RESUME)]
pub struct Resume {
    #[command(flatten)]
    pub which: Which,
    #[command(flatten)]
    pub wait: Wait,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::CONTINUE)]
pub struct Continue {
    #[command(flatten)]
    pub which: Which,
    /// Which hook, where the deployment waits at several
    #[arg(long, value_name = "HOOK")]
    pub hook: Option<String>,
    #[command(flatten)]
    pub wait: Wait,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::COMPLETIONS)]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::MAN)]
pub struct Man {
    /// Write one page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time such as 90s, 15m or \"1h 30m\"".to_owned();
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|_| wrong())?;
    Duration::try_from(parsed).ok().filter(|it| !it.is_zero()).ok_or_else(wrong)
}

/// At least as many digits as nobody hits by chance.
fn digest(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = hex.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it));
    match is_hex && (6..=64).contains(&hex.len()) {
        true => Ok(format!("sha256:{hex}")),
        false => Err("sha256: and 64 hex digits, or the first six of them at least".to_owned()),
    }
}
