use serde_json::{Value, json};

use super::*;
use crate::cloud::Trouble;
use crate::model::{Deployment, Progress, ServiceName, Tags};

const URI: &str = "1.dkr.ecr.eu.amazonaws.com/game";

fn hex() -> String {
    "ab".repeat(32)
}

fn service() -> Service {
    let arn = "arn:aws:ecs:eu:1:task-definition/game:7";
    Service {
        name: ServiceName { cluster: "pushboat".into(), service: "game".into() },
        arn: "arn:service".into(),
        status: ServiceStatus::Active,
        desired_count: 4,
        running_count: 3,
        pending_count: 1,
        task_definition_arn: arn.into(),
        tags: Tags::from([
            ("pushboat:track".into(), "game:semver/1.4+pre".into()),
            (format!("pushboat:rejected:{}", hex()), "2026-11-21T08:00:00Z tasks failed".into()),
        ]),
        primary: Some(Deployment {
            id: "d".into(),
            task_definition_arn: arn.into(),
            state: RolloutState::InProgress,
            reason: "ECS deployment d in progress.".into(),
            failed_tasks: 0,
        }),
        target_group_arns: vec!["arn:targets".into()],
        subnets: 2,
        managed_by_ecs: false,
    }
}

fn definition(image: &str) -> TaskDefinition {
    let secret = json!([{"name": "PASSWORD", "value": "hunter2"}]);
    let document = json!({"containerDefinitions": [{"name": "web", "image": image, "environment": secret}]});
    let Value::Object(document) = document else { unreachable!() };
    let tags = Tags::from([
        ("pushboat:base".into(), "game:6".into()),
        ("pushboat:image:web".into(), "game:main".into()),
    ]);
    TaskDefinition { arn: "game:7".into(), document, tags }
}

fn refused<T>(operation: &'static str) -> Answer<T> {
    Err(CloudError {
        operation,
        subject: "it".into(),
        trouble: Trouble::Refused,
        message: "AccessDeniedException: no".into(),
        source: None,
    })
}

fn shown(service: &Service, definition: &Answer<TaskDefinition>, health: &Answer<TargetHealth>) -> Value {
    let scalable_target = Ok(Some(Bounds { min: 2, max: 6 }));
    let tags = Tags::new();
    let now = Some("2026-11-21T08:00:00Z".parse().unwrap());
    json!(view(
        service,
        Observed { definition, health, cluster_tags: Ok(&tags), scalable_target, live: Live::default(), now }
    ))
}

fn healthy() -> Answer<TargetHealth> {
    Ok(TargetHealth { healthy: 3, registered: 4, complaints: vec![] })
}

#[test]
fn a_service_is_shown_with_what_it_runs_and_what_it_must_not() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let found = shown(&service(), &Ok(definition(&format!("{URI}@{digest}"))), &healthy());
    assert_eq!(
        found,
        json!({
            "cluster": "pushboat",
            "service": "game",
            "status": "ACTIVE",
            "images": [{
                "container": "web", "name": URI, "tag": null, "digest": digest, "released_as": "game:main",
            }],
            "task_definition": "game:7",
            "desired_count": 4,
            "running_count": 3,
            "pending_count": 1,
            "zones": [],
            "rollout": {"state": "IN_PROGRESS", "reason": "ECS deployment d in progress.", "stage": null},
            "tracks": [{"container": null, "repository": "game", "rule": "semver/1.4+pre"}],
            "rejected": [{
                "digest": format!("sha256:{}", hex()), "at": "2026-11-21T08:00:00Z", "why": "tasks failed",
            }],
            "passed_over": null,
            "diverged": null,
            "hold": null,
            "cluster_hold": null,
            "overlap": "supersede",
            "targets": {"healthy": 3, "registered": 4},
            "capacity": {
                "decided_by": "Application Auto Scaling",
                "min": 2,
                "max": 6,
                "reason": "pushboat/game has a scalable target: Pushboat only releases images here, because two \
                           owners of one count fight",
            },
            "last_decisions": [],
            "trouble": [],
        })
    );
    assert!(!found.to_string().contains("hunter2"));
}

#[test]
fn what_could_not_be_observed_is_said_and_the_rest_is_shown() {
    let found = shown(&service(), &refused("DescribeTaskDefinition"), &refused("DescribeTargetHealth"));
    let trouble = found["trouble"].to_string();
    assert!(trouble.contains("DescribeTaskDefinition for it: AccessDeniedException: no"), "{trouble}");
    assert!(trouble.contains("DescribeTargetHealth"), "{trouble}");
    assert_eq!((&found["images"], &found["targets"]), (&json!([]), &Value::Null));
    assert_eq!(found["desired_count"], 4);

    let found = shown(&service(), &Ok(definition("public.example.com/nginx:1")), &healthy());
    assert!(found["trouble"][0].as_str().unwrap().contains("no container"), "{found}");
    assert!(!found.to_string().contains("hunter2"));
}

