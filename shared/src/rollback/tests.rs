use serde_json::{Value, json};

use super::*;
use crate::model::{RolloutImage, RolloutState};
use crate::overlap::tests::{rollout as of_second, service as in_state};

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn arn(number: u32) -> String {
    format!("arn:aws:ecs:eu:1:task-definition/game:{number}")
}

fn own(number: u32, image: char) -> TaskDefinition {
    let image = format!("1.dkr.ecr.eu.amazonaws.com/game@{}", digest(image));
    let document = json!({"family": "game", "containerDefinitions": [{"name": "web", "image": image}]});
    let Value::Object(document) = document else { unreachable!() };
    let tags = [("pushboat:image:web".to_owned(), "game:main".to_owned())].into();
    TaskDefinition { arn: arn(number), document, tags }
}

/// (revision, image, outcome), newest first.
fn history(list: &[(u32, char, Outcome)]) -> Vec<Rollout> {
    let of = |(position, (number, image, outcome)): (usize, &(u32, char, Outcome))| {
        let image = format!("1.dkr.ecr.eu.amazonaws.com/game@{}", digest(*image));
        Rollout {
            arn: format!("rollout/{}", list.len() - position),
            task_definition_arn: arn(*number),
            images: vec![RolloutImage { container: "web".into(), image, digest: None }],
            ..of_second(*outcome, 0)
        }
    };
    list.iter().enumerate().map(of).collect()
}

fn service(rejected: &[char]) -> Service {
    let mut service = in_state(RolloutState::Completed);
    for letter in rejected {
        service.tags.insert(policy::rejection_key(&digest(*letter)), "2026-11-21T08:00:00Z no good".into());
    }
    service
}

fn decided(
    own: &TaskDefinition,
    list: &[(u32, char, Outcome)],
    rejected: &[char],
    to: Option<To>,
) -> Result<Decided, Refusal> {
    let track = Track { container: None, repository: "game".into(), rule: "main".parse().unwrap() };
    let mut decided = decide(&service(rejected), own, &[track], &history(list), to.as_ref(), &[]);
    if let Ok(Decided::Go(plan)) = &mut decided {
        let goal = list.iter().find(|it| arn(it.0) == plan.revision_arn).unwrap();
        assert_eq!(std::mem::take(&mut plan.ran), [("web".to_owned(), digest(goal.1))]);
    }
    decided
}

fn goes(number: u32, way: Way, leaves: Option<char>) -> Result<Decided, Refusal> {
    let left = |letter| Left { container: "web".into(), digest: digest(letter), tagged: "game:main".into() };
    let leaves = leaves.into_iter().map(left).collect();
    Ok(Decided::Go(Plan { revision_arn: arn(number), ran: Vec::new(), way, leaves }))
}

#[test]
fn one_goes_back_to_what_completed_last_and_is_not_rejected() {
    use Outcome::{RolledBack, Stopped, Successful as Good, UnderWay};
    let stop = |number: u32| Way::Stop { rollout_arn: format!("rollout/{number}") };
    for (list, rejected, expected) in [
        (&[(3, 'c', Good), (2, 'b', Good), (1, 'a', Good)][..], &[][..], goes(2, Way::Update, Some('c'))),
        (&[(3, 'c', Good), (2, 'b', Good), (1, 'a', Good)], &['b'], goes(1, Way::Update, Some('c'))),
        (&[(3, 'c', Good), (2, 'b', Stopped), (1, 'a', Good)], &[], goes(1, Way::Update, Some('c'))),
        (&[(3, 'c', Good), (2, 'b', RolledBack), (1, 'a', Good)], &[], goes(1, Way::Update, Some('c'))),
        // While a deployment runs ECS can do it, if it goes where it should.
        (&[(3, 'c', UnderWay), (2, 'b', Good)], &[], goes(2, stop(2), Some('c'))),
        (&[(3, 'c', UnderWay), (2, 'b', Good), (1, 'a', Good)], &['b'], goes(1, Way::Update, Some('c'))),
        // It crashed after the rejection: the same once more.
        (&[(3, 'c', UnderWay), (2, 'b', Good)], &['c'], goes(2, stop(2), Some('c'))),
        // Only something else was new.
        (&[(3, 'c', Good), (2, 'c', Good)], &[], goes(2, Way::Update, None)),
        (&[(3, 'c', Good)], &[], Err(Refusal::NothingEarlier)),
        (&[(3, 'c', Good), (2, 'b', Good)], &['b'], Err(Refusal::NothingEarlier)),
        (&[], &[], Err(Refusal::NothingEarlier)),
    ] {
        assert_eq!(decided(&own(3, 'c'), list, rejected, None), expected, "{list:?} {rejected:?}");
    }
}

