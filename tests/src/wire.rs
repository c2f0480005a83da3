//! The AWS APIs over an empty world, served on a free port, and the real SDK in front of them.

use aws_sdk_ecs::config::{Credentials, Region, SharedCredentialsProvider};
use pushboat_aws::Aws;
use pushboat_local::hub::Hub;
use pushboat_local::place::{Deployed, Endpoints, Place, PlaceSettings};
use pushboat_local::wire::{Fault, FaultKind};
use pushboat_local::world::Settings;
use pushboat_local::world::ecs::CreateService;
use serde_json::json;
use tempfile::TempDir;

/// A place, without functions unless the test brings some.
#[derive(Debug)]
pub struct Stand {
    pub hub: Hub,
    pub place: Place,
    _folder: TempDir,
}

pub const KEY: &str = "AKIATEST";
pub const SECRET: &str = "a secret only the test knows";

impl Stand {
    pub async fn start() -> Stand {
        Stand::start_with(|_| Deployed::default()).await
    }

    /// With these functions, whose environment has to lead to the place, as [`environment`] does.
    #[allow(clippy::expect_used, reason = "a test without a place can only fail")]
    pub async fn start_with(deployed: impl FnOnce(&Endpoints) -> Deployed) -> Stand {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = PlaceSettings {
            aws_port: 0,
            registry_port: 0,
            game_port: 0,
            api_port: 0,
            folder: folder.path().to_owned(),
            access_key_id: KEY.into(),
            secret_access_key: SECRET.into(),
            registry_password: "password".into(),
            record_calls: true,
            world: Settings::default(),
        };
        let place = Place::start(settings, deployed).await.expect("a place");
        Stand { hub: place.hub().clone(), place, _folder: folder }
    }

    /// Pushboat's adapter, signing with the right key.
    pub fn aws(&self) -> Aws {
        self.aws_with(KEY, SECRET)
    }

    pub fn aws_with(&self, key: &str, secret: &str) -> Aws {
        aws_at(&format!("http://{}", self.place.endpoints().aws), key, secret)
    }

    /// So many calls of one operation go wrong this way, and no others.
    #[allow(clippy::expect_used, reason = "a test whose faults are out of reach can only fail")]
    pub fn trouble(&self, service: &str, operation: &str, remaining: u32, kind: FaultKind) {
        let mut faults = self.place.wire().faults.lock().expect("the faults");
        faults.clear();
        faults.push(Fault { service: service.into(), operation: operation.into(), remaining, kind });
    }

    pub async fn stop(self) {
        self.place.shutdown().await;
    }
}

/// A cluster with one service for each of these, by name and tags.
#[allow(clippy::expect_used, reason = "a test without its services can only fail")]
pub fn create(stand: &Stand, cluster: &str, services: &[(&str, &[(&str, &str)])]) {
    stand.hub.with(|world| world.create_cluster(cluster, Default::default())).expect("a cluster");
    for (name, tags) in services {
        let image =
            format!("123456789012.dkr.ecr.eu-central-1.amazonaws.com/game-2048@sha256:{}", "a".repeat(64));
        let secret = json!([{"name": "PASSWORD", "value": "hunter2"}]);
        let container = json!({"name": "game", "image": image, "environment": secret});
        let document = json!({
            "family": name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
            "memory": "512", "containerDefinitions": [container],
        });
        let document = document.as_object().cloned().unwrap_or_default();
        let placement = json!({
            "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        });
        let request = CreateService {
            cluster: Some(cluster.into()),
            name: (*name).into(),
            task_definition: (*name).into(),
            tags: tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            passed_through: placement.as_object().cloned().unwrap_or_default(),
            ..Default::default()
        };
        stand.hub.with(|world| {
            world.register_task_definition(document, Default::default(), "test").expect("a revision");
            world.create_service(request).expect("a service");
        });
    }
}

/// What a function is told by its environment.
pub fn environment(endpoints: &Endpoints, clusters: &str) -> Vec<(String, String)> {
    let pairs = [
        ("AWS_ENDPOINT_URL", format!("http://{}", endpoints.aws)),
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("PUSHBOAT_CLUSTERS", clusters.to_owned()),
        ("PUSHBOAT_REPOSITORIES", "game-2048".to_owned()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Pushboat's adapter in front of whatever answers there.
pub fn aws_at(endpoint: &str, key: &str, secret: &str) -> Aws {
    let credentials = SharedCredentialsProvider::new(Credentials::new(key, secret, None, None, "test"));
    Aws::new(Some(Region::new("eu-central-1")), credentials, Some(endpoint.to_owned()))
}

/// The SDK's client of CloudWatch, for tests that put alarms.
pub fn cloudwatch_at(endpoint: &str, key: &str, secret: &str) -> aws_sdk_cloudwatch::Client {
    use aws_sdk_cloudwatch::config::{
        BehaviorVersion, Config, Credentials, Region, SharedCredentialsProvider,
    };
    let credentials = Credentials::new(key, secret, None, None, "test");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    aws_sdk_cloudwatch::Client::from_conf(config)
}
