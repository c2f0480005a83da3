//! What a task would be started from, or why it cannot be.

use serde_json::json;

use crate::registry::testkit::{LAYER, Place, REPOSITORY, TinyImage, TinyIndex};
use crate::registry::{Digest, Platform, ResolveError, ResolvedImage};

fn platform(os: &str, architecture: &str) -> Platform {
    Platform { os: os.into(), architecture: architecture.into() }
}

fn resolve(place: &Place, rest: &str) -> Result<ResolvedImage, ResolveError> {
    let image = format!("{}/{rest}", place.address);
    place.registry.resolve(&image, &platform("linux", "amd64"))
}

/// The error's words, the address left out.
fn refusal(place: &Place, rest: &str) -> String {
    let error = resolve(place, rest).unwrap_err().to_string();
    error.replace(&place.address.to_string(), "HOST")
}

#[tokio::test]
async fn a_single_image() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    let digest = place.push_image(Some("v1"), &image).await;
    for reference in
        [format!("{REPOSITORY}:v1"), format!("{REPOSITORY}@{digest}"), format!("{REPOSITORY}:gone@{digest}")]
    {
        let resolved = resolve(&place, &reference).unwrap();
        assert_eq!(resolved.digest, digest.as_str());
        assert_eq!(resolved.manifest_digest, digest.as_str());
        assert_eq!(resolved.platforms, [platform("linux", "amd64")]);
    }
    let resolved = resolve(&place, &format!("{REPOSITORY}:v1")).unwrap();
    let config = resolved.config;
    assert_eq!(config.entrypoint, ["/game"]);
    assert_eq!(config.cmd, ["--port", "80"]);
    let env = [("COLOUR", "blue"), ("EMPTY", ""), ("A", "b=c")];
    assert_eq!(config.env, env.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(config.working_dir.as_deref(), Some("/srv"));
    assert_eq!(config.user, None);
    assert_eq!(config.stop_signal.as_deref(), Some("SIGTERM"));
    let [layer] = &resolved.layers[..] else {
        panic!("one layer");
    };
    assert_eq!(layer.media_type, LAYER);
    assert_eq!(std::fs::read(&layer.path).unwrap(), image.layer);
}

#[tokio::test]
async fn the_right_child_of_an_index() {
    let place = Place::start().await;
    let index = TinyIndex::new();
    for child in &index.children {
        place.push_image(None, child).await;
    }
    place.push_manifest("v1", &index.manifest).await;
    let resolved = resolve(&place, &format!("{REPOSITORY}:v1")).unwrap();
    assert_eq!(resolved.digest, index.digest().as_str());
    assert_eq!(resolved.manifest_digest, index.child_digests()[0]);
    assert_eq!(resolved.platforms, [platform("linux", "amd64"), platform("linux", "arm64")]);

    let image = format!("{}/{REPOSITORY}:v1", place.address);
    let error = place.registry.resolve(&image, &platform("windows", "amd64")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "image Manifest does not contain descriptor matching platform 'windows/amd64', only 'linux/amd64', \
         'linux/arm64'"
    );
}

#[tokio::test]
async fn what_cannot_be_pulled() {
    let place = Place::start().await;
    let digest = place.push_image(Some("arm"), &TinyImage::for_platform("linux", "arm64")).await;
    assert_eq!(
        refusal(&place, &format!("{REPOSITORY}@{digest}")),
        "image Manifest does not contain descriptor matching platform 'linux/amd64', only 'linux/arm64'"
    );
    assert_eq!(
        refusal(&place, &format!("{REPOSITORY}:v9")),
        format!("failed to resolve ref HOST/{REPOSITORY}:v9: not found")
    );
    assert_eq!(
        refusal(&place, "nowhere"),
        "failed to resolve ref HOST/nowhere: repository 'nowhere' not found"
    );
    let elsewhere = place.registry.resolve("nginx:latest", &platform("linux", "amd64"));
    assert!(matches!(elsewhere, Err(ResolveError::WrongRegistry { .. })), "{elsewhere:?}");
}

#[tokio::test]
async fn images_that_are_not_whole_or_not_images() {
    let place = Place::start().await;
    let mut nameless = TinyImage::for_platform("linux", "amd64");
    nameless.config = b"{}".to_vec();
    place.push_image(Some("nameless"), &nameless).await;
    let mut broken = TinyImage::for_platform("linux", "amd64");
    broken.config = b"not JSON".to_vec();
    place.push_image(Some("broken"), &broken).await;
    for tag in ["nameless", "broken"] {
        let error = resolve(&place, &format!("{REPOSITORY}:{tag}")).unwrap_err();
        assert!(matches!(error, ResolveError::ConfigUnreadable { .. }), "{error}");
    }

    let mut zstd = TinyImage::for_platform("linux", "amd64");
    zstd.layer_media_type = "application/vnd.oci.image.layer.v1.tar+zstd";
    place.push_image(Some("zstd"), &zstd).await;
    let mut chart = TinyImage::for_platform("linux", "amd64").manifest();
    chart["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    assert_eq!(place.push_manifest("chart", &chart).await.status, 201);
    for tag in ["zstd", "chart"] {
        let error = resolve(&place, &format!("{REPOSITORY}:{tag}")).unwrap_err();
        assert!(matches!(error, ResolveError::MediaTypeNotSupported { .. }), "{error}");
    }

    let whole = TinyImage::for_platform("linux", "amd64");
    place.push_image(Some("v1"), &whole).await;
    std::fs::remove_file(place.registry.blobs.path(&Digest::of(&whole.layer))).unwrap();
    let error = resolve(&place, &format!("{REPOSITORY}:v1")).unwrap_err();
    assert!(matches!(error, ResolveError::LayerMissing { .. }), "{error}");
}
