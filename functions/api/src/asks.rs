//! What a person may ask for: the body read as the ask it is, and the ask carried out by `pushboat::control`.
//!
//! | call | body | what it does |
//! |---|---|---|
//! | `POST …/rollback` | `{"to"?}` | back to the last good release, or to a digest or `family:revision`; what is left is rejected |
//! | `POST …/release` | `{"digest"}` | a rejected digest may return |
//! | `POST …/resume` | | what a person deployed past Pushboat may be replaced |
//! | `POST …/continue` | `{"hook"?}` | a deployment that waits at a hook goes on |
//! | `POST …/hold` | `{"reason", "for"? or "until"?}` | nothing is released until then, or until it is lifted |
//! | `DELETE …/hold` | | lifts it, and what is due is released |
//! | `POST …/scale` | `{"desired" or "min" or "max", "for" or "until", "reason"?}` | so many tasks until then |
//! | `DELETE …/scale` | | ends that |
//!
//! `…` is `/services/{cluster}/{service}`; a hold also goes with `/clusters/{cluster}`, for all of its services.
//! Asking twice is asking once. The answer is the lines of the decision log: 202 where they began a deployment, moved
//! one or told the service another count, which goes on by itself, else 200.

use pushboat::Timestamp;
use pushboat::capacity::temporary::{self, Which};
use pushboat::control::{self, Scope, Undone};
use pushboat::decision::{Action, Decision};
use pushboat::hold::{self, Length, Wanted};
use pushboat::model::{Digest, ServiceName};
use pushboat::rollback::To;
use pushboat_aws::Aws;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::{self, bad};
use crate::problem::Problem;
use crate::request::{Request, parameters};
use crate::response::Response;

/// Which of the calls it is, by its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Rollback,
    Release,
    Resume,
    Continue,
    Hold,
    Unhold,
    HoldCluster,
    UnholdCluster,
    Scale,
    Unscale,
}

