//! With a client that others wrote.

use tokio::process::Command;

use crate::registry::Platform;
use crate::registry::testkit::{PASSWORD, Place, REPOSITORY, TinyIndex};

async fn skopeo(arguments: &[&str]) {
    let output = Command::new("skopeo").args(arguments).output().await.unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {arguments:?}: {message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs skopeo"]
async fn an_index_with_attestations_goes_there_and_back() {
    let mut place = Place::start().await;
    let folder = tempfile::tempdir().unwrap();
    let index = TinyIndex::new();
    index.write_layout(&folder.path().join("there"), "v1");
    let there = format!("oci:{}:v1", folder.path().join("there").display());
    let back = format!("oci:{}:v1", folder.path().join("back").display());
    let remote = format!("docker://{}/{REPOSITORY}:v1", place.address);
    let credentials = format!("AWS:{PASSWORD}");

    let push = [
        "copy",
        "--all",
        "--preserve-digests",
        "--dest-tls-verify=false",
        "--dest-creds",
        &credentials,
        &there,
        &remote,
    ];
    skopeo(&push).await;
    let mut pushes = place.pushes();
    let tagged = (index.digest().to_string(), "v1".to_owned());
    assert_eq!(pushes.pop(), Some(tagged.clone()));
    let children = index.child_digests().into_iter().map(|child| (child, String::new()));
    assert_eq!(pushes, children.collect::<Vec<_>>());

    skopeo(&push).await;
    assert_eq!(place.pushes(), [tagged]);

    let pull = [
        "copy",
        "--all",
        "--preserve-digests",
        "--src-tls-verify=false",
        "--src-creds",
        &credentials,
        &remote,
        &back,
    ];
    skopeo(&pull).await;
    assert!(folder.path().join("back/blobs/sha256").join(index.digest().hex()).is_file());
}

/// The manifest kinds of Docker, as older builders push them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs skopeo"]
async fn dockers_own_format_is_taken_and_resolved() {
    let mut place = Place::start().await;
    let folder = tempfile::tempdir().unwrap();
    TinyIndex::new().write_layout(folder.path(), "v1");
    let layout = format!("oci:{}:v1", folder.path().display());
    let image = format!("{}/{REPOSITORY}:v1", place.address);
    let credentials = format!("AWS:{PASSWORD}");
    skopeo(&[
        "--override-os=linux",
        "--override-arch=arm64",
        "copy",
        "--format=v2s2",
        "--dest-tls-verify=false",
        "--dest-creds",
        &credentials,
        &layout,
        &format!("docker://{image}"),
    ])
    .await;
    let [(digest, tag)] = &place.pushes()[..] else {
        panic!("one push");
    };
    assert_eq!(tag, "v1");
    let platform = Platform { os: "linux".into(), architecture: "arm64".into() };
    let resolved = place.registry.resolve(&image, &platform).unwrap();
    assert_eq!(&resolved.digest, digest);
    assert_eq!(resolved.layers[0].media_type, "application/vnd.docker.image.rootfs.diff.tar.gzip");
}
