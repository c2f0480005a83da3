//! The value of an expression over a span of time: a number, a time series, several of them, or a word.

use std::collections::BTreeMap;

use super::functions;
use super::{Expression, Operator};

/// Values by the second in which their period begins. What is missing has no value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct Series {
    pub(in super::super) label: String,
    pub(in super::super) period: i64,
    pub(in super::super) points: BTreeMap<i64, f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Evaluated {
    Number(f64),
    Series(Series),
    List(Vec<Series>),
    Text(String),
}

/// Where the ids of an expression lead, and the span it is evaluated over.
pub(in super::super) trait Source {
    fn value_of(&mut self, id: &str) -> Result<Evaluated, String>;
    /// Every metric that was asked for, by id.
    fn metrics(&mut self) -> Result<Vec<(String, Series)>, String>;
    /// First and last (excluded) second.
    fn span(&self) -> (i64, i64);
}

pub(in super::super) fn evaluate(
    expression: &Expression,
    source: &mut dyn Source,
) -> Result<Evaluated, String> {
    match expression {
        Expression::Number(value) => Ok(Evaluated::Number(*value)),
        Expression::Text(text) => Ok(Evaluated::Text(text.clone())),
        Expression::Id(id) => match id.as_str() {
            "REPEAT" | "LINEAR" | "ASC" | "DESC" => Ok(Evaluated::Text(id.clone())),
            _ => source.value_of(id),
        },
        Expression::List(items) => {
            let mut list = Vec::new();
            for item in items {
                match evaluate(item, source)? {
                    Evaluated::Series(series) => list.push(series),
                    Evaluated::List(more) => list.extend(more),
                    Evaluated::Number(_) | Evaluated::Text(_) => {
                        return Err("An array takes time series only".into());
                    }
                }
            }
            Ok(Evaluated::List(list))
        }
        Expression::Negative(inner) => {
            let zero = Evaluated::Number(0.0);
            binary(Operator::Minus, &zero, &evaluate(inner, source)?)
        }
        Expression::Binary(operator, left, right) => {
            let left = evaluate(left, source)?;
            let right = evaluate(right, source)?;
            binary(*operator, &left, &right)
        }
        Expression::Call(name, arguments) => functions::call(name, arguments, source),
    }
}

fn binary(operator: Operator, left: &Evaluated, right: &Evaluated) -> Result<Evaluated, String> {
    let both = |left: f64, right: f64| apply(operator, left, right);
    match (left, right) {
        (Evaluated::Number(left), Evaluated::Number(right)) => Ok(Evaluated::Number(both(*left, *right))),
        (Evaluated::Series(series), Evaluated::Number(number)) => {
            Ok(Evaluated::Series(series.map(|value| both(value, *number))))
        }
        (Evaluated::Number(number), Evaluated::Series(series)) => {
            Ok(Evaluated::Series(series.map(|value| both(*number, value))))
        }
        (Evaluated::Series(left), Evaluated::Series(right)) => Ok(Evaluated::Series(left.with(right, both))),
        (Evaluated::List(list), one @ (Evaluated::Number(_) | Evaluated::Series(_))) => {
            each(list, |series| binary(operator, &Evaluated::Series(series.clone()), one))
        }
        (one @ (Evaluated::Number(_) | Evaluated::Series(_)), Evaluated::List(list)) => {
            each(list, |series| binary(operator, one, &Evaluated::Series(series.clone())))
        }
        (Evaluated::List(left), Evaluated::List(right)) if left.len() == right.len() => {
            Ok(Evaluated::List(left.iter().zip(right).map(|(left, right)| left.with(right, both)).collect()))
        }
        (Evaluated::List(_), Evaluated::List(_)) => {
            Err("Arrays of different lengths cannot be combined".into())
        }
        (Evaluated::Text(_), _) | (_, Evaluated::Text(_)) => Err("A string cannot be an operand".into()),
    }
}

pub(super) fn each(
    list: &[Series],
    change: impl Fn(&Series) -> Result<Evaluated, String>,
) -> Result<Evaluated, String> {
    let mut changed = Vec::new();
    for series in list {
        match change(series)? {
            Evaluated::Series(series) => changed.push(series),
            _ => return Err("An array takes time series only".into()),
        }
    }
    Ok(Evaluated::List(changed))
}

fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |it: bool| if it { 1.0 } else { 0.0 };
    match operator {
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Less => truth(left < right),
        Operator::Greater => truth(left > right),
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::Divided => left / right,
        Operator::Power => left.powf(right),
    }
}

impl Series {
    /// What is no number any more, such as after a division by zero, is missing.
    pub(super) fn with_points(&self, points: impl IntoIterator<Item = (i64, f64)>) -> Series {
        let points = points.into_iter().filter(|(_, value)| value.is_finite()).collect();
        Series { label: self.label.clone(), period: self.period, points }
    }

    pub(super) fn map(&self, change: impl Fn(f64) -> f64) -> Series {
        self.with_points(self.points.iter().map(|(at, value)| (*at, change(*value))))
    }

    /// Where both have a value.
    fn with(&self, other: &Series, both: impl Fn(f64, f64) -> f64) -> Series {
        let points = self.points.iter().filter_map(|(at, left)| {
            let right = other.points.get(at)?;
            Some((*at, both(*left, *right)))
        });
        let mut combined = self.with_points(points);
        combined.period = self.period.max(other.period);
        combined
    }
}
