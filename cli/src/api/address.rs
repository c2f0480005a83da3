//! Which address the API has: said on the command line, then in the environment, then of a `pushboat local` that runs.

use std::path::Path;

use anyhow::Result;
use hyper::Uri;

use super::Trouble;
use crate::args::Connection;
use crate::local::Addresses;

const URL: &str = "PUSHBOAT_URL";

#[derive(Debug, PartialEq)]
pub(super) enum Chosen {
    Url(String),
    /// Whose output says it.
    Stack(String),
    /// With the key pair that opens it.
    Place(Box<Addresses>),
}

pub(super) fn choose(
    connection: &Connection,
    environment: impl Fn(&str) -> Option<String>,
    find: impl Fn(Option<&Path>) -> Result<Addresses>,
) -> Result<Chosen, Trouble> {
    if let Some(stack) = &connection.stack {
        return Ok(Chosen::Stack(stack.clone()));
    }
    if let Some(url) = connection.url.clone().or_else(|| environment(URL)) {
        return Ok(Chosen::Url(checked(&url)?));
    }
    // Whoever names a profile means AWS, and not what happens to run here.
    if connection.profile.is_some() || connection.region.is_some() {
        let why = "--profile and --region are for AWS: say where the API is, with --stack or --url";
        return Err(Trouble::Usage(why.to_owned()));
    }
    match find(connection.place.as_deref()) {
        Ok(place) => Ok(Chosen::Place(Box::new(place))),
        Err(_) => Err(Trouble::NoAddress),
    }
}

/// Without the slash at its end.
pub(super) fn checked(url: &str) -> Result<String, Trouble> {
    let wrong = |why: &str| Trouble::Usage(format!("'{url}' is not the API's address: {why}"));
    let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong("it does not begin with https:// or http:// and a host"));
    }
    if uri.query().is_some() {
        return Err(wrong("it has a query"));
    }
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        // Not repeated: there may be a password in it.
        return Err(Trouble::Usage("the API's address has a user in it, who would not be asked".to_owned()));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn place() -> Addresses {
        serde_json::from_value(serde_json::json!({
            "process_id": 1, "game": "g", "aws": "a", "registry": "r", "api": "http://127.0.0.1:8048", "control": "c",
            "region": "eu-central-1", "account": "1", "access_key_id": "k", "secret_access_key": "s",
            "registry_password": "p",
        }))
        .unwrap()
    }

    #[test]
    fn what_is_said_wins_over_the_environment_and_that_over_a_place() {
        let connection = |url: Option<&str>, stack: Option<&str>| Connection {
            url: url.map(str::to_owned),
            stack: stack.map(str::to_owned),
            ..Connection::default()
        };
        let set = |name: &str| (name == URL).then(|| "https://env.example/".to_owned());
        let unset = |_: &str| None;
        let here = |_: Option<&Path>| Ok(place());
        let nowhere = |_: Option<&Path>| Err(anyhow!("none"));
        let url = |url: &str| Chosen::Url(url.to_owned());

        let said = connection(Some("https://said.example"), None);
        assert_eq!(choose(&said, set, here).unwrap(), url("https://said.example"));
        let stack = connection(None, Some("pushboat"));
        assert_eq!(choose(&stack, set, here).unwrap(), Chosen::Stack("pushboat".to_owned()));
        let nothing = connection(None, None);
        assert_eq!(choose(&nothing, set, here).unwrap(), url("https://env.example"));
        assert_eq!(choose(&nothing, unset, here).unwrap(), Chosen::Place(Box::new(place())));
        assert!(matches!(choose(&nothing, unset, nowhere), Err(Trouble::NoAddress)));
        let meant = Connection { profile: Some("prod".to_owned()), ..Connection::default() };
        assert!(
            matches!(choose(&meant, unset, here), Err(Trouble::Usage(_))),
            "a place that runs is not meant"
        );
        assert_eq!(choose(&meant, set, nowhere).unwrap(), url("https://env.example"));
    }

    #[test]
    fn an_address_is_https_or_http_with_a_host_and_perhaps_a_stage() {
        assert_eq!(checked("https://a.example/prod/").unwrap(), "https://a.example/prod");
        for wrong in [
            "a.example",
            "ftp://a.example",
            "https://",
            "https://a.example/?x=1",
            "http://u:pw@a.example",
            "/",
        ] {
            let trouble = checked(wrong).unwrap_err();
            assert_eq!(trouble.exit_status(), 2, "{wrong}");
            assert!(!trouble.to_string().contains("pw"), "{trouble}");
        }
    }
}
