//! Where a task's last lines are, and what of them may be shown.

use serde_json::{Map, Value};
use thiserror::Error;

/// How many lines are asked for.
pub const LINES: usize = 20;
const LINE_CHARACTERS: usize = 300;
/// Where all lines of a log are shown, and not the last of them.
const LONGEST_SHOWN_CHARACTERS: usize = 16_384;
const ALL_CHARACTERS: usize = 3_000;
/// A shorter value is hidden only where it stands alone: without that, a `1` would take every digit with it.
const ANYWHERE_FROM_CHARACTERS: usize = 4;

/// One container's stream in CloudWatch Logs, as the `awslogs` driver names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    pub region: String,
    pub group: String,
    pub stream: String,
}

/// Why there is nowhere to read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoLog {
    #[error("the container {0} writes no log that could be read: its log driver is not awslogs")]
    OtherDriver(String),
    #[error(
        "the log of the container {0} cannot be found: awslogs-group or awslogs-stream-prefix is missing"
    )]
    NoStream(String),
}

impl LogStream {
    /// From the log options of a container definition.
    pub fn of(document: &Map<String, Value>, container: &str, task_id: &str) -> Result<LogStream, NoLog> {
        let definition =
            containers(document).find(|it| it.get("name").and_then(Value::as_str) == Some(container));
        let log = definition.and_then(|it| it.get("logConfiguration"));
        if log.and_then(|it| it.get("logDriver")).and_then(Value::as_str) != Some("awslogs") {
            return Err(NoLog::OtherDriver(container.to_owned()));
        }
        let option = |name: &str| {
            let value = log?.get("options")?.get(name)?.as_str()?;
            Some(value.to_owned()).filter(|value| !value.is_empty())
        };
        match (option("awslogs-group"), option("awslogs-stream-prefix")) {
            (Some(group), Some(prefix)) => Ok(LogStream {
                region: option("awslogs-region").unwrap_or_default(),
                group,
                stream: format!("{prefix}/{container}/{task_id}"),
            }),
            _ => Err(NoLog::NoStream(container.to_owned())),
        }
    }
}

fn containers(document: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    document.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten()
}

/// Environment values of a task definition, which are not to be shown wherever they turn up.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<(String, String)>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Secrets").field(&self.0.len()).finish()
    }
}

impl Secrets {
    pub fn of(document: &Map<String, Value>) -> Secrets {
        let variables =
            containers(document).filter_map(|it| it.get("environment").and_then(Value::as_array)).flatten();
        let mut pairs: Vec<_> = variables
            .filter_map(|it| Some((it.get("value")?.as_str()?.trim(), it.get("name")?.as_str()?)))
            .filter(|(value, _)| !value.is_empty())
            .map(|(value, name)| (value.to_owned(), name.to_owned()))
            .collect();
        // The longest first, so that a value which is part of another does not leave the rest of it.
        pairs.sort_by(|one, other| other.0.chars().count().cmp(&one.0.chars().count()).then(one.cmp(other)));
        Secrets(pairs)
    }

    /// The text with the name of the variable where its value stood. What is put in is not looked at again.
    pub fn hide(&self, text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let before = shown.chars().last();
            match self.0.iter().find(|(value, _)| stands(before, rest, value)) {
                Some((value, name)) => {
                    shown.push('<');
                    shown.push_str(name);
                    shown.push('>');
                    rest = &rest[value.len()..];
                }
                None => {
                    shown.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        shown
    }
}

fn stands(before: Option<char>, rest: &str, value: &str) -> bool {
    let Some(after) = rest.strip_prefix(value) else { return false };
    let is_word = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
    value.chars().count() >= ANYWHERE_FROM_CHARACTERS || !(is_word(before) || is_word(after.chars().next()))
}

/// A line of a log as it may be shown, however long the log is.
pub fn shown(line: &str, secrets: &Secrets) -> String {
    shortened(secrets.hide(line).trim_end(), LONGEST_SHOWN_CHARACTERS)
}

/// The last lines, oldest first: none of them endless, and not too many in all.
pub(super) fn cut(lines: &[String], secrets: &Secrets) -> Vec<String> {
    let mut shown = Vec::new();
    let mut characters = 0;
    for line in lines.iter().rev().take(LINES) {
        let line = shortened(secrets.hide(line).trim_end(), LINE_CHARACTERS);
        characters += line.chars().count();
        if characters > ALL_CHARACTERS {
            break;
        }
        shown.push(line);
    }
    shown.reverse();
    shown
}

pub(super) fn shortened(text: &str, characters: usize) -> String {
    // Control characters would reach terminals by way of the log.
    let clean = |it: char| if it.is_control() { ' ' } else { it };
    let mut cut: String = text.chars().take(characters).map(clean).collect();
    if text.chars().nth(characters).is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}
