//! The whole of ECS in virtual time. [`Laptop`] is what carries effects out; what a task does is said by the tag of
//! its image.

mod clusters;
mod documents;
mod failing;
mod native;
mod random;
mod requests;
mod rolling;
mod run;
mod scheduling;
mod tasks;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::*;
use crate::world::elb::{HealthCheck, ProbeFailure, TargetState};
use crate::world::{Effect, Report, Settings, StartTask};

pub(super) const DIGEST: &str = "sha256:3f4a9e84f966cf159fd63e3fcbe726af0174b2c688c700ec95a93e478cdb9597";
const REGISTRY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
const TICK_MILLIS: i64 = 250;

/// Starts and stops the containers of one world, probes its targets, and watches that what must hold holds.
pub(super) struct Laptop {
    pub(super) world: World,
    /// Host port per running task.
    running: BTreeMap<String, (u16, String)>,
    next_port: u16,
    /// What happened outside, one line each.
    pub(super) trace: Vec<String>,
    pub(super) events: Vec<Value>,
    /// Off: nothing is started until it is on again.
    pub(super) starts: bool,
    /// The image of this tag can no longer be pulled.
    pub(super) lost_tag: Option<&'static str>,
    /// Off: no target is probed.
    pub(super) probes: bool,
    /// Off: draining targets keep their last requests for ever.
    pub(super) finishes_requests: bool,
    /// The service never has fewer healthy tasks than this.
    pub(super) never_below: u32,
    pub(super) most_live: u32,
}

impl Laptop {
    /// A cluster `demo` and a load balancer `game`, no service yet.
    pub(super) fn new() -> Laptop {
        let start: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let mut world = World::new(Settings::default(), start);
        world.create_cluster("demo", Tags::new()).unwrap();
        let health_check = HealthCheck {
            path: "/health".into(),
            interval_seconds: 1.0,
            timeout_seconds: 1.0,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            matcher: (200, 299),
        };
        world.create_load_balancer_with_listener("game", "localhost:8080", 8080, health_check, 5).unwrap();
        Laptop {
            world,
            running: BTreeMap::new(),
            next_port: 40_000,
            trace: Vec::new(),
            events: Vec::new(),
            starts: true,
            lost_tag: None,
            probes: true,
            finishes_requests: true,
            never_below: 0,
            most_live: 0,
        }
    }

    /// With a service of this many tasks of `game:v1`, rolled out.
    pub(super) fn with_service(desired_count: u32) -> Laptop {
        Laptop::with(CreateService {
            desired_count,
            circuit_breaker: Some(breaker(true)),
            ..service_request()
        })
    }

    pub(super) fn with(request: CreateService) -> Laptop {
        let mut laptop = Laptop::new();
        laptop.register("v1");
        let request = CreateService {
            load_balancers: vec![ServiceLoadBalancer {
                target_group_arn: laptop.target_group_arn(),
                container_name: "game".into(),
                container_port: 8080,
            }],
            ..request
        };
        laptop.world.create_service(request).unwrap();
        laptop.run_for(30);
        assert_eq!(laptop.service().deployments[0].rollout_state, RolloutState::Completed);
        laptop.most_live = 0;
        laptop
    }

    pub(super) fn target_group_arn(&self) -> String {
        self.world.find_target_group("game").unwrap().arn.clone()
    }

    /// Registers `game` with one container of this tag and returns the ARN.
    pub(super) fn register(&mut self, tag: &str) -> String {
        let document = document(&format!("{REGISTRY}/game:{tag}"));
        let registered = self.world.register_task_definition(document, Tags::new(), "test");
        registered.unwrap().arn
    }

    pub(super) fn deploy(&mut self, tag: &str) -> Service {
        let task_definition = Some(self.register(tag));
        self.update(UpdateService { task_definition, ..update_request() })
    }

    pub(super) fn scale(&mut self, desired_count: u32) {
        self.update(UpdateService { desired_count: Some(desired_count), ..update_request() });
    }

