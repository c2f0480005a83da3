//! The SDK's clients, set up from the environment alone: what Lambda provides, and `AWS_ENDPOINT_URL` where the
//! endpoint is another one. No profile, no metadata service, no file is looked for, because each costs start-up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::{SharedAsyncSleep, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use pushboat::Timestamp;
use pushboat::control::Scope;
use pushboat::model::Digest;
use serde_json::Value;
use thiserror::Error;

use crate::elbv2::TargetGroup;
use crate::history::Histories;
use crate::presigned::Downloader;
use crate::raw::Clock;
use crate::starts::AllStarts;

/// What a function is told by its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    pub scope: Scope,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    #[error(
        "the environment variable {0} is missing or empty: it lists, with commas, what Pushboat may touch"
    )]
    Missing(&'static str),
}

impl Settings {
    pub fn from_env() -> Result<Settings, SettingsError> {
        let scope =
            Scope { clusters: Settings::clusters_from_env()?, repositories: list("PUSHBOAT_REPOSITORIES")? };
        Ok(Settings { scope })
    }

    /// For a function that reads services and no registry.
    pub fn clusters_from_env() -> Result<Vec<String>, SettingsError> {
        list("PUSHBOAT_CLUSTERS")
    }

    /// Where the functions that decide keep their log; none where nobody says.
    pub fn log_groups_from_env() -> Vec<String> {
        list("PUSHBOAT_LOG_GROUPS").unwrap_or_default()
    }
}

fn list(name: &'static str) -> Result<Vec<String>, SettingsError> {
    let value = std::env::var(name).unwrap_or_default();
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_owned).collect();
    if words.is_empty() { Err(SettingsError::Missing(name)) } else { Ok(words) }
}

/// AWS, as the core's `Cloud` sees it.
#[derive(Debug, Clone)]
pub struct Aws {
    pub(crate) ecs: aws_sdk_ecs::Client,
    pub(crate) ecr: aws_sdk_ecr::Client,
    /// For services that few invocations need: their clients are made when they are, so that a function which never
    /// does has none of them in its binary.
    pub(crate) config: SdkConfig,
    pub(crate) elbv2: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) clock: Clock,
    /// When this invocation ends, if somebody counts.
    pub(crate) ends_at: Option<Instant>,
    /// Repository and its URI: it never changes while the repository exists, so a warm function asks once.
    pub(crate) repository_uris: Arc<Mutex<Vec<(String, String)>>>,
    pub(crate) manifests: Manifests,
    pub(crate) histories: Histories,
    pub(crate) starts: AllStarts,
    /// By ARN, those that have a load balancer.
    pub(crate) target_groups: Arc<Mutex<BTreeMap<String, TargetGroup>>>,
    pub(crate) downloader: Downloader,
}

/// Manifests and configurations by repository and digest, the latest few.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manifests(Arc<Mutex<VecDeque<(Content, Value)>>>);

type Content = (String, Digest);

impl Manifests {
    pub(crate) fn find(&self, key: &Content) -> Option<Value> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(it, _)| it == key).map(|(_, content)| content.clone())
    }

    pub(crate) fn remember(&self, key: Content, content: Value, at_most: usize) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(it, _)| *it != key);
        known.push_back((key, content));
        while known.len() > at_most {
            known.pop_front();
        }
    }
}

impl Aws {
    pub async fn from_env() -> Aws {
        let region = EnvironmentVariableRegionProvider::new().region().await;
        let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
        let endpoint = std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
        Aws::new(region, credentials, endpoint)
    }

    /// With the region, credentials and endpoint of the caller's choice.
    pub fn new(
        region: Option<Region>,
        credentials: SharedCredentialsProvider,
        endpoint: Option<String>,
    ) -> Aws {
        // Without TLS, no root certificates have to be loaded.
        let http = match endpoint.as_deref().is_some_and(|url| url.starts_with("http://")) {
            true => aws_smithy_http_client::Builder::new().build_http(),
            false => aws_smithy_http_client::Builder::new()
                .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                .build_https(),
        };
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_secs(5))
            .operation_timeout(Duration::from_secs(15))
            .build();
        let mut config = SdkConfig::builder().region(region).credentials_provider(credentials);
        config.set_endpoint_url(endpoint);
        let config = config
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .sleep_impl(SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
            .time_source(aws_smithy_async::time::SystemTimeSource::new())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts)
            .build();
        let clock = Clock::default();
        Aws {
            ecs: aws_sdk_ecs::Client::from_conf(
                aws_sdk_ecs::config::Builder::from(&config).interceptor(clock.clone()).build(),
            ),
            ecr: aws_sdk_ecr::Client::from_conf(
                aws_sdk_ecr::config::Builder::from(&config).interceptor(clock.clone()).build(),
            ),
            elbv2: aws_sdk_elasticloadbalancingv2::Client::from_conf(
                aws_sdk_elasticloadbalancingv2::config::Builder::from(&config)
                    .interceptor(clock.clone())
                    .build(),
            ),
            clock,
            config,
            ends_at: None,
            repository_uris: Arc::default(),
            manifests: Manifests::default(),
            histories: Histories::default(),
            starts: AllStarts::default(),
            target_groups: Arc::default(),
            downloader: Downloader::default(),
        }
    }

    /// Opens the connections while Lambda still gives full CPU, and learns what a first event would ask for.
    /// Trouble here is not fatal: the event meets it again and can say which service it kept from what.
    pub async fn warm_up(&self, scope: &Scope) {
        for repository in &scope.repositories {
            let _ = self.find_repository_uri(repository).await;
        }
        if let Some(cluster) = scope.clusters.first() {
            let _ = self.ecs.list_services().cluster(cluster).max_results(1).send().await;
        }
    }

    pub(crate) fn known_uri(&self, repository: &str) -> Option<String> {
        let known = self.repository_uris.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(name, _)| name == repository).map(|(_, uri)| uri.clone())
    }

    pub(crate) fn remember_uri(&self, repository: &str, uri: &str) {
        let mut known = self.repository_uris.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((repository.to_owned(), uri.to_owned()));
    }

    pub(crate) fn latest_date(&self) -> Option<Timestamp> {
        self.clock.now()
    }
}
