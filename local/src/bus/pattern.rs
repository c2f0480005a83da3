//! EventBridge's event patterns: read once, then asked about every event.
//!
//! A pattern has the shape of the event. Its leaves are lists of alternatives: a value, or an object with one
//! operator. An operator that is not known here is an error, never a pattern that quietly matches nothing.

mod operators;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use operators::Test;

/// What an event must look like.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Fields);

/// What is wrong with a pattern, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event pattern is not valid at {path}: {reason}")]
pub struct PatternError {
    pub path: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Fields {
    /// All must hold.
    conditions: Vec<(String, Condition)>,
    /// Of each `$or`, one must hold.
    alternatives: Vec<Vec<Fields>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Nested(Fields),
    OneOf(Vec<Test>),
}

impl Pattern {
    pub fn parse(pattern: &Value) -> Result<Pattern, PatternError> {
        let root = Place("$".into());
        let fields = pattern.as_object().ok_or_else(|| root.wrong("a pattern is a JSON object"))?;
        Fields::parse(fields, &root).map(Pattern)
    }

    pub fn matches(&self, event: &Value) -> bool {
        self.0.match_object(event)
    }
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        let pattern =
            serde_json::from_str(text).map_err(|error| Place("$".into()).wrong(error.to_string()))?;
        Pattern::parse(&pattern)
    }
}

/// Where in the pattern the reader is, for its errors.
#[derive(Debug, Clone)]
struct Place(String);

impl Place {
    fn within(&self, name: &str) -> Place {
        Place(format!("{}.{name}", self.0))
    }

    fn wrong(&self, reason: impl Into<String>) -> PatternError {
        PatternError { path: self.0.clone(), reason: reason.into() }
    }
}

impl Fields {
    fn parse(object: &Map<String, Value>, place: &Place) -> Result<Fields, PatternError> {
        if object.is_empty() {
            return Err(place.wrong("it is empty"));
        }
        let mut fields = Fields { conditions: Vec::new(), alternatives: Vec::new() };
        for (name, value) in object {
            let place = place.within(name);
            match value {
                Value::Array(patterns) if name == "$or" => {
                    fields.alternatives.push(Fields::parse_alternatives(patterns, &place)?);
                }
                Value::Object(nested) => {
                    let nested = Fields::parse(nested, &place)?;
                    fields.conditions.push((name.clone(), Condition::Nested(nested)));
                }
                Value::Array(tests) if !tests.is_empty() => {
                    let tests: Result<Vec<Test>, _> =
                        tests.iter().map(|test| Test::parse(test, &place)).collect();
                    fields.conditions.push((name.clone(), Condition::OneOf(tests?)));
                }
                Value::Array(_) => return Err(place.wrong("the list of alternatives is empty")),
                _ => return Err(place.wrong("a value stands in a list: write [value]")),
            }
        }
        Ok(fields)
    }

    fn parse_alternatives(patterns: &[Value], place: &Place) -> Result<Vec<Fields>, PatternError> {
        if patterns.len() < 2 {
            return Err(place.wrong("$or takes two patterns or more"));
        }
        let parsed = patterns.iter().map(|pattern| match pattern {
            Value::Object(fields) => Fields::parse(fields, place),
            _ => Err(place.wrong("$or takes patterns")),
        });
        parsed.collect()
    }

    /// Of a list of objects, one must match as a whole.
    fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().any(|element| self.match_object(element))
            }
            Some(value) => self.match_object(value),
            // `exists: false` may hold below something that is not there.
            None => self.match_object(&Value::Null),
        }
    }

    fn match_object(&self, value: &Value) -> bool {
        self.conditions.iter().all(|(name, condition)| condition.matches(value.get(name)))
            && self
                .alternatives
                .iter()
                .all(|patterns| patterns.iter().any(|pattern| pattern.match_object(value)))
    }
}

impl Condition {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Condition::Nested(fields) => fields.matches(value),
            Condition::OneOf(tests) => {
                let leaves = leaves(value);
                tests.iter().any(|test| test.holds(&leaves))
            }
        }
    }
}

/// The values that a list of alternatives looks at: the value itself, or each element of a list. Objects are no
/// values.
fn leaves(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Object(_)) => Vec::new(),
        Some(Value::Array(elements)) => elements.iter().flat_map(|element| leaves(Some(element))).collect(),
        Some(leaf) => vec![leaf],
    }
}
