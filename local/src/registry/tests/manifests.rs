//! Good pushes, and what becomes of them.

use serde_json::json;

use crate::registry::Digest;
use crate::registry::testkit::{LAYER, Place, REPOSITORY, TinyImage, TinyIndex, descriptor};
use crate::world::ecr::media_type;

#[tokio::test]
async fn what_was_pushed_comes_back_byte_for_byte() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    let digest = place.push_image(Some("v1"), &image).await;
    for reference in ["v1", digest.as_str()] {
        let path = format!("/v2/{REPOSITORY}/manifests/{reference}");
        let answer = place.send(&format!("GET {path}"), "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, image.manifest().to_string());
        assert_eq!(answer.header("content-type"), media_type::OCI_MANIFEST);
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        let head = place.send(&format!("HEAD {path}"), "").await;
        assert_eq!(head.header("content-length"), answer.body.len().to_string());
    }
    for missing in ["v2", Digest::of(b"").as_str()] {
        let answer = place.send(&format!("GET /v2/{REPOSITORY}/manifests/{missing}"), "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "MANIFEST_UNKNOWN"));
    }
}

#[tokio::test]
async fn an_index_is_five_pushes_and_one_tag() {
    let mut place = Place::start().await;
    let index = TinyIndex::new();
    let mut expected = Vec::new();
    for child in &index.children {
        let digest = place.push_image(None, child).await;
        expected.push((digest.to_string(), String::new()));
    }
    let answer = place.push_manifest("v1", &index.manifest).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let tagged = (index.digest().to_string(), "v1".to_owned());
    expected.push(tagged.clone());
    assert_eq!(place.pushes(), expected);

    for child in &index.children {
        place.push_image(None, child).await;
    }
    assert_eq!(place.push_manifest("v1", &index.manifest).await.status, 201);
    assert_eq!(place.pushes(), [tagged], "a repeated push is announced by its tag alone");
}

#[tokio::test]
async fn a_blob_of_another_repository_is_not_there() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    place.push_image(Some("v1"), &image).await;
    place
        .registry
        .hub
        .with(|world| world.create_repository("other", false, false, Default::default()).map(drop))
        .unwrap();
    let headers = [("content-type", media_type::OCI_MANIFEST)];
    let answer = place.send_with("PUT /v2/other/manifests/v1", &headers, image.manifest().to_string()).await;
    assert_eq!(answer.code(), "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn an_immutable_tag_refuses_in_ecrs_words() {
    let mut place = Place::start_with(true).await;
    let first = place.push_image(Some("v1"), &TinyImage::for_platform("linux", "amd64")).await;
    place.push_image(Some("v1"), &TinyImage::for_platform("linux", "amd64")).await;
    let second = TinyImage::for_platform("linux", "arm64");
    for blob in second.blobs() {
        place.push_blob(blob).await;
    }
    place.pushes();
    let answer = place.push_manifest("v1", &second.manifest()).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "TAG_INVALID"));
    assert_eq!(
        answer.message(),
        "The image tag 'v1' already exists in the 'team/game-2048' repository and cannot be overwritten because \
         the repository is immutable."
    );
    assert_eq!(place.pushes(), []);
    let head = place.send(&format!("HEAD /v2/{REPOSITORY}/manifests/v1"), "").await;
    assert_eq!(head.header("docker-content-digest"), first.as_str());
}

#[tokio::test]
async fn docker_manifests_are_welcome() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    for blob in image.blobs() {
        place.push_blob(blob).await;
    }
    let layer = descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &image.layer);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::DOCKER_MANIFEST,
        "config": descriptor(media_type::DOCKER_CONFIG, &image.config),
        "layers": [layer],
    });
    assert_eq!(place.push_manifest("v1", &manifest).await.status, 201);
    let child = descriptor(media_type::DOCKER_MANIFEST, manifest.to_string().as_bytes());
    let list = json!({"schemaVersion": 2, "mediaType": media_type::DOCKER_LIST, "manifests": [child]});
    assert_eq!(place.push_manifest("all", &list).await.status, 201);
}

#[tokio::test]
async fn deleting() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    let digest = place.push_image(Some("v1"), &image).await;
    place.push_image(Some("v2"), &image).await;
    let line = |reference: &str| format!("/v2/{REPOSITORY}/manifests/{reference}");
    assert_eq!(place.send(&format!("DELETE {}", line("v1")), "").await.status, 202);
    assert_eq!(place.send(&format!("GET {}", line("v1")), "").await.status, 404);
    assert_eq!(place.send(&format!("GET {}", line("v2")), "").await.status, 200);
    assert_eq!(place.send(&format!("DELETE {}", line(digest.as_str())), "").await.status, 202);
    let again = place.send(&format!("DELETE {}", line(digest.as_str())), "").await;
    assert_eq!(again.code(), "MANIFEST_UNKNOWN");
    let post = place.send(&format!("POST {}", line("v1")), "").await;
    assert_eq!((post.status.as_u16(), post.code().as_str()), (405, "UNSUPPORTED"));
}

#[tokio::test]
async fn a_layer_may_be_named_twice() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    let mut manifest = image.manifest();
    let layer = descriptor(LAYER, &image.layer);
    manifest["layers"] = json!([layer, layer]);
    for blob in image.blobs() {
        place.push_blob(blob).await;
        place.push_blob(blob).await;
    }
    assert_eq!(place.push_manifest("v1", &manifest).await.status, 201);
}
