//! ECS: tasks that stopped, and what services say of theirs. Asked only where a roll-out fails.

use aws_sdk_ecs::types::{self as sdk, DesiredStatus};
use pushboat::cloud::Answer;
use pushboat::diagnosis::{StoppedContainer, StoppedTask};
use pushboat::model::ServiceName;

use crate::client::Aws;
use crate::error::trouble;
use crate::time::moment;

/// As many as DescribeTasks takes, which is one page of ListTasks.
const TASKS: i32 = 100;

impl Aws {
    pub(crate) async fn find_stopped_tasks(
        &self,
        service: &ServiceName,
        task_definition_arn: &str,
    ) -> Answer<Vec<StoppedTask>> {
        let subject = service.to_string();
        let request = self.ecs.list_tasks().cluster(&service.cluster).service_name(&service.service);
        let request = request.desired_status(DesiredStatus::Stopped).max_results(TASKS);
        let answer = request.send().await.map_err(|error| trouble("ListTasks", &subject, error))?;
        let arns = answer.task_arns().to_vec();
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let request = self.ecs.describe_tasks().cluster(&service.cluster).set_tasks(Some(arns));
        let answer = request.send().await.map_err(|error| trouble("DescribeTasks", &subject, error))?;
        let of_revision =
            answer.tasks().iter().filter(|task| task.task_definition_arn() == Some(task_definition_arn));
        Ok(of_revision.map(stopped).collect())
    }

    pub(crate) async fn find_service_messages(&self, service: &ServiceName) -> Answer<Vec<String>> {
        let request = self.ecs.describe_services().cluster(&service.cluster).services(&service.service);
        let answer = request.send().await;
        let answer = answer.map_err(|error| trouble("DescribeServices", &service.to_string(), error))?;
        let events = answer.services().iter().flat_map(sdk::Service::events);
        Ok(events.filter_map(|event| event.message().map(str::to_owned)).collect())
    }
}

pub(crate) fn stopped(task: &sdk::Task) -> StoppedTask {
    let arn = task.task_arn().unwrap_or_default();
    let end = task.stopping_at().or(task.stopped_at()).and_then(moment);
    StoppedTask {
        id: arn.rsplit('/').next().unwrap_or(arn).to_owned(),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()).unwrap_or_default(),
        stopped_reason: task.stopped_reason().unwrap_or_default().to_owned(),
        stopped_at: end,
        ran: task.started_at().and_then(moment).zip(end).map(|(from, to)| to.duration_since(from)),
        containers: task.containers().iter().map(container).collect(),
    }
}

fn container(container: &sdk::Container) -> StoppedContainer {
    StoppedContainer {
        name: container.name().unwrap_or_default().to_owned(),
        exit_code: container.exit_code(),
        reason: container.reason().unwrap_or_default().to_owned(),
        unhealthy: container.health_status() == Some(&sdk::HealthStatus::Unhealthy),
    }
}
