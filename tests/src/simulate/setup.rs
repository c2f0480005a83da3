//! The beginning of a run: a cluster, a repository with one good image, and services that follow it.

use std::rc::Rc;

use pushboat::Timestamp;
use pushboat_local::world::ecs::{CircuitBreaker, CreateService, ServiceLoadBalancer, Tags, Threshold};
use pushboat_local::world::elb::HealthCheck;
use pushboat_local::world::{Settings, World};

use super::mutants::Mutant;
use super::plan::{Breaker, Fault, LEAST, MINUTE, MOST, Nature, PER_TASK, Plan, ServiceShape};
use super::stage::{Happening, Stage};
use super::writers::document;
use super::{CLUSTER, CONTAINER, REPOSITORY, TAG, uri};

const DEREGISTRATION_SECONDS: u32 = 5;

pub(super) fn stage(plan: Rc<Plan>, mutant: Option<Mutant>, tells: bool) -> Stage {
    let mut settings = Settings { seed: plan.seed, tells_of_tasks: false, ..Settings::default() };
    // AWS's hour of stopped tasks would mostly be in the way: who asks for them asks soon.
    settings.timing.remember_stopped_seconds = 120;
    let mut stage =
        Stage::new(plan.clone(), mutant, World::new(settings, Timestamp::UNIX_EPOCH + BEGINS), tells);
    let made = stage.change(|world| {
        world.create_cluster(CLUSTER, Tags::new())?;
        world.create_repository(REPOSITORY, false, false, Tags::new()).map(drop)
    });
    if let Err(refusal) = made {
        stage.tell(|_| format!("the world refuses to begin: {refusal}"));
    }
    stage.push(Nature::Good);
    for (index, shape) in plan.services.iter().enumerate() {
        stage.create(index, shape);
    }
    for (number, step) in plan.steps.iter().enumerate() {
        stage.at(step.at, Happening::Step(number));
    }
    stage.at(MINUTE / 2, Happening::Tick);
    if plan.has(Fault::Load) {
        stage.at(MINUTE, Happening::Measure);
    }
    stage
}

/// 2026-11-21T08:00:00Z
const BEGINS: jiff::SignedDuration = jiff::SignedDuration::from_secs(1_795_248_000);

impl Stage {
    fn create(&mut self, index: usize, shape: &ServiceShape) {
        let image = match shape.by_tag {
            true => format!("{}:{TAG}", uri()),
            false => format!("{}@{}", uri(), self.pushed[0]),
        };
        self.register(document(shape.name, &image, 0), &[("pushboat:template", "stack")], "cloudformation");
        self.watch.services[index].wanted = shape.desired;
        let mut tags = Tags::from([("pushboat:track".to_owned(), format!("{REPOSITORY}:{TAG}"))]);
        if self.plan.has(Fault::Load) {
            tags.insert("pushboat:capacity".to_owned(), format!("{LEAST}-{MOST}"));
            tags.insert("pushboat:load".to_owned(), format!("requests/{PER_TASK}"));
        }
        let created = self.change(|world| {
            let check =
                HealthCheck { interval_seconds: 10.0, healthy_threshold: 2, ..HealthCheck::default() };
            let port = 8_080 + u16::try_from(index).unwrap_or(0);
            let (_, target_group_arn) = world.create_load_balancer_with_listener(
                shape.name,
                "localhost",
                port,
                check,
                DEREGISTRATION_SECONDS,
            )?;
            world.create_service(CreateService {
                cluster: Some(CLUSTER.to_owned()),
                name: shape.name.to_owned(),
                task_definition: shape.name.to_owned(),
                desired_count: shape.desired,
                minimum_healthy_percent: Some(shape.minimum_healthy_percent),
                circuit_breaker: breaker(shape.breaker),
                load_balancers: vec![ServiceLoadBalancer {
                    target_group_arn,
                    container_name: CONTAINER.to_owned(),
                    container_port: 8080,
                }],
                health_check_grace_period_seconds: shape.grace_seconds,
                tags,
                created_by: "cloudformation".to_owned(),
                ..CreateService::default()
            })
        });
        if let Err(refusal) = created {
            self.tell(|_| format!("the world refuses a service: {refusal}"));
        }
    }
}

fn breaker(shape: Breaker) -> Option<CircuitBreaker> {
    let rollback = match shape {
        Breaker::Off => return None,
        Breaker::LeavesInPlace => false,
        Breaker::RollsBack => true,
    };
    Some(CircuitBreaker { rollback, threshold: Threshold::default(), reset_on_healthy_task: true })
}
