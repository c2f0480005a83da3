//! The `api` function against the stand-in: what it shows of real services, what it does to them on whose word, and how
//! it says that AWS is in trouble.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pushboat::Timestamp;
use pushboat::cloud::Cloud;
use pushboat::control::Scope;
use pushboat::model::ServiceName;
use pushboat::overview::Bounds;
use pushboat_aws::Aws;
use pushboat_local::wire::FaultKind;
use pushboat_tests::inbox::Inbox;
use pushboat_tests::wire::{Stand, aws_at, create};
use serde_json::{Value, json};

fn request() -> Value {
    serde_json::from_str(include_str!("../../events/api/services.json")).unwrap()
}

/// Status, headers, body and log line.
async fn ask(aws: &Aws, clusters: &[&str], payload: &Value) -> (u64, Value, Value, Value) {
    let clusters: Vec<String> = clusters.iter().map(|name| name.to_string()).collect();
    let scope = Scope { clusters, repositories: vec!["game-2048".to_owned()] };
    let mut log = Value::Null;
    let answer = pushboat_api::answer(aws, &scope, payload, &mut |line| log = line).await;
    assert!(!format!("{answer}{log}").contains("hunter2"), "{answer}");
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), answer["headers"].clone(), body, log)
}

/// These functions run in the test itself, whose environment names no log.
const NO_LOG: &str = "the last decisions are not shown: PUSHBOAT_LOG_GROUPS does not say where they are";

#[tokio::test]
async fn every_service_that_was_handed_over_is_shown() {
    let stand = Stand::start().await;
    let rejected = format!("pushboat:rejected:{}", "b".repeat(64));
    create(
        &stand,
        "prod",
        &[
            ("web", &[("pushboat:track", "game-2048:live"), (rejected.as_str(), "tasks failed")]),
            ("somebody-else-s", &[("team", "payroll")]),
        ],
    );
    create(&stand, "demo", &[("unreadable", &[("pushboat:track", "game-2048")])]);
    let (status, headers, body, log) = ask(&stand.aws(), &["prod", "demo"], &request()).await;
    assert_eq!((status, &headers["content-type"]), (200, &json!("application/json")), "{body}");
    let services = body["services"].as_array().unwrap();
    let names: Vec<_> = services.iter().map(|it| (it["cluster"].as_str(), it["service"].as_str())).collect();
    assert_eq!(names, [(Some("demo"), Some("unreadable")), (Some("prod"), Some("web"))]);

    let web = &services[1];
    assert_eq!(web["images"][0]["digest"], format!("sha256:{}", "a".repeat(64)));
    assert_eq!((&web["task_definition"], &web["rollout"]["state"]), (&json!("web:1"), &json!("COMPLETED")));
    assert_eq!(
        web["rejected"][0],
        json!({"digest": format!("sha256:{}", "b".repeat(64)), "at": null, "why": "tasks failed"})
    );
    assert_eq!((&web["targets"], &web["trouble"]), (&Value::Null, &json!([NO_LOG])));
    assert!(services[0]["trouble"][0].as_str().unwrap().contains("not <repository>:<rule>"), "{body}");
    // No service here has a scalable target, whether or not the stand-in can say so.
    let decided_by = web["capacity"]["decided_by"].as_str().unwrap();
    assert!(["nobody", "unknown"].contains(&decided_by), "{}", web["capacity"]);
    assert!(web["capacity"]["reason"].as_str().unwrap().contains("prod/web"), "{}", web["capacity"]);

    assert_eq!(log["caller"], "arn:aws:sts::123456789012:assumed-role/operator/ada");
    assert_eq!(
        (&log["method"], &log["path"], &log["status"]),
        (&json!("GET"), &json!("/services"), &json!(200))
    );
    assert_eq!(log["api_request_id"], "LV7fzho-PHcEJPw=");

    let mut of_demo = request();
    of_demo["rawQueryString"] = json!("cluster=demo");
    let (_, _, body, _) = ask(&stand.aws(), &["prod", "demo"], &of_demo).await;
    assert_eq!(body["services"].as_array().unwrap().len(), 1, "{body}");
    stand.stop().await;
}

#[tokio::test]
async fn one_service_s_trouble_is_its_own() {
    let stand = Stand::start().await;
    let track: &[(&str, &str)] = &[("pushboat:track", "game-2048:live")];
    create(&stand, "prod", &[("one", track), ("two", track)]);
    // As often as the SDK tries.
    stand.trouble("ecs", "DescribeTaskDefinition", 3, FaultKind::ServerError);
    let (status, _, body, _) = ask(&stand.aws(), &["prod"], &request()).await;
    let services = body["services"].as_array().unwrap();
    assert_eq!((status, services.len()), (200, 2), "{body}");
    assert!(services[0]["trouble"][0].as_str().unwrap().contains("DescribeTaskDefinition"), "{body}");
    assert_eq!((&services[0]["images"], &services[0]["desired_count"]), (&json!([]), &json!(0)));
    let two = &services[1];
    assert_eq!((two["images"].as_array().unwrap().len(), &two["trouble"]), (1, &json!([NO_LOG])));
    stand.stop().await;
}

