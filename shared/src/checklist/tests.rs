//! A service on which everything is well, and what becomes of the list when one thing is not.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::balancer::TargetGroup;
use super::handover::{Wish, changes, removals, tags};
use super::network::{LoadBalancer, Network, Permission, SecurityGroup, Subnet};
use super::permissions::{Decision, Simulated};
use super::*;
use crate::model::Tags;
use crate::preflight::{Contents, Part, Platform};

const EXECUTION: &str = "arn:aws:iam::123456789012:role/shop-execution";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cart-AbCdEf";
const GROUP: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/cart/1";
const IMAGE: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/cart:v1";

fn service() -> Value {
    json!({
        "serviceArn": "arn:aws:ecs:eu-central-1:123456789012:service/shop/cart",
        "status": "ACTIVE",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "deploymentConfiguration": {
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        },
        "healthCheckGracePeriodSeconds": 60,
        "loadBalancers": [{ "targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080 }],
        "networkConfiguration": { "awsvpcConfiguration": {
            "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-tasks"], "assignPublicIp": "ENABLED",
        } },
    })
}

fn document() -> Value {
    json!({
        "family": "cart", "revision": 7, "status": "ACTIVE", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": EXECUTION, "taskRoleArn": "arn:aws:iam::123456789012:role/shop-task",
        "containerDefinitions": [{
            "name": "app", "image": IMAGE, "essential": true,
            "portMappings": [{ "containerPort": 8080 }],
            "secrets": [
                { "name": "A", "valueFrom": format!("{SECRET}:password::") },
                { "name": "B", "valueFrom": "/shop/cart" },
            ],
            "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "/ecs/cart" } },
        }],
    })
}

fn trust() -> Value {
    let allowed = json!({
        "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole",
    });
    json!({ "Version": "2012-10-17", "Statement": [allowed] })
}

fn allowed(need: permissions::Need) -> Simulated {
    let decisions = need.actions.iter().map(|it| (it.clone(), Decision::Allowed)).collect();
    Simulated { need, decisions: Ok(decisions) }
}

fn subnet(id: &str, zone: &str) -> Subnet {
    let way_out = Ok(Some("igw-1".to_owned()));
    Subnet { id: id.to_owned(), zone: zone.to_owned(), way_out, reaches_s3: true }
}

fn permission(group: &str, cidr: &str, ports: Option<(u16, u16)>) -> Permission {
    let some = |it: &str| if it.is_empty() { Vec::new() } else { vec![it.to_owned()] };
    let protocol = if ports.is_some() { "tcp" } else { "-1" }.to_owned();
    Permission { protocol, ports, groups: some(group), cidrs: some(cidr), others: false }
}

fn network() -> Network {
    Network {
        subnets: Ok(vec![subnet("subnet-1", "a"), subnet("subnet-2", "b")]),
        security_groups: Ok(vec![SecurityGroup {
            id: "sg-tasks".to_owned(),
            ingress: vec![permission("sg-lb", "", Some((1, 65_535)))],
            egress: vec![permission("", "0.0.0.0/0", None)],
        }]),
        load_balancers: Ok(vec![LoadBalancer {
            name: "cart".to_owned(),
            security_groups: vec!["sg-lb".to_owned()],
            cidrs: vec!["10.20.0.0/23".to_owned()],
        }]),
        endpoints: Ok(BTreeSet::new()),
    }
}

fn target_group() -> TargetGroup {
    TargetGroup {
        target_type: "ip".to_owned(),
        protocol: "HTTP".to_owned(),
        load_balancer_arns: vec!["lb".to_owned()],
        health_check_port: "traffic-port".to_owned(),
        health_check_path: Some("/".to_owned()),
        matcher: Some("200-299".to_owned()),
        interval_seconds: Some(10.0),
        unhealthy_threshold: Some(2),
        deregistration_delay_seconds: Ok(Some(30)),
    }
}

fn there(architecture: &str) -> image::Found {
    let digest = format!("sha256:{}", "5c".repeat(32));
    let platform = Platform { os: "linux".to_owned(), architecture: architecture.to_owned() };
    let part = Part { digest: digest.parse().unwrap(), platform: Some(platform) };
    image::Found::There { digest, contents: Ok(Contents::Index(vec![part])), configured: None }
}

/// From a service and a document, with the answers that a healthy account would give.
fn facts_of(service: Value, document: &Value) -> Facts {
    let members = document.as_object().unwrap().clone();
    let needs = roles::needs(&members, "eu-central-1");
    let role = |member: &'static str, name: &str, simulated: Vec<Simulated>| roles::Role {
        member,
        name: name.to_owned(),
        trust: Ok(Some(trust())),
        simulated,
    };
    let versions = [("1".to_owned(), vec!["AWSCURRENT".to_owned()])];
    let found = secrets::Found::There { versions: versions.into() };
    Facts {
        name: "shop/cart".to_owned(),
        service: Some(Ok(Some(service))),
        images: image::named(&members)
            .into_iter()
            .map(|(container, image)| image::Asked { container, image, found: there("amd64") })
            .collect(),
        roles: vec![
            role("executionRoleArn", "shop-execution", needs.into_iter().map(allowed).collect()),
            role("taskRoleArn", "shop-task", Vec::new()),
        ],
        log_groups: logs::named(&members).into_iter().map(|group| (group, Ok(true))).collect(),
        secrets: secrets::named(&members).into_iter().map(|it| (it, Ok(found.clone()))).collect(),
        target_groups: vec![balancer::Asked { arn: GROUP.to_owned(), group: Ok(Some(target_group())) }],
        network: Some(network()),
        task_definition: Some(Ok(Some(members))),
    }
}

