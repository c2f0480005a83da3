//! Whose account, in which region, at which endpoint. A `pushboat local` that runs is found by itself, as by every other
//! command; who says a profile, a region or an endpoint means AWS.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use hyper::header::{DATE, HeaderMap};
use jiff::Timestamp;

use super::ask::{STS, Service};
use super::xml;
use crate::api::{Http, Signer, Trouble, https_client};
use crate::args::Access;
use crate::local::Addresses;

pub(crate) struct Account {
    pub(super) signer: Signer,
    pub(super) http: Http,
    pub(super) verbose: bool,
    /// Of every service, where it is not AWS's own.
    endpoint: Option<String>,
    /// Of a place on this machine, where the HTTP API is as well.
    pub(crate) place: Option<Box<Addresses>>,
    /// Twelve digits; empty until somebody asked.
    pub(crate) id: String,
    /// The latest that an answer was dated.
    dated: Mutex<Option<Timestamp>>,
}

impl Account {
    /// Asks who is asking, so that whoever is nobody learns of it at once.
    pub(crate) async fn open(access: &Access) -> Result<Account, Trouble> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut account = match chosen_place(access, environment, crate::local::find) {
            Some(place) => Account::at(*place, access.verbose)?,
            None => {
                let signer = Signer::load(&access.connection(), None).await?;
                Account::of(signer, access.verbose)?
            }
        };
        account.signer.has_credentials().await?;
        let caller = account.query(STS, "GetCallerIdentity", &[]).await;
        let caller = caller.map_err(|refusal| match refusal.status {
            0 => Trouble::NotDone(refusal.to_string()),
            _ => Trouble::Nobody(refusal.to_string()),
        })?;
        account.id = xml::text(&caller, "Account");
        Ok(account)
    }

    /// On this machine.
    pub(super) fn at(place: Addresses, verbose: bool) -> Result<Account, Trouble> {
        Ok(Account {
            signer: Signer::of_place(&place),
            http: https_client(&place.aws)?,
            verbose,
            endpoint: Some(place.aws.clone()),
            place: Some(Box::new(place)),
            id: String::new(),
            dated: Mutex::default(),
        })
    }

    /// With credentials that are known already.
    pub(crate) fn of(signer: Signer, verbose: bool) -> Result<Account, Trouble> {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").ok().filter(|it| !it.is_empty());
        let endpoint = endpoint.map(|it| it.trim_end_matches('/').to_owned());
        // One client for all: the addresses of single services may be others.
        let http = https_client(endpoint.as_deref().unwrap_or("https://"))?;
        Ok(Account {
            signer,
            http,
            verbose,
            endpoint,
            place: None,
            id: String::new(),
            dated: Mutex::default(),
        })
    }

    /// The same credentials, for another client.
    pub(crate) fn signer(&self) -> Signer {
        self.signer.again()
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    pub(crate) fn into_signer(self) -> Signer {
        self.signer
    }

    pub(crate) fn region(&self) -> &str {
        &self.signer.region
    }

    /// What every line of a checklist is about.
    pub(crate) fn in_words(&self) -> String {
        let place = if self.place.is_some() { ", `pushboat local`" } else { "" };
        format!("account {}, {}{place}", self.id, self.region())
    }

    /// By AWS's clock, which is not this machine's: times in its answers are by that one. `None`: no answer said.
    pub(super) fn now(&self) -> Option<Timestamp> {
        *self.dated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep_date(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|it| jiff::fmt::rfc2822::parse(it.to_str().ok()?).ok());
        let mut dated = self.dated.lock().unwrap_or_else(PoisonError::into_inner);
        *dated = (*dated).max(date.map(|it| it.timestamp()));
    }

    /// Without a slash at its end.
    pub(super) fn endpoint(&self, service: Service) -> String {
        match &self.place {
            Some(place) => place.aws.clone(),
            None => {
                address(service, self.region(), |name| std::env::var(name).ok().filter(|it| !it.is_empty()))
            }
        }
    }

    /// Where the SDK asks, if not where AWS is.
    pub(super) fn sdk_endpoint(&self) -> Option<String> {
        self.endpoint.clone()
    }

    pub(super) fn signing_region(&self, service: Service) -> String {
        match (service.is_global, self.place.is_some()) {
            (true, false) => home_of(self.region()).to_owned(),
            _ => self.region().to_owned(),
        }
    }
}

