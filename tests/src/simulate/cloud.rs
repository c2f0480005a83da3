//! The cloud as one instance of a function meets it: each question is answered from what reads see, each write touches the
//! world.

use std::time::Duration;

use pushboat::Timestamp;
use pushboat::announce::Announcement;
use pushboat::capacity::startup::Starts;
use pushboat::capacity::{Signal, alarm};
use pushboat::cloud::{Answer, Cloud, Listing, Reference};
use pushboat::diagnosis::{LogStream, StoppedTask};
use pushboat::metrics::Metrics;
use pushboat::model::{
    Alarm, AlarmState, Cluster, Digest, Image, Progress, Rollout, Service, ServiceName, Tags, TargetHealth,
};
use pushboat::one_off::{Launched, OneOff, Placement, RunTask};
use pushboat::overview::Bounds;
use pushboat::scan::Scan;
use pushboat::task_definition::{TaskDefinition, family_and_number};
use pushboat_local::world::ecr::Repeat;
use pushboat_local::world::ecs::{self as world_ecs, HookAction, StopType, UpdateService};
use pushboat_local::world::elb::TargetState;
use pushboat_local::world::{Refusal, World};
use serde_json::{Map, Value, json};

use super::instances::TIMEOUT;
use super::lens::{Lens, refused, wait};
use super::seen::{self, Seen};
use super::stage::Stage;
use super::writers::CONFIG;
use super::{CLUSTER, REPOSITORY, uri};

const REVISIONS: usize = 10;

impl Cloud for Lens {
    fn now(&self) -> Option<Timestamp> {
        self.date.get()
    }

    fn time_left(&self) -> Option<Duration> {
        let stage = self.stage.borrow();
        let ends = stage.instances.get(&self.id)?.started + TIMEOUT;
        Some(Duration::from_millis(u64::try_from(ends - stage.now).unwrap_or(0)))
    }

    async fn pause(&self, at_least: Duration) {
        let least = i64::try_from(at_least.as_millis()).unwrap_or(i64::MAX / 2);
        let longer = self.stage.borrow_mut().random.between(0, 500);
        wait(&self.stage, self.id, least + longer).await;
    }

    async fn services(&self, cluster: &str) -> Answer<Vec<Service>> {
        let services = self.look("DescribeServices", cluster, |seen| Ok(seen.services.to_vec())).await?;
        let mut stage = self.stage.borrow_mut();
        stage.notices(self.id, &services);
        services.iter().for_each(|it| stage.looked_at(self.id, &it.name.service));
        drop(stage);
        Ok(self.services_as_read(services))
    }

    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>> {
        if self.skips_second_look() {
            return Ok(None);
        }
        let find = |seen: &Seen| Ok(seen.services.iter().find(|it| it.name == *name).cloned());
        let found = self.look("DescribeServices", &name.service, find).await?;
        self.stage.borrow_mut().looked_at(self.id, &name.service);
        self.stage.borrow_mut().notices(self.id, found.as_slice());
        Ok(self.services_as_read(found.into_iter().collect()).pop())
    }

    async fn task_definition(&self, arn: &str) -> Answer<TaskDefinition> {
        let unknown = || Refusal::new("ClientException", "Unable to describe task definition.");
        if self.hides_newest(arn) {
            return Err(refused("DescribeTaskDefinition", arn, &unknown()));
        }
        let find = |seen: &Seen| Ok(seen.revision(arn).ok_or_else(unknown)?.shown.clone());
        let found = self.look("DescribeTaskDefinition", arn, find).await?;
        Ok(self.definition_as_read(found))
    }

    async fn newest_revisions(&self, family: &str, newer_than: u32) -> Answer<Vec<String>> {
        let list = |seen: &Seen| {
            let newest_first = seen.revisions.iter().rev();
            let newer =
                newest_first.filter(|it| it.family == family && it.is_active && it.number > newer_than);
            Ok(newer.take(REVISIONS).map(|it| it.shown.arn.clone()).collect())
        };
        self.look("ListTaskDefinitions", family, list).await
    }

    async fn repository_uri(&self, repository: &str) -> Answer<Option<String>> {
        // Known to an instance from its first question on, so it is not asked for each time.
        Ok((repository == REPOSITORY).then(uri))
    }

