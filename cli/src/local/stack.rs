//! What `template.yaml` declares, on this machine: the cluster, the repository, the load balancer, the service and
//! its tags, the functions, their rules and their HTTP API. Where the two differ, the reason stands beside the value.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use pushboat_local::bus::{Pattern, Rule, Trigger};
use pushboat_local::gateway::{Api, Authorizer, Route, Throttle};
use pushboat_local::hub::Hub;
use pushboat_local::lambda::Function;
use pushboat_local::place::{Endpoints, Place};
use pushboat_local::stack::{Resource, Stack};
use pushboat_local::world::ecs::{CircuitBreaker, CreateService, ServiceLoadBalancer, Threshold};
use pushboat_local::world::elb::HealthCheck;
use pushboat_local::world::{Settings, World};
use serde_json::{Map, Value, json};

use crate::image::game;

/// Names the stack, as in docs/install.md.
pub const STACK: &str = "pushboat";
pub const CLUSTER: &str = "pushboat";
pub const SERVICE: &str = "game-2048";
pub const REPOSITORY: &str = "game-2048";
pub const CONTAINER: &str = "app";
/// The tag that the service follows.
pub const TRACKED_TAG: &str = "live";
/// What the game writes is read there.
pub const LOG_GROUP: &str = "/ecs/pushboat/game-2048";
/// Where the functions that decide write, by Lambda's own names; in the template the stack's name is in them.
const LOG_GROUPS: &str = "/aws/lambda/deploy,/aws/lambda/scale,/aws/lambda/sweep,/aws/lambda/api";
/// What runs until the first push.
pub const PLACEHOLDER_TAG: &str = "placeholder";

/// The program that Lambda starts as a function: this one, or one binary each as they ship.
#[derive(Debug, Clone)]
pub enum Programs {
    /// `<program> function <name>`
    OneForAll(PathBuf),
    /// `<folder>/<name>`
    Folder(PathBuf),
}

/// Everything about the stack that a caller may choose.
#[derive(Debug, Clone)]
pub struct Choices {
    pub tasks: u32,
    pub sweep_every: Duration,
    pub lose_push_events: bool,
    pub no_limits: bool,
    /// Between the attempts of an asynchronous invocation that fails. Lambda: a minute, then two.
    pub retry_delays: Vec<Duration>,
    pub programs: Programs,
    /// Of the service, beside the one that says what it follows.
    pub service_tags: BTreeMap<String, String>,
}

/// Lambda's own, which the template does not change.
pub const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// The functions as the template declares them; `environment` has the endpoint and credentials.
pub fn functions(choices: &Choices, environment: &[(String, String)]) -> Vec<Function> {
    let function = |name: &str| {
        let (program, arguments) = match &choices.programs {
            Programs::OneForAll(program) => (program.clone(), vec!["function".to_owned(), name.to_owned()]),
            Programs::Folder(folder) => (folder.join(name), Vec::new()),
        };
        let mut function = Function::new(name, program);
        function.arguments = arguments;
        function.environment = environment.to_vec();
        function.environment.push(("PUSHBOAT_CLUSTERS".to_owned(), CLUSTER.to_owned()));
        function.environment.push(("PUSHBOAT_REPOSITORIES".to_owned(), REPOSITORY.to_owned()));
        if name == "api" {
            function.environment.push(("PUSHBOAT_LOG_GROUPS".to_owned(), LOG_GROUPS.to_owned()));
        }
        function.timeout_seconds = if name == "api" { 29 } else { 60 };
        function.retry.delays.clone_from(&choices.retry_delays);
        function.memory_mib = 128;
        function
    };
    // Nobody here asks `live-image`, which answers CloudFormation; it is there as on AWS.
    ["deploy", "scale", "sweep", "api", "live-image"].map(function).to_vec()
}

/// Not the tag that Pushboat itself puts on what it releases. An index's parts come with an empty tag and are ignored.
pub fn pushes() -> Value {
    json!({
        "source": ["aws.ecr"],
        "detail-type": ["ECR Image Action"],
        "detail": {
            "action-type": ["PUSH"],
            "result": ["SUCCESS"],
            "repository-name": [REPOSITORY],
            "image-tag": [{ "anything-but": { "prefix": "deployed-" } }],
        },
    })
}

