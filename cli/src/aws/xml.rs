//! An answer in XML as a tree: an element with elements is an object, one of `member` or `item` alone a list, any other a
//! text. An empty list cannot be told from an empty text, and whoever looks for one finds none.

use serde_json::{Map, Value};
use xmlparser::{ElementEnd, Token, Tokenizer};

/// No answer of AWS's is so deep; what is deeper is none.
const DEEPEST: usize = 64;

#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

/// The root's content; why it is not to be read.
pub(super) fn read(xml: &str) -> Result<Value, String> {
    let mut open: Vec<Element> = Vec::new();
    for token in Tokenizer::from(xml) {
        match token.map_err(|error| error.to_string())? {
            Token::ElementStart { local, .. } if open.len() < DEEPEST => {
                open.push(Element { name: local.as_str().to_owned(), ..Element::default() });
            }
            Token::ElementStart { .. } => return Err("it is too deep".to_owned()),
            Token::ElementEnd { end: ElementEnd::Open, .. } => {}
            Token::ElementEnd { .. } => {
                let done = open.pop().ok_or("an element ends that never began")?;
                match open.last_mut() {
                    None => return Ok(value(done)),
                    Some(parent) => {
                        let name = done.name.clone();
                        parent.children.push((name, value(done)));
                    }
                }
            }
            Token::Text { text } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&unescaped(text.as_str()));
                }
            }
            Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(text.as_str());
                }
            }
            _ => {}
        }
    }
    Err("it ends before its root does".to_owned())
}

fn value(element: Element) -> Value {
    let Element { text, children, .. } = element;
    match children.first() {
        None => Value::String(text.trim().to_owned()),
        Some((name, _)) if matches!(name.as_str(), "member" | "item") => {
            Value::Array(children.into_iter().map(|(_, value)| value).collect())
        }
        Some(_) => Value::Object(children.into_iter().collect::<Map<_, _>>()),
    }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest)));
        match known {
            Some((character, rest)) => {
                plain.push(character);
                plain.push_str(rest);
            }
            None => {
                plain.push('&');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(hex), _) => number(hex, 16),
            (None, Some(decimal)) => number(decimal, 10),
            _ => None,
        },
    }
}

/// Where `path` leads, perhaps to nothing.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, name| &value[*name])
}

/// What stands there as a list, which is empty where there is none.
pub(super) fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_objects_and_texts_are_told_apart() {
        let xml = r#"<?xml version="1.0"?><R xmlns="urn:x"><A><member><K>a &amp; b</K><E/></member><member>&#x41;&#66;</member></A>
            <Set><item>1</item></Set><None></None></R>"#;
        let read = read(xml).unwrap();
        assert_eq!(read, json!({"A": [{"K": "a & b", "E": ""}, "AB"], "Set": ["1"], "None": ""}));
        assert_eq!((items(&read, &["None"]), items(&read, &["A", "B"])), (&[][..], &[][..]));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for text in ["", "not found", "<a>", "<a><b></a>x", "<a"] {
            let read = read(text);
            assert!(read.is_err() || text == "<a><b></a>x", "{text}: {read:?}");
        }
        assert!(read(&"<a>".repeat(100)).is_err());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(text in "[<>a/&;# \"!\\[\\]-]{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn a_text_comes_back_as_it_was(text in "[a-z<>&\"' ]{0,40}") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let tree = read(&format!("<r><t>{escaped}</t></r>")).unwrap();
            prop_assert_eq!(tree["t"].as_str(), Some(text.trim()));
        }
    }
}
