//! The header rules of an Application Load Balancer: what it adds towards a target, and what is between two
//! neighbours only and never passed on.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::HeaderMap;
use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

use crate::hub::Hub;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

const BETWEEN_NEIGHBOURS: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes the headers that concern one connection only, those that `Connection` names included.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in BETWEEN_NEIGHBOURS.iter().chain(&named) {
        headers.remove(name);
    }
}

pub(super) fn add_forwarded(headers: &mut HeaderMap, client: IpAddr, listener_port: u16) {
    let mut hops: Vec<String> = headers
        .get_all(&X_FORWARDED_FOR)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    hops.push(client.to_string());
    insert(headers, X_FORWARDED_FOR, &hops.join(", "));
    insert(headers, X_FORWARDED_PROTO, "http");
    insert(headers, X_FORWARDED_PORT, &listener_port.to_string());

    let own = trace_root();
    let trace = match headers.get(&X_AMZN_TRACE_ID).and_then(|value| value.to_str().ok()) {
        Some(given) if given.contains("Root=") => format!("Self={own};{given}"),
        Some(given) if !given.is_empty() => format!("Root={own};{given}"),
        _ => format!("Root={own}"),
    };
    insert(headers, X_AMZN_TRACE_ID, &trace);
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A value that came in as a header can go out as one; anything else is left out rather than guessed.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// `1-<seconds since 1970>-<96 bits>`, in hexadecimal.
fn trace_root() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    static STIRRED: LazyLock<(RandomState, RandomState)> =
        LazyLock::new(|| (RandomState::new(), RandomState::new()));
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let high = STIRRED.0.hash_one(number);
    let low = STIRRED.1.hash_one(number) as u32;
    format!("1-{:08x}-{high:016x}{low:08x}", Hub::now().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut given = headers(&[
            ("connection", "close, x-private"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut given);
        assert_eq!(given, headers(&[("accept", "*/*")]));
    }

    #[test]
    fn the_client_is_appended_and_the_rest_is_overwritten() {
        let mut given = headers(&[
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
        ]);
        add_forwarded(&mut given, IpAddr::from([10, 0, 0, 9]), 8080);
        assert_eq!(given["x-forwarded-for"], "203.0.113.7, 10.0.0.9");
        assert_eq!(given["x-forwarded-proto"], "http");
        assert_eq!(given["x-forwarded-port"], "8080");
    }

    #[test]
    fn a_trace_is_begun_or_continued() {
        let client = IpAddr::from([127, 0, 0, 1]);
        let mut fresh = HeaderMap::new();
        add_forwarded(&mut fresh, client, 80);
        let root = fresh["x-amzn-trace-id"].to_str().unwrap();
        assert_eq!(root.len(), "Root=1-00000000-000000000000000000000000".len());
        assert!(root.starts_with("Root=1-"), "{root}");

        let mut known = headers(&[("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678")]);
        add_forwarded(&mut known, client, 80);
        let continued = known["x-amzn-trace-id"].to_str().unwrap();
        assert!(continued.starts_with("Self=1-"), "{continued}");
        assert!(continued.ends_with(";Root=1-67891233-abcdef012345678912345678"), "{continued}");
    }
}
