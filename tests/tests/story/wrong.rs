//! When it goes wrong: what status, log and event say of why, and that each outcome of a release is told to others.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pushboat_cli::local::{Local, stack};
use pushboat_tests::schema::violations;
use pushboat_tests::{Wishes, decisions, place};
use serde_json::{Value, json};

use super::{SOON, base, count, event, push, push_and_hear, settled_on, sweep, within};

/// `faulty.rs`, built once for all tests of this process.
fn faulty() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let build = || {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("faulty");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/story/faulty.rs");
        let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
        let built = [&[][..], &["--target", &musl]].into_iter().any(|target| {
            let mut command = Command::new(&compiler);
            command.args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
            command.args(target).arg("-o").arg(&program).arg(&source).status().unwrap().success()
        });
        assert!(built, "no static program can be built on this machine (is the musl target installed?)");
        (folder, program)
    };
    &PROGRAM.get_or_init(build).1
}

async fn push_faulty(local: &Local, label: &str) -> String {
    let source = pushboat_cli::push::Source::Game {
        binary: faulty().to_owned(),
        label: label.to_owned(),
        colour: None,
        placeholder: false,
    };
    local.push(source, &[label, stack::TRACKED_TAG], &pushboat_cli::push::Quiet).await.unwrap().digest
}

