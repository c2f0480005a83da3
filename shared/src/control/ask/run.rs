//! A one-off task beside a service, on the revision that it runs or on the newest of another family. It changes nothing of
//! the service, so nothing that withholds releases withholds it.

use super::{Done, Said, Undone, What, asked, request};
use crate::cloud::{Cloud, Trouble};
use crate::control::{Scope, Watch};
use crate::decision::{Action, Decision};
use crate::model::{Service, ServiceName};
use crate::one_off::{self, Launched, RunTask};
use crate::policy::Track;
use crate::task_definition::{TaskDefinition, family_and_number, revision_name};

/// What a person wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its newest ACTIVE revision; without one, what the service runs.
    pub family: Option<String>,
    /// Where the command goes; none need be named where it is clear.
    pub container: Option<String>,
    /// None: the container's own.
    pub command: Vec<String>,
    /// The same again is the same task.
    pub client_token: String,
}

/// Starts it where the service's own tasks run.
pub async fn run_task<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    wanted: &Wanted,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, tracks) = watch.asked_about(service).await?;
        let done = watch.run_task(&found, &tracks, wanted, by).await;
        watch.tell(service, done)
    })
    .await
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    async fn run_task(&self, service: &Service, tracks: &[Track], wanted: &Wanted, by: &str) -> Said {
        if let Some(family) = wanted.family.as_deref() {
            may_run(service, family)?;
        }
        let definition = self.definition_to_run(service, wanted.family.as_deref()).await?;
        let container = match one_off::container(&definition, tracks, wanted.container.as_deref()) {
            Ok(container) => Some(container),
            // Without a command, it only says whose log and exit code count.
            Err(_) if wanted.command.is_empty() && wanted.container.is_none() => None,
            Err(why) => return Err(Undone::Refused(why)),
        };
        let placement = self.cloud.placement(&service.name).await?;
        let placement = placement.ok_or_else(|| Undone::NoService(service.name.clone()))?;
        let command = container.clone().zip(Some(wanted.command.clone()).filter(|words| !words.is_empty()));
        let (name, who) = (definition.name().to_owned(), crate::hold::one_word(by));
        let reason = match (&container, &command) {
            (Some(container), Some(_)) => {
                format!(
                    "{name} runs once, its container {container} with another command; {who} has asked for it"
                )
            }
            _ => format!("{name} runs once; {who} has asked for it"),
        };
        let run = RunTask {
            cluster: service.name.cluster.clone(),
            task_definition_arn: definition.arn.clone(),
            placement,
            command,
            tags: one_off::tags(&service.name, by, container.as_deref()),
            client_token: wanted.client_token.clone(),
        };
        let launched = match self.cloud.run_task(&run).await {
            // What it does not take, and what the installation may not run.
            Err(error) if error.trouble == Trouble::Refused => {
                return Err(Undone::Refused(format!("ECS did not start {name}: {}", error.message)));
            }
            launched => launched?,
        };
        match launched {
            Launched::Task(arn) => {
                let task = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
                let what = What::new(Action::TaskStarted, reason);
                Ok(What { revision: Some(name), task: Some(task), ..what })
            }
            Launched::Nowhere(why) => Err(Undone::Refused(format!("ECS did not start {name}: {why}"))),
            Launched::OtherTasks(arns) => {
                let ids = arns.iter().map(|arn| arn.rsplit('/').next().unwrap_or(arn).to_owned());
                self.as_before(service, &run, ids.collect()).await
            }
        }
    }

    /// The key is taken. By the same, if only the caller's session or the revision is another: so it is when a job is repeated.
    async fn as_before(&self, service: &Service, run: &RunTask, tasks: Vec<String>) -> Said {
        if let [only] = tasks.as_slice()
            && let Some(task) = self.cloud.one_off(&service.name.cluster, only).await?
            && task.is_as_asked(&service.name, run)
        {
            let revision = revision_name(&task.task_definition_arn).to_owned();
            let reason = format!("{revision} runs once; it was asked for before with this key");
            let what = What::new(Action::TaskStarted, reason);
            return Ok(What { revision: Some(revision), task: Some(only.clone()), ..what });
        }
        Err(Undone::KeyTaken { tasks })
    }

    async fn definition_to_run(
        &self,
        service: &Service,
        family: Option<&str>,
    ) -> Result<TaskDefinition, Undone> {
        let reference = family.unwrap_or(&service.task_definition_arn);
        let definition = match self.cloud.task_definition(reference).await {
            Err(error) if family.is_some() && error.message.contains("Unable to describe") => {
                let why = format!("the family '{reference}' has no ACTIVE revision: {}", error.message);
                return Err(Undone::Refused(why));
            }
            answered => answered?,
        };
        // A service keeps its revision when that is deregistered, and ECS runs nothing new of it.
        if definition.document.get("status").and_then(serde_json::Value::as_str) == Some("INACTIVE") {
            let why = format!("{} has been deregistered, so ECS starts nothing of it", definition.name());
            return Err(Undone::Refused(why));
        }
        Ok(definition)
    }
}

/// Tasks of other services have roles of their own, which nobody gets by way of this one.
fn may_run(service: &Service, family: &str) -> Result<(), Undone> {
    let own = family_and_number(&service.task_definition_arn).map_or("", |(family, _)| family);
    let rest = family.strip_prefix(own).filter(|_| !own.is_empty());
    match rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
        true => Ok(()),
        false => Err(Undone::Refused(format!(
            "beside {} run its own family {own} and those named after it, such as {own}-migrate, and not {family}",
            service.name
        ))),
    }
}
