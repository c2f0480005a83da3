//! Services: create, update, delete, find; which change starts a deployment and which does not.

use serde_json::{Map, Value};

use super::task_definition::container_ports;
use super::{
    CircuitBreaker, Cluster, CreateService, Service, ServiceLoadBalancer, ServiceStatus, TaskCounts,
    TaskStatus, UpdateService, invalid, launch, tag,
};
use crate::world::{Refusal, World};

const MOST_TASKS: u32 = 5_000;
const MOST_TARGET_GROUPS: usize = 5;
const DEFAULT_MINIMUM_HEALTHY_PERCENT: u32 = 100;
const DEFAULT_MAXIMUM_PERCENT: u32 = 200;

/// Members that the world does not act on, a change of which still replaces every task.
const REPLACING_MEMBERS: [&str; 6] = [
    "networkConfiguration",
    "platformVersion",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

impl World {
    pub fn create_service(&mut self, mut request: CreateService) -> Result<Service, Refusal> {
        let cluster = self.find_cluster(request.cluster.as_deref())?;
        let (cluster_arn, cluster_name) = (cluster.arn.clone(), cluster.name.clone());
        apply_default_strategy(&mut request.passed_through, cluster);
        if !super::is_ecs_name(&request.name) {
            return Err(invalid("Invalid service name: 1 to 255 letters, digits, hyphens and underscores."));
        }
        let minimum_healthy_percent =
            request.minimum_healthy_percent.unwrap_or(DEFAULT_MINIMUM_HEALTHY_PERCENT);
        let maximum_percent = request.maximum_percent.unwrap_or(DEFAULT_MAXIMUM_PERCENT);
        check_numbers(request.desired_count, minimum_healthy_percent, maximum_percent)?;
        check_breaker(request.circuit_breaker)?;
        tag::check(&request.tags)?;
        let definition = self.find_active_task_definition(&request.task_definition)?;
        launch::check_service(&request.passed_through, &definition.document)?;
        let task_definition_arn = definition.arn.clone();
        self.check_load_balancers(&task_definition_arn, &request.load_balancers)?;
        let arn = self.arn("ecs", &format!("service/{cluster_name}/{}", request.name));
        self.make_room_for_service(&arn)?;
        self.ecs.services.push(Service {
            arn,
            name: request.name,
            cluster_arn,
            status: ServiceStatus::Active,
            desired_count: request.desired_count,
            task_definition_arn,
            minimum_healthy_percent,
            maximum_percent,
            circuit_breaker: request.circuit_breaker,
            load_balancers: request.load_balancers,
            health_check_grace_period_seconds: request.health_check_grace_period_seconds,
            created_at: self.now,
            created_by: request.created_by,
            tags: request.tags,
            deployments: Vec::new(),
            events: Vec::new(),
            passed_through: request.passed_through,
            steady: false,
        });
        let index = self.ecs.services.len() - 1;
        self.begin_deployment(index);
        let created = self.ecs.services[index].clone();
        self.settle();
        Ok(created)
    }

    /// A name is free again once the service that had it is INACTIVE.
    fn make_room_for_service(&mut self, arn: &str) -> Result<(), Refusal> {
        let mut services = self.ecs.services.iter();
        match services.find(|it| it.arn == arn).map(|it| it.status) {
            Some(ServiceStatus::Active) => Err(invalid("Creation of service was not idempotent.")),
            Some(ServiceStatus::Draining) => {
                Err(invalid("Unable to Start a service that is still Draining."))
            }
            Some(ServiceStatus::Inactive) | None => {
                self.ecs.services.retain(|it| it.arn != arn);
                Ok(())
            }
        }
    }

    pub fn update_service(&mut self, request: UpdateService) -> Result<Service, Refusal> {
        let index = self.position_of_service(request.cluster.as_deref(), &request.service)?;
        let before = &self.ecs.services[index];
        if before.status != ServiceStatus::Active {
            return Err(Refusal::new("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        let mut after = before.clone();
        if let Some(reference) = &request.task_definition {
            after.task_definition_arn = self.find_active_task_definition(reference)?.arn.clone();
        }
        apply_numbers(&mut after, &request);
        check_numbers(after.desired_count, after.minimum_healthy_percent, after.maximum_percent)?;
        check_breaker(after.circuit_breaker)?;
        apply_passed_through(&mut after, request.passed_through)?;
        let replaces_tasks = request.force_new_deployment || needs_new_tasks(before, &after);
        if replaces_tasks {
            // Without it the revision must still be one that may start.
            self.find_active_task_definition(&after.task_definition_arn)?;
            self.check_load_balancers(&after.task_definition_arn, &after.load_balancers)?;
        }
        self.ecs.services[index] = after;
        if replaces_tasks {
            self.begin_deployment(index);
        }
        self.settle();
        Ok(self.ecs.services[index].clone())
    }

    /// The service drains and is INACTIVE when its last task has stopped.
    pub fn delete_service(
        &mut self,
        cluster: Option<&str>,
        service: &str,
        force: bool,
    ) -> Result<Service, Refusal> {
        let index = self.position_of_service(cluster, service)?;
        let service = &mut self.ecs.services[index];
        if service.desired_count > 0 && !force {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        service.status = ServiceStatus::Draining;
        service.desired_count = 0;
        let deployments: Vec<_> =
            service.deployments.iter().map(|it| it.service_deployment_arn.clone()).collect();
        for arn in deployments {
            self.end_service_deployment(&arn, "The service was deleted.");
        }
        let deleted = self.ecs.services[index].clone();
        self.settle();
        Ok(deleted)
    }

    /// Name or ARN. `Ok(None)` is DescribeServices' `failures: MISSING`.
    pub fn find_service(&self, cluster: Option<&str>, service: &str) -> Result<Option<&Service>, Refusal> {
        let cluster_arn = &self.find_cluster(cluster)?.arn;
        let mut services = self.ecs.services.iter().filter(|it| it.cluster_arn == *cluster_arn);
        Ok(services.find(|it| it.name == service || it.arn == service))
    }

    fn position_of_service(&self, cluster: Option<&str>, service: &str) -> Result<usize, Refusal> {
        let not_found = || Refusal::new("ServiceNotFoundException", "Service not found.");
        let found = self
            .find_service(cluster, service)?
            .filter(|it| it.status != ServiceStatus::Inactive)
            .ok_or_else(not_found)?;
        let mut services = self.ecs.services.iter();
        services.position(|it| it.arn == found.arn).ok_or_else(not_found)
    }

    /// Running and pending tasks of a service, and per deployment when one is named.
    pub fn count_tasks(&self, service_arn: &str, deployment_id: Option<&str>) -> TaskCounts {
        let mut counts = TaskCounts::default();
        let service = self.ecs.services.iter().find(|it| it.arn == service_arn);
        let revision = deployment_id.map(|id| {
            let mut deployments = service.into_iter().flat_map(|it| &it.deployments);
            deployments.find(|it| it.id == id).map(|it| it.service_revision_arn.as_str())
        });
        for task in &self.ecs.tasks {
            let is_of_service = task.service_arn.as_deref() == Some(service_arn);
            let is_of_deployment =
                revision.is_none_or(|it| it.is_some() && it == task.service_revision_arn.as_deref());
            if !is_of_service || !is_of_deployment {
                continue;
            }
            match task.last_status {
                TaskStatus::Running => counts.running += 1,
                TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => {
                    counts.pending += 1
                }
                _ => {}
            }
        }
        counts
    }

    fn check_load_balancers(
        &self,
        task_definition: &str,
        load_balancers: &[ServiceLoadBalancer],
    ) -> Result<(), Refusal> {
        if load_balancers.len() > MOST_TARGET_GROUPS {
            return Err(invalid(format!("A service has at most {MOST_TARGET_GROUPS} target groups.")));
        }
        let definition = self.find_task_definition(task_definition)?;
        for load_balancer in load_balancers {
            let ServiceLoadBalancer { target_group_arn, container_name, container_port } = load_balancer;
            let Some(container) = definition.container(container_name) else {
                return Err(invalid(format!(
                    "The container {container_name} does not exist in the task definition."
                )));
            };
            if !container_ports(container).any(|it| it == *container_port) {
                return Err(invalid(format!(
                    "The container {container_name} did not have a container port {container_port} defined."
                )));
            }
            let mut groups = self.elb.target_groups.iter();
            if !groups.any(|it| it.arn == *target_group_arn) {
                return Err(invalid(format!(
                    "The target group with targetGroupArn {target_group_arn} does not exist."
                )));
            }
            if self.elb.load_balancer_of(target_group_arn).is_none() {
                return Err(invalid(format!(
                    "The target group with targetGroupArn {target_group_arn} does not have an associated load \
                     balancer."
                )));
            }
        }
        Ok(())
    }
}

/// A service that does not say where its tasks run takes its cluster's default.
pub(super) fn apply_default_strategy(service: &mut Map<String, Value>, cluster: &Cluster) {
    let says = |member: &str| service.contains_key(member);
    if says("launchType") || says("capacityProviderStrategy") {
        return;
    }
    let default = cluster.passed_through.get("defaultCapacityProviderStrategy");
    if let Some(strategy) = default.filter(|it| it.as_array().is_some_and(|list| !list.is_empty())) {
        service.insert("capacityProviderStrategy".into(), strategy.clone());
    }
}

fn apply_numbers(service: &mut Service, request: &UpdateService) {
    let put = |place: &mut u32, value: Option<u32>| *place = value.unwrap_or(*place);
    put(&mut service.desired_count, request.desired_count);
    put(&mut service.minimum_healthy_percent, request.minimum_healthy_percent);
    put(&mut service.maximum_percent, request.maximum_percent);
    put(&mut service.health_check_grace_period_seconds, request.health_check_grace_period_seconds);
    if let Some(breaker) = request.circuit_breaker {
        service.circuit_breaker = breaker;
    }
}

/// `loadBalancers` is the one among them that the world acts on.
fn apply_passed_through(service: &mut Service, mut members: Map<String, Value>) -> Result<(), Refusal> {
    match members.remove("loadBalancers") {
        None | Some(Value::Null) => {}
        Some(list) => service.load_balancers = read_load_balancers(&list)?,
    }
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    service.passed_through.extend(given);
    Ok(())
}

fn read_load_balancers(list: &Value) -> Result<Vec<ServiceLoadBalancer>, Refusal> {
    let read = |it: &Value| {
        Some(ServiceLoadBalancer {
            target_group_arn: it.get("targetGroupArn")?.as_str()?.to_owned(),
            container_name: it.get("containerName")?.as_str()?.to_owned(),
            container_port: u16::try_from(it.get("containerPort")?.as_u64()?).ok()?,
        })
    };
    let all = list.as_array().map(|list| list.iter().map(read).collect::<Option<_>>());
    all.flatten().ok_or_else(|| {
        invalid(
            "loadBalancers must be a list of objects with targetGroupArn, containerName and containerPort.",
        )
    })
}

fn needs_new_tasks(before: &Service, after: &Service) -> bool {
    let member = |name: &&str| before.passed_through.get(*name) != after.passed_through.get(*name);
    before.task_definition_arn != after.task_definition_arn
        || before.load_balancers != after.load_balancers
        || REPLACING_MEMBERS.iter().any(member)
}

fn check_numbers(desired: u32, minimum_healthy_percent: u32, maximum_percent: u32) -> Result<(), Refusal> {
    if desired > MOST_TASKS {
        return Err(invalid(format!("A service has at most {MOST_TASKS} tasks; {desired} were asked for.")));
    }
    if maximum_percent < 100 {
        return Err(invalid(format!("maximumPercent must be at least 100, not {maximum_percent}.")));
    }
    if minimum_healthy_percent > 100 {
        return Err(invalid(format!(
            "minimumHealthyPercent must be at most 100, not {minimum_healthy_percent}."
        )));
    }
    Ok(())
}

fn check_breaker(breaker: Option<CircuitBreaker>) -> Result<(), Refusal> {
    use super::Threshold::{BoundedPercent, Count, UnboundedPercent};
    match breaker.map(|it| it.threshold) {
        Some(Count(0) | BoundedPercent(0) | UnboundedPercent(0)) => {
            Err(invalid("The threshold of the deployment circuit breaker must be at least 1."))
        }
        _ => Ok(()),
    }
}
