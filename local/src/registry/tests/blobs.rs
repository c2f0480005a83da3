//! Blobs on their way in, out and between repositories.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::registry::Digest;
use crate::registry::testkit::{Answer, PASSWORD, Place, REPOSITORY, TinyImage};

async fn start_upload(place: &Place) -> String {
    let answer = place.send(&format!("POST /v2/{REPOSITORY}/blobs/uploads/"), "").await;
    assert_eq!(answer.status, 202);
    answer.header("location").to_owned()
}

async fn patch(place: &Place, upload: &str, range: &str, bytes: &'static str) -> Answer {
    place.send_with(&format!("PATCH {upload}"), &[("content-range", range)], bytes).await
}

#[tokio::test]
async fn a_blob_in_pieces() {
    let place = Place::start().await;
    let upload = start_upload(&place).await;
    let answer = patch(&place, &upload, "0-4", "hello").await;
    assert_eq!((answer.status.as_u16(), answer.header("range")), (202, "0-4"));
    let answer = patch(&place, &upload, "5-5", " ").await;
    assert_eq!((answer.status.as_u16(), answer.header("range")), (202, "0-5"));

    let again = patch(&place, &upload, "0-4", "hello").await;
    assert_eq!((again.status.as_u16(), again.header("range")), (416, "0-5"));
    assert_eq!(again.code(), "BLOB_UPLOAD_INVALID");
    let status = place.send(&format!("GET {upload}"), "").await;
    assert_eq!((status.status.as_u16(), status.header("range")), (204, "0-5"));
    assert_eq!(status.header("location"), upload);

    let digest = Digest::of(b"hello world");
    let answer = place.send(&format!("PUT {upload}?digest={digest}"), "world").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("location"), format!("/v2/{REPOSITORY}/blobs/{digest}"));
    assert_eq!(answer.header("docker-content-digest"), digest.as_str());
    let gone = place.send(&format!("GET {upload}"), "").await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
}

#[tokio::test]
async fn bad_uploads_leave_nothing() {
    let place = Place::start().await;
    let right = Digest::of(b"right");
    let uploads = format!("/v2/{REPOSITORY}/blobs/uploads");
    for (line, headers, status, code) in [
        (format!("POST {uploads}/?digest={right}"), vec![], 400, "DIGEST_INVALID"),
        (format!("POST {uploads}/?digest=sha256:12"), vec![], 400, "DIGEST_INVALID"),
        (format!("PUT {uploads}/nowhere?digest={right}"), vec![], 404, "BLOB_UPLOAD_UNKNOWN"),
        (format!("PATCH {uploads}/nowhere"), vec![], 404, "BLOB_UPLOAD_UNKNOWN"),
        (format!("DELETE {uploads}/nowhere"), vec![], 404, "BLOB_UPLOAD_UNKNOWN"),
        (format!("PUT {uploads}/"), vec![], 405, "UNSUPPORTED"),
        (format!("POST {uploads}/?digest={right}"), vec![("content-range", "0-99")], 400, "SIZE_INVALID"),
        (
            format!("POST {uploads}/?digest={right}"),
            vec![("content-range", "bytes 0-4/5")],
            400,
            "BLOB_UPLOAD_INVALID",
        ),
    ] {
        let answer = place.send_with(&line, &headers, "wrong").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{line}");
    }
    let upload = start_upload(&place).await;
    let answer = place.send(&format!("PUT {upload}?digest={right}"), "wrong").await;
    assert_eq!(answer.code(), "DIGEST_INVALID");
    let upload = start_upload(&place).await;
    let answer = place.send(&format!("PUT {upload}"), "right").await;
    assert_eq!(answer.code(), "DIGEST_INVALID");
    let answer = place.send(&format!("DELETE {upload}"), "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(place.files(), Vec::<String>::new());
}

/// Bytes of a request that breaks off do not count.
#[tokio::test]
async fn an_interrupted_piece_did_not_come() {
    let place = Place::start().await;
    let upload = start_upload(&place).await;
    assert_eq!(patch(&place, &upload, "0-4", "hello").await.status, 202);

    let mut connection = tokio::net::TcpStream::connect(place.address).await.unwrap();
    let credentials = STANDARD.encode(format!("AWS:{PASSWORD}"));
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {credentials}\r\ncontent-length: 100\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(b"HELLO").await.unwrap();
    connection.shutdown().await.unwrap();
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.unwrap();

    let digest = Digest::of(b"hello world");
    let mut answer = place.send(&format!("PUT {upload}?digest={digest}"), " world").await;
    // The server may still be noticing that the other request is gone.
    while answer.status == 409 {
        tokio::task::yield_now().await;
        answer = place.send(&format!("PUT {upload}?digest={digest}"), " world").await;
    }
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn fetching_whole_and_in_part() {
    let place = Place::start().await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let digest = place.push_blob(&bytes).await;
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    let whole = place.send(&format!("GET {path}"), "").await;
    assert_eq!((whole.status.as_u16(), whole.body == bytes), (200, true));
    let head = place.send(&format!("HEAD {path}"), "").await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "200000"));
    assert!(head.body.is_empty());

    let range = [("range", "bytes=100000-199999")];
    let part = place.send_with(&format!("GET {path}"), &range, "").await;
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), "bytes 100000-199999/200000");
    assert_eq!(part.body, bytes[100_000..]);
    let beyond = place.send_with(&format!("GET {path}"), &[("range", "bytes=200000-")], "").await;
    assert_eq!((beyond.status.as_u16(), beyond.header("content-range")), (416, "bytes */200000"));

    let unknown = Digest::of(b"unknown");
    let answer = place.send(&format!("GET /v2/{REPOSITORY}/blobs/{unknown}"), "").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "BLOB_UNKNOWN"));
}

