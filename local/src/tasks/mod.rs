//! Tasks as plain processes: the images' layers are unpacked, each container's entry point is started with a port of
//! its own in `PORT`, and what happens to it is reported. It decides nothing; which tasks there are is the world's
//! business.
//!
//! This is process mode: no container, no isolation. All tasks of an image share its unpacked files, a `user` in the
//! image is ignored, and only static programs for this machine run; anything else is refused with a sentence that
//! says what would run it.
//!
//! | file | subject |
//! |---|---|
//! | `task` | one task from pull to end |
//! | `images`, `unpack` | images on disk, once each |
//! | `launch`, `executable` | what is to be run, and whether it can be |
//! | `inside_root` | paths as a container would see them |
//! | `process` | a process group: start, stop, end |
//! | `ports`, `metadata`, `logs` | what a task gets, can ask, and says |
//! | `usage` | the processor time and memory its processes take |

mod error;
mod executable;
mod images;
mod inside_root;
mod launch;
mod logs;
mod metadata;
mod ports;
mod process;
mod task;
#[cfg(test)]
mod tests;
mod unpack;
mod usage;

pub use images::{ImageError, Images};
pub use logs::{LogLine, TaskLogs};
pub use usage::Usage;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::hub::Hub;
use crate::world::{Report, StartTask};
use images::ImageStore;
use metadata::MetadataEndpoint;
use ports::Ports;
use process::Phase;

#[derive(Debug, Clone)]
pub struct RunnerSettings {
    /// Images are unpacked into `images` under it.
    pub work_dir: PathBuf,
    pub region: String,
    /// For every task; a task definition may say otherwise.
    pub environment: Vec<(String, String)>,
}

impl RunnerSettings {
    fn environment(&self) -> Vec<(String, String)> {
        let mut environment = vec![
            ("AWS_EXECUTION_ENV".to_owned(), "AWS_ECS_FARGATE".to_owned()),
            ("AWS_REGION".to_owned(), self.region.clone()),
            ("AWS_DEFAULT_REGION".to_owned(), self.region.clone()),
        ];
        environment.extend(self.environment.iter().cloned());
        environment
    }
}

/// Cheap to clone. Ends its tasks with [`TaskRunner::shutdown`] only.
#[derive(Debug, Clone)]
pub struct TaskRunner {
    shared: Arc<Shared>,
}

struct Shared {
    reports: Box<dyn Fn(Report) + Send + Sync>,
    settings: RunnerSettings,
    images: ImageStore,
    ports: Ports,
    metadata: MetadataEndpoint,
    logs: TaskLogs,
    groups: usage::Groups,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    /// By ARN.
    tasks: HashMap<String, LiveTask>,
    closed: bool,
}

#[derive(Debug)]
struct LiveTask {
    phase: watch::Sender<Phase>,
    life: JoinHandle<()>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("settings", &self.settings)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

impl TaskRunner {
    /// Within a runtime: the task metadata endpoint is served from now on.
    pub fn new(hub: Hub, images: impl Images, settings: RunnerSettings) -> io::Result<TaskRunner> {
        TaskRunner::with_reports(move |report| hub.report(report), images, settings)
    }

    /// As [`TaskRunner::new`], with somebody else to report to.
    pub fn with_reports(
        reports: impl Fn(Report) + Send + Sync + 'static,
        images: impl Images,
        settings: RunnerSettings,
    ) -> io::Result<TaskRunner> {
        Ok(TaskRunner {
            shared: Arc::new(Shared {
                reports: Box::new(reports),
                images: ImageStore::new(images, settings.work_dir.join("images")),
                settings,
                ports: Ports::new(),
                metadata: MetadataEndpoint::start()?,
                logs: TaskLogs::default(),
                groups: usage::Groups::default(),
                live: Mutex::default(),
            }),
        })
    }

    /// Carries out `Effect::StartTask`. Returns at once; what becomes of the task is reported.
    pub fn start_task(&self, task: StartTask) {
        let mut live = self.shared.live();
        if live.closed || live.tasks.contains_key(&task.task_arn) {
            return;
        }
        let task_arn = task.task_arn.clone();
        let (phase, _) = watch::channel(Phase::Running);
        let (shared, own_phase, own_arn) = (self.shared.clone(), phase.clone(), task_arn.clone());
        // It takes itself off the list in the end; it cannot do so before it is on it, for the list is locked.
        let life = tokio::spawn(async move {
            task::live(shared.clone(), task, own_phase).await;
            shared.live().tasks.remove(&own_arn);
        });
        live.tasks.insert(task_arn, LiveTask { phase, life });
    }

    /// Carries out `Effect::StopTask`: the stop signal, and SIGKILL once a container's stop timeout is over. A task
    /// that has ended already is nothing to stop.
    pub fn stop_task(&self, task_arn: &str) {
        if let Some(task) = self.shared.live().tasks.get(task_arn) {
            task.advance_to(Phase::Stopping);
        }
    }

    /// The last lines that the containers of a task wrote, also for a while after its end.
    pub fn logs(&self, task_id: &str) -> Vec<LogLine> {
        self.shared.logs.of(task_id)
    }

    /// The same of every task.
    pub fn task_logs(&self) -> TaskLogs {
        self.shared.logs.clone()
    }

    /// What the processes of each task take, by its ARN.
    pub fn usage(&self) -> HashMap<String, Usage> {
        self.shared.groups.usage()
    }

    /// ARNs of the tasks that have not ended.
    pub fn live_tasks(&self) -> Vec<String> {
        self.shared.live().tasks.keys().cloned().collect()
    }

    /// Starts nothing any more, stops every task with a second's patience, and returns when no process is left.
    pub async fn shutdown(&self) {
        let tasks: Vec<LiveTask> = {
            let mut live = self.shared.live();
            live.closed = true;
            live.tasks.drain().map(|(_, task)| task).collect()
        };
        for task in &tasks {
            task.advance_to(Phase::ShuttingDown);
        }
        for task in tasks {
            if let Err(error) = task.life.await {
                tracing::error!(%error, "a task ended in a way it should not");
            }
        }
    }
}

impl LiveTask {
    /// Never backwards.
    fn advance_to(&self, wanted: Phase) {
        process::advance(&self.phase, wanted);
    }
}

impl Shared {
    fn report(&self, report: Report) {
        (self.reports)(report);
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
