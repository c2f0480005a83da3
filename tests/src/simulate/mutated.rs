//! Where the mutants bite: what is read and what is written, bent on its way. Without a mutant everything passes as it is.

use std::cell::{Cell, RefCell};

use pushboat::capacity::policy::CAPACITY;
use pushboat::capacity::{alarm, temporary};
use pushboat::hint::Hint;
use pushboat::hold::HOLD;
use pushboat::metrics::Metrics;
use pushboat::model::{Cluster, Image, Outcome, Rollout, RolloutState, Service, ServiceName, Tags};
use pushboat::others::{self, Origin};
use pushboat::overview::Bounds;
use pushboat::task_definition::{ASKED, BASE, NOTED, TEMPLATE, TaskDefinition, family_and_number};
use pushboat_local::world::ecs::UpdateService;
use serde_json::{Map, Value};

use super::CONTAINER;
use super::lens::Lens;
use super::mutants::Mutant;
use super::stage::Call;

/// What a mutant remembers of its own invocation.
#[derive(Debug, Default)]
pub(super) struct Memory {
    call: Option<Call>,
    /// The service as it was read last.
    service: RefCell<Option<Service>>,
    own: RefCell<Option<TaskDefinition>>,
    released: Cell<bool>,
}

impl Memory {
    pub(super) fn of(call: Call) -> Memory {
        Memory { call: Some(call), ..Memory::default() }
    }
}

impl Lens {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn sweeps(&self) -> bool {
        self.memory.call.as_ref().is_some_and(|call| call.hint == Hint::Everything)
    }

    pub(super) fn services_as_read(&self, mut services: Vec<Service>) -> Vec<Service> {
        if self.mutant.is_none() {
            return services;
        }
        if self.is(Mutant::SweepsNothing) && self.sweeps() {
            services.clear();
        }
        if self.is(Mutant::ForgetsRejections) {
            for service in &mut services {
                service.tags.retain(|key, _| !key.starts_with("pushboat:rejected:"));
            }
        }
        if self.is(Mutant::IgnoresHolds) {
            for service in &mut services {
                service.tags.remove(HOLD);
            }
        }
        for service in &mut services {
            self.count_as_read(service);
        }
        *self.memory.service.borrow_mut() = services.last().cloned();
        services
    }

    fn count_as_read(&self, service: &mut Service) {
        let is_there = service.tags.contains_key(CAPACITY);
        match self.mutant {
            Some(Mutant::GoesTooFar) if is_there => {
                service.tags.insert(CAPACITY.to_owned(), "1-20".to_owned());
            }
            Some(Mutant::IgnoresOverrides) => {
                service.tags.retain(|key, _| !temporary::KEYS.contains(&key.as_str()));
            }
            Some(Mutant::StepsWithEachDelivery) => {
                service.tags.retain(|key, _| !key.starts_with(alarm::BOUND));
            }
            Some(Mutant::ScalesInMeanwhile) => {
                if let Some(primary) = &mut service.primary {
                    primary.state = RolloutState::Completed;
                }
            }
            _ => {}
        }
    }

    pub(super) fn metrics_as_read(&self, metrics: Metrics) -> Metrics {
        if self.is(Mutant::ScalesNothing) { Metrics::default() } else { metrics }
    }

    pub(super) fn targets_as_read(&self, targets: Vec<(ServiceName, Bounds)>) -> Vec<(ServiceName, Bounds)> {
        if self.is(Mutant::FightsAutoscaling) { Vec::new() } else { targets }
    }

    pub(super) fn cluster_as_read(&self, mut cluster: Cluster) -> Cluster {
        if self.is(Mutant::IgnoresHolds) {
            cluster.tags.remove(HOLD);
        }
        cluster
    }

    pub(super) fn skips_second_look(&self) -> bool {
        self.is(Mutant::NoSecondLook) && self.memory.released.get()
    }

    /// A bare family asks for its newest revision.
    pub(super) fn hides_newest(&self, reference: &str) -> bool {
        self.is(Mutant::RegistersBlindly) && family_and_number(reference).is_none()
    }

