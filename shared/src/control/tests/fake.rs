//! A small cloud in memory that counts its writes and can be told to fail.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::announce::Announcement;
use crate::capacity::Signal;
use crate::capacity::startup::Starts;
use crate::cloud::{Answer, Cloud, CloudError, Listing, Reference, Trouble};
use crate::diagnosis::{LogStream, StoppedTask};
use crate::metrics::Metrics;
use crate::model::{
    Alarm, AlarmState, Cluster, Deployment, Digest, Image, ImageKind, MANIFESTS, Outcome, Progress, Rollout,
    RolloutImage, RolloutState, Service, ServiceName, ServiceStatus, Tags, TargetHealth,
};
use crate::one_off::{Launched, OneOff, Placement, RunTask};
use crate::overview::Bounds;
use crate::scan::Scan;
use crate::task_definition::{TEMPLATE, TaskDefinition, family_and_number};

pub(super) const URI: &str = "1.dkr.ecr.eu.amazonaws.com/game";

#[derive(Default)]
pub(super) struct Fake {
    pub(super) services: RefCell<Vec<Service>>,
    pub(super) definitions: RefCell<Vec<TaskDefinition>>,
    pub(super) images: RefCell<BTreeMap<String, Digest>>,
    /// Digest and tag of every image that was kept.
    pub(super) kept: RefCell<BTreeMap<String, String>>,
    /// Those that are no plain images of one platform.
    pub(super) manifests: RefCell<BTreeMap<Digest, Value>>,
    pub(super) configs: RefCell<BTreeMap<Digest, Value>>,
    pub(super) scans: RefCell<BTreeMap<Digest, Scan>>,
    pub(super) kinds: RefCell<BTreeMap<Digest, ImageKind>>,
    /// More images than are listed.
    pub(super) too_many: Cell<bool>,
    /// Newest first.
    pub(super) rollouts: RefCell<Vec<Rollout>>,
    pub(super) writes: RefCell<Vec<String>>,
    pub(super) reads: RefCell<Vec<&'static str>>,
    /// What ECS still knows of tasks that stopped, whatever revision is asked for.
    pub(super) stopped: RefCell<Vec<StoppedTask>>,
    pub(super) messages: RefCell<Vec<String>>,
    /// By stream.
    pub(super) log: RefCell<BTreeMap<String, Vec<String>>>,
    pub(super) announced: RefCell<Vec<Announcement>>,
    /// The operation that fails, and with what.
    pub(super) failing: RefCell<Option<(&'static str, Trouble)>>,
    /// What a tag means from the next UpdateService on.
    pub(super) moves_on_release: RefCell<Option<(String, Digest)>>,
    /// What somebody else does just before the next RegisterTaskDefinition.
    pub(super) slips_in: RefCell<Option<fn(&Fake)>>,
    /// UpdateService is not visible to reads.
    pub(super) stale: Cell<bool>,
    /// UpdateService begins a roll-out, which [`Fake::ends`] ends.
    pub(super) rolls_out: Cell<bool>,
    /// When digests were pushed, where that matters.
    pub(super) pushed: RefCell<BTreeMap<String, Timestamp>>,
    pub(super) cluster_tags: RefCell<Tags>,
    /// Its strategy is one of which a service tells no state.
    pub(super) is_native: Cell<bool>,
    pub(super) progress: RefCell<Progress>,
    /// By service.
    pub(super) metrics: RefCell<BTreeMap<String, Metrics>>,
    pub(super) starts: RefCell<Starts>,
    /// What is left of the invocation, where somebody counts.
    pub(super) left: Cell<Option<Duration>>,
    /// What is measured of the first service after one pause, and after the next.
    pub(super) later: RefCell<VecDeque<Metrics>>,
    pub(super) scalable: RefCell<Vec<(ServiceName, Bounds)>>,
    /// With their tags.
    pub(super) alarms: RefCell<Vec<(Alarm, Tags)>>,
    /// Alarms that a mute rule names, while it is active.
    pub(super) muted: RefCell<BTreeSet<String>>,
    /// What a person does just before the next change of a desired count.
    pub(super) slips_in_before_count: RefCell<Option<fn(&Fake)>>,
    /// One-off tasks that were asked for.
    pub(super) runs: RefCell<Vec<RunTask>>,
    /// What comes of the next one, if it is no task.
    pub(super) launch: RefCell<Option<Launched>>,
    /// By their ids.
    pub(super) tasks_there: RefCell<BTreeMap<String, OneOff>>,
    /// Seconds since eight o'clock.
    pub(super) seconds: Cell<i64>,
}

pub(super) fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

pub(super) fn pinned(letter: char) -> String {
    format!("{URI}@{}", digest(letter))
}

pub(super) fn name(service: &str) -> ServiceName {
    ServiceName { cluster: "pushboat".into(), service: service.into() }
}

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:ecs:eu:1:task-definition/{name}")
}

