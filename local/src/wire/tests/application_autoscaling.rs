//! Scalable targets over the wire.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Place;
use super::client::Answer;
use crate::world::ecs::CreateService;

const DIMENSION: &str = "ecs:service:DesiredCount";

async fn scaling(place: &Place, operation: &str, body: &Value) -> Answer {
    let target = format!("AnyScaleFrontendService.{operation}");
    place.json("application-autoscaling", &target, &body.to_string()).await
}

fn named(service: &str) -> Value {
    json!({
        "ServiceNamespace": "ecs",
        "ResourceId": format!("service/pushboat/{service}"),
        "ScalableDimension": DIMENSION,
    })
}

fn with(mut body: Value, members: Value) -> Value {
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

async fn place_with_services(names: &[&str]) -> Place {
    let place = Place::start().await;
    place.wire.hub.with(|world| {
        world.create_cluster("pushboat", BTreeMap::new()).unwrap();
        let document =
            json!({ "family": "game", "containerDefinitions": [{ "name": "game", "image": "game:1" }] });
        let document = document.as_object().unwrap().clone();
        world.register_task_definition(document, BTreeMap::new(), "tester").unwrap();
        for name in names {
            let request = CreateService {
                cluster: Some("pushboat".into()),
                name: (*name).into(),
                task_definition: "game".into(),
                ..CreateService::default()
            };
            world.create_service(request).unwrap();
        }
    });
    place
}

#[tokio::test]
async fn a_target_is_registered_changed_described_and_removed() {
    let place = place_with_services(&["game"]).await;
    let body = with(
        named("game"),
        json!({ "MinCapacity": 2, "MaxCapacity": 10, "RoleARN": "arn:aws:iam::1:role/x" }),
    );
    let arn = scaling(&place, "RegisterScalableTarget", &body).await.granted()["ScalableTargetARN"].clone();
    let text = arn.as_str().unwrap();
    assert!(
        text.starts_with("arn:aws:application-autoscaling:eu-central-1:123456789012:scalable-target/0ec5"),
        "{text}"
    );

    let change = json!({ "MaxCapacity": 4, "SuspendedState": { "DynamicScalingInSuspended": true } });
    let again = scaling(&place, "RegisterScalableTarget", &with(named("game"), change)).await.granted();
    assert_eq!(again["ScalableTargetARN"], arn, "the same target");

    let described =
        scaling(&place, "DescribeScalableTargets", &json!({ "ServiceNamespace": "ecs" })).await.granted();
    let [target] = &described["ScalableTargets"].as_array().unwrap()[..] else { panic!("{described}") };
    let now = jiff::Timestamp::now().as_second() as f64;
    assert!((now - target["CreationTime"].as_f64().unwrap()).abs() < 60.0);
    let expected = json!({
        "MinCapacity": 2,
        "MaxCapacity": 4,
        "RoleARN": "arn:aws:iam::123456789012:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
                    AWSServiceRoleForApplicationAutoScaling_ECSService",
        "SuspendedState": {
            "DynamicScalingInSuspended": true,
            "DynamicScalingOutSuspended": false,
            "ScheduledScalingSuspended": false,
        },
        "ScalableTargetARN": arn,
        "CreationTime": target["CreationTime"],
    });
    assert_eq!(*target, with(named("game"), expected));

    assert_eq!(scaling(&place, "DeregisterScalableTarget", &named("game")).await.granted(), json!({}));
    let (code, message) = scaling(&place, "DeregisterScalableTarget", &named("game")).await.refused();
    assert_eq!(code, "ObjectNotFoundException");
    assert!(
        message.contains("resource ID: service/pushboat/game, scalable dimension: ecs:service"),
        "{message}"
    );
}

#[tokio::test]
async fn what_cannot_be_registered_says_why() {
    let place = place_with_services(&["game"]).await;
    let both = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    let of = |members: Value| with(named("game"), members);
    for (body, says) in [
        (json!({}), "Value null at 'serviceNamespace'"),
        (json!({ "ServiceNamespace": "ecs" }), "Value null at 'resourceId'"),
        (
            of(json!({ "ServiceNamespace": "eks" })),
            "'serviceNamespace' failed to satisfy constraint: Member must satisfy enum",
        ),
        (
            of(json!({ "ServiceNamespace": "rds", "MinCapacity": 1, "MaxCapacity": 2 })),
            "Unsupported service namespace",
        ),
        (of(json!({ "ScalableDimension": "ecs:service:Other" })), "Unsupported service namespace"),
        (of(json!({ "ResourceId": "pushboat/game" })), "Unsupported service namespace"),
        (with(named("nobody"), both.clone()), "ECS service doesn't exist: service/pushboat/nobody"),
        (
            of(json!({ "ResourceId": "service/none/game", "MinCapacity": 1, "MaxCapacity": 2 })),
            "ECS service doesn't exist",
        ),
        (of(json!({ "MinCapacity": 1 })), "MaxCapacity must be given"),
        (of(json!({ "MaxCapacity": 1 })), "MinCapacity must be given"),
        (of(json!({ "MinCapacity": -1, "MaxCapacity": 1 })), "MinCapacity must be a number from 0"),
        (
            of(json!({ "MinCapacity": 3, "MaxCapacity": 2 })),
            "Maximum capacity cannot be less than minimum capacity",
        ),
    ] {
        let (code, message) = scaling(&place, "RegisterScalableTarget", &body).await.refused();
        assert_eq!(code, "ValidationException", "{body}");
        assert!(message.contains(says), "{body}: {message}");
    }
    scaling(&place, "RegisterScalableTarget", &of(both)).await.granted();
    for (members, says) in [
        (json!({ "Tags": { "a": "b" } }), "use the TagResource API"),
        (json!({ "MinCapacity": 9 }), "Maximum capacity cannot be less"),
    ] {
        let (code, message) = scaling(&place, "RegisterScalableTarget", &of(members)).await.refused();
        assert!(code == "ValidationException" && message.contains(says), "{message}");
    }
    let (code, _) =
        scaling(&place, "RegisterScalableTarget", &of(json!({ "MinCapacity": "1" }))).await.refused();
    assert_eq!(code, "SerializationException");
    let (code, message) = scaling(&place, "PutScalingPolicy", &named("game")).await.refused();
    assert!(code == "UnknownOperationException" && message.contains("RegisterScalableTarget"), "{message}");
    let target = "AnyScaleFrontendService.DescribeScalableTargets";
    assert_eq!(place.json("ecs", target, "{}").await.refused().0, "InvalidSignatureException");
}

#[tokio::test]
async fn targets_come_in_pages() {
    let place = place_with_services(&["c", "a", "b"]).await;
    for name in ["c", "a", "b"] {
        let body = with(named(name), json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
        scaling(&place, "RegisterScalableTarget", &body).await.granted();
    }
    let describe = async |members: Value| {
        let body = with(json!({ "ServiceNamespace": "ecs" }), members);
        scaling(&place, "DescribeScalableTargets", &body).await
    };
    let ids = |page: &Value| -> Vec<String> {
        let targets = page["ScalableTargets"].as_array().unwrap().iter();
        targets
            .map(|target| target["ResourceId"].as_str().unwrap().replace("service/pushboat/", ""))
            .collect()
    };
    let first = describe(json!({ "MaxResults": 2 })).await.granted();
    assert_eq!(ids(&first), ["a", "b"]);
    let second = describe(json!({ "MaxResults": 2, "NextToken": first["NextToken"] })).await.granted();
    assert_eq!((ids(&second), second.get("NextToken")), (vec!["c".to_owned()], None));

    let wanted = json!({ "ResourceIds": ["service/pushboat/b", "service/pushboat/none"], "ScalableDimension": DIMENSION });
    assert_eq!(ids(&describe(wanted).await.granted()), ["b"]);
    let elsewhere = describe(json!({ "ServiceNamespace": "rds" })).await.granted();
    assert_eq!(ids(&elsewhere), Vec::<String>::new());
    for (members, code) in [
        (json!({ "MaxResults": 51 }), "ValidationException"),
        (json!({ "MaxResults": 0 }), "ValidationException"),
        (json!({ "ScalableDimension": DIMENSION }), "ValidationException"),
        (json!({ "NextToken": "!" }), "InvalidNextTokenException"),
    ] {
        assert_eq!(describe(members.clone()).await.refused().0, code, "{members}");
    }
}
