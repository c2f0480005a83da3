//! The query protocol: `MetricData.member.1.Dimensions.member.2.Name=…` in, XML out.

use super::value::Value;
use crate::wire::form::Form;
use crate::wire::xml::Xml;

#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: Vec<(String, Node)>,
}

/// A tree of what the form says; every leaf is a text.
pub(in super::super) fn read(form: &Form) -> Value {
    let mut root = Node::default();
    for (name, text) in form.members() {
        let mut node = &mut root;
        for part in name.split('.') {
            let place = match node.children.iter().position(|(known, _)| known == part) {
                Some(place) => place,
                None => {
                    node.children.push((part.to_owned(), Node::default()));
                    node.children.len() - 1
                }
            };
            node = &mut node.children[place].1;
        }
        node.text = Some(text.to_owned());
    }
    root.value()
}

impl Node {
    fn value(self) -> Value {
        if let Some(text) = self.text.filter(|_| self.children.is_empty()) {
            return Value::Text(text);
        }
        let mut children = self.children;
        if let [(name, _)] = &children[..]
            && name == "member"
        {
            let mut items = children.remove(0).1.children;
            // In the order of their numbers, which the form keeps as texts.
            items.sort_by_key(|(number, _)| number.parse::<u64>().unwrap_or(u64::MAX));
            return Value::List(items.into_iter().map(|(_, node)| node.value()).collect());
        }
        Value::Map(children.into_iter().map(|(name, node)| (name, node.value())).collect())
    }
}

/// What stands within the result.
pub(in super::super) fn write(value: &Value) -> String {
    let mut xml = Xml::new();
    put(&mut xml, value);
    xml.finish()
}

fn put(xml: &mut Xml, value: &Value) {
    match value {
        Value::Bool(value) => xml.text(&value.to_string()),
        Value::Integer(value) => xml.text(&value.to_string()),
        Value::Number(value) => xml.text(&format!("{value:?}")),
        Value::Text(text) => xml.text(text),
        Value::Time(at) => xml.text(&at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()),
        Value::List(items) => items.iter().for_each(|item| xml.within("member", |xml| put(xml, item))),
        // A map with names that are data, of which CloudWatch has one, is a list of entries.
        Value::Map(members) if members.iter().any(|(name, _)| !is_member(name)) => {
            for (name, value) in members {
                xml.within("entry", |xml| {
                    xml.leaf("key", name);
                    xml.within("value", |xml| put(xml, value));
                });
            }
        }
        Value::Map(members) => {
            members.iter().for_each(|(name, value)| xml.within(name, |xml| put(xml, value)))
        }
    }
}

/// CloudWatch's own members begin with a capital; percentiles do not.
fn is_member(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_structures_are_read_and_written() {
        let mut form = "Namespace=Game&Tags=".to_owned();
        for number in (1..=11).rev() {
            form.push_str(&format!("&Values.member.{number}={number}&Data.member.{number}.Name=n{number}"));
        }
        let read = read(&Form::parse(b"", form.as_bytes()).unwrap());
        assert_eq!(read.text_of("Namespace"), Ok(Some("Game")));
        assert_eq!(read.list_of("Tags"), Ok(&[][..]));
        let numbers: Vec<_> = read.list_of("Values").unwrap().iter().map(Value::as_number).collect();
        assert_eq!(numbers, (1..=11).map(|it| Some(f64::from(it))).collect::<Vec<_>>());
        assert_eq!(read.list_of("Data").unwrap()[10].text_of("Name"), Ok(Some("n11")));
        let answer = Value::Map(vec![
            ("A".into(), Value::List(vec![Value::Number(2.0), Value::text("<")])),
            ("B".into(), Value::Map(vec![("p99".into(), Value::Number(0.5))])),
        ]);
        assert_eq!(
            write(&answer),
            "<A><member>2.0</member><member>&lt;</member></A><B><entry><key>p99</key><value>0.5</value></entry></B>"
        );
    }
}
