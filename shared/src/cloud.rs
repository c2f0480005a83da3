//! The one boundary to the outside: what Pushboat asks of AWS, in the words of the domain.
//!
//! Nothing here knows a protocol. Errors say whether asking again helps, because that is all a decision needs.

use std::error::Error as StdError;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::announce::Announcement;
use crate::capacity::Signal;
use crate::capacity::startup::Starts;
use crate::diagnosis::{LogStream, StoppedTask};
use crate::metrics::Metrics;
use crate::model::{
    Alarm, Cluster, Digest, Image, Progress, Rollout, Service, ServiceName, Tags, TargetHealth,
};
use crate::one_off::{Launched, OneOff, Placement, RunTask};
use crate::overview::Bounds;
use crate::scan::Scan;
use crate::task_definition::TaskDefinition;

/// An image as somebody refers to it inside a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Tag(String),
    Digest(Digest),
}

/// The tagged images of a repository, as far as they are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub images: Vec<Image>,
    /// There are no others.
    pub is_complete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Too many requests: later it works.
    Throttled,
    /// AWS or the way to it failed; whether a write happened is not known.
    Unavailable,
    /// What was asked about is not there.
    NotFound,
    /// AWS understood and said no; the same request gets the same answer.
    Refused,
}

/// A question that AWS did not answer as asked.
#[derive(Debug, Error)]
#[error("{operation} for {subject}: {message}")]
pub struct CloudError {
    pub operation: &'static str,
    pub subject: String,
    pub trouble: Trouble,
    /// AWS's own code and words.
    pub message: String,
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl CloudError {
    pub fn retry_helps(&self) -> bool {
        matches!(self.trouble, Trouble::Throttled | Trouble::Unavailable)
    }
}

pub type Answer<T> = Result<T, CloudError>;

#[allow(async_fn_in_trait, reason = "implemented once for AWS and once for tests, both in this workspace")]
pub trait Cloud {
    /// The `Date` of AWS's latest answer: the only clock there is.
    fn now(&self) -> Option<Timestamp>;

    /// How long this invocation may go on. `None` where nobody counts: then nothing is paced either.
    fn time_left(&self) -> Option<Duration> {
        None
    }

    /// Waits at least so long, and at random a little longer, so that invocations that overlap do not keep step.
    async fn pause(&self, _at_least: Duration) {}

    /// Every service of a cluster, with its tags.
    async fn services(&self, cluster: &str) -> Answer<Vec<Service>>;

    /// `None` when there is no such service.
    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>>;

    /// By ARN, or the newest ACTIVE revision of a family.
    async fn task_definition(&self, arn: &str) -> Answer<TaskDefinition>;

    /// ARNs of a family's ACTIVE revisions after this number, newest first, the ten newest at most.
    async fn newest_revisions(&self, family: &str, newer_than: u32) -> Answer<Vec<String>>;

    /// `<registry>/<repository>`, as container definitions name it; `None` when there is no such repository.
    async fn repository_uri(&self, repository: &str) -> Answer<Option<String>>;

    /// `None` when the repository has no such image.
    async fn image(&self, repository: &str, reference: &Reference) -> Answer<Option<Image>>;

    /// The images of a repository that have a tag, in no order. There is a bound to how many are listed.
    async fn tagged_images(&self, repository: &str) -> Answer<Listing>;

    /// The manifest of an image or an index; `None` when the repository has none of this digest.
    async fn manifest(&self, repository: &str, digest: &Digest) -> Answer<Option<Value>>;

    /// The configuration of an image, which a manifest names by this digest; `None` when it cannot be had.
    async fn image_config(&self, repository: &str, config: &Digest) -> Answer<Option<Value>>;

    async fn scan(&self, repository: &str, digest: &Digest) -> Answer<Scan>;

    /// Gives an image one more tag. That it has it already is no trouble.
    async fn keep_image(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()>;

    /// The latest service deployments, newest first.
    async fn rollouts(&self, service: &ServiceName) -> Answer<Vec<Rollout>>;

    /// How far a service deployment is. `None` when there is no such one.
    async fn progress(&self, rollout_arn: &str) -> Answer<Option<Progress>>;

    /// StopServiceDeployment with a roll-back to what completed last.
    async fn stop_rollout(&self, rollout_arn: &str) -> Answer<()>;

    /// Lets a paused deployment go on past a hook.
    async fn continue_rollout(&self, rollout_arn: &str, hook_id: &str) -> Answer<()>;

    /// With its tags; `None` when there is no such cluster.
    async fn cluster(&self, cluster: &str) -> Answer<Option<Cluster>>;

    async fn target_health(&self, target_group_arns: &[String]) -> Answer<TargetHealth>;

    /// The tasks of a service that were stopped lately and ran this revision, a hundred at most. ECS forgets them after
    /// about an hour.
    async fn stopped_tasks(
        &self,
        service: &ServiceName,
        task_definition_arn: &str,
    ) -> Answer<Vec<StoppedTask>>;

    /// What the service itself has said lately, newest first.
    async fn service_messages(&self, service: &ServiceName) -> Answer<Vec<String>>;

    /// The last lines of a stream, oldest first.
    async fn last_log_lines(&self, stream: &LogStream) -> Answer<Vec<String>>;

    /// Puts events of our own on the default bus.
    async fn announce(&self, announcements: &[Announcement]) -> Answer<()>;

    /// Registers a revision and returns its ARN.
    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String>;

    /// UpdateService with the task definition and nothing else.
    async fn release(&self, service: &ServiceName, task_definition_arn: &str) -> Answer<()>;

    /// What CloudWatch has measured of a service for these signals in the last whole days, up to the last whole minute.
    async fn metrics(&self, service: &Service, signals: &[Signal], days: i64) -> Answer<Metrics>;

    /// How its tasks have started lately, and what its load balancer wants of a new one.
    async fn starts(&self, service: &Service) -> Answer<Starts>;

    /// Those of these services whose count Application Auto Scaling decides, with its bounds.
    async fn scalable_targets(&self, services: &[ServiceName]) -> Answer<Vec<(ServiceName, Bounds)>>;

    /// Every alarm that is in ALARM, composite ones among them.
    async fn alarms_in_alarm(&self) -> Answer<Vec<Alarm>>;

    /// Those of these alarms that are there, whatever their kind. A hundred names at most.
    async fn alarms(&self, names: &[String]) -> Answer<Vec<Alarm>>;

    /// `None` when there is no such alarm.
    async fn alarm(&self, name: &str) -> Answer<Option<Alarm>> {
        Ok(self.alarms(&[name.to_owned()]).await?.into_iter().next())
    }

    /// Does a mute rule keep the alarm's actions back now?
    async fn is_muted(&self, alarm: &str) -> Answer<bool>;

    async fn alarm_tags(&self, alarm_arn: &str) -> Answer<Tags>;

    /// UpdateService with the desired count and nothing else.
    async fn set_desired_count(&self, service: &ServiceName, desired: u32) -> Answer<()>;

    /// Where the tasks of a service run, in ECS's own members; `None` when there is no such service.
    async fn placement(&self, service: &ServiceName) -> Answer<Option<Placement>>;

    /// Starts one task outside a service.
    async fn run_task(&self, task: &RunTask) -> Answer<Launched>;

    /// With its tags. `None` where ECS knows no such task, any more or at all.
    async fn one_off(&self, cluster: &str, id: &str) -> Answer<Option<OneOff>>;

    async fn tag(&self, arn: &str, tags: &Tags) -> Answer<()>;

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()>;
}
