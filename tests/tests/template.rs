//! What must hold of the templates whatever parameters are chosen, and what no linter looks for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use pushboat_tests::template::{self, ACCOUNT, Policy, REGION, Stack};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

type Choice = Vec<(&'static str, &'static str)>;

/// Every combination of the choices that change which resources there are. The last axis changes several that have
/// nothing to do with each other.
fn every_choice() -> Vec<Choice> {
    let axes: [&[&[(&str, &str)]]; 6] = [
        &[&[("Zones", "2")], &[("Zones", "3")]],
        &[&[("Egress", "public")], &[("Egress", "nat")], &[("Egress", "endpoints")]],
        &[
            &[("Strategy", "ROLLING")],
            &[("Strategy", "BLUE_GREEN")],
            &[("Strategy", "CANARY")],
            &[("Strategy", "LINEAR")],
        ],
        &[
            &[("CertificateArn", "")],
            &[("CertificateArn", "arn:aws:acm:eu-central-1:123456789012:certificate/c")],
        ],
        &[&[("SpotPercent", "0")], &[("SpotPercent", "50")], &[("SpotPercent", "100")]],
        &[
            &[("AccessLogs", "keep"), ("JwtIssuer", ""), ("SlackWebhook", ""), ("ErrorPercent", "5")],
            &[
                ("AccessLogs", "off"),
                ("JwtIssuer", "https://issuer.example"),
                ("JwtScopes", "pushboat:"),
                ("SlackWebhook", "https://hooks.example/x"),
                ("ErrorPercent", "0"),
            ],
        ],
    ];
    axes.iter().fold(vec![Vec::new()], |chosen, axis| {
        let with =
            |before: &Choice, more: &&[(_, _)]| -> Choice { before.iter().chain(*more).copied().collect() };
        chosen.iter().flat_map(|before| axis.iter().map(move |more| with(before, more))).collect()
    })
}

fn for_every_choice(look: impl Fn(&Stack, &BTreeMap<&str, &str>)) {
    static STACKS: OnceLock<Vec<(Choice, Stack)>> = OnceLock::new();
    let stacks = STACKS.get_or_init(|| {
        let template = template::template();
        let resolve = |choice: Choice| {
            let stack =
                Stack::resolve(&template, &choice).unwrap_or_else(|error| panic!("{choice:?}: {error}"));
            (choice, stack)
        };
        every_choice().into_iter().map(resolve).collect()
    });
    assert_eq!(stacks.len(), 288);
    for (choice, stack) in stacks {
        look(stack, &choice.iter().copied().collect());
    }
}

/// Both templates, the second with the least that must be said.
fn both() -> Vec<(&'static str, Stack)> {
    vec![("template", template::stack(&[])), ("adopt", template::adopt_stack())]
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn the_transformed_templates_are_made_from_the_templates_that_are_here() {
    for (name, transformed) in [("template", template::template()), ("adopt", template::adopt())] {
        let source = std::fs::read(template::workspace().join(format!("{name}.yaml"))).unwrap();
        let digest: String = Sha256::digest(&source).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            transformed["Metadata"]["SourceSha256"], digest,
            "{name}.yaml has changed: run tests/template/transform.py with the Python of aws-sam-cli"
        );
    }
}

#[test]
fn live_image_is_asked_whenever_the_task_definition_changes() {
    let source = std::fs::read_to_string(template::workspace().join("template.yaml")).unwrap();
    let from = source.find("\n  TaskDefinition:\n").unwrap() + 1;
    let text = &source[from..];
    let text = &text[..text.find("\n\n").unwrap() + 2];
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let template = template::template();
    let asked = &template["Resources"]["LiveImage"]["Properties"];
    assert_eq!(
        asked["TaskDefinitionHash"], hash,
        "the text of TaskDefinition has changed: put its hash there"
    );

    let mut told = BTreeSet::new();
    template::references(asked, &mut told);
    let mut used = BTreeSet::new();
    template::references(&template["Resources"]["TaskDefinition"]["Properties"], &mut used);
    used.remove("LiveImage");
    let missing: Vec<_> = used.difference(&told).collect();
    assert!(missing.is_empty(), "LiveImage is not told of {missing:?}");
}

