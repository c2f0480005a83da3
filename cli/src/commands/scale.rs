//! `pushboat scale`: how many tasks for a time.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::ask::{Ask, about_service};
use super::{Session, closed};
use crate::api::Trouble;
use crate::args::{Precaution, Scale};

pub(crate) async fn scale(arguments: Scale) -> Result<ExitCode> {
    let format = arguments.output.output;
    closed(say(arguments).await, format)
}

async fn say(it: Scale) -> Result<(), Trouble> {
    if it.min.is_some() && it.max.is_some() && !it.permanent {
        return Err(Trouble::Usage(
            "--min and --max go together for good only; for a time, say one of them".to_owned(),
        ));
    }
    let session = Session::open(&it.connection, it.output.output).await?;
    let precaution = Precaution { dry_run: it.dry_run, from: it.from };
    let ask = match it.end {
        true => Ask::delete("scale", &precaution),
        false => {
            let body = json!({
                "desired": it.desired, "min": it.min, "max": it.max, "for": it.for_, "until": it.until,
                "permanent": it.permanent.then_some(true), "reason": it.reason,
            });
            Ask::post("scale", body, &precaution)
        }
    };
    let name = session.name(it.which.service.as_deref()).await?;
    about_service(&session, &name, ask, None).await
}
