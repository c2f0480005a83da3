//! What the body of each call says, read as the ask it is.

use pushboat::Timestamp;
use pushboat::capacity::temporary::{self, Which};
use pushboat::cloud::Reference;
use pushboat::control::{Rebound, deploy, run};
use pushboat::hold::{self, Length, Wanted};
use pushboat::model::Digest;
use pushboat::one_off;
use serde::Deserialize;

use crate::asks::{Ask, Asked, Call};
use crate::body::{self, bad};
use crate::problem::Problem;
use crate::request::{Request, is_name, no_parameters};

/// What the caller believes to be there, and replaces: a revision, a digest, or a count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum From {
    Count(u32),
    Release(String),
}

/// A body with the members of its own, and those that each has. Flattened, they would let unknown members pass.
macro_rules! bodies {
    ($($name:ident { $($(#[$about:meta])* $member:ident: $kind:ty,)* })*) => {$(
        #[derive(Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$about])* $member: $kind,)*
            /// Nothing is written; the answer is what would be.
            #[serde(default)]
            dry_run: bool,
            /// What the caller believes to replace: `family:revision`, a digest, or a desired count. 409 where it is not there any more.
            from: Option<From>,
        }
    )*};
}

bodies! {
    NothingBody {}

    DeployBody {
        /// An image of the repository that is followed, by tag …
        tag: Option<String>,
        /// … or by digest: one of the two.
        digest: Option<String>,
        /// Of those that are followed; none need be named where there is one.
        container: Option<String>,
    }

    RollbackBody {
        /// A digest, or `family:revision`; without it, the last good release.
        to: Option<String>,
    }

    ReleaseBody {
        /// `sha256:` and 64 hex digits.
        digest: String,
    }

    ContinueBody {
        /// Where a deployment waits at several.
        hook: Option<String>,
    }

    HoldBody {
        /// For people, up to what a tag has room for.
        reason: String,
        /// How long: `30m`, `2h`, `1h 30m`, `7d`.
        r#for: Option<String>,
        /// Or until when: `2026-11-21T18:00:00Z`.
        until: Option<String>,
    }

    RunBody {
        /// A family of task definitions whose newest revision is run; without it, what the service runs.
        family: Option<String>,
        /// What is run instead of the container's own command.
        #[serde(default)]
        command: Option<Vec<String>>,
        /// Where the command goes, and whose log and exit code count; none need be named where it is clear.
        container: Option<String>,
    }

    ScaleBody {
        /// One of `desired`, `min` and `max`, 1 to 5000; for good, also `min` and `max` together.
        desired: Option<u32>,
        min: Option<u32>,
        max: Option<u32>,
        /// How long: `30m`, `2h`, `1h 30m`, `7d`.
        r#for: Option<String>,
        /// Or until when: `2026-11-21T18:00:00Z`.
        until: Option<String>,
        /// Or for good: the bounds that the owner's tag has change. Not where a template declares it.
        #[serde(default)]
        permanent: bool,
        reason: Option<String>,
    }
}

pub(crate) fn read(call: Call, request: &Request, by: &str) -> Result<Asked, Problem> {
    no_parameters(&request.query)?;
    let asked = match call {
        Call::Deploy => {
            let DeployBody { tag, digest, container, dry_run, from } = body::read(request)?;
            let image = match (tag, digest) {
                (Some(tag), None) if !tag.is_empty() => Reference::Tag(tag),
                (None, Some(digest)) => Reference::Digest(read_digest(&digest)?),
                _ => return Err(bad("tag or digest: which image?")),
            };
            Asked { ask: Ask::Deploy(deploy::Wanted { image, container }), dry_run, from }
        }
        Call::Rollback => {
            let RollbackBody { to, dry_run, from } = body::read(request)?;
            let to = to.map(|to| to.parse()).transpose();
            let ask = Ask::Rollback(to.map_err(|error| bad(format!("to: {error}")))?);
            Asked { ask, dry_run, from }
        }
        Call::Release => {
            let ReleaseBody { digest, dry_run, from } = body::read(request)?;
            Asked { ask: Ask::Release(read_digest(&digest)?), dry_run, from }
        }
        Call::Continue => {
            let ContinueBody { hook, dry_run, from } = body::read(request)?;
            Asked { ask: Ask::Continue(hook), dry_run, from }
        }
        Call::Hold | Call::HoldCluster => {
            let HoldBody { reason, r#for, until, dry_run, from } = body::read(request)?;
            let wanted = Wanted { length: length(r#for, until)?, by: by.to_owned(), reason };
            let ask = if call == Call::Hold { Ask::Hold(wanted) } else { Ask::HoldCluster(wanted) };
            Asked { ask, dry_run, from }
        }
        Call::Scale => {
            let ScaleBody { desired, min, max, r#for, until, permanent, reason, dry_run, from } =
                body::read(request)?;
            let (by, reason) = (by.to_owned(), reason.unwrap_or_else(|| "no reason given".to_owned()));
            let length = length(r#for, until)?;
            for count in [desired, min, max].into_iter().flatten() {
                temporary::check_count(count).map_err(|error| bad(error.to_string()))?;
            }
            let ask = match (permanent, length) {
                (true, Length::UntilLifted) => {
                    let (min, max) = bounds(desired, min, max)?;
                    Ask::Rebound(Rebound { min, max, by, reason })
                }
                (true, _) => return Err(bad("for, until or permanent: one of them")),
                (false, length) => {
                    let (which, count) = one_of(desired, min, max)?;
                    let wanted = temporary::Wanted { which, count, length, by, reason };
                    wanted.check().map_err(|error| bad(error.to_string()))?;
                    Ask::Scale(wanted)
                }
            };
            Asked { ask, dry_run, from }
        }
        Call::Run => {
            let RunBody { family, command, container, dry_run, from } = body::read(request)?;
            let names = [("family", &family), ("container", &container)];
            for (member, name) in names.iter().filter_map(|(member, name)| Some((member, name.as_ref()?))) {
                if !is_name(name) {
                    return Err(bad(format!("{member}: letters, digits, '-' and '_'")));
                }
            }
            if command.as_ref().is_some_and(Vec::is_empty) {
                return Err(bad("command: what is to be run? Without it, the container's own"));
            }
            let (command, client_token) = (command.unwrap_or_default(), client_token(request)?);
            Asked { ask: Ask::Run(run::Wanted { family, container, command, client_token }), dry_run, from }
        }
        Call::Resume => nothing(request, Ask::Resume)?,
        Call::Unhold => nothing(request, Ask::Unhold)?,
        Call::UnholdCluster => nothing(request, Ask::UnholdCluster)?,
        Call::Unscale => nothing(request, Ask::Unscale)?,
    };
    let is_of_cluster = matches!(call, Call::HoldCluster | Call::UnholdCluster);
    if asked.from.is_some() && is_of_cluster {
        return Err(bad("from: a cluster runs no one thing"));
    }
    Ok(asked)
}

fn read_digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|_| bad("digest: a digest is sha256:<64 hex>"))
}

/// API Gateway's own id is another one for each request, and the same for each try of the SDK.
fn client_token(request: &Request) -> Result<String, Problem> {
    let key = request.idempotency_key.as_ref().or(request.id.as_ref());
    key.filter(|key| one_off::is_token(key)).cloned().ok_or(Problem::BadKey)
}

fn nothing(request: &Request, ask: Ask) -> Result<Asked, Problem> {
    let NothingBody { dry_run, from } = body::read(request)?;
    Ok(Asked { ask, dry_run, from })
}

fn one_of(desired: Option<u32>, min: Option<u32>, max: Option<u32>) -> Result<(Which, u32), Problem> {
    match (desired, min, max) {
        (Some(count), None, None) => Ok((Which::Desired, count)),
        (None, Some(count), None) => Ok((Which::Min, count)),
        (None, None, Some(count)) => Ok((Which::Max, count)),
        _ => Err(bad("one of desired, min and max")),
    }
}

/// What stays is `None`.
fn bounds(
    desired: Option<u32>,
    min: Option<u32>,
    max: Option<u32>,
) -> Result<(Option<u32>, Option<u32>), Problem> {
    match (desired, min, max) {
        (Some(count), None, None) => Ok((Some(count), Some(count))),
        (None, min, max) if min.or(max).is_some() => Ok((min, max)),
        _ => Err(bad("desired, or min, max or both of them")),
    }
}

fn length(r#for: Option<String>, until: Option<String>) -> Result<Length, Problem> {
    Ok(match (r#for, until) {
        (None, None) => Length::UntilLifted,
        (Some(text), None) => Length::For(
            hold::lasting(&text).ok_or_else(|| bad("for: how long, such as 30m, 2h, 1h 30m or 7d"))?,
        ),
        (None, Some(text)) => {
            let until = text.parse::<Timestamp>();
            Length::Until(until.map_err(|_| bad("until: a time such as 2026-11-21T18:00:00Z"))?)
        }
        (Some(_), Some(_)) => return Err(bad("for or until, not both")),
    })
}

#[cfg(test)]
mod tests;