#[test]
fn every_route_asks_who_is_calling() {
    for_every_choice(|stack, choice| {
        let wanted = if choice["JwtIssuer"].is_empty() { "AWS_IAM" } else { "JWT" };
        for (name, route) in stack.of_type("AWS::ApiGatewayV2::Route") {
            assert_eq!(route["AuthorizationType"], wanted, "{name}");
            assert_eq!(route["AuthorizerId"].is_string(), wanted == "JWT", "{name}");
            let scope = match string(&route["RouteKey"]) {
                task if task.contains("/tasks") => "pushboat:run",
                read if read.starts_with("GET ") => "pushboat:read",
                count if count.ends_with("/scale") => "pushboat:scale",
                _ => "pushboat:deploy",
            };
            let scopes = if wanted == "JWT" { json!([scope]) } else { Value::Null };
            assert_eq!(route["AuthorizationScopes"], scopes, "{name}");
        }
        assert!(stack.of_type("AWS::ApiGatewayV2::Route").count() >= 2);
    });
}

#[test]
fn no_write_is_granted_on_everything_and_roles_are_passed_by_name() {
    for (template, stack) in both() {
        for (role, _) in stack.of_type("AWS::IAM::Role") {
            for statement in Policy::of_role(&stack, role).statements {
                let here = format!("{template} {role} {:?}", statement.actions);
                for action in &statement.actions {
                    let verb = action.split_once(':').map_or("*", |(_, verb)| verb);
                    assert!(!verb.contains('*'), "{here}: a wildcard");
                    let reads = ["Describe", "List", "Get", "BatchGet", "BatchCheck"];
                    let reads = reads.iter().any(|prefix| verb.starts_with(prefix));
                    assert!(
                        reads || statement.resources.iter().all(|resource| resource != "*"),
                        "{here} on *"
                    );
                    if action == "iam:PassRole" {
                        assert!(statement.resources.iter().all(|role| !role.contains('*')), "{here}");
                        let to = &statement.condition["StringEquals"]["iam:PassedToService"];
                        assert_eq!(to, "ecs-tasks.amazonaws.com", "{here}");
                    }
                }
            }
        }
    }
}

#[test]
fn whoever_may_assume_a_role_is_one_service() {
    for (template, stack) in both() {
        for (name, role) in stack.of_type("AWS::IAM::Role") {
            for statement in list(&role["AssumeRolePolicyDocument"]["Statement"]) {
                assert!(statement["Principal"]["Service"].is_string(), "{template} {name}");
                assert!(statement["Principal"].get("AWS").is_none(), "{template} {name}");
            }
        }
    }
}

#[test]
fn each_function_has_a_role_and_a_log_of_its_own() {
    for (template, stack) in both() {
        let functions: Vec<_> = stack.of_type("AWS::Lambda::Function").collect();
        let distinct = |of: fn(&Value) -> &Value| -> BTreeSet<String> {
            functions.iter().map(|(_, function)| of(function).to_string()).collect()
        };
        assert_eq!(distinct(|function| &function["Role"]).len(), functions.len(), "{template}");
        assert_eq!(distinct(|function| &function["LoggingConfig"]["LogGroup"]).len(), functions.len());
        for (name, function) in &functions {
            assert_eq!(function["Runtime"], "provided.al2023", "{name}");
            assert!(string(&function["Environment"]["Variables"]["PUSHBOAT_CLUSTERS"]).len() > 1, "{name}");
            let policy = Policy::of_function(&stack, name);
            let group = format!(
                "arn:aws:logs:{REGION}:123456789012:log-group:{}:*",
                string(&function["LoggingConfig"]["LogGroup"])
            );
            assert!(
                policy.allows("logs:PutLogEvents", &group, &template::Context::new()),
                "{template} {name}"
            );
            assert!(
                !policy.allows("logs:CreateLogGroup", &group, &template::Context::new()),
                "{template} {name}"
            );
        }
        for (name, group) in stack.of_type("AWS::Logs::LogGroup") {
            assert!(group["RetentionInDays"].is_string() || group["RetentionInDays"].is_number(), "{name}");
        }
    }
}

