//! An answer put where a presigned URL says, and a small blob read from one, with the HTTP client that the SDK brings.
//!
//! Such a URL is a credential: it reaches no log and no error text.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, HttpConnectorSettingsBuilder, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use thiserror::Error;

use crate::error::chain;

const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const CONNECT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(4);
/// Of what is read; a configuration has a few kilobytes.
const LARGEST_BLOB: u64 = 1 << 20;

#[derive(Debug, Error)]
pub enum PutError {
    #[error("PutObject with a presigned URL: it is not an http or https URL")]
    NotAUrl,
    #[error("PutObject with a presigned URL: the answer was {0}")]
    Status(u16),
    #[error("PutObject with a presigned URL: {message}")]
    NotSent { message: String, source: Box<dyn StdError + Send + Sync> },
}

#[derive(Debug, Clone)]
pub struct Uploader(SharedHttpConnector);

impl Default for Uploader {
    fn default() -> Uploader {
        Uploader(connector())
    }
}

fn connector() -> SharedHttpConnector {
    let timeouts: HttpConnectorSettings =
        HttpConnectorSettingsBuilder::new().connect_timeout(CONNECT).read_timeout(READ).build();
    let connector = Connector::builder()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .connector_settings(timeouts)
        .sleep_impl(TokioSleep::new())
        .build();
    SharedHttpConnector::new(connector)
}

/// Made when it is first needed: most invocations never read a blob.
#[derive(Debug, Clone, Default)]
pub(crate) struct Downloader(Arc<OnceLock<SharedHttpConnector>>);

impl Downloader {
    /// What is there, if it can be had at the first try and is small.
    pub(crate) async fn get(&self, url: &str) -> Option<Vec<u8>> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(url).ok()?;
        let answer = self.0.get_or_init(connector).call(request).await.ok()?;
        let length = answer.headers().get("content-length").and_then(|length| length.parse::<u64>().ok());
        if !answer.status().is_success() || length.is_none_or(|length| length > LARGEST_BLOB) {
            return None;
        }
        let body = ByteStream::new(answer.into_body()).collect().await.ok()?;
        Some(body.to_vec())
    }
}

impl Uploader {
    /// The longest that [`Uploader::put`] takes: every try times out, with pauses of once, twice and four times
    /// the first in between.
    pub const LONGEST: Duration =
        CONNECT.saturating_add(READ).saturating_mul(TRIES).saturating_add(FIRST_PAUSE.saturating_mul(7));

    /// Whoever signed the URL signed an empty content type with it. Tries a few times.
    pub async fn put(&self, url: &str, body: &str) -> Result<(), PutError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.try_once(url, body).await {
                Err(PutError::Status(_) | PutError::NotSent { .. }) => tokio::time::sleep(pause).await,
                ended => return ended,
            }
            pause *= 2;
        }
        self.try_once(url, body).await
    }

    async fn try_once(&self, url: &str, body: &str) -> Result<(), PutError> {
        let request = request(url, body).ok_or(PutError::NotAUrl)?;
        let answer = self.0.call(request).await.map_err(|error| {
            let message = chain(&error);
            PutError::NotSent { message, source: error.into() }
        })?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(PutError::Status(status.as_u16())) }
    }
}

fn request(url: &str, body: &str) -> Option<HttpRequest> {
    if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
        return None;
    }
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("PUT").ok()?;
    request.set_uri(url).ok()?;
    request.headers_mut().insert("content-type", "");
    request.headers_mut().insert("content-length", body.len().to_string());
    Some(request)
}
