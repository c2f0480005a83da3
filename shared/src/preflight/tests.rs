use serde_json::json;

use super::*;
use crate::scan::Severity;

const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012:service/pushboat/game";
const INDEX: &str = MANIFESTS[0];
const MANIFEST: &str = MANIFESTS[1];

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("{value}") };
    object
}

fn asked(os: Option<&'static str>, architecture: Option<&'static str>) -> Wanted {
    Wanted { os, architecture }
}

fn entry(letter: char, platform: Value) -> Value {
    json!({"mediaType": MANIFEST, "digest": digest(letter).as_str(), "size": 1, "platform": platform})
}

fn index(entries: Vec<Value>) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

fn linux(letter: char, architecture: &str) -> Value {
    entry(letter, json!({"os": "linux", "architecture": architecture}))
}

fn attestation(letter: char) -> Value {
    let mut entry = entry(letter, json!({"os": "unknown", "architecture": "unknown"}));
    entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    entry
}

#[test]
fn the_platform_that_a_task_definition_asks_for() {
    for (document, os, architecture) in [
        (json!({}), None, None),
        (json!({"requiresCompatibilities": ["EC2"]}), None, None),
        (json!({"requiresCompatibilities": ["EC2", "FARGATE"]}), Some("linux"), Some("amd64")),
        (
            json!({"requiresCompatibilities": ["FARGATE"], "runtimePlatform": {"cpuArchitecture": "ARM64"}}),
            Some("linux"),
            Some("arm64"),
        ),
        (json!({"runtimePlatform": {"cpuArchitecture": "X86_64"}}), None, Some("amd64")),
        (
            json!({"runtimePlatform": {
                "cpuArchitecture": "X86_64", "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE",
            }}),
            Some("windows"),
            Some("amd64"),
        ),
        // What this build has never heard of asks for nothing it could check.
        (
            json!({"requiresCompatibilities": ["FARGATE"], "runtimePlatform": {
                "cpuArchitecture": "RISCV64", "operatingSystemFamily": "PLAN9",
            }}),
            None,
            None,
        ),
    ] {
        assert_eq!(wanted(&object(document.clone())), asked(os, architecture), "{document}");
    }
}

#[test]
fn what_a_manifest_holds() {
    let of_platform = |manifest: &Value| match contents(manifest).unwrap() {
        Contents::Index(parts) => parts.iter().map(|it| it.platform.as_ref().unwrap().to_string()).collect(),
        Contents::Image { config } => vec![config.map_or("none".to_owned(), |digest| digest.to_string())],
    };
    let both = index(vec![linux('a', "amd64"), linux('b', "arm64"), attestation('c')]);
    assert_eq!(of_platform(&both), ["linux/amd64", "linux/arm64"]);
    let config = json!({"mediaType": CONFIGS[0], "digest": digest('d').as_str()});
    let layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"});
    let single = json!({"mediaType": MANIFEST, "config": config, "layers": [layer]});
    assert_eq!(of_platform(&single), [digest('d').as_str()]);

    let in_toto = json!([{"mediaType": "application/vnd.in-toto+json"}]);
    let chart = json!({"mediaType": "application/vnd.cncf.helm.config.v1+json"});
    for (manifest, says) in [
        (index(vec![]), "an index without an image"),
        (index(vec![attestation('c')]), "an index without an image"),
        (
            json!({"mediaType": MANIFEST, "config": config, "layers": in_toto}),
            "no image but application/vnd.in-toto",
        ),
        (json!({"mediaType": MANIFEST, "config": chart}), "no image but application/vnd.cncf.helm"),
        (
            json!({"mediaType": MANIFEST, "config": config, "artifactType": "application/spdx+json"}),
            "no image but application/spdx+json",
        ),
        (
            json!({"mediaType": MANIFEST, "config": config, "subject": {"digest": "sha256:1"}}),
            "no image but about sha256:1",
        ),
    ] {
        let unfit = contents(&manifest).unwrap_err().to_string();
        assert!(unfit.contains(says), "{says}: {unfit}");
    }
}

