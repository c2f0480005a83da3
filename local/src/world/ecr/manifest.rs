//! The four kinds of manifest that are pushed today, read as far as a registry needs to: what an image consists
//! of. It does not know whether those parts are there.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::is_digest;

pub mod media_type {
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
}

#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub media_type: String,
    pub artifact_type: Option<String>,
    pub subject: Option<Descriptor>,
    pub annotations: BTreeMap<String, String>,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Image { config: Descriptor, layers: Vec<Descriptor> },
    Index { manifests: Vec<Descriptor> },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    pub platform: Option<DescriptorPlatform>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DescriptorPlatform {
    pub os: String,
    pub architecture: String,
}

#[derive(Debug, Error)]
pub enum ManifestError {
    #[error("the manifest is not the JSON of a manifest: {0}")]
    Json(#[from] serde_json::Error),
    #[error("schemaVersion must be 2, not {0}")]
    SchemaVersion(u64),
    #[error("neither the request nor the manifest says a media type")]
    NoMediaType,
    #[error("the request says '{stated}', the manifest says '{own}'")]
    MediaTypesDiffer { stated: String, own: String },
    #[error("manifests of media type '{0}' are not kept here")]
    UnknownMediaType(String),
    /// Read one way it is an image, read another an index: clients would disagree about what runs.
    #[error("a manifest of media type '{media_type}' must have {expected} and nothing else of that sort")]
    Ambiguous { media_type: String, expected: &'static str },
    #[error("'{0}' is not a digest")]
    Digest(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// `stated` is what came with it, as in `Content-Type`.
    pub fn parse(json: &str, stated: Option<&str>) -> Result<Manifest, ManifestError> {
        let document: Document = serde_json::from_str(json)?;
        if document.schema_version != 2 {
            return Err(ManifestError::SchemaVersion(document.schema_version));
        }
        let media_type = agreed_media_type(stated, document.media_type.as_deref())?;
        let parts = (document.config, document.layers, document.manifests);
        let content = match (is_index(&media_type)?, parts) {
            (false, (Some(config), Some(layers), None)) => Content::Image { config, layers },
            (true, (None, None, Some(manifests))) => Content::Index { manifests },
            (index, _) => {
                return Err(ManifestError::Ambiguous {
                    media_type,
                    expected: if index { "manifests" } else { "config and layers" },
                });
            }
        };
        let manifest = Manifest {
            media_type,
            artifact_type: document.artifact_type.filter(|kind| !kind.is_empty()),
            subject: document.subject,
            annotations: document.annotations,
            content,
        };
        let named = manifest.blobs().chain(manifest.children()).chain(&manifest.subject);
        for descriptor in named {
            if !is_digest(&descriptor.digest) {
                return Err(ManifestError::Digest(descriptor.digest.clone()));
            }
        }
        Ok(manifest)
    }

    /// The config and the layers; an index has none.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.content {
            Content::Image { config, layers } => (Some(config), layers.as_slice()),
            Content::Index { .. } => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }

    /// The images an index consists of.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        match &self.content {
            Content::Image { .. } => [].as_slice(),
            Content::Index { manifests } => manifests.as_slice(),
        }
        .iter()
    }

    /// What sort of thing this is: `artifactType`, or the config's media type.
    pub fn artifact_media_type(&self) -> Option<&str> {
        match (&self.artifact_type, &self.content) {
            (Some(kind), _) => Some(kind),
            (None, Content::Image { config, .. }) => Some(&config.media_type),
            (None, Content::Index { .. }) => None,
        }
    }
}

fn agreed_media_type(stated: Option<&str>, own: Option<&str>) -> Result<String, ManifestError> {
    match (stated, own) {
        (Some(stated), Some(own)) if stated != own => {
            Err(ManifestError::MediaTypesDiffer { stated: stated.to_owned(), own: own.to_owned() })
        }
        (Some(one), _) | (None, Some(one)) => Ok(one.to_owned()),
        (None, None) => Err(ManifestError::NoMediaType),
    }
}

fn is_index(media_type: &str) -> Result<bool, ManifestError> {
    match media_type {
        media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => Ok(false),
        media_type::OCI_INDEX | media_type::DOCKER_LIST => Ok(true),
        other => Err(ManifestError::UnknownMediaType(other.to_owned())),
    }
}
