//! The client of Pushboat's HTTP API.
//!
//! | file | subject |
//! |---|---|
//! | `address` | which address: said, in the environment, a stack's output, or of a running `pushboat local` |
//! | `stack` | that output, from CloudFormation |
//! | `keys` | how a request says who sends it: a signature with AWS's usual credentials, or a token |
//! | `client` | one request, its answer, and what a refusal means |
//! | `answers` | what the API says, as far as it is looked at |
//! | `service` | which service somebody means |
//! | `trouble` | what can go wrong, and the exit status that says so |
//!
//! It knows the API by its routes and its JSON alone, so that it also speaks with an older or a newer one.

mod address;
mod answers;
mod client;
mod keys;
mod service;
mod stack;
mod trouble;

pub(crate) use answers::{
    Call, Count, Decision, Decisions, Difference, Entries, Entry, Hold, Image, Plan, Release, Service,
    Started, Task, Track, Zone, short,
};
pub(crate) use client::Client;
pub(crate) use service::{Name, check, resolve};
pub(crate) use stack::encoded;
pub(crate) use trouble::Trouble;

use crate::args::Connection;

/// Finds the API and what opens it.
pub(crate) async fn connect(connection: &Connection) -> Result<Client, Trouble> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let token = connection.token.clone().or_else(|| environment("PUSHBOAT_TOKEN").map(Into::into));
    let chosen = address::choose(connection, environment, crate::local::find)?;
    let (url, keys) = match chosen {
        address::Chosen::Url(url) => {
            let keys = keys::Keys::of_person(connection, &url, token).await?;
            (url, keys)
        }
        address::Chosen::Stack(name) => {
            let signer = keys::Signer::load(connection, None).await?;
            let url = address::checked(&stack::api_address(&signer, &name, connection.verbose).await?)?;
            let keys = match token {
                Some(token) => keys::Keys::token(token, &url)?,
                None => keys::Keys::Signed(signer.for_host(&url, connection)),
            };
            (url, keys)
        }
        address::Chosen::Place(place) => {
            let keys = match token {
                Some(token) => keys::Keys::token(token, &place.api)?,
                None => keys::Keys::Signed(keys::Signer::of_place(&place)),
            };
            (place.api.clone(), keys)
        }
    };
    Client::new(url, keys, connection.verbose)
}
