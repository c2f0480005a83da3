//! What a seed means: which faults there are, what the services look like, and who does what when. A plan is data, so
//! that a failing one can be cut down: without a class of faults, without a step.

use std::fmt;

use pushboat::capacity::temporary::Which;

use super::asks::Ask;
use super::random::Random;

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
/// Until here everything works: the first roll-out completes.
pub(super) const CALM_BEFORE: i64 = 10 * MINUTE;

/// What may go wrong. A seed has some of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Events and ticks that never arrive.
    Lost,
    /// Events that arrive up to four times, so that two to eight instances of the function overlap.
    Doubled,
    /// Events that arrive up to six hours later, and so in another order.
    Late,
    /// Instances that die between two calls, and are run again after one and two minutes.
    Crashes,
    /// Calls without an answer, carried out or not.
    Unanswered,
    /// Calls that take up to 20 seconds.
    Slow,
    /// Reads of what was true up to ten seconds ago, each by itself.
    Stale,
    /// A neighbour in the account who empties the token buckets.
    Throttled,
    /// Images that exit at start, fail their health checks, or cannot be pulled.
    BadImages,
    /// Tasks that take up to three minutes to start.
    SlowTasks,
    /// Healthy tasks that die.
    DyingTasks,
    /// Stack updates: the template registers revisions, good and bad, and the stack updates the service.
    Stack,
    /// A person with the console.
    Person,
    /// People who ask Pushboat itself.
    Asks,
    /// Services whose count Pushboat decides, under a load that changes.
    Load,
    /// Metrics that come up to five minutes late, or never.
    LateMetrics,
    /// An alarm that asks for more tasks while it lasts.
    Alarms,
    /// Others with a word on the count: Application Auto Scaling, and people for a time.
    Scalers,
    /// People who ask Pushboat for an image by its name, and who see the plan before they ask.
    Deploys,
}

pub const FAULTS: [Fault; 19] = [
    Fault::Lost,
    Fault::Doubled,
    Fault::Late,
    Fault::Crashes,
    Fault::Unanswered,
    Fault::Slow,
    Fault::Stale,
    Fault::Throttled,
    Fault::BadImages,
    Fault::SlowTasks,
    Fault::DyingTasks,
    Fault::Stack,
    Fault::Person,
    Fault::Asks,
    Fault::Load,
    Fault::LateMetrics,
    Fault::Alarms,
    Fault::Scalers,
    Fault::Deploys,
];

/// Those from here on have chances of their own, so that a seed without them is the run that it always was.
const OF_LOAD: usize = 14;
/// And these theirs.
const OF_DEPLOYS: usize = 18;

/// What the owner of each service has said of its count.
pub(super) const LEAST: u32 = 1;
pub(super) const MOST: u32 = 6;
pub(super) const PER_TASK: u32 = 600;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Lost => "lost",
            Fault::Doubled => "doubled",
            Fault::Late => "late",
            Fault::Crashes => "crashes",
            Fault::Unanswered => "unanswered",
            Fault::Slow => "slow",
            Fault::Stale => "stale",
            Fault::Throttled => "throttled",
            Fault::BadImages => "bad-images",
            Fault::SlowTasks => "slow-tasks",
            Fault::DyingTasks => "dying-tasks",
            Fault::Stack => "stack",
            Fault::Person => "person",
            Fault::Asks => "asks",
            Fault::Load => "load",
            Fault::LateMetrics => "late-metrics",
            Fault::Alarms => "alarms",
            Fault::Scalers => "scalers",
            Fault::Deploys => "deploys",
        })
    }
}

