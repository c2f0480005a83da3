//! Faults of the service, of its document and of what a task needs.

use serde_json::json;

use super::*;

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
fn references_are_read_as_ecs_reads_them() {
    use secrets::{Reference, reference};
    let secret = |key: Option<&str>, stage: Option<&str>, version: Option<&str>| Reference::Secret {
        id: SECRET.to_owned(),
        key: key.map(str::to_owned),
        stage: stage.map(str::to_owned),
        version: version.map(str::to_owned),
    };
    let parameter = |name: &str, region: Option<&str>| Reference::Parameter {
        name: name.to_owned(),
        region: region.map(str::to_owned),
        account: region.map(|_| "1".to_owned()),
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
    let there = Ok(secrets::Found::There { arn: None, versions: versions.into() });
    for (reference, verdict) in [
        (secret(None, Some("AWSCURRENT"), None), Verdict::Ok),
        (secret(None, Some("AWSPREVIOUS"), None), Verdict::Wrong),
        (secret(None, None, Some("v2")), Verdict::Wrong),
        (secret(Some("key"), None, Some("v1")), Verdict::Ok),
    ] {
        assert_eq!(secrets::check(&reference, &there).verdict, verdict, "{reference:?}");
    }
}

#[test]
fn what_is_of_another_account_or_region_is_said_to_be() {
    use secrets::{credentials, reference};
    let (secret, parameter) = (SECRET, "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/cart");
    let elsewhere = |it: &str| reference(it).elsewhere("123456789012", "eu-central-1");
    for here in [secret, parameter, "/shop/cart", "what is this"] {
        assert_eq!(elsewhere(here), None, "{here}");
    }
    assert_eq!(credentials("registry").elsewhere("123456789012", "eu-central-1"), None);
    for arn in [secret, parameter] {
        let of_another = elsewhere(&arn.replace("123456789012", "999999999999"));
        assert!(of_another.as_ref().is_some_and(|it| it.contains("account 999999999999")), "{of_another:?}");
        let in_another = elsewhere(&arn.replace("eu-central-1", "us-east-1"));
        assert!(in_another.as_ref().is_some_and(|it| it.contains("in us-east-1")), "{in_another:?}");
    }
    // Whose it is stands in what the role has to be allowed as well.
    let mut document = document();
    document["containerDefinitions"][0]["secrets"][1]["valueFrom"] =
        parameter.replace("123456789012", "999999999999").into();
    let needs = roles::needs(document.as_object().unwrap(), "eu-central-1", &[]);
    let read = needs.iter().find(|it| it.actions == ["ssm:GetParameters"]).unwrap();
    assert_eq!(read.resource, "arn:aws:ssm:eu-central-1:999999999999:parameter/shop/cart");
    for need in &needs {
        let of = |key: &str| need.context.iter().find(|(it, _)| it == key).map(|(_, value)| value.as_str());
        let owner = if need == read { "999999999999" } else { "123456789012" };
        let context = (of("aws:ResourceAccount"), of("aws:RequestedRegion"));
        assert_eq!(context, (Some(owner), Some("eu-central-1")), "{need:?}");
    }
}

#[test]
fn credentials_of_a_registry_are_a_secret_by_arn_or_name() {
    let with = |credentials: &str| {
        let mut document = document();
        document["containerDefinitions"][0]["repositoryCredentials"] =
            json!({ "credentialsParameter": credentials });
        document["containerDefinitions"][0]["secrets"] = json!([]);
        document
    };
    for (credentials, id) in [(SECRET, SECRET), ("shop/registry", "shop/registry")] {
        let facts = facts_of(service(), &with(credentials));
        let (reference, _) = &facts.secrets[0];
        assert!(matches!(reference, secrets::Reference::Secret { id: it, .. } if it == id), "{reference:?}");
        let finding = verify(&facts).into_iter().find(|it| it.subject == "secret").unwrap();
        assert_eq!(finding.verdict, Verdict::Ok, "{finding:?}");
        let reads = |it: &&permissions::Need| it.actions == ["secretsmanager:GetSecretValue"];
        let needs = |found: &[_]| roles::needs(with(credentials).as_object().unwrap(), "eu-central-1", found);
        // A policy has its ARN.
        assert_eq!(needs(&facts.secrets).iter().find(reads).unwrap().resource, SECRET);
        let unknown = [(reference.clone(), Err(NotKnown("AccessDenied".to_owned())))];
        assert_eq!(needs(&unknown).iter().filter(reads).count(), usize::from(id == SECRET));
    }
    for nothing in
        ["arn:aws:ssm:eu-central-1:123456789012:parameter/cart", "what is this", &format!("{SECRET}:key::")]
    {
        only_wrong(
            &facts_of(service(), &with(nothing)),
            "secret",
            "neither the ARN nor the name of a secret",
        );
    }
}

#[test]
fn what_was_rejected_would_not_be_released() {
    let mut service = service();
    let key = format!("pushboat:rejected:{}", "5c".repeat(32));
    service["tags"] = json!([{ "key": key, "value": "2026-11-21T08:00:00Z exit code 1" }]);
    let findings = verify(&facts_of(service, &document()));
    let wrong: Vec<_> = findings.iter().filter(|it| it.verdict == Verdict::Wrong).collect();
    assert!(!wrong.is_empty() && wrong.iter().all(|it| it.subject == "rejected"), "{wrong:#?}");
    assert!(wrong[0].why.ends_with("exit code 1"), "{}", wrong[0].why);
    assert!(wrong[0].what_to_do.as_ref().unwrap().starts_with("pushboat release sha256:5c5c"), "{wrong:?}");
}
