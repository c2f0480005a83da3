//! `pushboat adopt`: hands a service over by its tags, after the checklist, or takes it back.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use pushboat::checklist::handover::{self, Change, Wish};
use pushboat::checklist::installation::reach;
use pushboat::checklist::{self, Facts, Finding, NotKnown, Verdict};
use pushboat::model::Tags;
use serde_json::Value;

use super::verify::document;
use crate::api::{Name, Trouble};
use crate::args::{Adopt, Format};
use crate::aws::{Account, tags_of};
use crate::facts::{self, Wanted};
use crate::output::{self, Look};

pub(crate) async fn adopt(arguments: Adopt) -> Result<ExitCode> {
    Ok(carry_out(&arguments).await?)
}

/// What would be written, and what there is to say of it.
struct Plan {
    name: Name,
    service_arn: String,
    findings: Vec<Finding>,
    changes: Vec<Change>,
    /// What follows, once it is written.
    then: Vec<Finding>,
}

async fn carry_out(it: &Adopt) -> Result<ExitCode, Trouble> {
    // What could not be read is refused before anybody is asked anything.
    let wanted = handover::tags(&wish(it)).map_err(|why| Trouble::Usage(why.to_string()))?;
    let account = Account::open(&it.access).await?;
    let name = facts::named(&account, it.service.as_deref()).await?;
    let plan = match it.undo {
        true => giving_back(&account, name, it.rejections).await?,
        false => handing_over(&account, name, &wanted).await?,
    };
    let wrong = plan.findings.iter().filter(|it| it.verdict == Verdict::Wrong).count();
    let may = wrong == 0 || it.despite;
    if it.output.output == Format::Table {
        show(&plan, &account, it.undo)?;
    }
    let is_wanted = may && !it.dry_run && !plan.changes.is_empty();
    let is_agreed = is_wanted && agreed(it)?;
    if is_agreed {
        write(&account, &plan).await?;
    }
    match it.output.output {
        Format::Json => output::put(&format!("{:#}", as_document(&plan, &account, is_agreed)))?,
        Format::Table => output::put(ending(it, &plan, may, is_agreed))?,
    }
    match (may, is_wanted && !is_agreed) {
        (false, _) => Err(Trouble::ChecksWrong(wrong)),
        (true, true) => {
            Err(Trouble::Usage("nobody said yes, so nothing was written; --yes says it".to_owned()))
        }
        (true, false) => Ok(ExitCode::SUCCESS),
    }
}

fn wish(it: &Adopt) -> Wish {
    Wish {
        tracks: it.track.clone(),
        capacity: it.capacity.clone(),
        load: it.load.clone(),
        style: it.style.clone(),
        schedule: it.schedule.clone(),
        max_severity: it.max_severity.clone(),
        overlap: it.overlap.clone(),
    }
}

async fn handing_over(account: &Account, name: Name, wanted: &Tags) -> Result<Plan, Trouble> {
    let facts = facts::service(account, Wanted::Service(&name), None).await;
    let mut findings = checklist::verify(&facts);
    let service = found(&facts, &name)?;
    if let Some(Ok(Some(document))) = &facts.task_definition {
        findings.extend(handover::check(wanted, document));
    }
    if wanted.contains_key(pushboat::capacity::policy::CAPACITY) {
        findings.push(scalable_target(account, &name).await);
    }
    let present = tags_of(&service);
    let changes = handover::changes(&present, wanted).map_err(|why| Trouble::Usage(why.to_string()))?;
    findings.extend(handover::is_theirs(&present, &changes));
    let service_arn = service["serviceArn"].as_str().unwrap_or_default().to_owned();
    let mut tags = present;
    tags.extend(wanted.clone());
    let then = reach::Service {
        cluster: name.cluster.clone(),
        name: name.service.clone(),
        arn: service_arn.clone(),
        tags,
        ..reach::Service::default()
    };
    let mut then = facts::reached(account, then).await;
    then.extend(facts::followed(account, wanted).await);
    Ok(Plan { name, service_arn, findings, changes, then })
}

