//! What was given up on, and what rings.

use crate::checklist::{Finding, Known, NotKnown};

#[derive(Debug, Clone)]
pub struct Queue {
    pub logical_id: String,
    pub url: String,
    /// `None` when there is no such queue.
    pub messages: Known<Option<u64>>,
}

#[derive(Debug, Clone)]
pub struct Alarm {
    pub name: String,
    /// `None` when there is no such alarm.
    pub seen: Known<Option<Seen>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub state: String,
    pub reason: String,
    pub actions_enabled: bool,
    pub description: String,
}

pub fn messages(queue: &Queue) -> Finding {
    let subject = format!("queue {}", queue.logical_id);
    match &queue.messages {
        Err(NotKnown(why)) => Finding::unknown(subject, why),
        Ok(None) => Finding::wrong(subject, "somebody has deleted it", "deploy the stack again"),
        Ok(Some(0)) => Finding::ok(subject, "empty"),
        Ok(Some(count)) => {
            let events = if *count == 1 { "event was" } else { "events were" };
            Finding::wrong(
                subject,
                format!("{count} {events} given up; the messages say with which error"),
                format!(
                    "aws sqs receive-message --queue-url {url} --attribute-names All --message-attribute-names All; mend the \
                     cause, then aws sqs purge-queue --queue-url {url}: the sweep has done since what they asked for",
                    url = queue.url
                ),
            )
        }
    }
}

/// Load is nobody's trouble: that alarm is there to ring.
fn is_about_load(name: &str) -> bool {
    name.ends_with("/scale-out")
}

pub fn alarms(alarms: &[Alarm]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = alarms.iter().filter_map(trouble).collect();
    if findings.is_empty() && !alarms.is_empty() {
        findings.push(Finding::ok("alarms", format!("none of {} is in ALARM", alarms.len())));
    }
    findings
}

fn trouble(alarm: &Alarm) -> Option<Finding> {
    let subject = format!("alarm {}", alarm.name);
    let seen = match &alarm.seen {
        Err(NotKnown(why)) => return Some(Finding::unknown(subject, why)),
        Ok(None) => {
            return Some(Finding::wrong(subject, "somebody has deleted it", "deploy the stack again"));
        }
        Ok(Some(seen)) => seen,
    };
    if !seen.actions_enabled {
        let help = format!("aws cloudwatch enable-alarm-actions --alarm-names {}", alarm.name);
        return Some(Finding::wrong(subject, "its actions are switched off, so it tells nobody", help));
    }
    (seen.state == "ALARM" && !is_about_load(&alarm.name)).then(|| {
        let what = if seen.description.is_empty() { &seen.reason } else { &seen.description };
        Finding::wrong(subject, format!("in ALARM: {what}"), "docs/install.md, \"When something is wrong\"")
    })
}
