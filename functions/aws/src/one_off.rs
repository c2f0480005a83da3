//! ECS: a task beside a service. Where it runs is read and sent as JSON, so that members newer than the SDK come through.

use aws_sdk_ecs::types::{self as sdk, TaskField};
use pushboat::cloud::{Answer, CloudError, Trouble};
use pushboat::model::ServiceName;
use pushboat::one_off::{Launched, OneOff, Placement, RunTask, STARTED_BY};
use serde_json::{Map, Value, json};

use crate::client::Aws;
use crate::ecs::tags;
use crate::error::{incomplete, trouble};
use crate::raw::{ReadBody, WriteBody};
use crate::tasks::stopped;
use crate::time::moment;

impl Aws {
    pub(crate) async fn find_placement(&self, service: &ServiceName) -> Answer<Option<Placement>> {
        let body = ReadBody::default();
        let request = self.ecs.describe_services().cluster(&service.cluster).services(&service.service);
        let answer = request.customize().interceptor(body.clone()).send().await;
        answer.map_err(|error| trouble("DescribeServices", &service.to_string(), error))?;
        let described = body.object().and_then(|mut body| body.remove("services"));
        let described = described
            .ok_or_else(|| incomplete("DescribeServices", &service.to_string(), "list of services"))?;
        Ok(described.get(0).and_then(Value::as_object).map(Placement::of))
    }

    /// The client token makes the SDK's own retries harmless.
    pub(crate) async fn launch(&self, task: &RunTask) -> Answer<Launched> {
        let subject = &task.task_definition_arn;
        let body = WriteBody::new(&request(task)).map_err(|error| CloudError {
            operation: "RunTask",
            subject: subject.clone(),
            trouble: Trouble::Refused,
            message: "the request is not JSON".to_owned(),
            source: Some(Box::new(error)),
        })?;
        let request = self.ecs.run_task().cluster(&task.cluster).task_definition(subject);
        let answer = match request.customize().interceptor(body).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match error.as_service_error() {
                    Some(refusal) if refusal.is_conflict_exception() => Ok(other_tasks(refusal)),
                    _ => Err(trouble("RunTask", subject, error)),
                };
            }
        };
        if let Some(arn) = answer.tasks().first().and_then(sdk::Task::task_arn) {
            return Ok(Launched::Task(arn.to_owned()));
        }
        let said = |failure: &sdk::Failure| match (failure.reason(), failure.detail()) {
            (Some(reason), Some(detail)) => Some(format!("{reason}: {detail}")),
            (reason, detail) => reason.or(detail).map(str::to_owned),
        };
        let reasons: Vec<String> = answer.failures().iter().filter_map(said).collect();
        match reasons.is_empty() {
            true => Err(incomplete("RunTask", subject, "task and no failure")),
            false => Ok(Launched::Nowhere(reasons.join("; "))),
        }
    }

    pub(crate) async fn find_one_off(&self, cluster: &str, id: &str) -> Answer<Option<OneOff>> {
        let request = self.ecs.describe_tasks().cluster(cluster).tasks(id).include(TaskField::Tags);
        let answer = request.send().await.map_err(|error| trouble("DescribeTasks", id, error))?;
        Ok(answer.tasks().first().map(read))
    }
}

fn other_tasks(refusal: &aws_sdk_ecs::operation::run_task::RunTaskError) -> Launched {
    use aws_sdk_ecs::operation::run_task::RunTaskError;
    match refusal {
        RunTaskError::ConflictException(conflict) => Launched::OtherTasks(conflict.resource_ids().to_vec()),
        _ => Launched::OtherTasks(Vec::new()),
    }
}

fn request(task: &RunTask) -> Map<String, Value> {
    let mut body = task.placement.0.clone();
    let tags: Vec<Value> = task.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let mut put = |member: &str, value: Value| body.insert(member.to_owned(), value);
    put("cluster", json!(task.cluster));
    put("taskDefinition", json!(task.task_definition_arn));
    put("count", json!(1));
    put("startedBy", json!(STARTED_BY));
    put("clientToken", json!(task.client_token));
    put("tags", json!(tags));
    if let Some((container, command)) = &task.command {
        put("overrides", json!({"containerOverrides": [{"name": container, "command": command}]}));
    }
    body
}

fn read(task: &sdk::Task) -> OneOff {
    let overridden = task.overrides().map(|it| it.container_overrides()).unwrap_or_default();
    let command = |name: Option<&str>| {
        let own = overridden.iter().find(|it| it.name() == name);
        own.map(|it| it.command().to_vec()).unwrap_or_default()
    };
    let status = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let containers = task.containers().iter();
    OneOff {
        end: stopped(task),
        last_status: status(task.last_status()),
        task_definition_arn: task.task_definition_arn().unwrap_or_default().to_owned(),
        tags: tags(task.tags()),
        created_at: task.created_at().and_then(moment),
        started_at: task.started_at().and_then(moment),
        stopped_at: task.stopped_at().and_then(moment),
        containers: containers.map(|it| (status(it.last_status()), command(it.name()))).collect(),
    }
}
