//! From a method and a path to what is to be done. Repository names contain slashes, so a path is read from its
//! end.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::error::OciError;
use super::{Registry, serve_blobs, serve_lists, serve_manifests, serve_uploads};
use crate::world::ecr::is_repository_name;

/// The registry under `/v2/`.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/v2", any(serve))
        .route("/v2/", any(serve))
        .route("/v2/{*path}", any(serve))
        .with_state(registry)
}

#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Base,
    Catalog,
    In { repository: &'a str, what: What<'a> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What<'a> {
    Tags,
    Manifest(&'a str),
    Referrers(&'a str),
    Blob(&'a str),
    Uploads,
    Upload(&'a str),
}

async fn serve(State(registry): State<Registry>, request: Request) -> Response {
    let answer = dispatch(&registry, request).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    response.headers_mut().insert(
        HeaderName::from_static("docker-distribution-api-version"),
        HeaderValue::from_static("registry/2.0"),
    );
    response
}

async fn dispatch(registry: &Registry, request: Request) -> Result<Response, OciError> {
    let (parts, body) = request.into_parts();
    registry.admit(&parts)?;
    let Some(target) = Target::parse(parts.uri.path()) else {
        let message = "no such address in a registry";
        return Err(OciError::new(StatusCode::NOT_FOUND, "UNSUPPORTED", message));
    };
    let (repository, what) = match target {
        Target::Base => return Ok(StatusCode::OK.into_response()),
        Target::Catalog => return serve_lists::catalog(registry, &query(&parts)?),
        Target::In { repository, what } => (repository, what),
    };
    if !is_repository_name(repository) {
        let message = format!("'{repository}' is not the name of a repository");
        return Err(OciError::new(StatusCode::BAD_REQUEST, "NAME_INVALID", message));
    }
    registry.hub.with(|world| world.repository(repository).map(drop))?;
    let head = parts.method == Method::HEAD;
    match (&parts.method, what) {
        (&Method::GET, What::Tags) => serve_lists::tags(registry, repository, &query(&parts)?),
        (&Method::GET, What::Referrers(digest)) => {
            serve_lists::referrers(registry, repository, digest, &query(&parts)?)
        }
        (&Method::GET | &Method::HEAD, What::Manifest(reference)) => {
            serve_manifests::get(registry, repository, reference, head)
        }
        (&Method::PUT, What::Manifest(reference)) => {
            serve_manifests::put(registry, repository, reference, &parts.headers, body).await
        }
        (&Method::DELETE, What::Manifest(reference)) => {
            serve_manifests::delete(registry, repository, reference)
        }
        (&Method::GET | &Method::HEAD, What::Blob(digest)) => {
            serve_blobs::get(registry, repository, digest, &parts.headers, head).await
        }
        (&Method::DELETE, What::Blob(digest)) => serve_blobs::delete(registry, repository, digest),
        (_, What::Uploads | What::Upload(_)) => {
            let id = match what {
                What::Upload(id) => Some(id),
                _ => None,
            };
            serve_uploads::serve(registry, repository, id, &parts, &query(&parts)?, body).await
        }
        (method, _) => Err(OciError::unsupported(format!("{method} is not possible here"))),
    }
}

fn query(parts: &Parts) -> Result<HashMap<String, String>, OciError> {
    let query = Query::try_from_uri(&parts.uri);
    query
        .map(|Query(query)| query)
        .map_err(|error| OciError::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", error.body_text()))
}

impl Target<'_> {
    fn parse(path: &str) -> Option<Target<'_>> {
        let path = path.strip_prefix("/v2")?;
        match path {
            "" | "/" => return Some(Target::Base),
            "/_catalog" => return Some(Target::Catalog),
            _ => {}
        }
        let path = path.strip_prefix('/')?;
        let (before, last) = path.rsplit_once('/')?;
        if last.is_empty() {
            let repository = before.strip_suffix("/blobs/uploads")?;
            return Some(Target::In { repository, what: What::Uploads });
        }
        let inside = [
            ("/blobs/uploads", What::Upload(last)),
            ("/manifests", What::Manifest(last)),
            ("/referrers", What::Referrers(last)),
            ("/blobs", if last == "uploads" { What::Uploads } else { What::Blob(last) }),
            ("/tags", What::Tags),
        ];
        inside.into_iter().find_map(|(suffix, what)| {
            let repository = before.strip_suffix(suffix)?;
            (what != What::Tags || last == "list").then_some(Target::In { repository, what })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let inside = |repository, what| Some(Target::In { repository, what });
        for (path, target) in [
            ("/v2", Some(Target::Base)),
            ("/v2/", Some(Target::Base)),
            ("/v2/_catalog", Some(Target::Catalog)),
            ("/v2/a/b/c/tags/list", inside("a/b/c", What::Tags)),
            ("/v2/a/b/manifests/v1", inside("a/b", What::Manifest("v1"))),
            ("/v2/a/tags/list/manifests/v1", inside("a/tags/list", What::Manifest("v1"))),
            ("/v2/a/referrers/sha256:1", inside("a", What::Referrers("sha256:1"))),
            ("/v2/a/blobs/sha256:1", inside("a", What::Blob("sha256:1"))),
            ("/v2/a/blobs/uploads", inside("a", What::Uploads)),
            ("/v2/a/b/blobs/uploads/", inside("a/b", What::Uploads)),
            ("/v2/a/b/blobs/uploads/id", inside("a/b", What::Upload("id"))),
            ("/v2/a", None),
            ("/v2/a/tags/other", None),
            ("/v2/manifests/v1", None),
        ] {
            assert_eq!(Target::parse(path), target, "{path}");
        }
    }
}
