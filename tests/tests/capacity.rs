//! Capacity as a whole run: real requests, real metrics and alarms, the functions as they ship. Time runs thirty times as
//! fast, so a minute of metrics takes two seconds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, StateValue, Statistic, Tag};
use jiff::SignedDuration;
use pushboat_cli::demo::view::{Phase, View};
use pushboat_cli::local::{Local, stack};
use pushboat_cli::push::Quiet;
use pushboat_local::hub::Hub;
use pushboat_local::traffic::Traffic;
use pushboat_local::world::ecs::Service;
use pushboat_tests::{Wishes, cloudwatch, decisions, place, service_events};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(120);
/// On another metric than load: what it moves, its tag says.
const QUEUE: &str = "orders/queue-length";
const BUSY: &str = "game/busy";

#[tokio::test(flavor = "multi_thread")]
async fn alarms_load_and_people_decide_how_many_tasks_there_are() {
    Hub::run_faster(30);
    let service_tags = [("pushboat:capacity", "1-6"), ("pushboat:load", "requests/20")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    // Sweeps only where the test asks for one.
    let wishes =
        Wishes { tasks: 1, sweep_every: Duration::from_secs(86_400), service_tags, ..Wishes::default() };
    let local = place(wishes).await.unwrap();
    let digest = local.push_version("v1", &Quiet).await.unwrap().digest;
    local
        .wait_until(SOON, |view| view.is_settled() && view.digest.as_deref() == Some(&digest))
        .await
        .unwrap();
    let client = cloudwatch(&local);
    put_alarms(&local, &client).await;

    // An alarm on what Pushboat does not read: two more tasks while it lasts.
    let set = async |state| {
        let request = client.set_alarm_state().alarm_name(QUEUE).state_value(state);
        request.state_reason("the test says so").send().await.unwrap();
    };
    set(StateValue::Alarm).await;
    reached(&local, "two more by the alarm", || service(&local).desired_count >= 3).await;
    let decision = scaled(&local).remove(0);
    assert_eq!((&decision["hint"], &decision["former_count"]), (&format!("alarm {QUEUE}").into(), &1.into()));
    assert!(decision["reason"].as_str().unwrap().contains("at least 3"), "{decision}");
    // A quiet minute has been seen by now, or will be.
    set(StateValue::Ok).await;
    swept(&local, "one again, as nothing comes", |service| service.desired_count == 1).await;
    assert!(service(&local).tags.keys().all(|key| !key.starts_with("pushboat:alarm:")));

    // Visitors: some eighty in a minute of the world, twenty for each task, and some room.
    let before = scaled(&local).len();
    let traffic = Traffic::start(&local.addresses.game, 40.0, 8).unwrap();
    // And a push in the midst of it: neither keeps the other from its work.
    let digest = local.push_version("v2", &Quiet).await.unwrap().digest;
    reached(&local, "more by the alarm on load", || scaled(&local).len() > before).await;
    let decision = scaled(&local).remove(before);
    assert_eq!(decision["hint"], format!("alarm {BUSY}"), "{decision}");
    assert!(decision["reason"].as_str().unwrap().contains("requests/20: "), "{decision}");
    swept(&local, "as many as the load needs", |service| service.desired_count >= 5).await;
    let is_there = |view: &View| {
        view.is_settled() && view.count(Phase::Healthy) >= 5 && view.digest.as_deref() == Some(&digest)
    };
    local.wait_until(SOON, is_there).await.unwrap();

    // A person has the last word, for a while.
    let until = Hub::now() + SignedDuration::from_mins(4);
    let word = format!("2 {} ann costs", until.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let arn = service(&local).arn;
    local.place.hub().with(|world| {
        world.tag_resource(&arn, [("pushboat:desired".to_owned(), word)].into()).unwrap();
    });
    swept(&local, "two, as ann says", |service| service.desired_count == 2).await;
    let last = scaled(&local).pop().unwrap();
    assert!(last["reason"].as_str().unwrap().contains(" to 2: override: 2 by ann"), "{last}");
    swept(&local, "the load again", |service| service.desired_count >= 5).await;
    assert!(Hub::now() >= until, "not before it ended");

    let report = traffic.stop().await;
    assert!(report.sent > 100, "{}", report.sent);
    assert_eq!(report.failed, 0, "{:?}", report.first_failures);
    assert!(local.place.lambda().dead_letters().is_empty());
    local.shutdown().await;
}

async fn put_alarms(local: &Local, client: &Client) {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let alarm = |name: &str| {
        // A minute with so many requests needs three tasks.
        client.put_metric_alarm().alarm_name(name).period(60).evaluation_periods(1).threshold(45.0)
    };
    let request = alarm(QUEUE)
        .namespace("Orders")
        .metric_name("QueueLength")
        .dimensions(dimension("ClusterName", stack::CLUSTER))
        .dimensions(dimension("ServiceName", stack::SERVICE))
        .statistic(Statistic::Average)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("ignore")
        .tags(Tag::builder().key("pushboat:step").value("+2").build());
    request.send().await.unwrap();
    let (balancer, group) = local.place.hub().with(|world| {
        let group = world.elb.target_groups[0].arn.clone();
        (world.elb.load_balancer_of(&group).unwrap().arn.clone(), group)
    });
    let request = alarm(BUSY)
        .namespace("AWS/ApplicationELB")
        .metric_name("RequestCount")
        .dimensions(dimension("LoadBalancer", balancer.split_once(":loadbalancer/").unwrap().1))
        .dimensions(dimension("TargetGroup", group.rsplit_once(':').unwrap().1))
        .statistic(Statistic::Sum)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("notBreaching");
    request.send().await.unwrap();
}

fn service(local: &Local) -> Service {
    let find = |world: &mut pushboat_local::world::World| {
        world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap().clone()
    };
    local.place.hub().with(find)
}

fn scaled(local: &Local) -> Vec<Value> {
    decisions(local).into_iter().filter(|line| line["decision"] == "scaled").collect()
}

async fn reached(local: &Local, what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, waiting).await;
    waited
        .unwrap_or_else(|_| panic!("in vain: {what}\n{:#?}\n{:#?}", decisions(local), service_events(local)));
}

/// A sweep each minute, until it is so.
async fn swept(local: &Local, what: &str, is_so: impl Fn(&Service) -> bool) {
    let sweeping = async {
        loop {
            let tick = serde_json::from_str(include_str!("../../events/sweep/tick.json")).unwrap();
            let answer = local.place.lambda().invoke_sync("sweep", tick).await.unwrap();
            assert!(answer.error.is_none(), "{answer:?}");
            if is_so(&service(local)) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, sweeping).await;
    waited
        .unwrap_or_else(|_| panic!("in vain: {what}\n{:#?}\n{:#?}", decisions(local), service_events(local)));
}
