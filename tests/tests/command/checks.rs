//! The checklists: against a place that runs, against one where something is wrong, and against an AWS that refuses.

use std::time::Duration;

use pushboat_cli::local::{Local, stack};
use pushboat_local::wire::{Fault, FaultKind};
use pushboat_local::world::ecs::CreateService;
use pushboat_tests::inbox::Inbox;
use pushboat_tests::{Wishes, place};
use serde_json::{Value, json};

use super::person::{Person, Said};
use super::{SOON, two_tasks};

const CALLER: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ann</Arn>\
                      <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

fn finding(said: &Said, subject: &str) -> Value {
    let all = said.json();
    let found = all["findings"].as_array().unwrap().iter().find(|it| it["subject"] == subject);
    found.unwrap_or_else(|| panic!("no {subject}: {all:#}")).clone()
}

fn verdicts(said: &Said, verdict: &str) -> Vec<String> {
    let all = said.json();
    let found = all["findings"].as_array().unwrap().iter().filter(|it| it["verdict"] == verdict);
    found.map(|it| it["subject"].as_str().unwrap().to_owned()).collect()
}

fn tags(local: &Local, service: &str) -> Vec<String> {
    local.place.hub().with(|world| {
        let service = world.find_service(Some(stack::CLUSTER), service).unwrap().unwrap();
        service.tags.iter().map(|(key, value)| format!("{key}={value}")).collect()
    })
}

