//! AWS as it is, on which nothing is done: whatever would be written is noted, and what is read afterwards looks as if
//! it had been. So a plan is made by the very code that carries it out, and says what it says.
//!
//! Nothing moves by itself here. A deployment that was begun stays under way, and a count that was set stays a wish.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::announce::Announcement;
use crate::capacity::Signal;
use crate::capacity::startup::Starts;
use crate::cloud::{Answer, Cloud, Listing, Reference};
use crate::diagnosis::{LogStream, StoppedTask};
use crate::difference::{self, Difference};
use crate::metrics::Metrics;
use crate::model::{
    Alarm, Cluster, Deployment, Digest, Image, Progress, Rollout, RolloutState, Service, ServiceName, Tags,
    TargetHealth,
};
use crate::one_off::{Launched, OneOff, Placement, RunTask};
use crate::overview::Bounds;
use crate::scan::Scan;
use crate::task_definition::{TaskDefinition, family_and_number, revision_name};

/// A call of AWS that would be made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "call")]
pub enum Call {
    RegisterTaskDefinition {
        /// `family:revision`, if nobody registers another one before.
        revision: String,
        tags: Tags,
        /// From what the service runs.
        differences: Vec<Difference>,
    },
    UpdateService {
        service: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        task_definition: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        desired_count: Option<u32>,
    },
    StopServiceDeployment {
        service_deployment: String,
    },
    ContinueServiceDeployment {
        service_deployment: String,
        hook: String,
    },
    TagResource {
        resource: String,
        tags: Tags,
    },
    UntagResource {
        resource: String,
        tag_keys: Vec<String>,
    },
    RunTask {
        cluster: String,
        /// `family:revision`
        task_definition: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        container: Option<String>,
        /// Instead of the container's own.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        command: Vec<String>,
        /// `launchType` or `capacityProviderStrategy`, `platformVersion`, `networkConfiguration`: the service's.
        placement: Map<String, Value>,
        tags: Tags,
    },
    PutImage {
        repository: String,
        digest: Digest,
        tag: String,
    },
}

#[derive(Debug)]
pub struct Rehearsal<'a, C> {
    cloud: &'a C,
    calls: RefCell<Vec<Call>>,
    /// The newest last.
    registered: RefCell<Vec<TaskDefinition>>,
    /// By ARN. `None`: the tag was removed.
    tags: RefCell<BTreeMap<String, BTreeMap<String, Option<String>>>>,
    revisions: RefCell<BTreeMap<ServiceName, String>>,
    counts: RefCell<BTreeMap<ServiceName, u32>>,
}

