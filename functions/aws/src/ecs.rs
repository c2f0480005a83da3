//! ECS: services, task definitions and roll-outs.

use std::time::Duration;

use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::types::{self as sdk, ServiceField, TaskDefinitionField};
use pushboat::announce::Announcement;
use pushboat::capacity::Signal;
use pushboat::capacity::startup::Starts;
use pushboat::cloud::{Answer, Cloud, Listing, Reference};
use pushboat::diagnosis::{LogStream, StoppedTask};
use pushboat::metrics::Metrics;
use pushboat::model::{
    Alarm, Cluster, Deployment, Digest, Image, Progress, Rollout, RolloutState, Service, ServiceName,
    ServiceStatus, Tags, TargetHealth,
};
use pushboat::one_off::{Launched, OneOff, Placement, RunTask};
use pushboat::overview::Bounds;
use pushboat::scan::Scan;
use pushboat::task_definition::{TaskDefinition, family_and_number};
use serde_json::{Map, Value, json};

use crate::client::Aws;
use crate::error::{incomplete, trouble};
use crate::raw::{ReadBody, WriteBody};
use crate::rollouts::progress;
use crate::time;

/// DescribeServices takes ten at a time.
const SERVICES_PER_CALL: usize = 10;
/// How far down from a family's newest revision the template's is looked for.
const REVISIONS: i32 = 10;

impl Cloud for Aws {
    fn now(&self) -> Option<pushboat::Timestamp> {
        self.latest_date()
    }

    fn time_left(&self) -> Option<Duration> {
        self.left()
    }

    async fn pause(&self, at_least: Duration) {
        time::wait(at_least).await;
    }

