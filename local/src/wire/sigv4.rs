//! Signature Version 4, the receiving side: proves that a request was made by the holder of a secret key, for this
//! service and region, lately, and that nothing signed was changed on the way.
//!
//! Headers and presigned URLs are understood. The body's hash is always computed, never taken from the client, so
//! `UNSIGNED-PAYLOAD` is refused as ECS refuses it. A session token is signed like any header and not looked at: the
//! keys known here are long-lived. Time is an argument.

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::answer::Protocol;
use super::encoding::{from_hex, hex, percent_decode, percent_encode};
use super::{Caller, Credential};
use crate::world::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// AWS: a presigned URL is good for a week at most.
const LONGEST_EXPIRY_SECONDS: i64 = 604_800;

/// What of a request a signature covers, as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) access_key_id: String,
    pub(super) caller: Caller,
    /// The service that the signature is good for.
    pub(super) service: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum AuthError {
    #[error("Missing Authentication Token")]
    Missing,
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error("{0}")]
    Incomplete(String),
    #[error("{0}")]
    Invalid(String),
}

impl AuthError {
    pub(super) fn wrong_service(expected: &str) -> AuthError {
        AuthError::Invalid(format!("Credential should be scoped to correct service: '{expected}'. "))
    }

    /// The two protocols have different names and statuses for the same refusal.
    pub(super) fn refusal(&self, protocol: Protocol) -> Refusal {
        let (code, http_status) = match (protocol, self) {
            (Protocol::Json | Protocol::Cbor, AuthError::Missing) => {
                ("MissingAuthenticationTokenException", 400)
            }
            (Protocol::Json | Protocol::Cbor, AuthError::UnknownKey) => ("UnrecognizedClientException", 400),
            (Protocol::Json | Protocol::Cbor, AuthError::Incomplete(_)) => {
                ("IncompleteSignatureException", 400)
            }
            (Protocol::Json | Protocol::Cbor, AuthError::Invalid(_)) => ("InvalidSignatureException", 400),
            (Protocol::Query, AuthError::Missing) => ("MissingAuthenticationToken", 403),
            (Protocol::Query, AuthError::UnknownKey) => ("InvalidClientTokenId", 403),
            (Protocol::Query, AuthError::Incomplete(_)) => ("IncompleteSignature", 400),
            (Protocol::Query, AuthError::Invalid(_)) => ("SignatureDoesNotMatch", 403),
        };
        Refusal { http_status, ..Refusal::new(code, self.to_string()) }
    }
}

pub(super) fn verify(
    request: &Signed<'_>,
    credentials: &[Credential],
    region: &str,
    now: Timestamp,
) -> Result<Verified, AuthError> {
    let claim = Claim::read(request)?;
    let credential = credentials
        .iter()
        .find(|credential| credential.access_key_id == claim.scope.access_key_id)
        .ok_or(AuthError::UnknownKey)?;
    claim.check_headers(request)?;
    claim.check_time(now)?;
    claim.check_scope(region)?;
    claim.check_signature(request, &credential.secret_access_key)?;
    Ok(Verified {
        access_key_id: claim.scope.access_key_id,
        caller: credential.caller.clone(),
        service: claim.scope.service,
    })
}

/// `access key/date/region/service/aws4_request`
#[derive(Debug)]
struct Scope {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
}

impl Scope {
    fn parse(credential: &str) -> Result<Scope, AuthError> {
        match credential.split('/').collect::<Vec<_>>()[..] {
            [access_key_id, date, region, service, "aws4_request"] => Ok(Scope {
                access_key_id: access_key_id.to_owned(),
                date: date.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            }),
            _ => Err(AuthError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{credential}'"
            ))),
        }
    }
}

/// What a request says about its own signature.
#[derive(Debug)]
struct Claim {
    scope: Scope,
    /// Lower case, in the order given.
    signed_headers: Vec<String>,
    signature: String,
    /// `20261121T080000Z`
    date_text: String,
    date: Timestamp,
    /// Of a presigned URL.
    expires_seconds: Option<i64>,
}

