//! The least that a trace can cost without a violation, for somebody who knows it beforehand.

use crate::service::{
    DRAIN_SECONDS, FULL, MAX_TASKS, STEP_SECONDS, STEPS_PER_MINUTE, Setting, UNSCORED_MINUTES,
};
use crate::trace::Load;

/// Level by level: the task is on whenever the load needs it; a gap shorter than start-up and drain is bridged, and each
/// start pays for both. In task-minutes.
pub fn cost(load: &Load, setting: &Setting) -> f64 {
    let start_cost = (setting.startup_seconds + DRAIN_SECONDS) / 60.0;
    let step_cost = STEP_SECONDS / 60.0;
    let scored = &load.steps[UNSCORED_MINUTES.min(load.minutes()) * STEPS_PER_MINUTE..];
    let mut cost = 0.0;
    // When a level went off. What the service has at the beginning is there.
    let mut off_since = vec![None::<usize>; MAX_TASKS as usize];
    let mut on = needed(scored.first().copied().unwrap_or(0.0));
    for (at, &arriving) in scored.iter().enumerate() {
        let need = needed(arriving);
        for level in on..need {
            let gap_cost = off_since[level].map_or(f64::INFINITY, |off| (at - off) as f64 * step_cost);
            cost += gap_cost.min(start_cost);
        }
        for off in &mut off_since[need.min(on)..on] {
            *off = Some(at);
        }
        on = need;
        cost += on as f64 * step_cost;
    }
    cost
}

fn needed(load: f64) -> usize {
    // A load that just fits does fit.
    ((load / FULL - 1e-9).ceil() as usize).clamp(1, MAX_TASKS as usize)
}
