//! Metric math: what people write for ECS. Arithmetic, comparisons, IF, FILL, and the functions listed in
//! `functions`; no SEARCH, no anomaly detection, no Metrics Insights. What is not known is refused as CloudWatch
//! refuses a function that does not exist.

mod evaluate;
mod functions;
mod parse;
#[cfg(test)]
mod tests;

pub(super) use evaluate::{Evaluated, Series, Source, evaluate};
pub(super) use parse::parse;

/// Deeper expressions are refused.
const DEEPEST: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Text(String),
    /// The id of a query.
    Id(String),
    List(Vec<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// The name in capitals.
    Call(String, Vec<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    Plus,
    Minus,
    Times,
    Divided,
    Power,
}

impl Expression {
    /// Every id that it names.
    pub(super) fn ids(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.collect_ids(&mut found);
        found
    }

    fn collect_ids<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Expression::Number(_) | Expression::Text(_) => {}
            Expression::Id(id) => found.push(id),
            Expression::List(items) | Expression::Call(_, items) => {
                items.iter().for_each(|item| item.collect_ids(found));
            }
            Expression::Negative(inner) => inner.collect_ids(found),
            Expression::Binary(_, left, right) => {
                left.collect_ids(found);
                right.collect_ids(found);
            }
        }
    }
}