    pub(super) fn definition_as_read(&self, mut definition: TaskDefinition) -> TaskDefinition {
        if self.is(Mutant::ForgetsRejections) {
            // As if the mark were so old that the owner must have released the digest.
            if let Some(mark) = definition.tags.get_mut(NOTED) {
                *mark = "2020-01-01T00:00:00Z".to_owned();
            }
        }
        if self.is(Mutant::FightsPeople) && others::origin(&definition) == Origin::Person {
            definition.tags.insert(BASE.to_owned(), definition.name().to_owned());
        }
        if self.mutant.is_some() {
            *self.memory.own.borrow_mut() = Some(definition.clone());
        }
        definition
    }

    pub(super) fn image_as_read(&self, found: Option<Image>) -> Option<Image> {
        let mut image = found?;
        match self.mutant {
            Some(Mutant::ActsOnTheEvent) => {
                let said = self.memory.call.as_ref().and_then(|call| call.says.clone());
                image.digest = said.unwrap_or(image.digest);
            }
            Some(Mutant::TrustsTheStack) => {
                let own = self.memory.own.borrow();
                let own = own.as_ref().filter(|it| it.tags.contains_key(TEMPLATE));
                let runs = own.and_then(|it| it.container(Some(CONTAINER), "").ok()?.1.digest);
                image.digest = runs.unwrap_or(image.digest);
            }
            _ => {}
        }
        Some(image)
    }

    pub(super) fn rollouts_as_read(&self, mut rollouts: Vec<Rollout>) -> Vec<Rollout> {
        if self.is(Mutant::BlamesTheStopped) {
            for rollout in rollouts.iter_mut().filter(|it| it.outcome == Outcome::Stopped) {
                rollout.outcome = Outcome::RolledBack;
            }
        }
        if self.is(Mutant::SupersedesForEver) {
            rollouts.retain(|rollout| rollout.outcome != Outcome::Stopped);
        }
        rollouts
    }

    /// The revision to claim that was registered, when none shall be.
    pub(super) fn skips_restoring(&self, document: &Map<String, Value>) -> Option<String> {
        if !(self.is(Mutant::RestoresNothing) && self.sweeps()) {
            return None;
        }
        let service = self.memory.service.borrow().as_ref()?.task_definition_arn.clone();
        let stage = self.stage.borrow();
        let own = stage.truth().revision(&service)?;
        (own.shown.with_images(&[]) == *document).then_some(service)
    }

    pub(super) fn document_as_written(&self, document: &Map<String, Value>) -> Map<String, Value> {
        let mut document = document.clone();
        if self.is(Mutant::DropsUnknownFields) {
            document.retain(|member, _| member != "invention");
        }
        document
    }

    pub(super) fn release_as_written(&self, request: &mut UpdateService) {
        self.memory.released.set(true);
        match self.mutant {
            Some(Mutant::SendsTheCount) => {
                request.desired_count = self.memory.service.borrow().as_ref().map(|it| it.desired_count);
            }
            Some(Mutant::Hurries) => {
                request.minimum_healthy_percent = Some(0);
                request.maximum_percent = Some(100);
            }
            _ => {}
        }
    }

    pub(super) fn tags_as_registered(&self, tags: &Tags) -> Tags {
        let mut tags = tags.clone();
        if self.is(Mutant::ForgetsWhoAsked) {
            tags.remove(ASKED);
        }
        tags
    }

    /// `None`: claims to have written them.
    pub(super) fn tags_as_written(&self, arn: &str, tags: &Tags) -> Option<Tags> {
        let is_rejection = tags.keys().any(|key| key.starts_with("pushboat:rejected"));
        let is_service = arn.contains(":service/");
        let swallowed = match self.mutant {
            Some(Mutant::RejectsNothing) => is_rejection && is_service,
            Some(Mutant::NotesNothing) => is_rejection,
            _ => false,
        };
        (!swallowed).then(|| tags.clone())
    }
}
