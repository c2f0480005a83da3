//! The 2048 demo server: one page, one health check, one answer that says who served it.
//!
//! It knows nothing of Pushboat. What it tells about itself comes from its environment and, on ECS, from the task
//! metadata endpoint.

mod clock;
mod colour;
mod metadata;
mod page;
mod server;
mod settings;
mod site;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use settings::Settings;
use site::Site;

/// Requests in flight get this long after SIGTERM. ECS itself waits 30 seconds before it kills.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only_checks = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => false,
        ["--check"] => true,
        ["--version"] => {
            println!("game-2048 {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {
            let words = arguments.join(" ");
            eprintln!(
                "game-2048: nobody knows {words:?}; there are --check and --version, and nothing to serve the game"
            );
            return ExitCode::from(2);
        }
    };
    let settings = match Settings::read(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("game-2048: {error}");
            return ExitCode::from(2);
        }
    };
    if only_checks {
        println!("game-2048 {}: the settings can be meant", env!("CARGO_PKG_VERSION"));
        println!("it would serve {settings}");
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("game-2048: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("game-2048: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> std::io::Result<()> {
    // Registered before anything else, so that a stop that comes early is a clean one too.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };

    let started_at = SystemTime::now();
    let place = match &settings.metadata {
        None => metadata::Place::local(),
        Some(endpoint) => metadata::read(endpoint).await,
    };
    let listener = TcpListener::bind(settings.listen).await?;
    println!(
        "game-2048 version={} task={} zone={} listens on {}",
        settings.version,
        place.task,
        place.zone,
        listener.local_addr()?
    );
    let site = Arc::new(Site::new(&settings, &place, started_at));
    match server::serve(listener, site, stop, GRACE).await {
        server::Ended::Drained => println!("game-2048 stopped, nothing was in flight any more"),
        server::Ended::GraceOver => println!("game-2048 stopped after {GRACE:?} with requests in flight"),
    }
    Ok(())
}
