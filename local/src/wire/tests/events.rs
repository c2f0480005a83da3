//! Events that clients put on the bus.

use serde_json::{Value, json};

use super::Place;
use super::client::Answer;
use crate::world::Effect;

async fn put(place: &Place, entries: Value) -> Answer {
    place.json("events", "AWSEvents.PutEvents", &json!({ "Entries": entries }).to_string()).await
}

fn entry(members: Value) -> Value {
    let mut entry = json!({"Source": "shop", "DetailType": "Order", "Detail": "{\"id\": 1}"});
    entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    entry
}

#[tokio::test]
async fn an_event_gets_an_envelope_and_an_id() {
    let mut place = Place::start().await;
    let members = json!({"Resources": ["arn:x"], "Time": 1_600_000_000.0, "EventBusName": "default"});
    let answer = put(&place, json!([entry(members), entry(json!({}))])).await.granted();
    assert_eq!(answer["FailedEntryCount"], 0);
    let events = place.effects_until(2, |effect| matches!(effect, Effect::Event(_))).await;
    let Effect::Event(event) = &events[0] else { unreachable!() };
    assert_eq!(event["id"], answer["Entries"][0]["EventId"]);
    let expected = json!({
        "version": "0", "id": event["id"], "detail-type": "Order", "source": "shop", "account": "123456789012",
        "time": "2020-09-13T12:26:40Z", "region": "eu-central-1", "resources": ["arn:x"], "detail": {"id": 1},
    });
    assert_eq!(*event, expected);
}

#[tokio::test]
async fn an_entry_that_is_refused_does_not_keep_the_others_back() {
    let mut place = Place::start().await;
    for (members, code) in [
        (json!({"Source": "aws.ecs"}), "NotAuthorizedForSourceException"),
        (json!({"Detail": "not JSON"}), "MalformedDetail"),
        (json!({"Detail": "[]"}), "MalformedDetail"),
        (json!({"Source": ""}), "InvalidArgument"),
        (json!({"EventBusName": "another"}), "InvalidArgument"),
    ] {
        let answer = put(&place, json!([entry(members), entry(json!({}))])).await.granted();
        assert_eq!(answer["FailedEntryCount"], 1);
        assert_eq!(answer["Entries"][0]["ErrorCode"], code);
        assert!(answer["Entries"][0].get("EventId").is_none());
        let events = place.effects_until(1, |effect| matches!(effect, Effect::Event(_))).await;
        assert_eq!(events.len(), 1, "the other one");
    }
}

#[tokio::test]
async fn calls_that_are_empty_or_too_large_are_refused_as_a_whole() {
    let place = Place::start().await;
    let large = entry(json!({"Detail": json!({"x": "x".repeat(256 * 1024)}).to_string()}));
    for entries in [json!([]), json!(vec![entry(json!({})); 11]), json!([large])] {
        assert_eq!(put(&place, entries).await.refused().0, "ValidationException");
    }
    let other = place.json("events", "AWSEvents.PutRule", "{}").await;
    assert_eq!(other.refused().0, "UnknownOperationException");
    let wrong_scope = place.json("ecs", "AWSEvents.PutEvents", "{}").await;
    assert_ne!(wrong_scope.status, 200, "signed for another service");
}
