//! The tags that hand a service over, and back.

use proptest::prelude::*;

use super::*;
use crate::checklist::handover::{self, Wish, changes, removals, tags};
use crate::model::Tags;

fn own(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_wish_becomes_tags_or_a_reason() {
    let wish = |tracks: &[&str], capacity: Option<&str>| Wish {
        tracks: tracks.iter().map(|it| (*it).to_owned()).collect(),
        capacity: capacity.map(str::to_owned),
        ..Wish::default()
    };
    let expected = own(&[
        ("pushboat:track", "cart:live"),
        ("pushboat:track:side", "proxy:semver/1"),
        ("pushboat:capacity", "2-10"),
    ]);
    assert_eq!(tags(&wish(&["cart:live", "side=proxy:semver/1"], Some("2-10"))), Ok(expected));
    for (wish, says) in [
        (wish(&["cart"], None), "not <repository>:<rule>"),
        (wish(&["=cart:live"], None), "names no container"),
        (wish(&["cart:live", "shop:live"], None), "pushboat:track is named twice"),
        (wish(&["cart:live"], Some("10-2")), "minimum is above the maximum"),
        (Wish { load: Some("cpu/60".into()), ..wish(&["cart:live"], None) }, "no pushboat:capacity"),
        (
            Wish { max_severity: Some("bad".into()), ..wish(&["cart:live"], None) },
            "pushboat:max-severity is 'bad'",
        ),
        (Wish { overlap: Some("later".into()), ..wish(&["cart:live"], None) }, "pushboat:overlap is 'later'"),
        (wish(&["a(b)=cart:live"], None), "AWS takes no tag"),
    ] {
        let refused = tags(&wish).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn only_what_is_other_is_written_and_lessons_stay() {
    let rejected = format!("pushboat:rejected:{}", "ab".repeat(32));
    let present = own(&[
        ("Name", "cart"),
        ("pushboat:track", "cart:live"),
        (&rejected, "failed"),
        ("pushboat:hold", "- ann x"),
    ]);
    let wanted = own(&[("pushboat:track", "cart:main"), ("pushboat:capacity", "2-4")]);
    let written: Vec<String> = changes(&present, &wanted)
        .unwrap()
        .iter()
        .map(|it| format!("{} {:?}", it.tag, it.from.as_deref()))
        .collect();
    assert_eq!(written, ["pushboat:capacity None", "pushboat:track Some(\"cart:live\")"]);
    assert_eq!(changes(&present, &own(&[("pushboat:track", "cart:live")])), Ok(vec![]));
    let unreadable = own(&[("pushboat:load", "much")]);
    assert!(changes(&unreadable, &wanted).is_err(), "what stays could not be read any more");
    let keys = |all: bool| -> Vec<String> { removals(&present, all).into_iter().map(|it| it.tag).collect() };
    assert_eq!(keys(false), ["pushboat:hold", "pushboat:track"]);
    assert_eq!(keys(true), ["pushboat:hold", rejected.as_str(), "pushboat:track"]);
}

#[test]
fn tags_of_aws_are_beside_those_that_are_counted() {
    let many = |of_aws: usize, own: usize| -> Tags {
        let key =
            |number: usize| if number < of_aws { format!("aws:{number}") } else { format!("k{number}") };
        (0..of_aws + own).map(|number| (key(number), String::new())).collect()
    };
    let wanted = own(&[("pushboat:track", "cart:live")]);
    assert_eq!(changes(&many(3, 49), &wanted).map(|it| it.len()), Ok(1));
    assert_eq!(changes(&many(3, 50), &wanted), Err(handover::NotATag::TooMany(51)));
}

#[test]
fn tags_that_a_template_declares_are_not_written_over_unsaid() {
    let present = own(&[("pushboat:template", "shop"), ("pushboat:track", "cart:live")]);
    let found = |present: &Tags, wanted: &[(&str, &str)]| {
        handover::is_theirs(present, &changes(present, &own(wanted)).unwrap())
    };
    let wrong = found(&present, &[("pushboat:track", "cart:main")]).unwrap();
    assert_eq!(wrong.verdict, Verdict::Wrong);
    assert!(wrong.why.contains("the stack shop"), "{}", wrong.why);
    assert_eq!(found(&present, &[("pushboat:track", "cart:live")]), None, "nothing is written");
    assert_eq!(
        found(&own(&[("aws:cloudformation:stack-name", "shop")]), &[("pushboat:track", "cart:main")]),
        None
    );
}

#[test]
fn what_is_followed_is_one_container() {
    let check =
        |tags: &[(&str, &str)]| handover::check(&own(tags), document().as_object().unwrap()).remove(0);
    assert_eq!(check(&[("pushboat:track", "cart:live")]).verdict, Verdict::Ok);
    assert_eq!(check(&[("pushboat:track:app", "other:live")]).verdict, Verdict::Ok);
    let wrong = check(&[("pushboat:track", "other:live")]);
    assert_eq!(wrong.what_to_do.as_deref(), Some("say which it is: --track app=other:live"));
    assert_eq!(check(&[("pushboat:track:web", "cart:live")]).verdict, Verdict::Wrong);
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(
        tracks in prop::collection::vec("[a-z=:/.*]{0,12}", 0..3),
        capacity in prop::option::of("[0-9-]{0,5}"),
        load in prop::option::of("(cpu|memory|requests)/[0-9]{1,3}"),
    ) {
        if let Ok(tags) = tags(&Wish { tracks, capacity, load, ..Wish::default() }) {
            prop_assert!(crate::policy::tracks(&tags).is_ok() && crate::capacity::policy::Policy::of(&tags).is_ok());
            prop_assert!(tags.keys().all(|key| key.starts_with("pushboat:")));
            let undone = removals(&tags, false);
            prop_assert_eq!(undone.len(), tags.len(), "all of it can be taken back");
        }
    }
}
