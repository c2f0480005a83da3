//! The functions of metric math.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Expression;
use super::evaluate::{Evaluated, Series, Source, each, evaluate};

pub(super) fn call(
    name: &str,
    arguments: &[Expression],
    source: &mut dyn Source,
) -> Result<Evaluated, String> {
    if name == "METRICS" {
        return metrics(arguments, source);
    }
    let span = source.span();
    let mut values = Vec::new();
    for argument in arguments {
        values.push(evaluate(argument, source)?);
    }
    match (name, &values[..]) {
        ("ABS", [one]) => change(name, one, |it| it.map(f64::abs)),
        ("CEIL", [one]) => change(name, one, |it| it.map(f64::ceil)),
        ("FLOOR", [one]) => change(name, one, |it| it.map(f64::floor)),
        ("LOG", [one]) => change(name, one, |it| it.map(f64::ln)),
        ("LOG10", [one]) => change(name, one, |it| it.map(f64::log10)),
        ("AVG" | "MAX" | "MIN" | "STDDEV" | "SUM", [one]) => reduce(name, one),
        ("DATAPOINT_COUNT", [Evaluated::Series(series)]) => Ok(Evaluated::Number(series.points.len() as f64)),
        ("METRIC_COUNT", [Evaluated::List(list)]) => Ok(Evaluated::Number(list.len() as f64)),
        ("METRIC_COUNT", [Evaluated::Series(_)]) => Ok(Evaluated::Number(1.0)),
        ("FIRST", [Evaluated::List(list)]) => pick(list.first()),
        ("LAST", [Evaluated::List(list)]) => pick(list.last()),
        ("REMOVE_EMPTY", [Evaluated::List(list)]) => {
            Ok(Evaluated::List(list.iter().filter(|it| !it.points.is_empty()).cloned().collect()))
        }
        ("DIFF", [one]) => change(name, one, |it| steps(it, |(_, before), (_, now)| now - before)),
        ("DIFF_TIME", [one]) => {
            change(name, one, |it| steps(it, |(before, _), (now, _)| (now - before) as f64))
        }
        ("RATE", [one]) => {
            change(name, one, |it| steps(it, |(from, before), (to, now)| (now - before) / (to - from) as f64))
        }
        ("RUNNING_SUM", [one]) => change(name, one, running_sum),
        ("PERIOD", [Evaluated::Series(series)]) => Ok(Evaluated::Number(series.period as f64)),
        ("TIME_SERIES", [Evaluated::Number(number)]) => Ok(Evaluated::Series(constant(*number, 60, span))),
        ("FILL", [one, filling]) => fill(one, filling, span),
        ("IF", [condition, then]) => choose(condition, then, None),
        ("IF", [condition, then, other]) => choose(condition, then, Some(other)),
        ("EPOCH" | "MINUTE" | "HOUR" | "DAY" | "DATE" | "MONTH" | "YEAR", [one]) => {
            change(name, one, |it| it.with_points(it.points.keys().map(|at| (*at, part_of(name, *at)))))
        }
        _ if KNOWN.contains(&name) => Err(format!("The function {name} does not take these arguments")),
        _ => Err(format!("The function {name} does not exist")),
    }
}

const KNOWN: [&str; 31] = [
    "ABS",
    "AVG",
    "CEIL",
    "DATAPOINT_COUNT",
    "DATE",
    "DAY",
    "DIFF",
    "DIFF_TIME",
    "EPOCH",
    "FILL",
    "FIRST",
    "FLOOR",
    "HOUR",
    "IF",
    "LAST",
    "LOG",
    "LOG10",
    "MAX",
    "METRICS",
    "METRIC_COUNT",
    "MIN",
    "MINUTE",
    "MONTH",
    "PERIOD",
    "RATE",
    "REMOVE_EMPTY",
    "RUNNING_SUM",
    "STDDEV",
    "SUM",
    "TIME_SERIES",
    "YEAR",
];

