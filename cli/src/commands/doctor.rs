//! `pushboat doctor`: is the installation healthy?

use std::process::ExitCode;

use anyhow::Result;
use pushboat::checklist::installation;

use super::verify::{show, status};
use crate::api::{Trouble, token_of_environment};
use crate::args::Doctor;
use crate::aws::Account;
use crate::facts;

pub(crate) async fn doctor(arguments: Doctor) -> Result<ExitCode> {
    Ok(look(&arguments).await?)
}

async fn look(it: &Doctor) -> Result<ExitCode, Trouble> {
    let account = Account::open(&it.access).await?;
    let facts = facts::installation(&account, &it.stack, token_of_environment()).await;
    let findings = installation::check(&facts);
    show(&it.stack, &account, &findings, it.output.output)?;
    Ok(status(&findings))
}
