//! What a push, a repeated push and a deletion leave behind, and what the world hears of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Content, Manifest, ManifestError, Repeat, media_type};
use crate::world::{Effect, Settings, Timestamp, World};

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn world(immutable_tags: bool) -> World {
    let mut world = World::new(Settings::default(), at(0));
    world.create_repository("game-2048", immutable_tags, false, BTreeMap::new()).unwrap();
    world
}

fn image_json(layer_bytes: u64) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": {"mediaType": media_type::OCI_CONFIG, "digest": digest('c'), "size": 100},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest('d'), "size": layer_bytes}],
    })
    .to_string()
}

fn index_json(children: &[String]) -> String {
    let manifests: Vec<Value> = children
        .iter()
        .map(|child| json!({"mediaType": media_type::OCI_MANIFEST, "digest": child, "size": 7}))
        .collect();
    json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests}).to_string()
}

fn push(world: &mut World, digest: &str, tag: Option<&str>) -> Result<(), String> {
    put(world, digest, tag, Repeat::Announce)
}

fn put(world: &mut World, digest: &str, tag: Option<&str>, repeat: Repeat) -> Result<(), String> {
    world
        .put_image("game-2048", digest, &image_json(1_000), media_type::OCI_MANIFEST, tag, repeat)
        .map_err(|refusal| refusal.code.to_owned())
}

fn push_index(world: &mut World, digest: &str, children: &[String], tag: Option<&str>) -> Result<(), String> {
    let json = index_json(children);
    world
        .put_image("game-2048", digest, &json, media_type::OCI_INDEX, tag, Repeat::Announce)
        .map_err(|refusal| refusal.code.to_owned())
}