/// What becomes of the deployments of the cluster's services.
pub fn deployments(settings: &Settings) -> Value {
    let Settings { region, account, .. } = settings;
    json!({
        "source": ["aws.ecs"],
        "detail-type": ["ECS Deployment State Change"],
        "resources": [{ "prefix": format!("arn:aws:ecs:{region}:{account}:service/{CLUSTER}/") }],
    })
}

/// What becomes of alarms, whatever they are about: `scale` finds out.
pub fn alarms() -> Value {
    json!({
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"],
    })
}

/// Which events reach which function.
pub fn rules(choices: &Choices, settings: &Settings) -> Result<Vec<Rule>> {
    let rule = |name: &str, trigger, function: &str| Rule {
        name: name.to_owned(),
        trigger,
        targets: vec![function.to_owned()],
    };
    let matching = |pattern: &Value| anyhow::Ok(Trigger::Pattern(Pattern::parse(pattern)?));
    Ok(vec![
        rule("pushboat-pushes", matching(&pushes())?, "deploy"),
        rule("pushboat-deployments", matching(&deployments(settings))?, "deploy"),
        rule("pushboat-alarms", matching(&alarms())?, "scale"),
        rule("pushboat-sweep", Trigger::Schedule(choices.sweep_every), "sweep"),
    ])
}

/// The HTTP API: every route needs a signature.
pub fn api() -> Api {
    let route =
        |route_key: String| Route { route_key, function: "api".to_owned(), authorizer: Authorizer::Iam };
    Api {
        routes: pushboat_api::route_keys().map(route).collect(),
        throttle: Throttle { burst: 20, rate: 10.0 },
        ..Api::new("pushboat")
    }
}

/// The whole as a stack of the template, by the names that it has there, for those who look at one.
pub fn declared(endpoints: &Endpoints, settings: &Settings) -> Stack {
    let queue = format!("http://{}/{}/pushboat-failed-events", endpoints.aws, settings.account);
    let resources = [
        ("Cluster", "AWS::ECS::Cluster", CLUSTER),
        ("Repository", "AWS::ECR::Repository", REPOSITORY),
        ("DeployFunction", "AWS::Lambda::Function", "deploy"),
        ("ScaleFunction", "AWS::Lambda::Function", "scale"),
        ("SweepFunction", "AWS::Lambda::Function", "sweep"),
        ("ApiFunction", "AWS::Lambda::Function", "api"),
        ("LiveImageFunction", "AWS::Lambda::Function", "live-image"),
        ("DeployFunctionPushes", "AWS::Events::Rule", "pushboat-pushes"),
        ("DeployFunctionDeployments", "AWS::Events::Rule", "pushboat-deployments"),
        ("ScaleFunctionAlarms", "AWS::Events::Rule", "pushboat-alarms"),
        ("SweepFunctionMinute", "AWS::Events::Rule", "pushboat-sweep"),
        ("FailedEvents", "AWS::SQS::Queue", &queue),
    ];
    let resource = |(logical_id, kind, physical_id): (&str, &str, &str)| Resource {
        logical_id: logical_id.to_owned(),
        kind: kind.to_owned(),
        physical_id: physical_id.to_owned(),
    };
    Stack {
        name: STACK.to_owned(),
        created_at: Hub::now(),
        resources: resources.map(resource).to_vec(),
        outputs: vec![("ApiAddress".to_owned(), format!("http://{}", endpoints.api))],
    }
}

/// What `--lose-push-events` loses.
pub fn every_push() -> Result<Pattern> {
    Ok(Pattern::parse(&json!({ "detail-type": ["ECR Image Action"] }))?)
}

/// Cluster, repository and load balancer: what is there before the first image.
pub fn create_foundation(place: &Place) -> Result<()> {
    place.hub().with(|world| {
        world.create_cluster(CLUSTER, BTreeMap::new())?;
        world.create_repository(REPOSITORY, false, true, BTreeMap::new())?;
        anyhow::Ok(())
    })?;
    place.create_load_balancer(SERVICE, health_check(), DEREGISTRATION_DELAY_SECONDS)?;
    Ok(())
}