    async fn image(&self, repository: &str, reference: &Reference) -> Answer<Option<Image>> {
        if repository != REPOSITORY {
            return Ok(None);
        }
        let find = |seen: &Seen| {
            let matches = |it: &&Image| match reference {
                Reference::Tag(tag) => it.tags.contains(tag),
                Reference::Digest(digest) => it.digest == *digest,
            };
            Ok(seen.images.iter().find(matches).cloned())
        };
        let found = self.look("DescribeImages", repository, find).await?;
        Ok(self.image_as_read(found))
    }

    async fn tagged_images(&self, repository: &str) -> Answer<Listing> {
        let list = |seen: &Seen| {
            if repository != REPOSITORY {
                return Err(Refusal::new("RepositoryNotFoundException", "There is no such repository."));
            }
            let tagged = seen.images.iter().filter(|it| !it.tags.is_empty());
            Ok(Listing { images: tagged.cloned().collect(), is_complete: true })
        };
        self.look("DescribeImages", repository, list).await
    }

    async fn manifest(&self, repository: &str, digest: &Digest) -> Answer<Option<Value>> {
        let find = |stage: &mut Stage| {
            let image = stage.world.find_image(repository, digest.as_str())?;
            // What cannot be read is a manifest that holds nothing, and fits nowhere.
            Ok(image.map(|it| serde_json::from_str(&it.manifest).unwrap_or(Value::Null)))
        };
        self.ask("BatchGetImage", digest.as_str(), find).await
    }

    async fn image_config(&self, repository: &str, config: &Digest) -> Answer<Option<Value>> {
        let find = |stage: &mut Stage| {
            stage.world.repository(repository)?;
            let is_there = config.as_str() == CONFIG;
            Ok(is_there.then(|| json!({"os": "linux", "architecture": "amd64"})))
        };
        self.ask("GetDownloadUrlForLayer", config.as_str(), find).await
    }

    async fn scan(&self, repository: &str, digest: &Digest) -> Answer<Scan> {
        let find = |stage: &mut Stage| {
            let image = stage.world.find_image(repository, digest.as_str())?;
            // Nobody here has an image scanned.
            image
                .map(|_| Scan::Never)
                .ok_or_else(|| Refusal::new("ImageNotFoundException", "There is no such image."))
        };
        self.ask("DescribeImageScanFindings", digest.as_str(), find).await
    }

