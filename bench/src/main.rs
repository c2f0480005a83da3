//! The command: the table, a replay, and how long a decision takes.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use pushboat::capacity::{Policy, Situation, TargetLoad, decide};
use pushboat::forecast::{History, Style};
use pushboat::model::Tags;

use pushboat_bench::ours::{Fast, Ours};
use pushboat_bench::service::{self, STEPS_PER_MINUTE, Setting};
use pushboat_bench::trace::{self, Trace};
use pushboat_bench::{contest, table};

#[derive(Debug, Parser)]
#[command(about = "How Pushboat's capacity decision does on recorded traffic")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The table: our styles, the peers and the optimum, over every CSV of a folder
    Autoscale {
        /// A folder of CSV files, `timestamp,value`
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/traces"))]
        traces: PathBuf,
        /// How many traces at once [default: as many as there are processors]
        #[arg(long)]
        threads: Option<usize>,
        /// Only the mean of 10 tasks with a start-up of 60 seconds
        #[arg(long)]
        short: bool,
    },
    /// `minute,desired` for each minute of a trace, decided from what was visible by then
    Replay {
        /// CSV, `timestamp,value`
        #[arg(long)]
        trace: PathBuf,
        /// The trace is scaled to need so many tasks in the mean; without it, its values are load in tasks
        #[arg(long)]
        mean_tasks: Option<f64>,
        #[arg(long, default_value_t = 60.0)]
        startup_seconds: f64,
        #[arg(long, default_value_t = 60.0)]
        metric_delay_seconds: f64,
        #[arg(long, value_enum, default_value_t = StyleName::Balanced)]
        style: StyleName,
    },
    /// How long one decision over 14 days of minutes takes
    Decide {
        #[arg(long, default_value_t = 201)]
        times: usize,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StyleName {
    Lean,
    Balanced,
    Safe,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Autoscale { traces, threads, short } => {
            let traces = trace::folder(&traces)?;
            let cases = table::cases(short);
            let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let results = contest::all(&traces, cases, threads.unwrap_or(processors))?;
            print(&table::write(&traces, cases, &results))
        }
        Command::Replay { trace, mean_tasks, startup_seconds, metric_delay_seconds, style } => {
            let trace = Trace::read(&trace)?;
            let setting = Setting { metric_delay_seconds, ..Setting::new(startup_seconds) };
            print(&replay(&trace, mean_tasks, &setting, style.style())?)
        }
        Command::Decide { times } => print(&format!("{}\n", timed(times.max(1)))),
    }
}

/// Somebody may stop reading.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("writing to the standard output"),
    }
}

impl StyleName {
    fn style(self) -> Style {
        match self {
            StyleName::Lean => Style::Lean,
            StyleName::Balanced => Style::Balanced,
            StyleName::Safe => Style::Safe,
        }
    }
}

/// Minutes count from the beginning of the trace. What is decided at the beginning of a minute stands in its line.
fn replay(trace: &Trace, mean_tasks: Option<f64>, setting: &Setting, style: Style) -> anyhow::Result<String> {
    let load = trace.load(mean_tasks)?;
    let mut scaler = Ours::new(style, setting, Fast::Nothing);
    let mut lines = String::from("minute,desired\n");
    service::run(&load, setting, &mut scaler, |step, desired| {
        if step.is_multiple_of(STEPS_PER_MINUTE) {
            lines.push_str(&format!("{},{desired}\n", step / STEPS_PER_MINUTE));
        }
    });
    Ok(lines)
}

/// From nothing but the history, as a function that was just started.
fn timed(times: usize) -> String {
    const MINUTES: usize = 14 * 1440;
    let loads: Vec<f32> = (0..MINUTES)
        .map(|minute| {
            let day = (minute % 1440) as f32 / 1440.0 * std::f32::consts::TAU;
            10.0 + 6.0 * day.sin() + (minute * 7919 % 101) as f32 / 50.0
        })
        .collect();
    let tags = Tags::from([
        ("pushboat:capacity".to_owned(), "1-100".to_owned()),
        ("pushboat:load".to_owned(), "requests/600".to_owned()),
    ]);
    let Ok(Some(policy)) = Policy::of(&tags) else { return "the policy cannot be read".into() };
    // The last minute of a day has the longest way back.
    let first_minute = 29_000_160;
    let now = Timestamp::from_second((first_minute + MINUTES as i64 + 1) * 60).unwrap_or_default();
    let minutes = History { first_minute, loads: &loads };
    let load = TargetLoad { target: policy.targets[0], minutes, fast: &[] };
    let situation = Situation {
        now,
        policy: &policy,
        tags: &tags,
        desired: 10,
        is_deploying: false,
        zones: 1,
        startup: Some(SignedDuration::from_secs(60)),
        loads: &[load],
    };
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        std::hint::black_box(decide(&situation));
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    let decided = decide(&situation);
    format!(
        "a decision over 14 days of minutes: median {:.2} ms, slowest of {times} {:.2} ms\n{}: {}",
        took[times / 2],
        took[times - 1],
        decided.desired,
        decided.reason
    )
}
