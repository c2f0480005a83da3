//! ELBv2 over the wire.

use serde_json::json;

use super::Place;
use super::client::Answer;
use crate::world::elb::{HealthCheck, ProbeFailure};
use crate::world::{Effect, Report};

#[tokio::test]
async fn load_balancers_are_listed_in_pages_and_missed_by_name() {
    let place = Place::start().await;
    let check = HealthCheck::default;
    place.wire.hub.with(|world| {
        for name in ["one", "two"] {
            world.create_load_balancer_with_listener(name, "127.0.0.1:8080", 80, check(), 5).unwrap();
        }
        for balancer in &mut world.elb.load_balancers {
            balancer.created_at = "2026-11-21T08:00:00Z".parse().unwrap();
            balancer.dns_name = "two&<".into();
        }
    });
    let first = place.elb("Action=DescribeLoadBalancers&PageSize=1").await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.element("LoadBalancerName"), "one");
    assert_eq!(first.element("CreatedTime"), "2026-11-21T08:00:00.000Z");
    let marker = first.element("NextMarker");
    let second = place.elb(&format!("Action=DescribeLoadBalancers&PageSize=1&Marker={marker}")).await;
    assert_eq!((second.element("LoadBalancerName"), second.element("DNSName")), ("two", "two&amp;&lt;"));
    assert_eq!(second.element("NextMarker"), "");

    let missing = place.elb("Action=DescribeLoadBalancers&Names.member.1=three").await;
    assert_eq!((missing.status, missing.element("Code")), (400, "LoadBalancerNotFound"));
    let health = place.elb("Action=DescribeTargetHealth&TargetGroupArn=x").await;
    assert_eq!(health.element("Code"), "TargetGroupNotFound");

    let request = format!("Action=DescribeListeners&LoadBalancerArn={}", first.element("LoadBalancerArn"));
    let listeners = place.elb(&request).await;
    let arn = listeners.element("ListenerArn");
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
        .with(|world| world.create_load_balancer_with_listener("game", "127.0.0.1:8080", 8080, check, 60))
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

/// A form of ELBv2 that must be granted.
async fn granted(place: &Place, form: &str) -> Answer {
    let answer = place.elb(form).await;
    assert_eq!(answer.status, 200, "{form}: {}", answer.text);
    answer
}

const BALANCER: &str =
    "Action=CreateLoadBalancer&Name=lab&Subnets.member.1=subnet-1&Subnets.member.2=subnet-2";
const GROUP: &str = "Action=CreateTargetGroup&Name=lab&Protocol=HTTP&Port=8080&TargetType=ip&VpcId=vpc-1";

fn listener(balancer: &str, group: &str) -> String {
    format!(
        "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80\
         &DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={group}"
    )
}

#[tokio::test]
async fn a_load_balancer_is_made_as_on_aws_and_taken_apart() {
    let place = Place::start().await;
    let balancer = granted(&place, &format!("{BALANCER}&Tags.member.1.Key=a&Tags.member.1.Value=b")).await;
    let (arn, address) = (balancer.element("LoadBalancerArn"), balancer.element("DNSName"));
    assert_eq!(balancer.element("SubnetId"), "subnet-1");
    assert_eq!(balancer.element("Code"), "active");
    let kept = place.wire.addresses.address_of(arn).unwrap();
    assert_eq!(kept.to_string(), address);
    let again = granted(&place, BALANCER).await;
    assert_eq!((again.element("LoadBalancerArn"), again.element("DNSName")), (arn, address));
    assert_eq!(
        place.wire.addresses.address_of(arn),
        Some(kept),
        "the first port, not that of the second call"
    );
    let tags = granted(&place, &format!("Action=DescribeTags&ResourceArns.member.1={arn}")).await;
    assert_eq!((tags.element("Key"), tags.element("Value")), ("a", "b"));

    let made = granted(&place, GROUP).await;
    for (name, expected) in [
        ("HealthCheckPath", "/"),
        ("HealthCheckIntervalSeconds", "30"),
        ("HealthCheckTimeoutSeconds", "5"),
        ("HealthyThresholdCount", "5"),
        ("UnhealthyThresholdCount", "2"),
        ("HttpCode", "200"),
        ("HealthCheckPort", "traffic-port"),
        ("VpcId", "vpc-1"),
        ("LoadBalancerArns", ""),
    ] {
        assert_eq!(made.element(name), expected, "{name}");
    }
    let group = made.element("TargetGroupArn");
    let modified = format!("Action=ModifyTargetGroup&TargetGroupArn={group}&HealthCheckPath=/health");
    assert_eq!(granted(&place, &modified).await.element("HealthCheckPath"), "/health");

    let listened = granted(&place, &listener(arn, group)).await;
    assert_eq!((listened.element("Port"), listened.element("LoadBalancerArn")), ("80", arn));
    let in_use = place.elb(&format!("Action=DeleteTargetGroup&TargetGroupArn={group}")).await;
    assert_eq!(in_use.element("Code"), "ResourceInUse");
    let shown = granted(&place, "Action=DescribeTargetGroups").await;
    assert!(shown.element("LoadBalancerArns").contains(arn));

    granted(&place, &format!("Action=DeleteListener&ListenerArn={}", listened.element("ListenerArn"))).await;
    granted(&place, &format!("Action=DeleteLoadBalancer&LoadBalancerArn={arn}")).await;
    granted(&place, &format!("Action=DeleteTargetGroup&TargetGroupArn={group}")).await;
    let gone = place.elb("Action=DescribeLoadBalancers&Names.member.1=lab").await;
    assert_eq!(gone.element("Code"), "LoadBalancerNotFound");
}

