//! Everybody else who writes: those who push images, the stack, and a person with the console. The stack asks Pushboat for
//! the live image, with the real code; its calls are answered, because CloudFormation is patient.

use std::cell::Cell;

use pushboat::live_image::{self, Question};
use pushboat::model::ServiceName;
use pushboat_local::world::ecr::{Repeat, media_type};
use pushboat_local::world::ecs::{StopType, UpdateService};
use serde_json::{Map, Value, json};

use super::instances::Instances;
use super::lens::{Lens, Shared, wait};
use super::outside::BREAKS;
use super::plan::{Act, Nature, SECOND};
use super::stage::Stage;
use super::watch::{Writer, digest_of};
use super::{CLUSTER, CONTAINER, REPOSITORY, TAG, mutated, uri};

/// The configuration of every image: they differ only in what becomes of their tasks.
pub(super) const CONFIG: &str = "sha256:c000000000000000000000000000000000000000000000000000000000000000";

pub(super) fn take(stage: &Shared, instances: &mut Instances, act: Act) {
    stage.borrow_mut().tell(|_| format!("STEP {act:?}"));
    let mut on = stage.borrow_mut();
    match act {
        Act::Push(nature) => on.push(nature),
        Act::Retag { back } => on.retag(back),
        Act::Neighbour { seconds } => {
            let until = on.now + seconds * SECOND;
            on.limits.taken_until(until);
        }
        Act::Template { service, is_bad, updates_service } => {
            drop(on);
            let shared = stage.clone();
            instances.writer(stage, |id| Box::pin(template(shared, id, service, is_bad, updates_service)));
        }
        Act::StackUpdate { service, is_bare } => on.stack_updates(service, is_bare),
        Act::Asks(ask) => {
            drop(on);
            instances.ask(stage, ask);
        }
        Act::PersonDeploys { service, back, updates_service } => {
            on.person_deploys(service, back, updates_service)
        }
        Act::PersonScales { service, to } => {
            on.watch.services[service].wanted = to;
            on.watch.excuse();
            on.update(service, |request| request.desired_count = Some(to));
        }
        Act::PersonForces { service } => on.update(service, |request| request.force_new_deployment = true),
        Act::PersonReleases { service } => on.person_releases(service),
        Act::PersonStops { service } => on.person_stops(service),
        Act::Visitors { service, tasks } => on.visitors(service, tasks),
        Act::Alarm { service, rings } => on.alarm_turns(service, rings),
        Act::Autoscaling { service, to } => on.autoscaling(service, to),
    }
}

/// CloudFormation: the custom resource answers, the template's task definition is registered, perhaps the service updated.
async fn template(stage: Shared, id: u32, service: usize, is_bad: bool, updates_service: bool) -> bool {
    let (name, number) = {
        let on = stage.borrow();
        (on.plan.services[service].name, on.world.ecs.task_definitions.len())
    };
    let memory = mutated::Memory::default();
    let lens = Lens { stage: stage.clone(), id, date: Cell::new(None), mutant: None, memory };
    let question = Question {
        service: ServiceName { cluster: CLUSTER.to_owned(), service: name.to_owned() },
        container: CONTAINER.to_owned(),
        repository_uri: uri(),
        placeholder: format!("{}:{TAG}", uri()),
    };
    let live = loop {
        if let Ok(live) = live_image::find(&lens, &question).await {
            break live.image;
        }
        wait(&stage, id, 5 * SECOND).await;
    };
    let pause = stage.borrow_mut().random.between(SECOND, 20 * SECOND);
    wait(&stage, id, pause).await;
    let mut document = document(name, &live, number);
    if is_bad {
        document["containerDefinitions"][0]["environment"] = json!([{"name": BREAKS, "value": "yes"}]);
    }
    let tags = [("pushboat:template", "stack"), ("aws-stack", "game")];
    stage.borrow_mut().register(document, &tags, "cloudformation");
    if updates_service {
        let pause = stage.borrow_mut().random.between(SECOND, 20 * SECOND);
        wait(&stage, id, pause).await;
        stage.borrow_mut().stack_updates(service, true);
    }
    true
}

/// With a member that no build has heard of, and a sidecar that nobody follows.
pub(super) fn document(family: &str, image: &str, number: usize) -> Map<String, Value> {
    let document = json!({
        "family": family,
        "cpu": "256",
        "memory": (512 + number).to_string(),
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"},
        "invention": {"of": ["tomorrow", number]},
        "containerDefinitions": [
            {
                "name": CONTAINER,
                "image": image,
                "essential": true,
                "portMappings": [{"containerPort": 8080}],
                "environment": [],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": family, "awslogs-stream-prefix": "tasks"},
                },
            },
            {"name": "sidecar", "image": "public.ecr.aws/sidecar:1", "essential": false},
        ],
    });
    match document {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

fn manifest() -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": {"mediaType": media_type::OCI_CONFIG, "digest": CONFIG, "size": 39},
        "layers": [],
    })
    .to_string()
}

