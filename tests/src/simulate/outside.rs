//! What happens to tasks outside of ECS: images are pulled, processes start, answer health checks, die. What an image does
//! is its nature; where it is told to by its environment, no task starts whatever the image.

use std::collections::BTreeMap;

use pushboat_local::world::elb::ProbeFailure;
use pushboat_local::world::{Report, StartTask};

use super::plan::{Fault, HOUR, MINUTE, Nature, SECOND};
use super::stage::{Happening, Stage};
use super::{CONTAINER, REPOSITORY, TAG};

/// An environment variable with which the template breaks every task.
pub(super) const BREAKS: &str = "BREAKS";

#[derive(Debug, Clone)]
pub(super) enum TaskEvent {
    Started(String),
    Probed(String),
    Dies(String),
    Exited(String),
}

#[derive(Debug, Clone)]
struct Process {
    containers: Vec<String>,
    nature: Nature,
    digest: String,
    port: u16,
    runs: bool,
    /// Nobody wants it any more.
    is_told_to_stop: bool,
}

#[derive(Debug, Default)]
pub(super) struct Outside {
    processes: BTreeMap<String, Process>,
    ports: u16,
    pub(super) natures: BTreeMap<String, Nature>,
}

impl Stage {
    pub(super) fn start_task(&mut self, start: &StartTask) {
        let image = start.containers.iter().find(|it| it.name == CONTAINER);
        let image = image.map(|it| it.image.clone()).unwrap_or_default();
        let digest = match image.split_once('@') {
            Some((_, digest)) => digest.to_owned(),
            None => self.watch.tag_means().map(ToString::to_string).unwrap_or_default(),
        };
        let is_broken =
            start.containers.iter().any(|it| it.environment.iter().any(|(name, _)| name == BREAKS));
        let nature = match self.outside.natures.get(&digest).copied().unwrap_or(Nature::Good) {
            Nature::Good if is_broken => Nature::ExitsAtStart,
            nature => nature,
        };
        self.outside.ports += 1;
        let process = Process {
            containers: start.containers.iter().map(|it| it.name.clone()).collect(),
            nature,
            digest,
            port: 10_000 + self.outside.ports,
            runs: false,
            is_told_to_stop: false,
        };
        self.outside.processes.insert(start.task_arn.clone(), process);
        let delay = match self.suffers(Fault::SlowTasks) && self.random.permille(300) {
            true => self.random.between(30 * SECOND, 3 * MINUTE),
            false => self.random.between(2 * SECOND, 20 * SECOND),
        };
        self.at(self.now + delay, Happening::Task(TaskEvent::Started(start.task_arn.clone())));
    }

    pub(super) fn stop_task(&mut self, task_arn: &str) {
        let Some(process) = self.outside.processes.get_mut(task_arn) else { return };
        process.is_told_to_stop = true;
        match process.runs {
            true => {
                let at = self.now + self.random.between(100, 5 * SECOND);
                self.at(at, Happening::Task(TaskEvent::Exited(task_arn.to_owned())));
            }
            false => {
                self.outside.processes.remove(task_arn);
            }
        }
    }

    pub(super) fn task_happens(&mut self, event: TaskEvent) {
        match event {
            TaskEvent::Started(arn) => self.task_starts(arn),
            TaskEvent::Probed(arn) => self.task_is_probed(arn),
            TaskEvent::Dies(arn) => {
                if self.suffers(Fault::DyingTasks) && self.is_healthy(&arn) {
                    self.watch.excuse();
                    self.tell(|_| format!("task {} dies", short(&arn)));
                    self.exits(&arn, 1);
                }
            }
            TaskEvent::Exited(arn) => {
                let process = self.outside.processes.get(&arn);
                let by_itself = process.is_some_and(|it| !it.is_told_to_stop);
                self.exits(&arn, if by_itself { 1 } else { 143 });
            }
        }
    }

    fn task_starts(&mut self, arn: String) {
        let Some(process) = self.outside.processes.get_mut(&arn) else { return };
        if process.nature == Nature::CannotBePulled {
            self.outside.processes.remove(&arn);
            let reason = format!("CannotPullContainerError: {REPOSITORY}:{TAG}: not found");
            let container = CONTAINER.to_owned();
            self.change(|world| world.report(Report::TaskFailedToStart { task_arn: arn, container, reason }));
            return;
        }
        process.runs = true;
        let Process { containers, nature, digest, port, .. } = process.clone();
        self.change(|world| {
            for container in containers {
                let is_ours = container == CONTAINER;
                world.report(Report::ContainerStarted {
                    task_arn: arn.clone(),
                    container,
                    host_port: is_ours.then_some(port),
                    digest: digest.clone(),
                });
            }
        });
        let soon = self.random.between(500, 5 * SECOND);
        let next = match nature {
            Nature::ExitsAtStart => TaskEvent::Exited(arn.clone()),
            _ => TaskEvent::Probed(arn.clone()),
        };
        self.at(self.now + soon, Happening::Task(next));
        if self.plan.has(Fault::DyingTasks) && self.random.permille(300) {
            let later = self.random.between(MINUTE, HOUR / 2);
            self.at(self.now + later, Happening::Task(TaskEvent::Dies(arn)));
        }
    }

    /// The first check that passes makes a target healthy; it stays so until its task dies.
    fn task_is_probed(&mut self, arn: String) {
        let Some(process) = self.outside.processes.get(&arn).filter(|it| !it.is_told_to_stop) else { return };
        let (port, is_sick) = (process.port, process.nature == Nature::FailsHealthChecks);
        let outcome = match is_sick {
            true => Err(ProbeFailure::ResponseCodeMismatch(500)),
            false => Ok(()),
        };
        let group = self.group_of(port);
        if let Some(target_group_arn) = group {
            let id = "127.0.0.1".to_owned();
            self.change(|world| world.report(Report::TargetProbed { target_group_arn, id, port, outcome }));
        }
        if is_sick {
            self.at(self.now + 10 * SECOND, Happening::Task(TaskEvent::Probed(arn)));
        }
    }

    fn exits(&mut self, arn: &str, exit_code: i32) {
        let Some(process) = self.outside.processes.remove(arn) else { return };
        self.change(|world| {
            for container in process.containers {
                world.report(Report::ContainerExited {
                    task_arn: arn.to_owned(),
                    container,
                    exit_code: Some(exit_code),
                    reason: None,
                });
            }
        });
    }

    fn group_of(&self, port: u16) -> Option<String> {
        let groups = &self.world.elb.target_groups;
        groups.iter().find(|it| it.targets.iter().any(|one| one.port == port)).map(|it| it.arn.clone())
    }

    fn is_healthy(&self, arn: &str) -> bool {
        let Some(process) = self.outside.processes.get(arn) else { return false };
        let mut groups = self.world.elb.target_groups.iter();
        groups.any(|it| {
            it.routable().iter().any(|one| {
                one.port == process.port && one.state == pushboat_local::world::elb::TargetState::Healthy
            })
        })
    }
}

pub(super) fn short(arn: &str) -> &str {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    name.get(..8).unwrap_or(name)
}