    async fn keep_image(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()> {
        let put = |world: &mut World| {
            let image = world.find_image(repository, digest.as_str())?.cloned();
            let image =
                image.ok_or_else(|| Refusal::new("ImageNotFoundException", "There is no such image."))?;
            let put = world.put_image(
                repository,
                digest.as_str(),
                &image.manifest,
                &image.media_type,
                Some(tag),
                Repeat::Refuse,
            );
            match put {
                Err(refusal) if refusal.code == "ImageAlreadyExistsException" => Ok(()),
                other => other,
            }
        };
        self.write("PutImage", tag, put, |_, ()| ()).await
    }

    async fn rollouts(&self, service: &ServiceName) -> Answer<Vec<Rollout>> {
        let list = |seen: &Seen| {
            let at = seen.services.iter().position(|it| it.name == *service);
            Ok(at.and_then(|at| seen.rollouts.get(at)).cloned().unwrap_or_default())
        };
        let rollouts = self.look("ListServiceDeployments", &service.service, list).await?;
        Ok(self.rollouts_as_read(rollouts))
    }

    /// Every service here rolls, and a rolling deployment has no stages.
    async fn progress(&self, rollout_arn: &str) -> Answer<Option<Progress>> {
        let find = |seen: &Seen| {
            let is_known = seen.rollouts.iter().flatten().any(|it| it.arn == rollout_arn);
            Ok(is_known.then(Progress::default))
        };
        self.look("DescribeServiceDeployments", rollout_arn, find).await
    }

    async fn stop_rollout(&self, rollout_arn: &str) -> Answer<()> {
        let touch =
            |world: &mut World| world.stop_service_deployment(rollout_arn, StopType::Rollback).map(drop);
        self.write("StopServiceDeployment", rollout_arn, touch, |_, ()| ()).await
    }

    async fn continue_rollout(&self, rollout_arn: &str, hook_id: &str) -> Answer<()> {
        let touch = |world: &mut World| {
            world.continue_service_deployment(rollout_arn, hook_id, HookAction::Continue).map(drop)
        };
        self.write("ContinueServiceDeployment", rollout_arn, touch, |_, ()| ()).await
    }

    async fn cluster(&self, cluster: &str) -> Answer<Option<Cluster>> {
        let find = |stage: &mut Stage| {
            let found = stage.world.find_cluster(Some(cluster)).ok();
            Ok(found.map(|it| Cluster { arn: it.arn.clone(), tags: it.tags.clone() }))
        };
        let found = self.ask("DescribeClusters", cluster, find).await?;
        Ok(found.map(|it| self.cluster_as_read(it)))
    }

    async fn target_health(&self, target_group_arns: &[String]) -> Answer<TargetHealth> {
        let count = |stage: &mut Stage| {
            let mut health = TargetHealth::default();
            let groups = stage.world.elb.target_groups.iter();
            for target in groups.filter(|it| target_group_arns.contains(&it.arn)).flat_map(|it| &it.targets) {
                health.registered += 1;
                health.healthy += u32::from(target.state == TargetState::Healthy);
                health.complaints.extend(target.failure.as_ref().map(|it| it.description()));
            }
            health.complaints.dedup();
            Ok(health)
        };
        self.ask("DescribeTargetHealth", "targets", count).await
    }

    async fn stopped_tasks(
        &self,
        service: &ServiceName,
        task_definition_arn: &str,
    ) -> Answer<Vec<StoppedTask>> {
        let list =
            |stage: &mut Stage| Ok(seen::stopped_tasks(&stage.world, &service.service, task_definition_arn));
        self.ask("DescribeTasks", &service.service, list).await
    }

    async fn service_messages(&self, service: &ServiceName) -> Answer<Vec<String>> {
        let list = |stage: &mut Stage| {
            let found = stage.world.ecs.services.iter().find(|it| it.name == service.service);
            let messages = found.into_iter().flat_map(|it| &it.events);
            Ok(messages.map(|it| it.message.clone()).collect())
        };
        self.ask("DescribeServices", &service.service, list).await
    }

    /// The processes here write nothing.
    async fn last_log_lines(&self, stream: &LogStream) -> Answer<Vec<String>> {
        self.ask("GetLogEvents", &stream.stream, |_| Ok(Vec::new())).await
    }

    async fn announce(&self, announcements: &[Announcement]) -> Answer<()> {
        let id = self.id;
        let put = |stage: &mut Stage| {
            stage.announced(id, announcements);
            Ok(())
        };
        self.ask("PutEvents", "the default bus", put).await
    }

    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String> {
        let family = document.get("family").and_then(Value::as_str).unwrap_or_default();
        if let Some(own) = self.skips_restoring(document) {
            return Ok(own);
        }
        let (document, tags) = (self.document_as_written(document), self.tags_as_registered(tags));
        let touch = |world: &mut World| {
            let registered = world.register_task_definition(document.clone(), tags.clone(), "pushboat");
            registered.map(|it| it.arn)
        };
        let id = self.id;
        self.write("RegisterTaskDefinition", family, touch, |stage, arn| stage.registered(id, arn)).await
    }

    async fn release(&self, service: &ServiceName, task_definition_arn: &str) -> Answer<()> {
        let mut request = UpdateService {
            cluster: Some(CLUSTER.to_owned()),
            service: service.service.clone(),
            task_definition: Some(task_definition_arn.to_owned()),
            ..UpdateService::default()
        };
        self.release_as_written(&mut request);
        let id = self.id;
        {
            let mut stage = self.stage.borrow_mut();
            stage.intends(id, &service.service, task_definition_arn);
        }
        let touch = |world: &mut World| world.update_service(request.clone()).map(drop);
        let done = |stage: &mut Stage, _: &()| stage.released(id, &service.service, task_definition_arn);
        let subject =
            family_and_number(task_definition_arn).map_or(String::new(), |it| format!("{}:{}", it.0, it.1));
        self.write("UpdateService", &subject, touch, done).await?;
        self.stage.borrow_mut().release_answered(id);
        Ok(())
    }

    async fn metrics(&self, service: &Service, _: &[Signal], days: i64) -> Answer<Metrics> {
        let name = &service.name.service;
        let read = |stage: &mut Stage| {
            Ok(stage.index_of(name).map(|index| stage.metrics(index, days)).unwrap_or_default())
        };
        Ok(self.metrics_as_read(self.ask("GetMetricData", name, read).await?))
    }

    async fn starts(&self, service: &Service) -> Answer<Starts> {
        self.ask("ListTasks", &service.name.service, |_| Ok(Starts::default())).await
    }

    async fn scalable_targets(&self, names: &[ServiceName]) -> Answer<Vec<(ServiceName, Bounds)>> {
        let list = |stage: &mut Stage| Ok(stage.scalable_targets(names));
        Ok(self.targets_as_read(self.ask("DescribeScalableTargets", "services", list).await?))
    }

    async fn alarms_in_alarm(&self) -> Answer<Vec<Alarm>> {
        let list = |stage: &mut Stage| {
            let in_alarm = stage.alarms().filter(|it| it.state == AlarmState::Alarm);
            Ok(in_alarm.cloned().collect())
        };
        self.ask("DescribeAlarms", "in ALARM", list).await
    }

    async fn alarms(&self, names: &[String]) -> Answer<Vec<Alarm>> {
        let find = |stage: &mut Stage| {
            let named = stage.alarms().filter(|it| names.contains(&it.name));
            Ok(named.cloned().collect())
        };
        self.ask("DescribeAlarms", &names.join(" "), find).await
    }

    async fn is_muted(&self, alarm: &str) -> Answer<bool> {
        self.ask("ListAlarmMuteRules", alarm, |_| Ok(false)).await
    }

    async fn alarm_tags(&self, alarm_arn: &str) -> Answer<Tags> {
        let step = [(alarm::STEP.to_owned(), "+1".to_owned())];
        self.ask("ListTagsForResource", alarm_arn, |_| Ok(step.clone().into())).await
    }

    async fn set_desired_count(&self, service: &ServiceName, desired: u32) -> Answer<()> {
        let request = UpdateService {
            cluster: Some(CLUSTER.to_owned()),
            service: service.service.clone(),
            desired_count: Some(desired),
            ..UpdateService::default()
        };
        let (id, name) = (self.id, &service.service);
        self.stage.borrow_mut().writes(id, "UpdateService", name);
        self.stage.borrow_mut().means_to_size(id, name, desired);
        // The rules look at the world while it changes, so they know it before.
        let touch = |stage: &mut Stage| {
            stage.sized(id, name, desired);
            stage.change(|world| world.update_service(request.clone()))?;
            stage.tell(|_| format!("  #{id} UpdateService {name}: {desired} tasks"));
            Ok(())
        };
        self.ask("UpdateService", name, touch).await
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Answer<()> {
        let id = self.id;
        let Some(tags) = self.tags_as_written(arn, tags) else {
            self.stage.borrow_mut().wrote(id, "TagResource", arn);
            return Ok(());
        };
        let touch = |world: &mut World| world.tag_resource(arn, tags.clone());
        let done = |stage: &mut Stage, _: &()| {
            stage.look_at_revision(arn);
            stage.tagged(id, arn, &tags);
        };
        self.write("TagResource", arn, touch, done).await
    }

    async fn placement(&self, service: &ServiceName) -> Answer<Option<Placement>> {
        Ok(self.service(service).await?.map(|_| Placement::default()))
    }

    async fn run_task(&self, task: &RunTask) -> Answer<Launched> {
        let request = world_ecs::RunTask {
            cluster: Some(task.cluster.clone()),
            task_definition: task.task_definition_arn.clone(),
            count: 1,
            client_token: Some(task.client_token.clone()),
            tags: task.tags.clone(),
            ..world_ecs::RunTask::default()
        };
        let touch = |world: &mut World| world.run_task(request.clone());
        let ran = self.write("RunTask", &task.task_definition_arn, touch, |_, _| ()).await?;
        Ok(match ran.tasks.first() {
            Some(task) => Launched::Task(task.arn.clone()),
            None => Launched::Nowhere(ran.failures.join("; ")),
        })
    }

    /// Nobody in a simulation asks with a key that is taken.
    async fn one_off(&self, _cluster: &str, _id: &str) -> Answer<Option<OneOff>> {
        Ok(None)
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()> {
        let touch = |world: &mut World| world.untag_resource(arn, keys);
        self.write("UntagResource", arn, touch, |stage, ()| stage.untagged(arn, keys)).await
    }
}
