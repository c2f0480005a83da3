//! Pushing: an image made from the game or read from a layout, under its tags, into a registry of this machine.
//!
//! `command` is what `pushboat push` does around it.

mod command;

pub(crate) use command::{Upload, run};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::image::compose::{self, Recipe};
use crate::image::upload::{Repository, Sent};
use crate::image::{Image, game, layout};

/// Colours that tell versions apart on a dark and on a light page.
const PALETTE: [&str; 8] =
    ["#2563eb", "#c2410c", "#15803d", "#9333ea", "#b91c1c", "#0f766e", "#a16207", "#be185d"];

#[derive(Debug, Clone)]
pub enum Source {
    /// An image made from the game's binary.
    Game { binary: PathBuf, label: String, colour: Option<String>, placeholder: bool },
    /// A folder, or a tar of one.
    Layout(PathBuf),
}

#[derive(Debug, Clone)]
pub struct PushRequest {
    pub source: Source,
    pub repository: String,
    /// In this order; the one that services follow is best last.
    pub tags: Vec<String>,
    pub registry: String,
    pub password: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushOutcome {
    pub repository: String,
    /// What the tags mean now.
    pub digest: String,
    pub tags: Vec<String>,
    pub bytes_uploaded: u64,
    pub blobs_reused: usize,
}

/// Who wants to know how far it is.
pub trait PushProgress: Send + Sync {
    fn total(&self, bytes: u64);
    /// So many more.
    fn sent(&self, bytes: u64);
}

/// Nobody.
#[derive(Debug)]
pub struct Quiet;

impl PushProgress for Quiet {
    fn total(&self, _: u64) {}
    fn sent(&self, _: u64) {}
}

pub async fn push(request: PushRequest, progress: &dyn PushProgress) -> Result<PushOutcome> {
    let PushRequest { source, repository: name, tags, registry, password } = request;
    let repository = Repository::open(&registry, &name, &password)?;
    let tag = tags.first().context("a push needs a tag")?;
    // An unpacked layout lives as long as it is being read.
    let (image, _unpacked) = match &source {
        Source::Game { binary, label, colour, placeholder } => {
            let colour = colour.clone().unwrap_or_else(|| colour_of(tag).to_owned());
            (game_image(binary, tag, label, &colour, *placeholder)?, None)
        }
        Source::Layout(path) => layout::read(path)?,
    };
    let sent = send(&repository, &image, &tags, progress).await?;
    let digest = image.manifests.last().map(|root| root.digest.clone()).unwrap_or_default();
    Ok(PushOutcome { repository: name, digest, tags, bytes_uploaded: sent.bytes, blobs_reused: sent.reused })
}

/// The bytes are counted where they are sent; whoever wants to know is told from here.
async fn send(
    repository: &Repository,
    image: &Image,
    tags: &[String],
    progress: &dyn PushProgress,
) -> Result<Sent> {
    progress.total(image.blobs.iter().map(|blob| blob.size).sum());
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    let note = Arc::new(move |bytes| {
        counter.fetch_add(bytes, Ordering::Relaxed);
    });
    let mut sending = Box::pin(repository.push(image, tags, note));
    let mut told = 0;
    loop {
        let done = tokio::select! {
            sent = &mut sending => Some(sent),
            () = tokio::time::sleep(Duration::from_millis(50)) => None,
        };
        let now = count.load(Ordering::Relaxed);
        progress.sent(now - told);
        told = now;
        if let Some(sent) = done {
            return sent;
        }
    }
}

fn game_image(binary: &Path, version: &str, label: &str, colour: &str, placeholder: bool) -> Result<Image> {
    let program = std::fs::read(binary).with_context(|| binary.display().to_string())?;
    let mut environment = vec![
        format!("GAME_VERSION={version}"),
        format!("GAME_LABEL={label}"),
        format!("GAME_COLOUR={colour}"),
    ];
    if placeholder {
        environment.push("GAME_PLACEHOLDER=1".to_owned());
    }
    compose::image(Recipe { program_name: "game-2048", program, environment, port: game::PORT })
}

/// The same tag has the same colour everywhere; tags that end in a number take turns.
fn colour_of(tag: &str) -> &'static str {
    let digits = tag.len() - tag.trim_end_matches(|it: char| it.is_ascii_digit()).len();
    let number = tag[tag.len() - digits..].parse::<usize>();
    let turn = number.unwrap_or_else(|_| tag.bytes().map(usize::from).sum());
    PALETTE[turn % PALETTE.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_keeps_its_colour_and_the_first_versions_differ() {
        assert_eq!(colour_of("v1"), colour_of("v1"));
        assert_ne!(colour_of("v1"), colour_of("v2"));
    }
}
