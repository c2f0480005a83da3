//! The task metadata endpoint, version 4: where a program asks, on AWS as here, which task it is and in which zone.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::hub::Hub;
use crate::world::{StartContainer, StartTask};

#[derive(Debug)]
pub(super) struct MetadataEndpoint {
    address: SocketAddr,
    pages: Pages,
    serving: JoinHandle<()>,
}

/// By container id: the page of the container and that of its task.
type Pages = Arc<Mutex<HashMap<String, (Value, Value)>>>;

/// What is known of a container when it is started.
#[derive(Debug)]
pub(super) struct ContainerFacts<'a> {
    pub(super) container: &'a StartContainer,
    pub(super) digest: &'a str,
    pub(super) host_port: Option<u16>,
}

impl MetadataEndpoint {
    /// Within a runtime.
    pub(super) fn start() -> io::Result<MetadataEndpoint> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let pages = Pages::default();
        let router = Router::new()
            .route("/v4/{container}", get(container_page))
            .route("/v4/{container}/task", get(task_page))
            .with_state(pages.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the task metadata endpoint ended");
            }
        });
        Ok(MetadataEndpoint { address, pages, serving })
    }

    /// The value of `ECS_CONTAINER_METADATA_URI_V4`.
    pub(super) fn uri(&self, container_id: &str) -> String {
        format!("http://{}/v4/{container_id}", self.address)
    }

    /// Must be there before the first container of the task asks.
    pub(super) fn publish(
        &self,
        task: &StartTask,
        pulled: (Timestamp, Timestamp),
        facts: &[ContainerFacts<'_>],
    ) {
        let containers: Vec<Value> =
            facts.iter().enumerate().map(|(index, facts)| describe_container(task, index, facts)).collect();
        let page = describe_task(task, pulled, &containers);
        let mut pages = lock(&self.pages);
        for (index, container) in containers.into_iter().enumerate() {
            pages.insert(container_id(task, index), (container, page.clone()));
        }
    }

    pub(super) fn forget(&self, task: &StartTask) {
        let mut pages = lock(&self.pages);
        for index in 0..task.containers.len() {
            pages.remove(&container_id(task, index));
        }
    }
}

impl Drop for MetadataEndpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The runtime id of a container on Fargate: that of its task and a number.
pub(super) fn container_id(task: &StartTask, index: usize) -> String {
    format!("{}-{:010}", task.task_id, index + 1)
}

fn describe_task(task: &StartTask, pulled: (Timestamp, Timestamp), containers: &[Value]) -> Value {
    json!({
        "Cluster": task.cluster,
        "TaskARN": task.task_arn,
        "Family": task.family,
        "Revision": task.revision.to_string(),
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        "PullStartedAt": pulled.0.to_string(),
        "PullStoppedAt": pulled.1.to_string(),
        "AvailabilityZone": task.zone,
        "LaunchType": "FARGATE",
        "Containers": containers,
    })
}

fn describe_container(task: &StartTask, index: usize, facts: &ContainerFacts<'_>) -> Value {
    let container = facts.container;
    let now = Hub::now().to_string();
    let mut page = json!({
        "DockerId": container_id(task, index),
        "Name": container.name,
        "DockerName": container.name,
        "Image": container.image,
        "ImageID": facts.digest,
        "Labels": {
            "com.amazonaws.ecs.cluster": task.cluster,
            "com.amazonaws.ecs.container-name": container.name,
            "com.amazonaws.ecs.task-arn": task.task_arn,
            "com.amazonaws.ecs.task-definition-family": task.family,
            "com.amazonaws.ecs.task-definition-version": task.revision.to_string(),
        },
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        "CreatedAt": now,
        "StartedAt": now,
        "Type": "NORMAL",
        "Networks": [{ "NetworkMode": "awsvpc", "IPv4Addresses": ["127.0.0.1"] }],
    });
    if let (Some(container_port), Some(host_port)) = (container.container_port, facts.host_port) {
        page["Ports"] =
            json!([{ "ContainerPort": container_port, "Protocol": "tcp", "HostPort": host_port }]);
    }
    page
}

type Answer = Result<Json<Value>, (StatusCode, String)>;

async fn container_page(State(pages): State<Pages>, Path(container): Path<String>) -> Answer {
    find(&pages, &container).map(|(page, _)| Json(page))
}

async fn task_page(State(pages): State<Pages>, Path(container): Path<String>) -> Answer {
    find(&pages, &container).map(|(_, page)| Json(page))
}

fn find(pages: &Pages, container: &str) -> Result<(Value, Value), (StatusCode, String)> {
    let found = lock(pages).get(container).cloned();
    found.ok_or_else(|| {
        let message = format!("V4 container metadata handler: unable to find container '{container}'");
        (StatusCode::NOT_FOUND, message)
    })
}

fn lock(pages: &Pages) -> MutexGuard<'_, HashMap<String, (Value, Value)>> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
}