    async fn services(&self, cluster: &str) -> Answer<Vec<Service>> {
        let mut pages = self.ecs.list_services().cluster(cluster).max_results(100).into_paginator().send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| trouble("ListServices", cluster, error))?;
            arns.extend_from_slice(page.service_arns());
        }
        let mut services = Vec::with_capacity(arns.len());
        for some in arns.chunks(SERVICES_PER_CALL) {
            services.extend(self.describe_services(cluster, some).await?);
        }
        Ok(services)
    }

    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>> {
        let services = self.describe_services(&name.cluster, std::slice::from_ref(&name.service)).await?;
        Ok(services.into_iter().next())
    }

    async fn task_definition(&self, arn: &str) -> Answer<TaskDefinition> {
        let body = ReadBody::default();
        let request =
            self.ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
        let answer = request.customize().interceptor(body.clone()).send().await;
        let answer = answer.map_err(|error| trouble("DescribeTaskDefinition", arn, error))?;
        let document = match body.object().and_then(|mut body| body.remove("taskDefinition")) {
            Some(Value::Object(document)) => document,
            _ => return Err(incomplete("DescribeTaskDefinition", arn, "taskDefinition")),
        };
        let arn = document.get("taskDefinitionArn").and_then(Value::as_str).unwrap_or(arn).to_owned();
        Ok(TaskDefinition { arn, document, tags: tags(answer.tags()) })
    }

    async fn newest_revisions(&self, family: &str, newer_than: u32) -> Answer<Vec<String>> {
        // In spite of its name, the prefix is the whole family.
        let request = self.ecs.list_task_definitions().family_prefix(family).max_results(REVISIONS);
        let request = request.status(sdk::TaskDefinitionStatus::Active).sort(sdk::SortOrder::Desc);
        let answer = request.send().await.map_err(|error| trouble("ListTaskDefinitions", family, error))?;
        let is_newer = |arn: &&String| {
            family_and_number(arn).is_some_and(|(of, number)| of == family && number > newer_than)
        };
        Ok(answer.task_definition_arns().iter().filter(is_newer).cloned().collect())
    }

    async fn repository_uri(&self, repository: &str) -> Answer<Option<String>> {
        self.find_repository_uri(repository).await
    }

    async fn image(&self, repository: &str, reference: &Reference) -> Answer<Option<Image>> {
        self.find_image(repository, reference).await
    }

    async fn tagged_images(&self, repository: &str) -> Answer<Listing> {
        self.list_tagged_images(repository).await
    }

    async fn manifest(&self, repository: &str, digest: &Digest) -> Answer<Option<Value>> {
        self.find_manifest(repository, digest).await
    }

    async fn image_config(&self, repository: &str, config: &Digest) -> Answer<Option<Value>> {
        self.find_config(repository, config).await
    }

    async fn scan(&self, repository: &str, digest: &Digest) -> Answer<Scan> {
        self.find_scan(repository, digest).await
    }

    async fn keep_image(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()> {
        self.add_tag(repository, digest, tag).await
    }

    async fn rollouts(&self, service: &ServiceName) -> Answer<Vec<Rollout>> {
        Ok(self.rollouts_before(service, None).await?.0)
    }

    async fn progress(&self, rollout_arn: &str) -> Answer<Option<Progress>> {
        let request = self.ecs.describe_service_deployments().service_deployment_arns(rollout_arn);
        let answer = request.send().await;
        let answer = answer.map_err(|error| trouble("DescribeServiceDeployments", rollout_arn, error))?;
        Ok(answer.service_deployments().first().map(progress))
    }

    async fn stop_rollout(&self, rollout_arn: &str) -> Answer<()> {
        let request = self.ecs.stop_service_deployment().service_deployment_arn(rollout_arn);
        let request = request.stop_type(sdk::StopServiceDeploymentStopType::Rollback);
        let answer = request.send().await;
        answer.map(drop).map_err(|error| trouble("StopServiceDeployment", rollout_arn, error))
    }

    async fn continue_rollout(&self, rollout_arn: &str, hook_id: &str) -> Answer<()> {
        let request = self.ecs.continue_service_deployment().service_deployment_arn(rollout_arn);
        let request = request.hook_id(hook_id).action(sdk::DeploymentLifecycleHookAction::Continue);
        let answer = request.send().await;
        answer.map(drop).map_err(|error| trouble("ContinueServiceDeployment", rollout_arn, error))
    }

    async fn cluster(&self, cluster: &str) -> Answer<Option<Cluster>> {
        let request = self.ecs.describe_clusters().clusters(cluster).include(sdk::ClusterField::Tags);
        let answer = request.send().await.map_err(|error| trouble("DescribeClusters", cluster, error))?;
        let found = answer.clusters().first();
        Ok(found.and_then(|found| {
            Some(Cluster { arn: found.cluster_arn()?.to_owned(), tags: tags(found.tags()) })
        }))
    }

    async fn target_health(&self, target_group_arns: &[String]) -> Answer<TargetHealth> {
        self.find_target_health(target_group_arns).await
    }

    async fn stopped_tasks(
        &self,
        service: &ServiceName,
        task_definition_arn: &str,
    ) -> Answer<Vec<StoppedTask>> {
        self.find_stopped_tasks(service, task_definition_arn).await
    }

    async fn service_messages(&self, service: &ServiceName) -> Answer<Vec<String>> {
        self.find_service_messages(service).await
    }

    async fn last_log_lines(&self, stream: &LogStream) -> Answer<Vec<String>> {
        self.find_last_log_lines(stream).await
    }

    async fn announce(&self, announcements: &[Announcement]) -> Answer<()> {
        self.put_events(announcements).await
    }

    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String> {
        let family = document.get("family").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut body = document.clone();
        // An empty list of tags is not the same as none.
        if !tags.is_empty() {
            let list = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
            body.insert("tags".to_owned(), Value::Array(list));
        }
        let body = WriteBody::new(&body).map_err(|error| pushboat::cloud::CloudError {
            operation: "RegisterTaskDefinition",
            subject: family.clone(),
            trouble: pushboat::cloud::Trouble::Refused,
            message: "the document is not JSON".to_owned(),
            source: Some(Box::new(error)),
        })?;
        // There is no client token: asking twice registers twice. Whoever tries again looks first.
        let once = aws_sdk_ecs::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.ecs.register_task_definition().family(&family).customize();
        let answer = request.interceptor(body).config_override(once).send().await;
        let answer = answer.map_err(|error| trouble("RegisterTaskDefinition", &family, error))?;
        let arn = answer.task_definition().and_then(sdk::TaskDefinition::task_definition_arn);
        arn.map(str::to_owned)
            .ok_or_else(|| incomplete("RegisterTaskDefinition", &family, "taskDefinitionArn"))
    }

    async fn release(&self, service: &ServiceName, task_definition_arn: &str) -> Answer<()> {
        let request = self.ecs.update_service().cluster(&service.cluster).service(&service.service);
        let answer = request.task_definition(task_definition_arn).send().await;
        answer.map(drop).map_err(|error| trouble("UpdateService", &service.to_string(), error))
    }

    async fn metrics(&self, service: &Service, signals: &[Signal], days: i64) -> Answer<Metrics> {
        self.find_metrics(service, signals, days).await
    }

    async fn starts(&self, service: &Service) -> Answer<Starts> {
        self.find_starts(service).await
    }

    async fn scalable_targets(&self, services: &[ServiceName]) -> Answer<Vec<(ServiceName, Bounds)>> {
        self.find_scalable_targets(services).await
    }

    async fn alarms_in_alarm(&self) -> Answer<Vec<Alarm>> {
        self.list_alarms_in_alarm().await
    }

    async fn alarms(&self, names: &[String]) -> Answer<Vec<Alarm>> {
        self.find_alarms(names).await
    }

    async fn is_muted(&self, alarm: &str) -> Answer<bool> {
        self.has_active_mute_rule(alarm).await
    }

    async fn alarm_tags(&self, alarm_arn: &str) -> Answer<Tags> {
        self.find_alarm_tags(alarm_arn).await
    }

    async fn set_desired_count(&self, service: &ServiceName, desired: u32) -> Answer<()> {
        let subject = service.to_string();
        let desired = i32::try_from(desired).unwrap_or(i32::MAX);
        let request = self.ecs.update_service().cluster(&service.cluster).service(&service.service);
        let answer = request.desired_count(desired).send().await;
        answer.map(drop).map_err(|error| trouble("UpdateService", &subject, error))
    }

    async fn placement(&self, service: &ServiceName) -> Answer<Option<Placement>> {
        self.find_placement(service).await
    }

    async fn run_task(&self, task: &RunTask) -> Answer<Launched> {
        self.launch(task).await
    }

    async fn one_off(&self, cluster: &str, id: &str) -> Answer<Option<OneOff>> {
        self.find_one_off(cluster, id).await
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Answer<()> {
        let tags =
            tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect();
        let answer = self.ecs.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await;
        answer.map(drop).map_err(|error| trouble("TagResource", arn, error))
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()> {
        let request = self.ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        request.send().await.map(drop).map_err(|error| trouble("UntagResource", arn, error))
    }
}

impl Aws {
    /// Those that are there: a missing one is not an error for ECS, and not in the answer.
    async fn describe_services(&self, cluster: &str, services: &[String]) -> Answer<Vec<Service>> {
        let request = self.ecs.describe_services().cluster(cluster).include(ServiceField::Tags);
        let answer = request.set_services(Some(services.to_vec())).send().await;
        let answer = answer.map_err(|error| trouble("DescribeServices", cluster, error))?;
        Ok(answer.services().iter().filter_map(|found| service(cluster, found)).collect())
    }
}

fn service(cluster: &str, found: &sdk::Service) -> Option<Service> {
    let name = ServiceName { cluster: cluster.to_owned(), service: found.service_name()?.to_owned() };
    Some(Service {
        name,
        arn: found.service_arn()?.to_owned(),
        status: match found.status() {
            Some("DRAINING") => ServiceStatus::Draining,
            Some("INACTIVE") => ServiceStatus::Inactive,
            _ => ServiceStatus::Active,
        },
        desired_count: count(found.desired_count()),
        running_count: count(found.running_count()),
        pending_count: count(found.pending_count()),
        task_definition_arn: found.task_definition().unwrap_or_default().to_owned(),
        tags: tags(found.tags()),
        primary: found
            .deployments()
            .iter()
            .find(|deployment| deployment.status() == Some("PRIMARY"))
            .map(deployment),
        target_group_arns: found
            .load_balancers()
            .iter()
            .filter_map(|balancer| balancer.target_group_arn().map(str::to_owned))
            .collect(),
        subnets: found
            .network_configuration()
            .and_then(|network| network.awsvpc_configuration())
            .map_or(1, |network| u32::try_from(network.subnets().len()).unwrap_or(1)),
        managed_by_ecs: found.resource_management_type() == Some(&sdk::ResourceManagementType::Ecs),
    })
}

fn deployment(found: &sdk::Deployment) -> Deployment {
    Deployment {
        id: found.id().unwrap_or_default().to_owned(),
        task_definition_arn: found.task_definition().unwrap_or_default().to_owned(),
        state: match found.rollout_state() {
            Some(sdk::DeploymentRolloutState::Completed) => RolloutState::Completed,
            Some(sdk::DeploymentRolloutState::Failed) => RolloutState::Failed,
            Some(sdk::DeploymentRolloutState::InProgress) => RolloutState::InProgress,
            _ => RolloutState::Unknown,
        },
        reason: found.rollout_state_reason().unwrap_or_default().to_owned(),
        failed_tasks: count(found.failed_tasks()),
    }
}

pub(crate) fn tags(list: &[sdk::Tag]) -> Tags {
    let pair = |tag: &sdk::Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    list.iter().filter_map(pair).collect()
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
