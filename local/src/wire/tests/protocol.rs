//! What holds for every operation: identity, names, errors, faults, records.

use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use serde_json::json;

use super::Place;
use crate::wire::{Fault, FaultKind};

fn fault(service: &str, operation: &str, remaining: u32, kind: FaultKind) -> Fault {
    Fault { service: service.into(), operation: operation.into(), remaining, kind }
}

#[tokio::test]
async fn every_answer_says_when_and_which() {
    let place = Place::start().await;
    let mut ids = Vec::new();
    for answer in [
        place.query("sts", "Action=GetCallerIdentity&Version=2011-06-15").await,
        place.ecs("ListClusters", &json!({})).await,
        place.ecs("Nonsense", &json!({})).await,
        place.send(HeaderMap::new(), Vec::new()).await,
    ] {
        assert!(answer.header("date").ends_with(" GMT"), "{:?}", answer.headers);
        ids.push(answer.header("x-amzn-requestid").to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn sts_names_the_caller() {
    let place = Place::start().await;
    let answer = place.query("sts", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/xml");
    assert_eq!(answer.element("Arn"), "arn:aws:iam::123456789012:user/tester");
    assert_eq!(answer.element("Account"), "123456789012");
    assert_eq!(answer.element("RequestId"), answer.header("x-amzn-requestid"));
}

#[tokio::test]
async fn without_a_signature_nothing_is_answered() {
    let place = Place::start().await;
    let xml = place.send(HeaderMap::new(), b"Action=GetCallerIdentity".to_vec()).await;
    assert_eq!((xml.status, xml.element("Code")), (403, "MissingAuthenticationToken"));

    let mut headers = HeaderMap::new();
    let target = "AmazonEC2ContainerServiceV20141113.ListClusters";
    headers.insert("x-amz-target", target.parse().unwrap());
    let answer = place.send(headers, b"{}".to_vec()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.refused(),
        ("MissingAuthenticationTokenException".into(), "Missing Authentication Token".into())
    );
    assert!(place.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_signature_for_one_service_does_not_open_another() {
    let place = Place::start().await;
    let target = "AmazonEC2ContainerServiceV20141113.ListClusters";
    let (code, message) = place.json("ecr", target, "{}").await.refused();
    assert_eq!(code, "InvalidSignatureException");
    assert!(message.contains("correct service: 'ecs'"), "{message}");
    let answer = place.query("ecs", "Action=DescribeLoadBalancers").await;
    assert_eq!((answer.status, answer.element("Code")), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn what_is_not_built_says_what_is() {
    let place = Place::start().await;
    let (code, message) = place.ecs("CreateDaemon", &json!({})).await.refused();
    assert_eq!(code, "UnknownOperationException");
    assert!(message.contains("CreateDaemon") && message.contains("UpdateService"), "{message}");
    let (code, _) = place.json("ecs", "Other_20200101.Get", "{}").await.refused();
    assert_eq!(code, "UnknownOperationException");
    let (code, _) = place.ecs("StartTask", &json!({"taskDefinition": "x"})).await.refused();
    assert_eq!(code, "UnsupportedFeatureException");

    let answer = place.elb("Action=CreateRule").await;
    assert_eq!((answer.status, answer.element("Code")), (400, "InvalidAction"));
    assert!(answer.element("Message").contains("DescribeTargetHealth"));
    assert_eq!(place.elb("Version=1").await.element("Code"), "MissingAction");
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let place = Place::start().await;
    let target = "AmazonEC2ContainerServiceV20141113.DescribeServices";
    for body in ["{", "[]", "\"x\"", r#"{"services":"game"}"#, r#"{"services":[1]}"#] {
        let (code, _) = place.json("ecs", target, body).await.refused();
        assert_eq!(code, "SerializationException", "{body}");
    }
    let (code, _) = place.json("ecs", target, r#"{"services":null}"#).await.refused();
    assert_eq!(code, "InvalidParameterException");
}

#[tokio::test]
async fn faults_meet_the_calls_they_are_meant_for() {
    let place = Place::start().await;
    place.wire.faults.lock().unwrap().extend([
        fault("ecs", "ListClusters", 2, FaultKind::Throttle),
        fault("ecs", "ListClusters", 1, FaultKind::ServerError),
        fault("elasticloadbalancing", "DescribeLoadBalancers", 1, FaultKind::Throttle),
        fault("sts", "GetCallerIdentity", 1, FaultKind::Delay(60)),
    ]);
    for (status, code) in
        [(400, "ThrottlingException"), (400, "ThrottlingException"), (500, "ServerException")]
    {
        let answer = place.ecs("ListClusters", &json!({})).await;
        assert_eq!((answer.status, answer.refused().0.as_str()), (status, code));
    }
    assert_eq!(place.ecs("ListClusters", &json!({})).await.status, 200);
    let answer = place.elb("Action=DescribeLoadBalancers").await;
    assert_eq!((answer.status, answer.element("Code")), (400, "Throttling"));
    let start = Instant::now();
    assert_eq!(place.query("sts", "Action=GetCallerIdentity").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert!(place.wire.faults.lock().unwrap().is_empty());
}

#[tokio::test]
async fn calls_are_recorded_with_who_and_what() {
    let place = Place::start().await;
    place.ecs("ListClusters", &json!({ "maxResults": 7, "nextToken": null })).await.granted();
    place.query("sts", "Action=GetCallerIdentity&Names.member.1=a%20b").await;
    let calls = place.calls.lock().unwrap();
    let named: Vec<_> = calls.iter().map(|call| (call.service.as_str(), call.operation.as_str())).collect();
    assert_eq!(named, [("ecs", "ListClusters"), ("sts", "GetCallerIdentity")]);
    assert_eq!(calls[0].caller, "arn:aws:iam::123456789012:user/tester");
    assert_eq!(calls[0].request, json!({ "maxResults": 7 }));
    assert_eq!(calls[1].request, json!({ "Action": "GetCallerIdentity", "Names.member.1": "a b" }));
}
