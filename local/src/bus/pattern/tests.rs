use serde_json::{Value, json};

use super::*;

fn matches(pattern: Value, event: &Value) -> bool {
    Pattern::parse(&pattern).unwrap().matches(event)
}

/// A push as the registry tells it, cut to what patterns look at.
fn push() -> Value {
    json!({
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "account": "123456789012",
        "resources": ["arn:one", "arn:two"],
        "detail": {
            "result": "SUCCESS",
            "action-type": "PUSH",
            "repository-name": "game-2048",
            "image-tag": "v1.2",
            "size": 300,
            "nothing": null,
            "signed": true,
            "layers": [{ "kind": "base", "size": 7 }, { "kind": "app", "size": 9 }],
            "none": [],
            "more": { "deep": "down" }
        }
    })
}

/// Each leaf, at its field of the detail, against the push.
fn check<const N: usize>(table: [(&str, Value, bool); N]) {
    for (field, leaf, expected) in table {
        let pattern = json!({ "detail": { field: leaf } });
        assert_eq!(matches(pattern.clone(), &push()), expected, "{pattern}");
    }
}

#[test]
fn values_are_compared() {
    check([
        ("image-tag", json!(["v1.2"]), true),
        ("image-tag", json!(["v1", "v1.2"]), true),
        ("image-tag", json!(["v1"]), false),
        ("image-tag", json!(["V1.2"]), false),
        ("size", json!([300]), true),
        ("size", json!([300.0]), true),
        ("size", json!(["300"]), false),
        ("nothing", json!([null]), true),
        ("missing", json!([null]), false),
        ("signed", json!([true]), true),
        ("signed", json!([false]), false),
    ]);
}

#[test]
fn texts_are_compared() {
    check([
        ("image-tag", json!([{ "prefix": "v1." }]), true),
        ("image-tag", json!([{ "prefix": "" }]), true),
        ("image-tag", json!([{ "prefix": "V" }]), false),
        ("image-tag", json!([{ "prefix": { "equals-ignore-case": "V1" } }]), true),
        ("image-tag", json!([{ "suffix": ".2" }]), true),
        ("image-tag", json!([{ "suffix": ".3" }]), false),
        ("image-tag", json!([{ "suffix": { "equals-ignore-case": "V1.2" } }]), true),
        ("image-tag", json!([{ "equals-ignore-case": "V1.2" }]), true),
        ("image-tag", json!([{ "equals-ignore-case": "V1" }]), false),
        ("size", json!([{ "prefix": "3" }]), false),
        ("image-tag", json!([{ "wildcard": "v*.2" }]), true),
        ("image-tag", json!([{ "wildcard": "v*.3" }]), false),
        ("image-tag", json!([{ "wildcard": "*" }]), true),
        ("image-tag", json!([{ "wildcard": "v1.2" }]), true),
        ("image-tag", json!([{ "wildcard": "v1" }]), false),
        ("image-tag", json!([{ "wildcard": "v1.2*2" }]), false),
        ("repository-name", json!([{ "wildcard": "*-*4*" }]), true),
        ("repository-name", json!([{ "wildcard": "game\\*" }]), false),
    ]);
}

#[test]
fn anything_but_wants_another_value() {
    check([
        ("image-tag", json!([{ "anything-but": "" }]), true),
        ("image-tag", json!([{ "anything-but": "v1.2" }]), false),
        ("image-tag", json!([{ "anything-but": ["", "v1.2"] }]), false),
        ("image-tag", json!([{ "anything-but": ["", "latest"] }]), true),
        ("image-tag", json!([{ "anything-but": { "prefix": "v" } }]), false),
        ("image-tag", json!([{ "anything-but": { "prefix": "sha256-" } }]), true),
        ("image-tag", json!([{ "anything-but": { "suffix": [".sig", ".2"] } }]), false),
        ("image-tag", json!([{ "anything-but": { "wildcard": "v*" } }]), false),
        ("image-tag", json!([{ "anything-but": { "equals-ignore-case": "LATEST" } }]), true),
        ("size", json!([{ "anything-but": [300, 301] }]), false),
        ("missing", json!([{ "anything-but": "" }]), false),
    ]);
}

#[test]
fn exists_looks_for_leaves() {
    check([
        ("image-tag", json!([{ "exists": true }]), true),
        ("image-tag", json!([{ "exists": false }]), false),
        ("missing", json!([{ "exists": true }]), false),
        ("missing", json!([{ "exists": false }]), true),
        ("nothing", json!([{ "exists": true }]), true),
        ("more", json!([{ "exists": true }]), false),
        ("missing", json!(["v1", { "exists": false }]), true),
        ("missing", json!({ "below": [{ "exists": false }] }), true),
    ]);
}

#[test]
fn numbers_are_compared() {
    check([
        ("size", json!([{ "numeric": ["=", 300] }]), true),
        ("size", json!([{ "numeric": [">", 0, "<=", 300] }]), true),
        ("size", json!([{ "numeric": [">", 0, "<", 300] }]), false),
        ("size", json!([{ "numeric": [">=", 300.5] }]), false),
        ("image-tag", json!([{ "numeric": [">", 0] }]), false),
    ]);
}

