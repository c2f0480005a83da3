//! What a release is made from: revisions of the template, the newest revision after a failure, images in use.

use std::collections::BTreeMap;

use pushboat::cloud::Cloud;
use pushboat_cli::local::{Local, stack};
use pushboat_local::world::ecs::TaskDefinition;
use pushboat_tests::wire::aws_at;
use pushboat_tests::{Wishes, decisions, place, revisions};
use serde_json::{Value, json};

use super::{SOON, count, push, settled, settled_on, sweep, within};

pub(super) fn own_and_newest(local: &Local) -> (TaskDefinition, TaskDefinition) {
    local.place.hub().with(|world| {
        let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap();
        let own = world.find_task_definition(&service.task_definition_arn).unwrap();
        let newest = world.find_task_definition(&own.family).unwrap();
        (own.clone(), newest.clone())
    })
}

type Tags = BTreeMap<String, String>;

/// Everything that Pushboat can write: revisions and their tags, roll-outs, the service's tags, tags of images.
pub(super) fn everything_written(local: &Local) -> (Vec<Tags>, usize, Tags, usize) {
    local.place.hub().with(|world| {
        let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap();
        let images = world.repository(stack::REPOSITORY).unwrap().images.values();
        (
            world.ecs.task_definitions.iter().map(|it| it.tags.clone()).collect(),
            world.ecs.service_deployments.len(),
            service.tags.clone(),
            images.map(|image| image.tags.len()).sum(),
        )
    })
}

/// What CloudFormation registers when somebody changes the template: the document it had, changed.
fn register_template(local: &Local, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    local.place.hub().with(|world| {
        let first = format!("{}:1", stack::SERVICE);
        let mut document = world.find_task_definition(&first).unwrap().document.clone();
        change(&mut document);
        let tags = Tags::from([("pushboat:template".to_owned(), "pushboat".to_owned())]);
        let registered = world.register_task_definition(document, tags, "CloudFormation").unwrap();
        format!("{}:{}", registered.family, registered.revision)
    })
}

fn image(definition: &TaskDefinition) -> &str {
    definition.document["containerDefinitions"][0]["image"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_the_template_is_rolled_out_with_the_live_image_by_the_next_sweep() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let live = push(&local, "v1").await;
    settled_on(&local, &live).await;

    // The template still names the placeholder.
    let template = register_template(&local, |document| {
        document["cpu"] = json!("512");
        document["memory"] = json!("1024");
    });
    let decided = sweep(&local).await;
    let from_template = decided.iter().any(|it| it["decision"] == "released" && it["base"] == template);
    assert!(from_template, "{decided:#?}");
    let view = settled(&local, |view| view.revision == 4).await;
    assert_eq!(view.digest.as_deref(), Some(live.as_str()));
    let (own, newest) = own_and_newest(&local);
    assert_eq!((own.arn, own.document["cpu"].as_str()), (newest.arn, Some("512")));
    assert_eq!(own.tags["pushboat:base"], template);
    assert!(!own.tags.contains_key("pushboat:template"));

    // The next push keeps what the template says now.
    let next = push(&local, "v2").await;
    settled_on(&local, &next).await;
    let (own, _) = own_and_newest(&local);
    assert_eq!((own.revision, own.document["cpu"].as_str()), (5, Some("512")));

    // A revision that has the live image already is released itself.
    let live = image(&own).to_owned();
    register_template(&local, |document| {
        document["cpu"] = json!("1024");
        document["memory"] = json!("2048");
        document["containerDefinitions"][0]["image"] = json!(live);
    });
    sweep(&local).await;
    settled(&local, |view| view.revision == 6).await;
    assert_eq!(revisions(&local), 6);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_the_template_that_fails_is_passed_over_and_pushes_go_on() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let live = push(&local, "v1").await;
    settled_on(&local, &live).await;
    let (good, _) = own_and_newest(&local);

    let template = register_template(&local, |document| {
        document["containerDefinitions"][0]["environment"] =
            json!([{ "name": "GAME_COLOUR", "value": "not a colour" }]);
    });
    sweep(&local).await;
    within(SOON, "a roll-back", || count(&local, "rejected") > 0).await;
    settled(&local, |view| view.revision == good.revision).await;
    local.place.lambda().idle().await;
    assert_eq!(sweep(&local).await.last().unwrap()["decision"], "restored");
    let (own, newest) = own_and_newest(&local);
    assert_eq!(own.arn, good.arn);
    assert_eq!(newest.document, own.document);
    let rejected: Vec<Value> =
        decisions(&local).into_iter().filter(|line| line["decision"] == "rejected").collect();
    // Several events come at once, and looks that overlap say the same.
    assert!(!rejected.is_empty() && rejected.iter().all(|line| line["base"] == template), "{rejected:#?}");
    let before = everything_written(&local);
    let (_, _, tags, _) = &before;
    assert!(tags["pushboat:passed-over"].starts_with(&template), "{tags:?}");
    assert!(tags.keys().all(|key| !key.starts_with("pushboat:rejected:")), "the image is good: {tags:?}");

    for _ in 0..20 {
        let decided = sweep(&local).await;
        let reason = decided.last().unwrap()["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("failed here and is passed over"), "{reason}");
    }
    assert_eq!(everything_written(&local), before, "quiet is no writes");

    let next = push(&local, "v2").await;
    settled_on(&local, &next).await;
    let (own, _) = own_and_newest(&local);
    let environment = |it: &TaskDefinition| it.document["containerDefinitions"][0]["environment"].clone();
    assert_eq!(environment(&own), environment(&good));
    assert_eq!(own.tags["pushboat:base"], format!("{}:{}", good.family, good.revision));
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_released_keeps_a_tag_when_its_own_moves_on() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let tags = |digest: &str| {
        local.place.hub().with(|world| {
            let images = &world.repository(stack::REPOSITORY).unwrap().images;
            images[digest].tags.iter().cloned().collect::<Vec<_>>()
        })
    };
    let kept = |digest: &str| format!("deployed-{}", &digest["sha256:".len()..][..12]);
    let first = push(&local, "v1").await;
    settled_on(&local, &first).await;
    assert_eq!(tags(&first), [kept(&first), "live".to_owned(), "v1".to_owned()]);

    // That it is there already is no trouble; that an image is not there is said.
    let at = &local.addresses;
    let aws = aws_at(&at.aws, &at.access_key_id, &at.secret_access_key);
    aws.keep_image(stack::REPOSITORY, &first.parse().unwrap(), &kept(&first)).await.unwrap();
    let nothing = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let missing = aws.keep_image(stack::REPOSITORY, &nothing, "deployed-0").await.unwrap_err();
    assert!(!missing.retry_helps(), "{missing}");

    // Under both of its tags something else is pushed.
    let source = pushboat_cli::push::Source::Game {
        binary: pushboat_tests::game_binary().unwrap(),
        label: "another".to_owned(),
        colour: None,
        placeholder: false,
    };
    let pushed = local.push(source, &["v1", stack::TRACKED_TAG], &pushboat_cli::push::Quiet).await.unwrap();
    settled_on(&local, &pushed.digest).await;
    local.place.lambda().idle().await;
    assert_eq!(tags(&first), [kept(&first)], "without it, a rule for untagged images would take it");
    assert_eq!(tags(&pushed.digest), [kept(&pushed.digest), "live".to_owned(), "v1".to_owned()]);
    assert_eq!(count(&local, "released"), 2);
    assert!(local.place.lambda().dead_letters().is_empty());
    local.shutdown().await;
}