impl Stage {
    pub(super) fn register(
        &mut self,
        document: Map<String, Value>,
        tags: &[(&str, &str)],
        by: &str,
    ) -> Option<String> {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let registered = self.change(|world| world.register_task_definition(document, tags, by)).ok()?;
        self.tell(|_| format!("{by} registers {}:{}", registered.family, registered.revision));
        Some(registered.arn)
    }

    /// Whoever updates a service gets what ECS says of it: a refusal changes nothing.
    pub(super) fn update(&mut self, service: usize, with: impl FnOnce(&mut UpdateService)) {
        let mut request = UpdateService {
            cluster: Some(CLUSTER.to_owned()),
            service: self.plan.services[service].name.to_owned(),
            ..UpdateService::default()
        };
        with(&mut request);
        if let Err(refusal) = self.change(|world| world.update_service(request)) {
            self.tell(|_| format!("UpdateService is refused: {refusal}"));
        }
    }

    pub(super) fn push(&mut self, nature: Nature) {
        let digest = format!("sha256:{:064x}", 0xd1_0000 + self.pushed.len());
        self.outside.natures.insert(digest.clone(), nature);
        self.pushed.extend(digest.parse());
        self.put(&digest);
    }

    fn retag(&mut self, back: u64) {
        if let Some(digest) = self.earlier(back) {
            self.put(&digest);
        }
    }

    pub(super) fn earlier(&self, back: u64) -> Option<String> {
        let last = self.pushed.len().checked_sub(1)?;
        let back = usize::try_from(back).ok()?;
        self.pushed.get(last.saturating_sub(back)).map(ToString::to_string)
    }

    fn put(&mut self, digest: &str) {
        let manifest = manifest();
        let put = |world: &mut pushboat_local::world::World| {
            let kind = media_type::OCI_MANIFEST;
            world.put_image(REPOSITORY, digest, &manifest, kind, Some(TAG), Repeat::Announce)
        };
        if let Err(refusal) = self.change(put) {
            self.tell(|_| format!("PutImage is refused: {refusal}"));
        }
    }

    fn stack_updates(&mut self, service: usize, is_bare: bool) {
        let family = self.plan.services[service].name.to_owned();
        let of_template = |it: &&pushboat_local::world::ecs::TaskDefinition| {
            it.family == family && it.tags.contains_key("pushboat:template")
        };
        let sent = match self.world.ecs.task_definitions.iter().rev().find(of_template) {
            Some(definition) if !is_bare => definition.arn.clone(),
            _ => family.clone(),
        };
        let own = self.world.ecs.services[service].task_definition_arn.clone();
        let watched = &mut self.watch.services[service];
        watched.before_stack = digest_of(&self.world, &own);
        watched.last_writer = Writer::Stack;
        self.tell(|_| format!("the stack updates {family} with {sent}"));
        self.update(service, |request| request.task_definition = Some(sent));
    }

    fn person_deploys(&mut self, service: usize, back: u64, updates_service: bool) {
        let (Some(digest), number) = (self.earlier(back), self.world.ecs.task_definitions.len()) else {
            return;
        };
        let name = self.plan.services[service].name;
        let document = document(name, &format!("{}@{digest}", uri()), number);
        let Some(arn) = self.register(document, &[], "a person") else { return };
        self.watch.services[service].person_registered_at = self.now;
        if updates_service {
            let now = self.now;
            let watched = &mut self.watch.services[service];
            watched.last_writer = Writer::Person;
            watched.person = Some((arn.clone(), now));
            self.update(service, |request| request.task_definition = Some(arn));
        }
    }

    fn person_releases(&mut self, service: usize) {
        let found = &self.world.ecs.services[service];
        let is_rejection = |key: &&String| key.starts_with("pushboat:rejected:");
        let keys: Vec<String> = found.tags.keys().filter(is_rejection).cloned().collect();
        let arn = found.arn.clone();
        self.watch.services[service].released_by_person_at = self.now;
        if let Err(refusal) = self.change(|world| world.untag_resource(&arn, &keys)) {
            self.tell(|_| format!("UntagResource is refused: {refusal}"));
        }
    }

    fn person_stops(&mut self, service: usize) {
        let arn = self.world.ecs.services[service].arn.clone();
        let of_service = self.world.ecs.service_deployments.iter().rev().find(|it| it.service_arn == arn);
        let Some(deployment) = of_service.map(|it| it.arn.clone()) else { return };
        let stopped = self.change(|world| world.stop_service_deployment(&deployment, StopType::Rollback));
        if let Err(refusal) = stopped {
            self.tell(|_| format!("StopServiceDeployment is refused: {refusal}"));
        }
    }
}