/// What becomes of a task that runs an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Good,
    ExitsAtStart,
    FailsHealthChecks,
    CannotBePulled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// A new image under the tag that is followed.
    Push(Nature),
    /// The tag goes back to an image that was pushed before.
    Retag {
        back: u64,
    },
    /// The template's task definition changes. `is_bad`: no task of it starts, whatever the image.
    Template {
        service: usize,
        is_bad: bool,
        updates_service: bool,
    },
    /// Some property of the service changes, so the stack sends its task definition again: a bare family, or the
    /// revision that the template registered last.
    StackUpdate {
        service: usize,
        is_bare: bool,
    },
    /// A revision that nobody's provenance is on, with an image that was pushed before; or only registered.
    PersonDeploys {
        service: usize,
        back: u64,
        updates_service: bool,
    },
    PersonScales {
        service: usize,
        to: u32,
    },
    PersonForces {
        service: usize,
    },
    PersonReleases {
        service: usize,
    },
    PersonStops {
        service: usize,
    },
    Asks(Ask),
    /// So many visitors as this many tasks are to serve.
    Visitors {
        service: usize,
        tasks: u32,
    },
    Alarm {
        service: usize,
        rings: bool,
    },
    /// Application Auto Scaling takes the count and sets it; `None`: it leaves it.
    Autoscaling {
        service: usize,
        to: Option<u32>,
    },
    /// A neighbour takes every token of every bucket for so many seconds.
    Neighbour {
        seconds: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: i64,
    pub(super) act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaker {
    Off,
    LeavesInPlace,
    RollsBack,
}

#[derive(Debug, Clone)]
pub(super) struct ServiceShape {
    pub(super) name: &'static str,
    pub(super) desired: u32,
    pub(super) minimum_healthy_percent: u32,
    pub(super) breaker: Breaker,
    pub(super) grace_seconds: u32,
    /// The first definition names a tag, which ECS resolves.
    pub(super) by_tag: bool,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub faults: Vec<Fault>,
    pub(super) services: Vec<ServiceShape>,
    pub(super) steps: Vec<Step>,
    /// From here on nothing is lost, nobody writes, and what is late still arrives.
    pub(super) storm_ends: i64,
}

impl Plan {
    pub fn of_seed(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let everything = random.permille(100);
        let some = FAULTS.into_iter().take(OF_LOAD).filter(|_| random.permille(500) || everything);
        let mut faults = some.collect::<Vec<_>>();
        let breakers = [Breaker::RollsBack, Breaker::RollsBack, Breaker::RollsBack, Breaker::LeavesInPlace];
        let mut services = Vec::new();
        for name in ["web", "api"].into_iter().take(1 + usize::from(random.permille(250))) {
            services.push(ServiceShape {
                name,
                desired: u32::try_from(random.between(1, 4)).unwrap_or(1),
                minimum_healthy_percent: random.pick(&[100, 100, 50]),
                breaker: if random.permille(60) { Breaker::Off } else { random.pick(&breakers) },
                grace_seconds: random.pick(&[0, 10, 60]),
                by_tag: random.permille(300),
            });
        }
        let mut steps = Vec::new();
        let mut at = CALM_BEFORE;
        for _ in 0..random.between(1, 14) {
            at += match random.below(10) {
                0..4 => random.between(0, 5 * SECOND),
                4..8 => random.between(5 * SECOND, 4 * MINUTE),
                _ => random.between(4 * MINUTE, 30 * MINUTE),
            };
            steps.push(Step { at, act: act(&mut random, &faults, services.len()) });
        }
        let storm_ends = at + random.between(0, 10 * MINUTE);
        load(seed, storm_ends, &mut faults, &mut steps, services.len());
        deploys(seed, storm_ends, &mut faults, &mut steps, services.len());
        Plan { seed, faults, services, steps, storm_ends }
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Keeps these steps, by their numbers in the whole plan.
    pub fn keep(&mut self, steps: &[usize]) {
        let mut number = 0;
        self.steps.retain(|_| {
            number += 1;
            steps.contains(&(number - 1))
        });
    }

    pub fn steps(&self) -> usize {
        self.steps.len()
    }
}

/// Who changes the load, and who has a word on the count, beside everything else.
fn load(seed: u64, storm_ends: i64, faults: &mut Vec<Fault>, steps: &mut Vec<Step>, services: usize) {
    let mut random = Random::new(seed ^ 0xca9a_c174);
    if !random.permille(400) {
        return;
    }
    faults.push(Fault::Load);
    let of_load = FAULTS.into_iter().take(OF_DEPLOYS).skip(OF_LOAD + 1);
    faults.extend(of_load.filter(|_| random.permille(500)));
    for _ in 0..random.between(2, 12) {
        let at = random.between(CALM_BEFORE, storm_ends.max(CALM_BEFORE));
        let service = usize::try_from(random.below(services as u64)).unwrap_or(0);
        let count = u32::try_from(random.between(1, 8)).unwrap_or(1);
        let act = match random.below(10) {
            0..2 if faults.contains(&Fault::Alarms) => Act::Alarm { service, rings: random.permille(600) },
            2..4 if faults.contains(&Fault::Scalers) => {
                let minutes = random.between(1, 15);
                let which = random.pick(&[Which::Desired, Which::Desired, Which::Min, Which::Max]);
                let ask =
                    Ask::Count { service, said: random.permille(800).then_some((which, count, minutes)) };
                Act::Asks(ask)
            }
            4..6 if faults.contains(&Fault::Scalers) => {
                Act::Autoscaling { service, to: random.permille(400).then_some(count.min(MOST)) }
            }
            _ => Act::Visitors { service, tasks: count - 1 },
        };
        steps.push(Step { at, act });
    }
}

/// Who asks for an image by its name, beside everything else.
fn deploys(seed: u64, storm_ends: i64, faults: &mut Vec<Fault>, steps: &mut Vec<Step>, services: usize) {
    let mut random = Random::new(seed ^ 0xde91_0452);
    if !random.permille(400) {
        return;
    }
    faults.extend(FAULTS.into_iter().skip(OF_DEPLOYS));
    for _ in 0..random.between(1, 4) {
        let at = random.between(CALM_BEFORE, storm_ends.max(CALM_BEFORE));
        let service = usize::try_from(random.below(services as u64)).unwrap_or(0);
        steps.push(Step { at, act: Act::Asks(Ask::Deploy { service, back: random.below(5) }) });
    }
}

fn act(random: &mut Random, faults: &[Fault], services: usize) -> Act {
    let has = |fault| faults.contains(&fault);
    let service = usize::try_from(random.below(services as u64)).unwrap_or(0);
    if has(Fault::Asks) && random.permille(300) {
        return Act::Asks(ask(random, service, services));
    }
    let roll = random.below(100);
    match roll {
        0..12 if has(Fault::Stack) => {
            Act::Template { service, is_bad: random.permille(300), updates_service: random.permille(400) }
        }
        12..22 if has(Fault::Stack) => Act::StackUpdate { service, is_bare: random.permille(700) },
        22..27 if has(Fault::Person) => {
            Act::PersonDeploys { service, back: random.below(3), updates_service: random.permille(700) }
        }
        27..32 if has(Fault::Person) => {
            Act::PersonScales { service, to: u32::try_from(random.between(1, 5)).unwrap_or(1) }
        }
        32..35 if has(Fault::Person) => Act::PersonForces { service },
        35..40 if has(Fault::Person) => Act::PersonReleases { service },
        40..43 if has(Fault::Person) => Act::PersonStops { service },
        43..53 if has(Fault::Throttled) => Act::Neighbour { seconds: random.between(5, 240) },
        53..60 => Act::Retag { back: 1 + random.below(3) },
        _ => Act::Push(if has(Fault::BadImages) && random.permille(400) {
            random.pick(&[Nature::ExitsAtStart, Nature::FailsHealthChecks, Nature::CannotBePulled])
        } else {
            Nature::Good
        }),
    }
}

fn ask(random: &mut Random, service: usize, services: usize) -> Ask {
    // The cluster as one more to choose from.
    let held =
        Some(usize::try_from(random.below(services as u64 + 1)).unwrap_or(0)).filter(|it| *it < services);
    match random.below(100) {
        0..35 => Ask::Rollback { service, back: random.permille(250).then(|| random.below(4)) },
        35..60 => Ask::Hold { service: held, minutes: random.permille(700).then(|| random.between(1, 15)) },
        60..75 => Ask::Unhold { service: held },
        75..85 => Ask::LetReturn { service },
        _ => Ask::Resume { service },
    }
}
