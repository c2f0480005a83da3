//! Why a roll-out fails is said where it is decided, and what becomes of releases is told to others.

use serde_json::{Value, json};

use super::*;
use crate::diagnosis::{Cause, Kind, StoppedContainer, StoppedTask};
use crate::model::RolloutState;

const SECRET: &str = "hunter22-in-the-environment";

/// A task of the first service that exited with code 1.
fn exited(id: &str) -> StoppedTask {
    StoppedTask {
        id: id.into(),
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: "Essential container in task exited".into(),
        containers: vec![StoppedContainer { name: "web".into(), exit_code: Some(1), ..Default::default() }],
        ..Default::default()
    }
}

/// Image `b` is rolled back; its tasks left lines, one of them with an environment value.
async fn failing() -> Fake {
    let cloud = Fake::rolling('b');
    for definition in cloud.definitions.borrow_mut().iter_mut() {
        let container = &mut definition.document["containerDefinitions"][0];
        container["environment"] = json!([{"name": "PASSWORD", "value": SECRET}]);
        container["logConfiguration"] = json!({"logDriver": "awslogs", "options": {
            "awslogs-group": "/ecs/web", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "app",
        }});
    }
    follow_all(&cloud, &pushed()).await.1.unwrap();
    *cloud.stopped.borrow_mut() = vec![exited("t1"), exited("t2"), exited("t3")];
    let lines = vec!["starting".to_owned(), format!("fatal: password {SECRET} refused")];
    cloud.log.borrow_mut().insert("app/web/t3".into(), lines);
    cloud
}

fn detail_types(cloud: &Fake) -> Vec<&'static str> {
    cloud.announced.take().iter().map(|it| it.detail_type).collect()
}

fn completed(deployment_id: &str) -> Hint {
    Hint::Completed { service: name("web"), deployment_id: deployment_id.into() }
}

#[tokio::test]
async fn a_rejection_says_why_with_the_last_lines_and_no_environment_value() {
    let cloud = failing().await;
    cloud.turns(false);
    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("web"))).await;
    assert_eq!(decisions[0].decision, Action::Rejected);
    let diagnosis = decisions[0].diagnosis.as_ref().unwrap();
    assert_eq!((diagnosis.cause, diagnosis.tasks, diagnosis.of), (Cause::Exited, 3, 3));
    assert_eq!(diagnosis.last_lines, ["starting", "fatal: password <PASSWORD> refused"]);
    let says =
        "3 of 3 failed tasks: the container web exited with code 1: fatal: password <PASSWORD> refused";
    assert!(decisions[0].reason.contains(says), "{}", decisions[0].reason);
    let tag = cloud.tag_of_service(&policy::rejection_key(&digest('b'))).unwrap();
    assert!(
        tag.starts_with("2026-11-21T08:00:00Z 3 of 3 failed tasks: the container web exited with code 1"),
        "{tag}"
    );
    let said = format!("{decisions:?} {} {tag}", json!(decisions));
    assert!(!said.contains(SECRET), "{said}");
    assert_eq!(detail_types(&cloud), ["Pushboat Release Started", "Pushboat Release Failed"]);
}

#[tokio::test]
async fn what_cannot_be_learned_is_a_note_and_keeps_no_rejection_back() {
    for (operation, cause, noted) in [
        ("ListTasks", Cause::Unknown, "the stopped tasks could not be read"),
        ("GetLogEvents", Cause::Exited, "the log could not be read"),
    ] {
        for trouble in [Trouble::Throttled, Trouble::Unavailable, Trouble::Refused, Trouble::NotFound] {
            let cloud = failing().await;
            cloud.turns(false);
            *cloud.failing.borrow_mut() = Some((operation, trouble));
            let (decisions, result) = follow_all(&cloud, &Hint::Everything).await;
            result.unwrap();
            assert_eq!(decisions[0].decision, Action::Rejected);
            let diagnosis = decisions[0].diagnosis.as_ref().unwrap();
            assert_eq!(diagnosis.cause, cause);
            assert!(diagnosis.notes.iter().any(|note| note.starts_with(noted)), "{diagnosis:?}");
        }
    }
}

#[tokio::test]
async fn a_transient_fault_is_rejected_as_well_and_the_way_back_is_said() {
    let cloud = failing().await;
    cloud.turns(false);
    let reason = "Capacity is unavailable at this time.".to_owned();
    let placed =
        StoppedTask { stop_code: "TaskFailedToStart".into(), stopped_reason: reason, ..exited("t1") };
    *cloud.stopped.borrow_mut() = vec![StoppedTask { containers: vec![], ..placed }];
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(decisions[0].diagnosis.as_ref().map(|it| it.kind), Some(Kind::Transient));
    let key = policy::rejection_key(&digest('b'));
    assert!(decisions[0].reason.contains(&format!("remove the tag {key} from the service")));
    assert!(cloud.tag_of_service(&key).unwrap().ends_with("transient: remove this tag to try again"));
}

