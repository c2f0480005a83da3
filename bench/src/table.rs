//! The results as Markdown.

use std::fmt::Write as _;

use crate::contest::{CASES, Case, Line, PLAYERS, Result};
use crate::trace::Trace;

pub fn write(traces: &[Trace], cases: &[Case], results: &[Vec<Result>]) -> String {
    let mut out = String::new();
    for (case, results) in cases.iter().zip(results) {
        by_trace(&mut out, traces, *case, results);
    }
    out
}

fn mean(lines: impl Iterator<Item = Line>) -> Line {
    let (mut sum, mut count) = (Line::default(), 0.0);
    for line in lines {
        sum = Line {
            cost: sum.cost + line.cost,
            violations: sum.violations + line.violations,
            actions: sum.actions + line.actions,
        };
        count += 1.0;
    }
    Line { cost: sum.cost / count, violations: sum.violations / count, actions: sum.actions / count }
}

fn by_trace(out: &mut String, traces: &[Trace], case: Case, results: &[Result]) {
    let Case { mean_tasks, startup_seconds } = case;
    let _ = writeln!(out, "### Mean {mean_tasks} tasks, start-up {startup_seconds} s\n");
    let _ =
        writeln!(out, "Cost ÷ optimum, violations in %, actions a day; then cost and violations by trace.\n");
    let names: Vec<&str> = traces.iter().map(|trace| short(&trace.name)).collect();
    let _ = writeln!(out, "| | cost | violations | actions | {} |", names.join(" | "));
    let _ = writeln!(out, "|---|---|---|---|{}", "---|".repeat(names.len()));
    let _ = writeln!(out, "| optimum | 1.00 | 0.00 | | {} |", vec!["1.00 · 0.00"; names.len()].join(" | "));
    for (at, (name, _)) in PLAYERS.iter().enumerate() {
        let all = mean(results.iter().map(|result| result.lines[at]));
        let each: Vec<String> = results
            .iter()
            .map(|result| format!("{:.2} · {:.2}", result.lines[at].cost, result.lines[at].violations))
            .collect();
        let Line { cost, violations, actions } = all;
        let _ =
            writeln!(out, "| {name} | {cost:.2} | {violations:.2} | {actions:.0} | {} |", each.join(" | "));
    }
    let _ = writeln!(
        out,
        "\nTarget tracking on requests at the same cost, its target found in hindsight for each trace:\n"
    );
    let _ = writeln!(
        out,
        "| ours | its violations ÷ theirs, mean | better on | ours · theirs (their target) by trace |"
    );
    let _ = writeln!(out, "|---|---|---|---|");
    for (at, (name, _)) in PLAYERS[..3].iter().enumerate() {
        let (mut better, mut with, mut ratios, mut each) = (0, 0, 0.0, Vec::new());
        for (trace, result) in names.iter().zip(results) {
            let (ours, theirs) = (result.lines[at].violations, result.equal[at].violations);
            if theirs > 0.0 {
                with += 1;
                better += usize::from(ours < theirs);
                ratios += ours / theirs;
            }
            each.push(format!("{trace} {ours:.2} · {theirs:.2} ({:.0} %)", result.equal[at].target * 100.0));
        }
        let ratio = ratios / with.max(1) as f64;
        let _ = writeln!(out, "| {name} | {ratio:.2} | {better} of {with} | {} |", each.join(", "));
    }
    let _ = writeln!(out);
}

/// Without what all names have.
fn short(name: &str) -> &str {
    let name = name.strip_prefix("nab_").unwrap_or(name);
    let name = name.strip_prefix("Twitter_volume_").unwrap_or(name);
    name.strip_suffix("_5min").or_else(|| name.strip_suffix("_1min")).unwrap_or(name)
}

/// The first case alone, or all of them.
pub fn cases(is_short: bool) -> &'static [Case] {
    if is_short { &CASES[..1] } else { &CASES }
}
