//! One-off tasks: on which revision, for whom, once; and why one failed.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::people::{set, two_releases, web};
use super::*;
use crate::cloud::Trouble;
use crate::diagnosis::{Cause, StoppedContainer, StoppedTask};
use crate::hold::HOLD;
use crate::one_off::{self, Launched, OneOff};
use crate::rehearsal::{Call, Rehearsal};
use crate::task_definition::revision_name;

fn wanted() -> run::Wanted {
    run::Wanted { family: None, container: None, command: Vec::new(), client_token: "key-1".into() }
}

fn migration() -> run::Wanted {
    run::Wanted { command: vec!["migrate".into(), "--all".into()], ..wanted() }
}

async fn ask<C: Cloud>(cloud: &C, wanted: &run::Wanted) -> (Vec<Decision>, Result<(), Undone>) {
    let mut decisions = Vec::new();
    let done = run_task(cloud, &scope(), &web(), wanted, "ann", &mut |it| decisions.push(it)).await;
    (decisions, done)
}

#[tokio::test]
async fn a_task_runs_what_the_service_runs_where_the_service_runs_it() {
    let cloud = two_releases().await;
    let own = cloud.own();
    let (decisions, done) = ask(&cloud, &migration()).await;
    done.unwrap();
    let [decision] = decisions.as_slice() else { panic!("{decisions:?}") };
    assert_eq!((decision.decision, decision.task.as_deref()), (Action::TaskStarted, Some("0123")));
    assert_eq!(decision.revision.as_deref(), Some(own.name()));
    assert!(decision.reason.contains("container web") && decision.reason.contains("ann has asked"));
    // It may have a password in it.
    assert!(!json!(decision).to_string().contains("migrate"), "{decision:?}");
    let runs = cloud.runs.borrow().clone();
    let run = &runs[0];
    assert_eq!((run.task_definition_arn.as_str(), run.cluster.as_str()), (own.arn.as_str(), "pushboat"));
    assert_eq!(run.command, Some(("web".into(), migration().command)));
    assert_eq!(run.placement.0["networkConfiguration"]["awsvpcConfiguration"]["invented"], json!([1]));
    assert_eq!(run.tags[one_off::RUN_BY], "ann");
    let told: Vec<_> = cloud.announced.borrow().iter().map(|it| it.detail_type).collect();
    assert_eq!(told, ["Pushboat Task Started"]);
    cloud.announced.borrow().iter().for_each(crate::announce::tests::check);
    // The same again, whenever that is: nothing in the request is of the moment.
    cloud.pass(60);
    ask(&cloud, &migration()).await.1.unwrap();
    assert_eq!(cloud.runs.borrow()[1], runs[0]);
}

#[tokio::test]
async fn a_hold_keeps_releases_back_and_no_task() {
    let cloud = two_releases().await;
    set(&cloud, HOLD, "- ann big sale");
    ask(&cloud, &wanted()).await.1.unwrap();
    assert_eq!(cloud.writes(), [format!("run {}", cloud.own().arn)]);
    assert_eq!(cloud.runs.borrow()[0].command, None);
}

#[tokio::test]
async fn another_family_is_its_newest_revision() {
    let cloud = two_releases().await;
    cloud.define("web-migrate", "256", &pinned('a'));
    let newest = cloud.define("web-migrate", "512", &pinned('b'));
    let family = |family: &str| run::Wanted { family: Some(family.into()), ..wanted() };
    ask(&cloud, &family("web-migrate")).await.1.unwrap();
    assert_eq!(cloud.runs.borrow()[0].task_definition_arn, newest);
    let (decisions, done) = ask(&cloud, &family("web-nothing")).await;
    assert!(matches!(done.unwrap_err(), Undone::Refused(why) if why.contains("'web-nothing' has no ACTIVE")));
    assert_eq!(decisions[0].decision, Action::Kept);
    for foreign in ["api", "webmail", "we", "-migrate"] {
        cloud.define(foreign, "256", &pinned('a'));
        let refused = ask(&cloud, &family(foreign)).await.1.unwrap_err().to_string();
        assert!(refused.contains("its own family web and those named after it"), "{refused}");
    }
    assert_eq!(cloud.runs.borrow().len(), 1);
}

#[tokio::test]
async fn the_same_from_another_session_or_of_another_revision_is_the_same_task() {
    let cloud = two_releases().await;
    let there = |command: &[&str], service: &str, family: &str| OneOff {
        task_definition_arn: format!("arn:aws:ecs:eu:1:task-definition/{family}:1"),
        tags: one_off::tags(&name(service), "ann in another session", Some("web")),
        end: StoppedTask {
            containers: vec![StoppedContainer { name: "web".into(), ..StoppedContainer::default() }],
            ..StoppedTask::default()
        },
        containers: vec![("RUNNING".into(), command.iter().map(|it| (*it).to_owned()).collect())],
        ..OneOff::default()
    };
    for (task, is_it) in [
        (there(&["migrate", "--all"], "web", "web"), true),
        (there(&["migrate"], "web", "web"), false),
        (there(&[], "web", "web"), false),
        (there(&["migrate", "--all"], "api", "web"), false),
        (there(&["migrate", "--all"], "web", "web-job"), false),
    ] {
        cloud.tasks_there.borrow_mut().insert("77".into(), task);
        cloud.launch.replace(Some(Launched::OtherTasks(vec!["arn:aws:ecs:eu:1:task/pushboat/77".into()])));
        let (decisions, done) = ask(&cloud, &migration()).await;
        assert_eq!(done.is_ok(), is_it, "{decisions:?}");
        assert_eq!(decisions[0].task.as_deref(), is_it.then_some("77"), "{decisions:?}");
    }
}