/// What Pushboat has put on the bus so far, each of which keeps to the schema.
fn announced(local: &Local) -> Vec<Value> {
    let schema = std::fs::read_to_string(super::events().join("pushboat.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let seen = local.place.bus().recent().into_iter().map(|seen| seen.event);
    let ours: Vec<Value> = seen.filter(|event| event["source"] == "pushboat").collect();
    for event in &ours {
        assert_eq!(violations(&schema, event), Vec::<String>::new(), "{event:#}");
    }
    ours
}

fn of_type(local: &Local, what: &str) -> Vec<Value> {
    let detail_type = format!("Pushboat {what}");
    announced(local).into_iter().filter(|event| event["detail-type"] == detail_type.as_str()).collect()
}

/// A version that runs, then this one, which is rolled back; the first rejection in the log, and the service's tag.
async fn rejected(local: &Local, bad: impl AsyncFnOnce() -> String) -> (Value, String) {
    let good = push(local, "v1").await;
    settled_on(local, &good).await;
    // It is only said while nothing newer is under way.
    within(SOON, "a success", || count(local, "succeeded") > 0).await;
    let bad = bad().await;
    within(SOON, "a rejection", || count(local, "rejected") > 0).await;
    settled_on(local, &good).await;
    local.place.lambda().idle().await;
    let rejected = decisions(local).into_iter().find(|line| line["decision"] == "rejected").unwrap();
    assert_eq!(rejected["digest"], bad.as_str());
    let (_, _, tags, _) = base::everything_written(local);
    let tag = tags[&format!("pushboat:rejected:{}", &bad["sha256:".len()..])].clone();
    (rejected, tag)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_exits_at_start_is_rejected_with_its_code_and_its_last_words() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let (rejected, tag) = rejected(&local, async || push_faulty(&local, "exits").await).await;
    let diagnosis = &rejected["diagnosis"];
    assert_eq!((&diagnosis["cause"], &diagnosis["kind"]), (&json!("exited"), &json!("deterministic")));
    assert_eq!((&diagnosis["exit_code"], &diagnosis["container"]), (&json!(1), &json!(stack::CONTAINER)));
    assert!(diagnosis["tasks"].as_u64().unwrap() >= 3, "as many as trip the breaker: {diagnosis}");
    let lines = diagnosis["last_lines"].as_array().unwrap();
    // Two streams: nobody says which line comes first.
    assert!(
        lines.contains(&json!("this is exits")) && lines.contains(&json!("see the manual")),
        "{diagnosis}"
    );
    let reason = rejected["reason"].as_str().unwrap();
    let says = "the container app exited with code 1 after 0 s: fatal: the table 'scores' is missing";
    assert!(reason.contains(says), "{reason}");
    assert!(tag.contains("the container app exited with code 1 after 0 s: fatal: the table scores"), "{tag}");

    // Each outcome is told, in the words of the log.
    let failed = of_type(&local, "Release Failed");
    assert_eq!(failed[0]["detail"]["reason"], reason);
    assert_eq!(failed[0]["detail"]["diagnosis"], *diagnosis);
    assert_eq!(of_type(&local, "Release Started").len(), 2);
    let succeeded = of_type(&local, "Release Succeeded");
    let of_good: Vec<_> = succeeded.iter().filter(|it| it["detail"]["revision"] == "game-2048:2").collect();
    assert_eq!(of_good.len(), 1, "{succeeded:#?}");
    let of_bad = succeeded.iter().any(|it| it["detail"]["revision"] == rejected["revision"]);
    assert!(!of_bad, "a roll-back is completed as well, but no release has succeeded: {succeeded:#?}");
    assert_eq!(sweep(&local).await.last().unwrap()["decision"], "restored");
    assert_eq!(of_type(&local, "Revision Restored").len(), 1);

    // Pushed once more, it is withheld, and that is said as well; sweeps say nothing more.
    let decision = push_and_hear_faulty(&local, "exits").await;
    assert_eq!((&decision["decision"], &decision["withheld"]), (&json!("kept"), &json!(true)));
    local.place.lambda().idle().await;
    let withheld = of_type(&local, "Release Withheld");
    assert!(withheld[0]["detail"]["reason"].as_str().unwrap().contains("was rejected"), "{withheld:#?}");
    let before = announced(&local).len();
    sweep(&local).await;
    assert_eq!(announced(&local).len(), before);
    assert!(local.place.lambda().dead_letters().is_empty());
    local.shutdown().await;
}

async fn push_and_hear_faulty(local: &Local, label: &str) -> Value {
    let on_push = || super::on_push(local);
    let before = on_push().len();
    push_faulty(local, label).await;
    within(SOON, "a decision on the push", || on_push().len() > before).await;
    on_push()[before].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_health_check_answers_500_is_rejected_with_the_load_balancers_words() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let (rejected, tag) = rejected(&local, async || push_faulty(&local, "answers-500").await).await;
    let diagnosis = &rejected["diagnosis"];
    assert_eq!(diagnosis["cause"], "health_check_code", "{rejected:#}");
    let words = "Health checks failed with these codes: [500]";
    assert_eq!(diagnosis["words"], words);
    assert!(rejected["reason"].as_str().unwrap().contains(words), "{rejected}");
    assert!(tag.contains("Health checks failed with these codes: 500"), "{tag}");
    let lines = diagnosis["last_lines"].as_array().unwrap();
    assert_eq!(lines.last().unwrap(), "error: no answer to this");
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_fargate_has_no_place_for_is_rejected_as_transient_with_the_way_back() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let capacity = |none: bool| local.place.hub().with(|world| world.ecs.no_capacity = none);
    let (rejected, tag) = rejected(&local, async || {
        capacity(true);
        push(&local, "v2").await
    })
    .await;
    capacity(false);
    let diagnosis = &rejected["diagnosis"];
    assert_eq!((&diagnosis["cause"], &diagnosis["kind"]), (&json!("no_capacity"), &json!("transient")));
    let reason = rejected["reason"].as_str().unwrap();
    let digest = rejected["digest"].as_str().unwrap();
    let remedy = format!("remove the tag pushboat:rejected:{}", &digest["sha256:".len()..]);
    assert!(reason.contains(&remedy) && reason.contains("not the image's fault"), "{reason}");
    assert!(tag.ends_with("transient: remove this tag to try again"), "{tag}");
    assert!(diagnosis.get("last_lines").is_none(), "no task has run: {diagnosis}");
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_out_whose_tasks_fail_is_said_to_before_ecs_gives_it_up() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let good = push(&local, "v1").await;
    settled_on(&local, &good).await;
    // Without a circuit breaker ECS tries for ever.
    local
        .place
        .hub()
        .with(|world| {
            world.update_service(pushboat_local::world::ecs::UpdateService {
                cluster: Some(stack::CLUSTER.into()),
                service: stack::SERVICE.into(),
                circuit_breaker: Some(None),
                ..Default::default()
            })
        })
        .unwrap();
    push_faulty(&local, "exits").await;
    let failing = || {
        local.place.hub().with(|world| {
            let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap();
            service.deployments[0].failed_tasks > 0
        })
    };
    within(SOON, "a task that fails", failing).await;
    let decided = sweep(&local).await;
    assert_eq!(decided[0]["decision"], "kept");
    let reason = decided[0]["reason"].as_str().unwrap();
    let says = reason.contains("is rolling out; its tasks fail") && reason.contains("exited with code 1");
    assert!(says, "{reason}");
    assert_eq!(decided[0]["diagnosis"]["cause"], "exited");

    // Refused events, logs and tasks keep nobody from releasing.
    local.place.wire().faults.lock().unwrap().extend(
        [("events", "PutEvents"), ("logs", "GetLogEvents"), ("ecs", "ListTasks")].map(
            |(service, operation)| pushboat_local::wire::Fault {
                service: service.into(),
                operation: operation.into(),
                remaining: 10_000,
                kind: pushboat_local::wire::FaultKind::ServerError,
            },
        ),
    );
    let before = announced(&local).len();
    let decision = push_and_hear(&local, "v3").await;
    assert_eq!(decision["decision"], "released", "{decision}");
    within(SOON, "word of the events", || {
        decisions(&local).iter().any(|line| {
            line["reason"].as_str().is_some_and(|reason| reason.starts_with("events were not sent"))
        })
    })
    .await;
    let answer = local.place.lambda().invoke_sync("sweep", event("sweep/tick")).await.unwrap();
    assert!(answer.error.is_none(), "{answer:?}");
    assert_eq!(announced(&local).len(), before);
    local.shutdown().await;
}