#[test]
fn the_platform_must_be_there_as_far_as_it_is_known() {
    let both = index(vec![linux('a', "amd64"), linux('b', "arm64"), attestation('c')]);
    let arm = index(vec![linux('b', "arm64"), attestation('c')]);
    let unsaid = index(vec![entry('a', Value::Null)]);
    let windows = index(vec![entry('a', json!({"os": "windows", "architecture": "amd64"}))]);
    let single = json!({"mediaType": MANIFEST});
    let amd64 = asked(Some("linux"), Some("amd64"));
    for (manifest, configured, wanted, says) in [
        (&both, None, amd64, None),
        (&both, None, asked(Some("linux"), Some("arm64")), None),
        (
            &both,
            None,
            asked(Some("linux"), Some("s390x")),
            Some("it is for linux/amd64 and linux/arm64, and"),
        ),
        (&arm, None, amd64, Some("it is for linux/arm64, and the task definition asks for linux/amd64")),
        (&arm, None, asked(None, None), None),
        (&windows, None, asked(None, Some("amd64")), None),
        (&windows, None, amd64, Some("it is for windows/amd64")),
        (&windows, None, asked(Some("linux"), None), Some("asks for linux/any")),
        (&unsaid, None, amd64, None),
        (&single, None, amd64, None),
        (&single, Some("amd64"), amd64, None),
        (
            &single,
            Some("arm64"),
            amd64,
            Some("it is for linux/arm64, and the task definition asks for linux/amd64"),
        ),
        (&single, Some("arm64"), asked(None, None), None),
    ] {
        let configured = configured.map(|it| Platform { os: "linux".into(), architecture: it.to_owned() });
        let found = platform(&contents(manifest).unwrap(), configured.as_ref(), wanted);
        let found = found.err().map(|unfit| unfit.to_string());
        match says {
            None => assert_eq!(found, None, "{wanted}"),
            Some(says) => assert!(found.as_ref().is_some_and(|it| it.contains(says)), "{says}: {found:?}"),
        }
    }
}

#[test]
fn a_scan_is_about_the_parts_that_may_run() {
    let both = contents(&index(vec![linux('a', "amd64"), linux('b', "arm64"), attestation('c')])).unwrap();
    let scanned = |contents: &Contents, wanted| scanned(&digest('f'), contents, wanted);
    assert_eq!(scanned(&both, asked(Some("linux"), Some("arm64"))), [digest('b')]);
    assert_eq!(scanned(&both, asked(None, None)), [digest('a'), digest('b')]);
    assert_eq!(scanned(&Contents::Image { config: None }, asked(None, None)), [digest('f')]);
}

#[test]
fn a_registry_is_of_the_services_account() {
    for (image, fits) in [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com/game@sha256:0", true),
        ("999999999999.dkr.ecr.eu-central-1.amazonaws.com/game@sha256:0", false),
        ("999999999999.dkr-ecr.eu-central-1.on.aws/game@sha256:0", false),
        ("127.0.0.1:5048/game@sha256:0", true),
        ("game", true),
    ] {
        assert_eq!(registry(ARN, image).is_ok(), fits, "{image}");
    }
}

#[test]
fn a_document_that_ecs_would_not_take() {
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    let containers = |count: usize| vec![container("web", "game"); count];
    let filler = |bytes: usize| {
        let empty = object(json!({"family": "game", "x": ""}));
        let rest = bytes - serde_json::to_vec(&empty).unwrap().len();
        json!({"family": "game", "x": "x".repeat(rest)})
    };
    let role = "arn:aws:iam::999999999999:role/game";
    for (body, says) in [
        (json!({"containerDefinitions": containers(10)}), None),
        (json!({"containerDefinitions": containers(11)}), Some("it has 11 containers, and ECS takes 10")),
        (json!({"containerDefinitions": [container("web", &"x".repeat(255))]}), None),
        (
            json!({"containerDefinitions": [container("web", &"x".repeat(256))]}),
            Some("the image of 'web' has a name of 256 characters, and ECS takes 255"),
        ),
        (filler(65_536), None),
        (filler(65_537), Some("the document has 65537 bytes, and ECS takes 65536")),
        (json!({"taskRoleArn": "arn:aws:iam::123456789012:role/game", "executionRoleArn": "by-name"}), None),
        (
            json!({"taskRoleArn": role}),
            Some("the taskRoleArn arn:aws:iam::999999999999:role/game is of account"),
        ),
        (json!({"executionRoleArn": role}), Some("999999999999, the service of 123456789012")),
    ] {
        let found = document(ARN, &object(body)).err().map(|unfit| unfit.to_string());
        match says {
            None => assert_eq!(found, None),
            Some(says) => assert!(found.as_ref().is_some_and(|it| it.contains(says)), "{says}: {found:?}"),
        }
    }
}

#[test]
fn a_scan_that_found_too_much_is_said_in_the_scans_words() {
    let too_much = TooSevere::Findings { found: "1 CRITICAL".into(), allowed: Severity::High };
    assert_eq!(Unfit::from(too_much.clone()).to_string(), too_much.to_string());
}
