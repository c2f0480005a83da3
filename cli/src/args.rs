//! What can be typed.

mod asks;
mod checks;
mod common;
mod examples;
mod values;

pub use asks::{
    Completions, Continue, Deploy, History, Hold, Man, Plan, Release, Resume, Rollback, Run, Scale, Status,
    Watch,
};
pub use checks::{Access, Adopt, Doctor, Verify};
pub use common::{Connection, Format, Output, Precaution, Token, Wait, Which};
pub use values::Image;

use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
#[command(
    name = "pushboat",
    version,
    about = "Push an image and watch it deploy: ECS services kept at the newest image their owner allows.",
    after_help = examples::EXIT_STATUS,
    arg_required_else_help = true
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it all on this machine: two pushes of the game, steady traffic, and not one request lost
    Demo(Demo),
    /// Bring up AWS on this machine, with Pushboat and the game's service in it, and stay up
    Local(Local),
    /// Push an image to the registry of a running `pushboat local` (or demo)
    Push(Push),
    /// Show the services that have been handed over, or one of them in detail
    Status(Status),
    /// Show them again and again, or follow one's roll-out
    Watch(Watch),
    /// Show what Pushboat would do now, or on a person's word, and change nothing
    #[command(visible_alias = "diff")]
    Plan(Plan),
    /// Show what a service has run and how many tasks it was told to have, why, and what became of it
    History(History),
    /// Deploy an image by its tag or digest; another than is followed stays until the next push
    Deploy(Deploy),
    /// Go back to the last good release, or to a named one
    Rollback(Rollback),
    /// Say how many tasks a service has, for a time or for good, or end that
    Scale(Scale),
    /// Run a one-off task beside a service, such as a migration, and follow it to its end
    Run(Run),
    /// Withhold releases of a service or a cluster, or lift that
    Hold(Hold),
    /// Let a rejected digest return
    Release(Release),
    /// Let what a person deployed past Pushboat be replaced
    Resume(Resume),
    /// Let a deployment that waits at a hook go on
    Continue(Continue),
    /// Before anything is deployed: would a service, a task definition or an image run?
    Verify(Verify),
    /// Hand a service over, after the same checks, or take it back
    Adopt(Adopt),
    /// Is the installation healthy, and what is to do if not?
    Doctor(Doctor),
    /// Print what makes a shell complete this command
    Completions(Completions),
    /// Print the manual page, or write one for each command
    Man(Man),
    /// Run as one of the functions, the way Lambda starts it
    #[command(hide = true)]
    Function { name: FunctionName },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FunctionName {
    Api,
    Deploy,
    LiveImage,
    Scale,
    Sweep,
}

/// Where the stand-in listens and what it runs.
#[derive(Debug, Clone, Arguments)]
pub struct Place {
    /// Port of the game, behind the load balancer (a free one if this is taken)
    #[arg(long, default_value_t = 2048, value_name = "PORT")]
    pub game_port: u16,
    /// Port of the AWS APIs (a free one if this is taken)
    #[arg(long, default_value_t = 4048, value_name = "PORT")]
    pub aws_port: u16,
    /// Port of the image registry (a free one if this is taken)
    #[arg(long, default_value_t = 5048, value_name = "PORT")]
    pub registry_port: u16,
    /// Port of Pushboat's HTTP API (a free one if this is taken)
    #[arg(long, default_value_t = 8048, value_name = "PORT")]
    pub api_port: u16,
    /// How many tasks the service runs, spread over two zones
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=50), value_name = "N")]
    pub tasks: u32,
    /// Seconds between two sweeps; on AWS a minute
    #[arg(long, default_value_t = 60.0, value_parser = values::positive_seconds, value_name = "SECONDS")]
    pub sweep_seconds: f64,
    /// Seconds that a task takes to be provisioned, so that there is something to watch; on Fargate about 20
    #[arg(long, default_value_t = 1.5, value_parser = values::some_seconds, value_name = "SECONDS")]
    pub provisioning_seconds: f64,
    /// Lose every ECR event, as AWS may: the sweep alone deploys
    #[arg(long)]
    pub lose_push_events: bool,
    /// Refuse nothing for being too much: AWS's request limits and the HTTP API's are off
    #[arg(long)]
    pub no_limits: bool,
}

