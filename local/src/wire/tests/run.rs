//! RunTask over the wire.

use serde_json::{Value, json};

use super::Place;
use crate::world::Effect;

async fn place() -> Place {
    let place = Place::start().await;
    place.ecs("CreateCluster", &json!({})).await.granted();
    let document = json!({
        "family": "game", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
        "memory": "512", "containerDefinitions": [
            {"name": "game", "image": "registry/game:v1", "entryPoint": ["/game"], "command": ["serve"]},
        ],
        "tags": [{"key": "team", "value": "arcade"}],
    });
    place.ecs("RegisterTaskDefinition", &document).await.granted();
    place
}

/// What a careful client sends, and what a test says otherwise.
fn request(others: Value) -> Value {
    let mut request = json!({
        "taskDefinition": "game", "count": null, "startedBy": "somebody", "clientToken": "key-1",
        "capacityProviderStrategy": [
            {"capacityProvider": "FARGATE_SPOT", "weight": 3}, {"capacityProvider": "FARGATE", "base": 1},
        ],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}},
        "platformVersion": "LATEST", "placementConstraints": [], "enableExecuteCommand": false,
        "overrides": {"containerOverrides": [{"name": "game", "command": ["migrate"], "environment": []}]},
        "tags": [{"key": "why", "value": "a test"}], "propagateTags": "TASK_DEFINITION",
    });
    request.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    request
}

#[tokio::test]
async fn a_task_is_started_shown_found_and_stopped() {
    let mut place = place().await;
    let answer = place.ecs("RunTask", &request(json!({}))).await.granted();
    assert_eq!(answer["failures"], json!([]));
    let task = &answer["tasks"][0];
    assert_eq!(task["overrides"]["containerOverrides"], json!([{"name": "game", "command": ["migrate"]}]));
    assert_eq!(
        (&task["group"], &task["startedBy"], &task["capacityProviderName"], &task["lastStatus"]),
        (&json!("family:game"), &json!("somebody"), &json!("FARGATE"), &json!("PROVISIONING"))
    );
    let started = place.effects_until(1, |effect| matches!(effect, Effect::StartTask(_))).await;
    let Effect::StartTask(start) = &started[0] else { unreachable!() };
    let container = &start.containers[0];
    assert_eq!(
        (container.entry_point.as_slice(), container.command.as_slice()),
        (&["/game".to_owned()][..], &["migrate".to_owned()][..])
    );

    let arn = task["taskArn"].as_str().unwrap();
    for filter in [json!({"startedBy": "somebody"}), json!({"family": "game"}), json!({})] {
        assert_eq!(place.ecs("ListTasks", &filter).await.granted()["taskArns"], json!([arn]), "{filter}");
    }
    assert_eq!(place.ecs("ListTasks", &json!({"startedBy": "x"})).await.granted()["taskArns"], json!([]));
    place
        .ecs("TagResource", &json!({"resourceArn": arn, "tags": [{"key": "a", "value": "b"}]}))
        .await
        .granted();
    let tagged = place.ecs("DescribeTasks", &json!({"tasks": [arn], "include": ["TAGS"]})).await.granted();
    let tags = json!([
        {"key": "a", "value": "b"}, {"key": "team", "value": "arcade"}, {"key": "why", "value": "a test"},
    ]);
    assert_eq!(tagged["tasks"][0]["tags"], tags);
    let plain = place.ecs("DescribeTasks", &json!({"tasks": [arn]})).await.granted();
    assert_eq!(plain["tasks"][0]["tags"], json!([]));
    let stopped = place.ecs("StopTask", &json!({"task": arn, "reason": "enough"})).await.granted();
    assert_eq!(
        (&stopped["task"]["stopCode"], &stopped["task"]["stoppedReason"]),
        (&json!("UserInitiated"), &json!("enough"))
    );
}

#[tokio::test]
async fn a_token_says_which_tasks_it_stands_for() {
    let place = place().await;
    let first = place.ecs("RunTask", &request(json!({}))).await.granted();
    let again = place.ecs("RunTask", &request(json!({}))).await.granted();
    assert_eq!(first["tasks"][0]["taskArn"], again["tasks"][0]["taskArn"]);
    let other = place.ecs("RunTask", &request(json!({"count": 2}))).await;
    assert_eq!(other.refused().0, "ConflictException");
    assert_eq!(other.json()["resourceIds"], json!([first["tasks"][0]["taskArn"]]));
    let tasks = place.ecs("RunTask", &request(json!({"count": 2, "clientToken": null}))).await.granted();
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 2);
    place.wire.hub.with(|world| world.ecs.no_capacity = true);
    let refused = place.ecs("RunTask", &request(json!({"clientToken": "key-2"}))).await.granted();
    assert!(refused["failures"][0]["reason"].as_str().unwrap().starts_with("Capacity is unavailable"));
}

#[tokio::test]
async fn what_would_not_be_carried_out_is_refused_with_a_sentence() {
    let place = place().await;
    let game = |members: Value| {
        let mut game = json!({"name": "game"});
        game.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({"overrides": {"containerOverrides": [game]}})
    };
    for (others, says) in [
        (json!({"enableExecuteCommand": true}), "ECS Exec"),
        (json!({"enableECSManagedTags": true}), "enableECSManagedTags"),
        (json!({"placementStrategy": [{"type": "random"}]}), "placementStrategy"),
        (json!({"volumeConfigurations": [{"name": "data"}]}), "volumeConfigurations"),
        (json!({"platformVersion": "1.3.0"}), "Platform version 1.3.0"),
        (json!({"propagateTags": "SERVICE"}), "SERVICE"),
        (json!({"overrides": {"cpu": "512"}}), "override of cpu"),
        (json!({"overrides": {"taskRoleArn": "arn:aws:iam::1:role/other"}}), "override of taskRoleArn"),
        (game(json!({"memory": 512})), "a container's memory"),
        (game(json!({"environmentFiles": [{"type": "s3", "value": "x"}]})), "environmentFiles"),
        (json!({"overrides": {"containerOverrides": [{"command": ["x"]}]}}), "Container.name"),
        (json!({"taskDefinition": ""}), "taskDefinition must be given"),
        (json!({"networkConfiguration": null}), "Network Configuration must be provided"),
    ] {
        let (_, message) = place.ecs("RunTask", &request(others.clone())).await.refused();
        assert!(message.contains(says), "{others}: {message}");
    }
    let (code, message) = place.ecs("StartTask", &json!({"taskDefinition": "game"})).await.refused();
    assert_eq!(code, "UnsupportedFeatureException");
    assert!(message.contains("use RunTask"), "{message}");
}