#[test]
fn no_event_is_lost_silently() {
    let see = |stack: &Stack| {
        let policy = &stack.properties("UndeliveredEventsPolicy")["PolicyDocument"]["Statement"][0];
        let may_send: BTreeSet<_> =
            list(&policy["Condition"]["ArnEquals"]["aws:SourceArn"]).map(string).collect();
        for (name, rule) in stack.of_type("AWS::Events::Rule") {
            let arn = format!("arn:aws:events:{REGION}:123456789012:rule/{name}");
            assert!(
                may_send.contains(arn.as_str()),
                "{name} may not write to the queue for what it cannot deliver"
            );
            for target in list(&rule["Targets"]) {
                assert!(target["DeadLetterConfig"]["Arn"].is_string(), "{name}");
                let Some(function) = string(&target["Arn"]).split(":function:").nth(1) else { continue };
                assert!(target["RetryPolicy"]["MaximumRetryAttempts"].is_number(), "{name}");
                let kept = stack.of_type("AWS::Lambda::EventInvokeConfig").any(|(_, config)| {
                    config["FunctionName"] == function
                        && config["DestinationConfig"]["OnFailure"]["Destination"].is_string()
                });
                assert!(kept, "what {function} fails on goes nowhere");
            }
        }
        assert!(stack.of_type("AWS::Events::Rule").count() >= 4);
        let depths = stack.of_type("AWS::CloudWatch::Alarm");
        assert_eq!(
            depths.filter(|(_, alarm)| alarm["Namespace"] == "AWS/SQS").count(),
            2,
            "one alarm a queue"
        );
    };
    for_every_choice(|stack, _| see(stack));
    see(&template::adopt_stack());
}

#[test]
fn only_api_and_rules_of_this_stack_may_invoke() {
    for (template, stack) in both() {
        for (name, permission) in stack.of_type("AWS::Lambda::Permission") {
            assert!(string(&permission["SourceArn"]).starts_with("arn:aws:"), "{template} {name}");
        }
    }
}

#[test]
fn tasks_and_load_balancer_are_in_every_zone() {
    for_every_choice(|stack, choice| {
        let zones = |subnets: &Value| -> BTreeSet<String> {
            let names = list(subnets).map(|subnet| string(subnet).trim_matches(['{', '}']));
            names.map(|name| stack.properties(name)["AvailabilityZone"].to_string()).collect()
        };
        let network = &stack.properties("Service")["NetworkConfiguration"]["AwsvpcConfiguration"];
        assert_eq!(zones(&network["Subnets"]).len().to_string(), choice["Zones"], "{choice:?}");
        assert_eq!(zones(&stack.properties("LoadBalancer")["Subnets"]).len().to_string(), choice["Zones"]);
        let gateways = stack.of_type("AWS::EC2::NatGateway").count();
        assert_eq!(gateways.to_string(), if choice["Egress"] == "nat" { choice["Zones"] } else { "0" });
        let public = network["AssignPublicIp"] == "ENABLED";
        assert_eq!(public, choice["Egress"] == "public");
        let private = list(&network["Subnets"]).all(|subnet| string(subnet).starts_with("{Private"));
        assert_eq!(private, !public, "{choice:?}");
        let blocks: BTreeSet<_> = stack
            .of_type("AWS::EC2::Subnet")
            .map(|(_, subnet)| string(&subnet["CidrBlock"]).to_owned())
            .collect();
        assert_eq!(blocks.len(), stack.of_type("AWS::EC2::Subnet").count(), "subnets overlap");
    });
}

