//! `pushboat status`: every service in a table, or one in detail.

use std::process::ExitCode;

use anyhow::Result;
use hyper::Method;
use serde_json::Value;

use super::{Session, closed};
use crate::api::{Name, Service, Trouble, resolve};
use crate::args::{Format, Status};
use crate::output;

pub(crate) async fn status(arguments: Status) -> Result<ExitCode> {
    let format = arguments.output.output;
    closed(show(&arguments).await, format)
}

async fn show(arguments: &Status) -> Result<(), Trouble> {
    let session = Session::open(&arguments.connection, arguments.output.output).await?;
    let Some(typed) = arguments.which.service.as_deref() else {
        let (answer, services) = session.client.services(None).await?;
        return match session.format {
            Format::Json => session.print(&answer),
            Format::Table => Ok(output::put(&output::services(&services.services, session.look))?),
        };
    };
    let name = session.name(Some(typed)).await?;
    let answer = match session.client.ask(Method::GET, &name.own_path(), None).await {
        Err(Trouble::OldApi { .. }) => of_list(&session, &name).await?,
        answer => answer?,
    };
    match session.format {
        Format::Json => session.print(&answer),
        Format::Table => {
            let service: Service = session.client.read(&answer)?;
            Ok(output::put(&output::detail(&service, session.look))?)
        }
    }
}

/// An older API shows one only among the others, and says nothing of what it would do.
async fn of_list(session: &Session, name: &Name) -> Result<Value, Trouble> {
    let (mut answer, services) = session.client.services(Some(&name.cluster)).await?;
    resolve(Some(&name.to_string()), &services.services)?;
    let is_it =
        |it: &&mut Value| it["cluster"] == name.cluster.as_str() && it["service"] == name.service.as_str();
    // With the members that are not known here.
    let found = answer["services"].as_array_mut().and_then(|services| services.iter_mut().find(is_it));
    Ok(found.map(Value::take).unwrap_or_default())
}
