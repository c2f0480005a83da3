//! What ECS refuses, and which changes start a deployment.

use super::super::*;
use super::*;

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}

#[test]
fn documents_come_back_as_they_went_in() {
    let mut laptop = Laptop::new();
    let mut given = document("registry/game:v1");
    given.insert("tags".into(), json!([{ "key": "a", "value": "b" }]));
    let registered = laptop
        .world
        .register_task_definition(given.clone(), tags(&[("a", "b")]), "me")
        .unwrap();
    given.remove("tags");
    assert_eq!(registered.document, given);
    assert_eq!(registered.document["invention"], json!({ "of": ["tomorrow"] }));
    assert_eq!(
        registered.arn,
        "arn:aws:ecs:eu-central-1:123456789012:task-definition/game:1"
    );
    assert_eq!(
        laptop.world.tags_of(&registered.arn).unwrap(),
        &tags(&[("a", "b")])
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table")]
fn bad_documents_are_refused() {
    let long = "x".repeat(256);
    let digest = format!("registry/game@{DIGEST}");
    let image = |image: &str| json!([{ "name": "game", "image": image }]);
    let table = [
        (
            "family",
            json!(""),
            "ClientException",
            "Family should not be null",
        ),
        (
            "family",
            json!("a b"),
            "ClientException",
            "Family contains invalid",
        ),
        (
            "family",
            json!(long),
            "ClientException",
            "Family contains invalid",
        ),
        (
            "containerDefinitions",
            json!([]),
            "ClientException",
            "Container list cannot be empty.",
        ),
        (
            "containerDefinitions",
            json!({}),
            "InvalidParameterException",
            "list of objects",
        ),
        (
            "containerDefinitions",
            json!(["game"]),
            "InvalidParameterException",
            "list of objects",
        ),
        (
            "containerDefinitions",
            json!([{ "image": "i" }]),
            "ClientException",
            "Container.name should not",
        ),
        (
            "containerDefinitions",
            json!([{ "name": "g" }]),
            "ClientException",
            "Container.image should not",
        ),
        (
            "containerDefinitions",
            json!([{ "name": "g", "image": "i" }, { "name": "g", "image": "i" }]),
            "ClientException",
            "must be unique",
        ),
        (
            "containerDefinitions",
            json!([{ "name": "g", "image": "i", "essential": false }]),
            "ClientException",
            "at least one essential",
        ),
        (
            "containerDefinitions",
            image("a b"),
            "ClientException",
            "Container.image contains",
        ),
        (
            "containerDefinitions",
            image(&long),
            "ClientException",
            "Container.image contains",
        ),
        (
            "containerDefinitions",
            image("game@sha256:12"),
            "ClientException",
            "Container.image contains",
        ),
        (
            "containerDefinitions",
            image(&digest.to_uppercase()),
            "ClientException",
            "Container.image contains",
        ),
        (
            "more",
            json!("x".repeat(65_536)),
            "ClientException",
            "Max allowed length is '65536' bytes.",
        ),
    ];
    let mut laptop = Laptop::new();
    for (member, value, code, message) in table {
        let mut document = document(&digest);
        document.insert(member.into(), value);
        let refusal = laptop
            .world
            .register_task_definition(document, Tags::new(), "me")
            .unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(refusal.message.contains(message), "{refusal}");
    }
    assert!(laptop.world.ecs.task_definitions.is_empty());
    assert!(
        laptop
            .world
            .register_task_definition(document(&digest), Tags::new(), "me")
            .is_ok()
    );
}

#[test]
fn revisions_are_never_used_twice_and_a_family_means_its_newest_active_one() {
    let mut laptop = Laptop::new();
    for _ in 0..3 {
        laptop.register("v1");
    }
    let world = &mut laptop.world;
    let gone = world.deregister_task_definition("game:3").unwrap();
    assert!(!gone.active && gone.deregistered_at.is_some());
    assert_eq!(world.find_task_definition("game").unwrap().revision, 2);
    assert_eq!(world.find_task_definition("game:3").unwrap().arn, gone.arn);
    assert_eq!(world.find_task_definition(&gone.arn).unwrap().revision, 3);
    assert_eq!(
        world.deregister_task_definition("game").unwrap_err().code,
        "InvalidParameterException"
    );
    let again = laptop.register("v1");
    assert!(again.ends_with(":4"));
    for unknown in [
        "game:9",
        "other",
        "game:x",
        "game:",
        "",
        "arn:aws:ecs:x:y:task-definition/game:1",
    ] {
        let refusal = laptop.world.find_task_definition(unknown).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "ClientException: Unable to describe task definition."
        );
    }
}

#[test]
fn an_inactive_revision_starts_nothing() {
    let mut laptop = Laptop::with_service(1);
    laptop.world.deregister_task_definition("game:1").unwrap();
    let update = |request: UpdateService, laptop: &mut Laptop| laptop.world.update_service(request);
    for request in [
        UpdateService {
            task_definition: Some("game:1".into()),
            ..update_request()
        },
        UpdateService {
            force_new_deployment: true,
            ..update_request()
        },
    ] {
        let refusal = update(request, &mut laptop).unwrap_err();
        assert_eq!(refusal.to_string(), "ClientException: TaskDefinition is inactive");
    }
    let create = CreateService {
        name: "other".into(),
        task_definition: "game:1".into(),
        ..service_request()
    };
    assert_eq!(
        laptop.world.create_service(create).unwrap_err().code,
        "ClientException"
    );
    laptop.scale(2);
    laptop.run_until("what runs can still be scaled", |it| it.healthy() == 2);
}

#[test]
fn which_updates_start_a_deployment() {
    let passed = |value: Value| UpdateService {
        passed_through: value.as_object().unwrap().clone(),
        ..update_request()
    };
    let mut laptop = Laptop::with_service(1);
    let arn = laptop.service().task_definition_arn.clone();
    let same_load_balancers = json!({ "loadBalancers": [{
        "targetGroupArn": laptop.target_group_arn(), "containerName": "game", "containerPort": 8080,
    }]});
    let table = [
        (update_request(), false),
        (
            UpdateService {
                task_definition: Some(arn),
                ..update_request()
            },
            false,
        ),
        (
            UpdateService {
                task_definition: Some("game".into()),
                ..update_request()
            },
            false,
        ),
        (
            UpdateService {
                desired_count: Some(2),
                ..update_request()
            },
            false,
        ),
        (
            UpdateService {
                maximum_percent: Some(150),
                ..update_request()
            },
            false,
        ),
        (
            UpdateService {
                circuit_breaker: Some(None),
                ..update_request()
            },
            false,
        ),
        (
            UpdateService {
                health_check_grace_period_seconds: Some(9),
                ..update_request()
            },
            false,
        ),
        (
            UpdateService {
                force_new_deployment: true,
                ..update_request()
            },
            true,
        ),
        (passed(json!({ "enableExecuteCommand": true })), false),
        (passed(json!({ "platformVersion": "1.4.0" })), true),
        (
            passed(json!({ "platformVersion": "1.4.0", "networkConfiguration": null })),
            false,
        ),
        (
            passed(json!({ "networkConfiguration": { "awsvpcConfiguration": {} } })),
            true,
        ),
        (passed(same_load_balancers), false),
        (passed(json!({ "loadBalancers": [] })), true),
    ];
    for (request, starts) in table {
        let before = laptop.service().deployments[0].id.clone();
        let shown = format!("{request:?}");
        let service = laptop.update(request);
        assert_eq!(service.deployments[0].id != before, starts, "{shown}");
        laptop.run_for(20);
        assert_eq!(laptop.service().deployments.len(), 1);
    }
    let service = laptop.service();
    assert_eq!((service.desired_count, service.maximum_percent), (2, 150));
    assert_eq!(service.passed_through["enableExecuteCommand"], true);
    assert!(service.circuit_breaker.is_none() && service.load_balancers.is_empty());
    assert!(laptop.world.find_target_group("game").unwrap().targets.is_empty());
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table")]
fn bad_services_are_refused() {
    let mut laptop = Laptop::with_service(1);
    let target = |container: &str, port, group: &str| ServiceLoadBalancer {
        target_group_arn: group.into(),
        container_name: container.into(),
        container_port: port,
    };
    let group = laptop.target_group_arn();
    let fresh = || CreateService {
        name: "fresh".into(),
        ..service_request()
    };
    let table = [
        (
            CreateService {
                cluster: None,
                ..fresh()
            },
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (
            service_request(),
            "InvalidParameterException",
            "Creation of service was not idempotent.",
        ),
        (
            CreateService {
                name: "a b".into(),
                ..fresh()
            },
            "InvalidParameterException",
            "service name",
        ),
        (
            CreateService {
                task_definition: "no".into(),
                ..fresh()
            },
            "ClientException",
            "Unable to find",
        ),
        (
            CreateService {
                maximum_percent: Some(99),
                ..fresh()
            },
            "InvalidParameterException",
            "maximumPercent",
        ),
        (
            CreateService {
                minimum_healthy_percent: Some(101),
                ..fresh()
            },
            "InvalidParameterException",
            "minimumHealthyPercent",
        ),
        (
            CreateService {
                desired_count: 5_001,
                ..fresh()
            },
            "InvalidParameterException",
            "5000 tasks",
        ),
        (
            CreateService {
                load_balancers: vec![target("no", 8080, &group)],
                ..fresh()
            },
            "InvalidParameterException",
            "does not exist in the task definition",
        ),
        (
            CreateService {
                load_balancers: vec![target("game", 1, &group)],
                ..fresh()
            },
            "InvalidParameterException",
            "container port 1 ",
        ),
        (
            CreateService {
                load_balancers: vec![target("game", 8080, "none")],
                ..fresh()
            },
            "InvalidParameterException",
            "target group",
        ),
        (
            CreateService {
                tags: tags(&[("aws:x", "")]),
                ..fresh()
            },
            "InvalidParameterException",
            "aws: prefixed",
        ),
    ];
    for (request, code, message) in table {
        let refusal = laptop.world.create_service(request).unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(refusal.message.contains(message), "{refusal}");
    }
    assert_eq!(laptop.world.ecs.services.len(), 1);
    let unknown = UpdateService {
        service: "none".into(),
        ..update_request()
    };
    let refusal = laptop.world.update_service(unknown).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "ServiceNotFoundException: Service not found."
    );
    let bad = json!({ "loadBalancers": [{ "containerName": 3 }] });
    let bad = UpdateService {
        passed_through: bad.as_object().unwrap().clone(),
        ..update_request()
    };
    assert_eq!(
        laptop.world.update_service(bad).unwrap_err().code,
        "InvalidParameterException"
    );
}

#[test]
fn a_deleted_service_drains_and_then_leaves_its_name() {
    let mut laptop = Laptop::with_service(2);
    laptop.finishes_requests = false;
    let refusal = laptop
        .world
        .delete_service(Some("demo"), "game", false)
        .unwrap_err();
    assert_eq!(
        refusal.message,
        "The service cannot be stopped while it is scaled above 0."
    );
    let arn = laptop.service().arn.clone();
    let deleted = laptop.world.delete_service(Some("demo"), &arn, true).unwrap();
    assert_eq!(deleted.status, ServiceStatus::Draining);
    let refusal = laptop.world.update_service(update_request()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "ServiceNotActiveException: Service was not ACTIVE."
    );
    let refusal = laptop.world.create_service(service_request()).unwrap_err();
    assert!(refusal.message.contains("still Draining"));
    laptop.run_for(20);
    assert_eq!(laptop.service().status, ServiceStatus::Inactive);
    assert_eq!(
        laptop.world.update_service(update_request()).unwrap_err().code,
        "ServiceNotFoundException"
    );
    assert_eq!(
        laptop.world.tags_of(&arn).unwrap_err().code,
        "InvalidParameterException"
    );
    laptop.finishes_requests = true;
    laptop.world.create_service(service_request()).unwrap();
    laptop.run_for(20);
    assert_eq!(laptop.healthy(), 2);
    assert_eq!(laptop.world.ecs.services.len(), 1);
}

#[test]
fn deleting_during_a_rollout_stops_it() {
    let mut laptop = Laptop::with_service(2);
    laptop.deploy("v2");
    laptop.world.delete_service(Some("demo"), "game", true).unwrap();
    laptop.run_for(20);
    assert_eq!(laptop.service().status, ServiceStatus::Inactive);
    assert_eq!(
        laptop.service_deployment().status,
        ServiceDeploymentStatus::Stopped
    );
    let completed = laptop.event_names("ECS Deployment State Change");
    assert_eq!(completed.iter().filter(|it| it.ends_with("COMPLETED")).count(), 1);
}

#[test]
fn arns_look_like_those_of_ecs() {
    let laptop = Laptop::with_service(1);
    let root = "arn:aws:ecs:eu-central-1:123456789012:";
    let service = laptop.service();
    assert_eq!(service.arn, format!("{root}service/demo/game"));
    assert_eq!(service.cluster_arn, format!("{root}cluster/demo"));
    let task = laptop.live()[0];
    assert_eq!(task.arn, format!("{root}task/demo/{}", task.id));
    assert!(
        task.containers[0]
            .arn
            .starts_with(&format!("{root}container/demo/{}/", task.id))
    );
    let deployment = laptop.service_deployment();
    assert!(
        deployment
            .arn
            .starts_with(&format!("{root}service-deployment/demo/game/"))
    );
    let revision = deployment
        .target_revision_arn
        .strip_prefix(&format!("{root}service-revision/demo/game/"));
    assert_eq!(revision.unwrap().parse::<u64>().unwrap().to_string().len(), 19);
    assert!(service.deployments[0].id.starts_with("ecs-svc/"));
}

#[test]
fn tags_come_and_go_within_their_limits() {
    let mut laptop = Laptop::with_service(1);
    let arn = laptop.service().arn.clone();
    let world = &mut laptop.world;
    world
        .tag_resource(&arn, tags(&[("pushboat:tag", "v1"), ("b", "")]))
        .unwrap();
    world.tag_resource(&arn, tags(&[("pushboat:tag", "v2")])).unwrap();
    world
        .untag_resource(&arn, &["b".into(), "never there".into()])
        .unwrap();
    assert_eq!(world.tags_of(&arn).unwrap(), &tags(&[("pushboat:tag", "v2")]));
    let many: Tags = (0..50).map(|it| (format!("key-{it}"), String::new())).collect();
    for refused in [
        many,
        tags(&[("AWS:x", "")]),
        tags(&[("", "")]),
        tags(&[("a*b", "")]),
        tags(&[("a", "b,c")]),
        tags(&[(&"x".repeat(129), "")]),
        tags(&[("a", &"x".repeat(257))]),
    ] {
        assert_eq!(
            world.tag_resource(&arn, refused).unwrap_err().code,
            "InvalidParameterException"
        );
    }
    assert_eq!(world.tags_of(&arn).unwrap().len(), 1);
    assert_eq!(
        world.tags_of("arn:none").unwrap_err().code,
        "ResourceNotFoundException"
    );
    let cluster = world.find_cluster(Some("demo")).unwrap().arn.clone();
    world.tag_resource(&cluster, tags(&[("a", "b")])).unwrap();
    assert_eq!(world.find_cluster(Some("demo")).unwrap().tags.len(), 1);
}
