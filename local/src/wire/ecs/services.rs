//! Asking for services. What the world acts on is read member by member; what it only keeps and shows is passed
//! through; what would change how a deployment runs and is not built is refused, so that nobody believes in it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::service_view::{self, show};
use super::tags::{self, Tag};
use super::{
    Paging, arn_of, count, includes_tags, invalid, last_part, missing, parse, required, unsupported,
};
use crate::wire::Caller;
use crate::world::ecs::{
    CircuitBreaker, CreateService, Service, ServiceLoadBalancer, ServiceStatus, Threshold, UpdateService,
};
use crate::world::{Refusal, World};

/// Kept and shown, not acted on.
const PASSED_THROUGH: [&str; 16] = [
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "deploymentController",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "launchType",
    "monitoring",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "schedulingStrategy",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
];

/// Of `deploymentConfiguration`, what belongs to the strategy. It comes whole or not at all.
const STRATEGY: [&str; 5] =
    ["strategy", "bakeTimeInMinutes", "lifecycleHooks", "linearConfiguration", "canaryConfiguration"];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Create {
    cluster: Option<String>,
    service_name: String,
    task_definition: String,
    desired_count: Option<i64>,
    deployment_configuration: DeploymentConfiguration,
    load_balancers: Vec<LoadBalancer>,
    health_check_grace_period_seconds: Option<i64>,
    tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Update {
    cluster: Option<String>,
    service: String,
    task_definition: Option<String>,
    desired_count: Option<i64>,
    deployment_configuration: DeploymentConfiguration,
    load_balancers: Option<Vec<LoadBalancer>>,
    health_check_grace_period_seconds: Option<i64>,
    force_new_deployment: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DeploymentConfiguration {
    minimum_healthy_percent: Option<i64>,
    maximum_percent: Option<i64>,
    deployment_circuit_breaker: Option<Breaker>,
    strategy: Option<String>,
    alarms: Option<Alarms>,
    lifecycle_hooks: Vec<Value>,
    bake_time_in_minutes: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Breaker {
    enable: bool,
    rollback: bool,
    reset_on_healthy_task: Option<bool>,
    threshold_configuration: Option<ThresholdConfiguration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ThresholdConfiguration {
    r#type: String,
    value: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Alarms {
    enable: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LoadBalancer {
    target_group_arn: String,
    container_name: String,
    container_port: u16,
}

pub(super) fn create(world: &mut World, caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Create = parse(body)?;
    refuse_what_is_not_built(body, &request.deployment_configuration)?;
    let configuration = request.deployment_configuration;
    let desired_count = count(request.desired_count, "desiredCount")?
        .ok_or_else(|| invalid("The number of desired tasks must be given: desiredCount."))?;
    let grace = count(request.health_check_grace_period_seconds, "healthCheckGracePeriodSeconds")?;
    let service = world.create_service(CreateService {
        cluster: request.cluster,
        name: required(&request.service_name, "serviceName")?.to_owned(),
        task_definition: required(&request.task_definition, "taskDefinition")?.to_owned(),
        desired_count,
        minimum_healthy_percent: count(configuration.minimum_healthy_percent, "minimumHealthyPercent")?,
        maximum_percent: count(configuration.maximum_percent, "maximumPercent")?,
        circuit_breaker: read_breaker(configuration.deployment_circuit_breaker)?.flatten(),
        load_balancers: request.load_balancers.into_iter().map(read_load_balancer).collect(),
        health_check_grace_period_seconds: grace.unwrap_or(0),
        tags: tags::read(request.tags)?,
        created_by: caller.arn.clone(),
        passed_through: passed_through(body),
    })?;
    Ok(json!({"service": show(world, &service, true)}))
}

pub(super) fn update(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Update = parse(body)?;
    refuse_what_is_not_built(body, &request.deployment_configuration)?;
    let name = required(&request.service, "service")?.to_owned();
    if let Some(wanted) = request.load_balancers {
        let wanted: Vec<_> = wanted.into_iter().map(read_load_balancer).collect();
        let service = world.find_service(request.cluster.as_deref(), &name)?;
        if service.is_some_and(|service| service.load_balancers != wanted) {
            return Err(unsupported("The load balancers of a service cannot be changed here."));
        }
    }
    let configuration = request.deployment_configuration;
    let service = world.update_service(UpdateService {
        cluster: request.cluster,
        service: name,
        task_definition: request.task_definition,
        desired_count: count(request.desired_count, "desiredCount")?,
        minimum_healthy_percent: count(configuration.minimum_healthy_percent, "minimumHealthyPercent")?,
        maximum_percent: count(configuration.maximum_percent, "maximumPercent")?,
        circuit_breaker: read_breaker(configuration.deployment_circuit_breaker)?,
        health_check_grace_period_seconds: count(
            request.health_check_grace_period_seconds,
            "healthCheckGracePeriodSeconds",
        )?,
        force_new_deployment: request.force_new_deployment,
        passed_through: passed_through(body),
    })?;
    Ok(json!({"service": show(world, &service, false)}))
}

fn passed_through(body: &Value) -> Map<String, Value> {
    let members = body.as_object().into_iter().flatten();
    let mut kept: Map<String, Value> = members
        .filter(|(name, _)| PASSED_THROUGH.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let configuration = &body["deploymentConfiguration"];
    if configuration["strategy"].is_string() {
        let of_strategy = STRATEGY.iter().filter(|member| !configuration[**member].is_null());
        let of_strategy = of_strategy.map(|member| ((*member).to_owned(), configuration[*member].clone()));
        kept.insert("deploymentConfiguration".into(), Value::Object(of_strategy.collect()));
    }
    kept
}

/// A hook of ours can pause, at two stages.
fn is_pause(hook: &Value) -> bool {
    let at = |stage: &Value| stage == "POST_SCALE_UP" || stage == "POST_PRODUCTION_TRAFFIC_SHIFT";
    hook["targetType"] == "PAUSE" && hook["lifecycleStages"].as_array().is_some_and(|all| all.iter().all(at))
}

fn refuse_what_is_not_built(body: &Value, configuration: &DeploymentConfiguration) -> Result<(), Refusal> {
    let controller = body["deploymentController"]["type"].as_str().unwrap_or("ECS");
    let scheduling = body["schedulingStrategy"].as_str().unwrap_or("REPLICA");
    let strategy = configuration.strategy.as_deref().unwrap_or("ROLLING");
    let is_native = ["BLUE_GREEN", "LINEAR", "CANARY"].contains(&strategy);
    let uses_alarms = configuration.alarms.as_ref().is_some_and(|alarms| alarms.enable);
    for (refused, what) in [
        (controller != "ECS", format!("Deployment controller {controller}")),
        (scheduling != "REPLICA", format!("Scheduling strategy {scheduling}")),
        (!is_native && strategy != "ROLLING", format!("Deployment strategy {strategy}")),
        (uses_alarms, "A deployment that watches alarms".into()),
        (
            !is_native && !configuration.lifecycle_hooks.is_empty(),
            "A rolling deployment with lifecycle hooks".into(),
        ),
        (
            !configuration.lifecycle_hooks.iter().all(is_pause),
            "A hook other than PAUSE after SCALE_UP or PRODUCTION_TRAFFIC_SHIFT".into(),
        ),
        (
            !is_native && configuration.bake_time_in_minutes.is_some_and(|minutes| minutes != 0),
            "A rolling deployment with a bake time".into(),
        ),
        (body.get("vpcLatticeConfigurations").is_some_and(|list| list != &json!([])), "VPC Lattice".into()),
    ] {
        if refused {
            return Err(unsupported(format!("{what} is not built here.")));
        }
    }
    Ok(())
}

/// `None`: not mentioned. `Some(None)`: switched off.
fn read_breaker(breaker: Option<Breaker>) -> Result<Option<Option<CircuitBreaker>>, Refusal> {
    let Some(breaker) = breaker else {
        return Ok(None);
    };
    if !breaker.enable {
        return Ok(Some(None));
    }
    let threshold = match breaker.threshold_configuration {
        None => Threshold::BoundedPercent(50),
        Some(configuration) => {
            let value = u32::try_from(configuration.value)
                .ok()
                .filter(|value| *value > 0)
                .ok_or_else(|| invalid("The value of thresholdConfiguration must be positive."))?;
            match configuration.r#type.as_str() {
                "COUNT" => Threshold::Count(value),
                "BOUNDED_PERCENT" => Threshold::BoundedPercent(value),
                "UNBOUNDED_PERCENT" => Threshold::UnboundedPercent(value),
                other => {
                    return Err(invalid(format!("Invalid type of thresholdConfiguration: '{other}'.")));
                }
            }
        }
    };
    Ok(Some(Some(CircuitBreaker {
        rollback: breaker.rollback,
        threshold,
        reset_on_healthy_task: breaker.reset_on_healthy_task.unwrap_or(true),
    })))
}

fn read_load_balancer(one: LoadBalancer) -> ServiceLoadBalancer {
    ServiceLoadBalancer {
        target_group_arn: one.target_group_arn,
        container_name: one.container_name,
        container_port: one.container_port,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delete {
    cluster: Option<String>,
    service: String,
    force: bool,
}

pub(super) fn delete(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Delete = parse(body)?;
    let name = required(&request.service, "service")?;
    let service = world.delete_service(request.cluster.as_deref(), name, request.force)?;
    Ok(json!({"service": show(world, &service, false)}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Describe {
    cluster: Option<String>,
    services: Vec<String>,
    include: Vec<String>,
}

pub(super) fn describe(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: Describe = parse(body)?;
    if request.services.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if request.services.len() > 10 {
        return Err(invalid("Services cannot have more than 10 elements."));
    }
    let cluster = world.find_cluster(request.cluster.as_deref())?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in &request.services {
        match world.find_service(request.cluster.as_deref(), name)? {
            Some(service) => found.push(show(world, service, includes_tags(&request.include))),
            None => failures.push(missing(&arn_of(world, &format!("service/{}", cluster.name), name))),
        }
    }
    Ok(json!({"services": found, "failures": failures}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    cluster: Option<String>,
    launch_type: Option<String>,
    scheduling_strategy: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

pub(super) fn list(world: &mut World, _caller: &Caller, body: &Value) -> Result<Value, Refusal> {
    let request: List = parse(body)?;
    let cluster = &world.find_cluster(request.cluster.as_deref())?.arn;
    let fits = |service: &&Service| {
        service.cluster_arn == *cluster
            && service.status != ServiceStatus::Inactive
            && fits_filter(service, "launchType", request.launch_type.as_deref())
            && fits_filter(service, "schedulingStrategy", request.scheduling_strategy.as_deref())
    };
    let chosen = world.ecs.services.iter().filter(fits);
    let arns = chosen.map(|service| service.arn.clone()).collect();
    request.paging.answer("serviceArns", arns, 10)
}

fn fits_filter(service: &Service, member: &str, wanted: Option<&str>) -> bool {
    let own = service.passed_through.get(member).and_then(Value::as_str);
    wanted.is_none_or(|wanted| own.or(service_view::default_of(member)) == Some(wanted))
}

/// The service an operation on its deployments or tasks is about.
pub(super) fn find<'a>(world: &'a World, cluster: Option<&str>, name: &str) -> Result<&'a Service, Refusal> {
    // A service's long ARN names its cluster, so none need be given with it.
    let named = cluster.or_else(|| {
        let resource = name.split_once(":service/")?.1;
        resource.split_once('/').map(|(cluster, _)| cluster)
    });
    world.find_service(named, name)?.ok_or_else(|| {
        Refusal::new("ServiceNotFoundException", format!("Service not found: {}", last_part(name)))
    })
}
