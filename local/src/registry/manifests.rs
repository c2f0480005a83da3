//! Taking a manifest in. Nothing is stored before everything it names has been found to be there, with the size
//! it says; then the world decides about the tag, in the same breath.

use std::io;

use thiserror::Error;

use super::Registry;
use super::digest::Digest;
use crate::world::Refusal;
use crate::world::ecr::{Descriptor, Manifest, ManifestError, Repeat};

/// ECR's limit is the same.
pub(super) const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// A manifest on its way in, over either of the two doors.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    pub repository: &'a str,
    pub tag: Option<&'a str>,
    /// What its digest must be, where the client says so.
    pub digest: Option<&'a Digest>,
    pub media_type: Option<&'a str>,
    pub manifest: &'a [u8],
    pub repeat: Repeat,
}

#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) digest: Digest,
    pub(crate) subject: Option<String>,
}

#[derive(Debug, Error)]
pub enum ManifestRefusal {
    #[error("a manifest may have {MAX_MANIFEST_BYTES} bytes")]
    TooLarge,
    #[error("the manifest is not text")]
    NotText(#[source] std::str::Utf8Error),
    #[error(transparent)]
    Invalid(#[from] ManifestError),
    #[error("the manifest has the digest {actual}, not {stated}")]
    WrongDigest { stated: Digest, actual: Digest },
    #[error("the repository does not have {}", .0.join(", "))]
    BlobsUnknown(Vec<String>),
    #[error("{digest} has {actual} bytes, not {stated}")]
    WrongSize { digest: String, stated: u64, actual: u64 },
    #[error(transparent)]
    World(#[from] Refusal),
    #[error("the blob store failed: {0}")]
    Store(#[from] io::Error),
}

impl Registry {
    pub(crate) fn push(&self, push: Push<'_>) -> Result<Pushed, ManifestRefusal> {
        self.hub.with(|world| world.repository(push.repository).map(drop))?;
        if push.manifest.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestRefusal::TooLarge);
        }
        let text = std::str::from_utf8(push.manifest).map_err(ManifestRefusal::NotText)?;
        let manifest = Manifest::parse(text, push.media_type)?;
        let digest = Digest::of(push.manifest);
        if let Some(stated) = push.digest.filter(|stated| **stated != digest) {
            return Err(ManifestRefusal::WrongDigest { stated: stated.clone(), actual: digest });
        }
        let _settled = self.blobs.settle();
        self.check_blobs(push.repository, &manifest)?;
        self.hub.with(|world| {
            for child in manifest.children() {
                if let Some(image) = world.find_image(push.repository, &child.digest)? {
                    check_size(child, image.manifest.len() as u64)?;
                }
            }
            let (digest, media_type) = (digest.as_str(), &manifest.media_type);
            world.put_image(push.repository, digest, text, media_type, push.tag, push.repeat)?;
            Ok::<_, ManifestRefusal>(())
        })?;
        Ok(Pushed { digest, subject: manifest.subject.map(|subject| subject.digest) })
    }

    fn check_blobs(&self, repository: &str, manifest: &Manifest) -> Result<(), ManifestRefusal> {
        let mut unknown = Vec::new();
        for blob in manifest.blobs() {
            let digest = Digest::parse(&blob.digest);
            let size = match &digest {
                Some(digest) => self.blobs.size(repository, digest)?,
                None => None,
            };
            match size {
                Some(actual) => check_size(blob, actual)?,
                None => unknown.push(blob.digest.clone()),
            }
        }
        if unknown.is_empty() { Ok(()) } else { Err(ManifestRefusal::BlobsUnknown(unknown)) }
    }
}

fn check_size(descriptor: &Descriptor, actual: u64) -> Result<(), ManifestRefusal> {
    if descriptor.size == actual {
        return Ok(());
    }
    Err(ManifestRefusal::WrongSize { digest: descriptor.digest.clone(), stated: descriptor.size, actual })
}