#[derive(Debug, Clone, Arguments)]
pub struct Demo {
    #[command(flatten)]
    pub place: Place,
    /// End after the story, with status 0 if nothing was lost and 1 otherwise
    #[arg(long)]
    pub exit: bool,
    /// No bars: one JSON object on the last line of standard output
    #[arg(long)]
    pub json: bool,
    /// Requests a second sent through the load balancer during the second roll-out
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2000), value_name = "N")]
    pub rate: u32,
}

#[derive(Debug, Clone, Arguments)]
pub struct Local {
    #[command(flatten)]
    pub place: Place,
    /// How many times as fast time runs for AWS: metrics, alarms, sweeps, bake times. Processes run as they do
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=120), value_name = "N")]
    pub speed: u32,
}

#[derive(Debug, Clone, Arguments)]
pub struct Push {
    /// `game` for an image made from the 2048 game, or the path of an OCI layout (a folder, or a tar of one)
    pub source: String,
    #[arg(long, default_value = "game-2048", value_name = "NAME")]
    pub repository: String,
    #[arg(long, value_name = "TAG", value_parser = values::image_tag)]
    pub tag: String,
    /// Tag to move along: the one that services follow (an empty one: none)
    #[arg(long, default_value = crate::local::stack::TRACKED_TAG, value_name = "TAG")]
    pub follow: Option<String>,
    /// What the game's page calls this version (default: the tag)
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// The colour of this version on the game's page, as #rrggbb (default: follows from the tag)
    #[arg(long, value_name = "#RRGGBB", value_parser = values::colour)]
    pub colour: Option<String>,
    /// Address of the registry (default: that of the running `pushboat local`)
    #[arg(long, env = "PUSHBOAT_REGISTRY", value_name = "URL")]
    pub registry: Option<String>,
    /// Password of the user AWS (default: that of the running `pushboat local`)
    #[arg(long, env = "PUSHBOAT_REGISTRY_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub registry_password: Option<String>,
    /// Where `pushboat local` wrote down its addresses (default: in this user's own runtime folder)
    #[arg(long, env = "PUSHBOAT_PLACE", value_name = "FILE")]
    pub place: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for line in [
            "pushboat",
            "pushboat demo --tasks 0",
            "pushboat demo --rate 0",
            "pushboat local --sweep-seconds 0",
            "pushboat local --speed 0",
            "pushboat local --sweep-seconds NaN",
            "pushboat push game",
            "pushboat push game --tag v2 --colour red",
            "pushboat push game --tag v/2",
            "pushboat function stretch",
            "pushboat scale --min 4",
            "pushboat scale --for 2h",
            "pushboat scale --min 4 --for 2h --until 2026-11-21T18:00:00Z",
            "pushboat scale --end --for 2h",
            "pushboat scale --end --permanent",
            "pushboat scale --max 20 --permanent --for 2h",
            "pushboat hold",
            "pushboat hold --lift --reason x",
            "pushboat hold --reason x --wait",
            "pushboat hold a/b --cluster a --reason x",
            "pushboat hold --cluster a --lift --wait",
            "pushboat release",
            "pushboat release a/b live",
            "pushboat release 5c7b1",
            "pushboat rollback --wait --timeout soon",
            "pushboat rollback --wait --timeout 0s",
            "pushboat rollback --wait --timeout -5m",
            "pushboat rollback --wait --dry-run",
            "pushboat hold --lift --wait --dry-run",
            "pushboat hold --cluster a --reason x --from game:7",
            "pushboat rollback --from 7",
            "pushboat rollback --from sha256:5c7b1d0a",
            "pushboat scale --end --from many",
            "pushboat deploy",
            "pushboat deploy a/b",
            "pushboat deploy a/b v1 v2",
            "pushboat deploy sha256:5c7b1d0a",
            "pushboat deploy v1 --container a/b",
            "pushboat deploy v1 --wait --dry-run",
            "pushboat plan --tag v1 --desired 4",
            "pushboat plan --tag v1 --digest sha256:5c7b1d0a",
            "pushboat plan --container app",
            "pushboat plan --container app --desired 4",
            "pushboat plan --desired -1",
            "pushboat run --detach --dry-run",
            "pushboat run --detach --timeout 5m",
            "pushboat run --family game:7",
            "pushboat run --key two\twords",
            "pushboat run a/b migrate",
            "pushboat verify a/b --task-definition c",
            "pushboat verify a/b --image cart",
            "pushboat adopt a/b",
            "pushboat adopt a/b --undo --track x:y",
            "pushboat adopt a/b --track x:y --rejections",
            "pushboat adopt a/b --undo --despite",
            "pushboat adopt a/b --track x:y --yes --dry-run",
            "pushboat status --output yaml",
            "pushboat status --url http://a --stack b",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        let push = Args::try_parse_from("pushboat push game --tag v2 --label Two".split(' ')).unwrap();
        assert!(matches!(push.command, Command::Push(push) if push.repository == "game-2048"));
    }

