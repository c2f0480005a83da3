//! The real SDK against the stand-in's registry: which images there are, what is in them, what a scan found.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pushboat::cloud::{Cloud, Reference, Trouble};
use pushboat::model::{Digest, ImageKind};
use pushboat::preflight::{Contents, contents, platform_of};
use pushboat::scan::{Scan, Severity};
use pushboat_local::wire::FaultKind;
use pushboat_local::world::ecr::{Image, ImageStatus};
use pushboat_tests::layout::{Target, push_image, push_index};
use pushboat_tests::wire::Stand;

const REPOSITORY: &str = "game";

async fn stand() -> Stand {
    let stand = Stand::start().await;
    let created = stand
        .hub
        .with(|world| world.create_repository(REPOSITORY, false, false, Default::default()).map(drop));
    created.unwrap();
    stand
}

/// `127.0.0.1:<port>`
fn registry(stand: &Stand) -> String {
    stand.place.endpoints().registry.to_string()
}

fn target(registry: &str) -> Target<'_> {
    Target { registry, password: "password", repository: REPOSITORY }
}

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn nothing() -> Digest {
    digest(&format!("sha256:{}", "0".repeat(64)))
}

/// So many copies of an image that is there, each with a digest and a tag of its own.
fn multiply(stand: &Stand, of: &str, count: usize) {
    stand.hub.with(|world| {
        let images = &mut world.repository_mut(REPOSITORY).unwrap().images;
        let image = images[of].clone();
        for number in images.len()..count {
            let digest = format!("sha256:{number:064x}");
            let tags = [format!("main-{number}")].into();
            images.insert(digest.clone(), Image { digest, tags, ..image.clone() });
        }
    });
}

#[tokio::test]
async fn the_tagged_images_are_listed_to_the_end_or_it_is_said_that_there_are_more() {
    let stand = stand().await;
    let registry = registry(&stand);
    let first = push_image(target(&registry), "main-0", "amd64", "first").await.unwrap();
    let (index, _) = push_index(target(&registry), "v1", &["amd64", "arm64"]).await.unwrap();
    let aws = stand.aws();
    let listing = aws.tagged_images(REPOSITORY).await.unwrap();
    let mut found: Vec<_> = listing.images.iter().map(|image| image.digest.to_string()).collect();
    let mut expected = vec![first.clone(), index];
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "the parts of an index have no tag");
    assert!(listing.is_complete && listing.images.iter().all(|image| image.pushed_at.is_some()));

    for (count, listed, is_complete) in
        [(2_503, 2_500, true), (10_003, 10_000, true), (10_004, 10_000, false)]
    {
        multiply(&stand, &first, count);
        let listing = aws.tagged_images(REPOSITORY).await.unwrap();
        assert_eq!((listing.images.len(), listing.is_complete), (listed, is_complete), "of {count}");
    }
    stand.hub.with(|world| world.update_storage_class(REPOSITORY, &first, ImageStatus::Archived)).unwrap();
    let listing = aws.tagged_images(REPOSITORY).await.unwrap();
    assert!(listing.is_complete && listing.images.iter().all(|image| image.digest.as_str() != first));
    assert_eq!(aws.image(REPOSITORY, &Reference::Tag("main-0".into())).await.unwrap(), None);

    let missing = aws.tagged_images("nowhere").await.unwrap_err();
    assert_eq!(missing.trouble, Trouble::NotFound);
    stand.stop().await;
}

#[tokio::test]
async fn a_registry_that_throttles_one_page_is_asked_again() {
    let stand = stand().await;
    let registry = registry(&stand);
    let first = push_image(target(&registry), "main-0", "amd64", "first").await.unwrap();
    multiply(&stand, &first, 1_500);
    stand.trouble("ecr", "DescribeImages", 2, FaultKind::Throttle);
    assert_eq!(stand.aws().tagged_images(REPOSITORY).await.unwrap().images.len(), 1_500);
    stand.trouble("ecr", "DescribeImages", 9, FaultKind::Throttle);
    assert_eq!(stand.aws().tagged_images(REPOSITORY).await.unwrap_err().trouble, Trouble::Throttled);
    stand.stop().await;
}

