//! Which container it is about, where it runs, and how it ended.

use serde_json::json;

use super::*;
use crate::diagnosis::StoppedContainer;
use crate::policy;

fn definition(containers: Value) -> TaskDefinition {
    let document = json!({"family": "web", "containerDefinitions": containers});
    TaskDefinition {
        arn: "arn:aws:ecs:eu:1:task-definition/web:7".into(),
        document: document.as_object().unwrap().clone(),
        tags: Tags::new(),
    }
}

fn tracks(pairs: &[(&str, &str)]) -> Vec<Track> {
    let tags = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    policy::tracks(&tags).unwrap()
}

#[test]
fn a_task_runs_where_the_tasks_of_its_service_run() {
    let network = json!({"awsvpcConfiguration": {"subnets": ["a"], "newer": {"than": "this"}}});
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    for (service, expected) in [
        (
            json!({"launchType": "FARGATE", "capacityProviderStrategy": strategy, "platformVersion": "1.4.0",
                   "networkConfiguration": network, "desiredCount": 2}),
            json!({"capacityProviderStrategy": strategy, "platformVersion": "1.4.0", "networkConfiguration": network}),
        ),
        (
            json!({"launchType": "FARGATE", "capacityProviderStrategy": [], "networkConfiguration": network}),
            json!({"launchType": "FARGATE", "networkConfiguration": network}),
        ),
        (
            json!({"launchType": "EC2", "platformVersion": "", "networkConfiguration": null}),
            json!({"launchType": "EC2"}),
        ),
    ] {
        assert_eq!(json!(Placement::of(service.as_object().unwrap()).0), expected);
    }
}

#[test]
fn a_command_goes_to_the_container_that_is_meant() {
    let one = definition(json!([{"name": "app", "image": "r.example/web:1"}]));
    let two = definition(json!([
        {"name": "app", "image": "r.example/web:1"}, {"name": "log", "image": "r.example/log:1", "essential": false},
    ]));
    let equals = definition(json!([
        {"name": "app", "image": "r.example/web:1"}, {"name": "side", "image": "r.example/side:1"},
    ]));
    let of = |definition, followed: &[(&str, &str)], named| container(definition, &tracks(followed), named);
    for (definition, followed, named, expected) in [
        (&one, &[("pushboat:track", "web:live")][..], None, Ok("app")),
        (&one, &[("pushboat:track:other", "web:live")], None, Ok("app")),
        (&two, &[("pushboat:track", "elsewhere:live")], None, Ok("app")),
        (&equals, &[("pushboat:track", "side:live")], None, Ok("side")),
        (&equals, &[("pushboat:track:app", "zz:live")], None, Ok("app")),
        (&equals, &[("pushboat:track", "web:live"), ("pushboat:track:side", "side:live")], None, Ok("app")),
        (&equals, &[("pushboat:track", "web:live")], Some("side"), Ok("side")),
        (&two, &[("pushboat:track", "web:live")], Some("log"), Ok("log")),
        (&equals, &[("pushboat:track", "zz:live")], None, Err("say which container of web:7: app, side")),
        (
            &equals,
            &[("pushboat:track:app", "zz:aa"), ("pushboat:track:side", "zz:bb")],
            None,
            Err("app, side"),
        ),
        (&two, &[], Some("nobody"), Err("web:7 has no container 'nobody'; there are: app, log")),
    ] {
        match (of(definition, followed, named), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{followed:?}"),
            (Err(why), Err(says)) => assert!(why.contains(says), "{why}"),
            (found, _) => panic!("{followed:?}: {found:?}"),
        }
    }
}

fn ended(stop_code: &str, codes: &[(&str, Option<i32>)]) -> OneOff {
    let container = |(name, exit_code): &(&str, Option<i32>)| StoppedContainer {
        name: (*name).to_owned(),
        exit_code: *exit_code,
        ..StoppedContainer::default()
    };
    OneOff {
        end: StoppedTask {
            id: "0123".into(),
            stop_code: stop_code.into(),
            containers: codes.iter().map(container).collect(),
            ..StoppedTask::default()
        },
        last_status: "STOPPED".into(),
        tags: Tags::from([(CONTAINER.to_owned(), "app".to_owned())]),
        containers: codes.iter().map(|_| ("STOPPED".to_owned(), Vec::new())).collect(),
        ..OneOff::default()
    }
}

#[test]
fn it_ended_well_where_its_own_container_did() {
    let definition =
        definition(json!([{"name": "app"}, {"name": "log", "essential": false}, {"name": "proxy"}]));
    let exited = "EssentialContainerExited";
    for (stop_code, codes, outcome, exit_code) in [
        (exited, &[("app", Some(0))][..], Outcome::Succeeded, Some(0)),
        (exited, &[("log", Some(1)), ("app", Some(0)), ("proxy", Some(143))], Outcome::Succeeded, Some(0)),
        (exited, &[("app", Some(0)), ("proxy", Some(2))], Outcome::Failed, Some(0)),
        (exited, &[("app", Some(137)), ("proxy", Some(0))], Outcome::Failed, Some(137)),
        (exited, &[("app", Some(3))], Outcome::Failed, Some(3)),
        ("UserInitiated", &[("app", Some(0))], Outcome::Failed, Some(0)),
        ("TaskFailedToStart", &[("app", None)], Outcome::Failed, None),
    ] {
        let task = ended(stop_code, codes);
        assert_eq!((task.outcome(Some(&definition)), task.exit_code()), (outcome, exit_code), "{codes:?}");
    }
    let running = OneOff { last_status: "DEPROVISIONING".into(), ..ended(exited, &[("app", Some(1))]) };
    assert_eq!(running.outcome(None), Outcome::UnderWay);
}

#[test]
fn it_is_of_one_service_and_nothing_in_its_request_is_of_the_moment() {
    let name = |service: &str| ServiceName { cluster: "prod".into(), service: service.into() };
    let tags = tags(&name("web"), "arn:aws:sts::1:assumed-role/ops/ann,bob", Some("app"));
    assert_eq!(
        tags,
        Tags::from([
            (OF_SERVICE.to_owned(), "prod/web".to_owned()),
            (RUN_BY.to_owned(), "arn:aws:sts::1:assumed-role/ops/ann bob".to_owned()),
            (CONTAINER.to_owned(), "app".to_owned()),
        ])
    );
    let task = OneOff { tags, ..OneOff::default() };
    assert!(task.is_of(&name("web")) && !task.is_of(&name("worker")));
    assert!(!OneOff::default().is_of(&name("web")));
    for (text, is) in [("k", true), (&"k".repeat(64), true), ("", false), (&"k".repeat(65), false)] {
        assert_eq!(is_token(text), is);
    }
    assert!(!is_token("a key") && !is_token("schlüssel"));
}

#[test]
fn an_environment_value_is_shown_nowhere() {
    let definition = definition(json!([
        {"name": "app", "image": "web:1", "environment": [{"name": "PASSWORD", "value": "hunter22"}]},
    ]));
    let mut task = ended("EssentialContainerExited", &[("app", Some(1))]);
    task.end.stopped_reason = "said hunter22".into();
    task.end.containers[0].reason = "hunter22".into();
    task.containers[0].1 = vec!["login".into(), "hunter22".into()];
    let service = ServiceName { cluster: "prod".into(), service: "web".into() };
    let shown = json!(view(&task, &service, Some(&definition), None));
    assert!(!shown.to_string().contains("hunter22"), "{shown}");
    assert!(!shown.to_string().contains("login"), "{shown}");
    assert_eq!((&shown["outcome"], &shown["exit_code"]), (&json!("failed"), &json!(1)));
}