fn good() -> Facts {
    facts_of(service(), &document())
}

fn subjects(findings: &[Finding], verdict: Verdict) -> Vec<&str> {
    findings.iter().filter(|it| it.verdict == verdict).map(|it| it.subject.as_str()).collect()
}

#[track_caller]
fn only_wrong(facts: &Facts, subject: &str, says: &str) {
    let findings = verify(facts);
    assert_eq!(subjects(&findings, Verdict::Wrong), [subject], "{findings:#?}");
    let wrong = findings.iter().find(|it| it.verdict == Verdict::Wrong).unwrap();
    assert!(wrong.why.contains(says), "{}", wrong.why);
    assert!(wrong.what_to_do.as_ref().is_some_and(|it| !it.is_empty()), "{wrong:?}");
}

#[test]
fn where_all_is_well_nothing_else_is_said() {
    let findings = verify(&good());
    assert!(findings.iter().all(|it| it.verdict == Verdict::Ok), "{findings:#?}");
    assert!(findings.len() >= 20, "{findings:#?}");
    let mut alone = good();
    (alone.service, alone.network) = (None, None);
    let findings = verify(&alone);
    assert!(findings.iter().all(|it| it.verdict == Verdict::Ok && it.subject != "way in"), "{findings:#?}");
}

#[test]
fn each_fault_of_a_service_is_named() {
    let set = |path: &str, value: Value| {
        let mut service = service();
        match service.pointer_mut(path) {
            Some(place) => *place = value,
            None => service[path.trim_start_matches('/')] = value,
        }
        facts_of(service, &document())
    };
    let configuration = "/deploymentConfiguration";
    for (path, value, subject, says) in [
        ("/status", json!("DRAINING"), "service", "DRAINING"),
        ("/deploymentController", json!({ "type": "CODE_DEPLOY" }), "deployment controller", "CODE_DEPLOY"),
        (
            "/deploymentConfiguration/deploymentCircuitBreaker",
            json!({ "enable": false }),
            "circuit breaker",
            "off",
        ),
        (
            "/deploymentConfiguration/deploymentCircuitBreaker",
            json!({ "enable": true, "rollback": false }),
            "circuit breaker",
            "does not roll back",
        ),
        ("/deploymentConfiguration/maximumPercent", json!(100), "room for a roll-out", "2 to 2 tasks"),
        (configuration, json!({ "strategy": "CANARY" }), "deployment alarms", "CANARY"),
        ("/desiredCount", json!(0), "desired count", "it is 0"),
        ("/healthCheckGracePeriodSeconds", json!(60), "", ""),
        (
            "/networkConfiguration/awsvpcConfiguration/assignPublicIp",
            json!("DISABLED"),
            "way out",
            "subnet-1 is public, and its tasks get no public address",
        ),
        ("/networkConfiguration/awsvpcConfiguration/subnets", json!(["subnet-1"]), "zones", "one subnet"),
        ("/loadBalancers/0/containerPort", json!(80), "port", "wants 80 of 'app', which maps 8080"),
        ("/loadBalancers/0/containerName", json!("web"), "port", "'web'"),
    ] {
        let facts = set(path, value);
        match subject {
            "" => assert_eq!(subjects(&verify(&facts), Verdict::Wrong), [""; 0]),
            _ => only_wrong(&facts, subject, says),
        }
    }
    // Half of what runs may go, so there is room.
    let roomy = json!({
        "minimumHealthyPercent": 50, "maximumPercent": 100,
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
    });
    assert!(!is_wrong(&verify(&set(configuration, roomy))));
    let missing = Facts { service: Some(Ok(None)), ..good() };
    only_wrong(&missing, "service", "knows no service shop/cart");
}