#[tokio::test]
async fn another_repository_sees_a_blob_once_it_is_mounted() {
    let place = Place::start().await;
    let digest = place.push_blob(b"shared").await;
    place
        .registry
        .hub
        .with(|world| world.create_repository("other", false, false, BTreeMap::new()).map(drop))
        .unwrap();
    let there = format!("/v2/other/blobs/{digest}");
    assert_eq!(place.send(&format!("HEAD {there}"), "").await.status, 404);

    let unknown = Digest::of(b"unknown");
    for (digest, from) in [(&unknown, REPOSITORY), (&digest, "nowhere"), (&digest, "other")] {
        let line = format!("POST /v2/other/blobs/uploads/?mount={digest}&from={from}");
        let answer = place.send(&line, "").await;
        assert_eq!(answer.status, 202, "an upload instead: {line}");
        let upload = answer.header("location").to_owned();
        place.send(&format!("DELETE {upload}"), "").await;
    }
    let line = format!("POST /v2/other/blobs/uploads/?mount={digest}&from={REPOSITORY}");
    let answer = place.send(&line, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (201, there.as_str()));

    let here = format!("DELETE /v2/{REPOSITORY}/blobs/{digest}");
    assert_eq!(place.send(&here, "").await.status, 202);
    let answer = place.send(&format!("GET {there}"), "").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"shared"[..]));
    assert_eq!(place.send(&format!("DELETE {there}"), "").await.status, 202);
    assert_eq!(place.files(), Vec::<String>::new());
}

#[tokio::test]
async fn what_an_image_consists_of_stays() {
    let place = Place::start().await;
    let image = TinyImage::for_platform("linux", "amd64");
    let manifest = place.push_image(Some("v1"), &image).await;
    let layer = Digest::of(&image.layer);
    let line = format!("DELETE /v2/{REPOSITORY}/blobs/{layer}");
    let answer = place.send(&line, "").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "DENIED"));
    let answer = place.send(&format!("DELETE /v2/{REPOSITORY}/manifests/{manifest}"), "").await;
    assert_eq!(answer.status, 202);
    assert_eq!(place.send(&line, "").await.status, 202);
    assert_eq!(place.send(&line, "").await.code(), "BLOB_UNKNOWN");
}
