//! An image ready to be pushed: made from the game, or read from an OCI layout.
//!
//! | file | subject |
//! |---|---|
//! | `game` | the game's static binary, built on first use |
//! | `compose` | an image of one layer around a binary |
//! | `layout` | an OCI layout that somebody has, checked |
//! | `upload` | the way into a registry |

pub(crate) mod compose;
pub mod game;
pub(crate) mod layout;
pub(crate) mod upload;

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Everything a registry must have before the last manifest makes sense, in the order to send it.
#[derive(Debug)]
pub(crate) struct Image {
    pub blobs: Vec<Blob>,
    /// Children first; the last one is what the tags will mean.
    pub manifests: Vec<Manifest>,
}

#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub digest: String,
    pub size: u64,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Memory(Vec<u8>),
    File(PathBuf),
}

#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub digest: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Blob {
    pub(crate) fn of(bytes: Vec<u8>) -> Blob {
        Blob { digest: digest(&bytes), size: bytes.len() as u64, content: Content::Memory(bytes) }
    }

    pub(crate) fn open(&self) -> Result<Box<dyn Read + Send>> {
        Ok(match &self.content {
            Content::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Content::File(path) => Box::new(File::open(path).with_context(|| path.display().to_string())?),
        })
    }
}

impl Manifest {
    pub(crate) fn of(media_type: &str, bytes: Vec<u8>) -> Manifest {
        Manifest { digest: digest(&bytes), media_type: media_type.to_owned(), bytes }
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    name(Sha256::digest(bytes))
}

/// `sha256:` and the hash in hex.
pub(crate) fn name(hash: impl AsRef<[u8]>) -> String {
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
