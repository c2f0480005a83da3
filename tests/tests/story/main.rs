//! Whole runs: the functions as they ship, a real registry, real processes, a real load balancer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asks;
mod base;
mod delivery;
mod image;
mod one_off;
mod people;
mod wrong;

use std::path::{Path, PathBuf};
use std::time::Duration;

use pushboat_cli::demo::view::{Phase, View};
use pushboat_cli::local::{Local, stack};
use pushboat_local::traffic::Traffic;
use pushboat_local::world::ecs::{DeploymentStatus, UpdateService};
use pushboat_tests::{Wishes, decisions, place, revisions, service_events};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

async fn push(local: &Local, version: &str) -> String {
    local.push_version(version, &pushboat_cli::push::Quiet).await.unwrap().digest
}

async fn settled_on(local: &Local, digest: &str) -> View {
    settled(local, |view| view.digest.as_deref() == Some(digest)).await
}

/// The service has come to rest like this, and whatever heard of it has looked: two that look at once may both register.
async fn settled(local: &Local, like: impl Fn(&View) -> bool) -> View {
    let waited = local.wait_until(SOON, |view| view.is_settled() && like(view)).await;
    let view = waited.unwrap_or_else(|error| panic!("{error:#}\n{:#?}", decisions(local)));
    within(SOON, "the event of a deployment's end", || told_of_its_end(local)).await;
    local.place.lambda().idle().await;
    view
}

fn told_of_its_end(local: &Local) -> bool {
    let id = local.place.hub().with(|world| {
        let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap();
        let mut deployments = service.deployments.iter();
        deployments.find(|one| one.status == DeploymentStatus::Primary).unwrap().id.clone()
    });
    local.place.bus().recent().iter().any(|seen| {
        let detail = &seen.event["detail"];
        detail["eventName"] == "SERVICE_DEPLOYMENT_COMPLETED" && detail["deploymentId"] == id.as_str()
    })
}

/// What the functions decided on the pushes of the tracked tag, in order.
fn on_push(local: &Local) -> Vec<Value> {
    decisions(local).into_iter().filter(|line| line["hint"] == "push of game-2048:live").collect()
}

