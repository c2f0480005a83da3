//! `pushboat history`: what a service has run and how many tasks it was told to have, newest first.

use std::process::ExitCode;

use anyhow::Result;
use hyper::Method;
use serde_json::{Value, json};

use super::{Session, closed};
use crate::api::{Entries, Trouble};
use crate::args::{Format, History};
use crate::output;

/// Of the API.
const PAGE: usize = 20;

pub(crate) async fn history(arguments: History) -> Result<ExitCode> {
    let format = arguments.output.output;
    closed(show(arguments).await, format)
}

/// Pages until there are so many, as one answer.
async fn show(it: History) -> Result<(), Trouble> {
    let session = Session::open(&it.connection, it.output.output).await?;
    let name = session.name(it.which.service.as_deref()).await?;
    let (mut entries, mut next) = (Vec::<Value>::new(), it.before.map(|before| before.to_string()));
    let kind = it.only.map(|only| format!("&kind={}", only.as_kind())).unwrap_or_default();
    let notes = loop {
        let limit = (it.limit - entries.len()).min(PAGE);
        let before = next.map(|before| format!("&before={before}")).unwrap_or_default();
        let path = format!("{}?limit={limit}{kind}{before}", name.path("history"));
        let mut page = session.client.ask(Method::GET, &path, None).await?;
        entries.extend(page["entries"].as_array_mut().map(std::mem::take).unwrap_or_default());
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() || entries.len() >= it.limit {
            break page["notes"].take();
        }
    };
    let answer =
        json!({ "entries": entries, "next": next, "notes": notes.as_array().cloned().unwrap_or_default() });
    match session.format {
        Format::Json => session.print(&answer),
        Format::Table => {
            let history: Entries = session.client.read(&answer)?;
            output::put(&output::history(&history.entries, session.look))?;
            for note in history.notes {
                session.page.say(note);
            }
            Ok(())
        }
    }
}
