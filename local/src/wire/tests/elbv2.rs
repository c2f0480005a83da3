//! ELBv2 over the wire.

use serde_json::json;

use super::Place;
use crate::world::elb::{HealthCheck, Listener, LoadBalancer, ProbeFailure};
use crate::world::{Effect, Report};

#[tokio::test]
async fn load_balancers_are_listed_in_pages_and_missed_by_name() {
    let place = Place::start().await;
    place.wire.hub.with(|world| {
        for name in ["one", "two&<"] {
            world.elb.load_balancers.push(LoadBalancer {
                arn: format!(
                    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/{name}/1"
                ),
                name: name.into(),
                dns_name: "127.0.0.1:8080".into(),
                zones: vec!["eu-central-1a".into()],
                created_at: "2026-11-21T08:00:00Z".parse().unwrap(),
                listeners: vec![Listener {
                    arn: format!(
                        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/{name}/1/2"
                    ),
                    port: 80,
                    target_group_arn: "tg".into(),
                }],
            });
        }
    });
    let first = place.elb("Action=DescribeLoadBalancers&PageSize=1").await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.element("LoadBalancerName"), "one");
    assert_eq!(first.element("CreatedTime"), "2026-11-21T08:00:00.000Z");
    let marker = first.element("NextMarker");
    let second = place.elb(&format!("Action=DescribeLoadBalancers&PageSize=1&Marker={marker}")).await;
    assert_eq!(second.element("LoadBalancerName"), "two&amp;&lt;");
    assert_eq!(second.element("NextMarker"), "");

    let missing = place.elb("Action=DescribeLoadBalancers&Names.member.1=three").await;
    assert_eq!((missing.status, missing.element("Code")), (400, "LoadBalancerNotFound"));
    let health = place.elb("Action=DescribeTargetHealth&TargetGroupArn=x").await;
    assert_eq!(health.element("Code"), "TargetGroupNotFound");

    let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/one/1/2";
    let rules = place.elb(&format!("Action=DescribeRules&ListenerArn={arn}")).await;
    assert_eq!((rules.element("IsDefault"), rules.element("Priority")), ("true", "default"));
    let rule = rules.element("RuleArn");
    let same = place.elb(&format!("Action=DescribeRules&RuleArns.member.1={rule}")).await;
    assert_eq!(same.element("RuleArn"), rule);
    let tags = place.elb(&format!("Action=DescribeTags&ResourceArns.member.1={arn}")).await;
    assert_eq!(tags.element("ResourceArn"), arn);
}

/// A service of one task behind a target group, and that group's ARN.
async fn with_target(place: &mut Place) -> String {
    let check = HealthCheck {
        path: "/health".into(),
        interval_seconds: 0.5,
        timeout_seconds: 0.25,
        healthy_threshold: 1,
        unhealthy_threshold: 1,
        matcher: (200, 200),
    };
    let (_, group) = place
        .wire
        .hub
        .with(|world| world.create_load_balancer("game", "127.0.0.1:8080", 8080, check, 60))
        .unwrap();
    place.ecs("CreateCluster", &json!({})).await.granted();
    let container = json!({"name": "game", "image": "game", "portMappings": [{"containerPort": 8080}]});
    let document = json!({"family": "game", "containerDefinitions": [container]});
    place.ecs("RegisterTaskDefinition", &document).await.granted();
    let service = json!({
        "serviceName": "game",
        "taskDefinition": "game",
        "desiredCount": 1,
        "healthCheckGracePeriodSeconds": 600,
        "loadBalancers": [{"targetGroupArn": group, "containerName": "game", "containerPort": 8080}],
    });
    place.ecs("CreateService", &service).await.granted();
    let started = place.effects_until(1, |effect| matches!(effect, Effect::StartTask(_))).await;
    let [Effect::StartTask(task)] = &started[..] else {
        panic!("{started:?}");
    };
    place.wire.hub.report(Report::ContainerStarted {
        task_arn: task.task_arn.clone(),
        container: "game".into(),
        host_port: Some(40_000),
        digest: "sha256:0".into(),
    });
    group
}

#[tokio::test]
async fn target_health_is_told_in_the_words_of_elb() {
    let mut place = Place::start().await;
    let group = with_target(&mut place).await;
    let request = format!("Action=DescribeTargetHealth&TargetGroupArn={group}");
    let probes = [
        None,
        Some(Err(ProbeFailure::Timeout)),
        Some(Err(ProbeFailure::ResponseCodeMismatch(503))),
        Some(Err(ProbeFailure::FailedHealthChecks)),
        Some(Ok(())),
    ];
    let mut seen = Vec::new();
    for outcome in probes {
        if let Some(outcome) = outcome {
            place.wire.hub.report(Report::TargetProbed {
                target_group_arn: group.clone(),
                id: "127.0.0.1".into(),
                port: 40_000,
                outcome,
            });
        }
        let answer = place.elb(&request).await;
        let words = ["State", "Reason", "Description"].map(|name| answer.element(name).to_owned());
        assert_eq!(answer.element("Port"), "40000");
        seen.push(words.join("|"));
    }
    place.ecs("UpdateService", &json!({"service": "game", "desiredCount": 0})).await.granted();
    let draining = place.elb(&request).await;
    seen.push(["State", "Reason"].map(|name| draining.element(name)).join("|"));
    assert_eq!(
        seen,
        [
            "initial|Elb.RegistrationInProgress|Target registration is in progress",
            "unhealthy|Target.Timeout|Request timed out",
            "unhealthy|Target.ResponseCodeMismatch|Health checks failed with these codes: [503]",
            "unhealthy|Target.FailedHealthChecks|Health checks failed",
            "healthy||",
            "draining|Target.DeregistrationInProgress",
        ]
    );
    let other = place.elb(&format!("{request}&Targets.member.1.Id=10.0.0.1&Targets.member.1.Port=1")).await;
    assert_eq!((other.element("State"), other.element("Reason")), ("unused", "Target.NotRegistered"));
}

#[tokio::test]
async fn a_target_group_is_shown_with_its_checks_and_attributes() {
    let mut place = Place::start().await;
    let group = with_target(&mut place).await;
    let shown = place.elb("Action=DescribeTargetGroups&Names.member.1=game").await;
    for (name, expected) in [
        ("TargetGroupArn", group.as_str()),
        ("HealthCheckIntervalSeconds", "1"),
        ("HealthCheckTimeoutSeconds", "1"),
        ("HttpCode", "200"),
        ("TargetType", "ip"),
    ] {
        assert_eq!(shown.element(name), expected, "{name}");
    }
    let attributes = place.elb(&format!("Action=DescribeTargetGroupAttributes&TargetGroupArn={group}")).await;
    assert_eq!(attributes.element("Key"), "deregistration_delay.timeout_seconds");
    assert_eq!(attributes.element("Value"), "60");
    let missing = place.elb("Action=DescribeTargetGroups&Names.member.1=other").await;
    assert_eq!(missing.element("Code"), "TargetGroupNotFound");
}
