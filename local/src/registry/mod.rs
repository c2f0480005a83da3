//! An OCI distribution server, as ECR runs one: ordinary clients push and pull over it, the bytes lie in a
//! [`BlobStore`], and what a manifest may do is asked of the world behind the [`Hub`].
//!
//! It knows nothing of services and tasks; to those who start tasks it answers one question,
//! [`Registry::resolve`].

mod access;
mod blobs;
mod body;
mod digest;
mod error;
mod manifests;
mod resolve;
mod routes;
mod serve_blobs;
mod serve_lists;
mod serve_manifests;
mod serve_uploads;
#[cfg(test)]
pub(crate) mod testkit;
#[cfg(test)]
mod tests;
mod uploads;

pub use blobs::BlobStore;
pub use digest::Digest;
pub use manifests::{ManifestRefusal, Push};
pub use resolve::{ImageConfig, Layer, Platform, ResolveError, ResolvedImage};
pub use routes::router;
pub(crate) use uploads::Chunk;
pub use uploads::UploadError;

use std::fmt;

use crate::hub::Hub;

/// Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    pub hub: Hub,
    pub blobs: BlobStore,
    /// Of the user `AWS`.
    pub password: String,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registry").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}
