//! One alternative of a pattern's leaf: a value or an operator.

use serde_json::Value;

use super::{PatternError, Place};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    Wildcard(Wildcard),
    /// A value is there for which none of these holds.
    AnythingBut(Vec<Test>),
    Exists(bool),
    /// All comparisons must hold.
    Numeric(Vec<(Comparison, f64)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The pieces of a text between its asterisks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wildcard(Vec<String>);

impl Test {
    pub(super) fn parse(test: &Value, place: &Place) -> Result<Test, PatternError> {
        match test {
            Value::Object(_) => {
                let (operator, operand) = only_entry(test, place)?;
                let place = place.within(operator);
                match operator {
                    "anything-but" => anything_but(operand, &place).map(Test::AnythingBut),
                    "exists" => operand
                        .as_bool()
                        .map(Test::Exists)
                        .ok_or_else(|| place.wrong("exists takes true or false")),
                    "numeric" => numeric(operand, &place).map(Test::Numeric),
                    _ => text_operator(operator, operand, &place),
                }
            }
            Value::Array(_) => Err(place.wrong("a list within a list of alternatives")),
            value => Ok(Test::Equals(value.clone())),
        }
    }

    /// Whether it holds for one of the values found at its place in the event, or for there being none.
    pub(super) fn holds(&self, values: &[&Value]) -> bool {
        match self {
            Test::Exists(wanted) => values.is_empty() != *wanted,
            test => values.iter().any(|value| test.accepts(value)),
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        let text = |test: &dyn Fn(&str) -> bool| value.as_str().is_some_and(test);
        match self {
            Test::Equals(wanted) => equal(wanted, value),
            Test::EqualsIgnoreCase(wanted) => text(&|text| lower(text) == *wanted),
            Test::Prefix(prefix) => text(&|text| text.starts_with(prefix.as_str())),
            Test::PrefixIgnoreCase(prefix) => text(&|text| lower(text).starts_with(prefix.as_str())),
            Test::Suffix(suffix) => text(&|text| text.ends_with(suffix.as_str())),
            Test::SuffixIgnoreCase(suffix) => text(&|text| lower(text).ends_with(suffix.as_str())),
            Test::Wildcard(wildcard) => text(&|text| wildcard.matches(text)),
            Test::AnythingBut(unwanted) => !unwanted.iter().any(|test| test.accepts(value)),
            Test::Exists(wanted) => *wanted,
            Test::Numeric(comparisons) => value
                .as_f64()
                .is_some_and(|number| comparisons.iter().all(|(how, bound)| how.holds(number, *bound))),
        }
    }
}

fn text_operator(operator: &str, operand: &Value, place: &Place) -> Result<Test, PatternError> {
    let test = match (operator, operand) {
        ("prefix", Value::String(text)) => Test::Prefix(text.clone()),
        ("suffix", Value::String(text)) => Test::Suffix(text.clone()),
        ("equals-ignore-case", Value::String(text)) => Test::EqualsIgnoreCase(lower(text)),
        ("wildcard", Value::String(text)) => Test::Wildcard(Wildcard::parse(text, place)?),
        ("prefix" | "suffix", Value::Object(_)) => {
            let (inner, text) = only_entry(operand, place)?;
            match (operator, inner, text) {
                ("prefix", "equals-ignore-case", Value::String(text)) => Test::PrefixIgnoreCase(lower(text)),
                ("suffix", "equals-ignore-case", Value::String(text)) => Test::SuffixIgnoreCase(lower(text)),
                _ => return Err(place.wrong(format!("{operator} takes a text or equals-ignore-case"))),
            }
        }
        ("prefix" | "suffix" | "equals-ignore-case" | "wildcard", _) => {
            return Err(place.wrong(format!("{operator} takes a text")));
        }
        _ => return Err(place.wrong("the operator is not known here")),
    };
    Ok(test)
}

/// A value, a list of values, or a text operator with one text or a list of them.
fn anything_but(operand: &Value, place: &Place) -> Result<Vec<Test>, PatternError> {
    match operand {
        Value::Object(_) => {
            let (operator, texts) = only_entry(operand, place)?;
            let place = place.within(operator);
            let texts = one_or_more(texts, &place)?;
            texts.iter().map(|text| text_operator(operator, text, &place)).collect()
        }
        _ => one_or_more(operand, place)?
            .iter()
            .map(|value| match value {
                Value::Array(_) | Value::Object(_) => Err(place.wrong("anything-but takes values")),
                value => Ok(Test::Equals(value.clone())),
            })
            .collect(),
    }
}

fn one_or_more<'a>(operand: &'a Value, place: &Place) -> Result<&'a [Value], PatternError> {
    match operand {
        Value::Array(values) if values.is_empty() => Err(place.wrong("the list is empty")),
        Value::Array(values) => Ok(values),
        value => Ok(std::slice::from_ref(value)),
    }
}

fn only_entry<'a>(object: &'a Value, place: &Place) -> Result<(&'a str, &'a Value), PatternError> {
    let mut entries = object.as_object().into_iter().flatten();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => Err(place.wrong("an object here has exactly one operator")),
    }
}

fn numeric(operand: &Value, place: &Place) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let usage =
        || place.wrong("numeric takes [\"=\", number], or one or two of < <= > >= with a number each");
    let terms = operand.as_array().map(Vec::as_slice).unwrap_or_default();
    if !matches!(terms.len(), 2 | 4) {
        return Err(usage());
    }
    let comparisons = terms.chunks(2).map(|term| {
        let how = term[0].as_str().and_then(Comparison::parse).ok_or_else(usage)?;
        let bound = term[1].as_f64().ok_or_else(usage)?;
        Ok((how, bound))
    });
    let comparisons = comparisons.collect::<Result<Vec<_>, _>>()?;
    let mixed = comparisons.len() == 2 && comparisons.iter().any(|(how, _)| *how == Comparison::Equal);
    if mixed { Err(usage()) } else { Ok(comparisons) }
}

impl Comparison {
    fn parse(sign: &str) -> Option<Comparison> {
        Some(match sign {
            "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Comparison::Equal => number == bound,
            Comparison::Less => number < bound,
            Comparison::LessOrEqual => number <= bound,
            Comparison::Greater => number > bound,
            Comparison::GreaterOrEqual => number >= bound,
        }
    }
}

impl Wildcard {
    /// `*` stands for any characters; `\*` and `\\` for themselves.
    fn parse(text: &str, place: &Place) -> Result<Wildcard, PatternError> {
        let mut pieces = vec![String::new()];
        let mut after_asterisk = false;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character == '*' {
                if after_asterisk {
                    return Err(place.wrong("two asterisks in a row"));
                }
                pieces.push(String::new());
                after_asterisk = true;
                continue;
            }
            after_asterisk = false;
            let literal = match character {
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => return Err(place.wrong("a backslash stands before * or \\")),
                },
                plain => plain,
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(literal);
            }
        }
        Ok(Wildcard(pieces))
    }

    fn matches(&self, text: &str) -> bool {
        let [first, rest @ ..] = &self.0[..] else {
            return false;
        };
        let [middle @ .., last] = rest else {
            return text == first;
        };
        let Some(mut left) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in middle {
            // The earliest place leaves the most to the pieces after it.
            match left.find(piece.as_str()) {
                Some(at) => left = &left[at + piece.len()..],
                None => return false,
            }
        }
        left.ends_with(last.as_str())
    }
}

/// 300, 300.0 and 3.0e2 are the same number.
fn equal(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_f64(), value.as_f64()) {
        (Some(wanted), Some(value)) => wanted == value,
        _ => wanted == value,
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}
