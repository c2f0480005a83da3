//! A line of the decision log that is about a service's count.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Count {
    pub at: Timestamp,
    /// `scaled`: the service was told another desired count. `overridden`: a person said how many there are to be.
    pub decision: String,
    pub from: Option<u32>,
    pub to: Option<u32>,
    pub reason: String,
    /// What made Pushboat look: a sweep, an alarm, a person's request.
    pub cause: String,
}

impl Count {
    /// `None`: the line is not of this kind.
    pub fn read(at: Timestamp, line: &Value) -> Option<Count> {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let count = |name: &str| line.get(name)?.as_u64().and_then(|count| u32::try_from(count).ok());
        let decision = text("decision").filter(|it| ["scaled", "overridden"].contains(it))?;
        Some(Count {
            at,
            decision: decision.to_owned(),
            from: count("former_count"),
            to: count("desired_count"),
            reason: text("reason")?.to_owned(),
            cause: text("hint")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::decision::{Action, Decision};

    #[test]
    fn what_a_decision_says_of_a_count_is_read_back() {
        let at = Timestamp::from_second(1_790_000_000).unwrap();
        let mut decision = Decision::new(Action::Scaled, "sweep", "from 2 to 4: more load");
        (decision.former_count, decision.desired_count) = (Some(2), Some(4));
        let read = Count::read(at, &json!(decision)).unwrap();
        assert_eq!((read.from, read.to, read.cause.as_str()), (Some(2), Some(4), "sweep"));
        assert_eq!(
            (read.at, read.decision.as_str(), read.reason.as_str()),
            (at, "scaled", "from 2 to 4: more load")
        );
        let said = Decision::new(Action::Overridden, "request of ann", "at least 4");
        assert_eq!(Count::read(at, &json!(said)).unwrap().to, None);
        for other in
            [json!(Decision::new(Action::Kept, "sweep", "x")), json!({"decision": "scaled"}), json!(null)]
        {
            assert_eq!(Count::read(at, &other), None, "{other}");
        }
    }
}
