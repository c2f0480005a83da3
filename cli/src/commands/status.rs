//! `pushboat status`: every service in a table, or one in detail.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use super::{Session, closed};
use crate::api::{Name, Trouble, resolve};
use crate::args::{Format, Status};
use crate::output;

pub(crate) async fn status(arguments: Status) -> Result<ExitCode> {
    let format = arguments.output.output;
    closed(show(&arguments).await, format)
}

async fn show(arguments: &Status) -> Result<(), Trouble> {
    let session = Session::open(&arguments.connection, arguments.output.output).await?;
    let (answer, services) = session.client.services(None).await?;
    let typed = arguments.which.service.as_deref();
    let one = typed.map(|typed| resolve(Some(typed), &services.services)).transpose()?;
    match (session.format, one) {
        (Format::Json, None) => session.print(&answer)?,
        (Format::Json, Some(one)) => session.print(as_it_came(&answer, &Name::of(one)))?,
        (Format::Table, None) => output::put(&output::services(&services.services, session.look))?,
        (Format::Table, Some(one)) => output::put(&output::detail(one, session.look))?,
    }
    Ok(())
}

/// With the members that are not known here.
fn as_it_came<'a>(answer: &'a Value, name: &Name) -> &'a Value {
    let is_it =
        |it: &&Value| it["cluster"] == name.cluster.as_str() && it["service"] == name.service.as_str();
    let found = answer["services"].as_array().and_then(|services| services.iter().find(is_it));
    found.unwrap_or(&Value::Null)
}
