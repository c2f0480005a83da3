//! For tests: a registry on a free port, a client for it, and images so small that pushing them takes no time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{BlobStore, Digest, Registry, router};
use crate::hub::Hub;
use crate::world::ecr::media_type;
use crate::world::{Effect, Settings, World};

pub(crate) const PASSWORD: &str = "a-password";
pub(crate) const REPOSITORY: &str = "team/game-2048";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub(crate) struct Place {
    pub(crate) registry: Registry,
    pub(crate) address: SocketAddr,
    effects: UnboundedReceiver<Effect>,
    folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Place {
    /// With one repository, [`REPOSITORY`].
    pub(crate) async fn start() -> Place {
        Place::start_with(false).await
    }

    pub(crate) async fn start_with(immutable_tags: bool) -> Place {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings { registry_host: address.to_string(), ..Settings::default() };
        let (hub, effects) = Hub::new(World::new(settings, Hub::now()));
        hub.with(|world| {
            world.create_repository(REPOSITORY, immutable_tags, false, BTreeMap::new()).map(drop)
        })
        .unwrap();
        let folder = TempDir::new().unwrap();
        let registry =
            Registry { hub, blobs: BlobStore::new(folder.path()).unwrap(), password: PASSWORD.into() };
        let service = router(registry.clone());
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Place { registry, address, effects, folder }
    }

    pub(crate) async fn send(&self, line: &str, body: impl Into<Bytes>) -> Answer {
        self.send_with(line, &[], body).await
    }

    /// `line` is a method and a path: `GET /v2/`.
    pub(crate) async fn send_with(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let credentials = format!("Basic {}", STANDARD.encode(format!("AWS:{PASSWORD}")));
        let mut all = vec![("authorization", credentials.as_str())];
        all.extend_from_slice(headers);
        self.send_bare(line, &all, body).await
    }

    /// Without credentials.
    pub(crate) async fn send_bare(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request =
            hyper::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn push_blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let line = format!("POST /v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
        let answer = self.send(&line, bytes.to_vec()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        digest
    }

    pub(crate) async fn push_manifest(&self, reference: &str, manifest: &Value) -> Answer {
        let media_type = manifest["mediaType"].as_str().unwrap();
        let line = format!("PUT /v2/{REPOSITORY}/manifests/{reference}");
        self.send_with(&line, &[("content-type", media_type)], manifest.to_string()).await
    }

    /// With everything in it; the digest of its manifest.
    pub(crate) async fn push_image(&self, reference: Option<&str>, image: &TinyImage) -> Digest {
        for blob in image.blobs() {
            self.push_blob(blob).await;
        }
        let manifest = image.manifest();
        let digest = Digest::of(manifest.to_string().as_bytes());
        let answer = self.push_manifest(reference.unwrap_or(digest.as_str()), &manifest).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        digest
    }

    /// (digest, tag) of every push since the last call, in order.
    pub(crate) fn pushes(&mut self) -> Vec<(String, String)> {
        let mut pushes = Vec::new();
        while let Ok(effect) = self.effects.try_recv() {
            let Effect::Event(event) = effect else {
                panic!("{effect:?}");
            };
            assert_eq!(event["detail"]["action-type"], "PUSH");
            let text = |name: &str| event["detail"][name].as_str().unwrap().to_owned();
            pushes.push((text("image-digest"), text("image-tag")));
        }
        pushes
    }

    /// Every file the store keeps, unfinished uploads and all.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect_files(self.folder.path(), self.folder.path(), &mut files);
        files.sort();
        files
    }
}

impl Answer {
    /// The OCI error code.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["errors"][0]["code"].as_str().unwrap_or("").to_owned()
    }

    pub(crate) fn message(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["errors"][0]["message"].as_str().unwrap_or("").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn collect_files(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_files(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

/// One layer with one file, and a configuration.
#[derive(Debug, Clone)]
pub(crate) struct TinyImage {
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
    pub(crate) layer_media_type: &'static str,
}

impl TinyImage {
    pub(crate) fn for_platform(os: &str, architecture: &str) -> TinyImage {
        let config = json!({
            "os": os,
            "architecture": architecture,
            "config": {
                "Entrypoint": ["/game"],
                "Cmd": ["--port", "80"],
                "Env": ["COLOUR=blue", "EMPTY=", "A=b=c"],
                "WorkingDir": "/srv",
                "User": "",
                "StopSignal": "SIGTERM",
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", "0".repeat(64))]},
        });
        TinyImage {
            config: config.to_string().into_bytes(),
            layer: tar_gzip("game", format!("the game for {os}/{architecture}").as_bytes()),
            layer_media_type: LAYER,
        }
    }

    /// What a builder attaches to tell how an image was made.
    pub(crate) fn attestation(subject: &str) -> TinyImage {
        TinyImage {
            config: json!({"os": "unknown", "architecture": "unknown", "config": {}})
                .to_string()
                .into_bytes(),
            layer: format!("{{\"predicateType\":\"https://slsa.dev/provenance/v1\",\"of\":\"{subject}\"}}")
                .into_bytes(),
            layer_media_type: "application/vnd.in-toto+json",
        }
    }

    pub(crate) fn blobs(&self) -> [&[u8]; 2] {
        [&self.config, &self.layer]
    }

    pub(crate) fn manifest(&self) -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": descriptor(media_type::OCI_CONFIG, &self.config),
            "layers": [descriptor(self.layer_media_type, &self.layer)],
        })
    }
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes).as_str(), "size": bytes.len()})
}

/// An index of two platforms, each with its attestation, as builders make it.
#[derive(Debug)]
pub(crate) struct TinyIndex {
    pub(crate) children: Vec<TinyImage>,
    pub(crate) manifest: Value,
}

impl TinyIndex {
    pub(crate) fn new() -> TinyIndex {
        let mut children = Vec::new();
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let image = TinyImage::for_platform("linux", architecture);
            entries.push(entry(&image, "linux", architecture));
            children.push(image);
        }
        for subject in 0..2 {
            let digest = entries[subject]["digest"].as_str().unwrap().to_owned();
            let attestation = TinyImage::attestation(&digest);
            let mut entry = entry(&attestation, "unknown", "unknown");
            entry["annotations"] = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": digest,
            });
            entries.push(entry);
            children.push(attestation);
        }
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
        TinyIndex { children, manifest }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.manifest.to_string().as_bytes())
    }

    pub(crate) fn child_digests(&self) -> Vec<String> {
        let entries = self.manifest["manifests"].as_array().unwrap().iter();
        entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
    }

    /// An OCI image layout in a folder, as `oci:<folder>:<tag>` of other tools.
    pub(crate) fn write_layout(&self, folder: &Path, tag: &str) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let write = |bytes: &[u8]| std::fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
        for child in &self.children {
            child.blobs().into_iter().for_each(write);
            write(child.manifest().to_string().as_bytes());
        }
        let index = self.manifest.to_string();
        write(index.as_bytes());
        let mut entry = descriptor(media_type::OCI_INDEX, index.as_bytes());
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        let top = json!({"schemaVersion": 2, "manifests": [entry]});
        std::fs::write(folder.join("index.json"), top.to_string()).unwrap();
        std::fs::write(folder.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
    }
}

fn entry(image: &TinyImage, os: &str, architecture: &str) -> Value {
    let mut entry = descriptor(media_type::OCI_MANIFEST, image.manifest().to_string().as_bytes());
    entry["platform"] = json!({"os": os, "architecture": architecture});
    entry
}

pub(crate) fn tar_gzip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    header.set_cksum();
    archive.append_data(&mut header, name, bytes).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}
