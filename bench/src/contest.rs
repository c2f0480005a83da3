//! Everybody on every trace, and what that costs beside the optimum.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use pushboat::forecast::Style;

use crate::optimum;
use crate::ours::{Fast, Ours};
use crate::peers::{First, Hpa, Kpa, Metric, Predictive, Source, Steps, Taste, Tracking};
use crate::service::{Scaler, Score, Setting, run};
use crate::trace::{Load, Trace};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Player {
    Ours(Style, Fast),
    First(Taste, bool),
    Tracking(Metric, f64),
    Predictive(f64),
    Steps(f64),
    Hpa(Source, f64),
    Kpa(f64),
}

pub const PLAYERS: [(&str, Player); 20] = [
    ("**lean**", Player::Ours(Style::Lean, Fast::Nothing)),
    ("**balanced**", Player::Ours(Style::Balanced, Fast::Nothing)),
    ("**safe**", Player::Ours(Style::Safe, Fast::Nothing)),
    ("**lean, with requests each 15 s**", Player::Ours(Style::Lean, Fast::Requests)),
    ("**balanced, with requests each 15 s**", Player::Ours(Style::Balanced, Fast::Requests)),
    ("**lean, on CPU each 15 s**", Player::Ours(Style::Lean, Fast::Cpu)),
    ("first policy, lean", Player::First(Taste::LEAN, false)),
    ("first policy, safe", Player::First(Taste::SAFE, false)),
    ("first policy, lean, with requests each 15 s", Player::First(Taste::LEAN, true)),
    ("target tracking on requests 50 %", Player::Tracking(Metric::Requests, 0.5)),
    ("target tracking on requests 60 %", Player::Tracking(Metric::Requests, 0.6)),
    ("target tracking on CPU 60 %", Player::Tracking(Metric::Cpu, 0.6)),
    ("target tracking on CPU 60 %, high resolution", Player::Tracking(Metric::CpuHighResolution, 0.6)),
    ("target tracking 60 % and predictive", Player::Predictive(0.6)),
    ("step scaling at 60 %", Player::Steps(0.6)),
    ("HPA/KEDA rule on CloudWatch minutes 60 %", Player::Hpa(Source::CloudWatchMinutes, 0.6)),
    ("HPA 60 %, each 15 s", Player::Hpa(Source::Utilisation, 0.6)),
    ("KEDA 60 %, each 15 s", Player::Hpa(Source::Requests, 0.6)),
    ("KPA 60 %, each 15 s", Player::Kpa(0.6)),
    ("KPA 70 %, each 15 s", Player::Kpa(0.7)),
];

impl Player {
    pub fn scaler(self, setting: &Setting) -> Box<dyn Scaler> {
        match self {
            Player::Ours(style, fast) => Box::new(Ours::new(style, setting, fast)),
            Player::First(taste, is_fast) => Box::new(First::new(taste, setting, is_fast)),
            Player::Tracking(metric, target) => Box::new(Tracking::new(metric, target)),
            Player::Predictive(target) => Box::new(Predictive::new(Metric::Requests, target)),
            Player::Steps(target) => Box::new(Steps::new(target)),
            Player::Hpa(source, target) => Box::new(Hpa::new(source, target)),
            Player::Kpa(target) => Box::new(Kpa::new(target)),
        }
    }

    pub fn play(self, load: &Load, setting: &Setting) -> Score {
        run(load, setting, self.scaler(setting).as_mut(), |_, _| {})
    }
}

/// One trace with one setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    pub mean_tasks: f64,
    pub startup_seconds: f64,
}

pub const CASES: [Case; 6] = [
    Case { mean_tasks: 10.0, startup_seconds: 60.0 },
    Case { mean_tasks: 10.0, startup_seconds: 120.0 },
    Case { mean_tasks: 3.0, startup_seconds: 60.0 },
    Case { mean_tasks: 3.0, startup_seconds: 120.0 },
    Case { mean_tasks: 40.0, startup_seconds: 60.0 },
    Case { mean_tasks: 40.0, startup_seconds: 120.0 },
];

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Line {
    pub cost: f64,
    pub violations: f64,
    pub actions: f64,
}

/// What tracking with the target that costs the same does to one trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtEqualCost {
    pub target: f64,
    pub cost: f64,
    pub violations: f64,
}

/// All of one trace in one case: a line for each player, and tracking at the cost of each of the first three.
#[derive(Debug, Clone)]
pub struct Result {
    pub lines: Vec<Line>,
    pub equal: Vec<AtEqualCost>,
}

/// `results[case][trace]`.
pub fn all(traces: &[Trace], cases: &[Case], threads: usize) -> anyhow::Result<Vec<Vec<Result>>> {
    let jobs: Vec<(usize, usize)> =
        (0..cases.len()).flat_map(|case| (0..traces.len()).map(move |trace| (case, trace))).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while let Some(&(case, trace)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = one(&traces[trace], cases[case]);
                    let Ok(mut done) = done.lock() else { return };
                    done.push((case, trace, result));
                    let Case { mean_tasks, startup_seconds } = cases[case];
                    eprintln!(
                        "{:>3}/{}  mean {mean_tasks}, start-up {startup_seconds} s: {}",
                        done.len(),
                        jobs.len(),
                        traces[trace].name
                    );
                }
            });
        }
    });
    let mut done = done.into_inner().map_err(|_| anyhow::anyhow!("a thread of the bench has panicked"))?;
    done.sort_by_key(|&(case, trace, _)| (case, trace));
    let mut results = vec![Vec::new(); cases.len()];
    for (case, trace, result) in done {
        results[case].push(result.with_context(|| format!("trace {}", traces[trace].name))?);
    }
    Ok(results)
}

fn one(trace: &Trace, case: Case) -> anyhow::Result<Result> {
    let load = trace.load(Some(case.mean_tasks))?;
    let setting = Setting::new(case.startup_seconds);
    let optimum = optimum::cost(&load, &setting);
    let scores: Vec<Score> = PLAYERS.iter().map(|(_, player)| player.play(&load, &setting)).collect();
    let line = |score: &Score| Line {
        cost: score.cost / optimum,
        violations: score.violations_percent(),
        actions: score.actions_per_day(),
    };
    let equal = |score: &Score| {
        let (target, score) = tracking_at(score.cost, &load, &setting);
        AtEqualCost { target, cost: score.cost / optimum, violations: score.violations_percent() }
    };
    Ok(Result { lines: scores.iter().map(line).collect(), equal: scores[..3].iter().map(equal).collect() })
}

/// Target tracking on requests with the target, found in hindsight, that costs the most up to this.
fn tracking_at(cost: f64, load: &Load, setting: &Setting) -> (f64, Score) {
    let play = |target: f64| Player::Tracking(Metric::Requests, target).play(load, setting);
    let (mut dear, mut cheap) = (0.1, 3.0);
    for _ in 0..16 {
        let target = f64::midpoint(dear, cheap);
        if play(target).cost > cost { dear = target } else { cheap = target }
    }
    // The dearer of the two, so that it is not the peer who is short of money.
    (dear, play(dear))
}
