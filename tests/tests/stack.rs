//! `pushboat local` is the template on a laptop: what it declares is what the transformed template declares, and where the
//! two differ, the difference stands here with its reason.
//!
//! Not compared: the network, roles, logs and the custom resource, which a laptop has no counterpart for. The stand-in has no
//! CloudWatch yet, so each alarm of the template stands here with what does its work on a laptop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use pushboat_cli::local::stack::{self, Choices, Programs};
use pushboat_local::bus::{Pattern, Trigger};
use pushboat_local::gateway::Authorizer;
use pushboat_local::place::Endpoints;
use pushboat_local::world::Settings;
use pushboat_local::world::ecs::TaskDefinition;
use pushboat_tests::template::{self, ACCOUNT, REGION, Stack};
use pushboat_tests::{Wishes, place};
use serde_json::{Value, json};

fn choices() -> Choices {
    Choices {
        tasks: 4,
        sweep_every: Duration::from_secs(60),
        lose_push_events: false,
        no_limits: false,
        retry_delays: stack::RETRY_DELAYS.to_vec(),
        programs: Programs::Folder(PathBuf::new()),
        service_tags: BTreeMap::new(),
    }
}

fn settings() -> Settings {
    Settings { account: ACCOUNT.to_owned(), region: REGION.to_owned(), ..Settings::default() }
}

/// The template writes numbers now as numbers, now as text.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

/// Members whose first letter is small, as ECS's API writes them.
fn as_the_api_writes(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(as_the_api_writes).collect(),
        Value::Object(members) => {
            let small = |name: &String| name[..1].to_lowercase() + &name[1..];
            members.iter().map(|(name, value)| (small(name), as_the_api_writes(value))).collect()
        }
        plain => plain.clone(),
    }
}

#[test]
fn functions_have_the_same_settings() {
    let template = template::stack(&[]);
    let declared: BTreeMap<_, _> = template
        .of_type("AWS::Lambda::Function")
        .map(|(_, function)| {
            (function["FunctionName"].as_str().unwrap().replacen("pushboat-", "", 1), function)
        })
        .collect();
    let here = stack::functions(&choices(), &[]);
    let names: BTreeSet<_> = here.iter().map(|function| function.name.clone()).collect();
    let there: BTreeSet<_> = declared.keys().cloned().collect();
    assert_eq!(names, there);
    for function in here {
        let declared = declared[&function.name];
        assert_eq!(u64::from(function.timeout_seconds), number(&declared["Timeout"]), "{}", function.name);
        assert_eq!(u64::from(function.memory_mib), number(&declared["MemorySize"]), "{}", function.name);
        let environment: Value = function
            .environment
            .iter()
            .cloned()
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            // In the template the stack's name is in a function's.
            .map(|(k, v)| (k, Value::from(v.replace("/aws/lambda/", "/aws/lambda/pushboat-"))))
            .collect();
        assert_eq!(environment, declared["Environment"]["Variables"], "{}", function.name);
    }
}

#[test]
fn events_are_retried_as_often() {
    let template = template::stack(&[]);
    for name in ["deploy", "scale", "sweep"] {
        let function =
            stack::functions(&choices(), &[]).into_iter().find(|function| function.name == name).unwrap();
        let full = format!("pushboat-{name}");
        let mut configs = template.of_type("AWS::Lambda::EventInvokeConfig").map(|(_, config)| config);
        let config = configs.find(|config| config["FunctionName"] == full.as_str()).unwrap();
        assert_eq!(function.retry.delays.len() as u64, number(&config["MaximumRetryAttempts"]), "{name}");
        assert!(config.get("MaximumEventAgeInSeconds").is_none(), "Lambda's own, as in the stand-in");
    }
}

#[test]
fn rules_match_the_same_events_and_call_the_same_functions() {
    let template = template::stack(&[]);
    let pattern = |rule: &str| template.properties(rule)["EventPattern"].clone();
    assert_eq!(stack::pushes(), pattern("DeployFunctionPushes"));
    assert_eq!(stack::deployments(&settings()), pattern("DeployFunctionDeployments"));
    assert_eq!(stack::alarms(), pattern("ScaleFunctionAlarms"));
    assert_eq!(template.properties("SweepFunctionMinute")["ScheduleExpression"], "rate(1 minute)");

    let here = stack::rules(&choices(), &settings()).unwrap();
    assert!(
        here.iter()
            .any(|rule| matches!(rule.trigger, Trigger::Schedule(every) if every == Duration::from_secs(60)))
    );
    assert_eq!(here.iter().filter(|rule| matches!(rule.trigger, Trigger::Pattern(_))).count(), 3);
    let calls = |rule: &Value| {
        let arn = rule["Targets"][0]["Arn"].as_str().unwrap_or_default();
        arn.split(":function:pushboat-").nth(1).map(str::to_owned)
    };
    let mut there: Vec<_> =
        template.of_type("AWS::Events::Rule").filter_map(|(_, rule)| calls(rule)).collect();
    let mut ours: Vec<_> = here.iter().flat_map(|rule| rule.targets.clone()).collect();
    there.sort();
    ours.sort();
    assert_eq!(ours, there);
    // The stand-in reads every pattern of the template, those for people as well.
    for (name, rule) in template::stack(&[("SlackWebhook", "https://x")]).of_type("AWS::Events::Rule") {
        if rule.get("EventPattern").is_some() {
            assert!(Pattern::parse(&rule["EventPattern"]).is_ok(), "{name}");
        }
    }
}

