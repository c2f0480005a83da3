//! What happened to containers outside, and what that means for their task. A report may come late, twice or about
//! nobody: it never brings a task back that is to stop.

use super::TaskStatus;
use super::task::Stop;
use crate::world::{Report, World};

impl World {
    /// Reports about tasks nobody knows any more are of no interest.
    pub(in crate::world) fn task_reported(&mut self, report: Report) {
        let (Report::PullStarted { task_arn }
        | Report::PullStopped { task_arn }
        | Report::ContainerStarted { task_arn, .. }
        | Report::TaskFailedToStart { task_arn, .. }
        | Report::ContainerExited { task_arn, .. }) = &report
        else {
            return;
        };
        let Some(task) = self.ecs.tasks.iter().position(|it| it.arn == *task_arn) else {
            return;
        };
        match report {
            Report::PullStarted { .. } => self.ecs.tasks[task].pull_started_at = Some(self.now),
            Report::PullStopped { .. } => self.ecs.tasks[task].pull_stopped_at = Some(self.now),
            Report::ContainerStarted { container, host_port, digest, .. } => {
                self.container_started(task, &container, host_port, digest)
            }
            Report::TaskFailedToStart { container, reason, .. } => {
                self.failed_to_start(task, &container, reason)
            }
            Report::ContainerExited { container, exit_code, reason, .. } => {
                self.container_exited(task, &container, exit_code, reason)
            }
            Report::TargetProbed { .. } | Report::TargetIdle { .. } | Report::Measured { .. } => {}
        }
    }

    /// In a task that is being stopped it is still noted, so that its end is waited for; it changes nothing else.
    fn container_started(&mut self, index: usize, name: &str, host_port: Option<u16>, digest: String) {
        let task = &mut self.ecs.tasks[index];
        if !matches!(task.last_status, TaskStatus::Pending | TaskStatus::Stopping) {
            return;
        }
        let Some(container) = task.containers.iter_mut().find(|it| it.name == name) else {
            return;
        };
        if container.last_status == TaskStatus::Running || container.exit_code.is_some() {
            return;
        }
        container.last_status = TaskStatus::Running;
        container.host_port = host_port;
        container.digest = Some(digest.clone());
        if let Some(revision_arn) = task.service_revision_arn.clone() {
            self.note_digest(&revision_arn, name, digest);
        }
    }

    fn note_digest(&mut self, revision_arn: &str, container: &str, digest: String) {
        let mut revisions = self.ecs.service_revisions.iter_mut();
        let Some(revision) = revisions.find(|it| it.arn == revision_arn) else {
            return;
        };
        for (name, _, resolved) in &mut revision.container_images {
            if name == container {
                resolved.get_or_insert(digest);
                return;
            }
        }
    }

    fn failed_to_start(&mut self, index: usize, name: &str, reason: String) {
        let task = &mut self.ecs.tasks[index];
        if task.last_status != TaskStatus::Pending {
            return;
        }
        if let Some(container) = task.containers.iter_mut().find(|it| it.name == name) {
            container.last_status = TaskStatus::Stopped;
            container.reason = Some(reason.clone());
        }
        self.begin_stop(index, &Stop::FailedToStart { reason });
    }

    fn container_exited(&mut self, index: usize, name: &str, exit_code: Option<i32>, reason: Option<String>) {
        let task = &mut self.ecs.tasks[index];
        if task.last_status == TaskStatus::Provisioning || task.last_status >= TaskStatus::Deprovisioning {
            return;
        }
        let Some(container) = task.containers.iter_mut().find(|it| it.name == name) else {
            return;
        };
        if container.last_status == TaskStatus::Stopped {
            return;
        }
        container.last_status = TaskStatus::Stopped;
        container.exit_code = exit_code;
        container.reason = reason;
        if container.essential {
            self.begin_stop(index, &Stop::EssentialContainerExited);
        }
    }
}
