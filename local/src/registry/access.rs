//! Who may come in: the user `AWS` with the password that `GetAuthorizationToken` hands out, or the bearer of a
//! link to one blob that has not expired.

use std::collections::HashMap;

use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Registry;
use super::digest::{Digest, hex};
use super::error::OciError;
use crate::world::Timestamp;

pub(super) const USER: &str = "AWS";

impl Registry {
    pub(super) fn admit(&self, request: &Parts) -> Result<(), OciError> {
        if self.has_password(request) || self.has_link(request) {
            Ok(())
        } else {
            Err(OciError::unauthorized())
        }
    }

    /// Path and query under which a blob can be fetched without a password until `expires_at`.
    pub(crate) fn download_link(&self, repository: &str, digest: &Digest, expires_at: Timestamp) -> String {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let expires = expires_at.as_second();
        let signature = hex(&self.link_mac(&path, expires).finalize().into_bytes());
        format!("{path}?expires={expires}&signature={signature}")
    }

    fn has_password(&self, request: &Parts) -> bool {
        let given = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, credentials)| STANDARD.decode(credentials.trim()).ok());
        given.is_some_and(|given| given == format!("{USER}:{}", self.password).as_bytes())
    }

    fn has_link(&self, request: &Parts) -> bool {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return false;
        }
        let Ok(Query(query)) = Query::<HashMap<String, String>>::try_from_uri(&request.uri) else {
            return false;
        };
        let (Some(expires), Some(signature)) = (query.get("expires"), query.get("signature")) else {
            return false;
        };
        let (Ok(expires), Some(signature)) = (expires.parse(), unhex(signature)) else {
            return false;
        };
        let now = self.hub.with(|world| world.now());
        now.as_second() < expires
            && self.link_mac(request.uri.path(), expires).verify_slice(&signature).is_ok()
    }

    fn link_mac(&self, path: &str, expires: i64) -> Hmac<Sha256> {
        // `Hmac` is glad of a key of any length; the other arm is there because the trait is for all ciphers.
        let mac = Hmac::<Sha256>::new_from_slice(self.password.as_bytes());
        let mut mac = mac.unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(format!("{path}\n{expires}").as_bytes());
        mac
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
