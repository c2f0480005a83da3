//! What tasks wrote, by way of CloudWatch Logs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Place;
use super::client::Answer;
use crate::world::Effect;
use crate::world::ecs::CreateService;

const GROUP: &str = "/ecs/game";

async fn logs(place: &Place, operation: &str, body: Value) -> Answer {
    place.json("logs", &format!("Logs_20140328.{operation}"), &body.to_string()).await
}

/// A task whose container `game` writes to the group, and whose container `quiet` writes elsewhere; and its id.
async fn place_with_task() -> (Place, String) {
    let mut place = Place::start().await;
    place.wire.hub.with(|world| {
        world.create_cluster("default", BTreeMap::new()).unwrap();
        let log = json!({"logDriver": "awslogs", "options": {
            "awslogs-group": GROUP, "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "app",
        }});
        let document = json!({"family": "game", "containerDefinitions": [
            {"name": "game", "image": "game:1", "logConfiguration": log},
            {"name": "quiet", "image": "game:1"},
        ]});
        let document = document.as_object().unwrap().clone();
        world.register_task_definition(document, BTreeMap::new(), "tester").unwrap();
        let request = CreateService {
            name: "game".into(),
            task_definition: "game".into(),
            desired_count: 1,
            ..CreateService::default()
        };
        world.create_service(request).unwrap();
    });
    let effects = place.effects_until(1, |effect| matches!(effect, Effect::StartTask(_))).await;
    let Effect::StartTask(task) = &effects[0] else { unreachable!() };
    for number in 1..=5 {
        place.wire.task_logs.add(&task.task_id, "game", format!("line {number}"));
        place.wire.task_logs.add(&task.task_id, "quiet", "psst".into());
    }
    (place, task.task_id.clone())
}

fn texts(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|it| it["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_lines_of_one_container_are_read_from_the_end_or_from_the_head_page_by_page() {
    let (place, task) = place_with_task().await;
    let request = |members: Value| {
        let mut body = json!({"logGroupName": GROUP, "logStreamName": format!("app/game/{task}")});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let newest = logs(&place, "GetLogEvents", request(json!({"limit": 2}))).await.granted();
    assert_eq!(texts(&newest), ["line 4", "line 5"]);
    let back = json!({"limit": 2, "nextToken": newest["nextBackwardToken"]});
    let older = logs(&place, "GetLogEvents", request(back)).await.granted();
    assert_eq!(texts(&older), ["line 2", "line 3"]);
    let on = json!({"nextToken": newest["nextForwardToken"]});
    let nothing = logs(&place, "GetLogEvents", request(on)).await.granted();
    assert!(texts(&nothing).is_empty());
    assert_eq!(nothing["nextForwardToken"], newest["nextForwardToken"], "it is the end");
    let head = json!({"startFromHead": true, "limit": 3});
    let first = logs(&place, "GetLogEvents", request(head)).await.granted();
    assert_eq!(texts(&first), ["line 1", "line 2", "line 3"]);
    let on = json!({"nextToken": first["nextForwardToken"]});
    let rest = logs(&place, "GetLogEvents", request(on)).await.granted();
    assert_eq!(texts(&rest), ["line 4", "line 5"]);
    let early = logs(&place, "GetLogEvents", request(json!({"endTime": 1}))).await.granted();
    assert!(texts(&early).is_empty());
    for (wrong, says) in
        [(json!({"limit": 0}), "between 1 and"), (json!({"nextToken": "x"}), "nextToken is invalid")]
    {
        let (code, message) = logs(&place, "GetLogEvents", request(wrong)).await.refused();
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn groups_and_streams_that_nobody_writes_to_are_not_there() {
    let (place, task) = place_with_task().await;
    for (group, stream, missing) in [
        ("/ecs/other", format!("app/game/{task}"), "The specified log group does not exist."),
        (GROUP, "app/game/0".to_owned(), "The specified log stream does not exist."),
        (GROUP, format!("app/quiet/{task}"), "The specified log stream does not exist."),
    ] {
        let body = json!({"logGroupName": group, "logStreamName": stream});
        let refused = logs(&place, "GetLogEvents", body).await.refused();
        assert_eq!(refused, ("ResourceNotFoundException".to_owned(), missing.to_owned()));
    }
    let (code, _) = logs(&place, "PutLogEvents", json!({})).await.refused();
    assert_eq!(code, "UnknownOperationException");
}

#[tokio::test]
async fn streams_are_listed_and_lines_are_found_by_their_words() {
    let (place, task) = place_with_task().await;
    let stream = format!("app/game/{task}");
    for body in [
        json!({"logGroupName": GROUP}),
        json!({"logGroupIdentifier": format!("arn:aws:logs:eu-central-1:123456789012:log-group:{GROUP}")}),
        json!({"logGroupName": GROUP, "orderBy": "LastEventTime", "descending": true}),
        json!({"logGroupName": GROUP, "logStreamNamePrefix": "app/game"}),
    ] {
        let listed = logs(&place, "DescribeLogStreams", body).await.granted();
        assert_eq!(listed["logStreams"][0]["logStreamName"], stream.as_str());
        assert_eq!(listed["logStreams"].as_array().map(Vec::len), Some(1));
    }
    for (pattern, found) in
        [("", 5), ("line", 5), ("line -3", 4), ("?1 ?2", 2), ("\"line 4\"", 1), ("line nothing", 0)]
    {
        let body = json!({"logGroupName": GROUP, "filterPattern": pattern});
        let answer = logs(&place, "FilterLogEvents", body).await.granted();
        assert_eq!(answer["events"].as_array().map(Vec::len), Some(found), "{pattern}");
    }
    let body = json!({"logGroupName": GROUP, "limit": 3});
    let page = logs(&place, "FilterLogEvents", body).await.granted();
    assert_eq!(texts(&page), ["line 1", "line 2", "line 3"]);
    let body = json!({"logGroupName": GROUP, "nextToken": page["nextToken"]});
    assert_eq!(texts(&logs(&place, "FilterLogEvents", body).await.granted()), ["line 4", "line 5"]);
    let body = json!({"logGroupName": GROUP, "filterPattern": "{ $.level = 1 }"});
    assert_eq!(texts(&logs(&place, "FilterLogEvents", body).await.granted()), [""; 0]);
    let body = json!({"logGroupName": GROUP, "filterPattern": "{ $.level = }"});
    assert_eq!(logs(&place, "FilterLogEvents", body).await.refused().0, "InvalidParameterException");
}
