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