#[tokio::test]
async fn what_is_in_an_image_is_read_by_its_digest() {
    let stand = stand().await;
    let registry = registry(&stand);
    let (index, parts) = push_index(target(&registry), "v1", &["amd64", "arm64"]).await.unwrap();
    let single = push_image(target(&registry), "v2", "arm64", "single").await.unwrap();
    let aws = stand.aws();
    let manifest = aws.manifest(REPOSITORY, &digest(&index)).await.unwrap().unwrap();
    let Contents::Index(found) = contents(&manifest).unwrap() else { panic!("{manifest}") };
    let found: Vec<_> = found.iter().map(|part| part.digest.to_string()).collect();
    assert_eq!(found, parts, "without the attestation");

    let manifest = aws.manifest(REPOSITORY, &digest(&single)).await.unwrap().unwrap();
    let Contents::Image { config: Some(config) } = contents(&manifest).unwrap() else { panic!("{manifest}") };
    let configured = aws.image_config(REPOSITORY, &config).await.unwrap().unwrap();
    assert_eq!(platform_of(&configured).unwrap().to_string(), "linux/arm64");

    // What is not there, or may not be read, is no trouble; what another try may bring is.
    assert_eq!(aws.manifest(REPOSITORY, &nothing()).await.unwrap(), None);
    assert_eq!(aws.image_config(REPOSITORY, &nothing()).await.unwrap(), None);
    stand.trouble("ecr", "GetDownloadUrlForLayer", 9, FaultKind::Throttle);
    let throttled = stand.aws().image_config(REPOSITORY, &config).await.unwrap_err();
    assert!(throttled.retry_helps(), "{throttled}");

    // A digest never means anything else, so a warm function does not ask again.
    stand.trouble("ecr", "BatchGetImage", 99, FaultKind::ServerError);
    assert!(aws.manifest(REPOSITORY, &digest(&single)).await.unwrap().is_some());
    assert!(aws.image_config(REPOSITORY, &config).await.unwrap().is_some());
    assert!(stand.aws().manifest(REPOSITORY, &digest(&single)).await.unwrap_err().retry_helps());
    stand.stop().await;
}

#[tokio::test]
async fn what_a_registry_says_of_an_image_tells_artifacts_from_images() {
    let stand = stand().await;
    let registry = registry(&stand);
    let pushed = push_image(target(&registry), "v1", "amd64", "image").await.unwrap();
    let aws = stand.aws();
    let kind = async || aws.image(REPOSITORY, &Reference::Tag("v1".into())).await.unwrap().unwrap().kind;
    assert_eq!(kind().await, ImageKind::Image);
    let change = |change: fn(&mut Image)| {
        stand
            .hub
            .with(|world| change(world.repository_mut(REPOSITORY).unwrap().images.get_mut(&pushed).unwrap()));
    };
    change(|image| image.artifact_media_type = Some("application/vnd.cncf.helm.config.v1+json".into()));
    assert_eq!(kind().await, ImageKind::Artifact("application/vnd.cncf.helm.config.v1+json".into()));
    change(|image| image.subject = Some("sha256:1".into()));
    assert_eq!(kind().await, ImageKind::About("sha256:1".into()));
    stand.stop().await;
}

#[tokio::test]
async fn every_state_of_a_scan_is_told_apart() {
    let stand = stand().await;
    let registry = registry(&stand);
    let pushed = push_image(target(&registry), "v1", "amd64", "image").await.unwrap();
    let aws = stand.aws();
    let asked = digest(&pushed);
    assert_eq!(aws.scan(REPOSITORY, &asked).await.unwrap(), Scan::Never);
    let none = Scan::Done([].into());
    let some = Scan::Done([(Severity::Critical, 1), (Severity::Medium, 9)].into());
    for (status, counts, expected) in [
        ("COMPLETE", &[][..], none),
        ("COMPLETE", &[("CRITICAL", 1), ("MEDIUM", 9), ("UNDEFINED", 7)], some.clone()),
        ("ACTIVE", &[("CRITICAL", 1), ("MEDIUM", 9), ("UNTRIAGED", 7)], some),
        ("PENDING", &[], Scan::Running("PENDING".into())),
        ("IN_PROGRESS", &[], Scan::Running("IN_PROGRESS".into())),
        ("FAILED", &[], Scan::Unusable("FAILED".into())),
        ("UNSUPPORTED_IMAGE", &[], Scan::Unusable("UNSUPPORTED_IMAGE".into())),
        ("SCAN_ELIGIBILITY_EXPIRED", &[], Scan::Unusable("SCAN_ELIGIBILITY_EXPIRED".into())),
        ("IMAGE_SIZE_EXCEEDED", &[], Scan::Unusable("IMAGE_SIZE_EXCEEDED".into())),
    ] {
        stand.hub.with(|world| world.declare_scan(REPOSITORY, &pushed, status, counts)).unwrap();
        assert_eq!(aws.scan(REPOSITORY, &asked).await.unwrap(), expected, "{status}");
    }
    let missing = aws.scan(REPOSITORY, &nothing()).await.unwrap_err();
    assert_eq!(missing.trouble, Trouble::NotFound, "{missing}");
    stand.stop().await;
}
