//! Task definitions and tags.

use super::super::*;
use super::*;

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

#[test]
fn documents_come_back_as_they_went_in() {
    let mut laptop = Laptop::new();
    let mut given = document("registry/game:v1");
    given.insert("tags".into(), json!([{ "key": "a", "value": "b" }]));
    let registered = laptop.world.register_task_definition(given.clone(), tags(&[("a", "b")]), "me").unwrap();
    given.remove("tags");
    assert_eq!(registered.document, given);
    assert_eq!(registered.document["invention"], json!({ "of": ["tomorrow"] }));
    assert_eq!(registered.arn, "arn:aws:ecs:eu-central-1:123456789012:task-definition/game:1");
    assert_eq!(laptop.world.tags_of(&registered.arn).unwrap(), &tags(&[("a", "b")]));
}

/// How registering `game` with one member changed is refused.
fn refusal(member: &str, value: Value) -> String {
    let mut laptop = Laptop::new();
    let mut document = document("registry/game:v1");
    document.insert(member.into(), value);
    let registered = laptop.world.register_task_definition(document, Tags::new(), "me");
    assert!(laptop.world.ecs.task_definitions.is_empty());
    registered.unwrap_err().to_string()
}

#[test]
fn a_family_has_a_proper_name_and_a_document_its_size() {
    let table = [
        ("family", json!(null), "ClientException: Family should not be null or empty."),
        ("family", json!(""), "ClientException: Family should not be null or empty."),
        ("family", json!("a b"), "ClientException: Family contains invalid characters."),
        ("family", json!("x".repeat(256)), "ClientException: Family contains invalid characters."),
        ("more", json!("x".repeat(65_536)), "Max allowed length is '65536' bytes."),
    ];
    for (member, value, expected) in table {
        let refusal = refusal(member, value);
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn a_document_has_containers_with_names_and_images_of_their_own() {
    let table = [
        (json!([]), "ClientException: Container list cannot be empty."),
        (json!(null), "ClientException: Container list cannot be empty."),
        (json!({}), "InvalidParameterException: containerDefinitions must be a list of objects."),
        (json!(["g"]), "InvalidParameterException: containerDefinitions must be a list of objects."),
        (json!([{ "image": "i" }]), "ClientException: Container.name should not be null or empty."),
        (
            json!([{ "name": "a b", "image": "i" }]),
            "ClientException: Container.name contains invalid characters.",
        ),
        (json!([{ "name": "g" }]), "ClientException: Container.image should not be null or empty."),
        (json!([{ "name": "g", "image": "i" }, { "name": "g", "image": "i" }]), "names must be unique: 'g'"),
        (json!([{ "name": "g", "image": "i", "essential": false }]), "at least one essential container."),
    ];
    for (containers, expected) in table {
        let refusal = refusal("containerDefinitions", containers);
        assert!(refusal.contains(expected), "{refusal}");
    }
    let many: Vec<_> = (0..11).map(|it| json!({ "name": format!("c{it}"), "image": "i" })).collect();
    assert!(refusal("containerDefinitions", json!(many)).contains("at most 10 containers"));
}

#[test]
fn an_image_has_a_proper_name_and_digest() {
    let long = "x".repeat(256);
    let loud = format!("registry/game@{}", DIGEST.replace("3f4a", "3F4A"));
    for image in ["a b", &long, "@", "game@", "game@sha256:12", &loud] {
        let refusal = refusal("containerDefinitions", json!([{ "name": "g", "image": image }]));
        assert_eq!(refusal, "ClientException: Container.image contains invalid characters.");
    }
    let mut laptop = Laptop::new();
    let digest = document(&format!("localhost:5000/game@{DIGEST}"));
    assert!(laptop.world.register_task_definition(digest, Tags::new(), "me").is_ok());
}

#[test]
fn revisions_are_never_used_twice_and_a_family_means_its_newest_active_one() {
    let mut laptop = Laptop::new();
    for _ in 0..3 {
        laptop.register("v1");
    }
    let world = &mut laptop.world;
    let gone = world.deregister_task_definition("game:3").unwrap();
    assert!(!gone.active && gone.deregistered_at.is_some());
    assert_eq!(world.find_task_definition("game").unwrap().revision, 2);
    assert_eq!(world.find_task_definition("game:3").unwrap().arn, gone.arn);
    assert_eq!(world.find_task_definition(&gone.arn).unwrap().revision, 3);
    assert_eq!(world.deregister_task_definition("game").unwrap_err().code, "InvalidParameterException");
    let again = laptop.register("v1");
    assert!(again.ends_with(":4"));
    for unknown in ["game:9", "other", "game:x", "game:", "", "arn:aws:ecs:x:y:task-definition/game:1"] {
        let refusal = laptop.world.find_task_definition(unknown).unwrap_err();
        assert_eq!(refusal.to_string(), "ClientException: Unable to describe task definition.");
    }
}

#[test]
fn tags_come_and_go_within_their_limits() {
    let mut laptop = Laptop::with_service(1);
    let arn = laptop.service().arn.clone();
    let world = &mut laptop.world;
    world.tag_resource(&arn, tags(&[("pushboat:tag", "v1"), ("b", "")])).unwrap();
    world.tag_resource(&arn, tags(&[("pushboat:tag", "v2")])).unwrap();
    world.untag_resource(&arn, &["b".into(), "never there".into()]).unwrap();
    assert_eq!(world.tags_of(&arn).unwrap(), &tags(&[("pushboat:tag", "v2")]));
    let many: Tags = (0..50).map(|it| (format!("key-{it}"), String::new())).collect();
    for refused in [
        many,
        tags(&[("AWS:x", "")]),
        tags(&[("", "")]),
        tags(&[("a*b", "")]),
        tags(&[("a", "b,c")]),
        tags(&[(&"x".repeat(129), "")]),
        tags(&[("a", &"x".repeat(257))]),
    ] {
        assert_eq!(world.tag_resource(&arn, refused).unwrap_err().code, "InvalidParameterException");
    }
    assert_eq!(world.tags_of(&arn).unwrap().len(), 1);
    assert_eq!(world.tags_of("arn:none").unwrap_err().code, "ResourceNotFoundException");
    let cluster = world.find_cluster(Some("demo")).unwrap().arn.clone();
    world.tag_resource(&cluster, tags(&[("a", "b")])).unwrap();
    assert_eq!(world.find_cluster(Some("demo")).unwrap().tags.len(), 1);
}
