//! The rule of a composite alarm, as far as it says which alarms it looks at.
//!
//! `ALARM("name")`, `OK(name)`, `INSUFFICIENT_DATA(arn)` and `AT_LEAST(2, ALARM, (one, "two"))`, however they are joined
//! and nested. Whether the rule holds is CloudWatch's to say; what cannot be read here names nothing.

use std::collections::BTreeSet;

const STATES: [&str; 3] = ["ALARM", "OK", "INSUFFICIENT_DATA"];

/// The names of the alarms that a rule looks at, each once, in order.
pub fn names(rule: &str) -> Vec<String> {
    let mut rest = rule;
    let mut found = BTreeSet::new();
    while let Some(token) = next_token(&mut rest) {
        let is_state =
            matches!(token, Token::Word(word) if STATES.iter().any(|it| it.eq_ignore_ascii_case(word)));
        if !is_state {
            continue;
        }
        let mut ahead = rest;
        match next_token(&mut ahead) {
            Some(Token::Sign('(')) => {}
            // Of several alarms, the list is an argument of its own.
            Some(Token::Sign(',')) if next_token(&mut ahead) == Some(Token::Sign('(')) => {}
            _ => continue,
        }
        while let Some(Token::Word(name) | Token::Quoted(name)) = next_token(&mut ahead) {
            found.insert(without_arn(name).to_owned());
            let before = ahead;
            if next_token(&mut ahead) != Some(Token::Sign(',')) {
                ahead = before;
                break;
            }
        }
        rest = ahead;
    }
    found.remove("");
    found.into_iter().collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Sign(char),
    Word(&'a str),
    Quoted(&'a str),
}

fn next_token<'a>(rest: &mut &'a str) -> Option<Token<'a>> {
    let text = rest.trim_start();
    let sign = text.chars().next()?;
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, after) = quoted.split_once('"').unwrap_or((quoted, ""));
        *rest = after;
        return Some(Token::Quoted(name));
    }
    if matches!(sign, '(' | ')' | ',') {
        *rest = &text[1..];
        return Some(Token::Sign(sign));
    }
    let ends = |it: char| it.is_whitespace() || matches!(it, '(' | ')' | ',' | '"');
    let (word, after) = text.split_at(text.find(ends).unwrap_or(text.len()));
    *rest = after;
    Some(Token::Word(word))
}

/// `arn:aws:cloudwatch:<region>:<account>:alarm:<name>`
fn without_arn(name: &str) -> &str {
    let arn = name.strip_prefix("arn:").and_then(|arn| arn.split_once(":alarm:"));
    arn.map_or(name, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_however_they_are_written() {
        for (rule, expected) in [
            ("ALARM(a)", vec!["a"]),
            ("ALARM(\"a b\") and (OK(c) OR NOT insufficient_data(d))", vec!["a b", "c", "d"]),
            (
                "ALARM( arn:aws:cloudwatch:eu-central-1:123456789012:alarm:orders/queue )",
                vec!["orders/queue"],
            ),
            ("ALARM(\"arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:a:alarm:b\")", vec!["a:alarm:b"]),
            ("ALARM(a) OR ALARM(a)", vec!["a"]),
            ("AT_LEAST(2, ALARM, (a, \"b, c\", d)) AND OK(e)", vec!["a", "b, c", "d", "e"]),
            ("AT_LEAST(50%, NOT OK, (a,b))", vec!["a", "b"]),
            ("ALARM(ALARM) OR OK(OK)", vec!["ALARM", "OK"]),
            ("((ALARM(a)))AND(ALARM(b))", vec!["a", "b"]),
            ("TRUE", vec![]),
            ("NOT FALSE", vec![]),
            ("", vec![]),
            ("ALARM", vec![]),
            ("ALARM(", vec![]),
            ("ALARM()", vec![]),
            ("ALARM(\"\")", vec![]),
            ("ALARM(\"a", vec!["a"]),
        ] {
            assert_eq!(names(rule), expected, "{rule}");
        }
    }

    /// A rule over some names, with the names in it.
    fn rules() -> impl Strategy<Value = (String, BTreeSet<String>)> {
        let written = prop_oneof![
            "[a-zA-Z0-9/._-]{1,12}".prop_map(|name| (name.clone(), name)),
            "[a-zA-Z0-9(),/ é_-]{0,12}[a-z]".prop_map(|name| (format!("\"{name}\""), name)),
            "[a-zA-Z0-9/_-]{1,12}".prop_map(|name| (
                format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{name}"),
                name
            )),
        ];
        let state = prop_oneof![Just("ALARM"), Just("OK"), Just("INSUFFICIENT_DATA"), Just("alarm")];
        let one = (state, written)
            .prop_map(|(state, (written, name))| (format!("{state}({written})"), BTreeSet::from([name])));
        let leaf = prop_oneof![4 => one, 1 => Just(("TRUE".to_owned(), BTreeSet::new()))];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let joined = (inner.clone(), inner.clone(), any::<bool>()).prop_map(|(left, right, both)| {
                let word = if both { "AND" } else { "or" };
                (format!("({}) {word} {}", left.0, right.0), &left.1 | &right.1)
            });
            prop_oneof![joined, inner.prop_map(|(rule, names)| (format!("NOT ({rule})"), names))]
        })
    }

    proptest! {
        #[test]
        fn what_stands_in_a_rule_is_found_and_nothing_else((rule, expected) in rules()) {
            prop_assert_eq!(names(&rule), expected.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn nothing_makes_it_stumble(rule in "\\PC{0,60}") {
            names(&rule);
        }
    }
}
