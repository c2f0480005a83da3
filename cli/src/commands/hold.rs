//! `pushboat hold`: nothing is released until then, or until it is lifted.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::ask::{Ask, about_cluster, about_service};
use super::{Session, closed};
use crate::api::{Trouble, check};
use crate::args::Hold;

pub(crate) async fn hold(arguments: Hold) -> Result<ExitCode> {
    let format = arguments.output.output;
    closed(say(arguments).await, format)
}

async fn say(it: Hold) -> Result<(), Trouble> {
    it.cluster.as_deref().map_or(Ok(()), check)?;
    let session = Session::open(&it.connection, it.output.output).await?;
    let ask = match it.lift {
        true => Ask::delete("hold", &it.precaution),
        false => {
            let body = json!({ "reason": it.reason, "for": it.for_, "until": it.until });
            Ask::post("hold", body, &it.precaution)
        }
    };
    if let Some(cluster) = &it.cluster {
        return about_cluster(&session, cluster, ask).await;
    }
    let name = session.name(it.which.service.as_deref()).await?;
    about_service(&session, &name, ask, it.wait.then_some(it.timeout)).await
}