/// AWS: 30 s would be the template's value; a laptop's visitors have shorter requests.
const DEREGISTRATION_DELAY_SECONDS: u32 = 5;

/// AWS: every 5 s at the least. Here a tenth of that, so that one need not wait to watch.
fn health_check() -> HealthCheck {
    HealthCheck {
        path: "/".to_owned(),
        interval_seconds: 0.5,
        timeout_seconds: 0.4,
        healthy_threshold: 2,
        unhealthy_threshold: 2,
        matcher: (200, 299),
    }
}

/// The service, on the placeholder image, which has been pushed.
pub fn create_service(place: &Place, choices: &Choices) -> Result<()> {
    place.hub().with(|world| {
        let document = task_definition(world);
        let document = document.as_object().context("the task definition is an object")?.clone();
        let revision = world.register_task_definition(document, BTreeMap::new(), "pushboat local")?;
        let target_group_arn =
            world.elb.target_groups.first().map(|group| group.arn.clone()).context("no target group")?;
        world.create_service(CreateService {
            cluster: Some(CLUSTER.to_owned()),
            name: SERVICE.to_owned(),
            task_definition: revision.arn,
            desired_count: choices.tasks,
            minimum_healthy_percent: Some(100),
            maximum_percent: Some(200),
            circuit_breaker: Some(CircuitBreaker {
                rollback: true,
                threshold: Threshold::BoundedPercent(50),
                reset_on_healthy_task: true,
            }),
            load_balancers: vec![ServiceLoadBalancer {
                target_group_arn,
                container_name: CONTAINER.to_owned(),
                container_port: game::PORT,
            }],
            health_check_grace_period_seconds: 5,
            tags: tags().into_iter().chain(choices.service_tags.clone()).collect(),
            created_by: "pushboat local".to_owned(),
            passed_through: placement(&world.settings.zones),
        })?;
        Ok(())
    })
}

/// Where its tasks run, as the template says it. There is no network here, so these are names alone.
fn placement(zones: &[String]) -> Map<String, Value> {
    let subnets: Vec<String> = zones.iter().map(|zone| format!("subnet-{zone}")).collect();
    let network = json!({
        "awsvpcConfiguration": {
            "subnets": subnets, "securityGroups": ["sg-tasks"], "assignPublicIp": "ENABLED",
        },
    });
    let strategy = json!([{ "capacityProvider": "FARGATE", "base": 1, "weight": 1 }]);
    [("capacityProviderStrategy", strategy), ("networkConfiguration", network)]
        .map(|(member, value)| (member.to_owned(), value))
        .into_iter()
        .collect()
}

/// The service follows one tag of one repository, named by container as in the template.
pub fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([(format!("pushboat:track:{CONTAINER}"), format!("{REPOSITORY}:{TRACKED_TAG}"))])
}

/// How many tasks there may be, and what one carries: few, so that one person's requests move them.
pub fn capacity() -> BTreeMap<String, String> {
    let tags = [("pushboat:capacity", "2-8"), ("pushboat:load", "requests/600")];
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn task_definition(world: &World) -> Value {
    let architecture = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X86_64" };
    let image = format!("{}/{REPOSITORY}:{PLACEHOLDER_TAG}", world.settings.registry_host);
    json!({
        "family": SERVICE,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        // Nobody here asks what they may do; they are there as on AWS.
        "executionRoleArn": format!("arn:aws:iam::{}:role/pushboat-execution", world.settings.account),
        "taskRoleArn": format!("arn:aws:iam::{}:role/pushboat-task", world.settings.account),
        "runtimePlatform": { "cpuArchitecture": architecture, "operatingSystemFamily": "LINUX" },
        "containerDefinitions": [{
            "name": CONTAINER,
            "image": image,
            "essential": true,
            "portMappings": [{ "containerPort": game::PORT, "protocol": "tcp" }],
            "environment": [{ "name": "PORT", "value": game::PORT.to_string() }],
            "stopTimeout": 30,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": LOG_GROUP,
                    "awslogs-region": world.settings.region,
                    "awslogs-stream-prefix": "app",
                },
            },
        }],
    })
}
