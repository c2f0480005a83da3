//! What CloudFormation asks, read member by member: a request that lacks something is still answered, as long as it
//! says where to.

use std::fmt;

use pushboat::live_image::Question;
use pushboat::model::ServiceName;
use serde_json::Value;
use thiserror::Error;

/// The properties that name the container: the resource is another one when they change.
const NAMES: [&str; 3] = ["Cluster", "Service", "Container"];
/// CloudFormation takes 1 KB.
const LONGEST_ID: usize = 800;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Create,
    Update,
    Delete,
    Unknown(String),
}

#[derive(Clone, PartialEq)]
pub struct Request {
    pub kind: Kind,
    pub response_url: String,
    pub stack_id: String,
    pub request_id: String,
    pub logical_resource_id: String,
    pub physical_resource_id: Option<String>,
    properties: Value,
    old_properties: Value,
}

/// The URL is a credential.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("kind", &self.kind)
            .field("logical_resource_id", &self.logical_resource_id)
            .finish_non_exhaustive()
    }
}

/// Nobody can be told anything.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the payload is not a request of CloudFormation: it has no ResponseURL")]
pub struct Unanswerable;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRequest {
    #[error("the property {0} is missing, empty or not text")]
    Property(&'static str),
    #[error("the request type '{0}' is none of Create, Update and Delete")]
    Kind(String),
}

impl Request {
    pub fn read(payload: &Value) -> Result<Request, Unanswerable> {
        let text = |member: &str| payload.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        let owned = |member: &str| text(member).unwrap_or_default().to_owned();
        let properties = |member: &str| payload.get(member).cloned().unwrap_or_default();
        Ok(Request {
            kind: match text("RequestType").unwrap_or_default() {
                "Create" => Kind::Create,
                "Update" => Kind::Update,
                "Delete" => Kind::Delete,
                other => Kind::Unknown(other.to_owned()),
            },
            response_url: text("ResponseURL").ok_or(Unanswerable)?.to_owned(),
            stack_id: owned("StackId"),
            request_id: owned("RequestId"),
            logical_resource_id: owned("LogicalResourceId"),
            physical_resource_id: text("PhysicalResourceId").map(str::to_owned),
            properties: properties("ResourceProperties"),
            old_properties: properties("OldResourceProperties"),
        })
    }

    pub fn question(&self) -> Result<Question, BadRequest> {
        if let Kind::Unknown(kind) = &self.kind {
            return Err(BadRequest::Kind(kind.clone()));
        }
        let text = |name: &'static str| {
            property(&self.properties, name).map(str::to_owned).ok_or(BadRequest::Property(name))
        };
        Ok(Question {
            service: ServiceName { cluster: text("Cluster")?, service: text("Service")? },
            container: text("Container")?,
            repository_uri: text("Repository")?,
            placeholder: text("Placeholder")?,
        })
    }

    /// `<cluster>/<service>/<container>`, or what CloudFormation has already, unless the names have changed: another
    /// id makes it delete the resource of the old one.
    pub fn names_id(&self) -> String {
        let same =
            NAMES.iter().all(|name| property(&self.properties, name) == property(&self.old_properties, name));
        match &self.physical_resource_id {
            Some(id) if self.kind == Kind::Update && same => id.clone(),
            _ => {
                let names = NAMES.map(|name| property(&self.properties, name).unwrap_or_default());
                names.join("/").chars().take(LONGEST_ID).collect()
            }
        }
    }

    /// Where there was no image, nothing has become another resource.
    pub fn fallback_id(&self) -> String {
        match &self.physical_resource_id {
            Some(id) => id.clone(),
            None => format!("failed/{}", self.logical_resource_id),
        }
    }
}

fn property<'a>(properties: &'a Value, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn request(kind: &str, physical: Option<&str>, service: &str, old_service: Option<&str>) -> Request {
        let properties = |service: &str| json!({"Cluster": "c", "Service": service, "Container": "web"});
        let payload = json!({
            "RequestType": kind,
            "ResponseURL": "https://bucket/key?X-Amz-Signature=secret",
            "LogicalResourceId": "Live",
            "PhysicalResourceId": physical,
            "ResourceProperties": properties(service),
            "OldResourceProperties": old_service.map(properties),
        });
        Request::read(&payload).unwrap()
    }

    #[test]
    fn the_id_is_another_one_only_where_the_names_are() {
        assert_eq!(request("Create", None, "game", None).names_id(), "c/game/web");
        assert_eq!(request("Update", Some("as-it-was"), "game", Some("game")).names_id(), "as-it-was");
        assert_eq!(request("Update", Some("c/game/web"), "shop", Some("game")).names_id(), "c/shop/web");
        assert!(request("Create", None, &"x".repeat(5_000), None).names_id().len() <= 1_024);
    }

    #[test]
    fn a_failure_keeps_the_id_there_is() {
        assert_eq!(request("Update", Some("c/game/web"), "shop", Some("game")).fallback_id(), "c/game/web");
        assert_eq!(request("Create", None, "game", None).fallback_id(), "failed/Live");
    }

    #[test]
    fn the_url_is_not_shown() {
        let shown = format!("{:?}", request("Create", None, "game", None));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
