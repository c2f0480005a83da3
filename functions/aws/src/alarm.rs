//! What `scale` is sent: changes of alarms, from EventBridge and from CloudWatch itself.
//!
//! Alarms on one metric, on metric math, on other alarms (composite), on a query's many series (contributors) and on bands
//! (anomaly detection) all look different, and each may lack what another has. So nothing here is required but the
//! alarm's name; the rest is read where it is. What names no service leads to a look at all of them.

use std::collections::BTreeSet;

use pushboat::hint::Hint;
use pushboat::model::Subject;
use serde_json::Value;

use crate::event::{Home, Ignored};

const KINDS: [&str; 2] = ["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"];

/// What `scale` is sent, in either form.
pub fn alarmed(payload: Value, home: &Home) -> Result<Hint, Ignored> {
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (account, detail) = match payload.get("alarmData") {
        Some(data) => ("/accountId", data),
        None if text("/detail-type").is_empty() => {
            return Err(Ignored::NotAnEvent("it has neither a detail-type nor alarmData".to_owned()));
        }
        None => ("/account", &payload["detail"]),
    };
    let (source, kind) = (text("/source"), text("/detail-type"));
    if source != "aws.cloudwatch" || !(payload.get("alarmData").is_some() || KINDS.contains(&kind)) {
        return Err(Ignored::OtherKind { detail_type: kind.to_owned(), source_name: source.to_owned() });
    }
    home.is_home_of(text(account), text("/region"))?;
    changed(detail)
}

fn changed(detail: &Value) -> Result<Hint, Ignored> {
    let text = |pointer: &str| detail.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = text("/alarmName");
    if name.is_empty() {
        return Err(Ignored::NoAlarm);
    }
    // CloudWatch does not invoke what is muted or suppressed, but EventBridge hears of it all the same.
    if detail.get("muteDetail").is_some_and(|mute| !mute.is_null()) {
        return Err(Ignored::Muted(name.to_owned()));
    }
    let suppressed_by = text("/state/actionsSuppressedBy");
    if !suppressed_by.is_empty() {
        return Err(Ignored::Suppressed { alarm: name.to_owned(), by: suppressed_by.to_owned() });
    }
    let (before, after) = (text("/previousState/value"), text("/state/value"));
    // CloudWatch carries out what was suppressed when that ends, though the state has not changed since.
    let was_suppressed = !text("/previousState/actionsSuppressedBy").is_empty();
    if !after.is_empty() && before == after && !was_suppressed {
        return Err(Ignored::SameState { alarm: name.to_owned(), state: after.to_owned() });
    }
    Ok(Hint::Alarm { name: name.to_owned(), about: about(detail) })
}

/// Every service that the dimensions of its metrics name, each once.
fn about(detail: &Value) -> Vec<Subject> {
    let metrics = detail.pointer("/configuration/metrics").and_then(Value::as_array);
    let dimensions =
        metrics.into_iter().flatten().filter_map(|it| it.pointer("/metricStat/metric/dimensions"));
    let of_contributor = detail.pointer("/alarmContributor/attributes");
    let found: BTreeSet<Subject> = dimensions
        .chain(of_contributor)
        .filter_map(Value::as_object)
        .filter_map(|it| {
            Subject::of(it.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))))
        })
        .collect();
    found.into_iter().collect()
}
