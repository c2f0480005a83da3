//! The client of Pushboat's HTTP API.
//!
//! | file | subject |
//! |---|---|
//! | `address` | which address: said, in the environment, a stack's output, or of a running `pushboat local` |
//! | `stack` | that output |
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
pub(crate) use client::{Answer, Client, Http, Raw, https_client, send};
pub(crate) use keys::Signer;
pub(crate) use service::{Name, check, resolve};
pub(crate) use stack::OUTPUT;
pub(crate) use trouble::Trouble;

use hyper::Method;

use crate::args::{Connection, Token};
use crate::aws::Account;

/// Finds the API and what opens it.
pub(crate) async fn connect(connection: &Connection) -> Result<Client, Trouble> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let token = connection.token.clone().or_else(token_of_environment);
    let chosen = address::choose(connection, environment, crate::local::find)?;
    let (url, keys) = match chosen {
        address::Chosen::Url(url) => {
            let keys = keys::Keys::of_person(connection, &url, token).await?;
            (url, keys)
        }
        address::Chosen::Stack(name) => {
            let signer = keys::Signer::load(connection, None).await?;
            let (url, signer) = stack::api_address(signer, &name, connection.verbose).await?;
            let url = address::checked(&url)?;
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

/// Does the API of an installation answer? Asked with the account's own credentials, or with a token.
pub(crate) async fn health(account: &Account, url: &str, token: Option<Token>) -> Result<(), Trouble> {
    let url = address::checked(url)?;
    let keys = match (token, &account.place) {
        (Some(token), _) => keys::Keys::token(token, &url)?,
        (None, Some(place)) => keys::Keys::Signed(Signer::of_place(place)),
        (None, None) => keys::Keys::Signed(account.signer().for_host(&url, &Connection::default())),
    };
    Client::new(url, keys, account.is_verbose())?.ask(Method::GET, "/health", None).await.map(drop)
}

/// Sent instead of a signature, where somebody has one.
pub(crate) fn token_of_environment() -> Option<Token> {
    std::env::var("PUSHBOAT_TOKEN").ok().filter(|value| !value.is_empty()).map(Into::into)
}
