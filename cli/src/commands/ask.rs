//! One ask: carried out, its decisions shown, and the roll-out that it began followed where that is wanted.

use std::time::Duration;

use hyper::Method;
use serde_json::{Map, Value};

use super::Session;
use super::follow::{follow, or_interrupted};
use super::judge::Judge;
use crate::api::{Decisions, Name, Plan, Trouble};
use crate::args::{Format, Precaution};
use crate::output;

#[derive(Debug)]
pub(super) struct Ask {
    method: Method,
    /// The last part of the path, and what is asked there.
    call: String,
    body: Option<Value>,
    /// The answer is a plan.
    dry_run: bool,
    /// The same again is the same, where asking twice would be asking for two.
    key: Option<String>,
}

impl Ask {
    pub(super) fn plan(query: &str) -> Ask {
        Ask { method: Method::GET, call: format!("plan{query}"), body: None, dry_run: true, key: None }
    }

    /// An old API takes no member that it does not know, also where it is null.
    pub(super) fn post(call: &str, body: Value, precaution: &Precaution) -> Ask {
        let mut members = match body {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.retain(|_, value| !value.is_null());
        members.extend(said(precaution));
        Ask {
            method: Method::POST,
            call: call.to_owned(),
            body: Some(members.into()),
            dry_run: precaution.dry_run,
            key: None,
        }
    }

    pub(super) fn once(self, key: &str) -> Ask {
        Ask { key: Some(key.to_owned()), ..self }
    }

    pub(super) fn delete(call: &str, precaution: &Precaution) -> Ask {
        let members = said(precaution);
        let body = (!members.is_empty()).then(|| members.into());
        Ask { method: Method::DELETE, call: call.to_owned(), body, dry_run: precaution.dry_run, key: None }
    }
}

fn said(precaution: &Precaution) -> Map<String, Value> {
    let mut members = Map::new();
    if precaution.dry_run {
        members.insert("dry_run".to_owned(), true.into());
    }
    if let Some(from) = &precaution.from {
        members.insert("from".to_owned(), from.clone());
    }
    members
}

/// About one service. `wait`: how long its roll-out is followed.
pub(super) async fn about_service(
    session: &Session,
    name: &Name,
    ask: Ask,
    wait: Option<Duration>,
) -> Result<(), Trouble> {
    let before = match wait {
        Some(_) => Some(session.look_at(name).await?),
        None => None,
    };
    let (answer, decided) = carry_out(session, &name.path(&ask.call), &ask).await?;
    let followed = match (wait, &before) {
        (Some(patience), Some(before)) => {
            let following = follow(session, name, Judge::of_ask(before, &decided), patience);
            or_interrupted(following).await
        }
        _ => Ok(None),
    };
    if session.format == Format::Json {
        session.print(&answer)?;
    }
    if let Some(ended) = followed? {
        session.page.say(ended);
    }
    Ok(())
}

/// About all services of a cluster.
pub(super) async fn about_cluster(session: &Session, cluster: &str, ask: Ask) -> Result<(), Trouble> {
    let (answer, _) = carry_out(session, &format!("/clusters/{cluster}/{}", ask.call), &ask).await?;
    if session.format == Format::Json {
        session.print(&answer)?;
    }
    Ok(())
}

pub(super) async fn carry_out(
    session: &Session,
    path: &str,
    ask: &Ask,
) -> Result<(Value, Decisions), Trouble> {
    let answer =
        session.client.ask_once(ask.method.clone(), path, ask.body.as_ref(), ask.key.as_deref()).await?;
    let decided: Decisions = session.client.read(&answer)?;
    if ask.dry_run {
        let plan: Plan = session.client.read(&answer)?;
        if !plan.dry_run {
            return Err(session
                .client
                .strange("it does not say that this was a plan only; it may have been done"));
        }
        if session.format == Format::Table {
            output::put(&output::plan(&plan, session.look))?;
        }
    } else if session.format == Format::Table {
        session.page.say(output::decisions(&decided.decisions, session.look));
    }
    let failed = decided.of(&["failed"]).next_back().map(|it| it.reason.clone());
    let Some(reason) = failed else { return Ok((answer, decided)) };
    if session.format == Format::Json {
        session.print(&answer)?;
    }
    Err(Trouble::NotDone(reason))
}
