use serde_json::json;

use super::*;
use crate::model::{Digest, RolloutImage, Tags};

const URI: &str = "1.dkr.ecr.eu.amazonaws.com/game";

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn pinned(letter: char) -> String {
    format!("{URI}@{}", digest(letter))
}

/// A revision `game:<number>` with these containers.
fn revision(number: u32, containers: &[(&str, &str)]) -> TaskDefinition {
    let containers: Vec<_> =
        containers.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
    let Value::Object(document) = json!({"family": "game", "containerDefinitions": containers}) else {
        unreachable!()
    };
    TaskDefinition { arn: format!("game:{number}"), document, tags: Tags::new() }
}

fn track(container: Option<&str>) -> Track {
    Track {
        container: container.map(str::to_owned),
        repository: "game".into(),
        rule: "main".parse().unwrap(),
    }
}

fn running(
    own: &[(&str, &str)],
    template: &[(&str, &str)],
    tracks: &[Track],
    history: &[Rollout],
) -> Vec<(String, String)> {
    let revisions = Revisions { own: revision(5, own), newer: Vec::new() };
    running_images(&revisions, &revision(6, template), tracks, history)
}

fn pair(container: &str, image: String) -> (String, String) {
    (container.to_owned(), image)
}

#[test]
fn the_template_gets_the_image_that_runs_also_where_its_container_has_another_name() {
    let found = running(&[("web", &pinned('a'))], &[("app", &format!("{URI}:live"))], &[track(None)], &[]);
    assert_eq!(found, [pair("app", pinned('a'))]);
    let found =
        running(&[("web", &pinned('a'))], &[("web", "public.ecr.aws/x:1")], &[track(Some("web"))], &[]);
    assert_eq!(found, [pair("web", pinned('a'))]);
}

#[test]
fn a_tag_that_runs_is_pinned_to_what_ecs_resolved_it_to() {
    let tagged = format!("{URI}:main");
    let found = running(&[("web", &tagged)], &[("web", URI)], &[track(None)], &[]);
    assert_eq!(found, [pair("web", tagged.clone())], "nobody knows better");
    let image = RolloutImage { container: "web".into(), image: tagged.clone(), digest: Some(digest('a')) };
    let rollout = Rollout {
        arn: "r".into(),
        outcome: Outcome::Successful,
        reason: String::new(),
        task_definition_arn: "game:5".into(),
        images: vec![image],
        created_at: None,
        finished_at: None,
    };
    let found = running(&[("web", &tagged)], &[("web", URI)], &[track(None)], &[rollout]);
    assert_eq!(found, [pair("web", pinned('a'))]);
}

#[test]
fn the_template_keeps_an_image_that_has_no_counterpart() {
    let elsewhere = "9.dkr.ecr.eu.amazonaws.com/game:1";
    for (own, template) in [
        (("web", elsewhere), ("web", URI)),
        (("web", URI), ("web", "other:1")),
        (("web", "other:1"), ("web", URI)),
    ] {
        assert_eq!(running(&[own], &[template], &[track(None)], &[]), [], "{own:?} {template:?}");
    }
    let (own, template) = ([("web", URI)], [("web", URI), ("log", URI)]);
    assert_eq!(running(&own, &template, &[track(Some("log"))], &[]), []);
}

#[test]
fn a_candidate_goes_before_what_runs() {
    let template = revision(6, &[("log", "fluentbit:3"), ("app", URI)]);
    let tracked = track(None);
    let candidate = Candidate {
        container: "web".into(),
        image: pinned('b'),
        digest: digest('b'),
        tagged: "game:main".into(),
        how: crate::rule::How::ByName,
        replaces: pinned('a'),
        pushed_at: None,
        is_kept: true,
        cause: crate::release::Cause::Moved,
    };
    let runs = [pair("app", pinned('a'))];
    let image = |document: &Map<String, Value>| document["containerDefinitions"][1]["image"].clone();
    assert_eq!(image(&from_template(&template, &runs, &[])), pinned('a'));
    let document = from_template(&template, &runs, &[(&tracked, candidate)]);
    assert_eq!(image(&document), pinned('b'));
    assert_eq!(document["containerDefinitions"][0]["image"], "fluentbit:3", "the template's own word");
}
