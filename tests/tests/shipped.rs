//! The functions that somebody waits for, as the binaries that ship, started by the stand-in's Lambda.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pushboat_local::lambda::Function;
use pushboat_local::place::Deployed;
use pushboat_tests::function_binaries;
use pushboat_tests::inbox::Inbox;
use pushboat_tests::wire::{Stand, environment};
use serde_json::{Value, json};

async fn stand(clusters: &'static str) -> Stand {
    let folder = tokio::task::spawn_blocking(function_binaries).await.unwrap().unwrap();
    let stand = Stand::start_with(|endpoints| {
        let function = |name: &str| {
            let mut function = Function::new(name, folder.join(name));
            function.environment = environment(endpoints, clusters);
            function
        };
        Deployed { functions: vec![function("api"), function("live-image")], ..Deployed::default() }
    });
    let stand = stand.await;
    stand.hub.with(|world| world.create_cluster("pushboat", Default::default())).unwrap();
    stand
}

async fn invoke(stand: &Stand, function: &str, payload: Value) -> Value {
    let answer = stand.place.lambda().invoke_sync(function, payload).await.unwrap();
    assert_eq!(answer.error, None, "{answer:?}");
    answer.payload
}

fn logged(stand: &Stand) -> Vec<Value> {
    let lines = stand.place.lambda().log_lines();
    lines.iter().filter_map(|line| serde_json::from_str(&line.line).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn api_answers_over_the_runtime_api() {
    let stand = stand("pushboat").await;
    let mut payload: Value = serde_json::from_str(include_str!("../../events/api/services.json")).unwrap();
    let answer = invoke(&stand, "api", payload.clone()).await;
    assert_eq!((&answer["statusCode"], &answer["body"]), (&json!(200), &json!(r#"{"services":[]}"#)));
    payload["requestContext"]["authorizer"].take();
    let answer = invoke(&stand, "api", payload).await;
    assert_eq!(answer["statusCode"], 401);

    let lines = logged(&stand);
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(200), Some(401)], "one line for each request: {lines:?}");
    assert!(lines.iter().all(|line| line["request_id"].is_string()), "{lines:?}");
    let all: String = stand.place.lambda().log_lines().into_iter().map(|line| line.line).collect();
    assert!(!all.contains("Signature="), "{all}");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_image_answers_cloudformation_also_without_its_settings() {
    for (clusters, status) in [("pushboat", "SUCCESS"), ("", "FAILED")] {
        let (stand, inbox) = (stand(clusters).await, Inbox::open().await);
        let text = include_str!("../../events/live-image/create.json");
        let mut payload: Value = serde_json::from_str(text).unwrap();
        payload["ResponseURL"] = json!(format!("{}/key?X-Amz-Signature=secret", inbox.url()));
        invoke(&stand, "live-image", payload).await;
        let arrived = inbox.take();
        let answer: Value = serde_json::from_str(&arrived[0].body).unwrap();
        assert_eq!((arrived.len(), &answer["Status"]), (1, &json!(status)), "{answer}");
        let all: String = stand.place.lambda().log_lines().into_iter().map(|line| line.line).collect();
        assert!(all.contains(status) && !all.contains("secret"), "{all}");
        stand.stop().await;
    }
}
