use proptest::prelude::*;
use serde_json::json;

use super::*;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn definition(document: Value) -> TaskDefinition {
    let Value::Object(document) = document else { panic!("an object") };
    TaskDefinition { arn: "game:7".into(), document, tags: Tags::new() }
}

fn containers(list: &[(&str, &str)]) -> TaskDefinition {
    let list: Vec<_> = list.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
    definition(json!({ "family": "game", "containerDefinitions": list }))
}

#[test]
fn an_image_name_is_read_whatever_it_carries() {
    for (image, name, repository, tag, pinned) in [
        ("nginx", "nginx", "nginx", None, false),
        ("nginx:1.2", "nginx", "nginx", Some("1.2"), false),
        ("team/app:1", "team/app", "team/app", Some("1"), false),
        ("localhost/app", "localhost/app", "app", None, false),
        ("127.0.0.1:5000/game", "127.0.0.1:5000/game", "game", None, false),
        ("127.0.0.1:5000/a/b:v1", "127.0.0.1:5000/a/b", "a/b", Some("v1"), false),
        ("1.dkr.ecr.eu.amazonaws.com/game@{D}", "1.dkr.ecr.eu.amazonaws.com/game", "game", None, true),
        (
            "1.dkr.ecr.eu.amazonaws.com/game:v1@{D}",
            "1.dkr.ecr.eu.amazonaws.com/game",
            "game",
            Some("v1"),
            true,
        ),
        ("game@sha256:short", "game", "game", None, false),
    ] {
        let image = image.replace("{D}", DIGEST);
        let parsed = ImageName::parse(&image);
        assert_eq!((parsed.name, parsed.repository(), parsed.tag), (name, repository, tag), "{image}");
        assert_eq!(parsed.digest.is_some(), pinned, "{image}");
    }
}

#[test]
fn the_container_is_the_one_whose_image_comes_from_the_repository() {
    let two = containers(&[("log", "public.ecr.aws/fluentbit:2"), ("web", "host:1/game:v1")]);
    let (name, image) = two.container(None, "game").unwrap();
    assert_eq!((name, image.tag), ("web", Some("v1")));
    assert_eq!(two.container(Some("log"), "game").unwrap().0, "log", "a named one may run anything");
}

#[test]
fn a_container_that_is_missing_or_not_clear_is_refused_in_words() {
    let two = containers(&[("a", "game:1"), ("b", "game:2")]);
    for (definition, named, repository, says) in [
        (&two, Some("c"), "game", "no container named 'c'; it has a, b"),
        (
            &two,
            None,
            "other",
            "no container of game:7 runs an image of the repository 'other'; they run game, game",
        ),
        (&two, None, "game", "2 containers of game:7 run images"),
        (&definition(json!({})), None, "game", "no list containerDefinitions"),
        (&definition(json!({"containerDefinitions": [{"image": "x"}]})), None, "x", "has no name"),
    ] {
        let error = definition.container(named, repository).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn exactly_the_nine_response_only_members_are_dropped() {
    let mut document =
        json!({"family": "game", "containerDefinitions": [{"name": "web", "image": "game:1"}]});
    for member in RESPONSE_ONLY {
        document[member] = json!("from the response");
    }
    document["inventedIn2031"] = json!({"deep": [1, 2.5, null, {"x": "é"}]});
    let registered = definition(document).with_images(&[("web", "game:2")]);
    let expected = json!({
        "family": "game",
        "containerDefinitions": [{"name": "web", "image": "game:2"}],
        "inventedIn2031": {"deep": [1, 2.5, null, {"x": "é"}]},
    });
    assert_eq!(Value::Object(registered), expected);
}

#[test]
fn tags_of_aws_and_of_the_old_release_are_not_copied() {
    let mut base = containers(&[("web", "game:1")]);
    for key in ["aws:cloudformation:stack-name", "AWS:x", "team", "pushboat:digest", "pushboat:template"] {
        base.tags.insert(key.into(), "v".into());
    }
    assert_eq!(base.tags_to_keep().into_keys().collect::<Vec<_>>(), ["team"]);
}

#[test]
fn what_is_registered_once_more_keeps_what_was_said_of_it() {
    let mut base = containers(&[("web", "game:1")]);
    for key in ["aws:x", "team", "pushboat:image:web", "pushboat:base", TEMPLATE, NOTED] {
        base.tags.insert(key.into(), "v".into());
    }
    let expected = [("pushboat:base", "game:7"), ("pushboat:image:web", "v"), ("team", "v")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(base.tags_to_restore(), Tags::from(expected));
}

#[test]
fn a_revision_is_known_by_family_and_number() {
    let arn = "arn:aws:ecs:eu:1:task-definition/game-2048:17";
    assert_eq!((revision_name(arn), family_and_number(arn)), ("game-2048:17", Some(("game-2048", 17))));
    for odd in ["game", "game:", "game:x", ""] {
        assert_eq!(family_and_number(odd), None, "{odd}");
    }
}

/// Any JSON a future ECS may return, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn only_the_image_changes_whatever_else_the_document_holds(
        members in prop::collection::btree_map("[a-z][a-zA-Z]{0,10}", any_json(), 0..6),
        extra in prop::collection::btree_map("x[a-zA-Z]{1,8}", any_json(), 0..4),
    ) {
        let mut document: Map<String, Value> =
            members.into_iter().filter(|(key, _)| !RESPONSE_ONLY.contains(&key.as_str())).collect();
        let mut web: Map<String, Value> = extra.into_iter().collect();
        web.insert("name".into(), "web".into());
        web.insert("image".into(), "game:1".into());
        document.insert("containerDefinitions".into(), json!([{"name": "log", "image": "game:1"}, web]));
        let before = definition(Value::Object(document));

        let mut after = before.with_images(&[("web", "game:2")]);
        prop_assert_eq!(after["containerDefinitions"][1]["image"].as_str(), Some("game:2"));
        after["containerDefinitions"][1]["image"] = "game:1".into();
        prop_assert_eq!(after, before.document);
    }
}