/// Every metric, or those whose id contains a word.
fn metrics(arguments: &[Expression], source: &mut dyn Source) -> Result<Evaluated, String> {
    let word = match arguments {
        [] => "",
        [Expression::Text(word)] => word.as_str(),
        _ => return Err("The function METRICS does not take these arguments".into()),
    };
    let all = source.metrics()?.into_iter().filter(|(id, _)| id.contains(word));
    Ok(Evaluated::List(all.map(|(_, series)| series).collect()))
}

fn change(name: &str, value: &Evaluated, how: impl Fn(&Series) -> Series) -> Result<Evaluated, String> {
    match value {
        Evaluated::Series(series) => Ok(Evaluated::Series(how(series))),
        Evaluated::List(list) => each(list, |series| Ok(Evaluated::Series(how(series)))),
        Evaluated::Number(number) => {
            // A number is a series of one, as long as time does not matter.
            let one = Series { points: BTreeMap::from([(0, *number)]), ..Series::default() };
            match how(&one).points.get(&0) {
                Some(changed) if !name.starts_with("DIFF") && name != "RATE" => {
                    Ok(Evaluated::Number(*changed))
                }
                _ => Err(format!("The function {name} takes time series only")),
            }
        }
        Evaluated::Text(_) => Err(format!("The function {name} takes no string")),
    }
}

/// A number for one series; for several one series, from the values that each moment has.
fn reduce(name: &str, value: &Evaluated) -> Result<Evaluated, String> {
    match value {
        Evaluated::Series(series) => {
            let values: Vec<f64> = series.points.values().copied().collect();
            Ok(Evaluated::Number(reduced(name, &values)))
        }
        Evaluated::List(list) => {
            let mut by_time: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (at, value) in list.iter().flat_map(|series| &series.points) {
                by_time.entry(*at).or_default().push(*value);
            }
            let period = list.iter().map(|series| series.period).max().unwrap_or(60);
            let shape = Series { period, ..Series::default() };
            let points = by_time.into_iter().map(|(at, values)| (at, reduced(name, &values)));
            Ok(Evaluated::Series(shape.with_points(points)))
        }
        Evaluated::Number(number) => Ok(Evaluated::Number(if name == "STDDEV" { 0.0 } else { *number })),
        Evaluated::Text(_) => Err(format!("The function {name} takes no string")),
    }
}

