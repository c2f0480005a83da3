//! AWS's token buckets in the stand-in, and the functions' adapter in front of them: what is throttled ends well.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use pushboat::cloud::{Cloud, Trouble};
use pushboat::control::{Scope, follow};
use pushboat::decision::{Action, Decision};
use pushboat::hint::Hint;
use pushboat::model::Tags;
use pushboat_local::world::ecr::Repeat;
use pushboat_local::world::ecs::CreateService;
use pushboat_tests::wire::Stand;
use serde_json::{Map, Value, json};
use sha2::Digest;

const IMAGE: &str = "registry.example/game";
const REGISTER: (&str, &str) = ("ecs", "RegisterTaskDefinition");

fn document(family: &str) -> Map<String, Value> {
    let image = format!("{IMAGE}@sha256:{}", "a".repeat(64));
    let document = json!({"family": family, "containerDefinitions": [{"name": "web", "image": image}]});
    document.as_object().unwrap().clone()
}

/// A cluster with so many services that follow `game:main`, all at an older image.
fn create(stand: &Stand, count: usize) {
    stand.hub.with(|world| {
        world.create_cluster("pushboat", Default::default()).unwrap();
        for number in 0..count {
            let name = format!("service-{number}");
            world.register_task_definition(document(&name), Default::default(), "test").unwrap();
            let request = CreateService {
                cluster: Some("pushboat".into()),
                task_definition: name.clone(),
                name,
                tags: [("pushboat:track:web".to_owned(), "game:main".to_owned())].into(),
                ..Default::default()
            };
            world.create_service(request).unwrap();
        }
        world.create_repository("game", false, false, Default::default()).unwrap();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": format!("sha256:{}", "c".repeat(64)),
                "size": 2,
            },
            "layers": [],
        });
        let (manifest, media_type) = (manifest.to_string(), manifest["mediaType"].as_str().unwrap());
        let hex: String = sha2::Sha256::digest(&manifest).iter().map(|byte| format!("{byte:02x}")).collect();
        let digest = format!("sha256:{hex}");
        world.put_image("game", &digest, &manifest, media_type, Some("main"), Repeat::Refuse).unwrap();
    });
}

/// Somebody else in the account registers so often.
fn somebody_registers(stand: &Stand, count: usize) {
    stand.hub.with(|world| (0..count).for_each(|_| world.admit(REGISTER.0, REGISTER.1).unwrap()));
}

fn refused(stand: &Stand, (service, operation): (&str, &str)) -> u64 {
    stand.hub.with(|world| world.limits.refused(service, operation))
}

#[tokio::test]
async fn reads_that_are_throttled_are_asked_again_and_writes_are_said_to_be() {
    let stand = Stand::start().await;
    create(&stand, 1);
    let aws = stand.aws();
    // As many as fit, and ten more.
    let asking = (0..60).map(|_| {
        let aws = aws.clone();
        tokio::spawn(async move { aws.task_definition("service-0").await.map(drop) })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    assert!(refused(&stand, ("ecs", "DescribeTaskDefinition")) > 0);

    somebody_registers(&stand, 20);
    let refusal = aws.register(&document("other"), &Tags::new()).await.unwrap_err();
    assert_eq!(refusal.trouble, Trouble::Throttled, "{refusal}");
    assert!(refusal.message.contains("ThrottlingException: Rate exceeded"), "{refusal}");
    assert_eq!(refused(&stand, REGISTER), 1, "asked once");
    stand.stop().await;
}

#[tokio::test]
async fn a_push_that_meets_an_empty_bucket_waits_for_its_turn_and_is_done_in_one_invocation() {
    let stand = Stand::start().await;
    create(&stand, 6);
    somebody_registers(&stand, 17);
    let aws = stand.aws().within(Duration::from_secs(60));
    let scope = Scope { clusters: vec!["pushboat".into()], repositories: vec!["game".into()] };
    let hint = Hint::Image { repository: "game".into(), tag: "main".into() };
    let mut said: Vec<Decision> = Vec::new();
    let begun = Instant::now();
    follow(&aws, &scope, &hint, &mut |decision| said.push(decision)).await.unwrap();

    let released = said.iter().filter(|decision| decision.decision == Action::Released).count();
    assert_eq!(released, 6, "{said:#?}");
    assert!(said.iter().all(|decision| matches!(decision.decision, Action::Released | Action::Kept)));
    let revisions = stand.hub.with(|world| world.ecs.task_definitions.len());
    assert_eq!(revisions, 12, "one more for each");
    let (took, refused) = (begun.elapsed(), refused(&stand, REGISTER));
    assert!((1..=2).contains(&refused), "{refused} were one too many, in {took:?}");
    assert!(took < Duration::from_secs(25), "{took:?}");
    stand.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_the_invocation_is_postponed_and_no_error() {
    let stand = Stand::start().await;
    create(&stand, 3);
    somebody_registers(&stand, 20);
    let aws = stand.aws().within(Duration::from_secs(3));
    let scope = Scope { clusters: vec!["pushboat".into()], repositories: vec!["game".into()] };
    let mut said: Vec<Decision> = Vec::new();
    follow(&aws, &scope, &Hint::Everything, &mut |decision| said.push(decision)).await.unwrap();
    let postponed: Vec<_> = said.iter().filter(|it| it.decision == Action::Postponed).collect();
    assert!(!postponed.is_empty(), "{said:#?}");
    assert!(postponed.iter().all(|it| it.reason.contains("the next sweep goes on")));
    assert!(said.iter().all(|it| it.decision != Action::Failed), "{said:#?}");
    stand.stop().await;
}

#[tokio::test]
async fn the_limits_are_shown_behind_the_scenes_and_can_be_turned_off() {
    let stand = Stand::start().await;
    somebody_registers(&stand, 20);
    let aws = stand.aws();
    aws.register(&document("one"), &Tags::new()).await.unwrap_err();
    stand.hub.with(|world| world.limits.turn(false));
    aws.register(&document("one"), &Tags::new()).await.unwrap();

    let url = format!("http://{}/_local/limits", stand.place.endpoints().aws);
    let shown = get(&url).await;
    let category = &shown.as_array().unwrap()[0];
    assert_eq!(category["category"], "task definition modify");
    assert_eq!((&category["burst"], &category["perSecond"]), (&json!(20.0), &json!(1.0)));
    assert_eq!((&category["granted"], &category["refused"]), (&json!(21), &json!(1)));
    stand.stop().await;
}

async fn get(url: &str) -> Value {
    use http_body_util::{BodyExt, Empty};
    use hyper_util::client::legacy::Client;
    let client = Client::builder(hyper_util::rt::TokioExecutor::new()).build_http::<Empty<&[u8]>>();
    let answer = client.get(url.parse().unwrap()).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}
