//! Requests and answers free of any protocol: CloudWatch speaks three, and they differ in how they write numbers and
//! times, not in what they say.

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::world::Refusal;

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Value {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    Time(Timestamp),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

type Members = Vec<(String, Value)>;

impl Value {
    pub(super) fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Value {
        Value::List(texts.into_iter().map(|it| Value::text(it)).collect())
    }

    pub(in super::super) fn from_json(json: &Json) -> Option<Value> {
        Some(match json {
            Json::Null => return None,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Value::Integer(integer),
                None => Value::Number(number.as_f64()?),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().filter_map(Value::from_json).collect()),
            Json::Object(members) => {
                let member = |(name, value): (&String, &Json)| Some((name.clone(), Value::from_json(value)?));
                Value::Map(members.iter().filter_map(member).collect())
            }
        })
    }

    /// Times as seconds, as JSON 1.0 writes them.
    pub(in super::super) fn to_json(&self) -> Json {
        match self {
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Number(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Time(at) => (at.as_millisecond() as f64 / 1_000.0).into(),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
            Value::Map(members) => {
                members.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) fn text_of(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(name, "a string")),
        }
    }

    /// One that must be there and not be empty.
    pub(super) fn required_text(&self, name: &str) -> Result<&str, Refusal> {
        self.text_of(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    pub(super) fn owned_text(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text_of(name)?.map(str::to_owned))
    }

    /// A form has only text: a number in it is read like one.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Value::Integer(value) => Some(*value as f64),
            Value::Number(value) => Some(*value),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn number_of(&self, name: &str) -> Result<Option<f64>, Refusal> {
        let read = |value: &Value| value.as_number().ok_or_else(|| malformed(name, "a number"));
        self.get(name).map(read).transpose()
    }

    pub(super) fn integer_of(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let read = |value: &Value| {
            let number = value.as_number().filter(|it| it.fract() == 0.0 && it.abs() < 9e15);
            number.map(|it| it as i64).ok_or_else(|| malformed(name, "an integer"))
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn bool_of(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::Text(text)) if text == "true" => Ok(Some(true)),
            Some(Value::Text(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(malformed(name, "true or false")),
        }
    }

    /// Seconds since 1970, or as text with a date.
    pub(super) fn time_of(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let seconds = |it: f64| Timestamp::from_millisecond((it * 1_000.0).round() as i64).ok();
        let read = |value: &Value| match value {
            Value::Time(at) => Some(*at),
            Value::Text(text) => text.parse().ok().or_else(|| seconds(text.parse().ok()?)),
            other => seconds(other.as_number()?),
        };
        self.get(name).map(|value| read(value).ok_or_else(|| malformed(name, "a timestamp"))).transpose()
    }

    /// None where it is not there; a form writes an empty list as an empty text.
    pub(super) fn list_of(&self, name: &str) -> Result<&[Value], Refusal> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::List(items)) => Ok(items),
            Some(Value::Text(text)) if text.is_empty() => Ok(&[]),
            Some(_) => Err(malformed(name, "a list")),
        }
    }

    pub(super) fn texts_of(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let text = |value: &Value| match value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(malformed(name, "a list of strings")),
        };
        self.list_of(name)?.iter().map(text).collect()
    }
}

/// Puts members together, leaving out what is not there.
#[derive(Debug, Default)]
pub(super) struct Answer(Members);

impl Answer {
    pub(super) fn new() -> Answer {
        Answer::default()
    }

    pub(super) fn put(mut self, name: &str, value: Value) -> Answer {
        self.0.push((name.to_owned(), value));
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<Value>) -> Answer {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    pub(super) fn done(self) -> Value {
        Value::Map(self.0)
    }
}

pub(super) fn missing(name: &str) -> Refusal {
    Refusal::new("MissingParameter", format!("The parameter {name} is required."))
}

fn malformed(name: &str, wanted: &str) -> Refusal {
    Refusal::new("InvalidParameterValue", format!("The value for parameter {name} is not {wanted}."))
}
