//! `GET …/tasks/{task}`: a one-off task that Pushboat has started for the service, how it stands, what it wrote, and why it
//! failed. ECS forgets a task about an hour after it has stopped.

use pushboat::cloud::{Cloud, CloudError, Trouble};
use pushboat::control::{self, Scope};
use pushboat::diagnosis::{self, LogStream, Secrets};
use pushboat::model::ServiceName;
use pushboat::one_off::{self, OneOff, Outcome};
use pushboat::task_definition::TaskDefinition;
use pushboat_aws::{Aws, LogPage};

use crate::answers::{Line, Log, Task};
use crate::problem::Problem;
use crate::request::{decoded, parameters};
use crate::services::handed_over;

#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    /// `next` of the answer before.
    after: Option<String>,
    container: Option<String>,
}

pub(crate) async fn one(
    aws: &Aws,
    scope: &Scope,
    name: &ServiceName,
    id: &str,
    query: &str,
) -> Result<Task, Problem> {
    let asked = asked_for(query)?;
    let service = handed_over(aws, scope, name).await?;
    let no_task = || Problem::NoTask { service: name.clone(), task: id.to_owned() };
    let task = aws.one_off(&service.name.cluster, id).await?.filter(|task| task.is_of(name));
    let task = task.ok_or_else(no_task)?;
    let definition = match aws.task_definition(&task.task_definition_arn).await {
        Ok(definition) => Some(definition),
        Err(error) if error.retry_helps() => return Err(error.into()),
        // Deleted since; then nobody knows what of the log must not be shown.
        Err(_) => None,
    };
    let log = log(aws, &task, definition.as_ref(), &asked).await?;
    let diagnosis = match task.outcome(definition.as_ref()) {
        Outcome::Failed => Some(control::diagnose_task(aws, &task.end, &task.task_definition_arn).await),
        Outcome::UnderWay | Outcome::Succeeded => None,
    };
    Ok(Task { task: one_off::view(&task, name, definition.as_ref(), diagnosis), log })
}

async fn log(
    aws: &Aws,
    task: &OneOff,
    definition: Option<&TaskDefinition>,
    asked: &Asked,
) -> Result<Log, Problem> {
    let container = asked.container.as_deref().or_else(|| task.container()).unwrap_or_default();
    let mut log = Log {
        container: container.to_owned(),
        lines: Vec::new(),
        next: asked.after.clone(),
        is_at_end: true,
        note: None,
    };
    let Some(definition) = definition else {
        log.note = Some("its task definition has been deleted, so its log is not shown".to_owned());
        return Ok(log);
    };
    let names: Vec<&str> = task.end.containers.iter().map(|it| it.name.as_str()).collect();
    if asked.container.is_some() && !names.contains(&container) {
        let why = format!("container: the task has no '{container}'; there are: {}", names.join(", "));
        return Err(Problem::BadQuery(why));
    }
    let stream = match LogStream::of(&definition.document, container, &task.end.id) {
        Ok(stream) => stream,
        Err(no_log) => {
            log.note = Some(no_log.to_string());
            return Ok(log);
        }
    };
    let LogPage { lines, next } = match aws.log_page(&stream, asked.after.as_deref()).await {
        Ok(page) => page,
        Err(error) if error.retry_helps() => return Err(error.into()),
        Err(error) if asked.after.is_some() && is_of_the_token(&error) => return Err(not_a_place(&error)),
        // How the task stands is worth an answer without its log.
        Err(error) => {
            log.note = Some(format!("the log could not be read: {error}"));
            return Ok(log);
        }
    };
    let secrets = Secrets::of(&definition.document);
    log.is_at_end = next.is_none() || next == asked.after;
    log.next = next;
    log.lines = lines
        .into_iter()
        .map(|line| Line { at: line.at, text: diagnosis::shown(&line.text, &secrets) })
        .collect();
    Ok(log)
}

fn is_of_the_token(error: &CloudError) -> bool {
    error.trouble == Trouble::NotFound || error.message.contains("InvalidParameter")
}

fn not_a_place(error: &CloudError) -> Problem {
    match error.trouble {
        Trouble::NotFound => Problem::BadQuery("after: the log is not there any more".to_owned()),
        _ => Problem::BadQuery("after: 'next' of an answer about the same container has it".to_owned()),
    }
}

fn asked_for(query: &str) -> Result<Asked, Problem> {
    let mut asked = Asked::default();
    for (key, value) in parameters(query) {
        let place = match key {
            "after" => &mut asked.after,
            "container" => &mut asked.container,
            _ => return Err(Problem::BadQuery("the query parameters are after and container".to_owned())),
        };
        let Some(value) = decoded(value).filter(|value| !value.is_empty()) else {
            return Err(Problem::BadQuery(format!("'{key}' has no value that can be read")));
        };
        if place.replace(value).is_some() {
            return Err(Problem::BadQuery(format!("the query has '{key}' more than once")));
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_goes_on_where_the_answer_before_has_ended() {
        let asked = |after: Option<&str>, container: Option<&str>| {
            Ok(Asked { after: after.map(str::to_owned), container: container.map(str::to_owned) })
        };
        for (query, expected) in [
            ("", asked(None, None)),
            ("X-Amz-Signature=0", asked(None, None)),
            ("after=f%2F0012%2Fs", asked(Some("f/0012/s"), None)),
            ("container=app&after=f/1", asked(Some("f/1"), Some("app"))),
            ("after=", Err("'after' has no value")),
            ("after=%ff", Err("'after' has no value")),
            ("after=a&after=b", Err("more than once")),
            ("before=a", Err("the query parameters are")),
        ] {
            match (asked_for(query), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
                (Err(problem), Err(says)) => {
                    assert!(problem.to_string().contains(says), "{query}: {problem}")
                }
                (found, _) => panic!("{query}: {found:?}"),
            }
        }
    }
}
