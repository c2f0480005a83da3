use jiff::SignedDuration;

use super::*;
use crate::world::{Effect, Settings};

fn world() -> (World, String) {
    let start: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    let mut world = World::new(Settings::default(), start);
    let health_check = HealthCheck {
        path: "/health".into(),
        interval_seconds: 0.5,
        timeout_seconds: 0.5,
        healthy_threshold: 3,
        unhealthy_threshold: 2,
        matcher: (200, 299),
    };
    let (_, group) =
        world.create_load_balancer_with_listener("game", "localhost:8080", 8080, health_check, 30).unwrap();
    world.elb.register(&group, "127.0.0.1", 9000, "eu-central-1a");
    (world, group)
}

fn state(world: &World, group: &str) -> Option<TargetState> {
    world.elb.target(group, "127.0.0.1", 9000).map(|it| it.state)
}

/// `+` is a pass, `-` a failure.
fn probe(world: &mut World, group: &str, outcomes: &str) {
    for outcome in outcomes.chars() {
        let outcome = match outcome {
            '+' => Ok(()),
            _ => Err(ProbeFailure::ResponseCodeMismatch(503)),
        };
        world.target_probed(group, "127.0.0.1", 9000, outcome);
    }
}

#[test]
fn thresholds_decide_what_a_target_is() {
    for (outcomes, expected) in [
        ("", TargetState::Initial),
        ("+", TargetState::Healthy),
        ("-", TargetState::Initial),
        ("-+", TargetState::Healthy),
        ("--", TargetState::Unhealthy),
        ("+-+-+-", TargetState::Healthy),
        ("+--", TargetState::Unhealthy),
        ("--++", TargetState::Unhealthy),
        ("--++-++", TargetState::Unhealthy),
        ("--+++", TargetState::Healthy),
    ] {
        let (mut world, group) = world();
        probe(&mut world, &group, outcomes);
        assert_eq!(state(&world, &group), Some(expected), "{outcomes}");
        let failure = world.elb.target(&group, "127.0.0.1", 9000).unwrap().failure.clone();
        assert_eq!(failure.is_some(), expected == TargetState::Unhealthy, "{outcomes}");
    }
}

#[test]
fn draining_ends_with_its_delay_or_its_last_request() {
    let (mut world, group) = world();
    probe(&mut world, &group, "+");
    let until = world.now() + SignedDuration::from_secs(30);
    world.elb.deregister(&group, "127.0.0.1", 9000, world.now());
    assert_eq!(state(&world, &group), Some(TargetState::Draining { until }));
    probe(&mut world, &group, "--+");
    assert_eq!(state(&world, &group), Some(TargetState::Draining { until }));
    assert_eq!(world.next_wake(), Some(until));
    world.advance(until - SignedDuration::from_millis(1));
    assert!(state(&world, &group).is_some());
    world.advance(until);
    assert_eq!(state(&world, &group), None);

    world.elb.register(&group, "127.0.0.1", 9000, "eu-central-1a");
    world.target_idle(&group, "127.0.0.1", 9000);
    assert_eq!(state(&world, &group), Some(TargetState::Initial), "idle but not leaving");
    world.elb.deregister(&group, "127.0.0.1", 9000, world.now());
    world.elb.register(&group, "127.0.0.1", 9000, "eu-central-1b");
    assert_eq!(state(&world, &group), Some(TargetState::Initial), "taken back");
    world.elb.deregister(&group, "127.0.0.1", 9000, world.now());
    world.target_idle(&group, "127.0.0.1", 9000);
    assert_eq!(state(&world, &group), None);
}

#[test]
fn requests_go_to_healthy_targets_or_if_all_are_unhealthy_to_all() {
    let (mut world, group) = world();
    world.elb.register(&group, "127.0.0.1", 9001, "eu-central-1b");
    let ports = |world: &World| -> Vec<u16> {
        let group = world.find_target_group("game").unwrap();
        group.routable().iter().map(|it| it.port).collect()
    };
    assert!(ports(&world).is_empty(), "nobody is known yet");
    probe(&mut world, &group, "--");
    assert_eq!(ports(&world), [9000]);
    world.target_probed(&group, "127.0.0.1", 9001, Ok(()));
    assert_eq!(ports(&world), [9001]);
    world.elb.deregister(&group, "127.0.0.1", 9001, world.now());
    assert_eq!(ports(&world), [9000], "draining gets nothing new");
}

