//! A failing plan cut down: without a step, without a class of faults, with an earlier end of the storm, as long as the
//! same rule still breaks.

use super::mutants::Mutant;
use super::plan::{Fault, MINUTE, Plan};
use super::watch::Rule;
use super::{Report, run};

/// The smallest plan that was found, and its run in words.
#[derive(Debug, Clone)]
pub struct Shrunk {
    pub faults: Vec<Fault>,
    /// By their numbers in the whole plan.
    pub steps: Vec<usize>,
    pub report: Report,
}

pub fn shrink(plan: &Plan, mutant: Option<Mutant>, rule: Rule) -> Shrunk {
    let mut steps: Vec<usize> = (0..plan.steps()).collect();
    let mut faults = plan.faults.clone();
    let with = |faults: &[Fault], steps: &[usize]| {
        let mut smaller = plan.clone();
        smaller.faults = faults.to_vec();
        smaller.keep(steps);
        smaller
    };
    let breaks = |plan: &Plan| run(plan, mutant, false).breaks(rule);
    loop {
        let before = (steps.len(), faults.len());
        for number in steps.clone() {
            let fewer: Vec<usize> = steps.iter().copied().filter(|it| *it != number).collect();
            if breaks(&with(&faults, &fewer)) {
                steps = fewer;
            }
        }
        for fault in faults.clone() {
            let fewer: Vec<Fault> = faults.iter().copied().filter(|it| *it != fault).collect();
            if breaks(&with(&fewer, &steps)) {
                faults = fewer;
            }
        }
        if before == (steps.len(), faults.len()) {
            break;
        }
    }
    let report = run(&with(&faults, &steps), mutant, true);
    Shrunk { faults, steps, report }
}

/// `01:02:03.456`
pub fn clock(millis: i64) -> String {
    let (minutes, rest) = (millis / MINUTE, millis % MINUTE);
    format!("{:02}:{:02}:{:02}.{:03}", minutes / 60, minutes % 60, rest / 1_000, rest % 1_000)
}
