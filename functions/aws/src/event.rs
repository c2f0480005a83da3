//! What a function is sent, as a hint or as a reason to ignore it.
//!
//! Payloads are read tolerantly and believed in nothing: whoever may invoke a function can forge one. All that is
//! taken from it is where to look.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use pushboat::hint::Hint;
use pushboat::model::ServiceName;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The account and region this function runs in, from its own ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub account: String,
    pub region: String,
}

/// Why an event leads nowhere. None of these is worth another try.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Ignored {
    #[error("the payload is not an EventBridge event: {0}")]
    NotAnEvent(String),
    #[error("the function's own ARN '{0}' says neither account nor region")]
    NoHome(String),
    #[error("the event is of account '{theirs}', this is {ours}")]
    OtherAccount { theirs: String, ours: String },
    #[error("the event is of region '{theirs}', this is {ours}")]
    OtherRegion { theirs: String, ours: String },
    #[error("this function has no use for '{detail_type}' from '{source_name}'")]
    OtherKind { detail_type: String, source_name: String },
    #[error("the detail of the event cannot be read: {0}")]
    Detail(String),
    #[error("the image action is {0}, not PUSH")]
    NotAPush(String),
    #[error("the push ended in {0}, not SUCCESS")]
    PushFailed(String),
    #[error("the event names no repository")]
    NoRepository,
    #[error("an image without a tag: part of an index or an attestation, its tagged event follows")]
    NoTag,
    #[error("the event names no service of ECS")]
    NoService,
    #[error("the event names no alarm")]
    NoAlarm,
    #[error("the alarm {0} is muted")]
    Muted(String),
    #[error("the actions of the alarm {alarm} are suppressed by {by}")]
    Suppressed { alarm: String, by: String },
    #[error("the alarm {alarm} was {state} before and is so still")]
    SameState { alarm: String, state: String },
}

/// ECR's `ECR Image Action`. There is no type for it in aws_lambda_events; every member may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct ImageAction {
    result: String,
    action_type: String,
    repository_name: String,
    image_tag: Option<String>,
}

impl Home {
    /// `arn:aws:lambda:<region>:<account>:function:…`
    pub fn of_function(arn: &str) -> Result<Home, Ignored> {
        let mut parts = arn.split(':').skip(3);
        match (parts.next(), parts.next()) {
            (Some(region), Some(account)) if !region.is_empty() && !account.is_empty() => {
                Ok(Home { account: account.to_owned(), region: region.to_owned() })
            }
            _ => Err(Ignored::NoHome(arn.to_owned())),
        }
    }

    pub(crate) fn is_home_of(&self, account: &str, region: &str) -> Result<(), Ignored> {
        if account != self.account {
            return Err(Ignored::OtherAccount { theirs: account.to_owned(), ours: self.account.clone() });
        }
        if region != self.region {
            return Err(Ignored::OtherRegion { theirs: region.to_owned(), ours: self.region.clone() });
        }
        Ok(())
    }
}

/// What `deploy` is sent: pushes to ECR, and what became of deployments.
pub fn pushed_or_deployed(payload: Value, home: &Home) -> Result<Hint, Ignored> {
    let event = local_event(payload, home)?;
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.ecr", "ECR Image Action") => pushed(event.detail),
        ("aws.ecs", "ECS Deployment State Change") => deployed(&event),
        _ => Err(other_kind(&event)),
    }
}

/// What `sweep` is sent: the tick.
pub fn scheduled(payload: Value, home: &Home) -> Result<Hint, Ignored> {
    let event = local_event(payload, home)?;
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => Ok(Hint::Everything),
        _ => Err(other_kind(&event)),
    }
}

fn local_event(payload: Value, home: &Home) -> Result<EventBridgeEvent<Value>, Ignored> {
    let event: EventBridgeEvent<Value> =
        serde_json::from_value(payload).map_err(|error| Ignored::NotAnEvent(error.to_string()))?;
    home.is_home_of(
        event.account.as_deref().unwrap_or_default(),
        event.region.as_deref().unwrap_or_default(),
    )?;
    Ok(event)
}

fn other_kind(event: &EventBridgeEvent<Value>) -> Ignored {
    Ignored::OtherKind { detail_type: event.detail_type.clone(), source_name: event.source.clone() }
}

fn pushed(detail: Value) -> Result<Hint, Ignored> {
    // Serde would take a list for a structure.
    if !detail.is_object() {
        return Err(Ignored::Detail("it is not an object".to_owned()));
    }
    let action: ImageAction =
        serde_json::from_value(detail).map_err(|error| Ignored::Detail(error.to_string()))?;
    if action.action_type != "PUSH" {
        return Err(Ignored::NotAPush(action.action_type));
    }
    if action.result != "SUCCESS" {
        return Err(Ignored::PushFailed(action.result));
    }
    if action.repository_name.is_empty() {
        return Err(Ignored::NoRepository);
    }
    match action.image_tag {
        Some(tag) if !tag.is_empty() => Ok(Hint::Image { repository: action.repository_name, tag }),
        _ => Err(Ignored::NoTag),
    }
}

/// ECS's `ECS Deployment State Change`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DeploymentStateChange {
    event_name: String,
    deployment_id: String,
}

/// The service is in `resources`: `arn:aws:ecs:…:service/<cluster>/<service>`.
fn deployed(event: &EventBridgeEvent<Value>) -> Result<Hint, Ignored> {
    let resources = event.resources.as_deref().unwrap_or_default();
    let service = resources.iter().find_map(|arn| {
        let mut path = arn.split(':').nth(5)?.strip_prefix("service/")?.split('/');
        let (cluster, service) = (path.next()?, path.next()?);
        let whole = path.next().is_none() && !cluster.is_empty() && !service.is_empty();
        whole.then(|| ServiceName { cluster: cluster.to_owned(), service: service.to_owned() })
    });
    let service = service.ok_or(Ignored::NoService)?;
    // What cannot be read here is a place to look all the same.
    let change = event.detail.is_object().then(|| DeploymentStateChange::deserialize(&event.detail).ok());
    let change = change.flatten().unwrap_or_default();
    let completed = change.event_name == "SERVICE_DEPLOYMENT_COMPLETED" && !change.deployment_id.is_empty();
    Ok(match completed {
        true => Hint::Completed { service, deployment_id: change.deployment_id },
        false => Hint::Service(service),
    })
}
