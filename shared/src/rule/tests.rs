use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::model::Digest;

fn digest(number: u64) -> Digest {
    format!("sha256:{number:064x}").parse().unwrap()
}

/// Digest, second of the push, tags.
fn image(number: u64, pushed_at: i64, tags: &[&str]) -> Image {
    Image {
        repository: "game".into(),
        digest: digest(number),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        pushed_at: Some(Timestamp::from_second(pushed_at).unwrap()),
        kind: ImageKind::Image,
    }
}

/// One image for each tag, pushed in this order.
fn pushed(tags: &[&str]) -> Vec<Image> {
    let numbered = (0..).zip(tags);
    numbered.map(|(number, tag)| image(number, i64::try_from(number).unwrap(), &[tag])).collect()
}

fn rule(text: &str) -> Rule {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_rule_is_shown_as_it_is_written() {
    for text in [
        "live",
        "v1.4",
        "prefix/main-",
        "prefix/1",
        "semver/any",
        "semver/0",
        "semver/1",
        "semver/1.4",
        "semver/10.20+pre",
        "semver/any+pre",
    ] {
        assert_eq!(rule(text).to_string(), text);
        assert_eq!(serde_json::to_value(rule(text)).unwrap(), text);
        // The characters of a tag's value in AWS.
        assert_eq!(crate::policy::tag_value(text), text);
    }
}

#[test]
fn what_is_no_rule_is_refused_for_a_reason() {
    for (text, why) in [
        ("", RuleError::NotATag),
        (".v1", RuleError::NotATag),
        ("v 1", RuleError::NotATag),
        ("main*", RuleError::NotATag),
        ("glob/main-", RuleError::UnknownRule),
        ("Semver/1", RuleError::UnknownRule),
        ("prefix/", RuleError::NotAPrefix),
        ("prefix/-main", RuleError::NotAPrefix),
        ("prefix/main/1", RuleError::NotAPrefix),
        ("semver/", RuleError::NotARange),
        ("semver/*", RuleError::NotARange),
        ("semver/v1", RuleError::NotARange),
        ("semver/1.", RuleError::NotARange),
        ("semver/.4", RuleError::NotARange),
        ("semver/01", RuleError::NotARange),
        ("semver/+1", RuleError::NotARange),
        ("semver/1.4.2", RuleError::NotARange),
        ("semver/1-rc", RuleError::NotARange),
        ("semver/1+beta", RuleError::NotARange),
        ("semver/99999999999999999999", RuleError::NotARange),
        ("deployed-0123456789ab", RuleError::NeverDeployed),
        ("prefix/deployed-", RuleError::NeverDeployed),
        ("v1.sig", RuleError::NeverDeployed),
    ] {
        assert_eq!(text.parse::<Rule>(), Err(why), "{text}");
    }
}

#[test]
fn a_tag_fits_or_it_does_not() {
    let signature = format!("sha256-{}.sig", "ab".repeat(32));
    let referrers = format!("sha256-{}", "ab".repeat(32));
    for (text, fits, others) in [
        ("live", &["live"][..], &["live-1", "Live", "v1"][..]),
        ("prefix/main-", &["main-1", "main-", "main-x"], &["main", "xmain-1", "Main-1"]),
        ("prefix/sha256-", &["sha256-abc"], &[&signature, &referrers]),
        ("prefix/d", &["dev"], &["deployed-0123456789ab"]),
        ("prefix/v", &["v1", "v1.sigma"], &["v1.sig", "v1.att", "v1.sbom"]),
        (
            "semver/1",
            &["1.0.0", "v1.2.3", "1.99999999999.0"],
            &[
                "1",
                "1.2",
                "v1",
                "V1.2.3",
                "vv1.2.3",
                "1.02.3",
                "1.2.3.4",
                "1.2.3-rc.1",
                "1.2.3_1",
                "1.2.3-",
                "2.0.0",
                "0.1.2",
                "1.2.x",
                "latest",
                "1.2.99999999999999999999999",
            ],
        ),
        ("semver/1.4", &["1.4.0", "v1.4.20"], &["1.40.0", "1.3.9", "1.4.0-rc.1"]),
        ("semver/any", &["0.0.1", "v7.0.0"], &["7.0.0-rc.1", "7"]),
        ("semver/1+pre", &["1.0.0", "1.2.3-rc.1", "v1.2.3-0"], &["1.2.3-01", "1.2.3-rc..1", "2.0.0-rc.1"]),
    ] {
        for tag in fits {
            assert!(rule(text).fits(tag), "{text} {tag}");
        }
        for tag in others {
            assert!(!rule(text).fits(tag), "{text} {tag}");
        }
    }
}

#[test]
fn the_newest_wins() {
    for (text, tags, expected) in [
        ("live", &["v1", "live", "v2"][..], Some("live ")),
        ("live", &["v1"], None),
        // By number, not by letter, and not by the order of the pushes.
        ("prefix/main-", &["main-9", "main-10", "main-8"], Some("main-10 number")),
        ("prefix/main-", &["main-9-ffff", "main-10-0000", "main-8"], Some("main-10-0000 number")),
        ("prefix/main-", &["main-0", "other-7"], Some("main-0 number")),
        // One without a number, and the time of the push is all there is to go by.
        ("prefix/main-", &["main-10", "main-9", "main-4f2a9c1"], Some("main-4f2a9c1 push time")),
        ("prefix/main-", &["main-10", "main-", "main-9"], Some("main-9 push time")),
        ("prefix/main-", &["main-10", "main-1.5", "main-9"], Some("main-9 push time")),
        (
            "prefix/main-",
            &["main-1", "main-999999999999999999999999999999999999999999"],
            Some("main-999999999999999999999999999999999999999999 push time"),
        ),
        ("prefix/main-", &["v1"], None),
        ("semver/any", &["1.10.0", "1.9.0", "v0.1.0", "2", "2.0.0-rc.1"], Some("1.10.0 version")),
        ("semver/any+pre", &["1.10.0", "2.0.0-rc.10", "2.0.0-rc.9"], Some("2.0.0-rc.10 version")),
        ("semver/1+pre", &["1.0.0", "1.0.0-rc.1"], Some("1.0.0 version")),
        ("semver/1", &["2.0.0", "1.0.0", "1.0.1"], Some("1.0.1 version")),
        ("semver/1.4", &["1.5.0", "v1.4.2", "1.4.1"], Some("v1.4.2 version")),
        ("semver/3", &["1.5.0"], None),
    ] {
        let found = rule(text).choose(&pushed(tags)).map(|choice| match choice.how {
            How::ByName => format!("{} ", choice.tag),
            How::Newest { by, had_equals, .. } => {
                assert!(!had_equals, "{text} {tags:?}");
                format!("{} {by}", choice.tag)
            }
        });
        assert_eq!(found.as_deref(), expected, "{text} {tags:?}");
    }
}

#[test]
fn among_equals_the_last_push_counts_then_the_digest_and_it_is_said() {
    let words = |text: &str, images: &[Image]| {
        let choice = rule(text).choose(images).unwrap();
        (choice.image.digest, format!("{} {}", choice.tag, choice.how))
    };
    let (first, second) = (image(9, 10, &["1.2.3"]), image(1, 20, &["v1.2.3"]));
    assert_eq!(
        words("semver/1", &[first, second]),
        (
            digest(1),
            "v1.2.3 the newest of semver/1 by version and, of equals, by push time and digest".into()
        )
    );
    let at_once = [image(1, 10, &["main-7-a"]), image(2, 10, &["main-7-b"])];
    assert_eq!(words("prefix/main-", &at_once).0, digest(2));
    let unnumbered = [image(1, 10, &["main-a"]), image(2, 10, &["main-b"]), image(3, 5, &["main-c"])];
    assert_eq!(
        words("prefix/main-", &unnumbered),
        (digest(2), "main-b the newest of prefix/main- by push time and, of equals, by digest".into())
    );
    // Two tags of one image are one image.
    assert_eq!(
        words("semver/1", &[image(1, 10, &["1.2.3", "v1.2.3"])]),
        (digest(1), "v1.2.3 the newest of semver/1 by version".into())
    );
    let mut timeless = image(5, 0, &["main-x"]);
    timeless.pushed_at = None;
    assert_eq!(words("prefix/main-", &[timeless, image(1, 0, &["main-y"])]).0, digest(1));
}

#[test]
fn only_images_are_chosen() {
    for kind in [
        ImageKind::Archived,
        ImageKind::About("sha256:0".into()),
        ImageKind::Artifact("application/vnd.cncf.helm.config.v1+json".into()),
    ] {
        let other = Image { kind, ..image(2, 2, &["1.3.0", "main-3"]) };
        let images = [image(1, 1, &["1.2.0", "main-2"]), other];
        for text in ["semver/1", "prefix/main-"] {
            assert_eq!(rule(text).choose(&images).unwrap().image.digest, digest(1), "{text}");
        }
        assert_eq!(rule("1.3.0").choose(&images), None);
    }
    // What Pushboat itself has put on an image makes it no newer.
    let images = [image(1, 1, &["main-2", "deployed-0123456789ab"]), image(2, 2, &["deployed-9999"])];
    assert_eq!(rule("prefix/main-").choose(&images).unwrap().tag, "main-2");
}

fn any_tag() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u64..4, 0_u64..4, 0_u64..12).prop_map(|(a, b, c)| format!("{a}.{b}.{c}")),
        (0_u64..4, 0_u64..12).prop_map(|(a, c)| format!("v{a}.1.{c}-rc.{c}")),
        (0_u64..40).prop_map(|number| format!("main-{number}")),
        (0_u64..40).prop_map(|number| format!("main-{number}-abc")),
        "main-[a-f0-9]{0,7}",
        "[a-zA-Z0-9_.-]{1,12}",
        (0_u64..9).prop_map(|number| format!("deployed-{number:012}")),
    ]
}