impl<'a, C: Cloud> Rehearsal<'a, C> {
    pub fn on(cloud: &'a C) -> Rehearsal<'a, C> {
        Rehearsal {
            cloud,
            calls: RefCell::default(),
            registered: RefCell::default(),
            tags: RefCell::default(),
            revisions: RefCell::default(),
            counts: RefCell::default(),
        }
    }

    /// Every call that would have been made, in order, beside what this service runs.
    pub async fn calls(self, service: Option<&ServiceName>) -> Answer<Vec<Call>> {
        let mut calls = self.calls.into_inner();
        let documents = self.registered.into_inner();
        let mut registrations = calls.iter_mut().filter_map(|call| match call {
            Call::RegisterTaskDefinition { differences, .. } => Some(differences),
            _ => None,
        });
        if documents.is_empty() {
            return Ok(calls);
        }
        let service = match service {
            Some(name) => self.cloud.service(name).await?,
            None => None,
        };
        let Some(service) = service else { return Ok(calls) };
        let runs = self.cloud.task_definition(&service.task_definition_arn).await?;
        for definition in documents {
            if let Some(differences) = registrations.next() {
                *differences = difference::between(&runs.document, &definition.document);
            }
        }
        Ok(calls)
    }

    fn note(&self, call: Call) {
        self.calls.borrow_mut().push(call);
    }

    fn shown(&self, mut service: Service) -> Service {
        self.retag(&service.arn, &mut service.tags);
        if let Some(count) = self.counts.borrow().get(&service.name) {
            service.desired_count = *count;
        }
        if let Some(arn) = self.revisions.borrow().get(&service.name) {
            service.task_definition_arn.clone_from(arn);
            service.primary = Some(Deployment {
                id: "planned".to_owned(),
                task_definition_arn: arn.clone(),
                state: RolloutState::InProgress,
                reason: "planned".to_owned(),
                failed_tasks: 0,
            });
        }
        service
    }

    fn retag(&self, arn: &str, tags: &mut Tags) {
        for (key, value) in self.tags.borrow().get(arn).into_iter().flatten() {
            match value {
                Some(value) => tags.insert(key.clone(), value.clone()),
                None => tags.remove(key),
            };
        }
    }

    fn newest_registered(&self, family: &str) -> Option<TaskDefinition> {
        let registered = self.registered.borrow();
        let of_family = |it: &&TaskDefinition| family_and_number(&it.arn).is_some_and(|it| it.0 == family);
        registered.iter().rev().find(of_family).cloned()
    }

    /// The ARN that comes after the family's newest.
    async fn next_arn(&self, family: &str) -> Answer<String> {
        let newest = match self.newest_registered(family) {
            Some(planned) => Some(planned.arn),
            None => match self.cloud.task_definition(family).await {
                Ok(newest) => Some(newest.arn),
                Err(error) if error.retry_helps() => return Err(error),
                Err(_) => None,
            },
        };
        let next = newest.as_deref().and_then(|arn| {
            let (_, number) = family_and_number(arn)?;
            Some(format!("{}:{}", arn.rsplit_once(':')?.0, number + 1))
        });
        Ok(next.unwrap_or_else(|| format!("{family}:1")))
    }
}

/// Questions are AWS's to answer.
macro_rules! asks {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(async fn $name(&self, $($argument: $kind),*) -> Answer<$answer> {
            self.cloud.$name($($argument),*).await
        })*
    };
}

