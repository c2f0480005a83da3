//! `pushboat deploy`, `rollback`, `release`, `resume` and `continue`: which image runs, on a person's word.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::ask::{Ask, about_service};
use super::{Session, closed};
use crate::api::{Name, Service, Trouble};
use crate::args::{Connection, Continue, Deploy, Format, Image, Release, Resume, Rollback, Wait, Which};

pub(crate) async fn deploy(it: Deploy) -> Result<ExitCode> {
    let body = match &it.image {
        Image::Tag(tag) => json!({ "tag": tag, "container": it.container }),
        Image::Digest(digest) => json!({ "digest": digest, "container": it.container }),
    };
    let ask = Ask::post("deploy", body, &it.precaution);
    let done = plainly(&it.connection, it.output.output, &it.which, &it.wait, ask).await;
    closed(done, it.output.output)
}

pub(crate) async fn rollback(it: Rollback) -> Result<ExitCode> {
    let ask = Ask::post("rollback", json!({ "to": it.to }), &it.precaution);
    let done = plainly(&it.connection, it.output.output, &it.which, &it.wait, ask).await;
    closed(done, it.output.output)
}

pub(crate) async fn resume(it: Resume) -> Result<ExitCode> {
    let ask = Ask::post("resume", json!({}), &it.precaution);
    let done = plainly(&it.connection, it.output.output, &it.which, &it.wait, ask).await;
    closed(done, it.output.output)
}

pub(crate) async fn go_on(it: Continue) -> Result<ExitCode> {
    let ask = Ask::post("continue", json!({ "hook": it.hook }), &it.precaution);
    let done = plainly(&it.connection, it.output.output, &it.which, &it.wait, ask).await;
    closed(done, it.output.output)
}

pub(crate) async fn release(it: Release) -> Result<ExitCode> {
    let releasing = async {
        let session = Session::open(&it.connection, it.output.output).await?;
        let is_whole = it.digest.len() == "sha256:".len() + 64;
        let typed = it.which.service.as_deref();
        let (name, digest) = match is_whole {
            true => (session.name(typed).await?, it.digest.clone()),
            false => {
                let service = session.find(typed).await?;
                (Name::of(&service), rejected(&service, &it.digest)?)
            }
        };
        let ask = Ask::post("release", json!({ "digest": digest }), &it.precaution);
        about_service(&session, &name, ask, it.wait.wait.then_some(it.wait.timeout)).await
    };
    closed(releasing.await, it.output.output)
}

async fn plainly(
    connection: &Connection,
    format: Format,
    which: &Which,
    wait: &Wait,
    ask: Ask,
) -> Result<(), Trouble> {
    let session = Session::open(connection, format).await?;
    let name = session.name(which.service.as_deref()).await?;
    about_service(&session, &name, ask, wait.wait.then_some(wait.timeout)).await
}

/// The rejected digest that begins so.
fn rejected(service: &Service, beginning: &str) -> Result<String, Trouble> {
    let digests = service.rejected.iter().map(|it| it.digest.clone());
    let fitting: Vec<String> = digests.filter(|digest| digest.starts_with(beginning)).collect();
    match fitting.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Trouble::Usage(format!(
            "no rejected digest of {} begins with {beginning}; `pushboat status {0}` shows them",
            Name::of(service)
        ))),
        _ => Err(Trouble::Ambiguous { what: beginning.to_owned(), candidates: fitting }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_digits_name_one_rejected_digest() {
        let service: Service = serde_json::from_value(json!({
            "cluster": "prod", "service": "web",
            "rejected": [{"digest": "sha256:aaaaaa11"}, {"digest": "sha256:aaaaaa22"}, {"digest": "sha256:bbbbbb11"}],
        }))
        .unwrap();
        assert_eq!(rejected(&service, "sha256:bbbbbb").unwrap(), "sha256:bbbbbb11");
        for (beginning, says) in
            [("sha256:aaaaaa", "sha256:aaaaaa22"), ("sha256:cccccc", "no rejected digest of prod/web")]
        {
            let trouble = rejected(&service, beginning).unwrap_err();
            assert_eq!(trouble.exit_status(), 2);
            assert!(trouble.to_string().contains(says), "{trouble}");
        }
    }
}
