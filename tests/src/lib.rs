//! What the tests in `tests/` share: a place with Pushboat in it on free ports, and words to wait for it.
//!
//! | test | subject |
//! |---|---|
//! | `events` | every file under `events/`, fed to its function |
//! | `lossless` | every member of RegisterTaskDefinition comes through a release |
//! | `wire` | the real SDK against the stand-in: signatures, throttling, what is missing |
//! | `wire_cloudwatch`, `wire_capacity` | CloudWatch with the real SDK; what capacity asks of it |
//! | `wire_one_off` | RunTask with the real SDK, its retries among it |
//! | `capacity` | a whole run: alarms, load and a person decide how many tasks there are |
//! | `images` | the real SDK against the registry: lists, manifests, configurations, scans |
//! | `limits` | AWS's token buckets, and a push that meets empty ones |
//! | `template` | what must hold of the SAM templates, whatever parameters are chosen |
//! | `permissions` | what each function asks of AWS is what its policy in the template grants |
//! | `stack` | what `pushboat local` declares is what the template declares |
//! | `api`, `live_image` | what is asked over HTTP and by CloudFormation, against the stand-in |
//! | `shipped` | the same two as the binaries that ship |
//! | `command` | the command against the HTTP API: what it prints, how it follows a roll-out, its exit status |
//! | `gateway` | the HTTP API: real signatures in front, the real Lambda runtime behind |
//! | `simulate` (here in `src`, and a binary) | the control code over a simulated AWS, with everything going wrong by a seed |
//! | `story` | whole runs: push, lost event, broken image and why, versions, wrong platform, template revision, one-off tasks, bad input, nothing left behind |
//!
//! `client` signs requests of the HTTP API. `schema` holds JSON against the part of JSON Schema that is used here.

pub mod client;
pub mod inbox;
pub mod layout;
pub mod schema;
pub mod simulate;
pub mod template;
pub mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pushboat_cli::image::game;
use pushboat_cli::local::stack::{Choices, Programs};
use pushboat_cli::local::{Local, LocalSettings, Ports};
use serde_json::Value;

/// The workspace, as cargo knows it.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The game's static binary, built once for all tests of this process.
pub fn game_binary() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let built =
        BUILT.get_or_init(|| game::ensure_game_binary(&mut |_| ()).map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

/// The functions as they ship, one binary each, in the folder that cargo puts them. The whole workspace is named so
/// that features are the ones already built.
pub fn function_binaries() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let build = || -> Result<PathBuf> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(workspace()).args(["build", "--workspace", "--bins", "--quiet"]);
        let done = command.output().context("cargo build --workspace --bins")?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        // target/<profile>/deps/<this test>
        let this = std::env::current_exe()?;
        let folder = this.parent().and_then(Path::parent).context("the test's own folder")?;
        ensure!(folder.join("deploy").is_file(), "no deploy in {}", folder.display());
        Ok(folder.to_owned())
    };
    BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}

/// What a test may want otherwise.
#[derive(Debug, Clone)]
pub struct Wishes {
    pub tasks: u32,
    /// Long, so that only a test that asks for sweeps gets them.
    pub sweep_every: Duration,
    pub lose_push_events: bool,
    /// So that the test can tell what the functions asked of AWS.
    pub record_calls: bool,
    /// Of the service; without them its count stays what it is.
    pub service_tags: BTreeMap<String, String>,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes {
            tasks: 4,
            sweep_every: Duration::from_secs(3_600),
            lose_push_events: false,
            record_calls: false,
            service_tags: BTreeMap::new(),
        }
    }
}

/// Until what is asked for now is later than what was pushed before: the registry tells whole seconds, and of the same
/// second the push counts.
pub async fn a_later_second() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

/// A place on free ports with the functions as they ship, its placeholder healthy.
pub async fn place(wishes: Wishes) -> Result<Local> {
    let (game, programs) =
        tokio::task::spawn_blocking(|| anyhow::Ok((game_binary()?, function_binaries()?))).await??;
    let choices = Choices {
        tasks: wishes.tasks,
        sweep_every: wishes.sweep_every,
        lose_push_events: wishes.lose_push_events,
        no_limits: false,
        retry_delays: vec![Duration::from_millis(100); 2],
        programs: Programs::Folder(programs),
        service_tags: wishes.service_tags,
    };
    Local::start(LocalSettings {
        record_calls: wishes.record_calls,
        ports: Ports::default(),
        choices,
        provisioning: Duration::from_millis(200),
        announce: false,
        game,
    })
    .await
}

/// CloudWatch of this place.
pub fn cloudwatch(local: &Local) -> aws_sdk_cloudwatch::Client {
    let addresses = &local.addresses;
    wire::cloudwatch_at(&addresses.aws, &addresses.access_key_id, &addresses.secret_access_key)
}

/// Every decision that the functions have logged so far, oldest first.
pub fn decisions(local: &Local) -> Vec<Value> {
    let lines = local.place.lambda().log_lines();
    let json = lines.iter().filter_map(|line| serde_json::from_str::<Value>(&line.line).ok());
    json.filter(|line| line.get("decision").is_some()).collect()
}

/// How many revisions of the game's task definition there are, the template's among them.
pub fn revisions(local: &Local) -> usize {
    local.place.hub().with(|world| world.ecs.task_definitions.len())
}

/// What the service has said, newest first, for a test that waited in vain.
pub fn service_events(local: &Local) -> Vec<String> {
    local.place.hub().with(|world| {
        let services = world.ecs.services.iter();
        services.flat_map(|service| service.events.iter().map(|event| event.message.clone())).collect()
    })
}
