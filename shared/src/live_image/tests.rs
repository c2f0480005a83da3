use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{Digest, RolloutImage, Tags};

const URI: &str = "1.dkr.ecr.eu.amazonaws.com/game";
const PLACEHOLDER: &str = "public.example.com/nginx:stable";

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn pinned(letter: char) -> String {
    format!("{URI}@{}", digest(letter))
}

fn question() -> Question {
    Question {
        service: ServiceName { cluster: "pushboat".into(), service: "game".into() },
        container: "web".into(),
        repository_uri: URI.into(),
        placeholder: PLACEHOLDER.into(),
    }
}

fn rollout(outcome: Outcome, image_name: &str, resolved: Option<char>) -> Rollout {
    let image = |container: &str, image: &str, resolved: Option<char>| RolloutImage {
        container: container.into(),
        image: image.into(),
        digest: resolved.map(digest),
    };
    Rollout {
        arn: "r".into(),
        outcome,
        reason: "as told".into(),
        task_definition_arn: "game:1".into(),
        images: vec![image("log", &pinned('e'), None), image("web", image_name, resolved)],
        created_at: None,
        finished_at: None,
    }
}

fn definition(image: &str) -> TaskDefinition {
    let log = json!({"name": "log", "image": pinned('e')});
    let document = json!({"containerDefinitions": [log, {"name": "web", "image": image}]});
    let serde_json::Value::Object(document) = document else { unreachable!() };
    TaskDefinition { arn: "game:1".into(), document, tags: Tags::new() }
}

fn live(history: &[Rollout]) -> Option<String> {
    of_history(&question(), history).map(|live| live.image)
}

#[test]
fn the_newest_success_is_live_whatever_came_after_it() {
    let good = rollout(Outcome::Successful, &pinned('b'), None);
    let older = rollout(Outcome::Successful, &pinned('a'), None);
    for since in [Outcome::UnderWay, Outcome::RolledBack, Outcome::Stopped] {
        let history = [rollout(since, &pinned('c'), None), good.clone(), older.clone()];
        assert_eq!(live(&history), Some(pinned('b')), "{since:?}");
        assert_eq!(live(&history[..1]), None, "{since:?}");
    }
    assert_eq!(live(&[good, older]), Some(pinned('b')));
    assert_eq!(live(&[]), None);
}

#[test]
fn an_image_named_by_tag_is_pinned_to_what_ecs_resolved() {
    let tagged = format!("{URI}:main");
    assert_eq!(live(&[rollout(Outcome::Successful, &tagged, Some('a'))]), Some(pinned('a')));
    let both = format!("{tagged}@{}", digest('b'));
    assert_eq!(live(&[rollout(Outcome::Successful, &both, Some('a'))]), Some(pinned('b')));
    // Where ECS could not resolve it, its name is all there is.
    assert_eq!(live(&[rollout(Outcome::Successful, &tagged, None)]), Some(tagged));
}

#[test]
fn an_image_of_another_repository_is_the_placeholder_s() {
    for foreign in ["public.example.com/nginx:1", "1.dkr.ecr.eu.amazonaws.com/game-2", "game", ""] {
        let history = [
            rollout(Outcome::Successful, foreign, Some('a')),
            rollout(Outcome::Successful, &pinned('a'), None),
        ];
        let found = of_history(&question(), &history).unwrap();
        assert_eq!(found.image, PLACEHOLDER, "{foreign}: {}", found.why);
        assert_eq!(of_definition(&question(), &definition(foreign), &[]).image, PLACEHOLDER, "{foreign}");
    }
}

#[test]
fn without_a_success_the_service_s_own_definition_says_it() {
    let of = |image: &str, history: &[Rollout]| of_definition(&question(), &definition(image), history).image;
    let failed = rollout(Outcome::RolledBack, &pinned('c'), None);
    assert_eq!(of(&pinned('a'), &[]), pinned('a'));
    assert_eq!(of(&pinned('a'), &[Rollout { task_definition_arn: "game:2".into(), ..failed }]), pinned('a'));
    let tagged = format!("{URI}:main");
    assert_eq!(of(&tagged, &[rollout(Outcome::UnderWay, &tagged, Some('b'))]), pinned('b'));
    assert_eq!(of(&tagged, &[]), tagged);
}

#[test]
fn a_container_that_is_not_there_is_said() {
    let question = Question { container: "worker".into(), ..question() };
    assert_eq!(of_history(&question, &[rollout(Outcome::Successful, &pinned('a'), None)]), None);
    let found = of_definition(&question, &definition(&pinned('a')), &[]);
    assert_eq!(found.image, PLACEHOLDER);
    assert!(found.why.contains("no container named 'worker'"), "{}", found.why);
}

fn any_rollout() -> impl Strategy<Value = Rollout> {
    let outcome = prop_oneof![
        Just(Outcome::UnderWay),
        Just(Outcome::Successful),
        Just(Outcome::Stopped),
        Just(Outcome::RolledBack)
    ];
    // Digests tell the outcomes apart: what did not succeed is never `a` or `b`.
    (outcome, 0..2_usize, any::<bool>()).prop_map(|(outcome, which, tagged)| {
        let letter = if outcome == Outcome::Successful { ['a', 'b'][which] } else { ['c', 'd'][which] };
        match tagged {
            true => rollout(outcome, &format!("{URI}:main"), Some(letter)),
            false => rollout(outcome, &pinned(letter), None),
        }
    })
}

proptest! {
    #[test]
    fn only_what_succeeded_is_live(history in proptest::collection::vec(any_rollout(), 0..20)) {
        let succeeded = history.iter().find(|rollout| rollout.outcome == Outcome::Successful);
        let expected = succeeded.map(|rollout| format!("{URI}@{}", rollout.images[1].ran().unwrap()));
        prop_assert_eq!(live(&history), expected);
    }
}
