//! `pushboat run`: a one-off task beside a service, followed to its end. Its log is standard output; whatever else there is
//! to say goes to standard error.

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use hyper::Method;
use serde_json::{Value, json};

use super::ask::{Ask, carry_out};
use super::follow::Patience;
use super::{Session, closed};
use crate::api::{Name, Started, Task, Trouble};
use crate::args::{Format, Run};
use crate::aws::encoded;
use crate::local::interrupted;
use crate::output;
use crate::terminal::{Page, Voice};

const POLL: Duration = Duration::from_secs(1);
/// The last lines of a task may come later than its end.
const LOOKS_AFTER_THE_END: u32 = 2;
const UNSEEN_FOR: Duration = Duration::from_secs(20);
/// So many lines in one answer, and there are more.
const MANY_LINES: usize = 100;

pub(crate) async fn run(arguments: Run) -> Result<ExitCode> {
    let format = arguments.output.output;
    closed(start(arguments).await, format)
}

async fn start(it: Run) -> Result<(), Trouble> {
    let mut session = Session::open(&it.connection, it.output.output).await?;
    let name = session.name(it.which.service.as_deref()).await?;
    let key = it.key.clone().unwrap_or_else(random_key);
    let command = Some(&it.command).filter(|words| !words.is_empty());
    let body = json!({ "family": it.family, "container": it.container, "command": command });
    let ask = Ask::post("tasks", body, &it.precaution).once(&key);
    if !it.detach {
        session.page = Page::new(Voice::Aside);
    }
    let (answer, _) = carry_out(&session, &name.path("tasks"), &ask).await?;
    if it.precaution.dry_run || it.detach {
        return match (session.format, it.precaution.dry_run) {
            (Format::Json, _) => session.print(&answer),
            (Format::Table, true) => Ok(()),
            (Format::Table, false) => {
                let task = started(&session, &answer)?;
                Ok(output::put(&format!("task {}; the same with --key {key} follows it", task.id))?)
            }
        };
    }
    let task = started(&session, &answer)?;
    let mut following = Following::of(&session, &name, &task, &key);
    let ended = tokio::select! {
        ended = tokio::time::timeout(it.timeout, following.until_it_ends()) => ended.ok(),
        () = interrupted() => Some(Err(Trouble::Interrupted)),
    };
    if matches!(ended, Some(Err(Trouble::Interrupted))) {
        session.page.say(format!("the task {} goes on: {}", following.id, following.advice()));
    }
    let ended = ended.unwrap_or_else(|| Err(following.not_in_time(it.timeout)));
    if session.format == Format::Json && !following.latest.is_null() {
        session.print(&following.document())?;
    }
    session.page.say(ended?);
    Ok(())
}

fn started(session: &Session, answer: &Value) -> Result<Started, Trouble> {
    session.client.read(answer.get("task").unwrap_or(&Value::Null))
}

struct Following<'a> {
    session: &'a Session,
    name: &'a Name,
    id: &'a str,
    path: String,
    key: &'a str,
    since: Instant,
    state: String,
    /// Where the next answer's lines begin.
    after: Option<String>,
    /// All lines so far, for a script.
    lines: Vec<Value>,
    latest: Value,
    noted: bool,
}

impl<'a> Following<'a> {
    fn of(session: &'a Session, name: &'a Name, task: &'a Started, key: &'a str) -> Following<'a> {
        Following {
            session,
            name,
            id: &task.id,
            path: name.path(&format!("tasks/{}", task.id)),
            key,
            since: Instant::now(),
            state: "not seen yet".to_owned(),
            after: None,
            lines: Vec::new(),
            latest: Value::Null,
            noted: false,
        }
    }

    /// How it ended, in words; a bad end is a trouble.
    async fn until_it_ends(&mut self) -> Result<String, Trouble> {
        let (mut trust, mut looks_left) = (Patience::default(), LOOKS_AFTER_THE_END);
        loop {
            let after = self.after.as_ref().map(|after| format!("?after={}", encoded(after)));
            let path = format!("{}{}", self.path, after.unwrap_or_default());
            let looked = self.session.client.ask(Method::GET, &path, None).await;
            let looked = match looked {
                Err(Trouble::Refused(problem)) if self.may_come_yet(&problem.r#type) => Ok(None),
                looked => trust.with(looked),
            };
            let Some(answer) = looked? else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            let task: Task = self.session.client.read(&answer)?;
            let has_ended = task.outcome != "under_way";
            let is_more = !task.log.is_at_end && (has_ended || task.log.lines.len() > MANY_LINES);
            self.take(&task, answer)?;
            if is_more {
                continue;
            }
            if has_ended && looks_left == 0 {
                return self.judge(&task);
            }
            looks_left -= u32::from(has_ended);
            tokio::time::sleep(POLL).await;
        }
    }

    /// What ECS has just begun it may not show at once.
    fn may_come_yet(&self, problem: &str) -> bool {
        problem == "/problems/no-such-task" && self.latest.is_null() && self.since.elapsed() < UNSEEN_FOR
    }

    /// Shows what is new.
    fn take(&mut self, task: &Task, mut answer: Value) -> Result<(), Trouble> {
        if task.state != self.state {
            self.state.clone_from(&task.state);
            self.session.page.say(output::task_state(task));
        }
        if let Some(note) = task.log.note.as_ref().filter(|_| !self.noted) {
            self.session.page.say(format!("no log is shown: {note}"));
            self.noted = true;
        }
        for line in &task.log.lines {
            if self.session.format == Format::Table {
                output::put(&line.text)?;
            }
        }
        self.after = task.log.next.clone().or(self.after.take());
        self.lines.extend(answer["log"]["lines"].as_array_mut().map(std::mem::take).unwrap_or_default());
        self.latest = answer;
        Ok(())
    }

    fn judge(&self, task: &Task) -> Result<String, Trouble> {
        let said = task.diagnosis.as_ref().map(|it| it.sentence.clone()).filter(|it| !it.is_empty());
        match task.outcome.as_str() {
            "succeeded" => {
                let seconds = self.since.elapsed().as_secs();
                Ok(format!("{}: the task {} ended well after {seconds} s", self.name, self.id))
            }
            _ => {
                let ended =
                    || task.stopped_reason.clone().unwrap_or_else(|| "ECS does not say why".to_owned());
                Err(Trouble::TaskFailed(said.unwrap_or_else(ended)))
            }
        }
    }

    fn not_in_time(&self, patience: Duration) -> Trouble {
        let (id, state) = (self.id.to_owned(), self.state.clone());
        Trouble::TaskNotInTime { seconds: patience.as_secs(), id, state, advice: self.advice() }
    }

    fn advice(&self) -> String {
        let Following { key, id, name, .. } = self;
        format!(
            "the same command with --key {key} follows it again, and `aws ecs stop-task --cluster {} --task {id}` ends it",
            name.cluster
        )
    }

    /// The latest answer, with every line.
    fn document(&self) -> Value {
        let mut document = self.latest.clone();
        document["log"]["lines"] = self.lines.clone().into();
        document
    }
}

/// The hasher's keys are random in each process.
fn random_key() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_are_what_the_api_takes() {
        let (one, other) = (random_key(), random_key());
        assert_ne!(one, other);
        assert!(one.len() == 32 && one.bytes().all(|it| it.is_ascii_hexdigit()));
    }
}
