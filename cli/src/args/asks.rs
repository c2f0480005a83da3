//! What can be typed about services that run: one type for each command.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args as Arguments, ValueEnum};
use serde_json::Value;

use super::common::{Connection, Output, Precaution, Wait, Which};
use super::values::Image;
use super::{examples, values};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Only {
    Releases,
    Counts,
}

impl Only {
    /// As the API calls one.
    pub(crate) fn as_kind(self) -> &'static str {
        match self {
            Only::Releases => "release",
            Only::Counts => "count",
        }
    }
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::HISTORY)]
pub struct History {
    #[command(flatten)]
    pub which: Which,
    /// Only releases, or only other counts
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Option<Only>,
    /// How many entries at most, the newest first
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = values::some)]
    pub limit: usize,
    /// Only what began before this moment, such as `next` of an answer before
    #[arg(long, value_name = "TIME")]
    pub before: Option<jiff::Timestamp>,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(
    after_help = examples::PLAN,
    group(ArgGroup::new("image").args(["tag", "digest"])),
    group(ArgGroup::new("one").args(["tag", "digest", "desired"])),
)]
pub struct Plan {
    #[command(flatten)]
    pub which: Which,
    /// Plan the deployment of the image with this tag
    #[arg(long, value_name = "TAG", value_parser = values::image_tag)]
    pub tag: Option<String>,
    /// Plan the deployment of the image with this digest
    #[arg(long, value_name = "DIGEST", value_parser = values::digest)]
    pub digest: Option<String>,
    /// Whose image, where several containers are followed
    #[arg(long, value_name = "CONTAINER", requires = "image", value_parser = values::ecs_name)]
    pub container: Option<String>,
    /// Plan so many tasks
    #[arg(long, value_name = "N")]
    pub desired: Option<u32>,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::DEPLOY, allow_missing_positional = true)]
pub struct Deploy {
    #[command(flatten)]
    pub which: Which,
    /// The image, of the repository that is followed: its tag, or its whole digest
    #[arg(required = true, value_name = "TAG|DIGEST", value_parser = values::image)]
    pub image: Image,
    /// Whose image, where several containers are followed
    #[arg(long, value_name = "CONTAINER", value_parser = values::ecs_name)]
    pub container: Option<String>,
    #[command(flatten)]
    pub wait: Wait,
    #[command(flatten)]
    pub precaution: Precaution,
    #[command(flatten)]
    pub output: Output,
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
    pub precaution: Precaution,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(
    after_help = examples::SCALE,
    override_usage = "pushboat scale [SERVICE] <--desired N|--min N|--max N> <--for DURATION|--until TIME|--permanent>\n       \
                      pushboat scale [SERVICE] --end",
    group(ArgGroup::new("count").args(["desired", "min", "max", "end"]).required(true).multiple(true)),
    group(ArgGroup::new("length").args(["for_", "until", "permanent"])),
)]
pub struct Scale {
    #[command(flatten)]
    pub which: Which,
    /// Exactly so many tasks
    #[arg(long, value_name = "N", requires = "length", conflicts_with_all = ["min", "max"])]
    pub desired: Option<u32>,
    /// At least so many tasks; for good, also together with --max
    #[arg(long, value_name = "N", requires = "length")]
    pub min: Option<u32>,
    /// At most so many tasks
    #[arg(long, value_name = "N", requires = "length")]
    pub max: Option<u32>,
    /// End what was said for a time: the load decides again
    #[arg(long, conflicts_with_all = ["length", "reason", "desired", "min", "max"])]
    pub end: bool,
    /// How long, such as 30m, 2h or 7d
    #[arg(long = "for", value_name = "DURATION")]
    pub for_: Option<String>,
    /// Until when, such as 2026-11-21T18:00:00Z
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// For good: change the bounds in the tag pushboat:capacity, where no template declares it
    #[arg(long)]
    pub permanent: bool,
    /// Why, for others to read
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Change nothing: show what would be decided, and which calls of AWS would be made
    #[arg(long)]
    pub dry_run: bool,
    /// Only if this is there to be replaced: a desired count, family:revision or a digest; else status 3
    #[arg(long, value_name = "COUNT|REVISION|DIGEST", value_parser = values::count_or_release)]
    pub from: Option<Value>,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Clone, Arguments)]
#[command(after_help = examples::RUN)]
pub struct Run {
    #[command(flatten)]
    pub which: Which,
    /// Run the newest revision of this family of task definitions (default: what the service runs)
    #[arg(long, value_name = "FAMILY", value_parser = values::ecs_name)]
    pub family: Option<String>,
    /// Where the command goes, and whose log and exit code count, where that is not clear
    #[arg(long, value_name = "CONTAINER", value_parser = values::ecs_name)]
    pub container: Option<String>,
    /// Do not follow it
    #[arg(long, conflicts_with_all = ["timeout", "dry_run"])]
    pub detach: bool,
    /// How long to follow it, such as 90s, 15m or "1h 30m"
    #[arg(long, default_value = "15m", value_parser = values::duration, value_name = "DURATION")]
    pub timeout: Duration,
    /// The same key with the same request is the same task, for a day (default: a new one each time)
    #[arg(long, value_name = "KEY", value_parser = values::key)]
    pub key: Option<String>,
    #[command(flatten)]
    pub precaution: Precaution,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub connection: Connection,
    /// What is run instead of the container's own command; its entry point stays
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Clone, Arguments)]
#[command(
    after_help = examples::HOLD,
    override_usage = "pushboat hold [SERVICE|--cluster CLUSTER] --reason TEXT [--for DURATION|--until TIME]\n       \
                      pushboat hold [SERVICE|--cluster CLUSTER] --lift [--wait]",
    group(ArgGroup::new("length").args(["for_", "until"])),
)]
pub struct Hold {
    #[command(flatten)]
    pub which: Which,
    /// All services of this cluster instead of one
    #[arg(long, value_name = "CLUSTER", conflicts_with_all = ["service", "from"])]
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
    #[arg(long, conflicts_with_all = ["cluster", "reason", "dry_run"])]
    pub wait: bool,
    /// How long to follow it, such as 90s, 15m or "1h 30m"
    #[arg(long, default_value = "15m", value_parser = values::duration, value_name = "DURATION")]
    pub timeout: Duration,
    #[command(flatten)]
    pub precaution: Precaution,
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
    #[arg(required = true, value_parser = values::digest_or_its_beginning)]
    pub digest: String,
    #[command(flatten)]
    pub wait: Wait,
    #[command(flatten)]
    pub precaution: Precaution,
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
    pub precaution: Precaution,
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
    pub precaution: Precaution,
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
