//! What goes on in a service at this moment: where its tasks are, how far its deployment is, what was decided last.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::history::LastDecision;
use crate::model::Progress;
use crate::native;

/// Each with the reason where it could not be had.
#[derive(Debug)]
pub struct Live {
    pub zones: Result<Zones, String>,
    /// Of the deployment of a native strategy.
    pub progress: Result<Option<Progress>, String>,
    pub last_decisions: Result<Vec<LastDecision>, String>,
}

impl Default for Live {
    fn default() -> Live {
        Live { zones: Ok(Zones::default()), progress: Ok(None), last_decisions: Ok(Vec::new()) }
    }
}

/// The tasks that are to run, by availability zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zones(BTreeMap<String, (u32, u32)>);

impl Zones {
    /// A task that does not run yet is pending.
    pub fn count(&mut self, zone: &str, runs: bool) {
        let (running, pending) = self.0.entry(zone.to_owned()).or_default();
        *if runs { running } else { pending } += 1;
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ZoneView {
    pub zone: String,
    pub running: u32,
    pub pending: u32,
}

/// As they are shown; what could not be had is `trouble`.
pub(super) struct Shown {
    pub(super) zones: Vec<ZoneView>,
    pub(super) stage: Option<String>,
    pub(super) last_decisions: Vec<LastDecision>,
}

pub(super) fn shown(live: Live, trouble: &mut Vec<String>) -> Shown {
    let zones = or_trouble(live.zones, trouble).0.into_iter();
    let zones = zones.map(|(zone, (running, pending))| ZoneView { zone, running, pending }).collect();
    let stage = or_trouble(live.progress, trouble).as_ref().map(native::words);
    Shown { zones, stage, last_decisions: or_trouble(live.last_decisions, trouble) }
}

fn or_trouble<T: Default>(had: Result<T, String>, trouble: &mut Vec<String>) -> T {
    had.unwrap_or_else(|why| {
        trouble.push(why);
        T::default()
    })
}