#[tokio::test]
async fn a_template_that_fails_says_why_too() {
    let cloud = Fake::rolling('a');
    cloud.template("web", "4096", &pinned('a'));
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    *cloud.stopped.borrow_mut() = vec![exited("t1")];
    cloud.turns(false);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    let rejected = decisions.iter().find(|it| it.decision == Action::Rejected).unwrap();
    assert_eq!(rejected.diagnosis.as_ref().map(|it| it.cause), Some(Cause::Exited));
    let tag = cloud.tag_of_service(policy::PASSED_OVER).unwrap();
    assert!(tag.starts_with("web:2 ") && tag.contains("exited with code 1"), "{tag}");
}

#[tokio::test]
async fn a_roll_out_whose_tasks_fail_is_said_to_and_one_whose_tasks_do_not_is_not_asked_about() {
    let cloud = failing().await;
    cloud.reads.take();
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert!(decisions[0].diagnosis.is_none(), "no task of it has failed yet");
    assert!(!cloud.reads.take().contains(&"ListTasks"));
    cloud.services.borrow_mut()[0].primary.as_mut().unwrap().failed_tasks = 1;
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept]);
    assert!(
        decisions[0].reason.contains("is rolling out; its tasks fail: 3 of 3"),
        "{}",
        decisions[0].reason
    );
    assert_eq!(detail_types(&cloud), ["Pushboat Release Started"], "sweeps would say it every minute");
}

#[tokio::test]
async fn a_success_is_said_on_the_word_of_ecs_and_only_if_what_is_there_agrees() {
    let cloud = failing().await;
    cloud.announced.take();
    let (decisions, _) = follow_all(&cloud, &completed("ecs-svc/1")).await;
    assert_eq!(actions(&decisions), [Action::Kept], "it is still under way, whatever somebody sends");
    cloud.ends(true);
    let (decisions, _) = follow_all(&cloud, &completed("ecs-svc/7")).await;
    assert_eq!(actions(&decisions), [Action::Kept], "of another deployment");
    let (decisions, _) = follow_all(&cloud, &completed("ecs-svc/1")).await;
    assert_eq!(actions(&decisions), [Action::Succeeded, Action::Kept]);
    assert_eq!(decisions[0].revision.as_deref(), Some("web:2"));
    assert_eq!(detail_types(&cloud), ["Pushboat Release Succeeded"]);
    for hint in [Hint::Everything, Hint::Service(name("web")), pushed()] {
        follow_all(&cloud, &hint).await.1.unwrap();
    }
    assert!(detail_types(&cloud).is_empty(), "nothing new");
}

#[tokio::test]
async fn neither_a_roll_back_nor_what_a_person_rolls_out_is_a_success_of_ours() {
    let cloud = failing().await;
    cloud.ends(false);
    cloud.announced.take();
    let (decisions, _) = follow_all(&cloud, &completed("ecs-svc/1")).await;
    assert_eq!(actions(&decisions), [Action::Rejected]);
    assert_eq!(detail_types(&cloud), ["Pushboat Release Failed"]);

    let cloud = Fake::rolling('a');
    assert_eq!(cloud.services.borrow()[0].primary.as_ref().map(|it| it.state), Some(RolloutState::Completed));
    let (decisions, _) = follow_all(&cloud, &completed("ecs-svc/1")).await;
    assert_eq!(actions(&decisions), [Action::Kept]);
}

#[tokio::test]
async fn refused_events_fail_no_release_and_are_said() {
    for trouble in [Trouble::Throttled, Trouble::Unavailable, Trouble::Refused] {
        let cloud = Fake::new(&[("web", "game:main")], 'b');
        *cloud.failing.borrow_mut() = Some(("PutEvents", trouble));
        let (decisions, result) = follow_all(&cloud, &pushed()).await;
        result.unwrap();
        assert_eq!(actions(&decisions), [Action::Released, Action::Kept, Action::Failed]);
        assert!(decisions[2].reason.starts_with("events were not sent"), "{}", decisions[2].reason);
        assert_eq!(decisions[2].retry, Some(false));
    }
}

#[tokio::test]
async fn a_push_that_is_withheld_is_told_once_and_sweeps_are_silent() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    let key = policy::rejection_key(&digest('b'));
    cloud.services.borrow_mut()[0].tags.insert(key, "2026-01-01T00:00:00Z x".into());
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert!(decisions[0].withheld && json!(decisions[0])["withheld"] == Value::Bool(true));
    assert_eq!(detail_types(&cloud), ["Pushboat Release Withheld"]);
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert!(detail_types(&cloud).is_empty());
    *cloud.failing.borrow_mut() = Some(("DescribeImages", Trouble::Refused));
    follow_all(&cloud, &pushed()).await.1.unwrap();
    assert_eq!(detail_types(&cloud), ["Pushboat Release Withheld"], "nobody else will say it");
}
