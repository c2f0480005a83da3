//! What is deployed, as AWS shows it: functions, rules, the queue of dead letters, the stack that they are of.

use std::time::Duration;

use serde_json::json;

use super::Place;
use super::client::Answer;
use crate::bus::{Bus, Rule, Trigger};
use crate::lambda::{Function, Lambda, Settings};
use crate::stack::{QUEUE, Resource, Running, Stack};

const QUEUE_URL: &str = "http://127.0.0.1:1/123456789012/failed";

async fn place() -> Place {
    let mut sweep = Function::new("sweep", "/no/such/program");
    sweep.environment = vec![
        ("CLUSTERS".to_owned(), "shop".to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "secret".to_owned()),
    ];
    let lambda = Lambda::start(
        Settings::new("123456789012", "eu-central-1"),
        vec![sweep, Function::new("api", "/no")],
    );
    let rule = Rule {
        name: "minute".to_owned(),
        trigger: Trigger::Schedule(Duration::from_secs(60)),
        targets: vec!["sweep".to_owned()],
    };
    let bus = Bus::start(vec![rule], lambda.clone()).unwrap();
    let resource = |number: usize| Resource {
        logical_id: format!("Resource{number:03}"),
        kind: "AWS::Lambda::Function".to_owned(),
        physical_id: format!("f{number}"),
    };
    let queue = Resource { logical_id: "Failed".into(), kind: QUEUE.into(), physical_id: QUEUE_URL.into() };
    let stack = Stack {
        name: "shop".to_owned(),
        created_at: "2026-11-21T08:00:00Z".parse().unwrap(),
        resources: std::iter::once(queue).chain((0..150).map(resource)).collect(),
        outputs: vec![("Address".to_owned(), "http://a&b".to_owned())],
    };
    Place::start_with(Some(Running { lambda, bus, stack: Some(stack) })).await
}

async fn get(place: &Place, path: &str) -> Answer {
    place.get("lambda", path).await
}

#[tokio::test]
async fn functions_are_shown_without_their_credentials() {
    let place = place().await;
    let listed = get(&place, "/2015-03-31/functions/").await.granted();
    let names: Vec<_> =
        listed["Functions"].as_array().unwrap().iter().map(|it| it["FunctionName"].clone()).collect();
    assert_eq!(names, ["api", "sweep"]);
    let answer = get(&place, "/2015-03-31/functions/sweep/configuration").await;
    assert!(!answer.text.contains("secret"), "{}", answer.text);
    let function = answer.granted();
    assert_eq!(
        (&function["State"], &function["Environment"]),
        (&json!("Active"), &json!({ "Variables": { "CLUSTERS": "shop" } }))
    );
    let policy = get(&place, "/2015-03-31/functions/sweep/policy").await.granted();
    let policy: serde_json::Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    let source = &policy["Statement"][0]["Condition"]["ArnLike"]["AWS:SourceArn"];
    assert_eq!(source, "arn:aws:events:eu-central-1:123456789012:rule/minute");
    let concurrency = get(&place, "/2019-09-30/functions/sweep/concurrency").await.granted();
    assert_eq!(concurrency["ReservedConcurrentExecutions"], 10);

    for (path, code) in [
        ("/2015-03-31/functions/nobody/configuration", "ResourceNotFoundException"),
        ("/2015-03-31/functions/api/policy", "ResourceNotFoundException"),
        ("/2015-03-31/functions/api/aliases", "UnknownOperationException"),
    ] {
        assert_eq!(get(&place, path).await.refused().0, code, "{path}");
    }
    assert_ne!(place.get("ecs", "/2015-03-31/functions/").await.status, 200, "signed for another service");
}

#[tokio::test]
async fn rules_are_shown_and_switched() {
    let place = place().await;
    let events = |operation: &'static str, body: serde_json::Value| {
        let place = &place;
        async move { place.json("events", &format!("AWSEvents.{operation}"), &body.to_string()).await }
    };
    let rule = events("DescribeRule", json!({ "Name": "minute" })).await.granted();
    assert_eq!((&rule["State"], &rule["ScheduleExpression"]), (&json!("ENABLED"), &json!("rate(1 minute)")));
    let targets = events("ListTargetsByRule", json!({ "Rule": "minute" })).await.granted();
    assert_eq!(targets["Targets"][0]["Arn"], "arn:aws:lambda:eu-central-1:123456789012:function:sweep");
    events("DisableRule", json!({ "Name": "minute" })).await.granted();
    let listed = events("ListRules", json!({ "NamePrefix": "min" })).await.granted();
    assert_eq!(listed["Rules"][0]["State"], "DISABLED");
    events("EnableRule", json!({ "Name": "minute" })).await.granted();
    assert_eq!(events("DescribeRule", json!({ "Name": "minute" })).await.granted()["State"], "ENABLED");
    for operation in ["DescribeRule", "DisableRule"] {
        let refused = events(operation, json!({ "Name": "nobody" })).await.refused();
        assert_eq!(refused.0, "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn the_queue_holds_what_was_given_up() {
    let place = place().await;
    let ask = |url: &'static str| {
        let place = &place;
        let body = json!({ "QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"] });
        async move { place.json("sqs", "AmazonSQS.GetQueueAttributes", &body.to_string()).await }
    };
    assert_eq!(
        ask(QUEUE_URL).await.granted(),
        json!({ "Attributes": { "ApproximateNumberOfMessages": "0" } })
    );
    assert_eq!(ask("http://127.0.0.1:1/123456789012/other").await.refused().0, "QueueDoesNotExist");
    let listed = place.json("sqs", "AmazonSQS.ListQueues", "{}").await.granted();
    assert_eq!(listed["QueueUrls"], json!([QUEUE_URL]));
}

#[tokio::test]
async fn the_stack_is_shown_in_pages() {
    let place = place().await;
    let described = place.query("cloudformation", "Action=DescribeStacks&StackName=shop").await;
    assert_eq!((described.status, described.element("StackStatus")), (200, "CREATE_COMPLETE"));
    assert_eq!(
        (described.element("OutputKey"), described.element("OutputValue")),
        ("Address", "http://a&amp;b")
    );
    let mut found = 0;
    let mut next = String::new();
    loop {
        let form = format!("Action=ListStackResources&StackName=shop&NextToken={next}");
        let page = place.query("cloudformation", &form).await;
        found += page.text.matches("<LogicalResourceId>").count();
        next = page.element("NextToken").to_owned();
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(found, 151);
    let none = place.query("cloudformation", "Action=DescribeStacks&StackName=other").await;
    assert_eq!((none.status, none.element("Code")), (400, "ValidationError"));
    assert!(none.element("Message").contains("does not exist"));
}

#[tokio::test]
async fn what_is_not_here_says_so() {
    let place = place().await;
    let answer = place.query("iam", "Action=GetRole&RoleName=x").await;
    assert_eq!((answer.status, answer.element("Code")), (400, "UnknownOperationException"));
    assert_eq!(answer.element("Message"), "There is no iam here.");
    let (code, message) = place.json("ssm", "AmazonSSM.DescribeParameters", "{}").await.refused();
    assert_eq!((code.as_str(), message.as_str()), ("UnknownOperationException", "There is no ssm here."));
}