#[test]
fn asking_twice_is_asking_once() {
    use Outcome::{RolledBack, Successful as Good, UnderWay};
    for (own, list, rejected, to) in [
        // By UpdateService, under way and done; by ECS, on demand or by its breaker.
        (
            own(2, 'b'),
            &[(2, 'b', UnderWay), (3, 'c', Good), (2, 'b', Good), (1, 'a', Good)][..],
            &['c'][..],
            None,
        ),
        (own(2, 'b'), &[(2, 'b', Good), (3, 'c', Good), (2, 'b', Good), (1, 'a', Good)], &['c'], None),
        (own(2, 'b'), &[(3, 'c', RolledBack), (2, 'b', Good), (1, 'a', Good)], &['c'], None),
        (own(2, 'b'), &[(3, 'c', RolledBack), (2, 'b', Good), (1, 'a', Good)], &[], None),
        (own(2, 'b'), &[(2, 'b', Good), (1, 'a', Good)], &[], Some(To::Digest(digest('b')))),
        (own(2, 'b'), &[(2, 'b', Good), (1, 'a', Good)], &[], Some(To::Revision("game:2".into()))),
    ] {
        let found = decided(&own, list, rejected, to.clone());
        assert!(matches!(found, Ok(Decided::Already(_))), "{list:?} {to:?}: {found:?}");
    }
}

#[test]
fn a_named_release_is_one_that_completed_and_is_not_rejected() {
    use Outcome::{RolledBack, Stopped, Successful as Good, UnderWay};
    let list = [(4, 'd', UnderWay), (3, 'c', Good), (2, 'b', Good), (1, 'a', Stopped), (9, 'e', RolledBack)];
    let stop = Way::Stop { rollout_arn: "rollout/5".into() };
    let by_digest = |letter| Some(To::Digest(digest(letter)));
    let by_name = |name: &str| Some(To::Revision(name.into()));
    let never = |name: &str| Err(Refusal::NeverCompleted(name.into()));
    let rejected =
        |to: &str| Err(Refusal::Rejected { to: to.into(), why: "2026-11-21T08:00:00Z no good".into() });
    for (to, rejections, expected) in [
        (by_digest('c'), &[][..], goes(3, stop.clone(), Some('d'))),
        (by_digest('b'), &[], goes(2, Way::Update, Some('d'))),
        (by_name("game:3"), &[], goes(3, stop, Some('d'))),
        (by_name("game:2"), &[], goes(2, Way::Update, Some('d'))),
        (by_digest('a'), &[], never(digest('a').as_str())),
        (by_digest('f'), &[], never(digest('f').as_str())),
        (by_name("game:9"), &[], never("game:9")),
        (by_name("other:2"), &[], never("other:2")),
        (by_digest('b'), &['b'], rejected(digest('b').as_str())),
        (by_name("game:2"), &['b'], rejected("game:2")),
    ] {
        assert_eq!(decided(&own(4, 'd'), &list, rejections, to.clone()), expected, "{to:?}");
    }
}

#[test]
fn a_release_is_named_by_digest_or_revision() {
    assert_eq!(digest('a').to_string().parse(), Ok(To::Digest(digest('a'))));
    for name in ["game:7", "Game_2048-x:4294967295"] {
        assert_eq!(name.parse(), Ok(To::Revision(name.to_owned())));
    }
    let long = format!("{}:1", "g".repeat(256));
    for odd in
        ["", "game", "game:", ":7", "game:0", "game:+7", "game:07", "game:x", "a game:7", "sha256:ab", &long]
    {
        assert_eq!(odd.parse::<To>(), Err(NotARelease), "'{odd}'");
    }
    assert_eq!(arn(7).parse::<To>(), Err(NotARelease));
}
