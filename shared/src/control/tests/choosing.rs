//! Which image a rule means, and images that cannot run: what is asked, what is said, and that nothing is written.

use super::*;
use crate::model::{CONFIGS, ImageKind, MANIFESTS};
use crate::scan::{Scan, Severity};

fn count(cloud: &Fake, operation: &str) -> usize {
    cloud.reads.borrow().iter().filter(|read| **read == operation).count()
}

fn push(cloud: &Fake, tag: &str, letter: char) {
    cloud.images.borrow_mut().insert(format!("game:{tag}"), digest(letter));
}

#[tokio::test]
async fn a_service_that_follows_versions_gets_the_highest_and_the_reason_says_how_it_was_chosen() {
    let cloud = Fake::new(&[("web", "game:semver/1")], 'f');
    push(&cloud, "v1.9.0", 'b');
    push(&cloud, "v1.10.0", 'c');
    push(&cloud, "v2.0.0", 'd');
    push(&cloud, "v1.11.0-rc.1", 'e');
    let hint = |tag: &str| Hint::Image { repository: "game".into(), tag: tag.into() };
    for elsewhere in ["v2.0.0", "v1.11.0-rc.1", "main"] {
        let (decisions, _) = follow_all(&cloud, &hint(elsewhere)).await;
        assert_eq!(decisions[0].reason, "no service follows it", "{elsewhere}");
    }
    // An event that comes late says as much as any other.
    let (decisions, _) = follow_all(&cloud, &hint("v1.9.0")).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    let says = "game:v1.10.0 (the newest of semver/1 by version)";
    for decision in &decisions {
        assert!(decision.reason.contains(says), "{}", decision.reason);
        assert_eq!(decision.digest.as_deref(), Some(digest('c').as_str()));
    }
    assert_eq!(cloud.own().tags["pushboat:image:web"], "game:v1.10.0");
    cloud.writes();
    push(&cloud, "v1.8.7", 'e');
    let (decisions, _) = follow_all(&cloud, &hint("v1.8.7")).await;
    assert_eq!(actions(&decisions), [Action::Kept], "an older version under maintenance");
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn one_repository_is_listed_once_for_many_services_and_again_after_a_release() {
    let names: Vec<_> = (0..300).map(|number| format!("web{number}")).collect();
    let services: Vec<_> = names.iter().map(|name| (name.as_str(), "game:prefix/main-")).collect();
    let cloud = Fake::new(&services, 'a');
    push(&cloud, "main-1", 'a');
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert_eq!((count(&cloud, "DescribeImages of all"), count(&cloud, "DescribeImages")), (1, 0));
    assert!(cloud.writes().is_empty());

    push(&cloud, "main-2", 'b');
    cloud.reads.take();
    let (decisions, result) = follow_all(&cloud, &Hint::Everything).await;
    assert!(result.is_ok());
    assert_eq!(decisions.iter().filter(|it| it.decision == Action::Released).count(), 300);
    assert_eq!(count(&cloud, "DescribeImages of all"), 3, "bounded, however many are released");

    // Trouble with the list is asked about once as well.
    cloud.reads.take();
    *cloud.failing.borrow_mut() = Some(("DescribeImages of all", Trouble::Throttled));
    let (decisions, result) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(result.unwrap_err().failed, 300);
    assert_eq!(decisions[299].reason, "DescribeImages of all for game: as told");
    assert_eq!(count(&cloud, "DescribeImages of all"), 1);
}

#[tokio::test]
async fn what_is_pushed_during_a_release_is_caught_by_the_second_look() {
    let cloud = Fake::new(&[("web", "game:prefix/main-")], 'a');
    push(&cloud, "main-2", 'b');
    *cloud.moves_on_release.borrow_mut() = Some(("game:main-3".into(), digest('c')));
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Released, Action::Kept]);
    assert_eq!(decisions[1].digest.as_deref(), Some(digest('c').as_str()));
}

