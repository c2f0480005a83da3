use serde_json::json;

use super::*;
use crate::model::{Deployment, Image, ImageKind, RolloutImage, ServiceName, Tags};
use crate::rule::Rule;

const URI: &str = "1.dkr.ecr.eu.amazonaws.com/game";

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn pinned(letter: char) -> String {
    format!("{URI}@{}", digest(letter))
}

fn service() -> Service {
    Service {
        name: ServiceName { cluster: "pushboat".into(), service: "game".into() },
        arn: "arn:service".into(),
        status: ServiceStatus::Active,
        desired_count: 4,
        running_count: 4,
        pending_count: 0,
        task_definition_arn: "game:1".into(),
        tags: Tags::new(),
        primary: None,
        target_group_arns: vec![],
        subnets: 2,
        managed_by_ecs: false,
    }
}

fn track(container: Option<&str>) -> Track {
    Track {
        container: container.map(str::to_owned),
        repository: "game".into(),
        rule: Rule::Tag("main".into()),
    }
}

fn definition(image: &str) -> TaskDefinition {
    let document = json!({"family": "game", "containerDefinitions": [{"name": "web", "image": image}]});
    let serde_json::Value::Object(document) = document else { unreachable!() };
    TaskDefinition { arn: "game:1".into(), document, tags: Tags::new() }
}

fn image(letter: char) -> Image {
    Image {
        repository: "game".into(),
        digest: digest(letter),
        tags: vec!["main".into()],
        pushed_at: None,
        kind: ImageKind::Image,
    }
}

fn rollout(arn: &str, definition: &str, outcome: Outcome, image: &str) -> Rollout {
    let images = vec![RolloutImage { container: "web".into(), image: image.into(), digest: None }];
    let reason = "tasks failed to start".into();
    Rollout {
        arn: arn.into(),
        outcome,
        reason,
        task_definition_arn: definition.into(),
        images,
        created_at: None,
        finished_at: None,
    }
}

fn decide(service: &Service, runs: &str, tag_means: Option<char>) -> Result<Candidate, Verdict> {
    candidate(service, &track(None), &definition(runs), URI, chosen(tag_means))
}

fn chosen(tag_means: Option<char>) -> Result<Choice, Keep> {
    let image = tag_means.map(image).ok_or(Keep::NoImage("game:main".into()))?;
    Ok(Choice { image, tag: "main".into(), how: How::ByName })
}

fn settle(service: &Service, candidate: Candidate, history: &[Rollout], noted: Noted) -> Verdict {
    let precedent = precedent(service, &candidate, history, |_| false);
    judge(candidate, precedent, noted)
}