impl Fake {
    /// One service per (name, track), each with a family of its name, all at image `a` by digest, and the tag
    /// `game:main` at `main`.
    pub(super) fn new(services: &[(&str, &str)], main: char) -> Fake {
        let fake = Fake::default();
        for (service, track) in services {
            let own = fake.define(service, "256", &pinned('a'));
            fake.services.borrow_mut().push(Service {
                name: name(service),
                arn: format!("arn:aws:ecs:eu:1:service/pushboat/{service}"),
                status: ServiceStatus::Active,
                desired_count: 2,
                running_count: 2,
                pending_count: 0,
                task_definition_arn: own,
                tags: Tags::from([("pushboat:track".into(), track.to_string())]),
                primary: None,
                target_group_arns: vec![],
                subnets: 2,
                managed_by_ecs: false,
            });
        }
        fake.images.borrow_mut().insert("game:main".into(), digest(main));
        fake
    }

    /// One service whose roll-outs take their course, its first one done.
    pub(super) fn rolling(main: char) -> Fake {
        let fake = Fake::new(&[("web", "game:main")], main);
        fake.rolls_out.set(true);
        fake.begin(&arn("web:1"));
        fake.ends(true);
        fake
    }

    /// Registers what a person registers, and returns its ARN.
    pub(super) fn define(&self, family: &str, cpu: &str, image: &str) -> String {
        let containers = json!([{"name": "web", "image": image}]);
        let document = json!({"family": family, "cpu": cpu, "containerDefinitions": containers});
        let Value::Object(document) = document else { unreachable!() };
        let tags = Tags::from([
            ("team".into(), "arcade".into()),
            ("aws:cloudformation:stack-name".into(), "s".into()),
        ]);
        self.add(document, tags)
    }

    /// Registers what a person registers past every stack.
    pub(super) fn person(&self, cpu: &str, image: &str) -> String {
        let arn = self.define("web", cpu, image);
        let now = self.now().unwrap();
        let mut definitions = self.definitions.borrow_mut();
        let definition = definitions.last_mut().unwrap();
        definition.tags.clear();
        definition.document.insert("registeredBy".into(), "arn:aws:iam::1:user/ann".into());
        definition.document.insert("registeredAt".into(), now.as_second().into());
        arn
    }

    /// Somebody else's UpdateService.
    pub(super) fn update_service(&self, arn: &str) {
        self.begin(arn);
    }

    /// The present revision once more, done.
    pub(super) fn begin_again(&self) {
        let arn = self.services.borrow()[0].task_definition_arn.clone();
        self.begin(&arn);
        self.ends(true);
    }

    pub(super) fn push(&self, tag: &str, digest: &Digest) {
        self.pushed.borrow_mut().entry(digest.to_string()).or_insert(self.now().unwrap());
        self.images.borrow_mut().insert(format!("game:{tag}"), digest.clone());
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.seconds.set(self.seconds.get() + seconds);
    }

    /// Registers what the template registers.
    pub(super) fn template(&self, family: &str, cpu: &str, image: &str) -> String {
        let arn = self.define(family, cpu, image);
        let mut definitions = self.definitions.borrow_mut();
        definitions.last_mut().unwrap().tags.insert(TEMPLATE.into(), "stack".into());
        arn
    }

    pub(super) fn add(&self, document: Map<String, Value>, tags: Tags) -> String {
        let family = document["family"].as_str().unwrap().to_owned();
        let mut definitions = self.definitions.borrow_mut();
        let of_family = definitions.iter().filter_map(|it| family_and_number(&it.arn));
        let last = of_family.filter(|(of, _)| *of == family).map(|(_, number)| number).max();
        let arn = arn(&format!("{family}:{}", last.unwrap_or(0) + 1));
        definitions.push(TaskDefinition { arn: arn.clone(), document, tags });
        arn
    }

