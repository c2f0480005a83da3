//! ECS: in which availability zones the tasks of services are. Asked a cluster at a time, because one question for each
//! service would take more of ECS's quota than releases leave.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::DesiredStatus;
use pushboat::cloud::Answer;
use pushboat::model::ServiceName;
use pushboat::overview::Zones;

use crate::client::Aws;
use crate::error::trouble;

/// As many as DescribeTasks takes, which is one page of ListTasks.
const TASKS: i32 = 100;
/// More tasks than in so many pages are not looked at.
const PAGES: usize = 20;

impl Aws {
    /// Of the tasks that are to run, by the name of their service. `None`: there are too many.
    pub async fn tasks_in_zones(
        &self,
        cluster: &str,
        only: Option<&ServiceName>,
    ) -> Answer<Option<BTreeMap<String, Zones>>> {
        let mut found = BTreeMap::<String, Zones>::new();
        let list = self.ecs.list_tasks().cluster(cluster).desired_status(DesiredStatus::Running);
        let list = list.set_service_name(only.map(|it| it.service.clone())).max_results(TASKS);
        let mut token = None;
        for _ in 0..PAGES {
            let page = list.clone().set_next_token(token).send().await;
            let page = page.map_err(|error| trouble("ListTasks", cluster, error))?;
            if !page.task_arns().is_empty() {
                let request = self.ecs.describe_tasks().cluster(cluster);
                let answer = request.set_tasks(Some(page.task_arns().to_vec())).send().await;
                let answer = answer.map_err(|error| trouble("DescribeTasks", cluster, error))?;
                for task in answer.tasks() {
                    // What belongs to no service is a task of its own.
                    let service = task.group().and_then(|group| group.strip_prefix("service:"));
                    if let Some((service, zone)) = service.zip(task.availability_zone()) {
                        let runs = task.last_status() == Some("RUNNING");
                        found.entry(service.to_owned()).or_default().count(zone, runs);
                    }
                }
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
