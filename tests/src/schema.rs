//! As much of JSON Schema as `events/pushboat.schema.json` uses. A keyword that is not known is refused, so that no part
//! of the schema goes unchecked. Patterns know `^`, `$`, `[…]` with ranges, `+` and `{n}`.

use serde_json::{Map, Value};

/// Everything about `value` that the schema does not allow, each with where it is.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "$", &mut found);
    found
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        return found.push(format!("{at}: the schema is no object"));
    };
    for (keyword, rule) in keywords {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" => true,
            "type" => rule.as_str().is_some_and(|wanted| is_of(wanted, value)),
            "const" => rule == value,
            "enum" => rule.as_array().is_some_and(|any| any.contains(value)),
            "minLength" => {
                value.as_str().is_none_or(|it| it.chars().count() as u64 >= rule.as_u64().unwrap_or(0))
            }
            "minimum" => value.as_i64().is_none_or(|it| it >= rule.as_i64().unwrap_or(0)),
            "pattern" => value.as_str().is_none_or(|it| rule.as_str().is_some_and(|rule| matches(rule, it))),
            "required" => required(rule, value, at, found),
            "additionalProperties" => *rule == Value::Bool(false) && only_known(keywords, value, at, found),
            "properties" => {
                let empty = Map::new();
                let members = value.as_object().unwrap_or(&empty);
                for (name, of) in rule.as_object().unwrap_or(&empty) {
                    if let Some(member) = members.get(name) {
                        check(of, member, &format!("{at}.{name}"), found);
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, item, &format!("{at}[{index}]"), found);
                }
                true
            }
            _ => false,
        };
        if !holds {
            found.push(format!("{at}: {keyword} {rule} does not hold for {value}"));
        }
    }
}

fn is_of(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

fn required(rule: &Value, value: &Value, at: &str, found: &mut Vec<String>) -> bool {
    for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    rule.is_array()
}

fn only_known(keywords: &Map<String, Value>, value: &Value, at: &str, found: &mut Vec<String>) -> bool {
    for name in value.as_object().into_iter().flat_map(Map::keys) {
        if keywords.get("properties").and_then(|known| known.get(name)).is_none() {
            found.push(format!("{at}: {name} is not known"));
        }
    }
    true
}

/// One place of a pattern: which characters, and how many of them.
type Place = (Vec<(char, char)>, usize, usize);

fn matches(pattern: &str, text: &str) -> bool {
    let (from_start, pattern) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let (to_end, pattern) = pattern.strip_suffix('$').map_or((false, pattern), |rest| (true, rest));
    let places = places(pattern);
    let text: Vec<char> = text.chars().collect();
    let starts = if from_start { 0..=0 } else { 0..=text.len() };
    starts.into_iter().any(|start| fits(&places, &text[start..], to_end))
}

fn places(pattern: &str) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '[' => {
                let inside: Vec<char> = rest.by_ref().take_while(|it| *it != ']').collect();
                let mut ranges = Vec::new();
                let mut index = 0;
                while index < inside.len() {
                    let is_range = inside.get(index + 1) == Some(&'-') && index + 2 < inside.len();
                    let to = if is_range { inside[index + 2] } else { inside[index] };
                    ranges.push((inside[index], to));
                    index += if is_range { 3 } else { 1 };
                }
                places.push((ranges, 1, 1));
            }
            '+' => {
                if let Some(place) = places.last_mut() {
                    place.2 = usize::MAX;
                }
            }
            '{' => {
                let count: String = rest.by_ref().take_while(|it| *it != '}').collect();
                if let (Some(place), Ok(count)) = (places.last_mut(), count.parse()) {
                    (place.1, place.2) = (count, count);
                }
            }
            plain => places.push((vec![(plain, plain)], 1, 1)),
        }
    }
    places
}

fn fits(places: &[Place], text: &[char], to_end: bool) -> bool {
    let Some(((ranges, least, most), rest)) = places.split_first() else { return !to_end || text.is_empty() };
    let fitting =
        text.iter().take_while(|it| ranges.iter().any(|(from, to)| (from..=to).contains(it))).count();
    (*least..=fitting.min(*most)).rev().any(|count| fits(rest, &text[count..], to_end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_schema_does_not_allow_is_found() {
        let schema = json!({
            "type": "object",
            "required": ["a"],
            "additionalProperties": false,
            "properties": {
                "a": {"type": "string", "pattern": "^[a-c_-]+:[0-9]{2}$", "minLength": 4},
                "b": {"type": "array", "items": {"enum": [1, 2]}},
                "c": {"const": true},
                "d": {"type": "integer", "minimum": 0},
                "e": {"pattern": "/"},
            },
        });
        let good = json!({"a": "ab-_c:07", "b": [1, 2, 1], "c": true, "d": 0, "e": "x/y"});
        assert_eq!(violations(&schema, &good), Vec::<String>::new());
        for (bad, where_it_is) in [
            (json!({}), "a is missing"),
            (json!({"a": "ad:07"}), "$.a: pattern"),
            (json!({"a": "ab:7"}), "$.a: pattern"),
            (json!({"a": "ab:077"}), "$.a: pattern"),
            (json!({"a": "a:07", "b": [3]}), "$.b[0]: enum"),
            (json!({"a": "a:07", "c": false}), "$.c: const"),
            (json!({"a": "a:07", "d": -1}), "$.d: minimum"),
            (json!({"a": "a:07", "d": "1"}), "$.d: type"),
            (json!({"a": "a:07", "e": "xy"}), "$.e: pattern"),
            (json!({"a": "a:07", "z": 1}), "z is not known"),
            (json!([]), "$: type"),
        ] {
            let found = violations(&schema, &bad);
            assert!(found.iter().any(|it| it.contains(where_it_is)), "{bad}: {found:?}");
        }
        assert!(!violations(&json!({"oneOf": []}), &json!({})).is_empty(), "an unknown keyword is refused");
    }
}
