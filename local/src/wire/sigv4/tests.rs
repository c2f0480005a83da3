//! The signatures below were made by other implementations: AWS's published test suite and botocore.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

const BODY: &[u8] = br#"{"services":["game"]}"#;
const NOW: &str = "2026-11-21T08:00:30Z";
const SCOPE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/";

/// The value of `Authorization` for a request whose headers are all to be signed, `x-amz-date` among them.
pub(crate) fn authorize(
    request: &Signed<'_>,
    (access_key_id, secret): (&str, &str),
    region: &str,
    service: &str,
) -> String {
    let date_text = header(request.headers, "x-amz-date").unwrap();
    let scope = Scope {
        access_key_id: access_key_id.to_owned(),
        date: date_text[..8].to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    let mut names: Vec<String> = request.headers.keys().map(ToString::to_string).collect();
    names.sort();
    let canonical = canonical_request(request, &names);
    let signature = signature(&scope, &date_text, &canonical, secret).finalize().into_bytes();
    format!(
        "{ALGORITHM} Credential={access_key_id}/{}/{region}/{service}/aws4_request, SignedHeaders={}, Signature={}",
        scope.date,
        names.join(";"),
        hex(&signature)
    )
}

/// One request that a test may change before it is verified.
#[derive(Clone)]
struct Sample {
    method: &'static str,
    path: &'static str,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
    region: &'static str,
    now: Timestamp,
}

impl Sample {
    fn set(mut self, name: &'static str, value: &str) -> Sample {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    fn at(mut self, now: &str) -> Sample {
        self.now = now.parse().unwrap();
        self
    }

    fn verify(&self) -> Result<Verified, AuthError> {
        let credentials =
            [("AKIDOTHER", "other"), ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")].map(
                |(id, secret)| Credential {
                    access_key_id: id.into(),
                    secret_access_key: secret.into(),
                    caller: Caller::user("123456789012", id),
                },
            );
        let signed = Signed {
            method: self.method,
            path: self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        verify(&signed, &credentials, self.region, self.now)
    }

    fn refusal(&self) -> Refusal {
        self.verify().unwrap_err().refusal(Protocol::Json)
    }
}

fn bare(method: &'static str, path: &'static str, query: &str) -> Sample {
    Sample {
        method,
        path,
        query: query.into(),
        headers: HeaderMap::new(),
        body: Vec::new(),
        region: "eu-central-1",
        now: NOW.parse().unwrap(),
    }
    .set("host", "127.0.0.1:4566")
}

fn describe_services() -> Sample {
    let mut sample = bare("POST", "/", "")
        .set("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeServices")
        .set("content-type", "application/x-amz-json-1.1")
        .set("x-amz-date", "20261121T080000Z")
        .set(
            "authorization",
            &format!(
                "{SCOPE}ecs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
                 Signature=fa4da58aeb16cf9c921f387372bdcca2921a89cce96ce044306523b78c45a9d9"
            ),
        );
    sample.body = BODY.to_vec();
    sample
}

fn presigned() -> Sample {
    bare(
        "GET",
        "/",
        "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Feu-central-1%2Fsts%2Faws4_request\
         &X-Amz-Date=20261121T080000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=c00b6e4e2cd8c024debb2d813aa87f258de54f5a34064a011ed762c62b847644",
    )
}

#[test]
fn the_published_vector_verifies() {
    let mut sample = bare("GET", "/", "")
        .set("host", "example.amazonaws.com")
        .set("x-amz-date", "20150830T123600Z")
        .set(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        )
        .at("2015-08-30T12:36:00Z");
    sample.region = "us-east-1";
    assert_eq!(sample.verify().unwrap().service, "service");
}

#[test]
fn a_json_call_verifies_as_its_caller() {
    let verified = describe_services().verify().unwrap();
    assert_eq!(verified.service, "ecs");
    assert_eq!(verified.caller.arn, "arn:aws:iam::123456789012:user/AKIDEXAMPLE");
}

#[test]
fn a_session_token_is_signed_and_otherwise_ignored() {
    let mut sample = describe_services()
        .set("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")
        .set("x-amz-security-token", "FQoGZXIvYXdzEXAMPLE")
        .set(
            "authorization",
            &format!(
                "{SCOPE}ecs/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
                 Signature=3dbc0be97bfdc3d21a8ef3c8b14188ec125c794d89ae5dc51b82fccce02e032e"
            ),
        );
    sample.body = b"{}".to_vec();
    sample.verify().unwrap();
    let other = sample.set("x-amz-security-token", "FQoGZXIvYXdzEXAMPLF");
    assert_eq!(other.refusal().code, "InvalidSignatureException");
}

#[test]
fn escapes_order_and_spaces_are_canonical() {
    bare("GET", "/a%20b/%C3%BC", "b=2%202&a=%2F&a=1&c")
        .set("x-amz-two", "  a   b  ")
        .set("x-amz-date", "20261121T080000Z")
        .set(
            "authorization",
            &format!(
                "{SCOPE}elasticloadbalancing/aws4_request, SignedHeaders=host;x-amz-date;x-amz-two, \
                 Signature=b2cc46aa5858ac567f978636bb3bc078b1a643c1af74e96e6a4b60b391d7f15f"
            ),
        )
        .verify()
        .unwrap();
}

#[test]
fn any_change_to_what_was_signed_is_noticed() {
    let good = describe_services();
    let mut body = good.clone();
    body.body = br#"{"services":["gamf"]}"#.to_vec();
    let mut method = good.clone();
    method.method = "PUT";
    let mut path = good.clone();
    path.path = "/x";
    let mut query = good.clone();
    query.query = "a=b".into();
    let target = "AmazonEC2ContainerServiceV20141113.DeleteService";
    let authorization = good.headers["authorization"].to_str().unwrap().to_owned();
    let changed = [
        body,
        method,
        path,
        query,
        good.clone().set("x-amz-target", target),
        good.clone().set("host", "127.0.0.1:4567"),
        good.clone().set("x-amz-date", "20261121T080001Z"),
        good.clone().set("authorization", &authorization.replace("/ecs/", "/ecr/")),
        good.clone().set("authorization", &authorization.replace("45a9d9", "45a9d8")),
        good.clone().set("authorization", &authorization.replace("45a9d9", "")),
        good.clone().set("authorization", &authorization.replace("AKIDEXAMPLE", "AKIDOTHER")),
    ];
    for (number, sample) in changed.iter().enumerate() {
        let refusal = sample.refusal();
        assert_eq!(refusal.code, "InvalidSignatureException", "change {number}");
        assert!(
            refusal.message.starts_with("The request signature we calculated"),
            "change {number}: {}",
            refusal.message
        );
    }
}

#[test]
fn headers_that_steer_the_service_must_be_signed() {
    let unsigned = describe_services().set("x-amz-something", "1").refusal();
    assert_eq!(unsigned.code, "InvalidSignatureException");
    assert!(unsigned.message.contains("'x-amz-something' must be"), "{}", unsigned.message);

    let sample = describe_services();
    let without_host = sample.headers["authorization"].to_str().unwrap().replace("host;", "");
    let refusal = sample.set("authorization", &without_host).refusal();
    assert!(refusal.message.contains("'host' must be"), "{}", refusal.message);
}

#[test]
fn who_is_not_known_or_says_nothing_is_refused() {
    let mut nobody = describe_services();
    nobody.headers.remove("authorization");
    assert_eq!(nobody.refusal().code, "MissingAuthenticationTokenException");
    let query = nobody.verify().unwrap_err().refusal(Protocol::Query);
    assert_eq!((query.code, query.http_status), ("MissingAuthenticationToken", 403));
    assert_eq!(nobody.set("authorization", "Basic QVdTOng=").verify(), Err(AuthError::Missing));

    let sample = describe_services();
    let stranger = sample.headers["authorization"].to_str().unwrap().replace("AKIDEXAMPLE", "AKIDNOBODY");
    assert_eq!(sample.set("authorization", &stranger).refusal().code, "UnrecognizedClientException");
}

#[test]
fn half_a_signature_is_incomplete() {
    for authorization in [
        "AWS4-HMAC-SHA256".to_owned(),
        format!("{SCOPE}ecs/aws4_request, SignedHeaders=host"),
        format!("{SCOPE}ecs, SignedHeaders=host, Signature=00"),
    ] {
        let sample = describe_services().set("authorization", &authorization);
        assert_eq!(sample.refusal().code, "IncompleteSignatureException", "{authorization}");
    }
    let bad_date = describe_services().set("x-amz-date", "2026-11-21");
    assert_eq!(bad_date.refusal().code, "IncompleteSignatureException");
}

#[test]
fn five_minutes_either_way_and_no_more() {
    for (now, message) in [
        ("2026-11-21T08:05:00Z", None),
        ("2026-11-21T07:55:00Z", None),
        (
            "2026-11-21T08:05:01Z",
            Some(
                "Signature expired: 20261121T080000Z is now earlier than 20261121T080001Z \
                 (20261121T080501Z - 5 min.)",
            ),
        ),
        (
            "2026-11-21T07:54:59Z",
            Some(
                "Signature not yet current: 20261121T080000Z is still later than 20261121T075959Z \
                 (20261121T075459Z + 5 min.)",
            ),
        ),
    ] {
        let result = describe_services().at(now).verify();
        assert_eq!(result.err().map(|error| error.to_string()).as_deref(), message, "{now}");
    }
}

#[test]
fn the_scope_must_be_of_this_region_and_day() {
    let mut elsewhere = describe_services();
    elsewhere.region = "eu-west-1";
    assert!(elsewhere.refusal().message.contains("valid region"));

    let sample = describe_services();
    let other_day = sample.headers["authorization"].to_str().unwrap().replace("/20261121/", "/20261120/");
    assert!(
        sample.set("authorization", &other_day).refusal().message.starts_with("Date in Credential scope")
    );
}

#[test]
fn a_presigned_url_verifies_until_it_expires() {
    assert_eq!(presigned().verify().unwrap().service, "sts");
    let late = presigned().at("2026-11-21T08:01:01Z").refusal();
    assert!(late.message.starts_with("Signature expired"), "{}", late.message);

    let mut changed = presigned();
    changed.query = changed.query.replace("GetCallerIdentity", "GetSessionToken");
    assert_eq!(changed.refusal().code, "InvalidSignatureException");
    let mut longer = presigned();
    longer.query = longer.query.replace("Expires=60", "Expires=600");
    assert_eq!(longer.refusal().code, "InvalidSignatureException");
    let mut endless = presigned();
    endless.query = endless.query.replace("Expires=60", "Expires=604801");
    assert_eq!(endless.refusal().code, "IncompleteSignatureException");
}
