//! What containers are given from Secrets Manager and Systems Manager: is it there? No value is ever asked for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Finding, Known, NotKnown, containers, list, text};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A secret, perhaps one member of its JSON, one stage or one version. `id`: its ARN; for a registry of one's own also
    /// its name, which means the account and region of the task.
    Secret { id: String, key: Option<String>, stage: Option<String>, version: Option<String> },
    /// By its name, and whose it is where its ARN was written.
    Parameter { name: String, region: Option<String>, account: Option<String> },
    /// Neither ECS nor anybody else would know what that is.
    Nothing { value_from: String },
    /// As little, where a registry's credentials have to be named.
    NoCredentials { credentials_parameter: String },
}

impl Reference {
    /// Why whoever may ask only in one account and region cannot know.
    pub fn elsewhere(&self, own_account: &str, own_region: &str) -> Option<String> {
        let (account, region) = match self {
            Reference::Secret { id, .. } => (arn_part(id, 4), arn_part(id, 3)),
            Reference::Parameter { region, account, .. } => (account.as_deref(), region.as_deref()),
            Reference::Nothing { .. } | Reference::NoCredentials { .. } => (None, None),
        };
        match (account.filter(|it| *it != own_account), region.filter(|it| *it != own_region)) {
            (Some(account), _) => Some(format!("it is of the account {account}, which is not looked at")),
            (None, Some(region)) => Some(format!("it is in {region}, which is not looked at")),
            (None, None) => None,
        }
    }
}

fn arn_part(arn: &str, at: usize) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(at - 1)
}

/// What the store said of it, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Missing,
    /// Is being deleted, and cannot be read any more.
    Deleted,
    /// Stages by version, of a secret.
    There {
        /// Of a secret, which ends in what only its store knows.
        arn: Option<String>,
        versions: BTreeMap<String, Vec<String>>,
    },
}

/// Each once, in their order: of `secrets`, of logging, and for a registry of one's own.
pub fn named(document: &Map<String, Value>) -> Vec<Reference> {
    let mut found = Vec::new();
    for container in containers(document) {
        let secrets = list(container, "secrets").iter();
        let of_logs = list(&container["logConfiguration"], "secretOptions").iter();
        let values = secrets.chain(of_logs).map(|it| text(it, "valueFrom"));
        found.extend(values.filter(|it| !it.is_empty()).map(reference));
        let registry = text(&container["repositoryCredentials"], "credentialsParameter");
        found.extend(Some(registry).filter(|it| !it.is_empty()).map(credentials));
    }
    found.sort();
    found.dedup();
    found
}

/// `arn:<partition>:secretsmanager:<region>:<account>:secret:<name>[:<key>:<stage>:<version>]`, the ARN of a parameter, or
/// its name.
pub fn reference(value_from: &str) -> Reference {
    let nothing = || Reference::Nothing { value_from: value_from.to_owned() };
    if !value_from.starts_with("arn:") {
        let name = value_from.to_owned();
        return if is_parameter(value_from) {
            Reference::Parameter { name, region: None, account: None }
        } else {
            nothing()
        };
    }
    let parts: Vec<&str> = value_from.split(':').collect();
    let some = |at: usize| parts.get(at).filter(|it| !it.is_empty()).map(|it| (*it).to_owned());
    match parts.get(2).copied() {
        Some("secretsmanager")
            if parts.get(5) == Some(&"secret") && some(6).is_some() && parts.len() <= 10 =>
        {
            Reference::Secret { id: parts[..7].join(":"), key: some(7), stage: some(8), version: some(9) }
        }
        Some("ssm") => match parts.get(5).and_then(|rest| rest.strip_prefix("parameter/")) {
            // The slash that a name in a hierarchy begins with stands in its ARN once.
            Some(name) if !name.is_empty() => {
                let name = if name.contains('/') { format!("/{name}") } else { name.to_owned() };
                Reference::Parameter { name, region: some(3), account: some(4) }
            }
            _ => nothing(),
        },
        _ => nothing(),
    }
}

/// Of a registry of one's own: a whole secret by its ARN or its name, and never a parameter, whatever the member is called.
pub fn credentials(credentials_parameter: &str) -> Reference {
    let whole = |id: &str| Reference::Secret { id: id.to_owned(), key: None, stage: None, version: None };
    let allowed = |it: u8| it.is_ascii_alphanumeric() || b"/_+=.@-".contains(&it);
    let is_name = |it: &str| (1..=512).contains(&it.len()) && it.bytes().all(allowed);
    let named = match credentials_parameter.starts_with("arn:") {
        true => Some(reference(credentials_parameter)),
        false => is_name(credentials_parameter).then(|| whole(credentials_parameter)),
    };
    match named {
        Some(secret @ Reference::Secret { key: None, stage: None, version: None, .. }) => secret,
        _ => Reference::NoCredentials { credentials_parameter: credentials_parameter.to_owned() },
    }
}

fn is_parameter(name: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || b"_.-/".contains(&it);
    (1..=1_011).contains(&name.len()) && name.bytes().all(allowed)
}

pub fn check(reference: &Reference, found: &Known<Found>) -> Finding {
    let (subject, name) = match reference {
        Reference::Secret { id, .. } => ("secret", id.rsplit(':').next().unwrap_or(id).to_owned()),
        Reference::Parameter { name, .. } => ("parameter", name.clone()),
        Reference::Nothing { value_from } => {
            let why = format!("'{value_from}' is neither the ARN of a secret nor a parameter");
            return Finding::wrong(
                "secret",
                why,
                "write the whole ARN of the secret, or the parameter's name",
            );
        }
        Reference::NoCredentials { credentials_parameter } => {
            let why = format!("'{credentials_parameter}' is neither the ARN nor the name of a secret");
            let help = "write the ARN of the registry's secret in credentialsParameter";
            return Finding::wrong("secret", why, help);
        }
    };
    let found = match found {
        Ok(found) => found,
        Err(NotKnown(why)) => return Finding::unknown(subject, format!("{name}: {why}")),
    };
    match (found, reference) {
        (Found::Missing, _) => Finding::wrong(
            subject,
            format!("there is no {name}, so no task would start"),
            "make it, or name one that is there",
        ),
        (Found::Deleted, _) => Finding::wrong(
            subject,
            format!("{name} is marked for deletion and cannot be read"),
            "aws secretsmanager restore-secret --secret-id …",
        ),
        (Found::There { versions, .. }, Reference::Secret { key, stage, version, .. }) => {
            if let Some(stage) =
                stage.as_ref().filter(|it| !versions.values().flatten().any(|has| has == *it))
            {
                return Finding::wrong(
                    subject,
                    format!("{name} has no version at the stage {stage}"),
                    "mend valueFrom",
                );
            }
            if let Some(version) = version.as_ref().filter(|it| !versions.contains_key(*it)) {
                return Finding::wrong(subject, format!("{name} has no version {version}"), "mend valueFrom");
            }
            match key {
                None => Finding::ok(subject, format!("{name} is there")),
                Some(key) => Finding::ok(
                    subject,
                    format!(
                        "{name} is there; whether it has '{key}' only reading it would show, which is not done"
                    ),
                ),
            }
        }
        (Found::There { .. }, _) => Finding::ok(subject, format!("{name} is there")),
    }
}
