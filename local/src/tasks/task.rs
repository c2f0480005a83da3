//! The life of one task outside the world: pull, start, run, end. It reports each step and decides nothing: whether
//! a container that ends takes its task with it is for the world to say.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Shared;
use super::error::StartError;
use super::executable;
use super::launch::{self, Launch};
use super::metadata::{ContainerFacts, container_id};
use super::ports::PortLease;
use super::process::{self, Ended, Phase, Running};
use crate::hub::Hub;
use crate::registry::ResolvedImage;
use crate::world::{Report, StartContainer, StartTask};

/// What went wrong, and with which container.
type Failure = (String, StartError);

/// A container that needs nothing more to be started.
struct Ready {
    container: StartContainer,
    digest: String,
    launch: Launch,
    port: Option<PortLease>,
}

pub(super) async fn live(shared: Arc<Shared>, task: StartTask, phase: watch::Sender<Phase>) {
    let outcome = start(&shared, &task, &phase).await;
    let mut containers = match outcome {
        Ok(containers) => containers,
        Err((container, error)) => {
            tracing::info!(task.task_arn, container, %error, "a task could not be started");
            shared.report(Report::TaskFailedToStart {
                task_arn: task.task_arn.clone(),
                container,
                reason: error.to_string(),
            });
            JoinSet::new()
        }
    };
    while let Some(ended) = containers.join_next().await {
        match ended {
            Ok((container, ended)) => shared.report(Report::ContainerExited {
                task_arn: task.task_arn.clone(),
                container,
                exit_code: ended.exit_code,
                reason: ended.reason,
            }),
            Err(error) => tracing::error!(task.task_arn, %error, "lost sight of a container"),
        }
    }
    shared.metadata.forget(&task);
}

type Containers = JoinSet<(String, Ended)>;

/// All containers of the task, running; none, if the task was told to stop before the first one was started.
async fn start(
    shared: &Arc<Shared>,
    task: &StartTask,
    phase: &watch::Sender<Phase>,
) -> Result<Containers, Failure> {
    let mut containers = JoinSet::new();
    let told_to_stop = || *phase.borrow() >= Phase::Stopping;
    let task_arn = || task.task_arn.clone();
    shared.report(Report::PullStarted { task_arn: task_arn() });
    let pull_started_at = Hub::now();
    let pulled = pull(shared, task).await;
    if told_to_stop() {
        return Ok(containers);
    }
    let pulled = pulled?;
    shared.report(Report::PullStopped { task_arn: task_arn() });

    let ready = prepare(shared, task, pulled)?;
    let facts: Vec<ContainerFacts<'_>> = ready.iter().map(Ready::facts).collect();
    shared.metadata.publish(task, (pull_started_at, Hub::now()), &facts);
    for ready in ready {
        if told_to_stop() {
            break;
        }
        let name = ready.container.name.clone();
        match ready.start(shared, task).await {
            Ok((running, port)) => {
                let phase = phase.subscribe();
                let (shared, task_arn, group) = (shared.clone(), task.task_arn.clone(), running.group());
                shared.groups.add(&task_arn, group);
                containers.spawn(async move {
                    let ended = running.run(phase).await;
                    shared.groups.remove(&task_arn, group);
                    drop(port);
                    (name, ended)
                });
            }
            Err(error) => {
                // Those already started are stopped and reported like any other.
                fail(shared, task, phase, name, &error);
                break;
            }
        }
    }
    Ok(containers)
}

fn fail(
    shared: &Shared,
    task: &StartTask,
    phase: &watch::Sender<Phase>,
    container: String,
    error: &StartError,
) {
    process::advance(phase, Phase::Stopping);
    shared.report(Report::TaskFailedToStart {
        task_arn: task.task_arn.clone(),
        container,
        reason: error.to_string(),
    });
}

async fn pull(shared: &Shared, task: &StartTask) -> Result<Vec<(ResolvedImage, PathBuf)>, Failure> {
    let host = executable::host();
    let mut pulled = Vec::new();
    for container in &task.containers {
        let image = shared.images.pull(&container.image, &host).await;
        pulled.push(image.map_err(|error| (container.name.clone(), error))?);
    }
    Ok(pulled)
}

/// Everything that can be refused is refused before the first process is started.
fn prepare(
    shared: &Shared,
    task: &StartTask,
    pulled: Vec<(ResolvedImage, PathBuf)>,
) -> Result<Vec<Ready>, Failure> {
    let containers = task.containers.iter().zip(pulled).enumerate();
    let ready = containers.map(|(index, (container, (image, root)))| {
        let of_this = |error| (container.name.clone(), error);
        let port = match container.container_port {
            Some(_) => Some(shared.ports.lease().ok_or_else(|| of_this(StartError::NoPort))?),
            None => None,
        };
        let injected = injected(shared, task, index, port.as_ref());
        let given = &shared.settings.environment();
        let host = executable::host();
        let launch =
            launch::plan(&root, &image.config, container, given, &injected, &host).map_err(of_this)?;
        Ok(Ready { container: container.clone(), digest: image.digest, launch, port })
    });
    ready.collect()
}

fn injected(
    shared: &Shared,
    task: &StartTask,
    index: usize,
    port: Option<&PortLease>,
) -> Vec<(String, String)> {
    let metadata = shared.metadata.uri(&container_id(task, index));
    let mut injected = vec![("ECS_CONTAINER_METADATA_URI_V4".to_owned(), metadata)];
    if let Some(lease) = port {
        injected.push(("PORT".to_owned(), lease.port.to_string()));
    }
    injected
}

impl Ready {
    fn facts(&self) -> ContainerFacts<'_> {
        ContainerFacts {
            container: &self.container,
            digest: &self.digest,
            host_port: self.port.as_ref().map(|lease| lease.port),
        }
    }

    async fn start(
        self,
        shared: &Shared,
        task: &StartTask,
    ) -> Result<(Running, Option<PortLease>), StartError> {
        let names = (task.task_id.as_str(), self.container.name.as_str());
        let stop_timeout = Duration::from_secs(self.container.stop_timeout_seconds.into());
        let running =
            process::spawn(&self.launch, stop_timeout, &shared.logs, names).await.map_err(|source| {
                StartError::Spawn {
                    program: self.launch.arguments.first().cloned().unwrap_or_default(),
                    source,
                }
            })?;
        shared.report(Report::ContainerStarted {
            task_arn: task.task_arn.clone(),
            container: self.container.name.clone(),
            host_port: self.port.as_ref().map(|lease| lease.port),
            digest: self.digest,
        });
        Ok((running, self.port))
    }
}
