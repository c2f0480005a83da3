//! Who decides how many tasks there are, and within which bounds.

use jiff::Timestamp;
use serde::Serialize;

use super::Bounds;
use crate::capacity::Policy;
use crate::capacity::policy::CAPACITY;
use crate::capacity::temporary::Overrides;
use crate::model::Service;

/// Who decides the desired count.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capacity {
    pub decided_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    pub reason: String,
    /// What a person has said for a time, as far as it has not ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

pub(super) fn capacity(
    service: &Service,
    scalable_target: Result<Option<Bounds>, String>,
    now: Option<Timestamp>,
) -> Capacity {
    let name = &service.name;
    match scalable_target {
        Ok(Some(Bounds { min, max })) => Capacity {
            decided_by: "Application Auto Scaling",
            min: Some(min),
            max: Some(max),
            reason: format!(
                "{name} has a scalable target: Pushboat only releases images here, because two owners of one count \
                 fight"
            ),
            overrides: Vec::new(),
        },
        Ok(None) => match Policy::of(&service.tags) {
            Ok(Some(policy)) => Capacity {
                decided_by: "Pushboat",
                min: Some(policy.bounds.min.unwrap_or(service.subnets).min(policy.bounds.max)),
                max: Some(policy.bounds.max),
                reason: format!("{name} has the tag {CAPACITY}, and no scalable target"),
                overrides: now.map_or_else(Vec::new, |now| Overrides::of(&service.tags, now).in_words()),
            },
            Ok(None) => nobody(format!(
                "{name} has neither a scalable target nor the tag {CAPACITY}: its desired count stays what it was set \
                 to"
            )),
            Err(error) => nobody(error.to_string()),
        },
        Err(why) => Capacity {
            decided_by: "unknown",
            min: None,
            max: None,
            reason: format!(
                "Application Auto Scaling did not say whether {name} has a scalable target: {why}"
            ),
            overrides: Vec::new(),
        },
    }
}

fn nobody(reason: String) -> Capacity {
    Capacity { decided_by: "nobody", min: None, max: None, reason, overrides: Vec::new() }
}
