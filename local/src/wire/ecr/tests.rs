//! The API over a real blob store.

use serde_json::{Value, json};

use super::carry_out;
use crate::registry::testkit::{Place, REPOSITORY, TinyImage, TinyIndex, descriptor};
use crate::registry::{Digest, Registry};
use crate::world::ecr::media_type;

async fn call(registry: &Registry, operation: &str, body: Value) -> Value {
    let answer = try_call(registry, operation, body).await;
    answer.unwrap_or_else(|(code, message)| panic!("{operation}: {code}: {message}"))
}

async fn try_call(
    registry: &Registry,
    operation: &str,
    mut body: Value,
) -> Result<Value, (&'static str, String)> {
    if body.get("repositoryName").is_none() && body.get("resourceArn").is_none() {
        body["repositoryName"] = json!(REPOSITORY);
    }
    carry_out(registry, "http://127.0.0.1:5000", operation, &body)
        .await
        .map_err(|refusal| (refusal.code, refusal.message))
}

/// With two tags on one image, one on another and none on a third.
async fn filled() -> (Place, [String; 3]) {
    let place = Place::start().await;
    let mut digests = Vec::new();
    for (architecture, tags) in
        [("amd64", &[Some("v1"), Some("stable")][..]), ("arm64", &[Some("v2")]), ("riscv64", &[None])]
    {
        let image = TinyImage::for_platform("linux", architecture);
        let mut digest = String::new();
        for tag in tags {
            digest = place.push_image(*tag, &image).await.to_string();
        }
        digests.push(digest);
    }
    (place, digests.try_into().unwrap())
}

#[tokio::test]
async fn the_token_opens_the_registry() {
    let place = Place::start().await;
    let answer = call(&place.registry, "GetAuthorizationToken", json!({})).await;
    let data = &answer["authorizationData"][0];
    assert_eq!(data["proxyEndpoint"], "http://127.0.0.1:5000");
    assert!(data["expiresAt"].as_f64().unwrap() > place.registry.hub.with(|w| w.now()).as_second() as f64);
    let basic = format!("Basic {}", data["authorizationToken"].as_str().unwrap());
    let opened = place.send_bare("GET /v2/", &[("authorization", &basic)], "").await;
    assert_eq!(opened.status, 200);
}

#[tokio::test]
async fn a_repository_from_birth_to_end() {
    let place = Place::start().await;
    let registry = &place.registry;
    let body = json!({
        "repositoryName": "web",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": true},
        "tags": [{"Key": "team", "Value": "a"}],
    });
    let created = call(registry, "CreateRepository", body.clone()).await["repository"].take();
    assert_eq!(created["repositoryUri"], format!("{}/web", place.address));
    assert_eq!(created["imageTagMutability"], "IMMUTABLE");
    assert_eq!(created["imageScanningConfiguration"], json!({"scanOnPush": true}));
    assert!(created["createdAt"].is_f64());
    let twice = try_call(registry, "CreateRepository", body).await.unwrap_err();
    assert_eq!(twice.0, "RepositoryAlreadyExistsException");

    let named = call(registry, "DescribeRepositories", json!({"repositoryNames": ["web"]})).await;
    assert_eq!(named, json!({"repositories": [created]}));
    let page = call(registry, "DescribeRepositories", json!({"maxResults": 1})).await;
    assert_eq!(page["repositories"][0]["repositoryName"], REPOSITORY);
    let next = json!({"maxResults": 1, "nextToken": page["nextToken"]});
    let page = call(registry, "DescribeRepositories", next).await;
    assert_eq!(page, json!({"repositories": [created]}));

    let arn = &created["repositoryArn"];
    let more = json!({"resourceArn": arn, "tags": [{"Key": "stage", "Value": "test"}]});
    call(registry, "TagResource", more).await;
    call(registry, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]})).await;
    let tags = call(registry, "ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(tags, json!({"tags": [{"Key": "stage", "Value": "test"}]}));

    let mutable = json!({"repositoryName": "web", "imageTagMutability": "MUTABLE"});
    call(registry, "PutImageTagMutability", mutable).await;
    let named = call(registry, "DescribeRepositories", json!({"repositoryNames": ["web"]})).await;
    assert_eq!(named["repositories"][0]["imageTagMutability"], "MUTABLE");

    call(registry, "DeleteRepository", json!({"repositoryName": "web"})).await;
    let gone = try_call(registry, "ListImages", json!({"repositoryName": "web"})).await.unwrap_err();
    let message = "The repository with name 'web' does not exist in the registry with id '123456789012'";
    assert_eq!(gone, ("RepositoryNotFoundException", message.to_owned()));
}