#[test]
fn what_people_did_is_shown() {
    let mut theirs = definition(&format!("{URI}:main"));
    theirs.tags.clear();
    theirs.document.insert("registeredBy".into(), json!("arn:aws:iam::1:user/ann"));
    theirs.document.insert("registeredAt".into(), json!(1_795_248_000.5));
    let mut held = service();
    held.tags.insert("pushboat:hold".into(), "2026-11-21T09:00:00Z ann big sale".into());
    held.tags.insert("pushboat:overlap".into(), "wait".into());
    let found = shown(&held, &Ok(theirs.clone()), &healthy());
    let expected = json!({
        "revision": "game:7",
        "registered_by": "arn:aws:iam::1:user/ann",
        "registered_at": "2026-11-21T08:00:00.5Z",
        "asked_by": null,
    });
    assert_eq!(found["diverged"], expected);
    assert_eq!(found["hold"], json!({"until": "2026-11-21T09:00:00Z", "by": "ann", "reason": "big sale"}));
    held.tags.insert("pushboat:hold".into(), "2026-11-21T07:59:59Z ann big sale".into());
    assert_eq!(shown(&held, &Ok(theirs.clone()), &healthy())["hold"], Value::Null, "it has expired");
    assert_eq!(found["overlap"], "wait");

    held.tags.insert("pushboat:hold".into(), "stop".into());
    held.tags.insert("pushboat:overlap".into(), "never".into());
    held.tags.insert("pushboat:resume".into(), "game:7".into());
    let found = shown(&held, &Ok(theirs), &healthy());
    assert_eq!(found["diverged"], Value::Null);
    assert_eq!(found["hold"], json!({"until": null, "by": null, "reason": "stop"}));
    assert!(found["trouble"][0].as_str().unwrap().contains("'never'"), "{found}");
}

#[test]
fn the_newest_failure_comes_first_and_says_why() {
    let mut failed = service();
    for (letter, value) in
        [("c", "2026-11-21T09:00:00Z 2 of 2 tasks ended with exit code 1"), ("d", "long ago")]
    {
        failed.tags.insert(format!("pushboat:rejected:{}", letter.repeat(64)), value.into());
    }
    failed.tags.insert("pushboat:passed-over".into(), "game:8 2026-11-21T07:00:00Z out of memory".into());
    let found = shown(&failed, &Ok(definition(&format!("{URI}:main"))), &healthy());
    let whys: Vec<_> = { found["rejected"].as_array().unwrap().iter() }.map(|it| &it["why"]).collect();
    assert_eq!(whys, ["2 of 2 tasks ended with exit code 1", "tasks failed", "long ago"]);
    assert_eq!(found["rejected"][2]["at"], Value::Null);
    let passed_over = json!({"revision": "game:8", "at": "2026-11-21T07:00:00Z", "why": "out of memory"});
    assert_eq!(found["passed_over"], passed_over);
}

#[test]
fn the_hold_of_the_cluster_is_shown_with_each_of_its_services() {
    let (definition, health) = (Ok(definition(&format!("{URI}:main"))), healthy());
    let seen = |cluster_tags| {
        let scalable_target = Ok(None);
        let (definition, health) = (&definition, &health);
        let observed =
            Observed { definition, health, cluster_tags, scalable_target, live: Live::default(), now: None };
        json!(view(&service(), observed))
    };
    let tags = Tags::from([("pushboat:hold".into(), "- bob moving house".into())]);
    let found = seen(Ok(&tags));
    let expected = json!({"until": null, "by": "bob", "reason": "moving house"});
    assert_eq!((&found["hold"], &found["cluster_hold"]), (&Value::Null, &expected));
    let found = seen(Err("DescribeClusters for pushboat: no"));
    assert_eq!(
        (&found["cluster_hold"], &found["trouble"]),
        (&Value::Null, &json!(["DescribeClusters for pushboat: no"]))
    );
}

