//! Metrics and expressions over a span of time, as GetMetricData and alarms ask for them.

use std::collections::{BTreeMap, BTreeSet};

use super::math::{self, Evaluated, Expression, Series, Source};
use super::{CloudWatch, Metric, Stat, UNITS, invalid_value, validation};
use crate::world::{Refusal, Timestamp};

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub id: String,
    pub label: Option<String>,
    pub return_data: bool,
    /// Of an expression.
    pub period: Option<i64>,
    pub subject: Subject,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    Metric(MetricStat),
    Expression(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetricStat {
    pub metric: Metric,
    pub period: i64,
    pub stat: Stat,
    pub unit: Option<String>,
}

/// Oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    pub id: String,
    pub label: String,
    pub points: Vec<(Timestamp, f64)>,
}

/// A period that CloudWatch takes: 1, 5, 10, 20, 30 or a multiple of 60 seconds.
pub fn query_period(period: i64) -> Result<i64, Refusal> {
    match [1, 5, 10, 20, 30].contains(&period) || (period > 0 && period % 60 == 0) {
        true => Ok(period),
        false => Err(invalid_value(
            "The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.".to_owned(),
        )),
    }
}

/// Refuses what no data could answer.
pub(super) fn check(queries: &[Query]) -> Result<(), Refusal> {
    let mut ids = BTreeSet::new();
    for query in queries {
        let first_is_small = query.id.starts_with(|it: char| it.is_ascii_lowercase());
        if !first_is_small || !query.id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') {
            return Err(validation(format!(
                "The value {} for parameter MetricDataQueries.Id must begin with a lowercase letter and contain only \
                 letters, numbers and underscores.",
                query.id
            )));
        }
        if !ids.insert(query.id.as_str()) {
            return Err(validation(format!(
                "The values for parameter id in MetricDataQueries are not unique: {}",
                query.id
            )));
        }
        match &query.subject {
            Subject::Metric(stat) => {
                stat.metric.check()?;
                query_period(stat.period)?;
                if let Some(unit) = stat.unit.as_deref().filter(|unit| !UNITS.contains(unit)) {
                    return Err(invalid_value(format!("The value {unit} for parameter Unit is invalid.")));
                }
            }
            Subject::Expression(text) => {
                math::parse(text).map_err(|error| in_expression(&query.id, &error))?;
                query.period.map(query_period).transpose()?;
            }
        }
    }
    Ok(())
}

fn in_expression(id: &str, error: &str) -> Refusal {
    validation(format!("Error in expression '{id}': {error}"))
}

impl CloudWatch {
    /// What every query that returns data yields, in their order; an expression may yield several.
    pub fn query(
        &self,
        queries: &[Query],
        span: (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Vec<QueryResult>, Refusal> {
        check(queries)?;
        let mut evaluation =
            Evaluation { cloudwatch: self, queries, span, now, known: BTreeMap::new(), visiting: Vec::new() };
        let mut results = Vec::new();
        for query in queries.iter().filter(|query| query.return_data) {
            let value = evaluation.value_of(&query.id).map_err(|error| in_expression(&query.id, &error))?;
            let label = |own: &str| match &query.label {
                Some(label) => label.clone(),
                None if own.is_empty() => query.id.clone(),
                None => own.to_owned(),
            };
            let series = match value {
                Evaluated::Series(series) => vec![series],
                Evaluated::List(list) => list,
                Evaluated::Number(number) => vec![evaluation.constant(query, number)],
                Evaluated::Text(_) => {
                    return Err(in_expression(&query.id, "An expression must not yield a string"));
                }
            };
            for one in series {
                let point = |(at, value)| Some((Timestamp::from_second(at).ok()?, value));
                let points = one.points.into_iter().filter_map(point).collect();
                let own = if matches!(query.subject, Subject::Metric(_)) { one.label.as_str() } else { "" };
                results.push(QueryResult { id: query.id.clone(), label: label(own), points });
            }
        }
        Ok(results)
    }
}

struct Evaluation<'a> {
    cloudwatch: &'a CloudWatch,
    queries: &'a [Query],
    span: (Timestamp, Timestamp),
    now: Timestamp,
    known: BTreeMap<String, Evaluated>,
    /// Ids that wait for the value of another.
    visiting: Vec<String>,
}

impl Evaluation<'_> {
    fn read(&self, stat: &MetricStat) -> Series {
        let unit = stat.unit.as_deref();
        let points = self.cloudwatch.read(&stat.metric, self.span, stat.period, unit, self.now);
        let value = |point: super::Point| Some((point.at.as_second(), point.statistics.get(stat.stat)?));
        Series {
            label: stat.metric.name.clone(),
            period: stat.period,
            points: points.into_iter().filter_map(value).collect(),
        }
    }

    /// The period of an expression: its own, else the longest of what it is made of.
    fn period(&self, query: &Query) -> i64 {
        let of_metrics = self.queries.iter().filter_map(|it| match &it.subject {
            Subject::Metric(stat) => Some(stat.period),
            Subject::Expression(_) => None,
        });
        query.period.or_else(|| of_metrics.max()).unwrap_or(60)
    }

    fn constant(&self, query: &Query, number: f64) -> Series {
        let period = self.period(query);
        let (start, end) = self.span();
        let mut points = BTreeMap::new();
        let mut at = start;
        while at < end && number.is_finite() {
            points.insert(at, number);
            at += period;
        }
        Series { label: String::new(), period, points }
    }
}

impl Source for Evaluation<'_> {
    fn value_of(&mut self, id: &str) -> Result<Evaluated, String> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let queries = self.queries;
        let query = queries.iter().find(|query| query.id == id);
        let query = query.ok_or_else(|| format!("The id '{id}' is not defined"))?;
        let value = match &query.subject {
            Subject::Metric(stat) => Evaluated::Series(self.read(stat)),
            Subject::Expression(text) => {
                if self.visiting.iter().any(|it| it == id) {
                    return Err(format!("The expression '{id}' refers to itself"));
                }
                self.visiting.push(id.to_owned());
                let expression: Expression = math::parse(text)?;
                let value = math::evaluate(&expression, self);
                self.visiting.pop();
                value?
            }
        };
        self.known.insert(id.to_owned(), value.clone());
        Ok(value)
    }

    fn metrics(&mut self) -> Result<Vec<(String, Series)>, String> {
        let queries = self.queries;
        let of_metrics = queries.iter().filter_map(|query| match &query.subject {
            Subject::Metric(stat) => Some((query.id.clone(), stat)),
            Subject::Expression(_) => None,
        });
        Ok(of_metrics.map(|(id, stat)| (id, self.read(stat))).collect())
    }

    fn span(&self) -> (i64, i64) {
        let shortest = self.queries.iter().filter_map(|query| match &query.subject {
            Subject::Metric(stat) => Some(stat.period),
            Subject::Expression(_) => query.period,
        });
        let step = shortest.min().unwrap_or(60).min(60);
        (super::series::floor(self.span.0.as_second(), step), self.span.1.as_second())
    }
}