#[test]
fn only_the_load_balancer_reaches_tasks_and_visitors_only_the_load_balancer() {
    for_every_choice(|stack, choice| {
        for (name, group) in stack.of_type("AWS::EC2::SecurityGroup") {
            let open = list(&group["SecurityGroupIngress"]).any(|rule| rule.get("CidrIp").is_some());
            assert_eq!(open, name == "LoadBalancerSecurityGroup", "{name}");
        }
        let ingress: Vec<_> = list(&stack.properties("TaskSecurityGroup")["SecurityGroupIngress"]).collect();
        assert_eq!(ingress.len(), 1);
        assert_eq!(ingress[0]["SourceSecurityGroupId"], "{LoadBalancerSecurityGroup}");

        let https = !choice["CertificateArn"].is_empty();
        assert_eq!(string(&stack.properties("HttpsListener")["SslPolicy"]).contains("TLS13"), https);
        assert_eq!(stack.properties("HttpListener")["DefaultActions"][0]["Type"] == "redirect", https);
        assert_eq!(
            stack.resources.contains_key("HttpRule"),
            !https,
            "nobody is served over HTTP beside HTTPS"
        );
        let said = stack.outputs["Encryption"]["Value"].as_str().unwrap();
        assert_eq!(said.contains("plain HTTP"), !https, "the outputs say how visitors are served");
    });
}

#[test]
fn a_stack_update_names_neither_an_image_nor_a_count() {
    for_every_choice(|stack, choice| {
        let service = stack.properties("Service");
        assert!(service.get("DesiredCount").is_none());
        assert_eq!(service["TaskDefinition"], stack.properties("TaskDefinition")["Family"], "a bare family");
        let container = &stack.properties("TaskDefinition")["ContainerDefinitions"][0];
        assert_eq!(container["Image"], "{LiveImage.Image}");
        let tags: Vec<_> = list(&stack.properties("TaskDefinition")["Tags"]).collect();
        assert_eq!(tags[0]["Key"], "pushboat:template");

        let deployment = &service["DeploymentConfiguration"];
        let rolling = choice["Strategy"] == "ROLLING";
        assert_eq!(deployment["DeploymentCircuitBreaker"]["Rollback"] == true, rolling, "{choice:?}");
        let watched: Vec<_> = list(&deployment["Alarms"]["AlarmNames"]).map(string).collect();
        let scaling = string(&stack.properties("ScaleOutAlarm")["AlarmName"]);
        assert!(!watched.contains(&scaling), "an alarm that is on at the start is not watched");
        assert!(!watched.is_empty());
        let rule = &service["LoadBalancers"][0]["AdvancedConfiguration"]["ProductionListenerRule"];
        assert!(rolling || stack.resources.contains_key(string(rule).trim_matches(['{', '}'])), "{rule}");
        let alternate =
            service["LoadBalancers"][0]["AdvancedConfiguration"]["AlternateTargetGroupArn"].is_string();
        assert_eq!(alternate, !rolling, "{choice:?}");
        assert_eq!(stack.resources.contains_key("InfrastructureRole"), !rolling);
        let weights: i64 =
            list(&service["CapacityProviderStrategy"]).map(|one| one["Weight"].as_i64().unwrap()).sum();
        assert!(weights > 0, "{choice:?}");
    });
}

