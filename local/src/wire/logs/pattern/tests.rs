use proptest::prelude::*;

use super::*;

fn fits(pattern: &str, line: &str) -> bool {
    Pattern::parse(pattern).unwrap().fits(line)
}

#[test]
fn fields_are_compared() {
    let line = r#"{"decision":"scaled","service":"prod/web","to":4,"deep":{"list":[{"a":null}]},"is":true}"#;
    for (pattern, expected) in [
        (r#"{ $.decision = "scaled" }"#, true),
        ("{$.decision=scaled}", true),
        (r#"{ $.decision != "scaled" }"#, false),
        (r#"{ $.nothing != "scaled" }"#, false),
        (r#"{ $.decision = "sc*d" && $.service = "*web" }"#, true),
        (r#"{ $.decision = "*x*" }"#, false),
        (r#"{ $.service = "prod/web" && ($.decision = "kept" || $.decision = "scaled") }"#, true),
        (r#"{ $.service = "prod/web" && $.decision = "kept" || $.to > 3 }"#, true),
        ("{ $.to > 4 }", false),
        ("{ $.to >= 4 && $.to <= 4 && $.to < 5 && $.to = 4.0 && $.to != 3 }", true),
        (r#"{ $.to = "4" }"#, false),
        ("{ $.deep.list[0].a IS NULL }", true),
        ("{ $.deep.list[1].a NOT EXISTS && $.is EXISTS && $.is IS TRUE }", true),
        ("{ $.is IS FALSE }", false),
    ] {
        assert_eq!(fits(pattern, line), expected, "{pattern}");
    }
    assert!(!fits("{ $.a = 1 }", "no JSON, a = 1"));
}

#[test]
fn words_are_there_or_not() {
    for (pattern, line, expected) in [
        ("", "anything", true),
        ("a b", "b and a", true),
        ("a -b", "b and a", false),
        (r#"?"two words" ?x"#, "has two words", true),
        ("?x ?y", "neither", false),
    ] {
        assert_eq!(fits(pattern, line), expected, "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_is_refused() {
    for pattern in [
        "{",
        "{}",
        "{ $.a }",
        "{ $.a = }",
        "{ a = 1 }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a = 1 ) }",
        "{ $.a NOT }",
        "{ $.a IS MAYBE }",
        "{ $. = 1 }",
        "{ $.a..b = 1 }",
        "{ $.a = \"x }",
        "[a, b]",
        "%x%",
        "\"x",
        "{ $.a & 1 }",
    ] {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
}

proptest! {
    #[test]
    fn nothing_that_is_sent_is_too_much(pattern in "[{}()$.a-c&|!<>= \"*0-9]{0,30}", line in ".{0,40}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            pattern.fits(&line);
        }
    }
}
