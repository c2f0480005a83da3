//! From the image named in a task definition to what a task is started from: the manifest for its platform, the
//! configuration, the layers in order. It does not unpack anything.

use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

use super::Registry;
use super::digest::Digest;
use crate::world::ecr::{self, Content, Descriptor, Manifest, ManifestError, media_type};

/// In the words of images: `linux` and `amd64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedImage {
    /// What was asked for: of an index, the index.
    pub digest: String,
    pub manifest_digest: String,
    pub config: ImageConfig,
    /// The lowest first.
    pub layers: Vec<Layer>,
    /// What the image could run on.
    pub platforms: Vec<Platform>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageConfig {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub env: Vec<(String, String)>,
    pub working_dir: Option<String>,
    pub user: Option<String>,
    pub stop_signal: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub path: PathBuf,
    pub media_type: String,
    pub digest: String,
}

/// Each says what stands behind `CannotPullContainerError: `.
#[derive(Debug, Error)]
pub enum ResolveError {
    #[error("failed to resolve ref {image}: images are pulled from {host} only")]
    WrongRegistry { image: String, host: String },
    #[error("failed to resolve ref {image}: repository '{repository}' not found")]
    UnknownRepository { image: String, repository: String },
    #[error("failed to resolve ref {image}: not found")]
    UnknownImage { image: String },
    #[error(
        "image Manifest does not contain descriptor matching platform '{wanted}', only {}",
        list(available)
    )]
    NoManifestForPlatform { wanted: Platform, available: Vec<Platform> },
    #[error("failed to copy: layer {digest} of {image} is not in the registry")]
    LayerMissing { image: String, digest: String },
    #[error("the configuration of {image} cannot be read: {reason}")]
    ConfigUnreadable {
        image: String,
        reason: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    #[error("media type '{media_type}' in {image} is not supported")]
    MediaTypeNotSupported { image: String, media_type: String },
    #[error("the manifest of {image} cannot be read: {source}")]
    ManifestUnreadable { image: String, source: ManifestError },
}

#[derive(Debug, Deserialize)]
struct ConfigDocument {
    os: Option<String>,
    architecture: Option<String>,
    config: Option<RunDocument>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RunDocument {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
    stop_signal: Option<String>,
}

impl Registry {
    /// `image` is `<host>/<repository>@sha256:…` or `<host>/<repository>:<tag>`.
    pub fn resolve(&self, image: &str, platform: &Platform) -> Result<ResolvedImage, ResolveError> {
        let (repository, reference) = self.locate(image)?;
        let (found, manifest) = self.manifest(image, repository, reference)?;
        let (digest, chosen, manifest, platforms) = match &manifest.content {
            Content::Image { .. } => (found.digest.clone(), found.digest, manifest, None),
            Content::Index { manifests } => {
                let platforms = platforms(manifests);
                let child =
                    choose(manifests, platform).ok_or_else(|| ResolveError::NoManifestForPlatform {
                        wanted: platform.clone(),
                        available: platforms.clone(),
                    })?;
                let (child, manifest) = self.manifest(image, repository, &child.digest)?;
                (found.digest, child.digest, manifest, Some(platforms))
            }
        };
        let Content::Image { config, layers } = &manifest.content else {
            return Err(ResolveError::MediaTypeNotSupported {
                image: image.to_owned(),
                media_type: manifest.media_type,
            });
        };
        let (own_platform, config) = self.config(image, config)?;
        if own_platform != *platform {
            return Err(ResolveError::NoManifestForPlatform {
                wanted: platform.clone(),
                available: vec![own_platform],
            });
        }
        let layers = layers.iter().map(|layer| self.layer(image, layer));
        Ok(ResolvedImage {
            digest,
            manifest_digest: chosen,
            config,
            layers: layers.collect::<Result<_, _>>()?,
            platforms: platforms.unwrap_or_else(|| vec![own_platform]),
        })
    }

    /// The repository, and the digest or tag in it.
    fn locate<'a>(&self, image: &'a str) -> Result<(&'a str, &'a str), ResolveError> {
        let host = self.hub.with(|world| world.settings.registry_host.clone());
        let path = image
            .strip_prefix(&host)
            .and_then(|path| path.strip_prefix('/'))
            .ok_or_else(|| ResolveError::WrongRegistry { image: image.to_owned(), host })?;
        // With both a tag and a digest, the digest counts.
        Ok(match (path.split_once('@'), path.split_once(':')) {
            (Some((name, digest)), _) => (name.split_once(':').map_or(name, |(name, _)| name), digest),
            (None, Some((name, tag))) => (name, tag),
            (None, None) => (path, "latest"),
        })
    }

