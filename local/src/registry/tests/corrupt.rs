//! Pushes that are not what they say: each is refused with its code and leaves not a trace.

use serde_json::{Value, json};

use crate::registry::Digest;
use crate::registry::testkit::{Place, REPOSITORY, TinyImage, descriptor};
use crate::world::ecr::media_type::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

/// A registry that has the blobs of a good image, and a way to push something worse.
struct Bench {
    place: Place,
    good: Value,
    files: Vec<String>,
}

impl Bench {
    async fn start() -> Bench {
        let place = Place::start().await;
        let image = TinyImage::for_platform("linux", "amd64");
        for blob in image.blobs() {
            place.push_blob(blob).await;
        }
        Bench { files: place.files(), good: image.manifest(), place }
    }

    /// The good manifest with one thing changed.
    fn with(&self, pointer: &str, value: Value) -> String {
        let mut manifest = self.good.clone();
        match manifest.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => manifest[&pointer[1..]] = value,
        }
        manifest.to_string()
    }

    async fn refuses(&mut self, path: &str, content_type: &str, body: String, refusal: (u16, &str)) {
        let line = format!("PUT {path}");
        let what = body.chars().take(300).collect::<String>();
        let answer = self.place.send_with(&line, &[("content-type", content_type)], body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            refusal,
            "{path} {content_type} {what}: {answer:?}"
        );
        assert!(!answer.message().is_empty());
        assert_eq!(self.place.files(), self.files);
        assert_eq!(self.place.pushes(), []);
        let hub = &self.place.registry.hub;
        assert!(hub.with(|world| world.ecr.repositories[REPOSITORY].images.is_empty()));
    }

    async fn refuses_manifest(&mut self, content_type: &str, body: String, refusal: (u16, &str)) {
        let path = format!("/v2/{REPOSITORY}/manifests/v1");
        self.refuses(&path, content_type, body, refusal).await;
    }
}

#[tokio::test]
async fn what_is_no_manifest() {
    let mut bench = Bench::start().await;
    let good = bench.good.to_string();
    for (content_type, body) in [
        (OCI_MANIFEST, "{".to_owned()),
        (OCI_MANIFEST, String::new()),
        (OCI_MANIFEST, format!("{good}{good}")),
        (OCI_MANIFEST, bench.with("/schemaVersion", json!(1))),
        (OCI_MANIFEST, bench.with("/manifests", json!([]))),
        (OCI_MANIFEST, bench.with("/layers", Value::Null)),
        (OCI_MANIFEST, bench.with("/config", json!({}))),
        (OCI_MANIFEST, bench.with("/layers/0/size", json!(-1))),
        (OCI_MANIFEST, bench.with("/config/digest", json!("sha256:1"))),
        (OCI_MANIFEST, bench.with("/config/digest", json!("../../../etc/passwd"))),
        (OCI_INDEX, bench.with("/mediaType", Value::Null)),
        (DOCKER_MANIFEST, good),
    ] {
        bench.refuses_manifest(content_type, body, (400, "MANIFEST_INVALID")).await;
    }
    let untyped = bench.with("/mediaType", Value::Null);
    bench.refuses_manifest("application/json", untyped, (405, "UNSUPPORTED")).await;
    let huge = bench.with("/annotations", json!({"x": "x".repeat(4 << 20)}));
    bench.refuses_manifest(OCI_MANIFEST, huge, (413, "SIZE_INVALID")).await;
}

#[tokio::test]
async fn what_names_something_that_is_not_there() {
    let mut bench = Bench::start().await;
    let elsewhere = Digest::of(b"elsewhere").to_string();
    let child = descriptor(OCI_MANIFEST, b"elsewhere");
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]});
    let unknown = (400, "MANIFEST_BLOB_UNKNOWN");
    for (content_type, body, refusal) in [
        (OCI_MANIFEST, bench.with("/layers/0/digest", json!(elsewhere)), unknown),
        (OCI_MANIFEST, bench.with("/config/digest", json!(elsewhere)), unknown),
        (OCI_INDEX, index.to_string(), unknown),
        (OCI_MANIFEST, bench.with("/layers/0/size", json!(1)), (400, "SIZE_INVALID")),
        (OCI_MANIFEST, bench.with("/config/size", json!(1)), (400, "SIZE_INVALID")),
    ] {
        bench.refuses_manifest(content_type, body, refusal).await;
    }
}

#[tokio::test]
async fn what_goes_to_the_wrong_place() {
    let mut bench = Bench::start().await;
    let inside = format!("/v2/{REPOSITORY}/manifests");
    let elsewhere = Digest::of(b"elsewhere");
    for (path, refusal) in [
        (format!("{inside}/{elsewhere}"), (400, "DIGEST_INVALID")),
        (format!("{inside}/sha256:12"), (400, "DIGEST_INVALID")),
        (format!("{inside}/-v1"), (400, "TAG_INVALID")),
        ("/v2/nowhere/manifests/v1".to_owned(), (404, "NAME_UNKNOWN")),
        ("/v2/Nowhere/manifests/v1".to_owned(), (400, "NAME_INVALID")),
        ("/v2/a/../b/manifests/v1".to_owned(), (400, "NAME_INVALID")),
    ] {
        let good = bench.good.to_string();
        bench.refuses(&path, OCI_MANIFEST, good, refusal).await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_text() {
    let bench = Bench::start().await;
    let line = format!("PUT /v2/{REPOSITORY}/manifests/v1");
    let headers = [("content-type", OCI_MANIFEST)];
    let answer = bench.place.send_with(&line, &headers, vec![0xff, 0xfe]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "MANIFEST_INVALID"));
}

#[tokio::test]
async fn the_child_of_an_index_has_the_size_it_says() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    place.push_image(None, &image).await;
    let mut child = descriptor(OCI_MANIFEST, image.manifest().to_string().as_bytes());
    child["size"] = json!(1);
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]});
    assert_eq!(place.push_manifest("v1", &index).await.code(), "SIZE_INVALID");
}