impl<C: Cloud> Cloud for Rehearsal<'_, C> {
    asks! {
        repository_uri(repository: &str) -> Option<String>;
        image(repository: &str, reference: &Reference) -> Option<Image>;
        tagged_images(repository: &str) -> Listing;
        manifest(repository: &str, digest: &Digest) -> Option<Value>;
        image_config(repository: &str, config: &Digest) -> Option<Value>;
        scan(repository: &str, digest: &Digest) -> Scan;
        rollouts(service: &ServiceName) -> Vec<Rollout>;
        progress(rollout_arn: &str) -> Option<Progress>;
        target_health(target_group_arns: &[String]) -> TargetHealth;
        stopped_tasks(service: &ServiceName, task_definition_arn: &str) -> Vec<StoppedTask>;
        service_messages(service: &ServiceName) -> Vec<String>;
        last_log_lines(stream: &LogStream) -> Vec<String>;
        metrics(service: &Service, signals: &[Signal], days: i64) -> Metrics;
        starts(service: &Service) -> Starts;
        scalable_targets(services: &[ServiceName]) -> Vec<(ServiceName, Bounds)>;
        alarms_in_alarm() -> Vec<Alarm>;
        alarms(names: &[String]) -> Vec<Alarm>;
        is_muted(alarm: &str) -> bool;
        alarm_tags(alarm_arn: &str) -> Tags;
        placement(service: &ServiceName) -> Option<Placement>;
        one_off(cluster: &str, id: &str) -> Option<OneOff>;
    }

    fn now(&self) -> Option<Timestamp> {
        self.cloud.now()
    }

    fn time_left(&self) -> Option<Duration> {
        self.cloud.time_left()
    }

    async fn pause(&self, at_least: Duration) {
        self.cloud.pause(at_least).await;
    }

    async fn services(&self, cluster: &str) -> Answer<Vec<Service>> {
        let found = self.cloud.services(cluster).await?;
        Ok(found.into_iter().map(|service| self.shown(service)).collect())
    }

    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>> {
        Ok(self.cloud.service(name).await?.map(|service| self.shown(service)))
    }

    async fn task_definition(&self, arn: &str) -> Answer<TaskDefinition> {
        let planned = self.registered.borrow().iter().find(|it| it.arn == arn).cloned();
        let planned = planned.or_else(|| self.newest_registered(arn));
        let mut found = match planned {
            Some(planned) => planned,
            None => self.cloud.task_definition(arn).await?,
        };
        self.retag(&found.arn.clone(), &mut found.tags);
        Ok(found)
    }

    async fn newest_revisions(&self, family: &str, newer_than: u32) -> Answer<Vec<String>> {
        let found = self.cloud.newest_revisions(family, newer_than).await?;
        let registered = self.registered.borrow();
        let planned = registered.iter().rev().map(|it| it.arn.clone());
        let planned = planned.filter(|arn| family_and_number(arn).is_some_and(|it| it.0 == family));
        Ok(planned.chain(found).collect())
    }

    async fn cluster(&self, cluster: &str) -> Answer<Option<Cluster>> {
        let mut found = self.cloud.cluster(cluster).await?;
        if let Some(cluster) = &mut found {
            self.retag(&cluster.arn, &mut cluster.tags);
        }
        Ok(found)
    }

    async fn keep_image(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()> {
        let (repository, digest, tag) = (repository.to_owned(), digest.clone(), tag.to_owned());
        self.note(Call::PutImage { repository, digest, tag });
        Ok(())
    }

    async fn stop_rollout(&self, rollout_arn: &str) -> Answer<()> {
        self.note(Call::StopServiceDeployment { service_deployment: rollout_arn.to_owned() });
        Ok(())
    }

    async fn continue_rollout(&self, rollout_arn: &str, hook_id: &str) -> Answer<()> {
        let (service_deployment, hook) = (rollout_arn.to_owned(), hook_id.to_owned());
        self.note(Call::ContinueServiceDeployment { service_deployment, hook });
        Ok(())
    }

    /// Nobody is told of what was not done.
    async fn announce(&self, _announcements: &[Announcement]) -> Answer<()> {
        Ok(())
    }

    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String> {
        let family = document.get("family").and_then(Value::as_str).unwrap_or_default();
        let arn = self.next_arn(family).await?;
        let revision = revision_name(&arn).to_owned();
        self.note(Call::RegisterTaskDefinition { revision, tags: tags.clone(), differences: Vec::new() });
        let (document, tags) = (document.clone(), tags.clone());
        self.registered.borrow_mut().push(TaskDefinition { arn: arn.clone(), document, tags });
        Ok(arn)
    }

    async fn release(&self, service: &ServiceName, task_definition_arn: &str) -> Answer<()> {
        let task_definition = Some(revision_name(task_definition_arn).to_owned());
        self.note(Call::UpdateService { service: service.to_string(), task_definition, desired_count: None });
        self.revisions.borrow_mut().insert(service.clone(), task_definition_arn.to_owned());
        Ok(())
    }

    async fn set_desired_count(&self, service: &ServiceName, desired: u32) -> Answer<()> {
        self.note(Call::UpdateService {
            service: service.to_string(),
            task_definition: None,
            desired_count: Some(desired),
        });
        self.counts.borrow_mut().insert(service.clone(), desired);
        Ok(())
    }

    async fn run_task(&self, task: &RunTask) -> Answer<Launched> {
        let (container, command) = task.command.clone().unzip();
        self.note(Call::RunTask {
            cluster: task.cluster.clone(),
            task_definition: revision_name(&task.task_definition_arn).to_owned(),
            container,
            command: command.unwrap_or_default(),
            placement: task.placement.0.clone(),
            tags: task.tags.clone(),
        });
        Ok(Launched::Task("planned".to_owned()))
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Answer<()> {
        self.note(Call::TagResource { resource: arn.to_owned(), tags: tags.clone() });
        let mut all = self.tags.borrow_mut();
        let written = tags.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        all.entry(arn.to_owned()).or_default().extend(written);
        Ok(())
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()> {
        self.note(Call::UntagResource { resource: arn.to_owned(), tag_keys: keys.to_vec() });
        let mut all = self.tags.borrow_mut();
        all.entry(arn.to_owned()).or_default().extend(keys.iter().map(|key| (key.clone(), None)));
        Ok(())
    }
}