#[tokio::test]
async fn aws_in_trouble_is_a_problem_that_says_whether_to_ask_again() {
    let stand = Stand::start().await;
    create(&stand, "prod", &[]);
    for (kind, expected) in [
        (FaultKind::Throttle, "/problems/aws-throttled"),
        (FaultKind::ServerError, "/problems/aws-unavailable"),
    ] {
        stand.trouble("ecs", "ListServices", 9, kind);
        let (status, headers, body, log) = ask(&stand.aws(), &["prod"], &request()).await;
        assert_eq!((status, &body["type"], &body["status"]), (503, &json!(expected), &json!(503)), "{body}");
        assert_eq!(
            (&headers["retry-after"], &headers["content-type"]),
            (&json!("5"), &json!("application/problem+json"))
        );
        assert!(log["problem"].as_str().unwrap().contains("ListServices for prod"), "{log}");
    }
    stand.trouble("ecs", "ListServices", 0, FaultKind::Throttle);
    let refused = ask(&stand.aws_with("AKIAOTHER", "a guess"), &["prod"], &request()).await;
    assert_eq!((refused.0, &refused.2["type"]), (502, &json!("/problems/aws-refused")), "{}", refused.2);
    let missing = ask(&stand.aws(), &["gone"], &request()).await;
    assert_eq!((missing.0, &missing.2["type"]), (502, &json!("/problems/aws-not-found")), "{}", missing.2);
    stand.stop().await;
}