#[test]
fn each_fault_of_a_document_is_named() {
    let set = |path: &str, value: Value| {
        let mut document = document();
        *document.pointer_mut(path).unwrap() = value;
        facts_of(service(), &document)
    };
    for (path, value, subject, says) in [
        ("/status", json!("INACTIVE"), "task definition", "cart:7 is INACTIVE"),
        ("/memory", json!("700"), "size", "512, 1024, 2048 MiB"),
        ("/memory", json!(""), "size", "wants the task's own"),
        ("/requiresCompatibilities", json!(["EC2"]), "Fargate", "does not say that it can"),
        ("/networkMode", json!("bridge"), "Fargate", "bridge"),
        ("/containerDefinitions/0/essential", json!(false), "containers", "none of them is essential"),
        (
            "/executionRoleArn",
            json!("arn:aws:iam::999999999999:role/shop-execution"),
            "accounts and limits",
            "999999999999",
        ),
        ("/containerDefinitions/0/secrets/1/valueFrom", json!("what is this"), "secret", "'what is this'"),
    ] {
        only_wrong(&set(path, value), subject, says);
    }
    let mut crowded = document();
    crowded["containerDefinitions"][0]["cpu"] = json!(512);
    only_wrong(&facts_of(service(), &crowded), "size", "want 512 CPU units");
    crowded["containerDefinitions"][0]["cpu"] = json!(0);
    crowded["containerDefinitions"][0]["stopTimeout"] = json!(300);
    only_wrong(&facts_of(service(), &crowded), "Fargate", "300 s");
    crowded["containerDefinitions"][0]["stopTimeout"] = json!(30);
    crowded["containerDefinitions"][0]["dependsOn"] =
        json!([{ "containerName": "db", "condition": "HEALTHY" }]);
    only_wrong(&facts_of(service(), &crowded), "containers", "waits for 'db'");
    let mut roleless = good();
    roleless.task_definition.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap().remove("executionRoleArn");
    only_wrong(&roleless, "execution role", "there is none");
}

#[test]
fn each_fault_of_what_a_task_needs_is_named() {
    let with = |change: &dyn Fn(&mut Facts)| {
        let mut facts = good();
        change(&mut facts);
        facts
    };
    only_wrong(&with(&|it| it.images[0].found = image::Found::Missing), "image of app", "no cart:v1");
    only_wrong(&with(&|it| it.images[0].found = image::Found::NoRepository), "image of app", "no repository");
    only_wrong(&with(&|it| it.images[0].found = there("arm64")), "image of app", "linux/arm64");
    only_wrong(&with(&|it| it.roles[1].trust = Ok(None)), "task role", "no role shop-task");
    only_wrong(
        &with(&|it| {
            it.roles[0].trust =
                Ok(Some(json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "Service": ["ec2.amazonaws.com"] } } })))
        }),
        "execution role",
        "does not trust ecs-tasks",
    );
    let deny = |it: &mut Facts| {
        let action = it.roles[0].simulated[0].need.actions[0].clone();
        it.roles[0].simulated[0].decisions.as_mut().unwrap()[0] = (action, Decision::Denied);
    };
    only_wrong(
        &with(&deny),
        "execution role",
        "may not pull from cart: it lacks ecr:BatchCheckLayerAvailability",
    );
    only_wrong(&with(&|it| it.log_groups[0].1 = Ok(false)), "log group", "/ecs/cart");
    assert!(!is_wrong(&verify(&with(&|it| {
        it.log_groups[0].0.is_created = true;
        it.log_groups[0].1 = Ok(false);
    }))));
    only_wrong(&with(&|it| it.secrets[0].1 = Ok(secrets::Found::Deleted)), "secret", "marked for deletion");
    only_wrong(&with(&|it| it.secrets[1].1 = Ok(secrets::Found::Missing)), "parameter", "no /shop/cart");
}