impl Claim {
    fn read(request: &Signed<'_>) -> Result<Claim, AuthError> {
        if let Some(authorization) = header(request.headers, "authorization") {
            return Claim::from_headers(request, &authorization);
        }
        let query: BTreeMap<String, String> = query_pairs(request.query)
            .into_iter()
            .map(|(name, value)| (lossy(&name), lossy(&value)))
            .collect();
        if query.contains_key("X-Amz-Signature") || query.contains_key("X-Amz-Credential") {
            return Claim::from_query(&query);
        }
        Err(AuthError::Missing)
    }

    fn from_headers(request: &Signed<'_>, authorization: &str) -> Result<Claim, AuthError> {
        let Some(members) = authorization.strip_prefix(ALGORITHM) else {
            return Err(AuthError::Missing);
        };
        let members: BTreeMap<&str, &str> =
            members.split(',').filter_map(|member| member.trim().split_once('=')).collect();
        let member = |name: &str| {
            members.get(name).copied().ok_or_else(|| {
                AuthError::Incomplete(format!("Authorization header requires '{name}' parameter."))
            })
        };
        let date = header(request.headers, "x-amz-date").ok_or_else(|| {
            AuthError::Incomplete("Authorization header requires existence of an 'X-Amz-Date' header.".into())
        })?;
        Claim::assemble(member("Credential")?, member("SignedHeaders")?, member("Signature")?, &date, None)
    }

    fn from_query(query: &BTreeMap<String, String>) -> Result<Claim, AuthError> {
        let member = |name: &str| {
            query.get(name).map(String::as_str).ok_or_else(|| {
                AuthError::Incomplete(format!("AWS query-string parameters must include '{name}'."))
            })
        };
        if member("X-Amz-Algorithm")? != ALGORITHM {
            return Err(AuthError::Incomplete(format!("X-Amz-Algorithm must be '{ALGORITHM}'.")));
        }
        let expires = member("X-Amz-Expires")?
            .parse()
            .ok()
            .filter(|seconds| (1..=LONGEST_EXPIRY_SECONDS).contains(seconds))
            .ok_or_else(|| {
                AuthError::Incomplete(format!(
                    "X-Amz-Expires must be a number of seconds between 1 and {LONGEST_EXPIRY_SECONDS}."
                ))
            })?;
        Claim::assemble(
            member("X-Amz-Credential")?,
            member("X-Amz-SignedHeaders")?,
            member("X-Amz-Signature")?,
            member("X-Amz-Date")?,
            Some(expires),
        )
    }

    fn assemble(
        credential: &str,
        signed_headers: &str,
        signature: &str,
        date: &str,
        expires_seconds: Option<i64>,
    ) -> Result<Claim, AuthError> {
        let at = DateTime::strptime("%Y%m%dT%H%M%SZ", date)
            .and_then(|civil| TimeZone::UTC.to_timestamp(civil))
            .map_err(|_| {
                AuthError::Incomplete(format!(
                    "Date must be in ISO-8601 'basic format'. Got '{date}'. \
                     See http://en.wikipedia.org/wiki/ISO_8601"
                ))
            })?;
        Ok(Claim {
            scope: Scope::parse(credential)?,
            signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
            date_text: date.to_owned(),
            date: at,
            expires_seconds,
        })
    }

    /// What tells the service what to do must be signed, or it could be exchanged on the way.
    fn check_headers(&self, request: &Signed<'_>) -> Result<(), AuthError> {
        let must = request
            .headers
            .keys()
            .map(|name| name.as_str())
            .filter(|name| name.starts_with("x-amz-"))
            .chain(["host"]);
        for name in must {
            if !self.signed_headers.iter().any(|signed| signed == name) {
                return Err(AuthError::Invalid(format!(
                    "'{name}' must be a 'SignedHeader' in the AWS Authorization."
                )));
            }
        }
        Ok(())
    }