#[tokio::test]
async fn what_cannot_be_chosen_is_a_reason_and_no_guess() {
    let helm = ImageKind::Artifact("application/vnd.cncf.helm.config.v1+json".into());
    for (track, kind, too_many, says) in [
        (
            "game:semver/7",
            ImageKind::Image,
            false,
            "no image of the repository 'game' has a tag that fits semver/7",
        ),
        ("game:semver/1", ImageKind::Archived, false, "has a tag that fits semver/1"),
        ("game:semver/1", ImageKind::Image, true, "more tagged images than the 2 that are listed"),
        (
            "game:v1.0.0",
            ImageKind::Archived,
            false,
            "game:v1.0.0 is in the registry's archive, which is never",
        ),
        ("game:v1.0.0", ImageKind::About("sha256:0".into()), false, "is about sha256:0, which is never"),
        ("game:v1.0.0", helm, false, "is no image but application/vnd.cncf.helm"),
        ("game:semver/one", ImageKind::Image, false, "'semver/one', which nobody can follow"),
    ] {
        let cloud = Fake::new(&[("web", track)], 'a');
        push(&cloud, "v1.0.0", 'b');
        cloud.kinds.borrow_mut().insert(digest('b'), kind);
        cloud.too_many.set(too_many);
        let (decisions, result) = follow_all(&cloud, &Hint::Everything).await;
        assert!(result.is_ok());
        assert_eq!(actions(&decisions), [Action::Kept], "{track}");
        assert!(decisions[0].reason.contains(says), "{says}: {}", decisions[0].reason);
        assert!(cloud.writes.borrow().is_empty());
    }
}

/// A service on Fargate for X86_64.
fn on_fargate() -> Fake {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    let mut definitions = cloud.definitions.borrow_mut();
    definitions[0].document.insert("requiresCompatibilities".into(), json!(["FARGATE"]));
    drop(definitions);
    cloud
}

fn index(parts: &[(char, &str)]) -> serde_json::Value {
    let entry = |(letter, architecture): &(char, &str)| {
        let platform = json!({"os": "linux", "architecture": architecture});
        json!({"mediaType": MANIFESTS[1], "digest": digest(*letter).as_str(), "platform": platform})
    };
    let entries: Vec<_> = parts.iter().map(entry).collect();
    json!({"mediaType": MANIFESTS[0], "manifests": entries})
}

type Breaks = fn(&Fake);

fn tag(cloud: &Fake, key: &str, value: &str) {
    cloud.services.borrow_mut()[0].tags.insert(key.into(), value.into());
}

fn set(cloud: &Fake, member: &str, value: serde_json::Value) {
    cloud.definitions.borrow_mut()[0].document.insert(member.into(), value);
}

#[tokio::test]
async fn what_cannot_run_is_not_released_and_nothing_at_all_is_written() {
    let rows: [(&str, Breaks); 12] = [
        ("it is for linux/arm64, and the task definition asks for linux/amd64", |cloud| {
            cloud.manifests.borrow_mut().insert(digest('b'), index(&[('c', "arm64")]));
        }),
        ("it is for linux/arm64, and the task definition asks for linux/amd64", |cloud| {
            let config = json!({"mediaType": CONFIGS[0], "digest": digest('c').as_str()});
            let manifest = json!({"mediaType": MANIFESTS[1], "config": config});
            cloud.manifests.borrow_mut().insert(digest('b'), manifest);
            let platform = json!({"os": "linux", "architecture": "arm64"});
            cloud.configs.borrow_mut().insert(digest('c'), platform);
        }),
        ("it is an index without an image", |cloud| {
            cloud.manifests.borrow_mut().insert(digest('b'), index(&[]));
        }),
        ("it has not been scanned", |cloud| tag(cloud, "pushboat:max-severity", "high")),
        ("its scan is PENDING", |cloud| {
            tag(cloud, "pushboat:max-severity", "high");
            cloud.scans.borrow_mut().insert(digest('b'), Scan::Running("PENDING".into()));
        }),
        ("its scan ended in UNSUPPORTED_IMAGE", |cloud| {
            tag(cloud, "pushboat:max-severity", "high");
            cloud.scans.borrow_mut().insert(digest('b'), Scan::Unusable("UNSUPPORTED_IMAGE".into()));
        }),
        ("its scan found 2 CRITICAL, and pushboat:max-severity allows up to HIGH", |cloud| {
            tag(cloud, "pushboat:max-severity", "high");
            cloud.scans.borrow_mut().insert(digest('b'), Scan::Done([(Severity::Critical, 2)].into()));
        }),
        ("its scan found 1 LOW", |cloud| {
            tag(cloud, "pushboat:max-severity", "informational");
            cloud.manifests.borrow_mut().insert(digest('b'), index(&[('c', "amd64"), ('d', "arm64")]));
            cloud.scans.borrow_mut().insert(digest('c'), Scan::Done([(Severity::Low, 1)].into()));
            cloud.scans.borrow_mut().insert(digest('b'), Scan::Done([].into()));
        }),
        ("the tag pushboat:max-severity is 'hihg': it is none of", |cloud| {
            tag(cloud, "pushboat:max-severity", "hihg");
        }),
        ("the taskRoleArn arn:aws:iam::9:role/r is of account 9, the service of 1", |cloud| {
            set(cloud, "taskRoleArn", json!("arn:aws:iam::9:role/r"));
        }),
        ("the document has 7", |cloud| set(cloud, "volumes", json!("x".repeat(70_000)))),
        ("its registry is of account 1, the service of 2", |cloud| {
            cloud.services.borrow_mut()[0].arn = "arn:aws:ecs:eu:2:service/pushboat/web".into();
        }),
    ];
    for (says, breaks) in rows {
        let cloud = on_fargate();
        breaks(&cloud);
        for hint in [pushed(), Hint::Everything, Hint::Service(name("web"))] {
            let (decisions, result) = follow_all(&cloud, &hint).await;
            assert!(result.is_ok(), "{says}");
            assert_eq!(actions(&decisions), [Action::Kept], "{says}: {decisions:?}");
            assert!(decisions[0].reason.contains(says), "{says}: {}", decisions[0].reason);
        }
        assert!(cloud.writes.borrow().is_empty(), "{says}");
    }
}

