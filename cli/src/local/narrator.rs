//! What a person is told while things happen: decisions as they fall, and why tasks ended.

use pushboat_local::bus::Seen;
use pushboat_local::lambda::LogLine;
use serde_json::Value;
use tokio::sync::broadcast::{self, error::RecvError};

use super::Local;

/// Listens from the moment it is made.
#[derive(Debug)]
pub(crate) struct Narrator {
    lines: broadcast::Receiver<LogLine>,
    events: broadcast::Receiver<Seen>,
    said: String,
}

impl Narrator {
    pub(crate) fn new(local: &Local) -> Narrator {
        let place = &local.place;
        Narrator {
            lines: place.lambda().subscribe_log(),
            events: place.bus().subscribe(),
            said: String::new(),
        }
    }

    /// The next thing worth telling; `None` when the place is gone.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            let told = tokio::select! {
                line = self.lines.recv() => match line {
                    Ok(line) => of_line(&line),
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => return None,
                },
                seen = self.events.recv() => match seen {
                    Ok(seen) => of_event(&seen.event),
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => return None,
                },
            };
            if let Some(told) = told.filter(|told| *told != self.said) {
                self.said.clone_from(&told);
                return Some(told);
            }
        }
    }

    /// Everything that has come up since the last time.
    pub(crate) fn so_far(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Ok(line) = self.lines.try_recv() {
            told.extend(of_line(&line));
        }
        while let Ok(seen) = self.events.try_recv() {
            told.extend(of_event(&seen.event));
        }
        told
    }
}

fn of_line(line: &LogLine) -> Option<String> {
    decision(&line.line).map(|decision| format!("  {:<12} {decision}", line.function))
}

/// A line of the decision log in a person's words; `None` if it is another line.
fn decision(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    let service = text("service").map(|service| format!(" {service}")).unwrap_or_default();
    let revision = text("revision").map(|revision| format!(" as {revision}")).unwrap_or_default();
    let reason = shortened(text("reason")?);
    Some(format!("{}{service}{revision}: {reason} (on {})", text("decision")?, text("hint")?))
}

/// A task that ended without being told to, with ECS's reason and what the container left.
fn of_event(event: &Value) -> Option<String> {
    let detail = event.get("detail")?;
    let text = |key: &str| detail.get(key).and_then(Value::as_str);
    let by_itself = matches!(text("stopCode"), Some("TaskFailedToStart" | "EssentialContainerExited"));
    if !by_itself || text("lastStatus") != Some("STOPPED") {
        return None;
    }
    let code = detail["containers"][0]["exitCode"].as_i64();
    let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
    Some(format!("  {:<12} stopped{code}: {}", "task", shortened(text("stoppedReason")?)))
}

/// Digests with twelve of their digits: enough to tell them apart.
fn shortened(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        short.push_str("sha256:");
        short.push_str(&part[..digits.min(12)]);
        short.push_str(&part[digits..]);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_decision_is_told_in_a_persons_words() {
        let digest = "ab".repeat(32);
        let line = json!({
            "decision": "released", "service": "c/s", "reason": format!("the service ran r@sha256:{digest}"),
            "hint": "sweep", "revision": "s:2",
        });
        let told = "released c/s as s:2: the service ran r@sha256:abababababab (on sweep)";
        assert_eq!(decision(&line.to_string()).as_deref(), Some(told));
        assert_eq!(decision("Error: something else"), None);
        assert_eq!(decision(r#"{"level":"INFO"}"#), None);
    }

    #[test]
    fn only_a_task_that_ended_by_itself_is_told() {
        let event = |code: &str, status: &str| {
            json!({ "detail": { "stopCode": code, "lastStatus": status, "stoppedReason": "no shell here",
                                "containers": [{ "exitCode": 2 }] } })
        };
        let told = of_event(&event("EssentialContainerExited", "STOPPED")).unwrap();
        assert_eq!(told.trim(), "task         stopped with exit code 2: no shell here");
        assert_eq!(of_event(&event("ServiceSchedulerInitiated", "STOPPED")), None);
        assert_eq!(of_event(&event("TaskFailedToStart", "DEPROVISIONING")), None);
        assert_eq!(of_event(&json!({})), None);
    }
}
