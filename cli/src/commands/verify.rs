//! `pushboat verify`: would it run?

use std::process::ExitCode;

use anyhow::Result;
use pushboat::checklist::{self, Finding};
use serde_json::{Value, json};

use crate::api::Trouble;
use crate::args::{Format, Verify};
use crate::aws::Account;
use crate::facts::{self, Wanted};
use crate::output::{self, Look};

/// As `pushboat --help` says of a refusal: things are not as they have to be.
pub(super) const WRONG: u8 = 3;

pub(crate) async fn verify(arguments: Verify) -> Result<ExitCode> {
    Ok(look(&arguments).await?)
}

async fn look(it: &Verify) -> Result<ExitCode, Trouble> {
    let account = Account::open(&it.access).await?;
    let name = match &it.task_definition {
        None => Some(facts::named(&account, it.service.as_deref()).await?),
        Some(_) => None,
    };
    let wanted = match (&name, &it.task_definition) {
        (Some(name), _) => Wanted::Service(name),
        (None, definition) => Wanted::TaskDefinition(definition.as_deref().unwrap_or_default()),
    };
    let facts = facts::service(&account, wanted, it.image.as_deref()).await;
    let findings = checklist::verify(&facts);
    show(&facts.name, &account, &findings, it.output.output)?;
    Ok(status(&findings))
}

pub(super) fn status(findings: &[Finding]) -> ExitCode {
    if checklist::is_wrong(findings) { WRONG.into() } else { ExitCode::SUCCESS }
}

pub(super) fn show(
    name: &str,
    account: &Account,
    findings: &[Finding],
    format: Format,
) -> Result<(), Trouble> {
    match format {
        Format::Json => output::put(&format!("{:#}", document(name, account, findings)))?,
        Format::Table => {
            let heading = format!("{name} ({})\n", account.in_words());
            output::put(&format!("{heading}\n{}", output::checklist(findings, Look::of_stdout())))?;
        }
    }
    Ok(())
}

pub(super) fn document(name: &str, account: &Account, findings: &[Finding]) -> Value {
    json!({
        "about": name,
        "account": account.id,
        "region": account.region(),
        "is_wrong": checklist::is_wrong(findings),
        "findings": findings,
    })
}