#[test]
fn names_and_arns() {
    let (mut world, group) = world();
    let balancer = world.find_load_balancer("game").unwrap().clone();
    let id = balancer
        .arn
        .strip_prefix("arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/game/");
    let id = id.unwrap().to_owned();
    assert_eq!(id.len(), 16);
    assert!(balancer.listeners[0].arn.contains(&format!(":listener/app/game/{id}/")));
    assert!(group.starts_with("arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/game/"));
    assert_eq!(world.find_load_balancer(&balancer.arn).unwrap().zones.len(), 2);
    assert_eq!(world.elb.load_balancer_of(&group).unwrap().arn, balancer.arn);
    assert_eq!(world.find_target_group("none").unwrap_err().code, "TargetGroupNotFound");
    assert_eq!(world.find_load_balancer("none").unwrap_err().code, "LoadBalancerNotFound");
    assert_eq!(world.find_listener("none").unwrap_err().code, "ListenerNotFound");
    let long = "x".repeat(33);
    for name in ["-x", "x-", "", "a_b", "internal-x", long.as_str()] {
        let request = CreateLoadBalancer { name: name.into(), ..CreateLoadBalancer::default() };
        assert_eq!(world.create_load_balancer(request).unwrap_err().code, "ValidationError", "{name}");
    }
}

fn lab(subnets: &[&str]) -> CreateLoadBalancer {
    CreateLoadBalancer {
        name: "lab".into(),
        dns_name: "127.0.0.1:1".into(),
        subnets: subnets.iter().map(|it| (*it).to_owned()).collect(),
        ..CreateLoadBalancer::default()
    }
}

fn lab_group() -> CreateTargetGroup {
    CreateTargetGroup { name: "lab".into(), port: 80, ..CreateTargetGroup::default() }
}

fn listener_changes(world: &mut World) -> Vec<ListenerChange> {
    let changes = world.take_effects().into_iter().map(|it| match it {
        Effect::Listener(change) => change,
        other => panic!("{other:?}"),
    });
    changes.collect()
}

#[test]
fn a_load_balancer_is_in_two_zones_and_is_made_once() {
    let (mut world, _) = world();
    for (subnets, code) in [
        (&["subnet-1"][..], "ValidationError"),
        (&["subnet-1", "subnet-1"], "ValidationError"),
        (&["subnet-1", "subnet-2", "subnet-3"], "InvalidConfigurationRequest"),
        (&["subnet-1", "subnet-2", "subnet-1"], "InvalidConfigurationRequest"),
        (&["subnet-1", "vpc-1"], "SubnetNotFound"),
    ] {
        assert_eq!(world.create_load_balancer(lab(subnets)).unwrap_err().code, code, "{subnets:?}");
    }
    let made = world.create_load_balancer(lab(&["subnet-1", "subnet-2"])).unwrap();
    let places: Vec<_> = made.zones.iter().map(|it| (it.name.as_str(), it.subnet_id.as_deref())).collect();
    assert_eq!(places, [("eu-central-1a", Some("subnet-1")), ("eu-central-1b", Some("subnet-2"))]);
    let again = CreateLoadBalancer { dns_name: "127.0.0.1:2".into(), ..lab(&["subnet-1", "subnet-2"]) };
    assert_eq!(world.create_load_balancer(again).unwrap(), made, "with the address it has");
    for other in [
        CreateLoadBalancer { scheme: Some("internal".into()), ..lab(&["subnet-1", "subnet-2"]) },
        CreateLoadBalancer { security_groups: vec!["sg-1".into()], ..lab(&["subnet-1", "subnet-2"]) },
        lab(&["subnet-2", "subnet-1"]),
    ] {
        let refused = world.create_load_balancer(other).unwrap_err();
        assert_eq!(refused.code, "DuplicateLoadBalancerName");
    }
    let odd = CreateLoadBalancer { scheme: Some("public".into()), ..lab(&["subnet-1", "subnet-2"]) };
    assert_eq!(world.create_load_balancer(odd).unwrap_err().code, "InvalidScheme");
}