#[test]
fn each_fault_of_target_group_and_network_is_named() {
    let group = |change: &dyn Fn(&mut TargetGroup)| {
        let mut facts = good();
        change(facts.target_groups[0].group.as_mut().unwrap().as_mut().unwrap());
        facts
    };
    for (facts, subject, says) in [
        (group(&|it| it.target_type = "instance".into()), "target group", "instance"),
        (group(&|it| it.load_balancer_arns.clear()), "target group", "no load balancer"),
        (group(&|it| it.health_check_port = "9000".into()), "health check", "9000"),
        (group(&|it| it.health_check_path = Some("health".into())), "health check", "'health'"),
        (group(&|it| it.matcher = Some("404".into())), "health check", "no healthy app"),
        (group(&|it| it.matcher = Some("200-599".into())), "health check", "taken for healthy"),
        (group(&|it| it.deregistration_delay_seconds = Ok(Some(0))), "draining", "cut off"),
    ] {
        only_wrong(&facts, subject, says);
    }
    let mut hasty = service();
    hasty["healthCheckGracePeriodSeconds"] = json!(0);
    let mut facts = facts_of(hasty, &document());
    facts.target_groups[0].group.as_mut().unwrap().as_mut().unwrap().interval_seconds = Some(2.0);
    only_wrong(&facts, "grace period", "unhealthy after 4 s");

    let net = |change: &dyn Fn(&mut Network)| {
        let mut facts = good();
        change(facts.network.as_mut().unwrap());
        facts
    };
    let tasks = |it: &mut Network, ingress: Vec<Permission>| {
        it.security_groups.as_mut().unwrap()[0].ingress = ingress;
    };
    only_wrong(
        &net(&|it| it.subnets.as_mut().unwrap()[1].zone = "a".into()),
        "zones",
        "all its subnets are in a",
    );
    let elsewhere = || {
        vec![
            permission("sg-lb", "", Some((80, 80))),
            permission("sg-other", "10.20.0.0/24", Some((8080, 8080))),
        ]
    };
    only_wrong(&net(&|it| tasks(it, elsewhere())), "way in", "lets cart in on 8080");
    assert!(!is_wrong(&verify(&net(&|it| tasks(
        it,
        vec![permission("", "10.20.0.0/16", Some((8080, 8080)))]
    )))));
    only_wrong(&net(&|it| it.security_groups.as_mut().unwrap()[0].egress.clear()), "egress", "443");
    let private =
        |it: &mut Network| it.subnets.as_mut().unwrap().iter_mut().for_each(|it| it.way_out = Ok(None));
    only_wrong(&net(&private), "way out", "no VPC endpoint for ecr.api, ecr.dkr, logs, secretsmanager, ssm");
    let all = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm"].map(str::to_owned);
    assert!(!is_wrong(&verify(&net(&|it| {
        private(it);
        it.endpoints = Ok(all.clone().into());
    }))));
    only_wrong(
        &net(&|it| {
            private(it);
            it.endpoints = Ok(all.clone().into());
            it.subnets.as_mut().unwrap()[0].reaches_s3 = false;
        }),
        "way out",
        "s3",
    );
}

/// Everything that can be refused, refused.
#[test]
fn what_aws_does_not_say_is_unknown_with_its_words() {
    let no = || NotKnown("AccessDenied: no".to_owned());
    let mut facts = good();
    facts.images[0].found = image::Found::NotKnown(no());
    for role in &mut facts.roles {
        role.trust = Err(no());
        role.simulated.iter_mut().for_each(|it| it.decisions = Err(no()));
    }
    facts.log_groups[0].1 = Err(no());
    facts.secrets.iter_mut().for_each(|it| it.1 = Err(no()));
    facts.target_groups[0].group = Err(no());
    facts.network = Some(Network {
        subnets: Err(no()),
        security_groups: Err(no()),
        load_balancers: Err(no()),
        endpoints: Err(no()),
    });
    let findings = verify(&facts);
    assert!(!is_wrong(&findings), "{findings:#?}");
    let unknown = subjects(&findings, Verdict::Unknown);
    for subject in [
        "image of app",
        "execution role",
        "task role",
        "log group",
        "secret",
        "parameter",
        "target group",
        "zones",
        "way in",
        "egress",
        "way out",
    ] {
        assert!(unknown.contains(&subject), "{subject}: {unknown:?}");
        let ok = subjects(&findings, Verdict::Ok);
        assert!(!ok.contains(&subject), "{subject} is taken for well");
    }
    assert!(
        findings
            .iter()
            .filter(|it| it.verdict == Verdict::Unknown)
            .all(|it| it.why.contains("AccessDenied: no"))
    );
    for (service, definition) in [(Err(no()), None), (Ok(Some(service())), Some(Err(no())))] {
        let facts = Facts { service: Some(service), task_definition: definition, ..good() };
        let findings = verify(&facts);
        assert!(!is_wrong(&findings) && !subjects(&findings, Verdict::Unknown).is_empty(), "{findings:#?}");
    }
    let mut depends = good();
    let action = depends.roles[0].simulated[0].need.actions[0].clone();
    depends.roles[0].simulated[0].decisions.as_mut().unwrap()[0] = (action, Decision::Depends);
    assert_eq!(subjects(&verify(&depends), Verdict::Unknown), ["execution role"]);
}

