//! Where containers write: without its log group a task does not start.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Finding, Known, NotKnown, containers, text};

/// A group that the `awslogs` driver of some containers names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    pub name: String,
    /// `None`: the task's own.
    pub region: Option<String>,
    /// The driver makes it where it is not there, if it may.
    pub is_created: bool,
}

pub fn named(document: &Map<String, Value>) -> Vec<LogGroup> {
    let mut groups = BTreeMap::<(String, Option<String>), bool>::new();
    for container in containers(document) {
        let log = &container["logConfiguration"];
        let options = &log["options"];
        let name = text(options, "awslogs-group");
        if text(log, "logDriver") != "awslogs" || name.is_empty() {
            continue;
        }
        let region = options["awslogs-region"].as_str().map(str::to_owned);
        *groups.entry((name.to_owned(), region)).or_default() |=
            text(options, "awslogs-create-group") == "true";
    }
    groups.into_iter().map(|((name, region), is_created)| LogGroup { name, region, is_created }).collect()
}

pub fn check(group: &LogGroup, is_there: &Known<bool>) -> Finding {
    let subject = "log group";
    let name = &group.name;
    match (is_there, group.is_created) {
        (Ok(true), _) => Finding::ok(subject, format!("{name} is there")),
        (Ok(false), true) => {
            Finding::ok(subject, format!("{name} is made by the first task (awslogs-create-group)"))
        }
        (Ok(false), false) => Finding::wrong(
            subject,
            format!("there is no {name}, and a task that cannot log does not start"),
            format!("aws logs create-log-group --log-group-name {name}"),
        ),
        (Err(NotKnown(why)), _) => Finding::unknown(subject, format!("{name}: {why}")),
    }
}