#[test]
fn objects_are_entered() {
    check([
        ("more", json!({ "deep": ["down"] }), true),
        ("more", json!({ "deep": ["up"] }), false),
        ("more", json!(["down"]), false),
        ("image-tag", json!({ "deep": ["v1.2"] }), false),
    ]);
}

#[test]
fn one_element_of_a_list_is_enough() {
    check([
        ("layers", json!({ "kind": ["app"] }), true),
        ("layers", json!({ "kind": ["app"], "size": [9] }), true),
        ("layers", json!({ "kind": ["app"], "size": [7] }), false),
        ("none", json!([{ "exists": true }]), false),
    ]);
}

#[test]
fn all_fields_must_match_and_lists_intersect() {
    let rule = json!({
        "source": ["aws.ecr"],
        "detail-type": ["ECR Image Action"],
        "detail": { "action-type": ["PUSH"], "result": ["SUCCESS"], "image-tag": [{ "anything-but": "" }] }
    });
    assert!(matches(rule.clone(), &push()));
    let mut untagged = push();
    untagged["detail"]["image-tag"] = json!("");
    assert!(!matches(rule.clone(), &untagged));
    let mut deleted = push();
    deleted["detail"]["action-type"] = json!("DELETE");
    assert!(!matches(rule.clone(), &deleted));
    assert!(!matches(rule, &json!("an event is an object")));
    assert!(matches(json!({ "resources": ["arn:two", "arn:three"] }), &push()));
    assert!(!matches(json!({ "resources": ["arn:three"] }), &push()));
}

#[test]
fn or_takes_one_of_several() {
    let pattern = |tag: &str| {
        json!({
            "source": ["aws.ecr"],
            "$or": [{ "detail": { "image-tag": [tag] } }, { "detail": { "size": [{ "numeric": ["<", 5] }] } }]
        })
    };
    assert!(matches(pattern("v1.2"), &push()));
    assert!(!matches(pattern("v9"), &push()));
}

fn check_refusals<const N: usize>(table: [(Value, &str, &str); N]) {
    for (pattern, path, reason) in table {
        let error = Pattern::parse(&pattern).unwrap_err();
        assert_eq!((error.path.as_str(), error.reason.as_str()), (path, reason), "{pattern}");
    }
}

#[test]
fn a_pattern_that_is_not_understood_is_refused() {
    check_refusals([
        (json!([]), "$", "a pattern is a JSON object"),
        (json!({}), "$", "it is empty"),
        (json!({ "source": "aws.ecr" }), "$.source", "a value stands in a list: write [value]"),
        (json!({ "source": [] }), "$.source", "the list of alternatives is empty"),
        (json!({ "detail": {} }), "$.detail", "it is empty"),
        (json!({ "a": [["b"]] }), "$.a", "a list within a list of alternatives"),
        (json!({ "a": [{ "cidr": "10.0.0.0/8" }] }), "$.a.cidr", "the operator is not known here"),
        (json!({ "a": [{}] }), "$.a", "an object here has exactly one operator"),
        (
            json!({ "a": [{ "prefix": "b", "suffix": "c" }] }),
            "$.a",
            "an object here has exactly one operator",
        ),
        (json!({ "a": [{ "prefix": 1 }] }), "$.a.prefix", "prefix takes a text"),
        (
            json!({ "a": [{ "prefix": { "suffix": "b" } }] }),
            "$.a.prefix",
            "prefix takes a text or equals-ignore-case",
        ),
        (json!({ "a": [{ "exists": "yes" }] }), "$.a.exists", "exists takes true or false"),
        (json!({ "a": [{ "anything-but": [] }] }), "$.a.anything-but", "the list is empty"),
        (json!({ "a": [{ "anything-but": [["b"]] }] }), "$.a.anything-but", "anything-but takes values"),
        (
            json!({ "a": [{ "anything-but": { "like": "b" } }] }),
            "$.a.anything-but.like",
            "the operator is not known here",
        ),
        (json!({ "a": [{ "wildcard": "b**" }] }), "$.a.wildcard", "two asterisks in a row"),
        (json!({ "a": [{ "wildcard": "b\\c" }] }), "$.a.wildcard", "a backslash stands before * or \\"),
        (json!({ "$or": [{ "a": ["b"] }] }), "$.$or", "$or takes two patterns or more"),
    ]);
}

#[test]
fn comparisons_and_texts_that_are_not_understood_are_refused() {
    let operands = [json!(5), json!([">"]), json!(["!", 5]), json!([">", "5"]), json!(["=", 5, "<", 9])];
    for operand in operands {
        let error = Pattern::parse(&json!({ "a": [{ "numeric": operand }] })).unwrap_err();
        assert!(error.reason.starts_with("numeric takes"), "{operand}");
    }
    assert!("{".parse::<Pattern>().is_err());
    assert!("{\"source\":[\"aws.ecr\"]}".parse::<Pattern>().is_ok());
}
