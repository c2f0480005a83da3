//! One ask: carried out, its decisions shown, and the roll-out that it began followed where that is wanted.

use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use super::Session;
use super::follow::{follow, or_interrupted};
use super::judge::Judge;
use crate::api::{Decisions, Name, Trouble};
use crate::args::Format;
use crate::output;

#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// The last part of the path.
    pub(super) call: &'static str,
    pub(super) body: Option<Value>,
}

impl Ask {
    pub(super) fn post(call: &'static str, body: Value) -> Ask {
        // An old API takes no member that it does not know, also where it is null.
        let body = match body {
            Value::Object(members) => members.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            other => other,
        };
        Ask { method: Method::POST, call, body: Some(body) }
    }

    pub(super) fn delete(call: &'static str) -> Ask {
        Ask { method: Method::DELETE, call, body: None }
    }
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
    let (answer, decided) = carry_out(session, &name.path(ask.call), &ask).await?;
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

async fn carry_out(session: &Session, path: &str, ask: &Ask) -> Result<(Value, Decisions), Trouble> {
    let answer = session.client.ask(ask.method.clone(), path, ask.body.as_ref()).await?;
    let decided: Decisions = session.client.read(&answer)?;
    if session.format == Format::Table {
        session.page.say(output::decisions(&decided.decisions, session.look));
    }
    let failed = decided.of(&["failed"]).next_back().map(|it| it.reason.clone());
    let Some(reason) = failed else { return Ok((answer, decided)) };
    if session.format == Format::Json {
        session.print(&answer)?;
    }
    Err(Trouble::NotDone(reason))
}