    pub(super) fn update(&mut self, request: UpdateService) -> Service {
        self.world.update_service(request).unwrap()
    }

    pub(super) fn service(&self) -> &Service {
        self.world.find_service(Some("demo"), "game").unwrap().unwrap()
    }

    /// Newest last.
    pub(super) fn service_deployment(&self) -> &ServiceDeployment {
        self.world.ecs.service_deployments.last().unwrap()
    }

    pub(super) fn live(&self) -> Vec<&Task> {
        self.world.ecs.tasks.iter().filter(|it| it.is_wanted()).collect()
    }

    pub(super) fn healthy(&self) -> u32 {
        let live = self.live();
        let healthy = live.iter().filter(|it| self.world.is_healthy(it));
        u32::try_from(healthy.count()).unwrap()
    }

    pub(super) fn healthy_of(&self, tag: &str) -> usize {
        let live = self.live();
        let of_tag = live.iter().filter(|it| tag_of(&it.containers[0].image) == tag);
        of_tag.filter(|it| self.world.is_healthy(it)).count()
    }

    /// Tags of the live tasks' images, sorted.
    pub(super) fn tags(&self) -> Vec<String> {
        let live = self.live();
        let mut tags: Vec<_> = live.iter().map(|it| tag_of(&it.containers[0].image)).collect();
        tags.sort();
        tags
    }

    pub(super) fn zones(&self) -> BTreeMap<String, usize> {
        let mut zones = BTreeMap::new();
        for task in self.live() {
            *zones.entry(task.zone.clone()).or_default() += 1;
        }
        zones
    }

    pub(super) fn messages(&self) -> Vec<&str> {
        let events = self.service().events.iter().rev();
        events.map(|it| it.message.as_str()).collect()
    }

    /// `eventName`s of one detail type.
    pub(super) fn event_names(&self, detail_type: &str) -> Vec<&str> {
        let matching = self.events.iter().filter(|it| it["detail-type"] == detail_type);
        matching.filter_map(|it| it["detail"]["eventName"].as_str()).collect()
    }

    pub(super) fn run_for(&mut self, seconds: i64) {
        for _ in 0..seconds * 1_000 / TICK_MILLIS {
            self.tick();
        }
    }

    pub(super) fn run_until(&mut self, what: &str, is_so: impl Fn(&Laptop) -> bool) {
        for _ in 0..40_000 {
            if is_so(self) {
                return;
            }
            self.tick();
        }
        panic!("never: {what}\n{:#?}", self.messages());
    }

    /// Carries out what is to do, then lets a little time pass.
    pub(super) fn tick(&mut self) {
        self.carry_out();
        if self.probes {
            self.probe();
        }
        self.carry_out();
        let next = self.world.now() + SignedDuration::from_millis(TICK_MILLIS);
        self.world.advance(next);
        self.watch();
    }

    /// A process dies by itself.
    pub(super) fn crash(&mut self, task_arn: &str) {
        self.running.remove(task_arn);
        self.exited(task_arn, 1);
        self.watch();
    }

    pub(super) fn is_running(&self, task_arn: &str) -> bool {
        self.running.contains_key(task_arn)
    }

    fn watch(&mut self) {
        let live = u32::try_from(self.live().len()).unwrap();
        self.most_live = self.most_live.max(live);
        let healthy = self.healthy();
        assert!(healthy >= self.never_below, "{healthy} healthy\n{:#?}", self.messages());
    }