#[test]
fn references_are_read_as_ecs_reads_them() {
    use secrets::{Reference, reference};
    let secret = |key: Option<&str>, stage: Option<&str>, version: Option<&str>| Reference::Secret {
        arn: SECRET.to_owned(),
        key: key.map(str::to_owned),
        stage: stage.map(str::to_owned),
        version: version.map(str::to_owned),
    };
    let parameter = |name: &str, region: Option<&str>| Reference::Parameter {
        name: name.to_owned(),
        region: region.map(str::to_owned),
    };
    for (text, expected) in [
        (SECRET.to_owned(), secret(None, None, None)),
        (format!("{SECRET}:password::"), secret(Some("password"), None, None)),
        (format!("{SECRET}::AWSPREVIOUS:"), secret(None, Some("AWSPREVIOUS"), None)),
        (format!("{SECRET}:::9d4cb84b"), secret(None, None, Some("9d4cb84b"))),
        ("cart".to_owned(), parameter("cart", None)),
        ("/shop/cart".to_owned(), parameter("/shop/cart", None)),
        (
            "arn:aws:ssm:eu-central-1:1:parameter/shop/cart".to_owned(),
            parameter("/shop/cart", Some("eu-central-1")),
        ),
        ("arn:aws:ssm:eu-central-1:1:parameter/cart".to_owned(), parameter("cart", Some("eu-central-1"))),
    ] {
        assert_eq!(reference(&text), expected, "{text}");
    }
    for nothing in [
        "",
        "a b",
        "arn:aws:s3:::bucket/key",
        "arn:aws:secretsmanager:r:1:secret:",
        "arn:aws:ssm:r:1:parameter/",
    ] {
        assert!(matches!(reference(nothing), Reference::Nothing { .. }), "{nothing}");
    }
    let versions = [("v1".to_owned(), vec!["AWSCURRENT".to_owned()])];
    let there = Ok(secrets::Found::There { versions: versions.into() });
    for (reference, verdict) in [
        (secret(None, Some("AWSCURRENT"), None), Verdict::Ok),
        (secret(None, Some("AWSPREVIOUS"), None), Verdict::Wrong),
        (secret(None, None, Some("v2")), Verdict::Wrong),
        (secret(Some("key"), None, Some("v1")), Verdict::Ok),
    ] {
        assert_eq!(secrets::check(&reference, &there).verdict, verdict, "{reference:?}");
    }
}

