//! An account with AWS's token buckets and the latency of its answers, in virtual time: a clock that goes from one sleep
//! to the next, and invocations of Lambda that overlap on it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::fake::Fake;
use super::scope;
use crate::announce::Announcement;
use crate::capacity::Signal;
use crate::capacity::startup::Starts;
use crate::cloud::{Answer, Cloud, CloudError, Listing, Reference, Trouble};
use crate::control::follow;
use crate::decision::{Action, Decision};
use crate::diagnosis::{LogStream, StoppedTask};
use crate::hint::Hint;
use crate::metrics::Metrics;
use crate::model::{
    Alarm, Cluster, Digest, Image, Progress, Rollout, Service, ServiceName, Tags, TargetHealth,
};
use crate::one_off::{Launched, OneOff, Placement, RunTask};
use crate::overview::Bounds;
use crate::scan::Scan;
use crate::task_definition::TaskDefinition;

pub(super) type Job<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[derive(Default)]
pub(super) struct Clock {
    now: Cell<Duration>,
    alarms: RefCell<BTreeSet<Duration>>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock {
    pub(super) fn now(&self) -> Duration {
        self.now.get()
    }

    pub(super) async fn sleep(&self, time: Duration) {
        let until = self.now() + time;
        self.alarms.borrow_mut().insert(until);
        poll_fn(|_| if self.now() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Until all are done.
    pub(super) fn run<'a>(&self, mut jobs: Vec<Pin<Box<impl Future<Output = ()> + ?Sized + 'a>>>) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        while !jobs.is_empty() {
            jobs.retain_mut(|job| job.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            if !woken.0.swap(false, Ordering::Relaxed) && !jobs.is_empty() {
                let next = self.alarms.borrow_mut().pop_first();
                self.now.set(next.expect("everybody waits for something that never comes"));
            }
        }
    }
}

/// What AWS counts, per account and region: operations, how many at once, how many per second.
const LIMITS: [(&[&str], f64, f64); 7] = [
    (&["RegisterTaskDefinition"], 20.0, 1.0),
    (&["DescribeTaskDefinition", "ListTaskDefinitions"], 50.0, 20.0),
    (&["UpdateService"], 50.0, 5.0),
    (&["DescribeServices", "ListServices"], 100.0, 20.0),
    (&["ListServiceDeployments", "DescribeServiceDeployments"], 50.0, 20.0),
    (&["DescribeServiceRevisions"], 50.0, 20.0),
    (&["DescribeClusters"], 50.0, 20.0),
];

pub(super) struct Account {
    pub(super) fake: Fake,
    pub(super) clock: Clock,
    /// Tokens, and when they were counted.
    buckets: RefCell<[(f64, Duration); LIMITS.len()]>,
    calls: RefCell<BTreeMap<&'static str, u32>>,
    pub(super) refusals: RefCell<BTreeMap<&'static str, u32>>,
    pub(super) foreign_refused: Cell<u32>,
    /// So many answers to RegisterTaskDefinition do not arrive.
    pub(super) loses_answers: Cell<u32>,
    /// When services were told to run something else.
    pub(super) released: RefCell<Vec<Duration>>,
    pub(super) said: RefCell<Vec<Decision>>,
    /// The longest that an invocation took.
    pub(super) latest_end: Cell<Duration>,
    random: Cell<u64>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, refusals) = (self.calls.borrow(), self.refusals.borrow());
        write!(f, "released {}, granted {calls:?}, refused {refusals:?}", self.released.borrow().len())?;
        write!(f, ", of somebody else {} refused", self.foreign_refused.get())
    }
}

impl Account {
    pub(super) fn new(fake: Fake) -> Account {
        Account {
            fake,
            clock: Clock::default(),
            buckets: RefCell::new(LIMITS.map(|(_, burst, _)| (burst, Duration::ZERO))),
            calls: RefCell::default(),
            refusals: RefCell::default(),
            foreign_refused: Cell::new(0),
            loses_answers: Cell::new(0),
            released: RefCell::default(),
            said: RefCell::default(),
            latest_end: Cell::default(),
            random: Cell::new(2048),
        }
    }

    pub(super) fn granted(&self, operation: &str) -> u32 {
        self.calls.borrow().get(operation).copied().unwrap_or_default()
    }

    pub(super) fn refused(&self, operation: &str) -> u32 {
        self.refusals.borrow().get(operation).copied().unwrap_or_default()
    }

    pub(super) fn registered(&self) -> usize {
        self.fake.writes.borrow().iter().filter(|write| *write == "register").count()
    }

    pub(super) fn decided(&self, action: Action) -> bool {
        self.said.borrow().iter().any(|decision| decision.decision == action)
    }

