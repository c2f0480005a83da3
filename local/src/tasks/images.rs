//! Images on disk: resolved once per task, unpacked once per image however many tasks want it at the same time.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::error::StartError;
use super::unpack::{self, UnpackError};
use crate::registry::{Platform, ResolvedImage};

pub type ImageError = Box<dyn std::error::Error + Send + Sync>;

/// Where images come from. Any closure of this shape is one:
///
/// ```ignore
/// move |image: &str, platform: &Platform| registry.resolve(image, platform).map_err(Into::into)
/// ```
pub trait Images: Send + Sync + 'static {
    /// May read files; is called where that does no harm. The error's text stands behind
    /// `CannotPullContainerError: `.
    fn resolve(&self, image: &str, platform: &Platform) -> Result<ResolvedImage, ImageError>;
}

impl<F> Images for F
where
    F: Fn(&str, &Platform) -> Result<ResolvedImage, ImageError> + Send + Sync + 'static,
{
    fn resolve(&self, image: &str, platform: &Platform) -> Result<ResolvedImage, ImageError> {
        self(image, platform)
    }
}

pub(super) struct ImageStore {
    source: Arc<dyn Images>,
    folder: PathBuf,
    unpacked: Mutex<HashMap<String, Arc<OnceCell<PathBuf>>>>,
}

impl ImageStore {
    pub(super) fn new(source: impl Images, folder: PathBuf) -> ImageStore {
        ImageStore { source: Arc::new(source), folder, unpacked: Mutex::default() }
    }

    /// The image and the folder that holds its files.
    pub(super) async fn pull(
        &self,
        image: &str,
        platform: &Platform,
    ) -> Result<(ResolvedImage, PathBuf), StartError> {
        let (source, name, wanted) = (self.source.clone(), image.to_owned(), platform.clone());
        let resolved = spawn_blocking(move || source.resolve(&name, &wanted))
            .await
            .map_err(|panicked| StartError::Pull(panicked.into()))?
            .map_err(StartError::Pull)?;
        let cell = {
            let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
            unpacked.entry(resolved.manifest_digest.clone()).or_default().clone()
        };
        // Whoever comes second waits for the first; after a failure the next one tries again.
        let root = cell.get_or_try_init(|| self.unpack(&resolved)).await?.clone();
        Ok((resolved, root))
    }

    async fn unpack(&self, image: &ResolvedImage) -> Result<PathBuf, StartError> {
        let layers = image.layers.clone();
        let folder = self.folder.clone();
        let name = image.manifest_digest.replace(':', "-");
        let root = spawn_blocking(move || {
            let failed = |source| UnpackError::Folder { path: folder.display().to_string(), source };
            unpack_into(&folder, &name, |root| unpack::unpack(&layers, root), failed)
        });
        let root = root.await.map_err(|panicked| StartError::Pull(panicked.into()))??;
        Ok(root)
    }
}

/// `<folder>/<name>/rootfs` appears whole or not at all.
fn unpack_into(
    folder: &Path,
    name: &str,
    unpack: impl FnOnce(&Path) -> Result<(), UnpackError>,
    failed: impl Fn(io::Error) -> UnpackError,
) -> Result<PathBuf, UnpackError> {
    static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
    let finished = folder.join(name);
    if finished.is_dir() {
        return Ok(finished.join("rootfs"));
    }
    let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!(".{name}-{}-{attempt}", std::process::id()));
    let root = unfinished.join("rootfs");
    fs::create_dir_all(&root).map_err(&failed)?;
    let result = unpack(&root).and_then(|()| fs::rename(&unfinished, &finished).map_err(&failed));
    if result.is_err() {
        // The failure that matters is the first one.
        let _ = fs::remove_dir_all(&unfinished);
    }
    result.map(|()| finished.join("rootfs"))
}