    #[test]
    fn a_service_may_be_left_out() {
        let read = |line: &str| Args::try_parse_from(line.split(' ')).unwrap().command;
        let Command::Release(release) = read("pushboat release 5c7b1d") else { panic!() };
        assert_eq!((release.which.service, release.digest.as_str()), (None, "sha256:5c7b1d"));
        let Command::Release(release) = read("pushboat release a/b sha256:5c7b1d --wait --timeout 90s")
        else {
            panic!()
        };
        assert_eq!(
            (release.which.service.as_deref(), release.digest.as_str()),
            (Some("a/b"), "sha256:5c7b1d")
        );
        assert_eq!((release.wait.wait, release.wait.timeout.as_secs()), (true, 90));
        let Command::Deploy(deploy) = read("pushboat deploy v1.2") else { panic!() };
        assert_eq!((deploy.which.service, deploy.image), (None, Image::Tag("v1.2".into())));
        let digest = format!("sha256:{}", "5c".repeat(32));
        let Command::Deploy(deploy) = read(&format!("pushboat deploy a/b {digest} --container app")) else {
            panic!()
        };
        assert_eq!((deploy.which.service.as_deref(), deploy.image), (Some("a/b"), Image::Digest(digest)));
        let Command::Hold(hold) = read("pushboat hold --lift --wait") else { panic!() };
        assert!(hold.which.service.is_none() && hold.lift && hold.timeout.as_secs() == 900);
        let Command::Status(status) = read("pushboat status --token tell-nobody") else { panic!() };
        assert!(!format!("{status:?}").contains("tell-nobody"));
    }

    #[test]
    fn what_is_run_stands_behind_two_dashes() {
        let read = |line: &str| match Args::try_parse_from(line.split(' ')).unwrap().command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        };
        let run = read("pushboat run a/b --key k-1 -- migrate --all -- x");
        assert_eq!((run.which.service.as_deref(), run.key.as_deref()), (Some("a/b"), Some("k-1")));
        assert_eq!(run.command, ["migrate", "--all", "--", "x"]);
        let run = read("pushboat run --family job -- --check");
        assert_eq!((run.which.service, run.family.as_deref()), (None, Some("job")));
        assert_eq!((run.command, run.timeout.as_secs()), (vec!["--check".to_owned()], 900));
        assert!(read("pushboat run web --detach").command.is_empty());
    }

    #[test]
    fn what_is_to_be_replaced_is_a_release_or_of_a_count_a_number() {
        let read = |line: &str| Args::try_parse_from(line.split(' ')).unwrap().command;
        let Command::Scale(scale) = read("pushboat scale --min 4 --for 2h --from 3") else { panic!() };
        assert_eq!((scale.from, scale.dry_run), (Some(3.into()), false));
        let Command::Scale(scale) = read("pushboat scale --end --from game:3 --dry-run") else { panic!() };
        assert_eq!((scale.from, scale.dry_run), (Some("game:3".into()), true));
        let Command::Rollback(back) = read("pushboat rollback --from game:3") else { panic!() };
        assert_eq!((back.precaution.from, back.precaution.dry_run), (Some("game:3".into()), false));
        let Command::Plan(plan) = read("pushboat diff web --tag v1 --container app") else { panic!() };
        assert_eq!((plan.which.service.as_deref(), plan.tag.as_deref()), (Some("web"), Some("v1")));
    }
}
