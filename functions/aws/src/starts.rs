//! ECS and ELBv2: how the tasks of a service have started lately, remembered for an hour.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::types::{DesiredStatus, Task};
use jiff::SignedDuration;
use pushboat::capacity::startup::Starts;
use pushboat::cloud::Answer;
use pushboat::model::{Service, ServiceName};

use crate::client::Aws;
use crate::error::trouble;
use crate::time::moment;

const GOOD_FOR: SignedDuration = SignedDuration::from_hours(1);
/// As many as DescribeTasks takes, which is one page of ListTasks.
const TASKS: i32 = 100;

/// What a service's tasks of one revision were seen to do, and when.
type Known = (String, jiff::Timestamp, Starts);

#[derive(Debug, Clone, Default)]
pub(crate) struct AllStarts(Arc<Mutex<BTreeMap<ServiceName, Known>>>);

impl Aws {
    pub(crate) async fn find_starts(&self, service: &Service) -> Answer<Starts> {
        let now = self.latest_date();
        {
            let known = self.starts.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some((revision, at, starts)), Some(now)) = (known.get(&service.name), now)
                && *revision == service.task_definition_arn
                && now.duration_since(*at) < GOOD_FOR
            {
                return Ok(starts.clone());
            }
        }
        let starts = Starts {
            tasks: self.list_starts(&service.name).await?,
            checks: self.longest_checks(&service.target_group_arns).await?,
        };
        if let Some(now) = now.filter(|_| !starts.tasks.is_empty()) {
            let mut known = self.starts.0.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = (service.task_definition_arn.clone(), now, starts.clone());
            known.insert(service.name.clone(), seen);
        }
        Ok(starts)
    }

    async fn list_starts(&self, name: &ServiceName) -> Answer<Vec<SignedDuration>> {
        let subject = name.to_string();
        let request = self.ecs.list_tasks().cluster(&name.cluster).service_name(&name.service);
        let request = request.desired_status(DesiredStatus::Running).max_results(TASKS);
        let answer = request.send().await.map_err(|error| trouble("ListTasks", &subject, error))?;
        let arns = answer.task_arns().to_vec();
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let request = self.ecs.describe_tasks().cluster(&name.cluster).set_tasks(Some(arns));
        let answer = request.send().await.map_err(|error| trouble("DescribeTasks", &subject, error))?;
        let start = |task: &Task| {
            let (created, started) = (moment(task.created_at()?)?, moment(task.started_at()?)?);
            Some((created, started.duration_since(created)))
        };
        let mut starts: Vec<_> = answer.tasks().iter().filter_map(start).collect();
        starts.sort_by_key(|(created, _)| Reverse(*created));
        Ok(starts.into_iter().map(|(_, took)| took).collect())
    }

    async fn longest_checks(&self, target_groups: &[String]) -> Answer<SignedDuration> {
        let mut longest = SignedDuration::ZERO;
        for arn in target_groups {
            longest = longest.max(self.target_group(arn).await?.map_or(longest, |group| group.checks));
        }
        Ok(longest)
    }
}
