//! One service, or a task definition alone, with all that its tasks need.

use pushboat::checklist::image::Found;
use pushboat::checklist::{Facts, Finding, Known, NotKnown, logs, roles, secrets};
use pushboat::model::Tags;
use pushboat::policy;
use pushboat::rule::Rule;
use serde_json::{Map, Value};

use super::network;
use crate::api::{Name, Trouble};
use crate::aws::Account;

/// What somebody wants to know of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    Service(&'a Name),
    TaskDefinition(&'a str),
}

/// The service that was typed, or the only one, of all there are.
pub(crate) async fn named(account: &Account, typed: Option<&str>) -> Result<Name, Trouble> {
    if let Some(name) = typed.map(Name::whole).transpose()?.flatten() {
        return Ok(name);
    }
    let not_told = |NotKnown(why): NotKnown| Trouble::NotDone(why);
    let mut all = Vec::new();
    for arn in account.clusters().await.map_err(not_told)? {
        let cluster = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
        for service in account.service_names(&cluster).await.map_err(not_told)? {
            all.push(Name { cluster: cluster.clone(), service });
        }
    }
    let meant: Vec<&Name> = all.iter().filter(|it| typed.is_none_or(|typed| it.service == typed)).collect();
    match meant.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Trouble::NoEcsService {
            wanted: typed.unwrap_or("at all").to_owned(),
            there_are: all.iter().map(Name::to_string).collect(),
        }),
        several => Err(Trouble::Ambiguous {
            what: typed
                .map_or_else(|| "the service, which was not named,".to_owned(), |it| format!("'{it}'")),
            candidates: several.iter().map(|it| it.to_string()).collect(),
        }),
    }
}

/// `image`: another than the ones that the document names, as `repository:tag` or `repository@digest`.
pub(crate) async fn service(account: &Account, wanted: Wanted<'_>, image: Option<&str>) -> Facts {
    let mut facts = Facts::default();
    let definition = match wanted {
        Wanted::TaskDefinition(name) => {
            facts.name = name.to_owned();
            name.to_owned()
        }
        Wanted::Service(name) => {
            facts.name = name.to_string();
            let seen = account.service(&name.cluster, &name.service).await;
            let definition = match &seen {
                Ok(Some(service)) => service["taskDefinition"].as_str().unwrap_or_default().to_owned(),
                _ => String::new(),
            };
            facts.service = Some(seen);
            definition
        }
    };
    if definition.is_empty() {
        return facts;
    }
    let seen = account.task_definition(&definition).await;
    if let Ok(Some(document)) = &seen {
        of_document(account, document, &mut facts).await;
        if let Some(image) = image {
            facts.images.push(account.typed_image(image).await);
        }
        let service = match &facts.service {
            Some(Ok(Some(service))) => Some(service.clone()),
            _ => None,
        };
        if let Some(service) = service {
            facts.target_groups = target_groups(account, &service).await;
            facts.network = network::network(account, &service, &facts.target_groups).await;
        }
    }
    facts.task_definition = Some(seen);
    facts
}

async fn of_document(account: &Account, document: &Map<String, Value>, facts: &mut Facts) {
    for (container, image) in pushboat::checklist::image::named(document) {
        facts.images.push(account.image(&container, &image).await);
    }
    for reference in secrets::named(document) {
        let found = secret(account, &reference).await;
        facts.secrets.push((reference, found));
    }
    for member in roles::MEMBERS {
        let named = document.get(member).and_then(Value::as_str).filter(|it| !it.is_empty());
        if let Some(named) = named {
            facts.roles.push(role(account, document, &facts.secrets, member, named).await);
        }
    }
    for group in logs::named(document) {
        let elsewhere = group.region.as_deref().filter(|it| *it != account.region());
        let is_there = match elsewhere {
            Some(region) => Err(NotKnown(format!("it is in {region}, which is not looked at"))),
            None => account.has_log_group(&group.name).await,
        };
        facts.log_groups.push((group, is_there));
    }
}

async fn role(
    account: &Account,
    document: &Map<String, Value>,
    secrets: &[(secrets::Reference, Known<secrets::Found>)],
    member: &'static str,
    named: &str,
) -> roles::Role {
    let name = roles::name(named).to_owned();
    let trust = account.trust(&name).await;
    let mut simulated = Vec::new();
    if member == "executionRoleArn" && matches!(trust, Ok(Some(_))) {
        for need in roles::needs(document, account.region(), secrets) {
            let outcome = account.simulate(named, need).await;
            let is_refused = outcome.decisions.is_err();
            simulated.push(outcome);
            // The others would be refused alike.
            if is_refused {
                break;
            }
        }
    }
    roles::Role { member, name, trust, simulated }
}

async fn secret(account: &Account, reference: &secrets::Reference) -> Known<secrets::Found> {
    if let Some(why) = reference.elsewhere(&account.id, account.region()) {
        return Err(NotKnown(why));
    }
    match reference {
        secrets::Reference::Secret { id, .. } => account.secret(id).await,
        secrets::Reference::Parameter { name, .. } => account.parameter(name).await,
        secrets::Reference::Nothing { .. } | secrets::Reference::NoCredentials { .. } => {
            Ok(secrets::Found::Missing)
        }
    }
}

async fn target_groups(account: &Account, service: &Value) -> Vec<pushboat::checklist::balancer::Asked> {
    let mut asked = Vec::new();
    for balancer in service["loadBalancers"].as_array().into_iter().flatten() {
        if let Some(arn) = balancer["targetGroupArn"].as_str() {
            asked.push(account.target_group(arn).await);
        }
    }
    asked
}

/// The images that tags say are to run: is there one yet? That there is none keeps nobody from handing a service over.
pub(crate) async fn followed(account: &Account, tags: &Tags) -> Vec<Finding> {
    let mut findings = Vec::new();
    for track in policy::tracks(tags).unwrap_or_default() {
        let Rule::Tag(tag) = &track.rule else { continue };
        let named = format!("{}:{tag}", track.repository);
        findings.push(match account.typed_image(&named).await.found {
            Found::There { .. } => Finding::ok("what it follows", format!("{named} is there")),
            Found::NotKnown(NotKnown(why)) => Finding::unknown("what it follows", why),
            _ => Finding::unknown(
                "what it follows",
                format!("there is no {named} yet; nothing is released until it is pushed"),
            ),
        });
    }
    findings
}
