//! `pushboat push`: finds the registry, makes or reads the image, and shows how far it is.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::{PushOutcome, PushProgress, PushRequest, Source, push};
use crate::args;
use crate::local::{self, stack};
use crate::terminal::{Page, Voice};

pub(crate) async fn run(arguments: args::Push) -> Result<ExitCode> {
    let page = Page::new(Voice::choose(false));
    let target = target(&arguments)?;
    let mut tags = vec![arguments.tag.clone()];
    tags.extend(arguments.follow.clone().filter(|tag| !tag.is_empty() && *tag != arguments.tag));
    let follows =
        arguments.repository == stack::REPOSITORY && tags.iter().any(|tag| tag == stack::TRACKED_TAG);
    let source = source(&arguments, &page).await?;
    let request = PushRequest {
        source,
        repository: arguments.repository,
        tags,
        registry: target.registry,
        password: target.password,
    };
    let upload = Upload::new(&page);
    let pushed = push(request, &upload).await?;
    upload.finish(&page, &pushed);
    match target.game {
        Some(game) if follows => page.say(format!("  the service takes it from here; the game is at {game}")),
        Some(_) => page.say("  no service of this place follows these tags"),
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Where to push to, with which password, and the game of that place if it is a running one.
struct Target {
    registry: String,
    password: String,
    game: Option<String>,
}

fn target(arguments: &args::Push) -> Result<Target> {
    let bare = |url: &str| url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    if let (Some(registry), Some(password)) = (&arguments.registry, &arguments.registry_password) {
        return Ok(Target { registry: registry.clone(), password: password.clone(), game: None });
    }
    let place = local::find(arguments.place.as_deref());
    if let Some(registry) = &arguments.registry {
        // The password of one registry is not for another.
        let here = place.as_ref().is_ok_and(|place| bare(&place.registry) == bare(registry));
        ensure!(here, "{registry} is not that of a running `pushboat local`: give --registry-password");
    }
    let place = place?;
    let password = arguments.registry_password.clone().unwrap_or(place.registry_password);
    Ok(Target { registry: place.registry, password, game: Some(place.game) })
}

async fn source(arguments: &args::Push, page: &Page) -> Result<Source> {
    if arguments.source != "game" {
        ensure!(
            arguments.label.is_none() && arguments.colour.is_none(),
            "--label and --colour are for the game; {} is an OCI layout",
            arguments.source
        );
        return Ok(Source::Layout(PathBuf::from(&arguments.source)));
    }
    Ok(Source::Game {
        binary: local::build_game(page).await?,
        label: arguments.label.clone().unwrap_or_else(|| arguments.tag.clone()),
        colour: arguments.colour.clone(),
        placeholder: false,
    })
}

/// The bar of a push.
#[derive(Debug)]
pub(crate) struct Upload(indicatif::ProgressBar);

impl Upload {
    pub(crate) fn new(page: &Page) -> Upload {
        Upload(page.bar("image", 0, "  {prefix:<14} {bar:24.cyan/dim} {bytes}/{total_bytes}"))
    }

    /// Takes the bar away and leaves a line.
    pub(crate) fn finish(&self, page: &Page, pushed: &PushOutcome) {
        self.0.finish_and_clear();
        page.say(format!(
            "  pushed       {}:{}, {} sent, {} layers there already, {}",
            pushed.repository,
            pushed.tags.join(" and :"),
            indicatif::HumanBytes(pushed.bytes_uploaded),
            pushed.blobs_reused,
            pushed.digest.get(..19).unwrap_or(&pushed.digest)
        ));
    }
}

impl PushProgress for Upload {
    fn total(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn sent(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}
