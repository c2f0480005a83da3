//! The seeded simulator: the real `pushboat::control` over the stand-in's `world`, in virtual time, with everything that
//! can go wrong going wrong, and one seed for all of it.
//!
//! | file | subject |
//! |---|---|
//! | `plan` | what a seed means: faults, services, who does what when |
//! | `stage` | the world, virtual time and the queue of what happens next |
//! | `instances` | functions that run between each other, crash, and are run again |
//! | `lens` | the way to the cloud: latency, lost answers, throttling, stale reads |
//! | `cloud` | `Cloud` over the world |
//! | `seen` | what reads see, now or ten seconds ago |
//! | `limits` | token buckets |
//! | `outside` | what happens to tasks |
//! | `writers` | pushes, the stack, a person with the console |
//! | `asks` | people who ask Pushboat, and the rules that this makes |
//! | `deploys` | images that people ask for by name, and plans |
//! | `load` | visitors, metrics, an alarm, others who scale, and the rules that this makes |
//! | `watch`, `acts`, `rest` | the rules, during a run, at a write, and at its end |
//! | `mutants`, `mutated` | Pushboat with one thing wrong |
//! | `shrink` | a failing plan cut down to what it takes |
//!
//! Nothing is random but by the seed, so a seed always gives the same run.

mod acts;
mod asks;
mod cloud;
mod deploys;
mod instances;
mod lens;
mod limits;
mod load;
mod mutants;
mod mutated;
mod outside;
mod plan;
mod random;
mod rest;
mod seen;
mod setup;
mod shrink;
mod stage;
mod watch;
mod writers;

use std::collections::BTreeSet;
use std::rc::Rc;

pub use mutants::{MUTANTS, Mutant};
pub use plan::{FAULTS, Fault, HOUR, Plan};
pub use shrink::{Shrunk, clock, shrink};
pub use watch::{Rule, Violation};

use instances::Instances;
use plan::MINUTE;
use stage::Happening;

const CLUSTER: &str = "pushboat";
const REPOSITORY: &str = "game";
const TAG: &str = "main";
/// Of the container that is followed.
const CONTAINER: &str = "game";

fn uri() -> String {
    format!("123456789012.dkr.ecr.eu-central-1.amazonaws.com/{REPOSITORY}")
}

/// What came of one run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Each broken rule once, in the order in which they broke.
    pub violations: Vec<Violation>,
    /// Of virtual time.
    pub millis: i64,
    /// The most instances that ran at one time.
    pub most_instances: usize,
    pub revisions: usize,
    pub rollouts: usize,
    /// When and what, if it was asked for.
    pub trace: Vec<(i64, String)>,
}

impl Report {
    pub fn breaks(&self, rule: Rule) -> bool {
        self.violations.iter().any(|it| it.rule == rule)
    }
}

/// Runs a plan to its end.
pub fn run(plan: &Plan, mutant: Option<Mutant>, tells: bool) -> Report {
    let stage = instances::shared(setup::stage(Rc::new(plan.clone()), mutant, tells));
    let mut instances = Instances::default();
    loop {
        let Some(happening) = stage.borrow_mut().next() else { break };
        match happening {
            Happening::Invoke(call) => instances.invoke(&stage, call),
            Happening::Wake(id) => instances.wake(&stage, id),
            Happening::Measure => stage.borrow_mut().measure(),
            Happening::Task(event) => stage.borrow_mut().task_happens(event),
            Happening::Step(at) => {
                let act = stage.borrow().plan.steps[at].act;
                writers::take(&stage, &mut instances, act);
            }
            Happening::Tick => {
                let mut on = stage.borrow_mut();
                let (next, is_lost) = (on.now + MINUTE, on.suffers(Fault::Lost) && on.random.permille(300));
                on.at(next, Happening::Tick);
                drop(on);
                if !is_lost {
                    let call = stage::Call { hint: pushboat::hint::Hint::Everything, says: None, attempt: 1 };
                    instances.invoke(&stage, call);
                }
            }
        }
    }
    let mut on = stage.borrow_mut();
    on.check_rest();
    Report {
        violations: std::mem::take(&mut on.watch.violations),
        millis: on.now,
        most_instances: instances.most,
        revisions: on.world.ecs.task_definitions.len(),
        rollouts: on.world.ecs.service_deployments.len(),
        trace: without_idle(std::mem::take(&mut on.trace)),
    }
}

/// Without instances that only came and went.
fn without_idle(trace: Vec<(i64, String)>) -> Vec<(i64, String)> {
    let number = |words: &str| words.trim_start().strip_prefix('#')?.split(' ').next()?.parse::<u32>().ok();
    let begins = |words: &str| words.contains(" begins, attempt ");
    let busy: BTreeSet<u32> =
        trace.iter().filter(|it| !begins(&it.1)).filter_map(|it| number(&it.1)).collect();
    let is_idle = |words: &str| begins(words) && number(words).is_some_and(|it| !busy.contains(&it));
    trace.into_iter().filter(|it| !is_idle(&it.1)).collect()
}

#[cfg(test)]
mod tests;