#[tokio::test]
async fn a_full_repository_goes_only_by_force_and_takes_its_blobs() {
    let (place, _) = filled().await;
    let refused = try_call(&place.registry, "DeleteRepository", json!({})).await.unwrap_err();
    assert_eq!(refused.0, "RepositoryNotEmptyException");
    call(&place.registry, "DeleteRepository", json!({"force": true})).await;
    assert_eq!(place.files(), Vec::<String>::new());
}

#[tokio::test]
async fn images_listed_and_described() {
    let (place, [amd, arm, riscv]) = filled().await;
    let registry = &place.registry;
    let ids = call(registry, "ListImages", json!({})).await["imageIds"].take();
    assert_eq!(ids.as_array().unwrap().len(), 4);
    let ids = call(registry, "ListImages", json!({"filter": {"tagStatus": "UNTAGGED"}})).await;
    assert_eq!(ids, json!({"imageIds": [{"imageDigest": riscv}]}));

    let by_tag = json!({"imageIds": [{"imageTag": "v1"}, {"imageTag": "stable"}, {"imageDigest": amd}]});
    let described = call(registry, "DescribeImages", by_tag).await;
    let [detail] = &described["imageDetails"].as_array().unwrap()[..] else {
        panic!("one image, described once: {described}");
    };
    let image = TinyImage::for_platform("linux", "amd64");
    assert_eq!(detail["imageDigest"], amd);
    assert_eq!(detail["imageTags"], json!(["stable", "v1"]));
    assert_eq!(detail["imageSizeInBytes"], image.config.len() + image.layer.len());
    assert_eq!(detail["imageManifestMediaType"], media_type::OCI_MANIFEST);
    assert_eq!(detail["artifactMediaType"], media_type::OCI_CONFIG);
    assert!(detail["imagePushedAt"].is_f64());

    let mut seen = Vec::new();
    let mut body = json!({"maxResults": 1, "filter": {"tagStatus": "TAGGED"}});
    loop {
        let page = call(registry, "DescribeImages", body.clone()).await;
        seen.push(page["imageDetails"][0]["imageDigest"].as_str().unwrap().to_owned());
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => break,
        }
    }
    let mut tagged = [amd, arm];
    tagged.sort();
    assert_eq!(seen, tagged);
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_ecrs_words() {
    let (place, [amd, ..]) = filled().await;
    let registry = &place.registry;
    let refused = |code: &'static str, message: &str| Err((code, message.to_owned()));
    let missing = json!({"imageIds": [{"imageTag": "v9"}]});
    assert_eq!(
        try_call(registry, "DescribeImages", missing).await,
        refused(
            "ImageNotFoundException",
            "The image with imageId {imageDigest:'null', imageTag:'v9'} does not exist within the repository with \
             name 'team/game-2048' in the registry with id '123456789012'"
        )
    );
    let foreign = json!({"registryId": "999999999999"});
    assert_eq!(
        try_call(registry, "DescribeImages", foreign).await,
        refused(
            "RepositoryNotFoundException",
            "The repository with name 'team/game-2048' does not exist in the registry with id '999999999999'"
        )
    );
    for (operation, body, code) in [
        ("DescribeImages", json!({"imageIds": [{}]}), "InvalidParameterException"),
        ("DescribeImages", json!({"maxResults": 0}), "InvalidParameterException"),
        ("DescribeImages", json!({"nextToken": "!"}), "InvalidParameterException"),
        ("DescribeImages", json!({"filter": {"tagStatus": "SOME"}}), "InvalidParameterException"),
        ("BatchGetImage", json!({"imageIds": []}), "InvalidParameterException"),
        ("DescribeImageScanFindings", json!({"imageId": {"imageTag": "v9"}}), "ImageNotFoundException"),
        ("DescribeImageScanFindings", json!({"imageId": {"imageTag": "v1"}}), "ScanNotFoundException"),
        (
            "UpdateImageStorageClass",
            json!({"imageId": {"imageTag": "v9"}, "targetStorageClass": "ARCHIVE"}),
            "ImageNotFoundException",
        ),
        (
            "UpdateImageStorageClass",
            json!({"imageId": {"imageTag": "v1"}, "targetStorageClass": "CELLAR"}),
            "InvalidParameterException",
        ),
        ("CreateRepository", json!({"imageTagMutability": "SOMETIMES"}), "InvalidParameterException"),
        ("ListTagsForResource", json!({"resourceArn": "arn:aws:s3:::x"}), "InvalidParameterException"),
        ("GetDownloadUrlForLayer", json!({"layerDigest": amd}), "LayersNotFoundException"),
        ("GetLifecyclePolicy", json!({}), "UnknownOperationException"),
    ] {
        let refusal = try_call(registry, operation, body).await.unwrap_err();
        assert_eq!(refusal.0, code, "{operation}");
    }
}

