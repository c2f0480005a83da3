//! What ECR's calls have in common: the repository they are about, images named by digest or tag, pages.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::registry::Registry;
use crate::wire::paging::{Order, Page, page};
use crate::world::Refusal;
use crate::world::ecr::{Image, Repository, is_digest, repository_not_found};

pub(super) fn account(registry: &Registry) -> String {
    registry.hub.with(|world| world.settings.account.clone())
}

pub(super) fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| Refusal::new("InvalidParameterException", error.to_string()))
}

pub(super) fn invalid(parameter: &str, constraint: &str) -> Refusal {
    Refusal::new(
        "InvalidParameterException",
        format!("Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'"),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    registry_id: Option<String>,
    repository_name: String,
}

/// The repository a call names. Another account's registry has nothing here.
pub(super) fn repository_name(registry: &Registry, body: &Value) -> Result<String, Refusal> {
    let named: Named = read(body)?;
    match named.registry_id {
        Some(other) if other != account(registry) => {
            Err(repository_not_found(&named.repository_name, &other))
        }
        _ => Ok(named.repository_name),
    }
}

/// The repository itself, as it is at this moment.
pub(super) fn repository(registry: &Registry, body: &Value) -> Result<Repository, Refusal> {
    let name = repository_name(registry, body)?;
    registry.hub.with(|world| world.repository(&name).cloned())
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageId {
    pub(super) image_digest: Option<String>,
    pub(super) image_tag: Option<String>,
}

/// Why an id names no image: code and words of a `failures` entry.
pub(super) type Failure = (&'static str, String);

impl ImageId {
    /// The image it names; with digest and tag, only if both name the same one.
    pub(super) fn find<'a>(&self, repository: &'a Repository) -> Result<&'a Image, Failure> {
        if self.image_digest.as_deref().is_some_and(|digest| !is_digest(digest)) {
            let reason = "Invalid request parameters: image digest should satisfy the regex \
                          '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
            return Err(("InvalidImageDigest", reason.into()));
        }
        let reference = self.image_tag.as_deref().or(self.image_digest.as_deref());
        let Some(reference) = reference else {
            let reason = "Invalid request parameters: both tag and digest cannot be null";
            return Err(("MissingDigestAndTag", reason.into()));
        };
        let found = repository
            .find(reference)
            .ok_or_else(|| ("ImageNotFound", "Requested image not found".to_owned()))?;
        match &self.image_digest {
            Some(digest) if *digest != found.digest => {
                Err(("ImageTagDoesNotMatchDigest", "Tag does not match digest in the request".to_owned()))
            }
            _ => Ok(found),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        image_id(self.image_digest.as_deref(), self.image_tag.as_deref())
    }

    /// As ECR writes it in its messages.
    pub(super) fn in_words(&self) -> String {
        let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".into());
        format!("{{imageDigest:'{}', imageTag:'{}'}}", text(&self.image_digest), text(&self.image_tag))
    }

    pub(super) fn not_found(&self, repository: &str, account: &str) -> Refusal {
        Refusal::new(
            "ImageNotFoundException",
            format!(
                "The image with imageId {} does not exist within the repository with name '{repository}' in the \
                 registry with id '{account}'",
                self.in_words()
            ),
        )
    }
}

pub(super) fn image_id(digest: Option<&str>, tag: Option<&str>) -> Value {
    let mut id = json!({});
    if let Some(digest) = digest {
        id["imageDigest"] = json!(digest);
    }
    if let Some(tag) = tag {
        id["imageTag"] = json!(tag);
    }
    id
}

pub(super) fn failure(id: &ImageId, (code, reason): &Failure) -> Value {
    json!({"imageId": id.to_json(), "failureCode": code, "failureReason": reason})
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// One page of the items, each with the key that orders it, as `{<member>: […], nextToken}`.
pub(super) fn paged(body: &Value, member: &str, items: Vec<(String, Value)>) -> Result<Value, Refusal> {
    let Paging { max_results, next_token } = read(body)?;
    let size = max_results.unwrap_or(100);
    if !(1..=1_000).contains(&size) {
        return Err(invalid("maxResults", "must be between 1 and 1000"));
    }
    let Page { items, next } = page(items, Order::Ascending, next_token.as_deref(), size)
        .map_err(|_| invalid("nextToken", "must be a token of an earlier page"))?;
    let mut answer = json!({member: items});
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}