/// Pushes, and waits for the first decision on it.
async fn push_and_hear(local: &Local, version: &str) -> Value {
    let before = on_push(local).len();
    push(local, version).await;
    let heard = async {
        loop {
            if let Some(decision) = on_push(local).get(before) {
                return decision.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, heard).await.expect("a decision on the push")
}

fn count(local: &Local, decision: &str) -> usize {
    decisions(local).iter().filter(|line| line["decision"] == decision).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_deploys_under_traffic_and_no_request_is_lost() {
    let local = place(Wishes::default()).await.unwrap();
    let first = push(&local, "v1").await;
    settled_on(&local, &first).await;

    let traffic = Traffic::start(&local.addresses.game, 50.0, 8).unwrap();
    let second = push(&local, "v2").await;
    let view = settled_on(&local, &second).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let report = traffic.stop().await;

    assert_eq!(report.failed, 0, "{:?}", report.first_failures);
    assert!(report.sent >= 50, "{}", report.sent);
    assert!(
        report.by_version.contains_key("v1") && report.by_version.contains_key("v2"),
        "{:?}",
        report.by_version
    );
    assert_eq!(view.healthy_per_zone().into_values().collect::<Vec<_>>(), [2, 2]);
    assert_eq!(revisions(&local), 3, "the template's and one for each push");

    // The same again: the event comes, nothing is written.
    let decision = push_and_hear(&local, "v2").await;
    assert_eq!(decision["decision"], "kept", "{decision}");
    local.place.lambda().idle().await;
    assert_eq!((revisions(&local), count(&local, "released")), (3, 2));
    assert!(local.place.lambda().dead_letters().is_empty());
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_image_is_rolled_back_and_not_tried_again() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let good = push(&local, "v1").await;
    settled_on(&local, &good).await;

    // The game refuses a port that is none, so this image ends as soon as it starts.
    let broken = push_broken(&local).await;
    assert_ne!(good, broken);
    let mut least_healthy = usize::MAX;
    let rolled_back = async {
        loop {
            let view = local.view().unwrap();
            let healthy = view.tasks.iter().filter(|task| task.phase == Phase::Healthy).count();
            least_healthy = least_healthy.min(healthy);
            if count(&local, "rejected") > 0 && view.is_settled() {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let view = tokio::time::timeout(SOON, rolled_back).await;
    let view = view.unwrap_or_else(|_| panic!("{:#?}\n{:#?}", service_events(&local), decisions(&local)));
    assert_eq!(view.digest.as_deref(), Some(good.as_str()));
    assert_eq!(least_healthy, 2, "never below the minimum");

    // What a stack update may take is what runs, not what failed.
    local.place.lambda().idle().await;
    assert_eq!(sweep(&local).await.last().unwrap()["decision"], "restored");
    let (own, newest) = base::own_and_newest(&local);
    assert_eq!(newest.revision, own.revision + 2, "the failed one is between them");
    assert_eq!(newest.document, own.document);
    assert_eq!(newest.tags["pushboat:base"], format!("{}:{}", own.family, own.revision));

    let before = base::everything_written(&local);
    for _ in 0..20 {
        let reason = sweep(&local).await[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("was rejected"), "{reason}");
    }
    assert_eq!(base::everything_written(&local), before, "quiet is no writes");

    // A newer image is another matter.
    let fixed = push(&local, "v3").await;
    settled_on(&local, &fixed).await;
    local.shutdown().await;
}

/// One sweep, and what it decided.
async fn sweep(local: &Local) -> Vec<Value> {
    let answer = local.place.lambda().invoke_sync("sweep", event("sweep/tick")).await.unwrap();
    assert!(answer.error.is_none(), "{answer:?}");
    answer.payload["decisions"].as_array().unwrap().clone()
}

async fn within(patience: Duration, what: &str, reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

/// The game under the tracked tag, with an environment in which it cannot start.
async fn push_broken(local: &Local) -> String {
    let source = pushboat_cli::push::Source::Game {
        binary: pushboat_tests::game_binary().unwrap(),
        label: "broken".to_owned(),
        colour: Some("not a colour".to_owned()),
        placeholder: false,
    };
    local.push(source, &["v2", stack::TRACKED_TAG], &pushboat_cli::push::Quiet).await.unwrap().digest
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_in_the_folder_ends_in_a_reason_and_none_in_a_dead_letter() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    for function in ["deploy", "scale", "sweep"] {
        let folder = events().join(function);
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
            let payload = event(&format!("{function}/{name}"));
            let answer = local.place.lambda().invoke_sync(function, payload).await.unwrap();
            assert!(answer.error.is_none(), "{function}/{name}: {answer:?}");
            let decisions = answer.payload["decisions"].as_array().unwrap().clone();
            assert!(!decisions.is_empty(), "{function}/{name} says nothing");
            for decision in decisions {
                assert!(!decision["reason"].as_str().unwrap().is_empty(), "{function}/{name}: {decision}");
                assert_ne!(decision["decision"], "released", "{function}/{name}: {decision}");
            }
        }
    }
    assert_eq!(revisions(&local), 1);
    assert!(local.place.lambda().dead_letters().is_empty());
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_leaves_nothing_behind() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let digest = push(&local, "v1").await;
    settled_on(&local, &digest).await;
    let game = local.addresses.game.trim_start_matches("http://").to_owned();
    let folder = local.folder().to_owned();
    let endpoint = local.addresses.aws.clone();
    let running = processes_of(&folder, &endpoint);
    assert!(running >= 3, "two tasks and a function run: {running}");
    local.shutdown().await;
    assert!(!folder.exists(), "{}", folder.display());
    assert_eq!(processes_of(&folder, &endpoint), 0, "no process is left behind");
    assert!(std::net::TcpStream::connect(game).is_err(), "the port is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_take_the_image_is_left_alone_with_a_reason() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let hub = local.place.hub();

    // Somebody lets it follow by repository alone, and moved it to a definition whose container runs something else.
    hub.with(|world| {
        let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE)?.unwrap().clone();
        world.untag_resource(&service.arn, &service.tags.into_keys().collect::<Vec<_>>())?;
        let track = ("pushboat:track".to_owned(), format!("{}:{}", stack::REPOSITORY, stack::TRACKED_TAG));
        world.tag_resource(&service.arn, [track].into())?;
        let document = json!({"family": "other", "containerDefinitions": [{
            "name": stack::CONTAINER, "image": "elsewhere.example/other:1", "portMappings": [{"containerPort": 8080}],
        }]});
        let document = document.as_object().unwrap().clone();
        let other = world.register_task_definition(document, Default::default(), "a person").unwrap();
        world.update_service(UpdateService {
            cluster: Some(stack::CLUSTER.into()),
            service: stack::SERVICE.into(),
            task_definition: Some(other.arn),
            // It would bring back what ran before, and that may be sooner than the push.
            circuit_breaker: Some(None),
            ..UpdateService::default()
        })
    })
    .unwrap();
    let decision = push_and_hear(&local, "v1").await;
    let reason = decision["reason"].as_str().unwrap();
    assert!(
        reason.contains("runs an image of the repository 'game-2048'; they run elsewhere.example/other"),
        "{reason}"
    );

    hub.with(|world| world.delete_service(Some(stack::CLUSTER), stack::SERVICE, true)).unwrap();
    let decision = push_and_hear(&local, "v2").await;
    let reason = decision["reason"].as_str().unwrap();
    let gone = ["being deleted", "gone", "no service follows it"];
    assert!(gone.iter().any(|words| reason.contains(words)), "{reason}");
    assert_eq!(revisions(&local), 2, "the template's and the person's");
    assert!(local.place.lambda().dead_letters().is_empty());
    local.shutdown().await;
}

/// How many processes belong to a place: tasks run programs out of its folder, functions are told its endpoint.
fn processes_of(folder: &Path, endpoint: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let belongs = |process: &PathBuf| {
        let program = std::fs::read_link(process.join("exe")).unwrap_or_default();
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        program.starts_with(folder) || String::from_utf8_lossy(&environment).contains(endpoint)
    };
    processes.filter(belongs).count()
}

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn event(name: &str) -> Value {
    let text = std::fs::read_to_string(events().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}
