//! Recorded traffic: read from CSV, scaled to a mean of so many tasks, and laid out in steps of 15 seconds.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::service::{STEP_SECONDS, STEPS_PER_MINUTE};

/// What a task serves in a minute, where noise is to be added to a coarse trace.
const REQUESTS_PER_TASK_MINUTE: f64 = 1000.0;
const SEED: u64 = 0x5eed_0f_10ad;

/// A trace as recorded: values at even distances.
#[derive(Debug, Clone)]
pub struct Trace {
    pub name: String,
    /// Unix minutes.
    pub first_minute: i64,
    pub period_minutes: usize,
    pub values: Vec<f64>,
}

/// Load in units of what one task can carry, step by step.
#[derive(Debug, Clone)]
pub struct Load {
    pub first_minute: i64,
    pub steps: Vec<f64>,
}

impl Load {
    pub fn minutes(&self) -> usize {
        self.steps.len() / STEPS_PER_MINUTE
    }
}

/// Every `*.csv` of a folder, by name.
pub fn folder(dir: &Path) -> anyhow::Result<Vec<Trace>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading the folder {}", dir.display()))?;
    let mut paths = Vec::<PathBuf>::new();
    for entry in entries {
        let path = entry.with_context(|| format!("reading the folder {}", dir.display()))?.path();
        if path.extension().is_some_and(|end| end == "csv") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        bail!("there is no .csv in {}", dir.display());
    }
    paths.iter().map(|path| Trace::read(path)).collect()
}

impl Trace {
    pub fn read(path: &Path) -> anyhow::Result<Trace> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Trace::parse(&name, &text).with_context(|| format!("in {}", path.display()))
    }

    /// `timestamp,value` with Unix seconds or ISO times; a first line that is none is a heading.
    pub fn parse(name: &str, text: &str) -> anyhow::Result<Trace> {
        let mut points = Vec::<(i64, f64)>::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match point(line) {
                Ok(point) => points.push(point),
                Err(_) if number == 0 => {}
                Err(why) => return Err(why.context(format!("line {}", number + 1))),
            }
        }
        points.sort_by_key(|&(minute, _)| minute);
        points.dedup_by_key(|&mut (minute, _)| minute);
        let (Some(&(first, _)), true) = (points.first(), points.len() > 2) else {
            bail!("a trace needs three points at least");
        };
        let mut apart: Vec<i64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        apart.sort_unstable();
        let period = apart[apart.len() / 2];
        let values = evenly(&points, period);
        Ok(Trace { name: name.to_owned(), first_minute: first, period_minutes: period as usize, values })
    }

    /// Scaled so that the mean needs `mean_tasks` tasks. Without a number the values are load units already.
    pub fn load(&self, mean_tasks: Option<f64>) -> anyhow::Result<Load> {
        let mean = self.values.iter().sum::<f64>() / self.values.len() as f64;
        if mean <= 0.0 {
            bail!("{} has no load at all", self.name);
        }
        let scale = mean_tasks.map_or(1.0, |tasks| tasks / mean);
        let scaled: Vec<f64> = self.values.iter().map(|value| value * scale).collect();
        let steps = if self.period_minutes == 1 {
            within_minutes(&scaled)
        } else {
            noisy(&between(&scaled, self.period_minutes * STEPS_PER_MINUTE))
        };
        Ok(Load { first_minute: self.first_minute, steps })
    }

    /// The first minutes only.
    #[cfg(test)]
    pub fn until(&self, count: usize) -> Trace {
        Trace { values: self.values[..count].to_vec(), ..self.clone() }
    }
}

fn point(line: &str) -> anyhow::Result<(i64, f64)> {
    let (time, value) = line.split_once(',').context("not <timestamp>,<value>")?;
    let (time, value) = (time.trim(), value.trim());
    let seconds = match time.parse::<f64>() {
        Ok(seconds) => seconds as i64,
        Err(_) => timestamp(time)?,
    };
    let value: f64 = value.parse().with_context(|| format!("'{value}' is no number"))?;
    if !value.is_finite() || value < 0.0 {
        bail!("{value} is no load");
    }
    Ok((seconds.div_euclid(60), value))
}

fn timestamp(text: &str) -> anyhow::Result<i64> {
    let iso = text.replace(' ', "T");
    let zoned = iso.parse::<Timestamp>().or_else(|_| format!("{iso}Z").parse());
    Ok(zoned.with_context(|| format!("'{text}' is no time"))?.as_second())
}

/// At even distances, with straight lines over what is missing.
fn evenly(points: &[(i64, f64)], period: i64) -> Vec<f64> {
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let mut right = 1;
    let value = |minute: i64| {
        while points[right].0 < minute {
            right += 1;
        }
        let ((before, low), (after, high)) = (points[right - 1], points[right]);
        low + (high - low) * (minute - before) as f64 / (after - before) as f64
    };
    (0..=(last - first) / period).map(|n| first + n * period).map(value).collect()
}

/// Straight lines inside each minute, towards its neighbours, so that the minute's sum stays what it is.
fn within_minutes(minutes: &[f64]) -> Vec<f64> {
    let last = minutes.len() - 1;
    let lines = minutes.iter().enumerate().flat_map(|(at, &mean)| {
        let slope = (minutes[(at + 1).min(last)] - minutes[at.saturating_sub(1)]) / 2.0;
        let limit = mean / 0.375;
        let slope = slope.clamp(-limit, limit);
        [-0.375, -0.125, 0.125, 0.375].map(|offset| (mean + slope * offset).max(0.0))
    });
    lines.collect()
}

fn between(points: &[f64], steps: usize) -> Vec<f64> {
    let lines = points.windows(2).flat_map(|pair| {
        (0..steps).map(move |n| pair[0] + (pair[1] - pair[0]) * (n as f64 + 0.5) / steps as f64)
    });
    lines.collect()
}

/// As if requests came one by one: Poisson, always the same.
fn noisy(steps: &[f64]) -> Vec<f64> {
    let mut random = Random(SEED);
    let requests = REQUESTS_PER_TASK_MINUTE * STEP_SECONDS / 60.0;
    steps.iter().map(|&load| random.poisson(load * requests) / requests).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    /// Above 0, up to 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((bits >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 50.0 {
            let (u, v) = (self.uniform(), self.uniform());
            let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
            return (mean + mean.sqrt() * normal).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0.0);
        while product > limit {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }
}

#[cfg(test)]
mod tests;