#[test]
fn a_listener_leads_to_one_target_group_and_a_target_group_has_one() {
    let (mut world, game) = world();
    let balancer = world.create_load_balancer(lab(&[])).unwrap().arn;
    let group = world.create_target_group(lab_group()).unwrap().arn;
    assert_eq!(world.create_target_group(lab_group()).unwrap().arn, group);
    let other = CreateTargetGroup { port: 81, ..lab_group() };
    assert_eq!(world.create_target_group(other).unwrap_err().code, "DuplicateTargetGroupName");
    world.take_effects();
    let request = |balancer: &str, port, group: &str| CreateListener {
        load_balancer_arn: balancer.into(),
        port,
        target_group_arn: group.into(),
        tags: Tags::new(),
    };
    for (wrong, code) in [
        (request("none", 80, &group), "LoadBalancerNotFound"),
        (request(&balancer, 80, "none"), "TargetGroupNotFound"),
        (request(&balancer, 0, &group), "ValidationError"),
        (request(&balancer, 80, &game), "TargetGroupAssociationLimit"),
    ] {
        assert_eq!(world.create_listener(wrong).unwrap_err().code, code);
    }
    assert_eq!(listener_changes(&mut world), [], "nothing was begun");
    let (_, made) = world.create_listener(request(&balancer, 80, &group)).unwrap();
    assert_eq!(world.create_listener(request(&balancer, 80, &group)).unwrap().1, made);
    assert_eq!(world.create_listener(request(&balancer, 80, &game)).unwrap_err().code, "DuplicateListener");
    assert_eq!(world.create_listener(request(&balancer, 81, &group)).unwrap_err().code, "TooManyListeners");
    assert_eq!(
        listener_changes(&mut world),
        [ListenerChange::Start {
            listener_arn: made.arn.clone(),
            load_balancer_arn: balancer,
            target_group_arn: group
        }]
    );
}

#[test]
fn what_is_in_use_or_protected_stays() {
    let (mut world, group) = world();
    let balancer = world.find_load_balancer("game").unwrap().clone();
    world.take_effects();
    assert_eq!(world.delete_target_group(&group).unwrap_err().code, "ResourceInUse");
    world.protect_load_balancer(&balancer.arn, true).unwrap();
    assert_eq!(world.delete_load_balancer(&balancer.arn).unwrap_err().code, "OperationNotPermitted");
    world.protect_load_balancer(&balancer.arn, false).unwrap();
    assert_eq!(listener_changes(&mut world), []);
    world.delete_load_balancer(&balancer.arn).unwrap();
    world.delete_load_balancer(&balancer.arn).unwrap();
    assert_eq!(
        listener_changes(&mut world),
        [
            ListenerChange::Stop { listener_arn: balancer.listeners[0].arn.clone() },
            ListenerChange::Release { load_balancer_arn: balancer.arn },
        ]
    );
    world.delete_target_group(&group).unwrap();
    world.delete_target_group(&group).unwrap();
    assert!(world.elb.load_balancers.is_empty() && world.elb.target_groups.is_empty());
}

#[test]
fn without_a_listener_nobody_checks_and_nobody_drains() {
    let (mut world, group) = world();
    world.elb.register(&group, "127.0.0.1", 9001, "eu-central-1b");
    probe(&mut world, &group, "+");
    world.elb.deregister(&group, "127.0.0.1", 9001, world.now());
    let listener = world.find_load_balancer("game").unwrap().listeners[0].arn.clone();
    world.delete_listener(&listener).unwrap();
    assert_eq!(world.delete_listener(&listener).unwrap_err().code, "ListenerNotFound");
    assert_eq!(state(&world, &group), Some(TargetState::Initial));
    assert!(world.elb.target(&group, "127.0.0.1", 9001).is_none());
    world.elb.deregister(&group, "127.0.0.1", 9000, world.now());
    assert_eq!(state(&world, &group), None);
}

#[test]
fn tags_are_added_to_all_or_none() {
    let (mut world, group) = world();
    let balancer = world.find_load_balancer("game").unwrap().clone();
    let listener = balancer.listeners[0].arn.as_str();
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let all = [balancer.arn.as_str(), listener, group.as_str()];
    world.add_elb_tags(&all, &tags(&[("a", "1"), ("b", "2")])).unwrap();
    world.add_elb_tags(&[listener], &tags(&[("a", "3")])).unwrap();
    world.remove_elb_tags(&[&group], &["b", "c"]).unwrap();
    assert_eq!(world.elb_tags(&balancer.arn).unwrap(), &tags(&[("a", "1"), ("b", "2")]));
    assert_eq!(world.elb_tags(listener).unwrap(), &tags(&[("a", "3"), ("b", "2")]));
    assert_eq!(world.elb_tags(&group).unwrap(), &tags(&[("a", "1")]));

    let many: Tags = (0..49).map(|it| (format!("k{it}"), String::new())).collect();
    assert_eq!(world.add_elb_tags(&[&group, &balancer.arn], &many).unwrap_err().code, "TooManyTags");
    assert_eq!(world.elb_tags(&group).unwrap().len(), 1);
    let missing = format!("{group}0");
    for (arn, tag, code) in [
        (missing.as_str(), "x", "TargetGroupNotFound"),
        ("arn:aws:ecs:eu-central-1:123456789012:cluster/x", "x", "ValidationError"),
        (&group, "aws:x", "ValidationError"),
        (&group, "a*", "ValidationError"),
    ] {
        assert_eq!(world.add_elb_tags(&[arn], &tags(&[(tag, "")])).unwrap_err().code, code, "{arn} {tag}");
    }
}