    fn check_time(&self, now: Timestamp) -> Result<(), AuthError> {
        let life = self.expires_seconds.map_or(CLOCK_SKEW, SignedDuration::from_secs);
        let age = now.duration_since(self.date);
        let date = &self.date_text;
        if age > life {
            return Err(AuthError::Invalid(format!(
                "Signature expired: {date} is now earlier than {} ({} - {})",
                basic(now - life),
                basic(now),
                describe(life)
            )));
        }
        if -age > CLOCK_SKEW {
            return Err(AuthError::Invalid(format!(
                "Signature not yet current: {date} is still later than {} ({} + 5 min.)",
                basic(now + CLOCK_SKEW),
                basic(now)
            )));
        }
        Ok(())
    }

    fn check_scope(&self, region: &str) -> Result<(), AuthError> {
        let day = self.date_text.get(..8).unwrap_or_default();
        if self.scope.date != day {
            return Err(AuthError::Invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{day}', from '{}'.",
                self.scope.date, self.date_text
            )));
        }
        // The global endpoint of STS is signed for us-east-1, wherever the caller is.
        let global = self.scope.service == "sts" && self.scope.region == "us-east-1";
        if self.scope.region != region && !global {
            return Err(AuthError::Invalid(format!(
                "Credential should be scoped to a valid region, not '{}'. ",
                self.scope.region
            )));
        }
        Ok(())
    }

    fn check_signature(&self, request: &Signed<'_>, secret: &str) -> Result<(), AuthError> {
        let canonical = canonical_request(request, &self.signed_headers);
        let mac = signature(&self.scope, &self.date_text, &canonical, secret);
        // `verify_slice` takes the same time wherever the first difference is.
        from_hex(&self.signature).and_then(|signature| mac.verify_slice(&signature).ok()).ok_or_else(|| {
            AuthError::Invalid(
                "The request signature we calculated does not match the signature you provided. Check your \
                     AWS Secret Access Key and signing method. Consult the service documentation for details."
                    .into(),
            )
        })
    }
}

fn signature(scope: &Scope, date_text: &str, canonical_request: &str, secret: &str) -> Hmac<Sha256> {
    let Scope { date, region, service, .. } = scope;
    let to_sign = format!(
        "{ALGORITHM}\n{date_text}\n{date}/{region}/{service}/aws4_request\n{}",
        hex(&Sha256::digest(canonical_request))
    );
    let key = [date.as_str(), region, service, "aws4_request"]
        .into_iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            mac(&key, part).finalize().into_bytes().to_vec()
        });
    mac(&key, &to_sign)
}

fn mac(key: &[u8], message: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    mac
}

fn canonical_request(request: &Signed<'_>, signed_headers: &[String]) -> String {
    let mut query: Vec<(String, String)> = query_pairs(request.query)
        .into_iter()
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .map(|(name, value)| (percent_encode(&name, b""), percent_encode(&value, b"")))
        .collect();
    query.sort();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = String::new();
    for name in signed_headers {
        let value = header(request.headers, name).unwrap_or_default();
        headers.push_str(&format!("{name}:{value}\n"));
    }
    // Outside S3 the path is escaped once more than it was for the wire.
    let path = if request.path.is_empty() { "/" } else { request.path };
    [
        request.method,
        &percent_encode(path.as_bytes(), b"/"),
        &query.join("&"),
        &headers,
        &signed_headers.join(";"),
        &hex(&Sha256::digest(request.body)),
    ]
    .join("\n")
}

/// All values of a header, joined and with runs of spaces folded, as they are signed.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            let text = lossy(value.as_bytes());
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn query_pairs(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name.as_bytes()), percent_decode(value.as_bytes()))
        })
        .collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn basic(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn describe(life: SignedDuration) -> String {
    if life == CLOCK_SKEW { "5 min.".into() } else { format!("{} s", life.as_secs()) }
}