    pub(super) fn own(&self) -> TaskDefinition {
        let arn = self.services.borrow()[0].task_definition_arn.clone();
        self.find(&arn).unwrap()
    }

    pub(super) fn newest(&self, family: &str) -> TaskDefinition {
        self.find(family).unwrap()
    }

    pub(super) fn tag_of_service(&self, key: &str) -> Option<String> {
        self.services.borrow()[0].tags.get(key).cloned()
    }

    fn check(&self, operation: &'static str) -> Answer<()> {
        self.reads.borrow_mut().push(operation);
        match *self.failing.borrow() {
            Some((failing, trouble)) if failing == operation => Err(CloudError {
                operation,
                subject: "it".into(),
                trouble,
                message: "as told".into(),
                source: None,
            }),
            _ => Ok(()),
        }
    }

    /// By ARN, or the newest of a family.
    pub(super) fn find(&self, reference: &str) -> Answer<TaskDefinition> {
        let definitions = self.definitions.borrow();
        let family = |definition: &&TaskDefinition| definition.document["family"] == reference;
        let found = definitions.iter().find(|definition| definition.arn == reference);
        let found = found.or_else(|| definitions.iter().rev().find(family));
        found.cloned().ok_or_else(|| CloudError {
            operation: "DescribeTaskDefinition",
            subject: reference.into(),
            trouble: Trouble::Refused,
            message: "Unable to describe task definition.".into(),
            source: None,
        })
    }

    /// What was written since the last time, without the tags of images.
    pub(super) fn writes(&self) -> Vec<String> {
        let writes = self.writes.take();
        writes.into_iter().filter(|write| !write.starts_with("keep ")).collect()
    }

    /// The first service's roll-out to a revision begins; one that was under way ends.
    pub(super) fn begin(&self, arn: &str) {
        let mut rollouts = self.rollouts.borrow_mut();
        if let Some(before) = rollouts.first_mut().filter(|it| it.outcome == Outcome::UnderWay) {
            before.outcome = Outcome::Stopped;
            before.finished_at = self.now();
        }
        let definition = self.find(arn).unwrap();
        let containers = definition.document["containerDefinitions"].as_array().unwrap().clone();
        let text = |container: &Value, key: &str| container[key].as_str().unwrap().to_owned();
        let images = containers.iter().map(|it| RolloutImage {
            container: text(it, "name"),
            image: text(it, "image"),
            digest: None,
        });
        let rollout = Rollout {
            arn: format!("rollout/{}", rollouts.len()),
            outcome: Outcome::UnderWay,
            reason: "tasks failed to start".into(),
            task_definition_arn: arn.into(),
            images: images.collect(),
            created_at: self.now(),
            finished_at: None,
        };
        rollouts.insert(0, rollout);
        drop(rollouts);
        self.put_primary(arn, RolloutState::InProgress);
    }

    fn put_primary(&self, arn: &str, state: RolloutState) {
        let mut services = self.services.borrow_mut();
        services[0].task_definition_arn = arn.into();
        let (id, reason) = ("ecs-svc/1".to_owned(), "tasks failed to start".to_owned());
        let state = if self.is_native.get() { RolloutState::Unknown } else { state };
        let failed_tasks = 0;
        services[0].primary =
            Some(Deployment { id, task_definition_arn: arn.into(), state, reason, failed_tasks });
    }

    /// The roll-out that is under way succeeds, or ECS begins to roll back to what succeeded last.
    pub(super) fn turns(&self, well: bool) {
        let mut rollouts = self.rollouts.borrow_mut();
        let Some(rollout) = rollouts.first_mut().filter(|it| it.outcome == Outcome::UnderWay) else { return };
        rollout.outcome = if well { Outcome::Successful } else { Outcome::RolledBack };
        rollout.finished_at = if well { self.now() } else { None };
        let good = rollouts.iter().find(|it| it.outcome == Outcome::Successful).unwrap();
        let good = good.task_definition_arn.clone();
        drop(rollouts);
        self.put_primary(&good, if well { RolloutState::Completed } else { RolloutState::InProgress });
    }