#[tokio::test]
async fn what_can_run_is_released_and_a_scan_is_asked_of_its_part_only() {
    let cloud = on_fargate();
    tag(&cloud, "pushboat:max-severity", "medium");
    cloud.manifests.borrow_mut().insert(digest('b'), index(&[('c', "amd64"), ('d', "arm64")]));
    cloud.scans.borrow_mut().insert(digest('c'), Scan::Done([(Severity::Medium, 4)].into()));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept], "{decisions:?}");
    assert_eq!(count(&cloud, "DescribeImageScanFindings"), 1);
}

#[tokio::test]
async fn nothing_more_is_asked_where_there_is_nothing_to_release() {
    let cloud = Fake::new(&[("web", "game:main")], 'a');
    tag(&cloud, "pushboat:max-severity", "high");
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    for operation in ["BatchGetImage", "GetDownloadUrlForLayer", "DescribeImageScanFindings"] {
        assert_eq!(count(&cloud, operation), 0, "{operation}");
    }
}

#[tokio::test]
async fn the_platform_is_the_one_of_the_revision_that_a_release_is_made_from() {
    let cloud = on_fargate();
    cloud.manifests.borrow_mut().insert(digest('b'), index(&[('c', "arm64")]));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Kept]);
    // The template moves to ARM64, and the image that waited is the one it needs.
    let template = cloud.template("web", "256", &pinned('a'));
    let platform = json!({"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"});
    cloud.definitions.borrow_mut()[1].document.insert("runtimePlatform".into(), platform);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept], "{decisions:?}");
    assert_eq!(decisions[0].base.as_deref(), Some(crate::task_definition::revision_name(&template)));
}

#[tokio::test]
async fn one_image_that_cannot_run_does_not_keep_the_others_back() {
    let cloud = on_fargate();
    tag(&cloud, "pushboat:track:log", "game:log");
    push(&cloud, "log", 'd');
    let log = json!({"name": "log", "image": "public.ecr.aws/log:1"});
    cloud.definitions.borrow_mut()[0].document["containerDefinitions"].as_array_mut().unwrap().push(log);
    cloud.manifests.borrow_mut().insert(digest('d'), index(&[('c', "arm64")]));
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions)[..2], [Action::Kept, Action::Released], "{decisions:?}");
    let definition = cloud.own();
    let containers = &definition.document["containerDefinitions"];
    assert_eq!(
        (&containers[0]["image"], &containers[1]["image"]),
        (&json!(pinned('b')), &json!("public.ecr.aws/log:1"))
    );
}
