//! The story: a game goes live, a new version replaces it under traffic, and not one request is lost.

mod report;
mod screen;
pub mod view;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pushboat_local::traffic::{Traffic, TrafficReport};
use pushboat_local::world::ecs::RolloutState;

use crate::args;
use crate::local::{self, Local, LocalSettings};
use crate::push::Upload;
use crate::terminal::{Page, Voice};
use report::Report;
use screen::Screen;
use view::View;

/// How long a roll-out may take before the story is called off.
const PATIENCE: Duration = Duration::from_secs(120);
/// Traffic before and after the roll-out, so that both versions are seen to serve.
const MARGIN: Duration = Duration::from_secs(1);

pub async fn run(arguments: args::Demo) -> Result<ExitCode> {
    let page = Page::new(Voice::choose(arguments.json));
    let mut interrupted = tokio::spawn(local::interrupted());
    let starting = async {
        let game = local::build_game(&page).await?;
        page.heading("AWS on this machine");
        let spinner = page.spinner("ECS, ECR, load balancer and Lambda are starting, two zones");
        let local = Local::start(LocalSettings::of(&arguments.place, game)?).await;
        spinner.finish_and_clear();
        local
    };
    let local = tokio::select! {
        local = starting => local?,
        _ = &mut interrupted => return Ok(ExitCode::FAILURE),
    };
    page.say(format!(
        "  the service runs {} tasks of a placeholder",
        arguments.place.tasks
    ));

    let told = tokio::select! {
        told = tell(&local, &page, arguments.rate) => Some(told),
        _ = &mut interrupted => None,
    };
    let code = match told {
        None => Ok(ExitCode::FAILURE),
        Some(Err(error)) => Err(error),
        Some(Ok(report)) => {
            page.say(report.in_words());
            if !arguments.exit {
                page.say(format!(
                    "\nEverything stays up until Ctrl-C.\n\n{}",
                    local::addresses(&local.addresses)
                ));
                page.say("\nPush the next one: cargo run -- push game --tag v3\n");
                local::narrate(&local, &page, interrupted).await;
            }
            if arguments.json {
                println!("{}", serde_json::to_string(&report)?);
            }
            Ok(if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    };
    local.shutdown().await;
    code
}

async fn tell(local: &Local, page: &Page, rate: u32) -> Result<Report> {
    page.heading("Version 1: pushed, and nothing else is done");
    let (_, first) = release(local, page, "v1").await?;
    page.say(format!("  the game     {}", local.addresses.game));

    page.heading(&format!("Version 2: pushed under {rate} requests a second"));
    let traffic = Traffic::start(&local.addresses.game, f64::from(rate), connections(rate))?;
    tokio::time::sleep(MARGIN).await;
    let released = release(local, page, "v2").await;
    tokio::time::sleep(MARGIN).await;
    let traffic: TrafficReport = traffic.stop().await;
    let (view, second) = released?;

    let revisions = local.place.hub().with(|world| {
        world
            .ecs
            .task_definitions
            .iter()
            .map(|revision| format!("{}:{}", revision.family, revision.revision))
            .collect()
    });
    Ok(Report::new(traffic, [first, second], revisions, &view))
}

/// Pushes a version and follows it until nothing of the old one is left.
async fn release(local: &Local, page: &Page, version: &str) -> Result<(View, Duration)> {
    let upload = Upload::new(page);
    let since = Instant::now();
    let pushed = local.push_version(version, &upload).await?;
    upload.finish(page, &pushed);

    let before = local.view().context("the service is gone")?;
    let mut screen = Screen::new(page, &before);
    let mut lines = local.place.lambda().subscribe_log();
    loop {
        let view = local.view().context("the service is gone")?;
        let is_ours = view.digest.as_ref() == Some(&pushed.digest);
        if is_ours {
            screen.show(&view);
        }
        while let Ok(line) = lines.try_recv() {
            if let Some(decision) = local::decision(&line.line).filter(|words| !words.starts_with("kept")) {
                page.say(format!("  {:<12} {decision}", line.function));
            }
        }
        if is_ours && view.is_settled() {
            let took = since.elapsed();
            screen.finish(&view, took);
            return Ok((view, took));
        }
        if is_ours && view.rollout == RolloutState::Failed {
            bail!(
                "{version} did not roll out: {}; {}",
                view.rollout_reason,
                view.latest_event
            );
        }
        if since.elapsed() > PATIENCE {
            bail!(
                "{version} is not out after {} s; the service says: {}",
                PATIENCE.as_secs(),
                view.latest_event
            );
        }
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
}

/// Enough connections that a slow answer does not hold up the next request.
fn connections(rate: u32) -> usize {
    (rate as usize / 10).clamp(4, 64)
}