/// Kinds that the stand-in shows to whoever asks, and what of the template it has not, with the reason.
const SHOWN: [&str; 5] = [
    "AWS::ECS::Cluster",
    "AWS::ECR::Repository",
    "AWS::Lambda::Function",
    "AWS::Events::Rule",
    "AWS::SQS::Queue",
];
const NOT_HERE: [(&str, &str); 2] = [
    ("FailedDeploymentRule", "it sends mail, and nobody here has an address"),
    ("UndeliveredEvents", "the bus hands every event over"),
];

#[test]
fn the_stack_that_is_shown_is_the_template_s() {
    let template = template::stack(&[]);
    let address = "127.0.0.1:1".parse().unwrap();
    let endpoints = Endpoints { aws: address, registry: address, game: address, api: address };
    let shown = stack::declared(&endpoints, &settings());
    assert_eq!(shown.name, template::STACK_NAME);
    let here: BTreeSet<_> =
        shown.resources.iter().map(|it| (it.logical_id.as_str(), it.kind.as_str())).collect();
    let not_here = NOT_HERE.map(|(name, _)| name);
    let there: BTreeSet<_> = SHOWN
        .iter()
        .flat_map(|kind| template.of_type(kind).map(|(name, _)| (name, *kind)))
        .filter(|(name, _)| !not_here.contains(name))
        .collect();
    assert_eq!(here, there);
    // What they are called here is what runs here.
    let names = |kind: &str| -> BTreeSet<String> {
        shown.resources.iter().filter(|it| it.kind == kind).map(|it| it.physical_id.clone()).collect()
    };
    let functions = stack::functions(&choices(), &[]).into_iter().map(|it| it.name);
    assert_eq!(names("AWS::Lambda::Function"), functions.collect());
    let rules = stack::rules(&choices(), &settings()).unwrap().into_iter().map(|it| it.name);
    assert_eq!(names("AWS::Events::Rule"), rules.collect());
    assert!(template::template()["Outputs"].get(&shown.outputs[0].0).is_some());
}

#[test]
fn the_api_has_the_same_routes_for_the_same_callers() {
    let template = template::stack(&[]);
    let api = stack::api();
    assert_eq!(template.properties("Api")["Name"], api.name);
    let there: BTreeSet<_> = template
        .of_type("AWS::ApiGatewayV2::Route")
        .map(|(_, route)| (route["RouteKey"].as_str().unwrap(), route["AuthorizationType"] == "AWS_IAM"))
        .collect();
    let here: BTreeSet<_> = api
        .routes
        .iter()
        .map(|route| (route.route_key.as_str(), route.authorizer == Authorizer::Iam))
        .collect();
    assert_eq!(here, there);
    assert!(api.routes.iter().all(|route| route.function == "api"));
    let integration = template.properties("ApiIntegration");
    assert!(integration["IntegrationUri"].as_str().unwrap().ends_with(":function:pushboat-api"));
    assert_eq!(integration["PayloadFormatVersion"], "2.0");
    assert_eq!(api.integration_timeout.as_millis(), u128::from(number(&integration["TimeoutInMillis"])));
    let throttle = &template.properties("ApiStage")["DefaultRouteSettings"];
    assert_eq!(u64::from(api.throttle.burst), number(&throttle["ThrottlingBurstLimit"]));
    assert_eq!(api.throttle.rate, throttle["ThrottlingRateLimit"].as_f64().unwrap());
}

