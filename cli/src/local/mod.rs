//! `pushboat local`: AWS on this machine, with Pushboat's functions and the game's service in it.

mod address_book;
mod narrator;
pub mod stack;

pub(crate) use address_book::addresses;
pub use address_book::{Addresses, find};
pub(crate) use narrator::Narrator;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pushboat_local::gateway::Throttle;
use pushboat_local::hub::Hub;
use pushboat_local::place::{Deployed, Endpoints, Place, PlaceSettings};
use pushboat_local::world::Settings;
use tempfile::TempDir;

use crate::args;
use crate::demo::view::View;
use crate::image::game;
use crate::push::{self, PushOutcome, PushProgress, PushRequest, Source};
use crate::terminal::{Page, Voice};
use stack::{Choices, Programs};

/// How long the service may take to be healthy on its first image.
const FIRST_TASKS: Duration = Duration::from_secs(60);

/// A place with the stack in it. Dropping it without [`Local::shutdown`] still kills every process.
#[derive(Debug)]
pub struct Local {
    pub place: Place,
    pub addresses: Addresses,
    game: PathBuf,
    /// Removed, with everything in it, when this goes.
    folder: TempDir,
    entry: Option<address_book::Entry>,
}

/// What a caller chooses about the place as a whole.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// For a test that looks at what the functions ask of AWS.
    pub record_calls: bool,
    pub ports: Ports,
    pub choices: Choices,
    /// How long a task is provisioned.
    pub provisioning: Duration,
    /// Write the addresses where other commands find them.
    pub announce: bool,
    /// The game's binary, built.
    pub game: PathBuf,
}

/// Where the place listens; 0 is any free port.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    pub aws: u16,
    pub registry: u16,
    pub game: u16,
    pub api: u16,
}

impl LocalSettings {
    pub fn of(place: &args::Place, game: PathBuf) -> Result<LocalSettings> {
        Ok(LocalSettings {
            record_calls: false,
            ports: Ports {
                aws: place.aws_port,
                registry: place.registry_port,
                game: place.game_port,
                api: place.api_port,
            },
            choices: Choices {
                tasks: place.tasks,
                sweep_every: Duration::from_secs_f64(place.sweep_seconds),
                lose_push_events: place.lose_push_events,
                no_limits: place.no_limits,
                retry_delays: stack::RETRY_DELAYS.to_vec(),
                programs: Programs::OneForAll(std::env::current_exe().context("this program's own path")?),
                service_tags: BTreeMap::new(),
            },
            provisioning: Duration::from_secs_f64(place.provisioning_seconds),
            announce: true,
            game,
        })
    }
}

impl Local {
    /// Opens the place, sets up the stack and waits until the placeholder is healthy.
    pub async fn start(settings: LocalSettings) -> Result<Local> {
        let folder = tempfile::Builder::new().prefix("pushboat-").tempdir().context("a temporary folder")?;
        let (secret, password) = (secret()?, secret()?);
        let mut world = Settings::default();
        world.timing.provisioning_millis = i64::try_from(settings.provisioning.as_millis())?;
        let access_key_id = "AKIAPUSHBOATLOCAL".to_owned();
        let place_settings = PlaceSettings {
            aws_port: settings.ports.aws,
            registry_port: settings.ports.registry,
            game_port: settings.ports.game,
            api_port: settings.ports.api,
            folder: folder.path().to_owned(),
            access_key_id: access_key_id.clone(),
            secret_access_key: secret.clone(),
            registry_password: password.clone(),
            record_calls: settings.record_calls,
            world: world.clone(),
        };
        let mut api = stack::api();
        if settings.choices.no_limits {
            api.throttle = Throttle::default();
        }
        let rules = stack::rules(&settings.choices, &world)?;
        let environment = |endpoints: &Endpoints| {
            // Credentials are Lambda's to give.
            vec![("AWS_ENDPOINT_URL".to_owned(), format!("http://{}", endpoints.aws))]
        };
        let place = Place::start(place_settings, |endpoints| Deployed {
            functions: stack::functions(&settings.choices, &environment(endpoints)),
            rules,
            api,
            stack: Some(stack::declared(endpoints, &world)),
        });
        let place = place.await?;
        if settings.choices.no_limits {
            place.hub().with(|world| world.limits.turn(false));
        }
        if settings.choices.lose_push_events {
            place.bus().lose(stack::every_push()?);
        }
        let endpoints = place.endpoints();
        let addresses = Addresses {
            process_id: std::process::id(),
            game: format!("http://{}", endpoints.game),
            aws: format!("http://{}", endpoints.aws),
            registry: format!("http://{}", endpoints.registry),
            api: format!("http://{}", endpoints.api),
            control: format!("http://{}/_local/", endpoints.aws),
            region: world.region,
            account: world.account,
            access_key_id,
            secret_access_key: secret,
            registry_password: password,
        };
        let entry = match settings.announce {
            true => Some(address_book::Entry::write(&addresses)?),
            false => None,
        };
        let local = Local { place, addresses, game: settings.game, folder, entry };
        match local.set_up(&settings.choices).await {
            Ok(()) => Ok(local),
            Err(error) => {
                local.shutdown().await;
                Err(error)
            }
        }
    }

    /// What to set so that other commands find this place, where they find another.
    pub(crate) fn hint(&self) -> Option<String> {
        self.entry.as_ref()?.hint()
    }