#[tokio::test]
async fn a_scan_that_was_declared_is_told() {
    let (place, [amd, ..]) = filled().await;
    let registry = &place.registry;
    let declare = |status: &str, counts: &[(&str, u32)]| {
        registry.hub.with(|world| world.declare_scan(REPOSITORY, &amd, status, counts)).unwrap();
    };
    declare("COMPLETE", &[("HIGH", 2), ("UNDEFINED", 1)]);
    let ask = json!({"imageId": {"imageTag": "v1"}});
    let found = call(registry, "DescribeImageScanFindings", ask.clone()).await;
    assert_eq!(found["imageId"], json!({"imageDigest": amd, "imageTag": "v1"}));
    assert_eq!(found["imageScanStatus"]["status"], "COMPLETE");
    assert_eq!(found["imageScanFindings"]["findingSeverityCounts"], json!({"HIGH": 2, "UNDEFINED": 1}));
    let described = call(registry, "DescribeImages", json!({"imageIds": [{"imageTag": "v1"}]})).await;
    assert_eq!(described["imageDetails"][0]["imageScanFindingsSummary"]["findingSeverityCounts"]["HIGH"], 2);
    declare("PENDING", &[]);
    let found = call(registry, "DescribeImageScanFindings", ask).await;
    assert_eq!(found["imageScanStatus"]["status"], "PENDING");
    let nothing = registry.hub.with(|world| world.declare_scan(REPOSITORY, "sha256:0", "COMPLETE", &[]));
    assert_eq!(nothing.unwrap_err().code, "ImageNotFoundException");
}

