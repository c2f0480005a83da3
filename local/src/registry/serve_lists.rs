//! Lists: repositories, tags, and what refers to an image.

use std::collections::HashMap;

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Registry;
use super::error::OciError;
use super::serve_blobs::parse;
use crate::world::ecr::{Image, Manifest, media_type};

type Query = HashMap<String, String>;

pub(super) fn catalog(registry: &Registry, query: &Query) -> Result<Response, OciError> {
    let names: Vec<String> = registry.hub.with(|world| world.ecr.repositories.keys().cloned().collect());
    let page = Page::of(names, query)?;
    Ok(page.answer("/v2/_catalog", |names| json!({"repositories": names})))
}

pub(super) fn tags(registry: &Registry, repository: &str, query: &Query) -> Result<Response, OciError> {
    let mut tags: Vec<String> = registry.hub.with(|world| {
        let images = world.repository(repository)?.images.values();
        Ok::<_, OciError>(images.flat_map(|image| image.tags.iter().cloned()).collect())
    })?;
    tags.sort();
    let page = Page::of(tags, query)?;
    Ok(page.answer(&format!("/v2/{repository}/tags/list"), |tags| json!({"name": repository, "tags": tags})))
}

pub(super) fn referrers(
    registry: &Registry,
    repository: &str,
    digest: &str,
    query: &Query,
) -> Result<Response, OciError> {
    let digest = parse(digest)?;
    let images: Vec<Image> = registry.hub.with(|world| {
        let images = world.repository(repository)?.images.values();
        let referring = images.filter(|image| image.subject.as_deref() == Some(digest.as_str()));
        Ok::<_, OciError>(referring.cloned().collect())
    })?;
    let filter = query.get("artifactType");
    let manifests: Vec<Value> = images
        .iter()
        .filter(|image| filter.is_none() || image.artifact_media_type.as_ref() == filter)
        .map(descriptor)
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests});
    let mut response = ([(header::CONTENT_TYPE, media_type::OCI_INDEX)], index.to_string()).into_response();
    if filter.is_some() {
        let applied = header::HeaderValue::from_static("artifactType");
        let name = HeaderName::from_static("oci-filters-applied");
        response.headers_mut().insert(name, applied);
    }
    Ok(response)
}

fn descriptor(image: &Image) -> Value {
    let mut descriptor = json!({
        "mediaType": image.media_type,
        "digest": image.digest,
        "size": image.manifest.len(),
    });
    if let Some(kind) = &image.artifact_media_type {
        descriptor["artifactType"] = json!(kind);
    }
    // It was read when it came; here only its annotations are of interest.
    if let Ok(manifest) = Manifest::parse(&image.manifest, Some(&image.media_type))
        && !manifest.annotations.is_empty()
    {
        descriptor["annotations"] = json!(manifest.annotations);
    }
    descriptor
}

/// At most `n` names after `last`.
struct Page {
    names: Vec<String>,
    limit: Option<usize>,
    more: bool,
}

impl Page {
    fn of(sorted: Vec<String>, query: &Query) -> Result<Page, OciError> {
        let limit = query.get("n").map(|n| n.parse()).transpose().map_err(|_| {
            let message = "n is not a number";
            OciError::new(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", message)
        })?;
        let last = query.get("last");
        let rest = sorted.into_iter().skip_while(|name| last.is_some_and(|last| name <= last));
        let mut names: Vec<String> = rest.collect();
        let more = limit.is_some_and(|limit| limit > 0 && names.len() > limit);
        names.truncate(limit.unwrap_or(usize::MAX));
        Ok(Page { names, limit, more })
    }

    fn answer(&self, path: &str, body: impl FnOnce(&[String]) -> Value) -> Response {
        let json = Json(body(&self.names));
        match (self.names.last(), self.limit) {
            (Some(last), Some(limit)) if self.more => {
                // Tags need no escaping in a URL; the slashes of repository names are allowed in a query.
                let link = format!("<{path}?n={limit}&last={last}>; rel=\"next\"");
                ([(header::LINK, link)], json).into_response()
            }
            _ => json.into_response(),
        }
    }
}