    async fn set_up(&self, choices: &Choices) -> Result<()> {
        stack::create_foundation(&self.place)?;
        let placeholder = Source::Game {
            binary: self.game.clone(),
            label: "nothing pushed yet".to_owned(),
            colour: None,
            placeholder: true,
        };
        self.push(placeholder, &[stack::PLACEHOLDER_TAG], &push::Quiet).await?;
        stack::create_service(&self.place, choices)?;
        self.wait_until(FIRST_TASKS, View::is_settled)
            .await
            .context("the placeholder did not become healthy")?;
        Ok(())
    }

    /// Pushes to this place's registry, the way any client does.
    pub async fn push(
        &self,
        source: Source,
        tags: &[&str],
        progress: &dyn PushProgress,
    ) -> Result<PushOutcome> {
        let request = PushRequest {
            source,
            repository: stack::REPOSITORY.to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            registry: self.addresses.registry.clone(),
            password: self.addresses.registry_password.clone(),
        };
        push::push(request, progress).await
    }

    /// An image of the game under its version tag and the tag that the service follows.
    pub async fn push_version(&self, version: &str, progress: &dyn PushProgress) -> Result<PushOutcome> {
        let source = Source::Game {
            binary: self.game.clone(),
            label: version.to_owned(),
            colour: None,
            placeholder: false,
        };
        self.push(source, &[version, stack::TRACKED_TAG], progress).await
    }

    pub fn view(&self) -> Option<View> {
        self.place.hub().with(|world| View::of(world))
    }

    /// Looks until it is so, or says what the service said last.
    pub async fn wait_until(&self, patience: Duration, reached: impl Fn(&View) -> bool) -> Result<View> {
        let since = Instant::now();
        loop {
            let view = self.view().context("the service is gone")?;
            if reached(&view) {
                return Ok(view);
            }
            if since.elapsed() > patience {
                bail!("not reached in {} s; the service says: {}", patience.as_secs(), view.latest_event);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where layers, unpacked images and task files are while the place is up.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends every process and removes every file.
    pub async fn shutdown(self) {
        self.place.shutdown().await;
    }
}

/// Runs until Ctrl-C.
pub async fn run(arguments: args::Local) -> Result<ExitCode> {
    let page = Page::new(Voice::choose(false));
    let mut interrupted = tokio::spawn(interrupted());
    if arguments.speed > 1 {
        Hub::run_faster(arguments.speed);
    }
    let local = tokio::select! {
        local = begin(&page, &arguments.place, stack::capacity()) => local?,
        _ = &mut interrupted => return Ok(INTERRUPTED.into()),
    };
    page.say(addresses(&local.addresses));
    if let Some(hint) = local.hint() {
        page.say(format!("\n{hint}"));
    }
    page.say(format!(
        "\nThe service runs a placeholder. In another terminal:\n\n  cargo run -- push game --tag v1\n\nand open {}. \
         Ctrl-C ends everything.",
        local.addresses.game
    ));
    narrate(&local, &page, interrupted).await;
    page.say("\nending every process …");
    end(local).await
}

/// What a shell expects of a program that Ctrl-C ended before it was done.
pub(crate) const INTERRUPTED: u8 = 130;

/// Builds the game if need be and starts the place, with what is going on shown.
pub(crate) async fn begin(
    page: &Page,
    place: &args::Place,
    service_tags: BTreeMap<String, String>,
) -> Result<Local> {
    let game = build_game(page).await?;
    let spinner = page.spinner("starting ECS, ECR, load balancer, Lambda and API Gateway, two zones");
    let mut settings = LocalSettings::of(place, game)?;
    settings.choices.service_tags = service_tags;
    let local = Local::start(settings).await;
    spinner.finish_and_clear();
    let local = local?;
    let endpoints = local.place.endpoints();
    for (wanted, got) in [
        (place.game_port, endpoints.game.port()),
        (place.aws_port, endpoints.aws.port()),
        (place.registry_port, endpoints.registry.port()),
        (place.api_port, endpoints.api.port()),
    ] {
        if wanted != 0 && wanted != got {
            page.say(format!("  port {wanted} is taken; {got} is used instead"));
        }
    }
    Ok(local)
}

/// Ends the place; a second Ctrl-C does not wait for it.
pub(crate) async fn end(local: Local) -> Result<ExitCode> {
    tokio::select! {
        () = local.shutdown() => Ok(ExitCode::SUCCESS),
        () = interrupted() => Ok(INTERRUPTED.into()),
    }
}

/// Tells what happens until somebody says stop.
pub(crate) async fn narrate(local: &Local, page: &Page, mut interrupted: tokio::task::JoinHandle<()>) {
    let mut narrator = Narrator::new(local);
    loop {
        tokio::select! {
            _ = &mut interrupted => return,
            told = narrator.next() => match told {
                Some(told) => page.say(told),
                None => return,
            },
        }
    }
}

/// The game's static binary, built on first use, with what cargo is doing shown.
pub(crate) async fn build_game(page: &Page) -> Result<PathBuf> {
    let spinner = page.spinner("building the game (once)");
    let shown = spinner.clone();
    let built = tokio::task::spawn_blocking(move || {
        game::ensure_game_binary(&mut |line: &str| {
            shown.set_message(format!("building the game (once): {line}"))
        })
    });
    let built = built.await?;
    spinner.finish_and_clear();
    built.context("the game could not be built")
}

/// Ctrl-C, being asked to end, or a terminal that goes away.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminated, hung_up) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut terminated), Ok(mut hung_up)) = (terminated, hung_up) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
}

/// Thirty-two random hex digits: whoever knows them may push and call the AWS APIs, nobody else on this machine may.
/// Only the views under `/_local/` are open to all of it.
fn secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("/dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