#[tokio::test]
async fn what_is_archived_is_described_only_where_it_is_asked_for() {
    let (place, [amd, ..]) = filled().await;
    let registry = &place.registry;
    let id = json!({"imageTag": "v1"});
    let archive = |class: &str| json!({"imageId": id, "targetStorageClass": class});
    let answer = call(registry, "UpdateImageStorageClass", archive("ARCHIVE")).await;
    assert_eq!(answer["imageId"], json!({"imageDigest": amd, "imageTag": "v1"}), "{answer}");
    assert_eq!(answer["imageStatus"], "ARCHIVED");
    for (filter, expected) in [
        (json!({}), 2),
        (json!({"imageStatus": "ACTIVE"}), 2),
        (json!({"imageStatus": "ARCHIVED"}), 1),
        (json!({"imageStatus": "ACTIVATING"}), 0),
        (json!({"imageStatus": "ANY"}), 3),
        (json!({"imageStatus": "ANY", "tagStatus": "TAGGED"}), 2),
    ] {
        let described = call(registry, "DescribeImages", json!({"filter": filter})).await;
        assert_eq!(described["imageDetails"].as_array().unwrap().len(), expected, "{filter}");
    }
    let fetched = call(registry, "BatchGetImage", json!({"imageIds": [id]})).await;
    assert_eq!(fetched["failures"][0]["failureCode"], "ImageInaccessible");
    let answer = call(registry, "UpdateImageStorageClass", archive("STANDARD")).await;
    assert_eq!(answer["imageStatus"], "ACTIVE");
    let fetched = call(registry, "BatchGetImage", json!({"imageIds": [id]})).await;
    assert_eq!(fetched["failures"], json!([]));
}

#[tokio::test]
async fn fetching_in_a_batch() {
    let (place, [amd, arm, _]) = filled().await;
    let body = json!({"imageIds": [
        {"imageTag": "v1"},
        {"imageTag": "v9"},
        {"imageTag": "v1", "imageDigest": arm},
        {"imageDigest": "v1"},
        {},
    ]});
    let answer = call(&place.registry, "BatchGetImage", body.clone()).await;
    let [image] = &answer["images"].as_array().unwrap()[..] else {
        panic!("one image: {answer}");
    };
    assert_eq!(image["imageId"], json!({"imageDigest": amd, "imageTag": "v1"}));
    let manifest = image["imageManifest"].as_str().unwrap();
    assert_eq!(Digest::of(manifest.as_bytes()).as_str(), amd);
    let codes: Vec<&str> = answer["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["failureCode"].as_str().unwrap())
        .collect();
    let expected =
        ["ImageNotFound", "ImageTagDoesNotMatchDigest", "InvalidImageDigest", "MissingDigestAndTag"];
    assert_eq!(codes, expected);

    let mut picky = body;
    picky["acceptedMediaTypes"] = json!([media_type::DOCKER_MANIFEST]);
    let answer = call(&place.registry, "BatchGetImage", picky).await;
    assert_eq!(answer["images"], json!([]));
}

#[tokio::test]
async fn retagging_by_put_image() {
    let (mut place, [amd, ..]) = filled().await;
    place.pushes();
    let manifest = TinyImage::for_platform("linux", "amd64").manifest().to_string();
    let body = json!({"imageManifest": manifest, "imageTag": "v2"});
    let answer = call(&place.registry, "PutImage", body.clone()).await;
    assert_eq!(answer["image"]["imageId"], json!({"imageDigest": amd, "imageTag": "v2"}));
    assert_eq!(place.pushes(), [(amd.clone(), "v2".to_owned())]);
    let again = try_call(&place.registry, "PutImage", body).await.unwrap_err();
    assert_eq!(
        again,
        (
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{amd}' and tag 'v2' already exists in the repository with name \
                 'team/game-2048' in registry with id '123456789012'"
            )
        )
    );
    assert_eq!(place.pushes(), []);
}

#[tokio::test]
async fn put_image_checks_what_it_is_given() {
    let mut place = Place::start().await;
    let manifest = TinyImage::for_platform("linux", "amd64").manifest();
    let text = manifest.to_string();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": [descriptor(media_type::OCI_MANIFEST, b"elsewhere")],
    });
    let other = Digest::of(b"other");
    for (body, code) in [
        (json!({"imageManifest": text}), "LayersNotFoundException"),
        (json!({"imageManifest": index.to_string()}), "ReferencedImagesNotFoundException"),
        (json!({"imageManifest": "{"}), "InvalidParameterException"),
        (json!({"imageManifest": text, "imageDigest": other.as_str()}), "ImageDigestDoesNotMatchException"),
        (json!({"imageManifest": text, "imageDigest": "v1"}), "InvalidParameterException"),
        (json!({"imageManifest": text, "repositoryName": "nowhere"}), "RepositoryNotFoundException"),
        (json!({"imageTag": "v1"}), "InvalidParameterException"),
    ] {
        let refusal = try_call(&place.registry, "PutImage", body).await.unwrap_err();
        assert_eq!(refusal.0, code, "{}", refusal.1);
    }
    assert_eq!(place.pushes(), []);
}