/// (action, digest, tag) of every event since the last call.
fn heard(world: &mut World) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    world
        .take_effects()
        .into_iter()
        .map(|effect| match effect {
            Effect::Event(event) => {
                let detail = &event["detail"];
                (text(&detail["action-type"]), text(&detail["image-digest"]), text(&detail["image-tag"]))
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn heard_one(action: &str, digest: String, tag: &str) -> Vec<(String, String, String)> {
    vec![(action.to_owned(), digest, tag.to_owned())]
}

fn tags(world: &World, digest: &str) -> Vec<String> {
    let image = world.find_image("game-2048", digest).unwrap().unwrap();
    image.tags.iter().cloned().collect()
}

#[test]
fn a_push_is_announced_as_ecr_announces_it() {
    let mut world = world(false);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    let [Effect::Event(event)] = &world.take_effects()[..] else {
        panic!("one event");
    };
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove("id");
    assert_eq!(
        event,
        json!({
            "version": "0",
            "detail-type": "ECR Image Action",
            "source": "aws.ecr",
            "account": "123456789012",
            "time": "2026-11-18T11:06:40Z",
            "region": "eu-central-1",
            "resources": [],
            "detail": {
                "result": "SUCCESS",
                "repository-name": "game-2048",
                "image-digest": digest('1'),
                "action-type": "PUSH",
                "image-tag": "v1",
                "manifest-media-type": media_type::OCI_MANIFEST,
                "artifact-media-type": media_type::OCI_CONFIG,
            },
        })
    );
}

#[test]
fn a_tag_moves_and_the_old_image_stays_untagged() {
    let mut world = world(false);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    world.advance(at(60));
    push(&mut world, &digest('2'), Some("v1")).unwrap();
    assert_eq!(tags(&world, &digest('1')), Vec::<String>::new());
    assert_eq!(tags(&world, &digest('2')), ["v1"]);
    let by_tag = world.find_image("game-2048", "v1").unwrap().unwrap();
    assert_eq!(by_tag.digest, digest('2'));
    assert_eq!(by_tag.pushed_at, at(60));
}

#[test]
fn a_second_tag_does_not_make_an_image_newer() {
    let mut world = world(false);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    world.advance(at(60));
    push(&mut world, &digest('1'), Some("stable")).unwrap();
    assert_eq!(tags(&world, &digest('1')), ["stable", "v1"]);
    let image = world.find_image("game-2048", "stable").unwrap().unwrap();
    assert_eq!(image.pushed_at, at(0));
}

#[test]
fn pushing_the_same_again() {
    let mut world = world(false);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    push(&mut world, &digest('2'), None).unwrap();
    heard(&mut world);

    push(&mut world, &digest('1'), Some("v1")).unwrap();
    assert_eq!(heard(&mut world), heard_one("PUSH", digest('1'), "v1"));
    push(&mut world, &digest('2'), None).unwrap();
    assert_eq!(heard(&mut world), []);

    for (letter, tag) in [('1', Some("v1")), ('1', None), ('2', None)] {
        let refused = put(&mut world, &digest(letter), tag, Repeat::Refuse);
        assert_eq!(refused, Err("ImageAlreadyExistsException".into()), "{letter} {tag:?}");
    }
    put(&mut world, &digest('2'), Some("v2"), Repeat::Refuse).unwrap();
    assert_eq!(heard(&mut world), heard_one("PUSH", digest('2'), "v2"));
}

#[test]
fn an_immutable_tag_stays_where_it_is() {
    let mut world = world(true);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    heard(&mut world);
    let refusal = world
        .put_image(
            "game-2048",
            &digest('2'),
            &image_json(1),
            media_type::OCI_MANIFEST,
            Some("v1"),
            Repeat::Announce,
        )
        .unwrap_err();
    assert_eq!(refusal.code, "ImageTagAlreadyExistsException");
    assert_eq!(
        refusal.message,
        "The image tag 'v1' already exists in the 'game-2048' repository and cannot be overwritten because the \
         repository is immutable."
    );
    assert_eq!(world.find_image("game-2048", &digest('2')).unwrap().map(|i| &i.digest), None);
    assert_eq!(heard(&mut world), []);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    push(&mut world, &digest('2'), Some("v2")).unwrap();
}

#[test]
fn an_index_needs_its_children_and_keeps_them() {
    let mut world = world(false);
    let children = [digest('1'), digest('2')];
    push(&mut world, &children[0], None).unwrap();
    let refused = push_index(&mut world, &digest('9'), &children, Some("v1"));
    assert_eq!(refused, Err("ReferencedImagesNotFoundException".into()));
    push(&mut world, &children[1], Some("amd64")).unwrap();
    push_index(&mut world, &digest('9'), &children, Some("v1")).unwrap();
    let index = world.find_image("game-2048", "v1").unwrap().unwrap();
    assert_eq!(index.size_bytes, 2 * 1_100);
    assert_eq!(index.artifact_media_type, None);

    let refused = world.delete_image("game-2048", &children[0]).unwrap_err();
    assert_eq!(refused.code, "ImageReferencedByManifestList");
    world.delete_image("game-2048", "amd64").unwrap();
    assert_eq!(tags(&world, &children[1]), Vec::<String>::new());
    world.delete_image("game-2048", &digest('9')).unwrap();
    world.delete_image("game-2048", &children[0]).unwrap();
    let gone = world.delete_image("game-2048", &children[0]).unwrap_err();
    assert_eq!(gone.code, "ImageNotFound");
}

#[test]
fn deletions_are_announced_tag_by_tag() {
    let mut world = world(false);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    push(&mut world, &digest('1'), Some("v2")).unwrap();
    push(&mut world, &digest('1'), Some("v3")).unwrap();
    push(&mut world, &digest('2'), None).unwrap();
    heard(&mut world);

    let went = world.delete_image("game-2048", "v1").unwrap();
    assert_eq!(went, [(digest('1'), Some("v1".into()))]);
    assert_eq!(heard(&mut world), heard_one("DELETE", digest('1'), "v1"));
    assert_eq!(tags(&world, &digest('1')), ["v2", "v3"]);

    let went = world.delete_image("game-2048", &digest('1')).unwrap();
    assert_eq!(went.len(), 2);
    let of_both: Vec<String> = heard(&mut world).into_iter().map(|(_, _, tag)| tag).collect();
    assert_eq!(of_both, ["v2", "v3"]);
    assert!(world.find_image("game-2048", &digest('1')).unwrap().is_none());

    assert_eq!(world.delete_image("game-2048", &digest('2')).unwrap(), [(digest('2'), None)]);
    assert_eq!(heard(&mut world), heard_one("DELETE", digest('2'), ""));
}

#[test]
fn the_last_tag_takes_the_image_along() {
    let mut world = world(false);
    push(&mut world, &digest('1'), Some("v1")).unwrap();
    world.delete_image("game-2048", "v1").unwrap();
    assert!(world.repository("game-2048").unwrap().images.is_empty());
}

#[test]
fn what_is_about_another_image_goes_by_another_name() {
    let mut world = world(false);
    let mut manifest: Value = serde_json::from_str(&image_json(1)).unwrap();
    manifest["subject"] = json!({"mediaType": media_type::OCI_MANIFEST, "digest": digest('1'), "size": 1});
    manifest["artifactType"] = json!("application/vnd.example.signature");
    world
        .put_image(
            "game-2048",
            &digest('2'),
            &manifest.to_string(),
            media_type::OCI_MANIFEST,
            None,
            Repeat::Announce,
        )
        .unwrap();
    let [Effect::Event(event)] = &world.take_effects()[..] else {
        panic!("one event");
    };
    assert_eq!(event["detail-type"], "ECR Referrer Action");
    assert_eq!(event["detail"]["artifact-media-type"], "application/vnd.example.signature");
}

#[test]
fn repositories_come_and_go() {
    let mut world = world(false);
    let twice = world.create_repository("game-2048", false, false, BTreeMap::new());
    assert_eq!(twice.unwrap_err().code, "RepositoryAlreadyExistsException");
    let misnamed = world.create_repository("Game", false, false, BTreeMap::new());
    assert_eq!(misnamed.unwrap_err().code, "InvalidParameterException");
    let missing = world.repository("other").unwrap_err();
    assert_eq!(
        missing.message,
        "The repository with name 'other' does not exist in the registry with id '123456789012'"
    );
    push(&mut world, &digest('1'), None).unwrap();
    let kept = world.delete_repository("game-2048", false).unwrap_err();
    assert_eq!(kept.code, "RepositoryNotEmptyException");
    let gone = world.delete_repository("game-2048", true).unwrap();
    assert_eq!(gone.arn, "arn:aws:ecr:eu-central-1:123456789012:repository/game-2048");
    assert_eq!(world.delete_repository("game-2048", true).unwrap_err().code, missing.code);
}

#[test]
fn a_manifest_that_can_be_read_in_two_ways_is_none() {
    let mut both: Value = serde_json::from_str(&image_json(1)).unwrap();
    both["manifests"] = json!([]);
    let error = Manifest::parse(&both.to_string(), None).unwrap_err();
    assert!(matches!(error, ManifestError::Ambiguous { .. }), "{error}");

    let image = Manifest::parse(&image_json(1), None).unwrap();
    assert!(matches!(image.content, Content::Image { .. }));
    let error = Manifest::parse(&image_json(1), Some(media_type::OCI_INDEX)).unwrap_err();
    assert!(matches!(error, ManifestError::MediaTypesDiffer { .. }), "{error}");
}