/// A call with what its body says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    Rollback(Option<To>),
    Release(Digest),
    Resume,
    Continue(Option<String>),
    Hold(Wanted),
    Unhold,
    HoldCluster(Wanted),
    UnholdCluster,
    Scale(temporary::Wanted),
    Unscale,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackBody {
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContinueBody {
    hook: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    reason: String,
    r#for: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleBody {
    desired: Option<u32>,
    min: Option<u32>,
    max: Option<u32>,
    r#for: Option<String>,
    until: Option<String>,
    reason: Option<String>,
}

/// `service` is empty for a call about a cluster.
pub(crate) async fn carry_out(
    aws: &Aws,
    scope: &Scope,
    call: Call,
    name: &ServiceName,
    request: &Request,
    by: &str,
    log: &mut impl FnMut(Value),
) -> Result<Response, Problem> {
    let ask = read(call, request, by)?;
    let mut decisions = Vec::new();
    let mut note = |decision: Decision| {
        log(json!(decision));
        decisions.push(decision);
    };
    ask_for(aws, scope, ask, name, by, &mut note).await?;
    let moves = |it: &Decision| {
        matches!(it.decision, Action::Released | Action::RolledBack | Action::Continued | Action::Scaled)
    };
    let body = json!({ "decisions": decisions });
    Ok(if decisions.iter().any(moves) { Response::accepted(body) } else { Response::ok(body) })
}

fn read(call: Call, request: &Request, by: &str) -> Result<Ask, Problem> {
    if parameters(&request.query).next().is_some() {
        return Err(Problem::BadQuery("this call has no query parameters".to_owned()));
    }
    Ok(match call {
        Call::Rollback => {
            let RollbackBody { to } = body::read(request)?;
            let to = to.map(|to| to.parse()).transpose();
            Ask::Rollback(to.map_err(|error| bad(format!("to: {error}")))?)
        }
        Call::Release => {
            let ReleaseBody { digest } = body::read(request)?;
            Ask::Release(digest.parse().map_err(|_| bad("digest: a digest is sha256:<64 hex>"))?)
        }
        Call::Continue => {
            let ContinueBody { hook } = body::read(request)?;
            Ask::Continue(hook)
        }
        Call::Hold => Ask::Hold(wanted(body::read(request)?, by)?),
        Call::HoldCluster => Ask::HoldCluster(wanted(body::read(request)?, by)?),
        Call::Scale => Ask::Scale(count(body::read(request)?, by)?),
        Call::Resume | Call::Unhold | Call::UnholdCluster | Call::Unscale => {
            let Nothing {} = body::read(request)?;
            match call {
                Call::Resume => Ask::Resume,
                Call::Unhold => Ask::Unhold,
                Call::Unscale => Ask::Unscale,
                _ => Ask::UnholdCluster,
            }
        }
    })
}

fn wanted(body: HoldBody, by: &str) -> Result<Wanted, Problem> {
    let HoldBody { reason, r#for, until } = body;
    Ok(Wanted { length: length(r#for, until)?, by: by.to_owned(), reason })
}

fn count(body: ScaleBody, by: &str) -> Result<temporary::Wanted, Problem> {
    let ScaleBody { desired, min, max, r#for, until, reason } = body;
    let (which, count) = match (desired, min, max) {
        (Some(count), None, None) => (Which::Desired, count),
        (None, Some(count), None) => (Which::Min, count),
        (None, None, Some(count)) => (Which::Max, count),
        _ => return Err(bad("one of desired, min and max")),
    };
    let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
    let wanted = temporary::Wanted { which, count, length: length(r#for, until)?, by: by.to_owned(), reason };
    wanted.check().map_err(|error| bad(error.to_string()))?;
    Ok(wanted)
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

async fn ask_for(
    aws: &Aws,
    scope: &Scope,
    ask: Ask,
    name: &ServiceName,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Result<(), Undone> {
    match ask {
        Ask::Rollback(to) => control::rollback(aws, scope, name, to.as_ref(), by, log).await,
        Ask::Release(digest) => control::release_digest(aws, scope, name, &digest, by, log).await,
        Ask::Resume => control::resume(aws, scope, name, by, log).await,
        Ask::Continue(hook) => control::continue_deployment(aws, scope, name, hook.as_deref(), by, log).await,
        Ask::Hold(wanted) => control::hold(aws, scope, name, &wanted, log).await,
        Ask::Unhold => control::unhold(aws, scope, name, by, log).await,
        Ask::HoldCluster(wanted) => control::hold_cluster(aws, scope, &name.cluster, &wanted, log).await,
        Ask::UnholdCluster => control::unhold_cluster(aws, scope, &name.cluster, by, log).await,
        Ask::Scale(wanted) => control::override_count(aws, scope, name, &wanted, log).await,
        Ask::Unscale => control::end_overrides(aws, scope, name, by, log).await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn asked(call: Call, query: &str, body: &str) -> Result<Ask, (u16, String)> {
        let payload = json!({
            "rawPath": "/",
            "rawQueryString": query,
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": "POST"}},
            "body": body,
        });
        let read = read(call, &Request::read(&payload).unwrap(), "ann");
        read.map_err(|problem| (problem.status(), problem.to_string()))
    }

    #[test]
    fn each_call_is_read_as_what_it_asks_for() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let digest_of = || digest.parse().unwrap();
        let wanted = |length| Wanted { length, by: "ann".into(), reason: "sale".into() };
        let for_two_hours = wanted(Length::For(hold::lasting("2h").unwrap()));
        let until = wanted(Length::Until("2026-11-21T18:00:00Z".parse().unwrap()));
        for (call, body, expected) in [
            (Call::Rollback, String::new(), Ask::Rollback(None)),
            (Call::Rollback, r#"{"to": null}"#.into(), Ask::Rollback(None)),
            (
                Call::Rollback,
                r#"{"to": "game:7"}"#.into(),
                Ask::Rollback(Some(To::Revision("game:7".into()))),
            ),
            (
                Call::Rollback,
                json!({ "to": digest }).to_string(),
                Ask::Rollback(Some(To::Digest(digest_of()))),
            ),
            (Call::Release, json!({ "digest": digest }).to_string(), Ask::Release(digest_of())),
            (Call::Resume, "{}".into(), Ask::Resume),
            (Call::Continue, String::new(), Ask::Continue(None)),
            (Call::Continue, r#"{"hook": "h"}"#.into(), Ask::Continue(Some("h".into()))),
            (Call::Hold, r#"{"reason": "sale"}"#.into(), Ask::Hold(wanted(Length::UntilLifted))),
            (Call::Hold, r#"{"reason": "sale", "for": "2h"}"#.into(), Ask::Hold(for_two_hours)),
            (
                Call::HoldCluster,
                r#"{"until": "2026-11-21T19:00:00+01:00", "reason": "sale"}"#.into(),
                Ask::HoldCluster(until),
            ),
            (Call::Unhold, String::new(), Ask::Unhold),
            (Call::Unscale, String::new(), Ask::Unscale),
            (
                Call::Scale,
                r#"{"min": 4, "for": "2h", "reason": "sale"}"#.into(),
                Ask::Scale(temporary::Wanted {
                    which: Which::Min,
                    count: 4,
                    length: Length::For(hold::lasting("2h").unwrap()),
                    by: "ann".into(),
                    reason: "sale".into(),
                }),
            ),
            (Call::UnholdCluster, String::new(), Ask::UnholdCluster),
        ] {
            assert_eq!(asked(call, "X-Amz-Signature=0", &body), Ok(expected), "{call:?} {body}");
        }
    }

    #[test]
    fn what_nobody_understands_is_never_guessed() {
        for (call, query, body, says) in [
            (Call::Rollback, "dry_run=true", "", "no query parameters"),
            (Call::Rollback, "", r#"{"dry_run": true}"#, "unknown field `dry_run`"),
            (Call::Rollback, "", r#"{"to": 7}"#, "invalid type"),
            (Call::Rollback, "", r#"{"to": "v1"}"#, "to: a release is named by"),
            (Call::Release, "", "", "missing field `digest`"),
            (Call::Release, "", r#"{"digest": "sha256:ab"}"#, "sha256:<64 hex>"),
            (Call::Resume, "", r#"{"to": "game:7"}"#, "unknown field `to`"),
            (Call::Continue, "", r#"{"hook": "a", "hook": "b"}"#, "duplicate field"),
            (Call::Hold, "", "", "missing field `reason`"),
            (Call::Hold, "", r#"{"reason": "x", "for": "a while"}"#, "for: how long"),
            (Call::Hold, "", r#"{"reason": "x", "for": 7200}"#, "invalid type"),
            (Call::Hold, "", r#"{"reason": "x", "until": "tomorrow"}"#, "until: a time"),
            (Call::Hold, "", r#"{"reason": "x", "for": "1h", "until": "2026-11-21T18:00:00Z"}"#, "not both"),
            (Call::Unhold, "", r#"{"reason": "x"}"#, "unknown field"),
            (Call::Scale, "", "", "one of desired, min and max"),
            (Call::Scale, "", r#"{"min": 2, "max": 4, "for": "1h"}"#, "one of desired, min and max"),
            (Call::Scale, "", r#"{"desired": -1, "for": "1h"}"#, "invalid value"),
            (Call::Scale, "", r#"{"desired": 2.5, "for": "1h"}"#, "invalid type"),
            (Call::Scale, "", r#"{"desired": 2, "for": "soon"}"#, "for: how long"),
            (Call::Scale, "", r#"{"desired": 2}"#, "say for how long"),
            (Call::Scale, "", r#"{"desired": 0, "for": "1h"}"#, "a count is 1 to 5000"),
            (Call::Scale, "", r#"{"desired": 2, "permanent": true}"#, "unknown field"),
        ] {
            let (status, detail) = asked(call, query, body).unwrap_err();
            assert!(status == 400 && detail.contains(says), "{call:?} {body}: {status} {detail}");
        }
    }
}
