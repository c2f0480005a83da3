//! `pushboat watch`: the table again and again, or one service's roll-out to its end.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use super::follow::{POLL, Patience, follow};
use super::judge::Judge;
use super::{Session, closed};
use crate::api::{Name, Service, Trouble};
use crate::args::{Format, Watch};
use crate::local::interrupted;
use crate::output;
use crate::terminal::Voice;

/// To the upper left corner, and what follows is gone.
const FROM_THE_TOP: &str = "\x1b[H\x1b[J";

/// Ctrl-C ends it.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3_600);

pub(crate) async fn watch(arguments: Watch) -> Result<ExitCode> {
    let watching = async {
        let session = Session::open(&arguments.connection, Format::Table).await?;
        match arguments.service.as_deref() {
            Some(typed) => one(&session, typed).await,
            None => all(&session).await,
        }
    };
    tokio::select! {
        done = watching => closed(done, Format::Table),
        () = interrupted() => Ok(ExitCode::SUCCESS),
    }
}

/// On a terminal in place; elsewhere once more for each change.
async fn all(session: &Session) -> Result<(), Trouble> {
    let mut shown = String::new();
    let mut trust = Patience::default();
    loop {
        let Some((_, services)) = trust.with(session.client.services(None).await)? else {
            tokio::time::sleep(POLL).await;
            continue;
        };
        // The terminal may have another size by now.
        let look = output::Look::of_stdout();
        let table = output::services(&services.services, look);
        if session.page.voice() == Voice::Bars {
            output::put(&format!("{FROM_THE_TOP}{table}\n\nevery {} s until Ctrl-C", POLL.as_secs()))?;
        } else if table != shown {
            output::put(&format!("{table}\n"))?;
        }
        shown = table;
        tokio::time::sleep(POLL).await;
    }
}

/// A roll-out that is under way, or the next one.
async fn one(session: &Session, typed: &str) -> Result<(), Trouble> {
    let before = session.find(Some(typed)).await?;
    let name = Name::of(&before);
    let under_way = if is_at_rest(&before) { next(session, &name, &before).await? } else { before.clone() };
    let judge = Judge::of_what_runs(&before, &under_way);
    let ended = follow(session, &name, judge, FOR_EVER).await?;
    ended.into_iter().for_each(|ended| session.page.say(ended));
    Ok(())
}

fn is_at_rest(service: &Service) -> bool {
    service.rollout.as_ref().is_none_or(|it| it.state.as_deref() != Some("IN_PROGRESS"))
}

async fn next(session: &Session, name: &Name, before: &Service) -> Result<Service, Trouble> {
    session.page.say(output::detail(before, session.look));
    let spinner = session.page.spinner(&format!("no roll-out of {name} is under way; waiting for the next"));
    let mut trust = Patience::default();
    loop {
        tokio::time::sleep(POLL).await;
        let Some(now) = trust.with(session.look_at(name).await)? else { continue };
        if !is_at_rest(&now) || now.task_definition != before.task_definition {
            spinner.finish_and_clear();
            return Ok(now);
        }
    }
}