/// Two owners of one count would fight, so Pushboat leaves it to the other.
async fn scalable_target(account: &Account, name: &Name) -> Finding {
    let subject = "scalable target";
    match account.scalable_target(&name.cluster, &name.service).await {
        Err(NotKnown(why)) => Finding::unknown(subject, why),
        Ok(None) => Finding::ok(subject, "none of Application Auto Scaling, so the count is Pushboat's"),
        Ok(Some((min, max))) => Finding::wrong(
            subject,
            format!("Application Auto Scaling has the count, {min} to {max}, and Pushboat leaves it alone"),
            format!(
                "aws application-autoscaling deregister-scalable-target --service-namespace ecs --scalable-dimension \
                 ecs:service:DesiredCount --resource-id service/{name}; or leave --capacity away"
            ),
        ),
    }
}

async fn giving_back(account: &Account, name: Name, rejections: bool) -> Result<Plan, Trouble> {
    let seen = account.service(&name.cluster, &name.service).await;
    let facts = Facts { service: Some(seen), ..Facts::default() };
    let service = found(&facts, &name)?;
    let changes = handover::removals(&tags_of(&service), rejections);
    let service_arn = service["serviceArn"].as_str().unwrap_or_default().to_owned();
    Ok(Plan { name, service_arn, findings: Vec::new(), changes, then: Vec::new() })
}

fn found(facts: &Facts, name: &Name) -> Result<Value, Trouble> {
    match &facts.service {
        Some(Ok(Some(service))) => Ok(service.clone()),
        Some(Err(NotKnown(why))) => Err(Trouble::NotDone(why.clone())),
        _ => Err(Trouble::NotDone(format!("ECS has no service {name} here"))),
    }
}

/// A person at a terminal is asked; anybody else has said so beforehand.
fn agreed(it: &Adopt) -> Result<bool, Trouble> {
    let is_asked = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if it.yes || !is_asked || it.output.output == Format::Json {
        return Ok(it.yes);
    }
    let mut out = std::io::stdout().lock();
    write!(out, "\nWrite these tags? [y/N] ").and_then(|()| out.flush())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

async fn write(account: &Account, plan: &Plan) -> Result<(), Trouble> {
    let put: Tags = plan.changes.iter().filter_map(|it| Some((it.tag.clone(), it.to.clone()?))).collect();
    let gone: Vec<String> =
        plan.changes.iter().filter(|it| it.to.is_none()).map(|it| it.tag.clone()).collect();
    let not_done = |refusal: crate::aws::Refusal| Trouble::NotDone(refusal.to_string());
    if !put.is_empty() {
        account.tag(&plan.service_arn, &put).await.map_err(not_done)?;
    }
    if !gone.is_empty() {
        account.untag(&plan.service_arn, &gone).await.map_err(not_done)?;
    }
    Ok(())
}

fn show(plan: &Plan, account: &Account, is_undo: bool) -> Result<(), Trouble> {
    let look = Look::of_stdout();
    let mut parts = vec![format!("{} ({})", plan.name, account.in_words())];
    if !is_undo {
        parts.push(output::checklist(&plan.findings, look));
    }
    if !plan.changes.is_empty() {
        parts.push(format!("Tags of the service:\n{}", output::changes(&plan.changes, look)));
    }
    if !plan.then.is_empty() {
        parts.push(format!("And then:\n{}", output::findings(&plan.then, look)));
    }
    Ok(output::put(&parts.join("\n\n"))?)
}

fn ending(it: &Adopt, plan: &Plan, may: bool, is_agreed: bool) -> &'static str {
    match (plan.changes.is_empty(), is_agreed) {
        (true, _) => "\nNothing to write: its tags are these already.",
        (false, true) if it.undo => "\nWritten. Pushboat leaves the service alone, and it runs on as it is.",
        (false, true) => {
            "\nWritten. The next sweep looks at it, a minute later at the most; `pushboat doctor` checks the rest."
        }
        (false, false) if it.dry_run && may => "\nNothing was written: --dry-run.",
        (false, false) => "\nNothing was written.",
    }
}

fn as_document(plan: &Plan, account: &Account, is_agreed: bool) -> Value {
    let mut document = document(&plan.name.to_string(), account, &plan.findings);
    document["changes"] = serde_json::json!(plan.changes);
    document["then"] = serde_json::json!(plan.then);
    document["is_written"] = is_agreed.into();
    document
}