    /// The roll-out that is under way comes to its end, roll-back and all.
    pub(super) fn ends(&self, well: bool) {
        self.turns(well);
        if let Some(newest) = self.rollouts.borrow_mut().first_mut() {
            newest.finished_at = newest.finished_at.or(self.now());
        }
        let arn = self.services.borrow()[0].task_definition_arn.clone();
        self.put_primary(&arn, RolloutState::Completed);
    }
}

impl Cloud for Fake {
    fn now(&self) -> Option<Timestamp> {
        let eight: Timestamp = "2026-11-21T08:00:00Z".parse().ok()?;
        Some(eight + SignedDuration::from_secs(self.seconds.get()))
    }

    fn time_left(&self) -> Option<Duration> {
        self.left.get()
    }

    async fn pause(&self, at_least: Duration) {
        self.left.set(self.left.get().map(|left| left.saturating_sub(at_least)));
        self.pass(i64::try_from(at_least.as_secs()).unwrap());
        let name = self.services.borrow()[0].name.service.clone();
        if let Some(metrics) = self.later.borrow_mut().pop_front() {
            self.metrics.borrow_mut().insert(name, metrics);
        }
    }

    async fn services(&self, _: &str) -> Answer<Vec<Service>> {
        self.check("ListServices")?;
        Ok(self.services.borrow().clone())
    }

    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>> {
        self.check("DescribeServices")?;
        Ok(self.services.borrow().iter().find(|service| service.name == *name).cloned())
    }

    async fn task_definition(&self, arn: &str) -> Answer<TaskDefinition> {
        self.check("DescribeTaskDefinition")?;
        self.find(arn)
    }

    async fn newest_revisions(&self, family: &str, newer_than: u32) -> Answer<Vec<String>> {
        self.check("ListTaskDefinitions")?;
        let definitions = self.definitions.borrow();
        let newer = definitions.iter().rev().filter(|it| {
            family_and_number(&it.arn).is_some_and(|(of, number)| of == family && number > newer_than)
        });
        Ok(newer.take(10).map(|it| it.arn.clone()).collect())
    }

    async fn repository_uri(&self, repository: &str) -> Answer<Option<String>> {
        Ok((repository == "game").then(|| URI.to_owned()))
    }

    async fn image(&self, repository: &str, reference: &Reference) -> Answer<Option<Image>> {
        self.check("DescribeImages")?;
        let images = self.images.borrow();
        let digest = match reference {
            Reference::Tag(tag) => images.get(&format!("{repository}:{tag}")).cloned(),
            Reference::Digest(digest) => images.values().find(|known| *known == digest).cloned(),
        };
        Ok(digest.map(|digest| Image {
            repository: repository.into(),
            tags: self.kept.borrow().get(digest.as_str()).cloned().into_iter().collect(),
            kind: self.kinds.borrow().get(&digest).cloned().unwrap_or_default(),
            pushed_at: self.pushed.borrow().get(digest.as_str()).copied(),
            digest,
        }))
    }

    async fn tagged_images(&self, repository: &str) -> Answer<Listing> {
        self.check("DescribeImages of all")?;
        let images = self.images.borrow();
        let image = |(tagged, digest): (&String, &Digest)| {
            let tag = tagged.strip_prefix(repository)?.strip_prefix(':')?.to_owned();
            let kind = self.kinds.borrow().get(digest).cloned().unwrap_or_default();
            let kept = self.kept.borrow().get(digest.as_str()).cloned();
            let tags = [tag].into_iter().chain(kept).collect();
            Some(Image { repository: repository.into(), digest: digest.clone(), tags, pushed_at: None, kind })
        };
        Ok(Listing { images: images.iter().filter_map(image).collect(), is_complete: !self.too_many.get() })
    }

    async fn manifest(&self, _: &str, digest: &Digest) -> Answer<Option<Value>> {
        self.check("BatchGetImage")?;
        if !self.images.borrow().values().any(|known| known == digest) {
            return Ok(None);
        }
        let plain = json!({"mediaType": MANIFESTS[1], "layers": []});
        Ok(Some(self.manifests.borrow().get(digest).cloned().unwrap_or(plain)))
    }

    async fn image_config(&self, _: &str, config: &Digest) -> Answer<Option<Value>> {
        self.check("GetDownloadUrlForLayer")?;
        Ok(self.configs.borrow().get(config).cloned())
    }

