//! A service on which everything is well, and what becomes of the list when one thing is not.

mod handover;
mod network;
mod service;
mod unknown;

use std::collections::BTreeSet;

use serde_json::json;

use super::balancer::{Matcher, TargetGroup};
use super::network::{LoadBalancer, Network, Permission, SecurityGroup, Subnet};
use super::permissions::{Decision, Simulated};
use super::*;
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
        matcher: Some(Matcher::Http("200-299".to_owned())),
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
    let role = |member: &'static str, name: &str, simulated: Vec<Simulated>| roles::Role {
        member,
        name: name.to_owned(),
        trust: Ok(Some(trust())),
        simulated,
    };
    let versions = [("1".to_owned(), vec!["AWSCURRENT".to_owned()])];
    let found = secrets::Found::There { arn: Some(SECRET.to_owned()), versions: versions.into() };
    let secrets: Vec<_> = secrets::named(&members).into_iter().map(|it| (it, Ok(found.clone()))).collect();
    let needs = roles::needs(&members, "eu-central-1", &secrets);
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
        secrets,
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