    pub(super) fn carry_out(&mut self) {
        loop {
            let effects = self.world.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::StartTask(start) => self.start(&start),
                    Effect::StopTask { task_arn } => self.stop(&task_arn),
                    Effect::Event(event) => self.events.push(event),
                    Effect::Listener(_) | Effect::InvokeFunction { .. } => {}
                }
            }
        }
    }

    fn start(&mut self, start: &StartTask) {
        let image = &start.containers[0].image;
        self.trace.push(format!("start {} {} in {}", start.task_id, image, start.zone));
        if !self.starts {
            return;
        }
        let task_arn = start.task_arn.clone();
        let tag = self.tag_of_task(&task_arn);
        if tag.starts_with("missing") || self.lost_tag == Some(&tag) {
            return self.world.report(Report::TaskFailedToStart {
                task_arn,
                container: "game".into(),
                reason: "CannotPullContainerError: not found".into(),
            });
        }
        self.next_port += 1;
        self.running.insert(task_arn.clone(), (self.next_port, tag.clone()));
        self.started(&task_arn, self.next_port);
        if tag.starts_with("crashing") {
            self.crash(&task_arn);
        }
    }

    pub(super) fn started(&mut self, task_arn: &str, port: u16) {
        self.world.report(Report::ContainerStarted {
            task_arn: task_arn.into(),
            container: "game".into(),
            host_port: Some(port),
            digest: DIGEST.into(),
        });
    }

    fn stop(&mut self, task_arn: &str) {
        self.trace.push(format!("stop {}", task::last_part(task_arn)));
        if self.running.remove(task_arn).is_some() {
            self.exited(task_arn, 143);
        }
    }

    fn exited(&mut self, task_arn: &str, exit_code: i32) {
        self.world.report(Report::ContainerExited {
            task_arn: task_arn.into(),
            container: "game".into(),
            exit_code: Some(exit_code),
            reason: None,
        });
    }

    fn tag_of_task(&self, task_arn: &str) -> String {
        let mut tasks = self.world.ecs.tasks.iter();
        let task = tasks.find(|it| it.arn == task_arn).unwrap();
        tag_of(&task.containers[0].image)
    }

    /// One new target a tick becomes known, so that roll-outs have a middle.
    fn probe(&mut self) {
        for group in self.world.elb.target_groups.clone() {
            let mut initial = group.targets.iter().filter(|it| it.state == TargetState::Initial);
            let first_initial = initial.next();
            for target in &group.targets {
                let (target_group_arn, id, port) = (group.arn.clone(), target.id.clone(), target.port);
                if target.is_draining() {
                    if self.finishes_requests {
                        self.world.report(Report::TargetIdle { target_group_arn, id, port });
                    }
                    continue;
                }
                if target.state == TargetState::Initial && Some(target) != first_initial {
                    continue;
                }
                let mut running = self.running.values();
                let outcome = match running.find(|(its_port, _)| *its_port == port) {
                    Some((_, tag)) if tag.starts_with("sick") => Err(ProbeFailure::ResponseCodeMismatch(500)),
                    Some(_) => Ok(()),
                    None => Err(ProbeFailure::FailedHealthChecks),
                };
                self.world.report(Report::TargetProbed { target_group_arn, id, port, outcome });
            }
        }
    }
}

pub(super) fn breaker(rollback: bool) -> CircuitBreaker {
    CircuitBreaker { rollback, threshold: Threshold::default(), reset_on_healthy_task: true }
}

/// `game:v1` without a load balancer.
pub(super) fn service_request() -> CreateService {
    CreateService {
        cluster: Some("demo".into()),
        name: "game".into(),
        task_definition: "game".into(),
        desired_count: 2,
        created_by: "test".into(),
        ..CreateService::default()
    }
}

pub(super) fn update_request() -> UpdateService {
    UpdateService { cluster: Some("demo".into()), service: "game".into(), ..UpdateService::default() }
}

pub(super) fn document(image: &str) -> Map<String, Value> {
    let document = json!({
        "family": "game",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{
            "name": "game",
            "image": image,
            "essential": true,
            "portMappings": [{ "containerPort": 8080 }],
            "environment": [{ "name": "COLOUR", "value": "teal" }],
            "stopTimeout": 12,
        }],
        "invention": { "of": ["tomorrow"] },
    });
    document.as_object().unwrap().clone()
}

fn tag_of(image: &str) -> String {
    image.rsplit(':').next().unwrap().to_owned()
}
