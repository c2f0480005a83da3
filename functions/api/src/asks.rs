//! What a person may ask for, carried out by `pushboat::control`.
//!
//! | call | body | what it does |
//! |---|---|---|
//! | `POST …/deploy` | `{"tag" or "digest", "container"?}` | this image, until the next push or until somebody resumes |
//! | `POST …/rollback` | `{"to"?}` | back to the last good release, or to a digest or `family:revision`; what is left is rejected |
//! | `POST …/release` | `{"digest"}` | a rejected digest may return |
//! | `POST …/resume` | | what a person deployed past Pushboat may be replaced |
//! | `POST …/continue` | `{"hook"?}` | a deployment that waits at a hook goes on |
//! | `POST …/hold` | `{"reason", "for"? or "until"?}` | nothing is released until then, or until it is lifted |
//! | `DELETE …/hold` | | lifts it, and what is due is released |
//! | `POST …/scale` | `{"desired" or "min" or "max", "for" or "until" or "permanent", "reason"?}` | so many tasks until then, or other bounds for good |
//! | `POST …/tasks` | `{"family"?, "command"?, "container"?}` | a one-off task, once for each `Idempotency-Key` |
//! | `DELETE …/scale` | | ends that |
//!
//! Every one of them takes `dry_run` as well: then nothing is written, and the answer says what would be. And most take
//! `from`, what the caller believes to replace: a revision, a digest or a count. Where that is not there any more, it is
//! 409 and nothing is done.
//!
//! `…` is `/services/{cluster}/{service}`; a hold also goes with `/clusters/{cluster}`, for all of its services.
//! Asking twice is asking once, for a task with the same key. The answer is the lines of the decision log: 202 where they began a deployment, moved
//! one, told the service another count or started a task, which goes on by itself, else 200.

use pushboat::capacity::temporary;
use pushboat::cloud::Cloud;
use pushboat::control::{self, Rebound, Scope, Undone, deploy, run};
use pushboat::decision::{Action, Decision};
use pushboat::hold::Wanted;
use pushboat::model::{Digest, ServiceName};
use pushboat::rehearsal::Rehearsal;
use pushboat::rollback::To;
use pushboat::task_definition::revision_name;
use pushboat_aws::Aws;
use serde_json::{Value, json};

use crate::answers::{Decided, Plan, Started};
use crate::bodies::{self, From};
use crate::problem::Problem;
use crate::request::Request;
use crate::response::Response;
use crate::services;

/// Which of the calls it is, by its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Deploy,
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
    Run,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Deploy(deploy::Wanted),
    Rollback(Option<To>),
    Release(Digest),
    Resume,
    Continue(Option<String>),
    Hold(Wanted),
    Unhold,
    HoldCluster(Wanted),
    UnholdCluster,
    Scale(temporary::Wanted),
    Rebound(Rebound),
    Unscale,
    Run(run::Wanted),
}

/// A call with all that its body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) dry_run: bool,
    pub(crate) from: Option<From>,
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
    let Asked { ask, dry_run, from } = bodies::read(call, request, by)?;
    if let Some(from) = from {
        still_there(aws, scope, name, &from).await?;
    }
    if dry_run {
        let plan = rehearse(aws, scope, ask, name, by).await?;
        return Ok(Response::ok(json!(plan)));
    }
    let mut decisions = Vec::new();
    let mut note = |decision: Decision| {
        log(json!(decision));
        decisions.push(decision);
    };
    let command = if let Ask::Run(wanted) = &ask { wanted.command.clone() } else { Vec::new() };
    ask_for(aws, scope, ask, name, by, &mut note).await?;
    let task = decisions.iter().find_map(|it| Some((it.task.clone()?, it.revision.clone())));
    if let Some((id, task_definition)) = task {
        let path = format!("/services/{}/{}/tasks/{id}", name.cluster, name.service);
        let (run_by, at) = (by.to_owned(), path.clone());
        let task = Some(Started { id, task_definition, command, run_by, path });
        return Ok(Response::accepted(json!(Decided { decisions, task })).at(at));
    }
    let moves = |it: &Decision| {
        matches!(it.decision, Action::Released | Action::RolledBack | Action::Continued | Action::Scaled)
    };
    let moves = decisions.iter().any(moves);
    let body = json!(Decided { decisions, task: None });
    Ok(if moves { Response::accepted(body) } else { Response::ok(body) })
}

/// What would be decided and written. None of it is in the log: it did not happen.
pub(crate) async fn rehearse(
    aws: &Aws,
    scope: &Scope,
    ask: Ask,
    name: &ServiceName,
    by: &str,
) -> Result<Plan, Problem> {
    let rehearsal = Rehearsal::on(aws);
    let mut decisions = Vec::new();
    ask_for(&rehearsal, scope, ask, name, by, &mut |decision| decisions.push(decision)).await?;
    let service = (!name.service.is_empty()).then_some(name);
    let calls = rehearsal.calls(service).await?;
    Ok(Plan { dry_run: true, decisions, calls })
}

/// Whoever looked before may have seen something else.
async fn still_there(aws: &Aws, scope: &Scope, name: &ServiceName, from: &From) -> Result<(), Problem> {
    let service = services::there(aws, scope, name).await?;
    let there = match from {
        From::Count(count) if service.desired_count == *count => return Ok(()),
        From::Count(_) => format!("its desired count is {}", service.desired_count),
        From::Release(release) => {
            let revision = revision_name(&service.task_definition_arn);
            let digest = release.parse::<Digest>();
            let runs = match &digest {
                Ok(digest) => aws.task_definition(&service.task_definition_arn).await?.names(digest),
                Err(_) => release == revision,
            };
            if runs {
                return Ok(());
            }
            format!("it is at {revision}")
        }
    };
    Err(Problem::Moved { service: name.clone(), there })
}

async fn ask_for<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    ask: Ask,
    name: &ServiceName,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Result<(), Undone> {
    match ask {
        Ask::Deploy(wanted) => control::deploy(cloud, scope, name, &wanted, by, log).await,
        Ask::Rollback(to) => control::rollback(cloud, scope, name, to.as_ref(), by, log).await,
        Ask::Release(digest) => control::release_digest(cloud, scope, name, &digest, by, log).await,
        Ask::Resume => control::resume(cloud, scope, name, by, log).await,
        Ask::Continue(hook) => {
            control::continue_deployment(cloud, scope, name, hook.as_deref(), by, log).await
        }
        Ask::Hold(wanted) => control::hold(cloud, scope, name, &wanted, log).await,
        Ask::Unhold => control::unhold(cloud, scope, name, by, log).await,
        Ask::HoldCluster(wanted) => control::hold_cluster(cloud, scope, &name.cluster, &wanted, log).await,
        Ask::UnholdCluster => control::unhold_cluster(cloud, scope, &name.cluster, by, log).await,
        Ask::Scale(wanted) => control::override_count(cloud, scope, name, &wanted, log).await,
        Ask::Rebound(wanted) => control::set_bounds(cloud, scope, name, &wanted, log).await,
        Ask::Run(wanted) => control::run_task(cloud, scope, name, &wanted, by, log).await,
        Ask::Unscale => control::end_overrides(cloud, scope, name, by, log).await,
    }
}