/// The reason of a verdict to keep.
fn kept(result: Result<Candidate, Verdict>) -> Keep {
    match result {
        Err(Verdict::Keep(keep)) => keep,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tag_that_means_another_digest_is_a_candidate() {
    for runs in [pinned('a'), format!("{URI}:main"), URI.to_owned()] {
        let found = decide(&service(), &runs, Some('b')).unwrap();
        assert_eq!((found.image, found.tagged.as_str()), (pinned('b'), "game:main"));
        assert_eq!(found.replaces, runs);
    }
}

fn at(state: RolloutState) -> Service {
    let reason = "tasks failed to start".into();
    let id = "d".into();
    let primary = Deployment { id, task_definition_arn: "game:1".into(), state, reason, failed_tasks: 0 };
    Service { primary: Some(primary), ..service() }
}

#[test]
fn the_digest_that_runs_is_never_registered_again() {
    for (state, expected) in [
        (RolloutState::Completed, Standing::Runs),
        (RolloutState::Unknown, Standing::Runs),
        (RolloutState::InProgress, Standing::RollingOut),
    ] {
        let Keep::Current { standing, .. } = kept(decide(&at(state), &pinned('a'), Some('a'))) else {
            panic!("{state:?}");
        };
        assert_eq!(standing, expected);
    }
}

#[test]
fn a_digest_that_failed_and_stays_is_rejected_once() {
    let mut service = at(RolloutState::Failed);
    let Err(Verdict::Reject(rejection)) = decide(&service, &pinned('a'), Some('a')) else { panic!() };
    assert_eq!(
        (rejection.why.as_str(), rejection.failed_revision_arn.as_str()),
        ("tasks failed to start", "game:1")
    );
    service.tags.insert(policy::rejection_key(&digest('a')), "noted".into());
    let keep = kept(decide(&service, &pinned('a'), Some('a')));
    assert!(matches!(keep, Keep::Current { standing: Standing::FailedInPlace, .. }), "{keep:?}");
    // Once the service has moved on, the tag keeps it out.
    let keep = kept(decide(&service, &pinned('b'), Some('a')));
    assert!(matches!(keep, Keep::Rejected { .. }), "{keep:?}");
}

#[test]
fn a_digest_that_ran_before_is_not_blamed_for_what_failed_in_place() {
    let service = at(RolloutState::Failed);
    let Err(Verdict::Reject(rejection)) = decide(&service, &pinned('a'), Some('a')) else { panic!() };
    let of = |definition, outcome, image: char| rollout("r", definition, outcome, &pinned(image));
    for (history, blamed) in [
        (vec![], true),
        (vec![of("game:1", Outcome::Stopped, 'a')], true),
        (vec![of("game:1", Outcome::Stopped, 'a'), of("game:0", Outcome::Successful, 'b')], true),
        (vec![of("game:1", Outcome::Stopped, 'a'), of("game:0", Outcome::Successful, 'a')], false),
    ] {
        let verdict = blamed_in_place(rejection.clone(), &history);
        assert_eq!(matches!(verdict, Verdict::Reject(_)), blamed, "{history:?}");
    }
}

#[test]
fn an_image_with_a_tag_of_its_own_is_kept_already() {
    for (tags, kept) in
        [(vec!["main"], false), (vec!["main", "deployed-bbbbbbbbbbbb"], true), (vec![], false)]
    {
        let tags = tags.into_iter().map(str::to_owned).collect();
        let image = Image { tags, ..image('b') };
        let found = candidate(
            &service(),
            &track(None),
            &definition(&pinned('a')),
            URI,
            Ok(Choice { image, tag: "main".into(), how: How::ByName }),
        )
        .unwrap();
        assert_eq!(found.is_kept, kept);
    }
}

#[test]
fn what_must_not_be_touched_is_said_first() {
    for (service, says) in [
        (Service { status: ServiceStatus::Draining, ..service() }, "DRAINING"),
        (Service { status: ServiceStatus::Inactive, ..service() }, "INACTIVE"),
        (Service { managed_by_ecs: true, ..service() }, "Express"),
    ] {
        assert!(may_be_touched(&service).unwrap_err().to_string().contains(says));
    }
    assert_eq!(may_be_touched(&service()), Ok(()));
}

#[test]
fn each_reason_to_keep_is_said_in_words() {
    let rejected =
        Service { tags: Tags::from([(policy::rejection_key(&digest('b')), "exit 1".into())]), ..service() };
    for (keep, says) in [
        (kept(decide(&service(), &pinned('a'), None)), "no image game:main"),
        (kept(decide(&service(), "elsewhere/other:1", Some('b'))), "no container of game:1 runs an image"),
        (kept(decide(&service(), "9.dkr.ecr.eu.amazonaws.com/game:1", Some('b'))), "which is not of 1.dkr"),
        (kept(decide(&rejected, &pinned('a'), Some('b'))), "was rejected: exit 1"),
    ] {
        let error = keep.to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_named_container_is_replaced_whatever_it_ran() {
    let runs = definition("public.ecr.aws/nginx/nginx:stable");
    let found = candidate(&service(), &track(Some("web")), &runs, URI, chosen(Some('b'))).unwrap();
    assert_eq!(found.image, pinned('b'));
    let missing = candidate(&service(), &track(Some("db")), &runs, URI, chosen(Some('b')));
    assert!(kept(missing).to_string().contains("no container named 'db'"));
}

#[test]
fn only_the_latest_telling_roll_out_of_a_digest_counts() {
    use Outcome::*;
    let service = service();
    let of = |outcome, image: char| rollout("r", "game:2", outcome, &pinned(image));
    for (history, noted, expected) in [
        (vec![], Noted::Never, "release"),
        (vec![of(RolledBack, 'b')], Noted::Never, "reject"),
        (vec![of(RolledBack, 'b')], Noted::JustNow, "keep"),
        (vec![of(RolledBack, 'b')], Noted::LongAgo, "release"),
        (vec![of(RolledBack, 'c')], Noted::Never, "release"),
        (vec![of(Stopped, 'b')], Noted::Never, "release"),
        (vec![of(Stopped, 'b'), of(RolledBack, 'b')], Noted::Never, "reject"),
        (vec![of(Successful, 'b'), of(RolledBack, 'b')], Noted::Never, "release"),
        (vec![of(RolledBack, 'b'), of(Successful, 'a'), of(Successful, 'b')], Noted::Never, "reject"),
        // It ran before that roll-out began, so something else was new about it.
        (vec![of(RolledBack, 'b'), of(Successful, 'b')], Noted::Never, "release"),
        (vec![of(Successful, 'a'), of(RolledBack, 'b'), of(Successful, 'b')], Noted::Never, "release"),
        (vec![of(RolledBack, 'b'), of(RolledBack, 'c'), of(Successful, 'b')], Noted::Never, "release"),
        (vec![of(RolledBack, 'b'), of(Stopped, 'b'), of(Successful, 'a')], Noted::Never, "reject"),
        (vec![of(Successful, 'a'), of(RolledBack, 'b')], Noted::Never, "reject"),
    ] {
        let candidate = decide(&service, &pinned('a'), Some('b')).unwrap();
        let verdict = match settle(&service, candidate, &history, noted) {
            Verdict::Release(_) => "release",
            Verdict::Reject(_) => "reject",
            Verdict::Keep(_) => "keep",
        };
        assert_eq!(verdict, expected, "{history:?}");
    }
}

#[test]
fn a_tag_that_ecs_has_already_resolved_to_the_digest_is_current() {
    let service = service();
    let mut running = rollout("r", "game:1", Outcome::Successful, &format!("{URI}:main"));
    running.images[0].digest = Some(digest('b'));
    let candidate = decide(&service, &format!("{URI}:main"), Some('b')).unwrap();
    let verdict = settle(&service, candidate, &[running], Noted::Never);
    assert!(matches!(verdict, Verdict::Keep(Keep::Current { .. })), "{verdict:?}");
}

#[test]
fn a_rejection_carries_the_reason_and_the_revision_that_failed() {
    let candidate = decide(&service(), &pinned('a'), Some('b')).unwrap();
    let history = [rollout("r", "game:9", Outcome::RolledBack, &pinned('b'))];
    let Verdict::Reject(rejection) = settle(&service(), candidate, &history, Noted::Never) else { panic!() };
    assert_eq!(rejection.failed_revision_arn, "game:9");
    assert_eq!(rejection.why, "tasks failed to start");
}