fn own(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_wish_becomes_tags_or_a_reason() {
    let wish = |tracks: &[&str], capacity: Option<&str>| Wish {
        tracks: tracks.iter().map(|it| (*it).to_owned()).collect(),
        capacity: capacity.map(str::to_owned),
        ..Wish::default()
    };
    let expected = own(&[
        ("pushboat:track", "cart:live"),
        ("pushboat:track:side", "proxy:semver/1"),
        ("pushboat:capacity", "2-10"),
    ]);
    assert_eq!(tags(&wish(&["cart:live", "side=proxy:semver/1"], Some("2-10"))), Ok(expected));
    for (wish, says) in [
        (wish(&["cart"], None), "not <repository>:<rule>"),
        (wish(&["=cart:live"], None), "names no container"),
        (wish(&["cart:live", "shop:live"], None), "pushboat:track is named twice"),
        (wish(&["cart:live"], Some("10-2")), "minimum is above the maximum"),
        (Wish { load: Some("cpu/60".into()), ..wish(&["cart:live"], None) }, "no pushboat:capacity"),
        (
            Wish { max_severity: Some("bad".into()), ..wish(&["cart:live"], None) },
            "pushboat:max-severity is 'bad'",
        ),
        (Wish { overlap: Some("later".into()), ..wish(&["cart:live"], None) }, "pushboat:overlap is 'later'"),
        (wish(&["a(b)=cart:live"], None), "AWS takes no tag"),
    ] {
        let refused = tags(&wish).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn only_what_is_other_is_written_and_lessons_stay() {
    let rejected = format!("pushboat:rejected:{}", "ab".repeat(32));
    let present = own(&[
        ("Name", "cart"),
        ("pushboat:track", "cart:live"),
        (&rejected, "failed"),
        ("pushboat:hold", "- ann x"),
    ]);
    let wanted = own(&[("pushboat:track", "cart:main"), ("pushboat:capacity", "2-4")]);
    let written: Vec<String> = changes(&present, &wanted)
        .unwrap()
        .iter()
        .map(|it| format!("{} {:?}", it.tag, it.from.as_deref()))
        .collect();
    assert_eq!(written, ["pushboat:capacity None", "pushboat:track Some(\"cart:live\")"]);
    assert_eq!(changes(&present, &own(&[("pushboat:track", "cart:live")])), Ok(vec![]));
    let unreadable = own(&[("pushboat:load", "much")]);
    assert!(changes(&unreadable, &wanted).is_err(), "what stays could not be read any more");
    let keys = |all: bool| -> Vec<String> { removals(&present, all).into_iter().map(|it| it.tag).collect() };
    assert_eq!(keys(false), ["pushboat:hold", "pushboat:track"]);
    assert_eq!(keys(true), ["pushboat:hold", rejected.as_str(), "pushboat:track"]);
}

#[test]
fn what_is_followed_is_one_container() {
    let check =
        |tags: &[(&str, &str)]| handover::check(&own(tags), document().as_object().unwrap()).remove(0);
    assert_eq!(check(&[("pushboat:track", "cart:live")]).verdict, Verdict::Ok);
    assert_eq!(check(&[("pushboat:track:app", "other:live")]).verdict, Verdict::Ok);
    let wrong = check(&[("pushboat:track", "other:live")]);
    assert_eq!(wrong.what_to_do.as_deref(), Some("say which it is: --track app=other:live"));
    assert_eq!(check(&[("pushboat:track:web", "cart:live")]).verdict, Verdict::Wrong);
}

/// Some JSON that ECS would never say.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9:/.@-]{0,12}".prop_map(Value::from),
        Just(json!("FARGATE")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                prop::sample::select(vec![
                    "containerDefinitions",
                    "name",
                    "image",
                    "portMappings",
                    "containerPort",
                    "logConfiguration",
                    "options",
                    "secrets",
                    "valueFrom",
                    "cpu",
                    "memory",
                    "loadBalancers",
                    "desiredCount",
                    "deploymentConfiguration",
                    "maximumPercent",
                    "minimumHealthyPercent",
                    "networkConfiguration",
                    "awsvpcConfiguration",
                    "subnets",
                    "executionRoleArn",
                    "requiresCompatibilities",
                    "launchType",
                    "status",
                    "stopTimeout",
                ])
                .prop_map(str::to_owned),
                inner,
                0..8
            )
            .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_ecs_says_is_a_list_of_findings(service in any_json(), document in any_json()) {
        let document = document.as_object().cloned().unwrap_or_default();
        let facts = Facts { service: Some(Ok(Some(service))), task_definition: Some(Ok(Some(document.clone()))), ..good() };
        prop_assert!(!verify(&facts).is_empty());
        let needs = roles::needs(&document, "eu-central-1");
        prop_assert!(needs.iter().all(|it| !it.actions.is_empty() && !it.resource.is_empty()));
    }

    #[test]
    fn what_is_written_can_be_read(
        tracks in prop::collection::vec("[a-z=:/.*]{0,12}", 0..3),
        capacity in prop::option::of("[0-9-]{0,5}"),
        load in prop::option::of("(cpu|memory|requests)/[0-9]{1,3}"),
    ) {
        if let Ok(tags) = tags(&Wish { tracks, capacity, load, ..Wish::default() }) {
            prop_assert!(crate::policy::tracks(&tags).is_ok() && crate::capacity::policy::Policy::of(&tags).is_ok());
            prop_assert!(tags.keys().all(|key| key.starts_with("pushboat:")));
            let undone = removals(&tags, false);
            prop_assert_eq!(undone.len(), tags.len(), "all of it can be taken back");
        }
    }
}