#[test]
fn what_keeps_pushboat_away_is_trouble() {
    let mut unreadable = service();
    unreadable.tags.insert("pushboat:track".into(), "game".into());
    let draining = Service { status: ServiceStatus::Draining, ..service() };
    let express = Service { managed_by_ecs: true, ..service() };
    for (service, says) in
        [(unreadable, "not <repository>:<rule>"), (draining, "DRAINING"), (express, "Express")]
    {
        assert!(is_handed_over(&service));
        let found = shown(&service, &Ok(definition(&format!("{URI}:main"))), &healthy());
        assert!(found["trouble"].to_string().contains(says), "{found}");
    }
    assert!(!is_handed_over(&Service { tags: Tags::new(), ..service() }));
}

#[test]
fn a_service_without_load_balancer_and_deployment_has_neither() {
    let bare = Service { primary: None, target_group_arns: vec![], ..service() };
    let found = shown(&bare, &Ok(definition(&format!("{URI}:main"))), &Ok(TargetHealth::default()));
    assert_eq!((&found["rollout"], &found["targets"]), (&Value::Null, &Value::Null));
    assert_eq!(found["images"][0]["tag"], "main");
}

#[test]
fn who_decides_the_count_is_never_claimed_without_knowing() {
    let definition = Ok(definition(URI));
    let health = healthy();
    for (scalable_target, decided_by, says) in [
        (Ok(None), "nobody", "neither a scalable target nor the tag pushboat:capacity"),
        (Err("AccessDeniedException: no".to_owned()), "unknown", "AccessDeniedException: no"),
    ] {
        let no_tags = Tags::new();
        let observed = Observed {
            definition: &definition,
            health: &health,
            cluster_tags: Ok(&no_tags),
            scalable_target,
            live: Live::default(),
            now: None,
        };
        let capacity = view(&service(), observed).capacity;
        assert_eq!(capacity.decided_by, decided_by);
        assert!(capacity.reason.contains(says), "{}", capacity.reason);
        assert_eq!((capacity.min, capacity.max), (None, None));
    }
}

#[test]
fn a_count_that_was_handed_over_is_pushboats_within_its_bounds() {
    let definition = Ok(definition(URI));
    let health = healthy();
    for (value, decided_by, bounds, says) in [
        ("2-10", "Pushboat", (Some(2), Some(10)), "has the tag pushboat:capacity"),
        ("-10", "Pushboat", (Some(2), Some(10)), "has the tag pushboat:capacity"),
        ("many", "nobody", (None, None), "'many', not <min>-<max>"),
    ] {
        let no_tags = Tags::new();
        let scalable_target = Ok(None);
        let cluster_tags = Ok(&no_tags);
        let observed = Observed {
            definition: &definition,
            health: &health,
            cluster_tags,
            scalable_target,
            live: Live::default(),
            now: None,
        };
        let mut handed_over = service();
        handed_over.tags.insert("pushboat:capacity".into(), value.into());
        let capacity = view(&handed_over, observed).capacity;
        assert_eq!((capacity.decided_by, (capacity.min, capacity.max)), (decided_by, bounds));
        assert!(capacity.reason.contains(says), "{}", capacity.reason);
    }
}

#[test]
fn what_goes_on_is_shown_and_what_could_not_be_had_is_said() {
    let (definition, health, no_tags) = (Ok(definition("game:1")), healthy(), Tags::new());
    let seen = |live| {
        let (definition, health) = (&definition, &health);
        let (cluster_tags, scalable_target) = (Ok(&no_tags), Ok(None));
        json!(view(
            &service(),
            Observed { definition, health, cluster_tags, scalable_target, live, now: None }
        ))
    };
    let mut zones = Zones::default();
    for (zone, runs) in [("eu-central-1b", false), ("eu-central-1a", true), ("eu-central-1b", true)] {
        zones.count(zone, runs);
    }
    let last = LastDecision {
        at: "2026-11-21T08:00:00Z".parse().unwrap(),
        decision: "kept".into(),
        reason: "it runs".into(),
        cause: "sweep".into(),
    };
    let progress = Progress { stage: Some("BAKE_TIME".into()), pauses: Vec::new() };
    let shown = seen(Live { zones: Ok(zones), progress: Ok(Some(progress)), last_decisions: Ok(vec![last]) });
    assert_eq!(
        shown["zones"],
        json!([
            {"zone": "eu-central-1a", "running": 1, "pending": 0},
            {"zone": "eu-central-1b", "running": 1, "pending": 1},
        ])
    );
    assert_eq!((&shown["rollout"]["stage"], &shown["trouble"]), (&json!("BAKE_TIME"), &json!([])));
    assert_eq!(shown["last_decisions"][0]["reason"], "it runs");
    let shown =
        seen(Live { zones: Err("a".into()), progress: Err("b".into()), last_decisions: Err("c".into()) });
    assert_eq!(shown["trouble"], json!(["a", "b", "c"]));
}
