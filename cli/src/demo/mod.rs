//! The story: a game goes live, a new version replaces it under traffic and not one request is lost, and when more
//! visitors come there are more tasks; and a person has another word.

mod person;
mod report;
mod screen;
mod surge;
pub mod view;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pushboat_local::traffic::Traffic;
use pushboat_local::world::ecs::{RolloutState, TaskDefinition};

use crate::args;
use crate::local::{self, Local, Narrator};
use crate::push::Upload;
use crate::terminal::{Page, Voice};
use person::Person;
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
    page.heading("AWS on this machine");
    let local = tokio::select! {
        local = local::begin(&page, &arguments.place, Default::default()) => local,
        _ = &mut interrupted => return Ok(local::INTERRUPTED.into()),
    };
    let local = match local {
        Ok(local) => local,
        Err(error) => {
            print_if(arguments.json, &Report::failed(&error))?;
            return Err(error);
        }
    };
    page.say(format!("  the service runs {} tasks of a placeholder", arguments.place.tasks));

    let mut report = Report::default();
    let patience = PATIENCE + Duration::from_secs_f64(arguments.place.sweep_seconds);
    let teller = Teller { local: &local, page: &page, patience };
    let told = tokio::select! {
        told = teller.tell(arguments.rate, &mut report) => Some(told),
        _ = &mut interrupted => None,
    };
    match told {
        Some(Ok(())) => page.say(report.in_words()),
        Some(Err(error)) => {
            page.say(format!("pushboat: {error:#}"));
            report.error = Some(format!("{error:#}"));
        }
        None => report.error = Some("interrupted".to_owned()),
    }
    let stays = report.error.is_none() && !arguments.exit;
    if stays {
        page.say(format!("\nEverything stays up until Ctrl-C.\n\n{}", local::addresses(&local.addresses)));
        if let Some(hint) = local.hint() {
            page.say(format!("\n{hint}"));
        }
        page.say("\nPush the next one: cargo run -- push game --tag v3\n");
        local::narrate(&local, &page, interrupted).await;
    }
    print_if(arguments.json, &report)?;
    local::end(local).await?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_if(json: bool, report: &Report) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(report)?);
    }
    Ok(())
}

/// Who tells the story, where, and how long a roll-out may take in it.
struct Teller<'a> {
    local: &'a Local,
    page: &'a Page,
    patience: Duration,
}

impl Teller<'_> {
    async fn tell(&self, rate: u32, report: &mut Report) -> Result<()> {
        let Teller { local, page, .. } = self;
        page.heading("Version 1: pushed, and nothing else is done");
        let (first, took) = self.release("v1").await?;
        report.first_rollout_seconds = tenths(took);
        page.say(format!("  the game     {}", local.addresses.game));

        page.heading(&format!("Version 2: pushed under {rate} requests a second"));
        let traffic = Traffic::start(&local.addresses.game, f64::from(rate), connections(rate))?;
        tokio::time::sleep(MARGIN).await;
        let released = self.release("v2").await;
        tokio::time::sleep(MARGIN).await;
        report.served(traffic.stop().await);
        let (view, took) = released?;
        report.rollout_seconds = tenths(took);
        report.tasks_per_zone = view.healthy_per_zone();
        let name = |revision: &TaskDefinition| format!("{}:{}", revision.family, revision.revision);
        report.revisions =
            local.place.hub().with(|world| world.ecs.task_definitions.iter().map(name).collect());

        page.heading(&format!("A surge: for AWS, time runs {} times as fast", surge::SPEED));
        report.surge = Some(self.surge().await?);

        page.heading("A person asks: more tasks for a while, and then back to version 1");
        let person = report.person.insert(Person::default());
        self.count_for_a_time(person).await?;
        self.roll_back(&first, rate, person).await?;
        Ok(())
    }

    /// Pushes a version and follows it until nothing of the old one is left.
    async fn release(&self, version: &str) -> Result<(View, Duration)> {
        let Teller { local, page, patience } = self;
        let mut narrator = Narrator::new(local);
        let upload = Upload::new(page);
        let since = Instant::now();
        let pushed = local.push_version(version, &upload).await?;
        upload.finish(page, &pushed);

        let before = local.view().context("the service is gone")?;
        let mut screen = Screen::new(page, &before);
        loop {
            let view = local.view().context("the service is gone")?;
            let is_ours = view.digest.as_ref() == Some(&pushed.digest);
            if is_ours {
                screen.show(&view);
            } else {
                screen.wait();
            }
            for told in narrator.so_far().iter().filter(|told| !told.contains(" kept")) {
                page.say(told);
            }
            if is_ours && view.is_settled() {
                let took = since.elapsed();
                screen.finish(&view, took);
                return Ok((view, took));
            }
            if is_ours && view.rollout == RolloutState::Failed {
                bail!("{version} did not roll out: {}; {}", view.rollout_reason, view.latest_event);
            }
            if since.elapsed() > *patience {
                bail!("{version} is not out after {} s; {}", patience.as_secs(), view.latest_event);
            }
            tokio::time::sleep(Duration::from_millis(80)).await;
        }
    }
}

fn tenths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

/// Enough connections that a slow answer does not hold up the next request.
fn connections(rate: u32) -> usize {
    (rate as usize / 10).clamp(4, 64)
}
