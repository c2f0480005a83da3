//! Configs and layers on disk, each under its digest, and which repository may see which. What is under a digest
//! has that digest: bytes come in as an upload and are moved here once they have been verified.
//!
//! ```text
//! blobs/sha256/<hex>             the bytes, once, whoever pushed them
//! links/<repository>/_blobs/<hex>   "this repository has it"
//! uploads/<id>                   what is still coming in
//! ```
//!
//! It does not know manifests: those are in the world.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::digest::Digest;
use super::uploads::Upload;

/// Cheap to clone: all clones are the same store.
#[derive(Debug, Clone)]
pub struct BlobStore {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    root: PathBuf,
    pub(super) uploads: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Upload>>>>,
    settled: Mutex<()>,
}

/// While it is held no blob appears or disappears, so that what was checked stays true.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    store: &'a BlobStore,
    _guard: MutexGuard<'a, ()>,
}

impl BlobStore {
    /// Opens the store in a folder, which may be new. Unfinished uploads of an earlier run are dropped.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<BlobStore> {
        let root = root.into();
        match fs::remove_dir_all(root.join("uploads")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for folder in ["blobs/sha256", "links", "uploads"] {
            fs::create_dir_all(root.join(folder))?;
        }
        let inner = Inner { root, uploads: Mutex::default(), settled: Mutex::default() };
        Ok(BlobStore { inner: Arc::new(inner) })
    }

    /// Where the bytes are, if they are here.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.inner.root.join("blobs/sha256").join(digest.hex())
    }

    /// The size of a blob, if the repository has it.
    pub fn size(&self, repository: &str, digest: &Digest) -> io::Result<Option<u64>> {
        if !self.link(repository, digest).try_exists()? {
            return Ok(None);
        }
        match fs::metadata(self.path(digest)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a repository what another one has. `false`: the other one does not have it.
    pub fn mount(&self, digest: &Digest, from: &str, to: &str) -> io::Result<bool> {
        let settled = self.settle();
        if self.size(from, digest)?.is_none() {
            return Ok(false);
        }
        settled.link(to, digest)?;
        Ok(true)
    }

    /// Takes everything from a repository that is no more.
    pub fn forget_repository(&self, repository: &str) -> io::Result<()> {
        let settled = self.settle();
        let folder = self.links(repository);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name();
            let digest = name.to_str().and_then(|hex| Digest::parse(&format!("sha256:{hex}")));
            if let Some(digest) = digest {
                settled.unlink(repository, &digest)?;
            }
        }
        fs::remove_dir(folder)
    }

    pub(super) fn settle(&self) -> Settled<'_> {
        Settled {
            store: self,
            // The lock guards no data, so a panic under it has left none half changed.
            _guard: self.inner.settled.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    pub(super) fn uploads_folder(&self) -> PathBuf {
        self.inner.root.join("uploads")
    }

    /// No repository can be called `_blobs`, so the folders of `a` and `a/b` do not meet.
    fn links(&self, repository: &str) -> PathBuf {
        self.inner.root.join("links").join(repository).join("_blobs")
    }

    fn link(&self, repository: &str, digest: &Digest) -> PathBuf {
        self.links(repository).join(digest.hex())
    }
}

impl Settled<'_> {
    /// Moves verified bytes under their digest and gives them to the repository.
    pub(super) fn admit(&self, repository: &str, digest: &Digest, bytes: &Path) -> io::Result<()> {
        let path = self.store.path(digest);
        if !path.try_exists()? {
            fs::rename(bytes, path)?;
        }
        self.link(repository, digest)
    }

    fn link(&self, repository: &str, digest: &Digest) -> io::Result<()> {
        fs::create_dir_all(self.store.links(repository))?;
        fs::write(self.store.link(repository, digest), [])
    }

    /// Takes a blob from the repository; the bytes go when no repository has them any more.
    pub(super) fn unlink(&self, repository: &str, digest: &Digest) -> io::Result<()> {
        fs::remove_file(self.store.link(repository, digest))?;
        if !is_linked(&self.store.inner.root.join("links"), digest)? {
            fs::remove_file(self.store.path(digest))?;
        }
        Ok(())
    }
}

fn is_linked(folder: &Path, digest: &Digest) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("_blobs") {
            if path.join(digest.hex()).try_exists()? {
                return Ok(true);
            }
        } else if is_linked(&path, digest)? {
            return Ok(true);
        }
    }
    Ok(false)
}
