//! A deterministic state machine of the parts of AWS that a push meets: ECS, ECR, the load balancer's target
//! table, scalable targets, metrics and alarms, and how many requests are taken. No I/O, no clock, no randomness of its own: time is an argument, what must happen outside is an
//! [`Effect`], what did happen outside comes back as a [`Report`].
//!
//! It knows nothing of wires, sockets or processes, and nothing of Pushboat. Live, `place` drives it with the
//! wall clock and real processes; in tests a seed can.

pub mod cloudwatch;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod limits;
mod refusal;
pub mod scaling;
mod settings;

pub use jiff::Timestamp;
pub use refusal::Refusal;
pub use settings::{Settings, TaskTiming};

use serde_json::Value;

/// Everything AWS remembers.
#[derive(Debug)]
pub struct World {
    pub settings: Settings,
    pub ecs: ecs::Ecs,
    pub ecr: ecr::Ecr,
    pub elb: elb::Elb,
    pub scaling: scaling::Scaling,
    pub cloudwatch: cloudwatch::CloudWatch,
    pub limits: limits::Limits,
    now: Timestamp,
    ids: u64,
    outbox: Vec<Effect>,
}

/// What the outside must do now. The world has already moved on as if it were under way.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Pull the images and start the containers of a task; answer with [`Report::ContainerStarted`] for each, or
    /// [`Report::TaskFailedToStart`].
    StartTask(StartTask),
    /// SIGTERM to every container, SIGKILL after its `stop_timeout_seconds`; each answers with
    /// [`Report::ContainerExited`]. A task that never started is simply forgotten.
    StopTask { task_arn: String },
    /// An event for the default event bus, in the shape EventBridge delivers.
    Event(Value),
    /// An alarm's action: an asynchronous invocation of a function, if there is one of that name.
    InvokeFunction { function: String, payload: Value },
    /// A load balancer begins or ends to serve.
    Listener(elb::ListenerChange),
}

#[derive(Debug, Clone, PartialEq)]
pub struct StartTask {
    pub task_arn: String,
    pub task_id: String,
    pub zone: String,
    pub cluster: String,
    pub family: String,
    pub revision: u32,
    pub containers: Vec<StartContainer>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StartContainer {
    pub name: String,
    /// As in the task definition: `<registry>/<repository>@sha256:…` or `…:tag`.
    pub image: String,
    /// `entryPoint` and `command` of the task definition; empty means "what the image says".
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    pub working_directory: Option<String>,
    pub environment: Vec<(String, String)>,
    /// The first mapped container port, if any: the process gets a free host port as `PORT` in its stead.
    pub container_port: Option<u16>,
    pub stop_timeout_seconds: u32,
}

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    PullStarted {
        task_arn: String,
    },
    PullStopped {
        task_arn: String,
    },
    /// The process runs. `host_port` is where its `container_port` is reached; `digest` is what was pulled.
    ContainerStarted {
        task_arn: String,
        container: String,
        host_port: Option<u16>,
        digest: String,
    },
    /// `reason` in ECS's words: `CannotPullContainerError: …`, `CannotStartContainerError: …`.
    TaskFailedToStart {
        task_arn: String,
        container: String,
        reason: String,
    },
    ContainerExited {
        task_arn: String,
        container: String,
        exit_code: Option<i32>,
        reason: Option<String>,
    },
    /// One health check of one target by the load balancer.
    TargetProbed {
        target_group_arn: String,
        id: String,
        port: u16,
        outcome: Result<(), elb::ProbeFailure>,
    },
    /// A draining target has no request in flight any more.
    TargetIdle {
        target_group_arn: String,
        id: String,
        port: u16,
    },
    /// What a part of AWS measured in a span of time that ended at `end`, for CloudWatch.
    Measured {
        end: Timestamp,
        data: Vec<cloudwatch::Datum>,
    },
}

impl World {
    pub fn new(settings: Settings, now: Timestamp) -> World {
        World {
            ecs: ecs::Ecs::default(),
            ecr: ecr::Ecr::default(),
            elb: elb::Elb::default(),
            scaling: scaling::Scaling::default(),
            cloudwatch: cloudwatch::CloudWatch::default(),
            limits: limits::Limits::new(settings.limits),
            now,
            ids: 0,
            outbox: Vec::new(),
            settings,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Moves time on and does everything that is due until then, each thing at the moment it is due, so that one
    /// long step and many short ones end in the same world. Time never runs backwards.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some(due) = self.next_wake().filter(|due| *due <= now) {
            self.now = due;
            self.settle();
        }
        self.now = self.now.max(now);
        self.settle();
    }

    /// The earliest later moment at which something happens by itself; `None` while everything waits for a
    /// report or a request.
    pub fn next_wake(&self) -> Option<Timestamp> {
        [self.next_elb_wake(), self.next_ecs_wake(), self.next_cloudwatch_wake()].into_iter().flatten().min()
    }

    /// Does what can be done now, until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        loop {
            self.advance_elb();
            if !self.advance_ecs() {
                break;
            }
        }
        self.advance_cloudwatch();
    }

    /// What to do outside, in order. Each is handed out once.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.outbox)
    }

    pub fn report(&mut self, report: Report) {
        match report {
            Report::TargetProbed { target_group_arn, id, port, outcome } => {
                self.target_probed(&target_group_arn, &id, port, outcome);
            }
            Report::TargetIdle { target_group_arn, id, port } => {
                self.target_idle(&target_group_arn, &id, port);
            }
            Report::Measured { end, data } => self.measured(end, data),
            about_a_task => self.task_reported(about_a_task),
        }
        self.settle();
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.outbox.push(effect);
    }

    /// A fresh identifier of 32 hex digits, as ECS makes them: a counter stirred with the seed.
    pub(crate) fn new_id(&mut self) -> String {
        self.ids += 1;
        let a = stir(self.settings.seed ^ self.ids);
        let b = stir(a ^ 0x9e37_79b9_7f4a_7c15);
        format!("{a:016x}{b:016x}")
    }

    /// The same in the usual groups: `8-4-4-4-12`.
    pub(crate) fn new_uuid(&mut self) -> String {
        let id = self.new_id();
        [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
    }

    /// A fresh number of 19 digits, as in `ecs-svc/…` and service revisions.
    pub(crate) fn new_number(&mut self) -> u64 {
        self.ids += 1;
        const SMALLEST: u64 = 1_000_000_000_000_000_000;
        SMALLEST + stir(self.settings.seed ^ self.ids) % (8 * SMALLEST)
    }

    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.settings.region, self.settings.account)
    }

    /// An event on the default bus, in EventBridge's envelope.
    pub(crate) fn emit(&mut self, source: &str, detail_type: &str, resources: &[String], detail: Value) {
        let id = self.new_uuid();
        let event = serde_json::json!({
            "version": "0",
            "id": id,
            "detail-type": detail_type,
            "source": source,
            "account": self.settings.account,
            "time": iso_seconds(self.now),
            "region": self.settings.region,
            "resources": resources,
            "detail": detail,
        });
        self.effect(Effect::Event(event));
    }
}

/// `2026-11-21T08:00:00Z`
pub(crate) fn iso_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-11-21T08:00:00.123Z`
pub(crate) fn iso_millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// SplitMix64: one step of a small, well-mixed generator.
fn stir(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