    async fn scan(&self, _: &str, digest: &Digest) -> Answer<Scan> {
        self.check("DescribeImageScanFindings")?;
        Ok(self.scans.borrow().get(digest).cloned().unwrap_or(Scan::Never))
    }

    async fn keep_image(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()> {
        self.check("PutImage")?;
        self.writes.borrow_mut().push(format!("keep {repository}:{tag}"));
        self.kept.borrow_mut().insert(digest.to_string(), tag.to_owned());
        Ok(())
    }

    async fn rollouts(&self, _: &ServiceName) -> Answer<Vec<Rollout>> {
        self.check("ListServiceDeployments")?;
        Ok(self.rollouts.borrow().iter().take(20).cloned().collect())
    }

    async fn progress(&self, _: &str) -> Answer<Option<Progress>> {
        self.check("DescribeServiceDeployments")?;
        Ok(Some(self.progress.borrow().clone()))
    }

    async fn stop_rollout(&self, rollout_arn: &str) -> Answer<()> {
        self.check("StopServiceDeployment")?;
        self.writes.borrow_mut().push(format!("stop {rollout_arn}"));
        assert_eq!(self.rollouts.borrow()[0].arn, rollout_arn);
        self.turns(false);
        Ok(())
    }

    async fn continue_rollout(&self, _: &str, hook_id: &str) -> Answer<()> {
        self.check("ContinueServiceDeployment")?;
        self.writes.borrow_mut().push(format!("continue {hook_id}"));
        self.progress.borrow_mut().pauses.retain(|pause| pause.hook_id != hook_id);
        Ok(())
    }

    async fn cluster(&self, name: &str) -> Answer<Option<Cluster>> {
        self.check("DescribeClusters")?;
        let arn = format!("arn:aws:ecs:eu:1:cluster/{name}");
        Ok(Some(Cluster { arn, tags: self.cluster_tags.borrow().clone() }))
    }

    async fn target_health(&self, _: &[String]) -> Answer<TargetHealth> {
        self.check("DescribeTargetHealth")?;
        Ok(TargetHealth { healthy: 1, registered: 2, complaints: vec!["Health checks failed".into()] })
    }

    async fn stopped_tasks(&self, _: &ServiceName, _: &str) -> Answer<Vec<StoppedTask>> {
        self.check("ListTasks")?;
        Ok(self.stopped.borrow().clone())
    }

    async fn service_messages(&self, _: &ServiceName) -> Answer<Vec<String>> {
        Ok(self.messages.borrow().clone())
    }

    async fn last_log_lines(&self, stream: &LogStream) -> Answer<Vec<String>> {
        self.check("GetLogEvents")?;
        self.log.borrow().get(&stream.stream).cloned().ok_or_else(|| CloudError {
            operation: "GetLogEvents",
            subject: stream.stream.clone(),
            trouble: Trouble::NotFound,
            message: "The specified log stream does not exist.".into(),
            source: None,
        })
    }

    /// Whatever is announced in any test keeps to the schema.
    async fn announce(&self, announcements: &[Announcement]) -> Answer<()> {
        self.check("PutEvents")?;
        for announcement in announcements {
            crate::announce::tests::check(announcement);
        }
        self.announced.borrow_mut().extend_from_slice(announcements);
        Ok(())
    }

    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String> {
        self.check("RegisterTaskDefinition")?;
        if let Some(slips_in) = self.slips_in.take() {
            slips_in(self);
        }
        self.writes.borrow_mut().push("register".into());
        Ok(self.add(document.clone(), tags.clone()))
    }

    async fn release(&self, name: &ServiceName, arn: &str) -> Answer<()> {
        self.check("UpdateService")?;
        self.writes.borrow_mut().push(format!("release {name}"));
        if let Some((tag, digest)) = self.moves_on_release.take() {
            self.images.borrow_mut().insert(tag, digest);
        }
        if self.rolls_out.get() {
            self.begin(arn);
        } else if !self.stale.get() {
            let mut services = self.services.borrow_mut();
            let service = services.iter_mut().find(|service| service.name == *name).unwrap();
            service.task_definition_arn = arn.into();
        }
        Ok(())
    }

    async fn metrics(&self, service: &Service, _: &[Signal], _: i64) -> Answer<Metrics> {
        self.check("GetMetricData")?;
        Ok(self.metrics.borrow().get(&service.name.service).cloned().unwrap_or_default())
    }

    async fn starts(&self, _: &Service) -> Answer<Starts> {
        self.check("ListTasks")?;
        Ok(self.starts.borrow().clone())
    }

    async fn scalable_targets(&self, services: &[ServiceName]) -> Answer<Vec<(ServiceName, Bounds)>> {
        self.check("DescribeScalableTargets")?;
        let targets = self.scalable.borrow();
        Ok(targets.iter().filter(|(name, _)| services.contains(name)).cloned().collect())
    }

    async fn alarms_in_alarm(&self) -> Answer<Vec<Alarm>> {
        self.check("DescribeAlarms")?;
        let alarms = self.alarms.borrow();
        let in_alarm = alarms.iter().map(|(alarm, _)| alarm).filter(|it| it.state == AlarmState::Alarm);
        Ok(in_alarm.cloned().collect())
    }

    async fn alarms(&self, names: &[String]) -> Answer<Vec<Alarm>> {
        self.check("DescribeAlarms")?;
        let alarms = self.alarms.borrow();
        Ok(alarms.iter().map(|(alarm, _)| alarm).filter(|it| names.contains(&it.name)).cloned().collect())
    }

    async fn is_muted(&self, alarm: &str) -> Answer<bool> {
        self.check("ListAlarmMuteRules")?;
        Ok(self.muted.borrow().contains(alarm))
    }

    async fn alarm_tags(&self, alarm_arn: &str) -> Answer<Tags> {
        self.check("ListTagsForResource")?;
        let alarms = self.alarms.borrow();
        let tags = alarms.iter().find(|(alarm, _)| alarm.arn == alarm_arn).map(|(_, tags)| tags.clone());
        Ok(tags.unwrap_or_default())
    }

    async fn set_desired_count(&self, name: &ServiceName, desired: u32) -> Answer<()> {
        self.check("UpdateService")?;
        if let Some(slips_in) = self.slips_in_before_count.take() {
            slips_in(self);
        }
        self.writes.borrow_mut().push(format!("{desired} of {name}"));
        if !self.stale.get() {
            let mut services = self.services.borrow_mut();
            services.iter_mut().find(|service| service.name == *name).unwrap().desired_count = desired;
        }
        Ok(())
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Answer<()> {
        self.check("TagResource")?;
        self.writes.borrow_mut().push(format!("tag {arn}"));
        if arn.contains(":cluster/") {
            self.cluster_tags.borrow_mut().extend(tags.clone());
        }
        for service in self.services.borrow_mut().iter_mut().filter(|service| service.arn == arn) {
            service.tags.extend(tags.clone());
        }
        for definition in self.definitions.borrow_mut().iter_mut().filter(|definition| definition.arn == arn)
        {
            definition.tags.extend(tags.clone());
        }
        Ok(())
    }

    async fn placement(&self, service: &ServiceName) -> Answer<Option<Placement>> {
        self.check("DescribeServices")?;
        let is_there = self.services.borrow().iter().any(|it| it.name == *service);
        let described = json!({
            "launchType": "FARGATE", "platformVersion": "LATEST", "desiredCount": 2, "capacityProviderStrategy": [],
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "invented": [1]}},
        });
        Ok(described.as_object().filter(|_| is_there).map(Placement::of))
    }

    async fn run_task(&self, task: &RunTask) -> Answer<Launched> {
        self.check("RunTask")?;
        self.writes.borrow_mut().push(format!("run {}", task.task_definition_arn));
        self.runs.borrow_mut().push(task.clone());
        let as_told = self.launch.borrow_mut().take();
        Ok(as_told.unwrap_or_else(|| Launched::Task("arn:aws:ecs:eu:1:task/pushboat/0123".into())))
    }

    async fn one_off(&self, _cluster: &str, id: &str) -> Answer<Option<OneOff>> {
        self.check("DescribeTasks")?;
        Ok(self.tasks_there.borrow().get(id).cloned())
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()> {
        self.writes.borrow_mut().push(format!("untag {} of {arn}", keys.len()));
        if arn.contains(":cluster/") {
            self.cluster_tags.borrow_mut().retain(|key, _| !keys.contains(key));
        }
        for service in self.services.borrow_mut().iter_mut().filter(|service| service.arn == arn) {
            service.tags.retain(|key, _| !keys.contains(key));
        }
        Ok(())
    }
}