fn payload(name: &str) -> Value {
    let path = format!("{}/../events/api/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The tags of the one service that `world` has.
fn tags(stand: &Stand) -> std::collections::BTreeMap<String, String> {
    stand.hub.with(|world| world.ecs.services[0].tags.clone())
}

const ADA: &str = "arn:aws:sts::123456789012:assumed-role/operator/ada";

#[tokio::test]
async fn what_is_asked_for_is_done_in_the_name_of_who_asks() {
    let stand = Stand::start().await;
    let track: &[(&str, &str)] = &[("pushboat:track:game", "game-2048:live")];
    create(&stand, "pushboat", &[("game-2048", track)]);
    let aws = stand.aws();
    let (status, _, body, log) = ask(&aws, &["pushboat"], &payload("hold")).await;
    assert_eq!((status, &body["decisions"][0]["decision"]), (200, &json!("held")), "{body}");
    assert_eq!(body["decisions"][0]["hint"], format!("request of {ADA} about pushboat/game-2048"));
    assert_eq!((&log["caller"], &log["status"]), (&json!(ADA), &json!(200)));
    let hold = tags(&stand)["pushboat:hold"].clone();
    let (until, rest) = hold.split_once(' ').unwrap();
    assert_eq!(rest, format!("{ADA} big sale"));
    let ahead = until.parse::<Timestamp>().unwrap().duration_since(Timestamp::now());
    assert!((7_000..=7_200).contains(&ahead.as_secs()), "{hold}");

    // For all of the cluster, and shown with the service.
    let (status, _, body, _) = ask(&aws, &["pushboat"], &payload("cluster-hold")).await;
    assert_eq!((status, &body["decisions"][0]["decision"]), (200, &json!("held")), "{body}");
    assert_eq!(body["decisions"][0]["hint"], format!("request of {ADA} about the cluster pushboat"));
    let (_, _, shown, _) = ask(&aws, &["pushboat"], &request()).await;
    let service = &shown["services"][0];
    let cluster_hold = json!({"until": null, "by": ADA, "reason": "moving house"});
    assert_eq!((&service["hold"]["reason"], &service["cluster_hold"]), (&json!("big sale"), &cluster_hold));

    for lifted in ["cluster-unhold", "unhold"] {
        let (status, _, body, _) = ask(&aws, &["pushboat"], &payload(lifted)).await;
        assert_eq!((status, &body["decisions"][0]["decision"]), (200, &json!("lifted")), "{body}");
        // Again: there is nothing to lift.
        let (status, _, body, _) = ask(&aws, &["pushboat"], &payload(lifted)).await;
        assert_eq!((status, &body["decisions"][0]["decision"]), (200, &json!("kept")), "{body}");
    }
    assert!(!tags(&stand).contains_key("pushboat:hold"));
    stand.stop().await;
}

#[tokio::test]
async fn a_call_in_trouble_says_why_and_changes_nothing() {
    let stand = Stand::start().await;
    let track: &[(&str, &str)] = &[("pushboat:track:game", "game-2048:live")];
    create(&stand, "pushboat", &[("game-2048", track)]);
    let (aws, before) = (stand.aws(), tags(&stand));
    stand.trouble("ecs", "TagResource", 9, FaultKind::Throttle);
    let (status, headers, body, _) = ask(&aws, &["pushboat"], &payload("hold")).await;
    assert_eq!((status, &headers["retry-after"]), (503, &json!("5")), "{body}");
    assert_eq!(
        (&body["type"], &body["service"]),
        (&json!("/problems/aws-throttled"), &json!("pushboat/game-2048"))
    );
    stand.trouble("ecs", "TagResource", 0, FaultKind::Throttle);

    let (status, headers, body, _) = ask(&aws, &["pushboat"], &payload("rollback")).await;
    assert_eq!((status, &headers["content-type"]), (409, &json!("application/problem+json")), "{body}");
    assert!(body["detail"].as_str().unwrap().contains("nothing to go back to"), "{body}");
    // What was sent is not in the log.
    let (_, _, body, log) = ask(&aws, &["pushboat"], &payload("hold-unknown-member")).await;
    assert!(body["detail"].as_str().unwrap().contains("force"), "{body}");
    assert!(!log.to_string().contains("force"), "{log}");

    for (name, refused) in [("hold-no-authorizer", 401), ("hold-lambda-authorizer", 403)] {
        let (status, _, body, _) = ask(&aws, &["pushboat"], &payload(name)).await;
        assert_eq!((status, &body["status"]), (refused, &json!(refused)), "{body}");
    }
    assert_eq!(tags(&stand), before);
    stand.stop().await;
}

#[tokio::test]
async fn health_asks_nothing_of_aws() {
    // Any question would fail here.
    let nowhere = aws_at("http://127.0.0.1:1", "k", "s");
    let health: Value = serde_json::from_str(include_str!("../../events/api/health.json")).unwrap();
    let (status, _, body, log) = ask(&nowhere, &["prod"], &health).await;
    assert_eq!((status, &body["status"], &log["caller"]), (200, &json!("ok"), &Value::Null));
    let (status, _, body, _) = ask(&nowhere, &["prod"], &request()).await;
    assert_eq!((status, &body["type"]), (503, &json!("/problems/aws-unavailable")));
}

fn named(service: &str) -> ServiceName {
    ServiceName { cluster: "prod".into(), service: service.into() }
}

/// What Application Auto Scaling answers, page after page.
#[tokio::test]
async fn scalable_targets_are_asked_for_fifty_services_at_a_time() {
    let inbox = Inbox::open().await;
    let target = |id: &str, min: u32, max: u32| {
        json!({
            "ServiceNamespace": "ecs", "ResourceId": id, "ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": min, "MaxCapacity": max, "RoleARN": "arn:role", "CreationTime": 1.5e9,
        })
    };
    let pages = [
        json!({"ScalableTargets": [target("service/prod/s3", 2, 9)], "NextToken": "more"}),
        json!({"ScalableTargets": [target("service/prod/s7", 0, 1), target("service/prod/not-asked-for", 1, 2)]}),
        json!({"ScalableTargets": []}),
    ];
    for page in &pages {
        inbox.answer_next(200, &page.to_string());
    }
    let services: Vec<_> = (0..51).map(|number| named(&format!("s{number}"))).collect();
    let found = aws_at(&inbox.url(), "k", "s").scalable_targets(&services).await.unwrap();
    assert_eq!(found, [(named("s3"), Bounds { min: 2, max: 9 }), (named("s7"), Bounds { min: 0, max: 1 })]);

    let asked: Vec<Value> = inbox.take().iter().map(|it| serde_json::from_str(&it.body).unwrap()).collect();
    let ids = |index: usize| asked[index]["ResourceIds"].as_array().unwrap().len();
    assert_eq!((asked.len(), ids(0), ids(1), ids(2)), (3, 50, 50, 1));
    assert_eq!(asked[0]["ResourceIds"][3], "service/prod/s3");
    assert_eq!(asked[0]["ServiceNamespace"], "ecs");
    assert_eq!(asked[0]["ScalableDimension"], "ecs:service:DesiredCount");
    assert_eq!(asked[1]["NextToken"], "more");
}

#[tokio::test]
async fn not_being_permitted_to_ask_for_scalable_targets_is_a_reason() {
    let inbox = Inbox::open().await;
    let refusal = json!({"__type": "AccessDeniedException", "Message": "not authorized to perform: x"});
    inbox.answer_next(400, &refusal.to_string());
    let refused = aws_at(&inbox.url(), "k", "s").scalable_targets(&[named("web")]).await.unwrap_err();
    assert!(refused.message.contains("AccessDeniedException: not authorized"), "{refused}");
    assert!(!refused.retry_helps());
}
