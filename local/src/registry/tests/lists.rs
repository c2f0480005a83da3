//! Tags, repositories and referrers.

use serde_json::json;

use crate::registry::testkit::{Place, REPOSITORY, TinyImage, descriptor};
use crate::world::ecr::media_type;

#[tokio::test]
async fn tags_page_by_page() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    for tag in ["v2", "v10", "v1", "latest"] {
        place.push_image(Some(tag), &image).await;
    }
    let path = format!("/v2/{REPOSITORY}/tags/list");
    let all = place.send(&format!("GET {path}"), "").await;
    assert_eq!(all.json(), json!({"name": REPOSITORY, "tags": ["latest", "v1", "v10", "v2"]}));
    assert_eq!(all.header("link"), "");

    let mut line = format!("GET {path}?n=3");
    let mut seen = Vec::new();
    loop {
        let page = place.send(&line, "").await;
        seen.push(page.json()["tags"].clone());
        let Some((next, _)) = page.header("link").split_once('>') else {
            break;
        };
        line = format!("GET {}", &next[1..]);
    }
    assert_eq!(seen, [json!(["latest", "v1", "v10"]), json!(["v2"])]);

    let none = place.send(&format!("GET {path}?n=0"), "").await;
    assert_eq!(none.json()["tags"], json!([]));
    let bad = place.send(&format!("GET {path}?n=x"), "").await;
    assert_eq!((bad.status.as_u16(), bad.code().as_str()), (400, "PAGINATION_NUMBER_INVALID"));
}

#[tokio::test]
async fn repositories() {
    let place = Place::start().await;
    place
        .registry
        .hub
        .with(|world| world.create_repository("another", false, false, Default::default()).map(drop))
        .unwrap();
    let answer = place.send("GET /v2/_catalog", "").await;
    assert_eq!(answer.json(), json!({"repositories": ["another", REPOSITORY]}));
    let answer = place.send("GET /v2/_catalog?last=another", "").await;
    assert_eq!(answer.json(), json!({"repositories": [REPOSITORY]}));
}

#[tokio::test]
async fn what_refers_to_an_image() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    let digest = place.push_image(Some("v1"), &image).await;
    let mut expected = Vec::new();
    for kind in ["application/vnd.example.sbom", "application/vnd.example.signature"] {
        let mut manifest = image.manifest();
        manifest["artifactType"] = json!(kind);
        manifest["subject"] = descriptor(media_type::OCI_MANIFEST, image.manifest().to_string().as_bytes());
        manifest["annotations"] = json!({"about": kind});
        let mut entry = descriptor(media_type::OCI_MANIFEST, manifest.to_string().as_bytes());
        let reference = entry["digest"].as_str().unwrap().to_owned();
        let answer = place.push_manifest(&reference, &manifest).await;
        assert_eq!((answer.status.as_u16(), answer.header("oci-subject")), (201, digest.as_str()));
        entry["artifactType"] = json!(kind);
        entry["annotations"] = json!({"about": kind});
        expected.push(entry);
    }
    let path = format!("/v2/{REPOSITORY}/referrers/{digest}");
    let one = place.send(&format!("GET {path}?artifactType=application/vnd.example.sbom"), "").await;
    assert_eq!(one.json()["manifests"], json!([expected[0]]));
    assert_eq!(one.header("oci-filters-applied"), "artifactType");
    expected.sort_by_key(|entry| entry["digest"].as_str().unwrap().to_owned());
    let all = place.send(&format!("GET {path}"), "").await;
    assert_eq!(all.json()["manifests"], json!(expected));
    assert_eq!(all.header("content-type"), media_type::OCI_INDEX);

    let nothing = place.send(&format!("GET /v2/{REPOSITORY}/referrers/sha256:{}", "0".repeat(64)), "").await;
    assert_eq!((nothing.status.as_u16(), &nothing.json()["manifests"]), (200, &json!([])));
    let bad = place.send(&format!("GET /v2/{REPOSITORY}/referrers/v1"), "").await;
    assert_eq!(bad.code(), "DIGEST_INVALID");
}
