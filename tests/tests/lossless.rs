//! Nothing is lost in the copy: a task definition that has every member of the service model, and one that nobody
//! has heard of, is described, edited and registered again through the real SDK and the wire.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use pushboat::cloud::Cloud;
use pushboat::model::Tags;
use pushboat::task_definition::RESPONSE_ONLY;
use pushboat_tests::wire::Stand;
use serde_json::{Map, Value, json};

/// One value for every member that the shape can have, however deep. `seen` keeps recursive shapes finite.
fn sample(shapes: &Value, name: &str, seen: &mut Vec<String>) -> Value {
    let shape = &shapes[name];
    let text = |key: &str| shape[key].as_str().unwrap_or_default().to_owned();
    if seen.iter().any(|known| known == name) {
        return Value::Null;
    }
    seen.push(name.to_owned());
    let value = match text("type").as_str() {
        "structure" => {
            let members = shape["members"].as_object().expect("a structure has members");
            let pairs = members
                .iter()
                .map(|(member, of)| (member.clone(), sample(shapes, of.as_str().unwrap_or_default(), seen)));
            Value::Object(pairs.collect())
        }
        "list" => json!([sample(shapes, &text("member"), seen)]),
        "map" => json!({ "some.key": sample(shapes, &text("value"), seen) }),
        "string" => shape["enum"].get(0).cloned().unwrap_or_else(|| json!(format!("text of {name}"))),
        "integer" | "long" => json!(7),
        "double" | "float" => json!(2.5),
        "boolean" => json!(true),
        other => panic!("a type this test does not know: {other} of {name}"),
    };
    seen.pop();
    value
}

/// The document of the model, valid where ECS checks, with one invented member on each of two levels.
fn document() -> Map<String, Value> {
    let model: Value = serde_json::from_str(include_str!("../models/register_task_definition.json")).unwrap();
    let sampled = sample(&model["shapes"], "RegisterTaskDefinitionRequest", &mut Vec::new());
    let Value::Object(mut document) = sampled else { panic!("a request is a structure") };
    document.remove("tags");
    document.insert("family".into(), json!("everything"));
    document.insert("inventedIn2031".into(), json!({ "deep": [1, null, { "é": 2.5 }] }));
    let container = &mut document["containerDefinitions"][0];
    container["name"] = json!("web");
    container["image"] = json!("registry.example/game:1");
    container["inventedToo"] = json!(["x"]);
    document
}

#[tokio::test]
async fn every_member_of_the_model_and_an_invented_one_come_through() {
    let stand = Stand::start().await;
    let first = stand.hub.with(|world| {
        let tags = BTreeMap::from([("team".to_owned(), "arcade".to_owned())]);
        world.register_task_definition(document(), tags, "a person").unwrap().arn
    });

    let aws = stand.aws();
    let described = aws.task_definition(&first).await.unwrap();
    for member in RESPONSE_ONLY.iter().filter(|member| !member.starts_with("de")) {
        assert!(described.document.contains_key(*member), "the answer should have {member}");
    }
    let edited = described.with_images(&[(
        "web",
        "registry.example/game@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    )]);
    let second = aws.register(&edited, &described.tags_to_keep()).await.unwrap();

    let again = aws.task_definition(&second).await.unwrap();
    assert_eq!(again.tags, Tags::from([("team".into(), "arcade".into())]));
    let mut registered =
        stand.hub.with(|world| world.find_task_definition(&second).unwrap().document.clone());
    assert_eq!(
        registered["containerDefinitions"][0]["image"],
        "registry.example/game@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    );
    registered["containerDefinitions"][0]["image"] = json!("registry.example/game:1");

    let expected = document();
    for (member, value) in &expected {
        assert_eq!(contained(&registered[member], value), Ok(()), "{member}");
    }
    let added: Vec<_> = registered.keys().filter(|member| !expected.contains_key(*member)).collect();
    assert!(added.is_empty(), "members that nobody registered: {added:?}");
    stand.stop().await;
}

/// Everything of `expected` is in `actual`. ECS fills in defaults of containers, which are allowed beside it.
fn contained(actual: &Value, expected: &Value) -> Result<(), String> {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected.iter().try_for_each(|(key, value)| {
            let there = actual.get(key).ok_or_else(|| format!("{key} is gone"))?;
            contained(there, value).map_err(|error| format!("{key}: {error}"))
        }),
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => {
            actual.iter().zip(expected).try_for_each(|(actual, expected)| contained(actual, expected))
        }
        (actual, expected) if actual == expected => Ok(()),
        (actual, expected) => Err(format!("{actual} instead of {expected}")),
    }
}

#[test]
fn the_sample_really_has_every_member_of_the_model() {
    let model: Value = serde_json::from_str(include_str!("../models/register_task_definition.json")).unwrap();
    let request = model["shapes"]["RegisterTaskDefinitionRequest"]["members"].as_object().unwrap();
    let container = model["shapes"]["ContainerDefinition"]["members"].as_object().unwrap();
    let document = document();
    assert!(request.keys().filter(|member| *member != "tags").all(|member| document.contains_key(member)));
    let sampled = document["containerDefinitions"][0].as_object().unwrap();
    assert!(container.len() > 30 && container.keys().all(|member| sampled.contains_key(member)));
}