    fn manifest(
        &self,
        image: &str,
        repository: &str,
        reference: &str,
    ) -> Result<(ecr::Image, Manifest), ResolveError> {
        let found = self
            .hub
            .with(|world| world.find_image(repository, reference).map(Option::<&_>::cloned))
            .map_err(|_| ResolveError::UnknownRepository {
                image: image.to_owned(),
                repository: repository.to_owned(),
            })?
            .ok_or_else(|| ResolveError::UnknownImage { image: image.to_owned() })?;
        let manifest = Manifest::parse(&found.manifest, Some(&found.media_type))
            .map_err(|source| ResolveError::ManifestUnreadable { image: image.to_owned(), source })?;
        Ok((found, manifest))
    }

    fn config(&self, image: &str, config: &Descriptor) -> Result<(Platform, ImageConfig), ResolveError> {
        if !matches!(config.media_type.as_str(), media_type::OCI_CONFIG | media_type::DOCKER_CONFIG) {
            return Err(ResolveError::MediaTypeNotSupported {
                image: image.to_owned(),
                media_type: config.media_type.clone(),
            });
        }
        let unreadable = |reason: String, source| ResolveError::ConfigUnreadable {
            image: image.to_owned(),
            reason,
            source,
        };
        let path = self.blob(image, config)?;
        let json = std::fs::read(path).map_err(|error| unreadable(error.to_string(), Some(error.into())))?;
        let document: ConfigDocument = serde_json::from_slice(&json)
            .map_err(|error| unreadable(error.to_string(), Some(error.into())))?;
        let (Some(os), Some(architecture)) = (document.os, document.architecture) else {
            return Err(unreadable("it does not say its platform".into(), None));
        };
        let run = document.config.unwrap_or_default();
        Ok((Platform { os, architecture }, run.into()))
    }

    fn layer(&self, image: &str, layer: &Descriptor) -> Result<Layer, ResolveError> {
        let media_type = &layer.media_type;
        if !is_layer(media_type) {
            return Err(ResolveError::MediaTypeNotSupported {
                image: image.to_owned(),
                media_type: media_type.clone(),
            });
        }
        Ok(Layer {
            path: self.blob(image, layer)?,
            media_type: media_type.clone(),
            digest: layer.digest.clone(),
        })
    }

    fn blob(&self, image: &str, descriptor: &Descriptor) -> Result<PathBuf, ResolveError> {
        let path = Digest::parse(&descriptor.digest).map(|digest| self.blobs.path(&digest));
        path.filter(|path| path.is_file()).ok_or_else(|| ResolveError::LayerMissing {
            image: image.to_owned(),
            digest: descriptor.digest.clone(),
        })
    }
}

/// Tar archives, plain or with gzip.
fn is_layer(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip"
    )
}

/// Attestations have the platform `unknown/unknown`, so that nobody asks for them.
fn choose<'a>(manifests: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    manifests.iter().find(|child| platform_of(child).as_ref() == Some(wanted))
}

fn platforms(manifests: &[Descriptor]) -> Vec<Platform> {
    let mut platforms: Vec<Platform> = Vec::new();
    for platform in manifests.iter().filter_map(platform_of) {
        if platform.os != "unknown" && !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    platforms
}

fn platform_of(child: &Descriptor) -> Option<Platform> {
    let platform = child.platform.as_ref()?;
    Some(Platform { os: platform.os.clone(), architecture: platform.architecture.clone() })
}

impl std::fmt::Display for Platform {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)
    }
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "nothing that says its platform".to_owned();
    }
    let names: Vec<String> = platforms.iter().map(|platform| format!("'{platform}'")).collect();
    names.join(", ")
}

impl From<RunDocument> for ImageConfig {
    fn from(document: RunDocument) -> ImageConfig {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let env = document.env.unwrap_or_default();
        ImageConfig {
            entrypoint: document.entrypoint.unwrap_or_default(),
            cmd: document.cmd.unwrap_or_default(),
            env: env
                .iter()
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            working_dir: filled(document.working_dir),
            user: filled(document.user),
            stop_signal: filled(document.stop_signal),
        }
    }
}
