//! What was decided of a service by the latest look at it, from the lines of the decision log.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::model::ServiceName;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LastDecision {
    pub at: Timestamp,
    pub decision: String,
    pub reason: String,
    /// What made Pushboat look: a sweep, a push, a person's request.
    pub cause: String,
}

/// The lines about this service of the invocation that wrote one of them last, in their order.
pub fn last_decisions(lines: &[(Timestamp, Value)], service: &ServiceName) -> Vec<LastDecision> {
    let text = |line: &Value, name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
    let name = service.to_string();
    let own = || lines.iter().filter(|(_, line)| text(line, "service").as_ref() == Some(&name));
    let Some((_, newest)) = own().max_by_key(|(at, _)| *at) else { return Vec::new() };
    let invocation = text(newest, "request_id");
    let read = |(at, line): &(Timestamp, Value)| {
        let decision = LastDecision {
            at: *at,
            decision: text(line, "decision")?,
            reason: text(line, "reason")?,
            cause: text(line, "hint")?,
        };
        Some(decision)
    };
    own().filter(|(_, line)| text(line, "request_id") == invocation).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_latest_look_counts_with_all_of_its_lines() {
        let at = |second: i64| Timestamp::from_second(1_790_000_000 + second).unwrap();
        let line = |second, id: &str, service: &str, reason: &str| {
            let line = json!({
                "request_id": id, "service": service, "decision": "kept", "reason": reason, "hint": "sweep",
            });
            (at(second), line)
        };
        let lines = [
            line(5, "new", "prod/web", "it runs"),
            line(1, "old", "prod/web", "older"),
            line(6, "new", "prod/web", "2 stays"),
            line(7, "new", "prod/other", "another's"),
            (at(9), json!({"request_id": "new", "status": 200})),
        ];
        let name = |service: &str| ServiceName { cluster: "prod".into(), service: service.into() };
        let last = last_decisions(&lines, &name("web"));
        let reasons: Vec<_> = last.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(reasons, ["it runs", "2 stays"]);
        assert_eq!((last[0].at, last[0].cause.as_str()), (at(5), "sweep"));
        assert_eq!(last_decisions(&lines, &name("gone")), []);
    }
}
