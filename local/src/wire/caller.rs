//! Who may call, and who it was.

use std::fmt;

use axum::http::request::Parts;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::{Wire, sigv4};
use crate::hub::Hub;

/// An access key and whose it is.
#[derive(Clone)]
pub struct Credential {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub caller: Caller,
}

impl fmt::Debug for Credential {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("access_key_id", &self.access_key_id)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// What Lambda gives a function: its own role's, so that it is known who called. The key follows from the name, the
    /// secret from a secret of the place.
    pub fn of_function(account: &str, function: &str, secret: &str) -> Credential {
        let hex =
            |text: String| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Credential {
            access_key_id: format!("ASIA{}", hex(function.to_owned())[..16].to_uppercase()),
            secret_access_key: hex(format!("{secret} {function}")),
            caller: Caller::role(account, function, function),
        }
    }
}

/// Whom a signature proved to be calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub user_id: String,
    /// `arn:aws:iam::…:user/…` or `arn:aws:sts::…:assumed-role/…/…`
    pub arn: String,
}

impl Caller {
    pub fn user(account: &str, name: &str) -> Caller {
        Caller { user_id: name.to_owned(), arn: format!("arn:aws:iam::{account}:user/{name}") }
    }

    /// A function or another program that runs as a role.
    pub fn role(account: &str, role: &str, session: &str) -> Caller {
        Caller {
            user_id: format!("{role}:{session}"),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        }
    }
}

/// A caller and the key that proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) caller: Caller,
}

impl Wire {
    /// Whose signature a request to another port carries, if it is good for `service`; else why not.
    pub(crate) fn signer(&self, parts: &Parts, body: &[u8], service: &str) -> Result<Signer, String> {
        let verified = self.verify(parts, body).map_err(|error| error.to_string())?;
        if verified.service != service {
            return Err(sigv4::AuthError::wrong_service(service).to_string());
        }
        Ok(Signer { access_key_id: verified.access_key_id, caller: verified.caller })
    }

    pub(super) fn verify(&self, parts: &Parts, body: &[u8]) -> Result<sigv4::Verified, sigv4::AuthError> {
        let region = self.hub.with(|world| world.settings.region.clone());
        let signed = sigv4::Signed {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
        };
        // Clients sign by their own clock, unless the `Date` of an answer has taught them ours.
        let (wall, world) = (Hub::wall(), Hub::now());
        sigv4::verify(&signed, &self.credentials, &region, wall).or_else(|error| {
            // It may have run faster before, and is ahead since.
            let is_one_clock = world.duration_since(wall).abs() < SignedDuration::from_secs(1);
            if is_one_clock { Err(error) } else { sigv4::verify(&signed, &self.credentials, &region, world) }
        })
    }
}