/// Of nothing at all there is no number but for the sum.
fn reduced(name: &str, values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let mean = sum / values.len() as f64;
    match name {
        "SUM" => sum,
        "AVG" => mean,
        "MAX" => values.iter().copied().fold(f64::NAN, f64::max),
        "MIN" => values.iter().copied().fold(f64::NAN, f64::min),
        _ => (values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt(),
    }
}

fn pick(series: Option<&Series>) -> Result<Evaluated, String> {
    Ok(Evaluated::Series(series.cloned().unwrap_or_default()))
}

fn steps(series: &Series, step: impl Fn((i64, f64), (i64, f64)) -> f64) -> Series {
    let points = series.points.iter().zip(series.points.iter().skip(1));
    series.with_points(points.map(|((from, before), (to, now))| (*to, step((*from, *before), (*to, *now)))))
}

fn running_sum(series: &Series) -> Series {
    let mut sum = 0.0;
    series.with_points(series.points.iter().map(|(at, value)| {
        sum += value;
        (*at, sum)
    }))
}

fn constant(number: f64, period: i64, (start, end): (i64, i64)) -> Series {
    let shape = Series { period, ..Series::default() };
    shape.with_points(moments(period, (start, end)).map(|at| (at, number)))
}

fn moments(period: i64, (start, end): (i64, i64)) -> impl Iterator<Item = i64> {
    let period = period.max(1);
    (0..).map(move |step| start + step * period).take_while(move |at| *at < end)
}

/// Every period of the span gets a value: a number, the value of another series, that of the period before, or one on
/// the line between two neighbours.
fn fill(value: &Evaluated, filling: &Evaluated, span: (i64, i64)) -> Result<Evaluated, String> {
    let filled = |series: &Series| -> Result<Series, String> {
        let missing = moments(series.period, span).filter(|at| !series.points.contains_key(at));
        let found = missing.filter_map(|at| {
            let before = series.points.range(..at).next_back();
            let after = series.points.range(at..).next();
            let value = match filling {
                Evaluated::Number(number) => Some(*number),
                Evaluated::Series(other) => other.points.get(&at).copied(),
                Evaluated::Text(word) if word == "REPEAT" => before.map(|(_, value)| *value),
                Evaluated::Text(_) => before.zip(after).map(|((from, low), (to, high))| {
                    low + (high - low) * (at - from) as f64 / (to - from) as f64
                }),
                Evaluated::List(_) => None,
            };
            Some((at, value?))
        });
        let found: Vec<_> = found.collect();
        Ok(series.with_points(series.points.iter().map(|(at, value)| (*at, *value)).chain(found)))
    };
    match filling {
        Evaluated::List(_) => return Err("The function FILL does not take these arguments".into()),
        Evaluated::Text(word) if !["REPEAT", "LINEAR"].contains(&word.as_str()) => {
            return Err("The function FILL fills with a value, REPEAT or LINEAR".into());
        }
        _ => {}
    }
    match value {
        Evaluated::Series(series) => filled(series).map(Evaluated::Series),
        Evaluated::List(list) => each(list, |series| filled(series).map(Evaluated::Series)),
        Evaluated::Number(_) | Evaluated::Text(_) => Err("The function FILL takes time series only".into()),
    }
}

/// `IF(condition, then, other)`; without `other` what the condition does not hold for is missing.
fn choose(condition: &Evaluated, then: &Evaluated, other: Option<&Evaluated>) -> Result<Evaluated, String> {
    let at_moment = |value: &Evaluated, at: i64| match value {
        Evaluated::Number(number) => Ok(Some(*number)),
        Evaluated::Series(series) => Ok(series.points.get(&at).copied()),
        Evaluated::List(_) | Evaluated::Text(_) => {
            Err("The function IF takes numbers and single time series".to_owned())
        }
    };
    match condition {
        Evaluated::Number(number) => match (*number != 0.0, other) {
            (true, _) => Ok(then.clone()),
            (false, Some(other)) => Ok(other.clone()),
            (false, None) => Ok(Evaluated::Series(Series { period: 60, ..Series::default() })),
        },
        Evaluated::Series(series) => {
            // Wrong arguments are wrong also where nothing has happened yet.
            at_moment(then, 0)?;
            other.map(|other| at_moment(other, 0)).transpose()?;
            let mut points = Vec::new();
            for (at, holds) in &series.points {
                let chosen = if *holds != 0.0 { Some(then) } else { other };
                let value = chosen.map(|chosen| at_moment(chosen, *at)).transpose()?.flatten();
                points.extend(value.map(|value| (*at, value)));
            }
            Ok(Evaluated::Series(series.with_points(points)))
        }
        Evaluated::List(_) | Evaluated::Text(_) => {
            Err("The function IF takes numbers and single time series".to_owned())
        }
    }
}

fn part_of(name: &str, at: i64) -> f64 {
    let Ok(moment) = Timestamp::from_second(at) else { return f64::NAN };
    let moment = moment.to_zoned(TimeZone::UTC);
    match name {
        "MINUTE" => f64::from(moment.minute()),
        "HOUR" => f64::from(moment.hour()),
        "DAY" => f64::from(moment.weekday().to_monday_one_offset()),
        "DATE" => f64::from(moment.day()),
        "MONTH" => f64::from(moment.month()),
        "YEAR" => f64::from(moment.year()),
        _ => at as f64,
    }
}
