//! The cloud as one instance of a function meets it: every question takes time, may be throttled, may go unanswered
//! whether it was carried out or not, and may be answered with what was true a moment ago. Between any two of its
//! moments everybody else goes on.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pushboat::Timestamp;
use pushboat::cloud::{Answer, Cloud, CloudError, Reference, Trouble};
use pushboat::model::{Digest, Image, Rollout, Service, ServiceName, Tags, TargetHealth};
use pushboat::task_definition::{TaskDefinition, family_and_number};
use pushboat_local::world::ecr::Repeat;
use pushboat_local::world::ecs::UpdateService;
use pushboat_local::world::elb::TargetState;
use pushboat_local::world::{Refusal, World};
use serde_json::{Map, Value};

use super::mutants::Mutant;
use super::plan::{Fault, SECOND};
use super::seen::Seen;
use super::stage::{Happening, Stage};
use super::{CLUSTER, REPOSITORY, mutated, uri};

pub(super) type Shared = Rc<RefCell<Stage>>;

/// The SDK's standard number of attempts. A registration has one.
const ATTEMPTS: u32 = 3;
const REVISIONS: usize = 10;

/// One instance's way to the cloud.
#[derive(Debug)]
pub(super) struct Lens {
    pub(super) stage: Shared,
    pub(super) id: u32,
    pub(super) date: Cell<Option<Timestamp>>,
    pub(super) mutant: Option<Mutant>,
    pub(super) memory: mutated::Memory,
}

/// Until this moment of virtual time.
struct Until<'a> {
    stage: &'a Shared,
    id: u32,
    at: i64,
    asked: bool,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut stage = self.stage.borrow_mut();
        if stage.now >= self.at && self.asked {
            return Poll::Ready(());
        }
        if !self.asked {
            let (at, id) = (self.at, self.id);
            stage.at(at, Happening::Wake(id));
            drop(stage);
            self.asked = true;
        }
        Poll::Pending
    }
}

pub(super) async fn wait(stage: &Shared, id: u32, millis: i64) {
    let at = stage.borrow().now + millis;
    Until { stage, id, at, asked: false }.await;
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// No answer, and nothing was done.
    NeverArrived,
    /// No answer, but it was done.
    AnswerLost,
}

impl Lens {
    async fn ask<T>(
        &self,
        operation: &'static str,
        subject: &str,
        mut carry_out: impl FnMut(&mut Stage) -> Result<T, Refusal>,
    ) -> Answer<T> {
        let attempts = if operation == "RegisterTaskDefinition" { 1 } else { ATTEMPTS };
        let mut attempt = 1;
        loop {
            let (fate, there, back) = self.fate();
            wait(&self.stage, self.id, there).await;
            let answer = {
                let mut stage = self.stage.borrow_mut();
                let now = stage.now;
                let admitted = stage.limits.admits(operation, now);
                match fate {
                    Fate::NeverArrived => None,
                    _ if !admitted => Some(Err(Refusal::new("ThrottlingException", "Rate exceeded"))),
                    _ => Some(carry_out(&mut stage)),
                }
            };
            if back > 0 {
                wait(&self.stage, self.id, back).await;
            }
            let answer = answer.filter(|_| fate == Fate::Fine);
            let error = match answer {
                Some(Ok(answer)) => {
                    self.date.set(Timestamp::from_second(self.stage.borrow().clock().as_second()).ok());
                    return Ok(answer);
                }
                Some(Err(refusal)) => refused(operation, subject, &refusal),
                None => unanswered(operation, subject),
            };
            self.stage.borrow_mut().tell(|_| format!("  #{} {error}", self.id));
            if !error.retry_helps() || attempt == attempts {
                return Err(error);
            }
            attempt += 1;
            let pause = self.stage.borrow_mut().random.between(50, 1_000);
            wait(&self.stage, self.id, pause).await;
        }
    }

    /// With the milliseconds there and back.
    fn fate(&self) -> (Fate, i64, i64) {
        let mut stage = self.stage.borrow_mut();
        if stage.now >= stage.plan.storm_ends {
            return (Fate::Fine, 20, 0);
        }
        let fate = match stage.suffers(Fault::Unanswered) && stage.random.permille(40) {
            true if stage.random.permille(500) => Fate::NeverArrived,
            true => Fate::AnswerLost,
            false => Fate::Fine,
        };
        let (mut there, mut back) = (stage.random.between(2, 40), stage.random.between(2, 40));
        if stage.suffers(Fault::Slow) && stage.random.permille(50) {
            there += stage.random.between(0, 20 * SECOND);
            back += stage.random.between(0, 20 * SECOND);
        }
        (fate, there, back)
    }

    /// A read: of now, or of a moment ago.
    async fn look<T>(
        &self,
        operation: &'static str,
        subject: &str,
        mut pick: impl FnMut(&Seen) -> Result<T, Refusal>,
    ) -> Answer<T> {
        self.ask(operation, subject, |stage| pick(&stage.read())).await
    }

    /// A write: the world is changed and the rules are checked.
    async fn write<T>(
        &self,
        operation: &'static str,
        subject: &str,
        mut touch: impl FnMut(&mut World) -> Result<T, Refusal>,
        mut done: impl FnMut(&mut Stage, &T),
    ) -> Answer<T> {
        let id = self.id;
        let write = |stage: &mut Stage| {
            let result = stage.change(&mut touch)?;
            stage.tell(|_| format!("  #{id} {operation} {subject}"));
            stage.wrote(id, operation, subject);
            done(stage, &result);
            Ok(result)
        };
        self.ask(operation, subject, write).await
    }
}

impl Cloud for Lens {
    fn now(&self) -> Option<Timestamp> {
        self.date.get()
    }

    async fn services(&self, cluster: &str) -> Answer<Vec<Service>> {
        let services = self.look("DescribeServices", cluster, |seen| Ok(seen.services.to_vec())).await?;
        self.stage.borrow_mut().notices(self.id, &services);
        Ok(self.services_as_read(services))
    }

    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>> {
        if self.skips_second_look() {
            return Ok(None);
        }
        let find = |seen: &Seen| Ok(seen.services.iter().find(|it| it.name == *name).cloned());
        let found = self.look("DescribeServices", &name.service, find).await?;
        self.stage.borrow_mut().looked_again(self.id, &name.service);
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
        self.stage.borrow_mut().asked_for_image(self.id);
        Ok(self.image_as_read(found))
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

    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String> {
        let family = document.get("family").and_then(Value::as_str).unwrap_or_default();
        if let Some(own) = self.skips_restoring(document) {
            return Ok(own);
        }
        let document = self.document_as_written(document);
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

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()> {
        let touch = |world: &mut World| world.untag_resource(arn, keys);
        self.write("UntagResource", arn, touch, |_, ()| ()).await
    }
}

fn refused(operation: &'static str, subject: &str, refusal: &Refusal) -> CloudError {
    let trouble = match refusal.code {
        "ThrottlingException" => Trouble::Throttled,
        code if code.ends_with("NotFoundException") => Trouble::NotFound,
        _ => Trouble::Refused,
    };
    CloudError { operation, subject: subject.to_owned(), trouble, message: refusal.to_string(), source: None }
}

fn unanswered(operation: &'static str, subject: &str) -> CloudError {
    let message = "no answer in time".to_owned();
    CloudError {
        operation,
        subject: subject.to_owned(),
        trouble: Trouble::Unavailable,
        message,
        source: None,
    }
}