/// CloudFormation deletes whatever depends on a resource before the resource itself.
#[test]
fn all_that_calls_pushboat_goes_before_the_service_drains() {
    let template = template::template();
    let resources = template["Resources"].as_object().unwrap();
    let closure = |start: &str| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(name) = next.pop() {
            let mut needs = BTreeSet::new();
            template::references(&resources[&name], &mut needs);
            needs.retain(|need| resources.contains_key(need) && reached.insert(need.clone()));
            next.extend(needs);
        }
        reached
    };
    let mut callers = 0;
    for (name, resource) in resources {
        let calls = match resource["Type"].as_str().unwrap() {
            "AWS::ApiGatewayV2::Route" => true,
            "AWS::Events::Rule" => resource["Properties"].to_string().contains("Function\",\"Arn"),
            _ => false,
        };
        if calls {
            callers += 1;
            assert!(closure(name).contains("Service"), "{name} does not depend on the service");
        }
    }
    assert!(callers >= 5, "{callers}");
    assert!(
        !closure("Service").contains("DeployFunction"),
        "the service waits for no function but live-image"
    );
    let retained = |name: &str| resources[name]["UpdateReplacePolicy"] == "Retain";
    assert!(retained("TaskDefinition"), "a revision in use is not deregistered by the one that replaces it");
    assert_eq!(resources["Repository"]["Properties"]["EmptyOnDelete"], true);
    let stays: Vec<_> = resources
        .iter()
        .filter(|(_, resource)| resource["DeletionPolicy"].as_str().is_some_and(|policy| policy != "Delete"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(stays, ["AccessLogBucket"], "what stays is what AccessLogs=keep asks for");
}

#[test]
fn an_image_that_was_deployed_has_a_tag_and_the_registry_only_expires_what_has_none() {
    let stack = template::stack(&[]);
    let policy = string(&stack.properties("Repository")["LifecyclePolicy"]["LifecyclePolicyText"]).to_owned();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    for rule in list(&policy["rules"]) {
        assert_eq!(rule["selection"]["tagStatus"], "untagged", "{rule}");
    }
    let moving = template::stack(&[("TagMutability", "IMMUTABLE_WITH_EXCLUSION")]);
    let except = &moving.properties("Repository")["ImageTagMutabilityExclusionFilters"];
    assert_eq!(
        except[0]["ImageTagMutabilityExclusionFilterValue"], "live",
        "the tag that is followed still moves"
    );
}

#[test]
fn the_dashboard_is_json_and_names_only_what_is_there() {
    for_every_choice(|stack, _| {
        let body = string(&stack.properties("Dashboard")["DashboardBody"]).to_owned();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(list(&body["widgets"]).count() >= 6);
    });
}

/// Functions, API, alarms and messages are one design in two files.
#[test]
fn adopting_installs_the_same_functions() {
    let (whole, adopt) = (template::template(), template::adopt());
    // What a service that is not of the stack makes different.
    let differs = BTreeSet::from(["ReleasePolicy", "CapacityPolicy", "DeployFunctionPushes", "ApiRole"]);
    for (name, resource) in adopt["Resources"].as_object().unwrap() {
        let mut counterpart = whole["Resources"][name].clone();
        let mut resource = resource.clone();
        assert!(!counterpart.is_null(), "{name} is not in template.yaml");
        for one in [&mut counterpart, &mut resource] {
            if let Some(members) = one.as_object_mut() {
                members.remove("DependsOn");
            }
            if let Some(variables) =
                one.pointer_mut("/Properties/Environment/Variables/PUSHBOAT_REPOSITORIES")
            {
                *variables = Value::Null;
            }
        }
        if !differs.contains(name.as_str()) {
            assert_eq!(resource, counterpart, "{name}");
        }
    }
    let stack = template::adopt_stack();
    let pushes = stack.properties("DeployFunctionPushes");
    assert_eq!(pushes["EventPattern"]["detail"]["repository-name"], serde_json::json!(["one", "two"]));
    let policy = Policy::of_function(&stack, "DeployFunction");
    let repository = |name: &str| format!("arn:aws:ecr:{REGION}:123456789012:repository/{name}");
    let in_region = |region: &str| {
        template::Context::from([
            ("aws:RequestedRegion", region.to_owned()),
            ("aws:ResourceAccount", ACCOUNT.to_owned()),
        ])
    };
    for (name, allowed) in [("one", true), ("two", true), ("three", false), ("one/two", false)] {
        assert_eq!(policy.allows("ecr:PutImage", &repository(name), &in_region(REGION)), allowed, "{name}");
    }
    let elsewhere = repository("two").replace(REGION, "us-west-2");
    assert!(!policy.allows("ecr:PutImage", &elsewhere, &in_region("us-west-2")));
}
