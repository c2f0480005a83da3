//! People: one who deploys past Pushboat, one who goes back, one who holds, one who lets a paused deployment go on.

use std::time::Duration;

use jiff::SignedDuration;
use pushboat::Timestamp;
use pushboat::cloud::Cloud;
use pushboat::control::{self, Scope};
use pushboat::hold::{Length, Wanted};
use pushboat::model::ServiceName;
use pushboat_aws::Aws;
use pushboat_cli::local::{Local, stack};
use pushboat_local::world::ecs::UpdateService;
use pushboat_tests::wire::aws_at;
use pushboat_tests::{Wishes, place};
use serde_json::{Value, json};

use super::base::{everything_written, own_and_newest};
use super::{SOON, push, push_and_hear, settled_on, sweep, within};

fn aws(local: &Local) -> Aws {
    let at = &local.addresses;
    aws_at(&at.aws, &at.access_key_id, &at.secret_access_key)
}

fn scope() -> Scope {
    Scope { clusters: vec![stack::CLUSTER.into()], repositories: vec![stack::REPOSITORY.into()] }
}

fn game() -> ServiceName {
    ServiceName { cluster: stack::CLUSTER.into(), service: stack::SERVICE.into() }
}

fn update(local: &Local, change: UpdateService) {
    let request =
        UpdateService { cluster: Some(stack::CLUSTER.into()), service: stack::SERVICE.into(), ..change };
    local.place.hub().with(|world| world.update_service(request)).unwrap();
}

fn service_tags(local: &Local) -> std::collections::BTreeMap<String, String> {
    everything_written(local).2
}

fn reason(decisions: &[Value]) -> &str {
    decisions.last().unwrap()["reason"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_deploys_is_left_alone_and_the_next_push_takes_over() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let live = push(&local, "v1").await;
    settled_on(&local, &live).await;
    let (first, _) = own_and_newest(&local);
    let newer = push(&local, "v2").await;
    settled_on(&local, &newer).await;

    // The registry tells whole seconds, and of one second the push counts.
    tokio::time::sleep(Duration::from_secs(1)).await;
    // With the console, from the older revision and with more memory.
    let theirs = local.place.hub().with(|world| {
        let mut document = first.document.clone();
        document.insert("memory".into(), json!("1024"));
        world.register_task_definition(document, Default::default(), "arn:aws:iam::1:user/ann").unwrap()
    });
    update(&local, UpdateService { task_definition: Some(theirs.arn.clone()), ..UpdateService::default() });
    settled_on(&local, &live).await;
    local.place.lambda().idle().await;
    let before = everything_written(&local);
    for _ in 0..20 {
        let decided = sweep(&local).await;
        assert!(reason(&decided).contains("diverged"), "{decided:?}");
        assert!(reason(&decided).contains("registered by arn:aws:iam::1:user/ann"), "{decided:?}");
    }
    assert_eq!(everything_written(&local), before, "nobody fights");

    let next = push(&local, "v3").await;
    settled_on(&local, &next).await;
    let (own, _) = own_and_newest(&local);
    assert_eq!(own.document["memory"], "1024");
    assert_eq!(own.tags["pushboat:base"], format!("{}:{}", theirs.family, theirs.revision));
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_demand_a_deployment_that_runs_is_left_for_the_one_before_and_stays_left() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let good = push(&local, "v1").await;
    settled_on(&local, &good).await;
    let left = push(&local, "v2").await;
    within(SOON, "a deployment", || local.view().is_some_and(|view| !view.is_settled())).await;
    let aws = aws(&local);
    let under_way = aws.rollouts(&game()).await.unwrap().remove(0);
    assert_eq!(under_way.outcome, pushboat::model::Outcome::UnderWay);

    let mut told = Vec::new();
    let log = &mut |decision| told.push(json!(decision));
    control::rollback(&aws, &scope(), &game(), None, "ann", log).await.unwrap();
    assert_eq!((&told[0]["decision"], &told[1]["decision"]), (&json!("rejected"), &json!("rolled_back")));
    assert!(reason(&told).contains("the deployment under way was stopped"), "{told:?}");
    settled_on(&local, &good).await;
    let key = format!("pushboat:rejected:{}", &left["sha256:".len()..]);
    assert!(service_tags(&local)[&key].contains("rolled back by ann"), "{:?}", service_tags(&local));

    // Again, while nothing runs: there is nothing more to do.
    let mut told = Vec::new();
    control::rollback(&aws, &scope(), &game(), None, "ann", &mut |it| told.push(json!(it))).await.unwrap();
    assert_eq!(told[0]["decision"], "kept", "{told:?}");
    local.place.lambda().idle().await;
    assert_eq!(sweep(&local).await.last().unwrap()["decision"], "restored");
    let before = everything_written(&local);
    for _ in 0..20 {
        assert!(sweep(&local).await[0]["reason"].as_str().unwrap().contains("rolled back by ann"));
    }
    assert_eq!(everything_written(&local), before, "quiet is no writes");

    // The owner's word brings it back.
    let digest = left.parse().unwrap();
    control::release_digest(&aws, &scope(), &game(), &digest, "ann", &mut |_| ()).await.unwrap();
    settled_on(&local, &left).await;
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_withholds_a_push_and_ends_by_itself() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let first = push(&local, "v1").await;
    settled_on(&local, &first).await;
    let until = Timestamp::now() + SignedDuration::from_secs(8);
    let hold = Wanted { length: Length::Until(until), by: "ann".into(), reason: "big sale".into() };
    control::hold(&aws(&local), &scope(), &game(), &hold, &mut |_| ()).await.unwrap();

    let decision = push_and_hear(&local, "v2").await;
    let words = decision["reason"].as_str().unwrap();
    assert!(words.contains("held by ann until") && words.ends_with("big sale"), "{words}");
    assert!(reason(&sweep(&local).await).contains("held by ann"));
    assert_eq!(local.view().unwrap().digest.as_deref(), Some(first.as_str()));

    within(SOON, "the end of the hold", || Timestamp::now() > until + SignedDuration::from_secs(1)).await;
    assert_eq!(sweep(&local).await[0]["decision"], "released");
    local.wait_until(SOON, |view| view.is_settled() && view.digest.as_deref() != Some(&first)).await.unwrap();
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blue_green_deployment_is_followed_to_its_hook_and_past_it() {
    let local = place(Wishes { tasks: 2, ..Wishes::default() }).await.unwrap();
    let first = push(&local, "v1").await;
    settled_on(&local, &first).await;
    let configuration = json!({"deploymentConfiguration": {
        "strategy": "BLUE_GREEN",
        "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}],
    }});
    let passed_through = configuration.as_object().unwrap().clone();
    update(&local, UpdateService { passed_through, ..UpdateService::default() });

    let second = push(&local, "v2").await;
    let aws = aws(&local);
    let paused = async {
        loop {
            let decided = sweep(&local).await;
            let words = decided[0]["reason"].as_str().unwrap();
            if words.contains("POST_SCALE_UP; the hook") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, paused).await.expect("a pause");
    let mut told = Vec::new();
    let log = &mut |decision| told.push(json!(decision));
    control::continue_deployment(&aws, &scope(), &game(), None, "ann", log).await.unwrap();
    assert_eq!(told[0]["decision"], "continued");
    settled_on(&local, &second).await;
    let decided = sweep(&local).await;
    assert!(reason(&decided).contains("which the service runs"), "{decided:?}");
    local.shutdown().await;
}