#[tokio::test]
async fn deleting_in_a_batch() {
    let place = Place::start().await;
    let index = TinyIndex::new();
    for child in &index.children {
        place.push_image(None, child).await;
    }
    place.push_manifest("v1", &index.manifest).await;
    let child = &index.child_digests()[0];
    let body = json!({"imageIds": [{"imageDigest": child}, {"imageTag": "v1"}, {"imageTag": "v9"}]});
    let answer = call(&place.registry, "BatchDeleteImage", body).await;
    let gone = json!([{"imageDigest": index.digest().as_str(), "imageTag": "v1"}]);
    assert_eq!(answer["imageIds"], gone);
    assert_eq!(answer["failures"][0]["failureCode"], "ImageReferencedByManifestList");
    assert_eq!(answer["failures"][0]["imageId"], json!({"imageDigest": child}));
    assert_eq!(answer["failures"][1]["failureCode"], "ImageNotFound");
    let body = json!({"imageIds": [{"imageDigest": child}]});
    let answer = call(&place.registry, "BatchDeleteImage", body).await;
    assert_eq!(answer, json!({"imageIds": [{"imageDigest": child}], "failures": []}));
}

#[tokio::test]
async fn a_layer_by_the_api_alone() {
    let place = Place::start().await;
    let registry = &place.registry;
    let digest = Digest::of(b"hello world");
    let ask = json!({"layerDigests": [digest.as_str(), "sha256:12"]});
    let answer = call(registry, "BatchCheckLayerAvailability", ask.clone()).await;
    assert_eq!(answer["layers"][0]["layerAvailability"], "UNAVAILABLE");
    assert_eq!(answer["failures"][0]["failureCode"], "InvalidLayerDigest");

    let upload = call(registry, "InitiateLayerUpload", json!({})).await["uploadId"].take();
    let complete = json!({"uploadId": upload, "layerDigests": [digest.as_str()]});
    let empty = try_call(registry, "CompleteLayerUpload", complete.clone()).await.unwrap_err();
    assert_eq!(empty.0, "EmptyUploadException");
    let part = |first: u64, last: u64, base64: &str| json!({"uploadId": upload, "partFirstByte": first, "partLastByte": last, "layerPartBlob": base64});
    let first = call(registry, "UploadLayerPart", part(0, 5, "aGVsbG8g")).await;
    assert_eq!(first["lastByteReceived"], 5);
    let gap = try_call(registry, "UploadLayerPart", part(9, 13, "d29ybGQ=")).await.unwrap_err();
    assert_eq!(gap.0, "InvalidLayerPartException");
    call(registry, "UploadLayerPart", part(6, 10, "d29ybGQ=")).await;
    call(registry, "CompleteLayerUpload", complete.clone()).await;
    let over = try_call(registry, "CompleteLayerUpload", complete).await.unwrap_err();
    assert_eq!(over.0, "UploadNotFoundException");

    let answer = call(registry, "BatchCheckLayerAvailability", ask).await;
    assert_eq!(answer["layers"][0]["layerSize"], 11);
    let url = call(registry, "GetDownloadUrlForLayer", json!({"layerDigest": digest.as_str()})).await;
    let path = url["downloadUrl"].as_str().unwrap().strip_prefix("http://127.0.0.1:5000").unwrap();
    let bytes = place.send_bare(&format!("GET {path}"), &[], "").await;
    assert_eq!(bytes.body, "hello world");
}
