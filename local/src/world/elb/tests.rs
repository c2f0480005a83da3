use super::*;
use crate::world::Settings;

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
    let (_, group) = world.create_load_balancer("game", "localhost:8080", 8080, health_check, 30).unwrap();
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
    assert_eq!(world.target_group_of_listener(8080).unwrap().arn, group);
    assert!(world.target_group_of_listener(1).is_none());
    assert_eq!(world.find_target_group("none").unwrap_err().code, "TargetGroupNotFound");
    assert_eq!(world.find_load_balancer("none").unwrap_err().code, "LoadBalancerNotFound");
    let health_check = world.find_target_group(&group).unwrap().health_check.clone();
    for (name, code) in
        [("game", "DuplicateLoadBalancerName"), ("-x", "ValidationError"), ("", "ValidationError")]
    {
        let refused = world.create_load_balancer(name, "localhost", 80, health_check.clone(), 0);
        assert_eq!(refused.unwrap_err().code, code);
    }
}
