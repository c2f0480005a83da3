//! Who may come in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hub::Hub;
use crate::registry::testkit::{PASSWORD, Place, REPOSITORY};

#[tokio::test]
async fn only_the_right_password_opens() {
    let place = Place::start().await;
    for credentials in [
        None,
        Some("AWS:wrong".to_owned()),
        Some(format!("other:{PASSWORD}")),
        Some("AWS".to_owned()),
        Some(String::new()),
    ] {
        let header = credentials.map(|credentials| format!("Basic {}", STANDARD.encode(credentials)));
        let headers: Vec<(&str, &str)> =
            header.iter().map(|value| ("authorization", value.as_str())).collect();
        let answer = place.send_bare("GET /v2/", &headers, "").await;
        assert_eq!(answer.status, 401, "{header:?}");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"ECR\"");
        assert_eq!(answer.code(), "UNAUTHORIZED");
    }
    let bearer = format!("Bearer {}", STANDARD.encode(format!("AWS:{PASSWORD}")));
    let answer = place.send_bare("GET /v2/", &[("authorization", &bearer)], "").await;
    assert_eq!(answer.status, 401);

    let answer = place.send("GET /v2/", "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
}

#[tokio::test]
async fn a_link_opens_one_blob_for_a_while() {
    let place = Place::start().await;
    let digest = place.push_blob(b"linked").await;
    let other = place.push_blob(b"not linked").await;
    let soon = Hub::now() + std::time::Duration::from_secs(60);
    let link = place.registry.download_link(REPOSITORY, &digest, soon);
    let answer = place.send_bare(&format!("GET {link}"), &[], "").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"linked"[..]));

    let past = Hub::now() - std::time::Duration::from_secs(1);
    let expired = place.registry.download_link(REPOSITORY, &digest, past);
    for line in [
        format!("GET {expired}"),
        format!("DELETE {link}"),
        format!("GET {}", link.replace(digest.as_str(), other.as_str())),
        format!("GET {}", link.replace("expires=", "expires=9")),
        format!("GET {link}00"),
        format!("GET {link}zz"),
    ] {
        assert_eq!(place.send_bare(&line, &[], "").await.status, 401, "{line}");
    }
}
