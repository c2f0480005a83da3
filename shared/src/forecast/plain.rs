//! The plain rule, for as long as too little is known for a forecast, and for signals within the minute: what the load
//! needs, and some more. Out at once, in only after the most of the last minutes is over.

use super::{History, Style};

const HOLD_MINUTES: usize = 15;

impl Style {
    /// What there should be for each task that is needed now.
    fn margin(self) -> f64 {
        match self {
            Style::Lean => 1.15,
            Style::Balanced => 1.3,
            Style::Safe => 1.5,
        }
    }
}

/// Tasks for the most of the last minutes, where any is known.
pub fn count(history: &History<'_>, style: Style) -> Option<u32> {
    let recent = &history.loads[history.loads.len().saturating_sub(HOLD_MINUTES)..];
    most(recent.iter().copied()).map(|load| tasks(load * style.margin()))
}

/// Tasks for the most of these points, each of less than a minute.
pub fn fast_count(points: &[f32], style: Style) -> Option<u32> {
    most(points.iter().copied()).map(|load| tasks(load * style.margin()))
}

fn most(loads: impl Iterator<Item = f32>) -> Option<f64> {
    loads.filter(|load| load.is_finite()).map(f64::from).reduce(f64::max)
}

fn tasks(load: f64) -> u32 {
    // A load that just fits does fit.
    (load - 1e-6).ceil().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(loads: &[f32]) -> Option<u32> {
        count(&History { first_minute: 0, loads }, Style::Lean)
    }

    #[test]
    fn it_is_the_ratio_and_a_margin() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[f32::NAN; 20]), None);
        assert_eq!(of(&[0.0]), Some(1));
        assert_eq!(of(&[10.0]), Some(12));
        assert_eq!(of(&[10.0, 2.0, f32::NAN]), Some(12), "in only after a while");
        let mut over = vec![10.0];
        over.extend([2.0; HOLD_MINUTES]);
        assert_eq!(of(&over), Some(3));
    }
}
