//! Runs the simulator over many seeds, and says in words what a failing one takes.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use pushboat_tests::simulate::{FAULTS, Fault, HOUR, MUTANTS, Mutant, Plan, Rule, clock, run, shrink};

#[derive(Debug, Parser)]
#[command(about = "The real control code over a simulated AWS, with everything going wrong by a seed")]
struct Args {
    /// How many seeds to run
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Break Pushboat in this way, and see that it is found
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// List the mutants
    #[arg(long)]
    mutants: bool,
    /// Show the whole run of --seed in words
    #[arg(long)]
    trace: bool,
    /// One line for every seed that breaks a rule, and no trace
    #[arg(long)]
    keep_going: bool,
    /// With --seed: only these faults, as a shrunk trace names them
    #[arg(long, value_delimiter = ',', num_args = 0..)]
    faults: Option<Vec<String>>,
    /// With --seed: only these steps, by their numbers, as a shrunk trace names them
    #[arg(long, value_delimiter = ',', num_args = 0..)]
    steps: Option<Vec<usize>>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.mutants {
        for (_, name, rule, wrong) in MUTANTS {
            println!("{name:<20} {wrong}; breaks: {}", rule.words());
        }
        return ExitCode::SUCCESS;
    }
    let mutant = match args.mutant.as_deref().map(|name| (name, Mutant::named(name))) {
        Some((name, None)) => {
            eprintln!("there is no mutant '{name}'; --mutants lists them");
            return ExitCode::from(2);
        }
        other => other.and_then(|it| it.1),
    };
    if args.trace || args.faults.is_some() || args.steps.is_some() {
        return one(&args, mutant);
    }
    many(&args, mutant)
}

fn plan(args: &Args, seed: u64) -> Plan {
    let mut plan = Plan::of_seed(seed);
    if let Some(names) = &args.faults {
        let named = |fault: &Fault| names.iter().any(|name| *name == fault.to_string());
        plan.faults = FAULTS.into_iter().filter(named).collect();
    }
    if let Some(steps) = &args.steps {
        plan.keep(steps);
    }
    plan
}

fn one(args: &Args, mutant: Option<Mutant>) -> ExitCode {
    let report = run(&plan(args, args.seed), mutant, true);
    for (at, words) in &report.trace {
        println!("{} {words}", clock(*at));
    }
    println!("seed {}: {} rules broken in {}", args.seed, report.violations.len(), clock(report.millis));
    ExitCode::from(u8::from(!report.violations.is_empty()))
}

/// Ends at the first violation; with a mutant, at the first of the rule that it breaks.
fn many(args: &Args, mutant: Option<Mutant>) -> ExitCode {
    let began = Instant::now();
    let mut failed = 0;
    let (mut millis, mut revisions, mut rollouts, mut most) = (0, 0, 0, 0);
    for (number, seed) in (args.seed..).take(usize::try_from(args.seeds).unwrap_or(usize::MAX)).enumerate() {
        let plan = plan(args, seed);
        let report = run(&plan, mutant, false);
        millis += report.millis;
        revisions += report.revisions;
        rollouts += report.rollouts;
        most = most.max(report.most_instances);
        let expected = mutant.map(Mutant::breaks);
        let broken =
            report.violations.iter().map(|it| it.rule).find(|it| expected.is_none_or(|rule| *it == rule));
        if args.keep_going {
            for it in &report.violations {
                println!("seed {seed} at {}: {}: {}", clock(it.at), it.rule.words(), it.words);
            }
            failed += u64::from(!report.violations.is_empty());
            continue;
        }
        if let Some(rule) = broken {
            explain(&plan, mutant, rule);
            let hours = millis / HOUR;
            println!(
                "seed {seed}, the {}th, after {hours} simulated hours: broken: {}",
                number + 1,
                rule.words()
            );
            return ExitCode::FAILURE;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let hours = millis as f64 / HOUR as f64;
    println!("{revisions} revisions, {rollouts} roll-outs, at most {most} instances at one time");
    println!(
        "{} seeds, {failed} of which broke a rule: {hours:.0} simulated hours in {seconds:.1} s, {:.0} per second",
        args.seeds,
        hours / seconds
    );
    ExitCode::from(u8::from(failed > 0))
}

fn explain(plan: &Plan, mutant: Option<Mutant>, rule: Rule) {
    let shrunk = shrink(plan, mutant, rule);
    let list = |items: Vec<String>| items.join(",");
    for (at, words) in &shrunk.report.trace {
        println!("{} {words}", clock(*at));
    }
    println!(
        "again: simulate --seed {} --faults {} --steps {}",
        plan.seed,
        list(shrunk.faults.iter().map(ToString::to_string).collect()),
        list(shrunk.steps.iter().map(ToString::to_string).collect())
    );
}
