//! Faults of target groups and of the network.

use serde_json::json;

use super::*;

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
        (group(&|it| it.matcher = Some(Matcher::Http("404".into()))), "health check", "no healthy app"),
        (
            group(&|it| it.matcher = Some(Matcher::Http("200-599".into()))),
            "health check",
            "taken for healthy",
        ),
        (group(&|it| it.deregistration_delay_seconds = Ok(Some(0))), "draining", "cut off"),
    ] {
        only_wrong(&facts, subject, says);
    }
    // The statuses of gRPC are no codes of HTTP.
    for codes in ["12", "0-99", "0"] {
        let findings = verify(&group(&|it| it.matcher = Some(Matcher::Grpc(codes.into()))));
        assert!(findings.iter().all(|it| it.verdict == Verdict::Ok), "{findings:#?}");
    }
    let mut bridge = document();
    bridge["networkMode"] = json!("bridge");
    let mut on_instances = facts_of(service(), &bridge);
    on_instances.target_groups[0].group.as_mut().unwrap().as_mut().unwrap().target_type = "instance".into();
    let findings = verify(&on_instances);
    let kind = findings.iter().find(|it| it.subject == "target group").unwrap();
    assert!(kind.verdict == Verdict::Ok && kind.why.contains("of the type instance"), "{kind:?}");
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