/// A repository as ECR keeps it: a tag is on one image.
fn any_repository() -> impl Strategy<Value = Vec<Image>> {
    let kind = prop_oneof![
        4 => Just(ImageKind::Image),
        1 => Just(ImageKind::Archived),
        1 => Just(ImageKind::Artifact("x".into())),
    ];
    let one = (prop::collection::btree_set(any_tag(), 0..4), prop::option::of(0_i64..5), kind);
    prop::collection::vec(one, 0..12).prop_map(|parts| {
        let mut seen = std::collections::BTreeSet::new();
        let images = (0..).zip(parts).map(|(number, (tags, pushed_at, kind))| {
            let tags = tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect();
            let pushed_at = pushed_at.map(|at| Timestamp::from_second(at).unwrap());
            Image { tags, pushed_at, kind, ..image(number, 0, &[]) }
        });
        images.collect()
    })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let texts =
        ["main-1", "prefix/main-", "prefix/v", "semver/any", "semver/1", "semver/1.1", "semver/any+pre"];
    prop::sample::select(texts.to_vec()).prop_map(rule)
}

proptest! {
    #[test]
    fn the_order_of_the_list_does_not_matter((images, shuffled) in any_repository().prop_flat_map(|images| {
        (Just(images.clone()), Just(images).prop_shuffle())
    }), rule in any_rule()) {
        let shuffled: Vec<_> = shuffled.into_iter().map(|mut image| { image.tags.reverse(); image }).collect();
        let named = |choice: Option<Choice>| choice.map(|it| (it.image.digest, it.tag, it.how));
        prop_assert_eq!(named(rule.choose(&images)), named(rule.choose(&shuffled)));
    }

    #[test]
    fn what_is_chosen_may_be_deployed_and_nothing_that_fits_is_higher(images in any_repository(), rule in any_rule()) {
        let Some(choice) = rule.choose(&images) else {
            let deployable = images.iter().filter(|image| image.kind == ImageKind::Image);
            prop_assert!(deployable.flat_map(|image| &image.tags).all(|tag| !rule.fits(tag)));
            return Ok(());
        };
        prop_assert_eq!(&choice.image.kind, &ImageKind::Image);
        prop_assert!(rule.fits(&choice.tag) && !is_never_deployed(&choice.tag));
        prop_assert!(choice.image.tags.contains(&choice.tag));
        // The pair that was chosen stands against every other one alone, by the same order.
        let numbered = matches!(choice.how, How::Newest { by: Order::Number, .. });
        for image in images.iter().filter(|image| image.kind == ImageKind::Image) {
            for tag in image.tags.iter().filter(|tag| rule.fits(tag)) {
                match (&rule, numbered) {
                    (Rule::Semver { .. }, _) => prop_assert!(rule.version(tag) <= rule.version(&choice.tag)),
                    (Rule::Prefix(_), true) => prop_assert!(number(&tag["main-".len()..]) <= number(&choice.tag["main-".len()..])),
                    (Rule::Prefix(_), false) => prop_assert!(image.pushed_at <= choice.image.pushed_at),
                    (Rule::Tag(own), _) => prop_assert_eq!(own, &choice.tag),
                }
            }
        }
    }

    /// A push that no rule takes changes nothing, so its event may be ignored.
    #[test]
    fn a_tag_that_does_not_fit_changes_nothing(mut images in any_repository(), tag in any_tag(), rule in any_rule()) {
        prop_assume!(!rule.fits(&tag) && images.iter().all(|image| !image.tags.contains(&tag)));
        let before = rule.choose(&images).map(|it| it.image.digest);
        images.push(image(99, 4, &[&tag]));
        prop_assert_eq!(rule.choose(&images).map(|it| it.image.digest), before);
    }

    #[test]
    fn no_text_makes_a_rule_panic(text in ".{0,40}") {
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string(), text);
        }
    }
}