#[tokio::test]
async fn what_ecs_says_no_to_is_a_refusal_in_its_words() {
    let cloud = two_releases().await;
    for (launch, says) in [
        (Launched::Nowhere("Capacity is unavailable".into()), "did not start web:3: Capacity is unavailable"),
        (Launched::OtherTasks(vec!["arn:aws:ecs:eu:1:task/pushboat/77".into()]), "there is the task 77"),
    ] {
        cloud.launch.replace(Some(launch));
        let (decisions, done) = ask(&cloud, &wanted()).await;
        let why = done.unwrap_err().to_string();
        assert!(why.contains(says) && decisions[0].reason == why, "{why}");
        assert_eq!((decisions[0].decision, decisions.len()), (Action::Kept, 1));
    }
    cloud.failing.replace(Some(("RunTask", Trouble::Throttled)));
    let (decisions, done) = ask(&cloud, &wanted()).await;
    assert!(matches!(done.unwrap_err(), Undone::Cloud(error) if error.retry_helps()));
    assert_eq!((decisions[0].decision, decisions[0].retry), (Action::Failed, Some(true)));
    assert!(cloud.announced.borrow().is_empty());
}

#[tokio::test]
async fn a_command_wants_a_container_and_a_service_of_this_installation() {
    let cloud = two_releases().await;
    let nobody = run::Wanted { container: Some("nobody".into()), ..migration() };
    let (_, done) = ask(&cloud, &nobody).await;
    assert!(done.unwrap_err().to_string().ends_with("there are: web"));
    cloud.definitions.borrow_mut().iter_mut().for_each(|definition| {
        definition.document.insert("status".into(), "INACTIVE".into());
    });
    let (_, done) = ask(&cloud, &wanted()).await;
    assert!(done.unwrap_err().to_string().contains("has been deregistered"));
    cloud.services.borrow_mut()[0].tags.clear();
    assert!(matches!(ask(&cloud, &wanted()).await.1, Err(Undone::NoService(_))));
    let elsewhere = ServiceName { cluster: "other".into(), ..web() };
    let mut none = |_| ();
    let done = run_task(&cloud, &scope(), &elsewhere, &wanted(), "ann", &mut none).await;
    assert!(matches!(done, Err(Undone::NotAllowed(_))));
    assert!(cloud.runs.borrow().is_empty());
}

#[tokio::test]
async fn a_rehearsal_shows_the_call_and_starts_nothing() {
    let cloud = two_releases().await;
    let mut own = cloud.own();
    own.document["containerDefinitions"][0]["environment"] =
        json!([{"name": "PASSWORD", "value": "hunter22"}]);
    let arn = own.arn.clone();
    cloud.definitions.borrow_mut().iter_mut().filter(|it| it.arn == arn).for_each(|it| *it = own.clone());
    let rehearsal = Rehearsal::on(&cloud);
    let (decisions, done) = ask(&rehearsal, &migration()).await;
    done.unwrap();
    assert_eq!(decisions[0].decision, Action::TaskStarted);
    let calls = rehearsal.calls(Some(&web())).await.unwrap();
    let [Call::RunTask { task_definition, container, command, .. }] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(task_definition, revision_name(&arn));
    assert_eq!((container.as_deref(), command), (Some("web"), &migration().command));
    assert!(!json!(calls).to_string().contains("hunter22"));
    assert!(cloud.runs.borrow().is_empty() && cloud.announced.borrow().is_empty());
}

#[tokio::test]
async fn a_task_that_failed_says_why_with_its_last_lines() {
    let cloud = two_releases().await;
    let arn = {
        let mut definitions = cloud.definitions.borrow_mut();
        let definition = definitions.last_mut().unwrap();
        definition.document["containerDefinitions"][0]["logConfiguration"] = json!({
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "app"},
        });
        let environment: Value = json!([{"name": "PASSWORD", "value": "hunter22"}]);
        definition.document["containerDefinitions"][0]["environment"] = environment;
        definition.arn.clone()
    };
    let lines = vec!["connecting".to_owned(), "error: hunter22 is wrong".to_owned()];
    cloud.log.borrow_mut().insert("app/web/77".into(), lines);
    let task = |stop_code: &str, reason: &str, exit_code| StoppedTask {
        id: "77".into(),
        stop_code: stop_code.into(),
        stopped_reason: reason.into(),
        ran: Some(SignedDuration::from_secs(3)),
        containers: vec![StoppedContainer { name: "web".into(), exit_code, ..StoppedContainer::default() }],
        ..StoppedTask::default()
    };
    let exited = task("EssentialContainerExited", "Essential container in task exited", Some(3));
    let found = diagnose_task(&cloud, &exited, &arn).await;
    assert_eq!((found.cause, found.last_lines.len()), (Cause::Exited, 2));
    assert_eq!(
        found.sentence,
        "1 task failed: the container web exited with code 3 after 3 s: error: <PASSWORD> is wrong; correct what it runs \
         or is configured with, and run it again"
    );
    let by_hand = task("UserInitiated", "Task stopped by user", Some(143));
    assert_eq!(diagnose_task(&cloud, &by_hand, &arn).await.sentence, "Task stopped by user");
    let nowhere = "Capacity is unavailable at this time";
    let found = diagnose_task(&cloud, &task("TaskFailedToStart", nowhere, None), &arn).await;
    assert!(found.sentence.ends_with("it may pass: run it again"), "{}", found.sentence);
}
