//! Which count costs least: tasks by the minute, against load that would be served badly.

use super::Style;

/// The errors of so many minutes say how likely each load is.
const ERRORS: usize = 1440;
/// Only the larger ones matter, by this share of all.
const LARGER: usize = 3;

impl Style {
    /// Minutes of a task that it is worth to have a task's load served well for a minute.
    fn worth(self) -> f64 {
        match self {
            Style::Lean => 15.0,
            Style::Balanced => 30.0,
            Style::Safe => 60.0,
        }
    }
}

/// The cheapest count, where all load of a minute counts as served badly in which there is more than tasks can carry.
pub(super) fn count(expected: f64, spread: f64, errors: &[f32], style: Style) -> u32 {
    let mut recent = errors[errors.len().saturating_sub(ERRORS)..].to_vec();
    let share = style.worth() / recent.len().max(1) as f64;
    let larger = (recent.len() / LARGER).min(recent.len().saturating_sub(1));
    if larger > 0 {
        recent.select_nth_unstable_by(larger, |a, b| b.total_cmp(a));
        recent.truncate(larger + 1);
    }
    recent.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut best, mut least, mut badly) = (f64::INFINITY, f64::INFINITY, 0.0);
    for error in recent {
        let load = (expected + f64::from(error) * spread).max(0.0);
        let count = load.ceil().max(1.0);
        let cost = count + share * badly;
        if cost < least {
            (best, least) = (count, cost);
        }
        badly += load;
    }
    // Saturates: the bounds are the caller's.
    if best.is_finite() { best as u32 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certainty_is_bought_where_it_is_cheap() {
        let even: Vec<f32> = (0..1000).map(|n| n as f32 / 500.0 - 1.0).collect();
        let lean = |spread| count(10.0, spread, &even, Style::Lean);
        assert_eq!(lean(0.0), 10, "nothing is uncertain");
        assert_eq!(lean(0.9), 11, "one more task for all of it");
        let mut burst = vec![0.0_f32; 999];
        burst.push(100.0);
        assert_eq!(count(10.0, 1.0, &burst, Style::Safe), 10, "a hundred tasks for a minute in a thousand");
        assert!(count(10.0, 4.0, &even, Style::Safe) >= count(10.0, 4.0, &even, Style::Lean));
    }

    #[test]
    fn it_is_always_a_count() {
        assert_eq!(count(0.0, 1.0, &[], Style::Lean), 1);
        assert_eq!(count(3.2, 1.0, &[0.0], Style::Lean), 4);
        assert_eq!(count(0.0, 1.0, &[-5.0, -4.0], Style::Lean), 1);
    }
}
