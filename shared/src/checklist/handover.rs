//! The tags that hand a service over, and those whose removal takes it back. Only what Pushboat can read is ever written.

use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Finding, containers, image, text};
use crate::capacity::policy as capacity;
use crate::model::Tags;
use crate::overlap::{self, OVERLAP};
use crate::policy;
use crate::task_definition::TEMPLATE;

const OWN: &str = "pushboat:";
const REJECTED: &str = "pushboat:rejected:";
/// What AWS takes in the value of a tag.
const LONGEST_VALUE: usize = 256;
const OF_AWS: &str = "aws:";
/// Tags of one resource.
const MOST_TAGS: usize = 50;

/// What the owner typed, word by word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// `[container=]repository:rule`
    pub tracks: Vec<String>,
    pub capacity: Option<String>,
    pub load: Option<String>,
    pub style: Option<String>,
    pub schedule: Option<String>,
    pub max_severity: Option<String>,
    pub overlap: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotATag {
    #[error(transparent)]
    Policy(#[from] policy::PolicyError),
    #[error(transparent)]
    Capacity(#[from] capacity::PolicyError),
    #[error(transparent)]
    Overlap(#[from] overlap::NotAnOverlap),
    #[error("{0} is named twice")]
    Twice(String),
    #[error("AWS takes no tag {key} with the value '{value}'")]
    Value { key: String, value: String },
    #[error("with these it would have {0} tags, and AWS takes {MOST_TAGS}")]
    TooMany(usize),
}

/// Made of what was typed and of nothing else.
pub fn tags(wish: &Wish) -> Result<Tags, NotATag> {
    let mut tags = Tags::new();
    for typed in &wish.tracks {
        let (key, value) = match typed.split_once('=') {
            Some((container, value)) => (format!("{}:{container}", policy::TRACK), value),
            None => (policy::TRACK.to_owned(), typed.as_str()),
        };
        if tags.insert(key.clone(), value.to_owned()).is_some() {
            return Err(NotATag::Twice(key));
        }
    }
    for (key, value) in [
        (capacity::CAPACITY, &wish.capacity),
        (capacity::LOAD, &wish.load),
        (capacity::STYLE, &wish.style),
        (capacity::SCHEDULE, &wish.schedule),
        (policy::MAX_SEVERITY, &wish.max_severity),
        (OVERLAP, &wish.overlap),
    ] {
        tags.extend(value.clone().map(|value| (key.to_owned(), value)));
    }
    is_readable(&tags)?;
    Ok(tags)
}

/// Read as the functions will.
fn is_readable(tags: &Tags) -> Result<(), NotATag> {
    policy::tracks(tags)?;
    policy::max_severity(tags)?;
    capacity::Policy::of(tags)?;
    overlap::of(tags)?;
    let allowed = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    for (key, value) in tags {
        if key.len() > 128
            || value.chars().count() > LONGEST_VALUE
            || !value.chars().chain(key.chars()).all(allowed)
        {
            return Err(NotATag::Value { key: key.clone(), value: value.clone() });
        }
    }
    Ok(())
}

/// One tag as it is and as it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub tag: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// What would be written, if the tags that stay can still be read with it.
pub fn changes(present: &Tags, wanted: &Tags) -> Result<Vec<Change>, NotATag> {
    let mut then = present.clone();
    then.extend(wanted.clone());
    is_readable(
        &then.iter().filter(|(key, _)| key.starts_with(OWN)).map(|(k, v)| (k.clone(), v.clone())).collect(),
    )?;
    // AWS's own are beside them.
    let count = then.keys().filter(|key| !key.starts_with(OF_AWS)).count();
    if count > MOST_TAGS {
        return Err(NotATag::TooMany(count));
    }
    let changed = wanted.iter().filter(|(key, value)| present.get(*key) != Some(value));
    let change = |(key, value): (&String, &String)| Change {
        tag: key.clone(),
        from: present.get(key).cloned(),
        to: Some(value.clone()),
    };
    Ok(changed.map(change).collect())
}

/// What takes the service back: every tag of Pushboat's, but what it has learned of bad images stays unless it is asked for.
pub fn removals(present: &Tags, with_rejections: bool) -> Vec<Change> {
    let is_lesson = |key: &str| key.starts_with(REJECTED) || key == policy::PASSED_OVER;
    // That a template declares the tags stays true.
    let is_own = |key: &str| key.starts_with(OWN) && key != TEMPLATE;
    let own = present.iter().filter(|(key, _)| is_own(key) && (with_rejections || !is_lesson(key)));
    own.map(|(key, value)| Change { tag: key.clone(), from: Some(value.clone()), to: None }).collect()
}

/// A template that declares a service's tags writes its own again.
pub fn is_theirs(present: &Tags, changes: &[Change]) -> Option<Finding> {
    let stack = present.get(TEMPLATE).filter(|_| !changes.is_empty())?;
    Some(Finding::wrong(
        "whose tags",
        format!(
            "the template of the stack {stack} declares them, so its next update writes its own over these"
        ),
        format!("change the parameters of the stack {stack} instead"),
    ))
}

/// Is there a container that follows what the tags say?
pub fn check(wanted: &Tags, document: &Map<String, Value>) -> Vec<Finding> {
    let subject = "what is followed";
    let tracks = match policy::tracks(wanted) {
        Ok(tracks) => tracks,
        Err(why) => return vec![Finding::wrong(subject, why.to_string(), "mend --track")],
    };
    let comes_from = |container: &Value, repository: &str| {
        let (name, _) = image::parts(text(container, "image"));
        image::repository(name).is_some_and(|(_, it)| it == repository)
    };
    let mut findings = Vec::new();
    for track in tracks {
        let repository = &track.repository;
        let names: Vec<&str> = containers(document).iter().map(|it| text(it, "name")).collect();
        let all = names.join(", ");
        findings.push(match &track.container {
            Some(container) if names.contains(&container.as_str()) => {
                Finding::ok(subject, format!("{container} follows {repository}:{}", track.rule))
            }
            Some(container) => Finding::wrong(
                subject,
                format!("there is no container '{container}'; there are {all}"),
                "name one of them: --track <container>=<repository>:<rule>",
            ),
            None => match containers(document).iter().filter(|it| comes_from(it, repository)).count() {
                0 => Finding::wrong(
                    subject,
                    format!("no container runs an image of {repository}"),
                    format!(
                        "say which it is: --track {}={repository}:{}",
                        names.first().unwrap_or(&"…"),
                        track.rule
                    ),
                ),
                1 => Finding::ok(subject, format!("{repository}:{}", track.rule)),
                _ => Finding::wrong(
                    subject,
                    format!("several containers run images of {repository}"),
                    format!(
                        "say which it is: --track <container>={repository}:{}; there are {all}",
                        track.rule
                    ),
                ),
            },
        });
    }
    findings
}