/// A second service, that nobody has handed over and that has some faults.
fn another_service(local: &Local) {
    local.place.hub().with(|world| {
        let mut document = world.find_task_definition(stack::SERVICE).unwrap().document.clone();
        document.insert("family".to_owned(), "cart".into());
        document["containerDefinitions"][0]["secrets"] =
            json!([{ "name": "A", "valueFrom": "/shop/cart" }, { "name": "B", "valueFrom": "no such thing" }]);
        let revision = world.register_task_definition(document, Default::default(), "ann").unwrap();
        world
            .create_service(CreateService {
                cluster: Some(stack::CLUSTER.to_owned()),
                name: "cart".to_owned(),
                task_definition: revision.arn,
                desired_count: 0,
                created_by: "ann".to_owned(),
                ..CreateService::default()
            })
            .unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_run_is_told_from_what_would_not() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    let said = person.told(0, &["verify", "--output", "json"]).await;
    assert_eq!(
        (said.json()["about"].as_str(), said.json()["is_wrong"].as_bool()),
        (Some("pushboat/game-2048"), Some(false))
    );
    let of_other_services = ["execution role", "task role", "zones", "way in", "egress", "way out"];
    assert_eq!(verdicts(&said, "unknown"), of_other_services, "{}", said.out);
    assert!(finding(&said, "execution role")["why"].as_str().unwrap().contains("There is no iam here."));
    let image = finding(&said, "image of app");
    assert_eq!(image["verdict"], "ok");
    assert!(image["why"].as_str().unwrap().contains("game-2048:placeholder is there"), "{image}");

    // Another image, and one that is not there.
    local.push_version("v1", &pushboat_cli::push::Quiet).await.unwrap();
    person.told(0, &["verify", "--image", "game-2048:v1"]).await;
    let said = person.told(3, &["verify", "--image", "game-2048:v9", "--output", "json"]).await;
    assert_eq!(verdicts(&said, "wrong"), ["image"]);
    person.told(3, &["verify", "--image", "nothing:v1"]).await;
    let said = person.told(0, &["verify", "--task-definition", stack::SERVICE]).await;
    assert!(said.out.contains("game-2048:") && !said.out.contains("circuit breaker"), "{}", said.out);
    person.told(3, &["verify", "--task-definition", "nobody"]).await;

    another_service(&local);
    let said = person.told(2, &["verify"]).await;
    assert!(said.aside.contains("pushboat/cart\n  pushboat/game-2048"), "{}", said.aside);
    assert!(
        person.told(3, &["verify", "pushboat/nobody"]).await.out.contains("knows no service pushboat/nobody")
    );
    let said = person.told(3, &["verify", "nobody"]).await;
    assert!(said.aside.contains("pushboat/cart"), "{}", said.aside);
    let said = person.told(3, &["verify", "cart", "--output", "json"]).await;
    assert_eq!(verdicts(&said, "wrong"), ["circuit breaker", "desired count", "secret"], "{}", said.out);
    assert_eq!(finding(&said, "parameter")["verdict"], "unknown");
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_handed_over_and_taken_back() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    another_service(&local);
    let adopt = ["adopt", "cart", "--track", "app=game-2048:live", "--max-severity", "high"];
    let with = |more: &[&'static str]| -> Vec<&'static str> { [&adopt[..], more].concat() };

    // What Pushboat could not read is refused before anything is asked.
    let said = person.told(2, &["adopt", "cart", "--track", "game-2048"]).await;
    assert!(said.aside.contains("not <repository>:<rule>"), "{}", said.aside);
    let said = person.told(3, &with(&["--yes"])).await;
    assert!(
        said.aside.contains("not all is well (wrong: 3)") && said.out.contains("Nothing was written"),
        "{}",
        said.out
    );
    let said = person.told(2, &with(&["--despite"])).await;
    assert!(said.aside.contains("nobody said yes"), "{}", said.aside);
    person.told(0, &with(&["--despite", "--dry-run"])).await;
    assert!(tags(&local, "cart").is_empty(), "{:?}", tags(&local, "cart"));

    let said = person.told(0, &with(&["--despite", "--yes", "--output", "json"])).await.json();
    assert_eq!((&said["is_written"], said["changes"].as_array().unwrap().len()), (&true.into(), 2));
    assert_eq!(said["then"][0]["verdict"], "ok", "{said:#}");
    assert!(
        said["then"][1]["why"].as_str().unwrap().starts_with("there is no game-2048:live yet"),
        "{said:#}"
    );
    assert_eq!(tags(&local, "cart"), ["pushboat:max-severity=high", "pushboat:track:app=game-2048:live"]);
    let listed = person.told(0, &["status", "cart"]).await;
    assert!(listed.out.contains("game-2048:live"), "{}", listed.out);
    let again = person.told(0, &with(&["--despite", "--yes"])).await;
    assert!(again.out.contains("Nothing to write"), "{}", again.out);

    let other =
        ["adopt", "cart", "--track", "app=checkout:live", "--despite", "--dry-run", "--output", "json"];
    let said = person.told(0, &other).await.json();
    assert!(said["then"][0]["why"].as_str().unwrap().contains("may deploy from checkout"), "{said:#}");
    assert_eq!(said["changes"][0]["from"], "game-2048:live");

    let rejected = format!("pushboat:rejected:{}", "ab".repeat(32));
    let arn = local.place.hub().with(|world| {
        let arn = world.find_service(Some(stack::CLUSTER), "cart").unwrap().unwrap().arn.clone();
        world.tag_resource(&arn, [(rejected.clone(), "it failed".to_owned())].into()).unwrap();
        arn
    });
    local
        .place
        .hub()
        .with(|world| world.tag_resource(&arn, [("team".to_owned(), "shop".to_owned())].into()).unwrap());
    person.told(0, &["adopt", "cart", "--undo", "--yes"]).await;
    assert_eq!(tags(&local, "cart"), [format!("{rejected}=it failed"), "team=shop".to_owned()]);
    person.told(0, &["adopt", "cart", "--undo", "--rejections", "--yes"]).await;
    assert_eq!(tags(&local, "cart"), ["team=shop"]);

    // What a template declares would not stay.
    let declared = ("pushboat:template".to_owned(), "shop".to_owned());
    local.place.hub().with(|world| world.tag_resource(&arn, [declared].into()).unwrap());
    let said = person.told(3, &with(&["--output", "json"])).await;
    let theirs = finding(&said, "whose tags");
    assert!(
        theirs["verdict"] == "wrong" && theirs["why"].as_str().unwrap().contains("stack shop"),
        "{theirs}"
    );
    assert_eq!(tags(&local, "cart"), ["pushboat:template=shop", "team=shop"]);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_broken() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let person = Person::at(&local);
    let said = person.told(0, &["doctor", "--output", "json"]).await;
    for subject in
        ["stack", "parts", "function sweep", "rule SweepFunctionMinute", "queue FailedEvents", "API"]
    {
        assert_eq!(finding(&said, subject)["verdict"], "ok", "{}", said.out);
    }
    assert_eq!(finding(&said, "service pushboat/game-2048")["verdict"], "ok");
    assert_eq!(finding(&said, "sweep")["verdict"], "unknown", "an hour is not over");
    let whole = format!("{}{}", said.out, said.aside);
    assert!(!whole.contains(&local.addresses.secret_access_key), "{whole}");
    person.told(3, &["doctor", "--stack", "another"]).await;

    assert!(local.place.bus().enable("pushboat-pushes", false));
    let throttled = Fault {
        service: "ecs".into(),
        operation: "ListServices".into(),
        remaining: u32::MAX,
        kind: FaultKind::Throttle,
    };
    local.place.wire().faults.lock().unwrap().push(throttled);
    let tick: Value = serde_json::from_str(include_str!("../../../events/sweep/tick.json")).unwrap();
    local.place.lambda().invoke_async("sweep", tick).unwrap();
    let buried = async {
        while local.place.lambda().dead_letters().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, buried).await.expect("a dead letter");
    local.place.wire().faults.lock().unwrap().clear();
    another_service(&local);
    person.told(0, &["adopt", "cart", "--track", "app=checkout:live", "--despite", "--yes"]).await;
    let said = person.told(3, &["doctor", "--output", "json"]).await;
    let wrong = verdicts(&said, "wrong");
    assert_eq!(
        wrong,
        ["rule DeployFunctionPushes", "queue FailedEvents", "service pushboat/cart"],
        "{}",
        said.out
    );
    let rule = finding(&said, "rule DeployFunctionPushes");
    assert_eq!(rule["what_to_do"], "aws events enable-rule --name pushboat-pushes");
    // Switched off, it lets nothing through.
    let before = local.place.lambda().invocations().len();
    local.push_version("v1", &pushboat_cli::push::Quiet).await.unwrap();
    local.place.lambda().idle().await;
    let pushes =
        local.place.lambda().invocations().into_iter().skip(before).filter(|it| it.function == "deploy");
    assert_eq!(pushes.count(), 0);
    local.shutdown().await;
}

/// AWS as it is to somebody who may see little of it.
#[tokio::test]
async fn an_aws_that_refuses_makes_nothing_well() {
    tokio::task::spawn_blocking(pushboat_tests::function_binaries).await.unwrap().unwrap();
    let aws = Inbox::open().await;
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAANN"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let person = Person::new().with(&keys).with(&[("AWS_ENDPOINT_URL", &aws.url())]);
    let denied = r#"{"__type": "AccessDeniedException", "message": "User ann is not authorized"}"#;
    let service = json!({ "services": [{ "serviceArn": "arn:aws:ecs:eu-central-1:123456789012:service/shop/cart",
        "status": "ACTIVE", "desiredCount": 2, "taskDefinition": "cart:7", "deploymentConfiguration": {
            "deploymentCircuitBreaker": { "enable": true, "rollback": true } } }] });

    aws.answer_next(200, CALLER);
    // Put off once, and asked again.
    aws.answer_next(400, r#"{"__type": "ThrottlingException", "message": "Rate exceeded"}"#);
    aws.answer_next(200, &service.to_string());
    aws.answer_next(400, denied);
    let said = person.told(0, &["verify", "shop/cart", "--output", "json"]).await;
    let unknown = finding(&said, "task definition");
    assert_eq!(unknown["verdict"], "unknown", "{}", said.out);
    assert!(
        unknown["why"].as_str().unwrap().contains("DescribeTaskDefinition: AccessDeniedException: User ann")
    );
    let asked = aws.take();
    let target = |at: usize| asked[at].headers.get("x-amz-target").map(|it| it.to_str().unwrap().to_owned());
    assert_eq!(target(1).as_deref(), Some("AmazonEC2ContainerServiceV20141113.DescribeServices"));
    assert_eq!((target(1), asked.len()), (target(2), 4));
    let signature = asked[1].headers["authorization"].to_str().unwrap();
    assert!(
        signature.contains("/eu-central-1/ecs/aws4_request") && signature.contains("x-amz-target"),
        "{signature}"
    );

    aws.answer_next(200, CALLER);
    let refusal = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User ann is not authorized</Message></Error>\
                   </ErrorResponse>";
    aws.answer_next(403, refusal);
    let said = person.told(0, &["doctor", "--output", "json"]).await;
    assert_eq!(verdicts(&said, "unknown"), ["stack"], "{}", said.out);

    // Whoever is nobody is told so, and an AWS that is not there is trouble.
    aws.answer_next(
        403,
        "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>expired</Message></Error></ErrorResponse>",
    );
    assert!(person.told(2, &["doctor"]).await.aside.contains("ExpiredToken: expired"));
    let nowhere = Person::new().with(&keys).with(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
    assert!(nowhere.told(1, &["verify", "shop/cart"]).await.aside.contains("Connection refused"));
    let without = Person::new().with(&[("AWS_REGION", "eu-central-1")]);
    let said = without.told(2, &["doctor"]).await;
    assert!(said.aside.contains("no AWS credentials"), "{}", said.aside);
}