#[tokio::test]
async fn what_elb_refuses_and_what_is_not_built_is_refused() {
    let place = Place::start().await;
    let arn = granted(&place, BALANCER).await.element("LoadBalancerArn").to_owned();
    let group = granted(&place, GROUP).await.element("TargetGroupArn").to_owned();
    let listener = listener(&arn, &group);
    let unknown = format!("{group}0");
    for (form, code) in [
        ("Action=CreateLoadBalancer&Name=x".to_owned(), "ValidationError"),
        (format!("{BALANCER}&Scheme=internal"), "DuplicateLoadBalancerName"),
        (format!("{BALANCER}&Type=network"), "ValidationError"),
        (format!("{BALANCER}&SubnetMappings.member.1.SubnetId=subnet-1"), "ValidationError"),
        (format!("{BALANCER}&Tags.member.1.Key=a&Tags.member.2.Key=a"), "DuplicateTagKeys"),
        (format!("{GROUP}&HealthCheckPath=/other"), "DuplicateTargetGroupName"),
        (GROUP.replace("TargetType=ip", "TargetType=instance"), "ValidationError"),
        (GROUP.replace("&VpcId=vpc-1", ""), "ValidationError"),
        (GROUP.replace("Port=8080", "Port=70000"), "ValidationError"),
        (GROUP.replace("Protocol=HTTP", "Protocol=HTTPS"), "ValidationError"),
        (listener.replace(&arn, "none"), "LoadBalancerNotFound"),
        (listener.replace(&group, &unknown), "TargetGroupNotFound"),
        (listener.replace("Protocol=HTTP", "Protocol=HTTPS"), "UnsupportedProtocol"),
        (listener.replace("=forward", "=redirect"), "InvalidLoadBalancerAction"),
        (format!("{listener}&DefaultActions.member.2.Type=forward"), "InvalidLoadBalancerAction"),
        (
            format!(
                "{listener}&DefaultActions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn=x"
            ),
            "InvalidLoadBalancerAction",
        ),
        ("Action=DeleteListener&ListenerArn=none".to_owned(), "ListenerNotFound"),
        ("Action=CreateRule".to_owned(), "InvalidAction"),
    ] {
        let answer = place.elb(&form).await;
        assert_eq!((answer.status, answer.element("Code")), (400, code), "{form}: {}", answer.text);
    }
}

#[tokio::test]
async fn attributes_that_are_acted_on_can_be_changed() {
    let place = Place::start().await;
    let arn = granted(&place, BALANCER).await.element("LoadBalancerArn").to_owned();
    let group = granted(&place, GROUP).await.element("TargetGroupArn").to_owned();
    let of_group = |key: &str, value: &str| {
        format!(
            "Action=ModifyTargetGroupAttributes&TargetGroupArn={group}\
             &Attributes.member.1.Key={key}&Attributes.member.1.Value={value}"
        )
    };
    let of_balancer = |key: &str, value: &str| {
        format!(
            "Action=ModifyLoadBalancerAttributes&LoadBalancerArn={arn}\
             &Attributes.member.1.Key={key}&Attributes.member.1.Value={value}"
        )
    };
    let delay = granted(&place, &of_group("deregistration_delay.timeout_seconds", "7")).await;
    assert_eq!(delay.element("Value"), "7");
    granted(&place, &of_group("stickiness.enabled", "false")).await;
    granted(&place, &of_balancer("deletion_protection.enabled", "true")).await;
    let delete = format!("Action=DeleteLoadBalancer&LoadBalancerArn={arn}");
    assert_eq!(place.elb(&delete).await.element("Code"), "OperationNotPermitted");
    for refused in [
        of_group("deregistration_delay.timeout_seconds", "3601"),
        of_group("stickiness.enabled", "true"),
        of_group("nothing", "1"),
        of_balancer("deletion_protection.enabled", "yes"),
        of_balancer("idle_timeout.timeout_seconds", "61"),
        format!("Action=ModifyLoadBalancerAttributes&LoadBalancerArn={arn}"),
    ] {
        assert_eq!(place.elb(&refused).await.element("Code"), "ValidationError", "{refused}");
    }
    granted(&place, &of_balancer("deletion_protection.enabled", "false")).await;
    granted(&place, &delete).await;
}

#[tokio::test]
async fn a_target_group_without_a_listener_is_unused() {
    let mut place = Place::start().await;
    let group = with_target(&mut place).await;
    let balancer = granted(&place, "Action=DescribeLoadBalancers").await;
    let listeners =
        format!("Action=DescribeListeners&LoadBalancerArn={}", balancer.element("LoadBalancerArn"));
    let listener = granted(&place, &listeners).await.element("ListenerArn").to_owned();
    granted(&place, &format!("Action=DeleteListener&ListenerArn={listener}")).await;
    let health = granted(&place, &format!("Action=DescribeTargetHealth&TargetGroupArn={group}")).await;
    assert_eq!((health.element("State"), health.element("Reason")), ("unused", "Target.NotInUse"));
}
