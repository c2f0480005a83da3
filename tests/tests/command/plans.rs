//! What is planned and not done, and what is done by name: `plan`, `--dry-run`, `--from` and `deploy`.

use std::collections::BTreeMap;

use pushboat_cli::local::{Local, stack};
use pushboat_tests::inbox::Inbox;
use pushboat_tests::{a_later_second, function_binaries, place};
use serde_json::json;

use super::person::Person;
use super::{push, two_tasks};

type Tags = BTreeMap<String, String>;

/// Whatever an ask could have written: revisions, roll-outs, the count, the tags of service, cluster and images.
fn everything_written(local: &Local) -> (Vec<Tags>, usize, u32, Tags, Tags, usize) {
    local.place.hub().with(|world| {
        let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap();
        let images = world.repository(stack::REPOSITORY).unwrap().images.values();
        (
            world.ecs.task_definitions.iter().map(|it| it.tags.clone()).collect(),
            world.ecs.service_deployments.len(),
            service.desired_count,
            service.tags.clone(),
            world.ecs.clusters[0].tags.clone(),
            images.map(|image| image.tags.len()).sum(),
        )
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_what_is_written_then_and_an_image_is_deployed_by_name() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    let first = push(&local, "v1").await;
    let second = push(&local, "v2").await;
    let revision = || format!("{}:{}", stack::SERVICE, local.view().unwrap().revision);
    let (at_second, before) = (revision(), everything_written(&local));

    let said = person.told(0, &["plan"]).await;
    assert!(said.out.contains("kept") && said.out.contains("no call of AWS"), "{}", said.out);
    let said = person.told(0, &["status", "game-2048"]).await;
    assert!(said.out.contains("  now              kept: "), "{}", said.out);
    let planned = [
        person.told(0, &["plan", "--tag", "v1"]).await,
        person.told(0, &["diff", "pushboat/game-2048", "--digest", &first]).await,
        person.told(0, &["deploy", &first, "--dry-run", "--from", &second]).await,
        person.told(0, &["deploy", "game-2048", "v1", "--dry-run", "--from", &at_second]).await,
        person.told(0, &["rollback", "--dry-run"]).await,
    ];
    for said in &planned[..4] {
        let lines: Vec<&str> = said.out.lines().collect();
        let at = lines.iter().position(|line| line.starts_with("  containerDefinitions[")).unwrap();
        assert!(lines[at].ends_with("].image"), "{}", said.out);
        assert!(lines[at + 1].starts_with("- ") && lines[at + 1].ends_with(&second), "{}", said.out);
        assert!(lines[at + 2].starts_with("+ ") && lines[at + 2].ends_with(&first), "{}", said.out);
        let (registers, updates) =
            (said.out.find("RegisterTaskDefinition"), said.out.find("UpdateService  pushboat/game-2048"));
        assert!(registers.is_some() && registers < updates && !said.out.contains('\u{1b}'), "{}", said.out);
    }
    assert!(planned[4].out.starts_with("rejected") && planned[4].out.contains("UpdateService"));
    let count = person.told(0, &["plan", "--desired", "3", "--output", "json"]).await.json();
    assert_eq!(
        (&count["dry_run"], &count["calls"][1]["desired_count"]),
        (&json!(true), &json!(3)),
        "{count}"
    );
    assert_eq!(everything_written(&local), before, "a plan writes nothing");

    a_later_second().await;
    let said = person.told(0, &["deploy", &first, "--wait", "--from", &second]).await;
    assert!(said.out.contains("released") && said.out.contains(" COMPLETED after "), "{}", said.out);
    assert_eq!(local.view().unwrap().digest.as_deref(), Some(first.as_str()));
    // What runs already is not deployed again.
    let (at_first, before) = (revision(), everything_written(&local));
    let said = person.told(0, &["deploy", "v1", "--wait"]).await;
    assert!(
        said.out.starts_with("kept") && said.out.contains(&format!("{at_first} COMPLETED")),
        "{}",
        said.out
    );
    assert_eq!(everything_written(&local), before);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_nor_does_whoever_finds_something_else_there() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    let first = push(&local, "v1").await;
    let second = push(&local, "v2").await;
    person.told(0, &["hold", "--reason", "big sale"]).await;
    person.told(0, &["scale", "--min", "3", "--for", "2h"]).await;
    let before = everything_written(&local);

    let (second_hex, count) = (&second["sha256:".len()..], before.2.to_string());
    for words in [
        &["rollback"][..],
        &["resume"],
        &["release", second_hex],
        &["hold", "--lift"],
        &["hold", "--reason", "another"],
        &["hold", "--cluster", "pushboat", "--reason", "another"],
        &["scale", "--end"],
        &["scale", "--desired", "4", "--for", "1h", "--from", &count],
        &["scale", "--max", "20", "--permanent"],
    ] {
        let said = person.told(0, &[words, &["--dry-run"]].concat()).await;
        assert!(said.out.ends_with("a plan: nothing of it has been done\n"), "{words:?}: {}", said.out);
        let planned = person.told(0, &[words, &["--dry-run", "--output", "json"]].concat()).await.json();
        assert!(planned["dry_run"] == true && planned["decisions"].is_array(), "{words:?}: {planned}");
    }
    let refused = person.told(3, &["continue", "--dry-run"]).await;
    assert!(refused.aside.contains("no deployment is under way"), "{}", refused.aside);

    for words in [
        &["deploy", "v1", "--from", &first][..],
        &["deploy", "v1", "--from", "game-2048:1", "--dry-run"],
        &["rollback", "--from", &first, "--wait"],
        &["release", second_hex, "--from", "game-2048:1"],
        &["resume", "--from", &first],
        &["continue", "--from", &first],
        &["hold", "--lift", "--from", &first],
        &["scale", "--end", "--from", "1"],
        &["scale", "--max", "4", "--for", "1h", "--from", "game-2048:1"],
    ] {
        let said = person.told(3, words).await;
        assert!(said.aside.contains("is not where 'from' says"), "{words:?}: {}", said.aside);
    }
    let refused = ["rollback", "--from", &first, "--output", "json"];
    assert_eq!(person.told(3, &refused).await.json()["type"], "/problems/moved");
    person.told(2, &["deploy", "v1", "--dry-run", "--wait"]).await;
    assert_eq!(everything_written(&local), before);
    local.shutdown().await;
}

/// Answers of an API before there were plans.
#[tokio::test]
async fn an_older_api_shows_a_service_and_is_not_taken_for_one_that_plans() {
    tokio::task::spawn_blocking(function_binaries).await.unwrap().unwrap();
    let inbox = Inbox::open().await;
    let person = Person::new().with(&[("PUSHBOAT_URL", &inbox.url()), ("PUSHBOAT_TOKEN", "t")]);
    let not_found = r#"{"message": "Not Found"}"#;
    let services = json!({"services": [
        {"cluster": "prod", "service": "worker"}, {"cluster": "prod", "service": "web", "what_is_new": [1]},
    ]});

    for words in [&["status", "prod/web"][..], &["status", "prod/web", "--output", "json"]] {
        inbox.answer_next(404, not_found);
        inbox.answer_next(200, &services.to_string());
        let said = person.told(0, words).await;
        if words.len() == 2 {
            assert!(said.out.starts_with("prod/web") && !said.out.contains("  now "), "{}", said.out);
        } else {
            assert_eq!(said.json(), services["services"][1]);
        }
        let asked: Vec<String> = inbox.take().into_iter().map(|it| it.target).collect();
        assert_eq!(asked, ["/services/prod/web", "/services?cluster=prod"]);
    }
    inbox.answer_next(404, not_found);
    inbox.answer_next(200, &services.to_string());
    let said = person.told(3, &["status", "prod/nobody"]).await;
    assert!(said.aside.contains("no service prod/nobody"), "{}", said.aside);
    inbox.take();

    for words in [&["plan", "prod/web", "--desired", "4"][..], &["deploy", "prod/web", "v1"]] {
        inbox.answer_next(404, not_found);
        let said = person.told(3, words).await;
        assert!(said.aside.contains("it is older than this command"), "{}", said.aside);
    }
    let targets: Vec<String> = inbox.take().into_iter().map(|it| it.target).collect();
    assert_eq!(targets, ["/services/prod/web/plan?desired=4", "/services/prod/web/deploy"]);

    inbox.answer_next(200, r#"{"decisions": [{"decision": "rolled_back", "reason": "done"}]}"#);
    let said = person.told(1, &["rollback", "prod/web", "--dry-run", "--from", "web:7"]).await;
    assert!(said.aside.contains("it may have been done"), "{}", said.aside);
    let asked = inbox.take().remove(0);
    assert_eq!(asked.body, r#"{"dry_run":true,"from":"web:7"}"#);
    inbox.answer_next(200, r#"{"dry_run": true, "decisions": [], "calls": []}"#);
    person.told(0, &["scale", "prod/web", "--end", "--dry-run", "--from", "4"]).await;
    let asked = inbox.take().remove(0);
    assert_eq!((asked.method.as_str(), asked.body.as_str()), ("DELETE", r#"{"dry_run":true,"from":4}"#));
    // Nothing that it would not know, where nothing of it is said.
    inbox.answer_next(200, r#"{"decisions": []}"#);
    person.told(0, &["deploy", "prod/web", "v1"]).await;
    assert_eq!(inbox.take().remove(0).body, r#"{"tag":"v1"}"#);
    inbox.answer_next(
        200,
        r#"{"dry_run": true, "decisions": [{"decision": "failed", "reason": "AWS refused"}]}"#,
    );
    assert!(person.told(1, &["plan", "prod/web"]).await.aside.contains("AWS refused"));
}