    /// Between 0 and 1.
    fn random(&self) -> f64 {
        let mut it = self.random.get();
        it ^= it << 13;
        it ^= it >> 7;
        it ^= it << 17;
        self.random.set(it);
        (it >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn admit(&self, operation: &'static str) -> bool {
        let Some(at) = LIMITS.iter().position(|(operations, ..)| operations.contains(&operation)) else {
            return true;
        };
        let (_, burst, rate) = LIMITS[at];
        let now = self.clock.now();
        let (tokens, counted) = &mut self.buckets.borrow_mut()[at];
        *tokens = (*tokens + (now - *counted).as_secs_f64() * rate).min(burst);
        *counted = now;
        let granted = *tokens >= 1.0;
        *tokens -= f64::from(u8::from(granted));
        granted
    }

    /// One invocation of a fresh process, which knows nothing of the ones before.
    pub(super) fn invocation(&self, hint: Hint, at: Duration, timeout: Duration) -> Job<'_> {
        Box::pin(async move {
            self.clock.sleep(at).await;
            let cloud = Invocation { account: self, ends_at: self.clock.now() + timeout };
            let begun = self.clock.now();
            let mut log = |decision| self.said.borrow_mut().push(decision);
            drop(follow(&cloud, &scope(), &hint, &mut log).await);
            self.latest_end.set(self.latest_end.get().max(self.clock.now() - begun));
        })
    }

    /// Registers again and again, and does not try again when refused.
    pub(super) fn somebody_else(&self, every: Duration, until: Duration) -> Job<'_> {
        Box::pin(async move {
            while self.clock.now() < until {
                self.clock.sleep(every).await;
                let refused = !self.admit("RegisterTaskDefinition");
                self.foreign_refused.set(self.foreign_refused.get() + u32::from(refused));
            }
        })
    }
}

/// The account as one invocation sees it.
struct Invocation<'a> {
    account: &'a Account,
    ends_at: Duration,
}

impl Invocation<'_> {
    /// The way to AWS, with the SDK's three tries.
    async fn call(&self, operation: &'static str) -> Answer<()> {
        let account = self.account;
        let tries = if operation == "RegisterTaskDefinition" { 1 } else { 3 };
        for attempt in 0..tries {
            if attempt > 0 {
                account.clock.sleep(Duration::from_secs_f64(account.random() * f64::from(attempt))).await;
            }
            let latency = 0.02 + 0.03 * account.random();
            account.clock.sleep(Duration::from_secs_f64(latency)).await;
            let granted = account.admit(operation);
            let counts = if granted { &account.calls } else { &account.refusals };
            *counts.borrow_mut().entry(operation).or_default() += 1;
            if granted {
                return Ok(());
            }
        }
        Err(trouble(operation, Trouble::Throttled))
    }

    fn fake(&self) -> &Fake {
        &self.account.fake
    }
}

fn trouble(operation: &'static str, trouble: Trouble) -> CloudError {
    CloudError { operation, subject: "it".into(), trouble, message: "as it happens".into(), source: None }
}

