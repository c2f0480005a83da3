//! The members of a query-protocol request: a flat form in which `Names.member.2` is the second of a list.

use std::collections::BTreeMap;

use serde_json::Value;

use super::encoding::percent_decode;
use crate::world::Refusal;

#[derive(Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// The URL's query and the body hold the same kind of text; a client uses either.
    pub(super) fn parse(query: &[u8], body: &[u8]) -> Result<Form, Refusal> {
        let mut members = BTreeMap::new();
        let pairs = query.split(|byte| *byte == b'&').chain(body.split(|byte| *byte == b'&'));
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = text(halves.next().unwrap_or_default())?;
            let value = text(halves.next().unwrap_or_default())?;
            members.insert(name, value);
        }
        Ok(Form(members))
    }

    /// An empty member is one that is not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// An object of strings, every member as it was named.
    pub(super) fn to_json(&self) -> Value {
        self.0.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, Refusal> {
        self.get(name)
            .map(|value| {
                value.parse().map_err(|_| {
                    Refusal::new("ValidationError", format!("{name} is not a number: '{value}'"))
                })
            })
            .transpose()
    }

    /// `Name.member.1`, `Name.member.2` … up to the first that is missing.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|number| self.get(&format!("{name}.member.{number}"))).collect()
    }
}

fn text(escaped: &[u8]) -> Result<String, Refusal> {
    let spaced: Vec<u8> = escaped.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced))
        .map_err(|_| Refusal::new("MalformedQueryString", "The form is not UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_escapes_are_read() {
        let form = Form::parse(b"Action=A", b"N.member.2=b%20c&N.member.1=a+%2B&N.member.4=x&E=").unwrap();
        assert_eq!(form.get("Action"), Some("A"));
        assert_eq!(form.list("N"), ["a +", "b c"]);
        assert_eq!(form.get("E"), None);
        assert_eq!(Form::parse(b"", b"a=%ff").unwrap_err().code, "MalformedQueryString");
        assert_eq!(Form::parse(b"", b"a=-1").unwrap().number("a").unwrap_err().code, "ValidationError");
    }
}