/// What the stand-in's clients see of service, task definition, target group and repository.
#[tokio::test(flavor = "multi_thread")]
async fn cluster_service_and_target_group_are_the_templates() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let architecture = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X86_64" };
    let template = template::stack(&[("Architecture", architecture)]);
    local.place.hub().with(|world| {
        let service = &world.ecs.services[0];
        let declared = template.properties("Service");
        let cluster = service.cluster_arn.rsplit('/').next().unwrap();
        assert_eq!(declared["Cluster"], cluster);
        assert_eq!(declared["ServiceName"], service.name.as_str());
        let deployment = &declared["DeploymentConfiguration"];
        assert_eq!(number(&deployment["MinimumHealthyPercent"]), u64::from(service.minimum_healthy_percent));
        assert_eq!(number(&deployment["MaximumPercent"]), u64::from(service.maximum_percent));
        let breaker = service.circuit_breaker.unwrap();
        assert_eq!(
            deployment["DeploymentCircuitBreaker"],
            json!({ "Enable": true, "Rollback": breaker.rollback })
        );
        let balancer = &declared["LoadBalancers"][0];
        assert_eq!(balancer["ContainerName"], service.load_balancers[0].container_name.as_str());
        assert_eq!(number(&balancer["ContainerPort"]), u64::from(service.load_balancers[0].container_port));
        let mut tags: BTreeMap<_, _> = declared["Tags"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|tag| (tag["Key"].as_str().unwrap().to_owned(), tag["Value"].as_str().unwrap().to_owned()))
            .collect();
        // On a laptop no stack's update would take back what somebody changes.
        assert_eq!(tags.remove("pushboat:template").as_deref(), Some("pushboat"));
        assert_eq!(service.tags, tags);
        assert_eq!(declared["TaskDefinition"], stack::SERVICE, "the family");

        let group = &world.elb.target_groups[0];
        let declared = template.properties("TargetGroup");
        assert_eq!(declared["HealthCheckPath"], group.health_check.path.as_str());
        assert_eq!(
            number(&declared["HealthyThresholdCount"]),
            u64::from(group.health_check.healthy_threshold)
        );
        assert_eq!(
            number(&declared["UnhealthyThresholdCount"]),
            u64::from(group.health_check.unhealthy_threshold)
        );
        let (from, to) = group.health_check.matcher;
        assert_eq!(declared["Matcher"]["HttpCode"], format!("{from}-{to}"));
        // Nobody wants to wait that long to watch: a twentieth of the interval, a sixth of the draining.
        assert_eq!(
            (number(&declared["HealthCheckIntervalSeconds"]), group.health_check.interval_seconds),
            (10, 0.5)
        );
        let drains = declared["TargetGroupAttributes"].as_array().unwrap();
        let drains = drains.iter().find(|a| a["Key"] == "deregistration_delay.timeout_seconds").unwrap();
        assert_eq!((number(&drains["Value"]), group.deregistration_delay_seconds), (30, 5));

        let repository = &world.ecr.repositories[stack::REPOSITORY];
        let declared = template.properties("Repository");
        assert_eq!(declared["RepositoryName"], repository.name.as_str());
        assert_eq!(declared["ImageTagMutability"] == "IMMUTABLE", repository.immutable_tags);
        assert_eq!(declared["ImageScanningConfiguration"]["ScanOnPush"], repository.scan_on_push);

        compare_task_definitions(&template, &world.ecs.task_definitions[0]);
    });
    local.shutdown().await;
}

fn compare_task_definitions(template: &Stack, registered: &TaskDefinition) {
    let mut declared = as_the_api_writes(template.properties("TaskDefinition"));
    let mut here = Value::Object(registered.document.clone());
    // Roles and logs are AWS's, the tag that says where a revision is from comes with CloudFormation, and the image is the
    // placeholder of each place.
    for one in [&mut declared, &mut here] {
        let members = one.as_object_mut().unwrap();
        for away in ["executionRoleArn", "taskRoleArn", "tags"] {
            members.remove(away);
        }
        let container = members["containerDefinitions"][0].as_object_mut().unwrap();
        for away in ["image", "logConfiguration", "linuxParameters"] {
            container.remove(away);
        }
        let numbers =
            ["/containerDefinitions/0/stopTimeout", "/containerDefinitions/0/portMappings/0/containerPort"];
        for path in numbers {
            let value = one.pointer_mut(path).unwrap();
            *value = number(value).into();
        }
    }
    assert_eq!(here, declared);
}

/// Every alarm of the template, and what tells the same on a laptop until the stand-in has CloudWatch.
const ALARMS_WITHOUT_A_COUNTERPART: [(&str, &str); 11] = [
    ("scale-out", "`capacity` has such an alarm"),
    ("deployment-errors", "the circuit breaker and health checks alone roll back"),
    ("deployment-connections", "the same"),
    ("no-healthy-task", "the narrator and the service's events"),
    ("sweep-silent", "/_local/invocations"),
    ("deploy-errors", "/_local/invocations"),
    ("sweep-errors", "/_local/invocations"),
    ("api-errors", "/_local/requests"),
    ("refusals", "the decision log, which `local` prints"),
    ("failed-events", "/_local/dead-letters"),
    ("undelivered-events", "the bus hands every event over"),
];

#[test]
fn every_alarm_is_accounted_for() {
    let template = template::stack(&[]);
    let name = |alarm: &Value| alarm["AlarmName"].as_str().unwrap().replacen("pushboat/", "", 1);
    let there: BTreeSet<_> =
        template.of_type("AWS::CloudWatch::Alarm").map(|(_, alarm)| name(alarm)).collect();
    let here: BTreeSet<_> = ALARMS_WITHOUT_A_COUNTERPART.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(here, there, "an alarm that is new needs a counterpart on a laptop, or a line above");
}