fn chosen_place(
    access: &Access,
    environment: impl Fn(&str) -> Option<String>,
    find: impl Fn(Option<&Path>) -> Result<Addresses>,
) -> Option<Box<Addresses>> {
    let says_aws =
        access.profile.is_some() || access.region.is_some() || environment("AWS_ENDPOINT_URL").is_some();
    match says_aws && access.place.is_none() {
        true => None,
        false => find(access.place.as_deref()).ok().map(Box::new),
    }
}

/// `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or AWS's own address.
fn address(service: Service, region: &str, environment: impl Fn(&str) -> Option<String>) -> String {
    let variable = match service.name {
        "elasticloadbalancing" => "ELASTIC_LOAD_BALANCING_V2".to_owned(),
        "monitoring" => "CLOUDWATCH".to_owned(),
        "logs" => "CLOUDWATCH_LOGS".to_owned(),
        "events" => "EVENTBRIDGE".to_owned(),
        "secretsmanager" => "SECRETS_MANAGER".to_owned(),
        other => other.to_ascii_uppercase().replace('-', "_"),
    };
    let said =
        environment(&format!("AWS_ENDPOINT_URL_{variable}")).or_else(|| environment("AWS_ENDPOINT_URL"));
    if let Some(url) = said {
        return url.trim_end_matches('/').to_owned();
    }
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let host = service.host;
    match (service.is_global, home_of(region)) {
        (false, _) => format!("https://{host}.{region}.{suffix}"),
        (true, "us-east-1") => format!("https://{host}.{suffix}"),
        (true, "us-gov-west-1") => format!("https://{host}.us-gov.{suffix}"),
        (true, home) => format!("https://{host}.{home}.{suffix}"),
    }
}

/// Where the services that a partition has once are signed for.
fn home_of(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "cn-north-1",
        _ if region.starts_with("us-gov-") => "us-gov-west-1",
        _ => "us-east-1",
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::super::ask::{CLOUDFORMATION, CLOUDWATCH, IAM};
    use super::*;

    #[test]
    fn each_region_has_its_endpoints() {
        let at = |service, region| address(service, region, |_| None);
        assert_eq!(at(CLOUDFORMATION, "eu-west-1"), "https://cloudformation.eu-west-1.amazonaws.com");
        assert_eq!(at(CLOUDFORMATION, "cn-north-1"), "https://cloudformation.cn-north-1.amazonaws.com.cn");
        assert_eq!(at(IAM, "eu-west-1"), "https://iam.amazonaws.com");
        assert_eq!(at(IAM, "cn-northwest-1"), "https://iam.cn-north-1.amazonaws.com.cn");
        assert_eq!(at(IAM, "us-gov-east-1"), "https://iam.us-gov.amazonaws.com");
        let said = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://127.0.0.1:4048/".to_owned());
        assert_eq!(address(IAM, "eu-west-1", said), "http://127.0.0.1:4048");
        let one =
            |name: &str| (name == "AWS_ENDPOINT_URL_CLOUDWATCH").then(|| "http://127.0.0.1:1".to_owned());
        assert_eq!(address(CLOUDWATCH, "eu-west-1", one), "http://127.0.0.1:1");
    }

    #[test]
    fn who_says_where_means_aws_and_who_says_nothing_a_place_that_runs() {
        let place: Addresses = serde_json::from_value(serde_json::json!({
            "process_id": 1, "game": "g", "aws": "a", "registry": "r", "api": "b", "control": "c",
            "region": "eu-central-1", "account": "1", "access_key_id": "k", "secret_access_key": "s",
            "registry_password": "p",
        }))
        .unwrap();
        let (here, nowhere) = (|_: Option<&Path>| Ok(place.clone()), |_: Option<&Path>| Err(anyhow!("none")));
        let unset = |_: &str| None;
        let nothing = Access::default();
        assert!(chosen_place(&nothing, unset, here).is_some());
        assert!(chosen_place(&nothing, unset, nowhere).is_none());
        assert!(
            chosen_place(&nothing, |name| (name == "AWS_ENDPOINT_URL").then(String::new), here).is_none()
        );
        let profile = Access { profile: Some("prod".to_owned()), ..Access::default() };
        assert!(chosen_place(&profile, unset, here).is_none());
    }
}
