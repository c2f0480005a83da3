//! The way into a registry: blobs it lacks, then child manifests, then the manifest that the tags will mean.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::{Blob, Image, Manifest};
use crate::http::{Answer, Client, Source};

/// One repository of one registry, opened with the password of the user AWS.
#[derive(Debug)]
pub(crate) struct Repository {
    client: Client,
    /// `http://host:port`
    registry: String,
    name: String,
    authorization: String,
}

/// What a push came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub bytes: u64,
    pub reused: usize,
}

impl Repository {
    /// Plain HTTP, and so only to this machine: an image on its way to AWS is for a client that speaks TLS.
    pub(crate) fn open(registry: &str, name: &str, password: &str) -> Result<Repository> {
        let host = registry.strip_prefix("http://").unwrap_or(registry).trim_end_matches('/');
        let address = host.rsplit_once(':').map_or(host, |(address, _)| address);
        if registry.starts_with("https://") || !matches!(address, "127.0.0.1" | "localhost" | "[::1]") {
            bail!(
                "{registry} is not a registry on this machine; for ECR use `docker push` or \
                 `skopeo copy --all <image> docker://{host}/{name}:<tag>`"
            );
        }
        let client = Client::new();
        let authorization = basic("AWS", password);
        Ok(Repository { client, registry: format!("http://{host}"), name: name.to_owned(), authorization })
    }

    pub(crate) async fn push(
        &self,
        image: &Image,
        tags: &[String],
        sent: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Sent> {
        let mut outcome = Sent::default();
        for blob in &image.blobs {
            if self.has(blob).await? {
                outcome.reused += 1;
                sent(blob.size);
            } else {
                self.send_blob(blob, sent.clone()).await?;
                outcome.bytes += blob.size;
            }
        }
        let Some((root, children)) = image.manifests.split_last() else { bail!("the image has no manifest") };
        for child in children {
            self.send_manifest(child, &child.digest).await?;
        }
        for tag in tags {
            self.send_manifest(root, tag).await?;
        }
        Ok(outcome)
    }

    async fn has(&self, blob: &Blob) -> Result<bool> {
        let answer = self.ask(Method::HEAD, &format!("blobs/{}", blob.digest), &[], Source::empty()).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(&answer, "asking for a layer")),
        }
    }

    async fn send_blob(&self, blob: &Blob, sent: Arc<dyn Fn(u64) + Send + Sync>) -> Result<()> {
        let begun = self.ask(Method::POST, "blobs/uploads/", &[], Source::empty()).await?;
        if begun.status != StatusCode::ACCEPTED {
            return Err(self.refused(&begun, "beginning an upload"));
        }
        let location = begun.location.context("the registry does not say where to upload to")?;
        let location = match location.starts_with('/') {
            true => format!("{}{location}", self.registry),
            false => location,
        };
        let joint = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{joint}digest={}", blob.digest);
        let headers =
            [("authorization", self.authorization.as_str()), ("content-type", "application/octet-stream")];
        let body = Source::reader(blob.open()?, blob.size, sent);
        let done = self.client.send(Method::PUT, &url, &headers, body).await?;
        match done.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refused(&done, &format!("uploading {}", blob.digest))),
        }
    }

    async fn send_manifest(&self, manifest: &Manifest, reference: &str) -> Result<()> {
        let headers = [("content-type", manifest.media_type.as_str())];
        let body = Source::bytes(manifest.bytes.clone());
        let answer = self.ask(Method::PUT, &format!("manifests/{reference}"), &headers, body).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refused(&answer, &format!("pushing {}:{reference}", self.name))),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Source,
    ) -> Result<Answer> {
        let url = format!("{}/v2/{}/{path}", self.registry, self.name);
        let mut all = vec![("authorization", self.authorization.as_str())];
        all.extend_from_slice(headers);
        self.client.send(method, &url, &all, body).await
    }

    /// In the registry's own words, with what to do where that is known.
    fn refused(&self, answer: &Answer, doing: &str) -> anyhow::Error {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |key: &str| said["errors"][0][key].as_str().unwrap_or_default().to_owned();
        let advice = match answer.status {
            StatusCode::UNAUTHORIZED => "; is the password that of this registry?",
            StatusCode::NOT_FOUND => "; does the repository exist?",
            _ => "",
        };
        anyhow::anyhow!(
            "{doing}: the registry answers {} {} {}{advice}",
            answer.status,
            text("code"),
            text("message")
        )
    }
}

/// `Basic …` for an Authorization header.
fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_registry_of_this_machine_is_spoken_to() {
        for good in ["http://127.0.0.1:5048", "http://localhost:1/", "127.0.0.1:5048", "http://[::1]:5048"] {
            assert!(Repository::open(good, "game", "p").is_ok(), "{good}");
        }
        for bad in [
            "https://127.0.0.1:5048",
            "http://10.0.0.1:5000",
            "123.dkr.ecr.eu.amazonaws.com",
            "http://127.0.0.1.evil:1",
        ] {
            let error = Repository::open(bad, "game", "p").unwrap_err().to_string();
            assert!(error.contains("skopeo copy"), "{bad}: {error}");
        }
    }
}
