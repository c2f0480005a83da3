//! What can be typed of the checklists: commands that ask AWS itself.

use std::path::PathBuf;

use clap::{ArgGroup, Args as Arguments};

use super::common::{Connection, Output};
use super::{examples, values};

/// AWS, with a person's own credentials.
#[derive(Debug, Clone, Default, Arguments)]
pub struct Access {
    /// Profile of AWS's own files [env: AWS_PROFILE]
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub profile: Option<String>,
    /// Region to look at [env: AWS_REGION]
    #[arg(long, value_name = "REGION", help_heading = "AWS")]
    pub region: Option<String>,
    /// Where `pushboat local` wrote down its addresses (default: in this user's own runtime folder)
    #[arg(long, env = "PUSHBOAT_PLACE", value_name = "FILE", help_heading = "AWS")]
    pub place: Option<PathBuf>,
    /// Say on standard error what is asked of which address, and what it answers
    #[arg(short, long, help_heading = "AWS")]
    pub verbose: bool,
}

impl Access {
    /// For what loads credentials.
    pub(crate) fn connection(&self) -> Connection {
        Connection { profile: self.profile.clone(), region: self.region.clone(), ..Connection::default() }
    }
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::VERIFY, group(ArgGroup::new("what").args(["service", "task_definition"])))]
pub struct Verify {
    /// `cluster/service`, or `service` alone where that is clear; may be left out where there is only one
    pub service: Option<String>,
    /// A task definition alone: its family, family:revision or ARN
    #[arg(long, value_name = "FAMILY[:REV]")]
    pub task_definition: Option<String>,
    /// Another image as well, of a repository of this account
    #[arg(long, value_name = "REPO:TAG|REPO@DIGEST", value_parser = values::repository_image)]
    pub image: Option<String>,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::ADOPT, group(ArgGroup::new("do").args(["track", "undo"]).required(true)))]
pub struct Adopt {
    /// `cluster/service`, or `service` alone where that is clear; may be left out where there is only one
    pub service: Option<String>,
    /// What a container follows: repository and rule, such as cart:live or cart:semver/1; may be said again for another
    #[arg(long, value_name = "[CONTAINER=]REPO:RULE")]
    pub track: Vec<String>,
    /// How few and how many tasks Pushboat may make of it, as in 2-10 (left out: the count stays as it is)
    #[arg(long, value_name = "MIN-MAX", conflicts_with = "undo")]
    pub capacity: Option<String>,
    /// What a task is to carry at most, as in cpu/60 or "requests/600 memory/70"
    #[arg(long, value_name = "SIGNAL/AMOUNT", requires = "capacity")]
    pub load: Option<String>,
    /// lean, balanced or safe
    #[arg(long, value_name = "STYLE", requires = "capacity")]
    pub style: Option<String>,
    /// A recurring least count, as in mon-fri/08:00-19:00/4/Europe/Berlin
    #[arg(long, value_name = "SCHEDULE", requires = "capacity")]
    pub schedule: Option<String>,
    /// The worst finding that an image's scan may have: informational, low, medium, high or critical
    #[arg(long, value_name = "SEVERITY", conflicts_with = "undo")]
    pub max_severity: Option<String>,
    /// What a push does to a roll-out under way: supersede or wait
    #[arg(long, value_name = "HOW", conflicts_with = "undo")]
    pub overlap: Option<String>,
    /// Take it back: remove the tags that hand it over
    #[arg(long, conflicts_with = "track")]
    pub undo: bool,
    /// With --undo: forget the rejected digests as well
    #[arg(long, requires = "undo", conflicts_with = "track")]
    pub rejections: bool,
    /// Write although a check is wrong
    #[arg(long, conflicts_with = "undo")]
    pub despite: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::DOCTOR)]
pub struct Doctor {
    /// CloudFormation stack of the installation
    #[arg(long, default_value = "pushboat", value_name = "NAME")]
    pub stack: String,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub access: Access,
}