impl Cloud for Invocation<'_> {
    fn now(&self) -> Option<Timestamp> {
        self.fake().seconds.set(self.account.clock.now().as_secs() as i64);
        self.fake().now()
    }

    fn time_left(&self) -> Option<Duration> {
        Some(self.ends_at.saturating_sub(self.account.clock.now()))
    }

    async fn pause(&self, at_least: Duration) {
        let longer = at_least.mul_f64(0.25 * self.account.random());
        self.account.clock.sleep(at_least + longer).await;
    }

    async fn services(&self, cluster: &str) -> Answer<Vec<Service>> {
        let count = self.fake().services.borrow().len();
        for _ in 0..count.div_ceil(100) {
            self.call("ListServices").await?;
        }
        for _ in 0..count.div_ceil(10) {
            self.call("DescribeServices").await?;
        }
        self.fake().services(cluster).await
    }

    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>> {
        self.call("DescribeServices").await?;
        self.fake().service(name).await
    }

    async fn task_definition(&self, arn: &str) -> Answer<TaskDefinition> {
        self.call("DescribeTaskDefinition").await?;
        self.fake().task_definition(arn).await
    }

    async fn newest_revisions(&self, family: &str, newer_than: u32) -> Answer<Vec<String>> {
        self.call("ListTaskDefinitions").await?;
        self.fake().newest_revisions(family, newer_than).await
    }

    async fn repository_uri(&self, repository: &str) -> Answer<Option<String>> {
        self.call("DescribeRepositories").await?;
        self.fake().repository_uri(repository).await
    }

    async fn image(&self, repository: &str, reference: &Reference) -> Answer<Option<Image>> {
        self.call("DescribeImages").await?;
        self.fake().image(repository, reference).await
    }

    async fn tagged_images(&self, repository: &str) -> Answer<Listing> {
        self.call("DescribeImages").await?;
        self.fake().tagged_images(repository).await
    }

    async fn manifest(&self, repository: &str, digest: &Digest) -> Answer<Option<Value>> {
        self.call("BatchGetImage").await?;
        self.fake().manifest(repository, digest).await
    }

    async fn image_config(&self, repository: &str, config: &Digest) -> Answer<Option<Value>> {
        self.call("GetDownloadUrlForLayer").await?;
        self.fake().image_config(repository, config).await
    }

    async fn scan(&self, repository: &str, digest: &Digest) -> Answer<Scan> {
        self.call("DescribeImageScanFindings").await?;
        self.fake().scan(repository, digest).await
    }

    async fn stopped_tasks(&self, service: &ServiceName, arn: &str) -> Answer<Vec<StoppedTask>> {
        self.call("ListTasks").await?;
        self.call("DescribeTasks").await?;
        self.fake().stopped_tasks(service, arn).await
    }

    async fn service_messages(&self, service: &ServiceName) -> Answer<Vec<String>> {
        self.call("DescribeServices").await?;
        self.fake().service_messages(service).await
    }

    async fn last_log_lines(&self, stream: &LogStream) -> Answer<Vec<String>> {
        self.call("GetLogEvents").await?;
        self.fake().last_log_lines(stream).await
    }

    async fn announce(&self, announcements: &[Announcement]) -> Answer<()> {
        self.call("PutEvents").await?;
        self.fake().announce(announcements).await
    }

    async fn keep_image(&self, repository: &str, digest: &Digest, tag: &str) -> Answer<()> {
        self.call("PutImage").await?;
        self.fake().keep_image(repository, digest, tag).await
    }

    async fn rollouts(&self, service: &ServiceName) -> Answer<Vec<Rollout>> {
        self.call("ListServiceDeployments").await?;
        self.call("DescribeServiceRevisions").await?;
        self.fake().rollouts(service).await
    }

    async fn progress(&self, rollout_arn: &str) -> Answer<Option<Progress>> {
        self.call("DescribeServiceDeployments").await?;
        self.fake().progress(rollout_arn).await
    }

    async fn stop_rollout(&self, rollout_arn: &str) -> Answer<()> {
        self.call("StopServiceDeployment").await?;
        self.fake().stop_rollout(rollout_arn).await
    }

    async fn continue_rollout(&self, rollout_arn: &str, hook_id: &str) -> Answer<()> {
        self.call("ContinueServiceDeployment").await?;
        self.fake().continue_rollout(rollout_arn, hook_id).await
    }

    async fn cluster(&self, cluster: &str) -> Answer<Option<Cluster>> {
        self.call("DescribeClusters").await?;
        self.fake().cluster(cluster).await
    }

    async fn target_health(&self, target_group_arns: &[String]) -> Answer<TargetHealth> {
        self.fake().target_health(target_group_arns).await
    }

    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String> {
        self.call("RegisterTaskDefinition").await?;
        let registered = self.fake().register(document, tags).await?;
        match self.account.loses_answers.get() {
            0 => Ok(registered),
            lost => {
                self.account.loses_answers.set(lost - 1);
                Err(trouble("RegisterTaskDefinition", Trouble::Unavailable))
            }
        }
    }

    async fn release(&self, name: &ServiceName, arn: &str) -> Answer<()> {
        self.call("UpdateService").await?;
        self.account.released.borrow_mut().push(self.account.clock.now());
        self.fake().release(name, arn).await
    }

    async fn metrics(&self, service: &Service, signals: &[Signal], days: i64) -> Answer<Metrics> {
        self.call("GetMetricData").await?;
        self.fake().metrics(service, signals, days).await
    }

    async fn starts(&self, service: &Service) -> Answer<Starts> {
        self.call("ListTasks").await?;
        self.fake().starts(service).await
    }

    async fn scalable_targets(&self, services: &[ServiceName]) -> Answer<Vec<(ServiceName, Bounds)>> {
        self.call("DescribeScalableTargets").await?;
        self.fake().scalable_targets(services).await
    }

    async fn alarms_in_alarm(&self) -> Answer<Vec<Alarm>> {
        self.call("DescribeAlarms").await?;
        self.fake().alarms_in_alarm().await
    }

    async fn alarms(&self, names: &[String]) -> Answer<Vec<Alarm>> {
        self.call("DescribeAlarms").await?;
        self.fake().alarms(names).await
    }

    async fn is_muted(&self, alarm: &str) -> Answer<bool> {
        self.call("ListAlarmMuteRules").await?;
        self.fake().is_muted(alarm).await
    }

    async fn alarm_tags(&self, alarm_arn: &str) -> Answer<Tags> {
        self.call("ListTagsForResource").await?;
        self.fake().alarm_tags(alarm_arn).await
    }

    async fn set_desired_count(&self, service: &ServiceName, desired: u32) -> Answer<()> {
        self.call("UpdateService").await?;
        self.fake().set_desired_count(service, desired).await
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Answer<()> {
        self.call("TagResource").await?;
        self.fake().tag(arn, tags).await
    }

    async fn placement(&self, service: &ServiceName) -> Answer<Option<Placement>> {
        self.call("DescribeServices").await?;
        self.fake().placement(service).await
    }

    async fn run_task(&self, task: &RunTask) -> Answer<Launched> {
        self.call("RunTask").await?;
        self.fake().run_task(task).await
    }

    async fn one_off(&self, cluster: &str, id: &str) -> Answer<Option<OneOff>> {
        self.call("DescribeTasks").await?;
        self.fake().one_off(cluster, id).await
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()> {
        self.call("UntagResource").await?;
        self.fake().untag(arn, keys).await
    }
}
