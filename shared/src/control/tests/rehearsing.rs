//! A plan says what will be done, and does nothing.

use super::people::{two_releases, web};
use super::*;
use crate::capacity::policy as wanted;
use crate::capacity::temporary::{self, Which};
use crate::hold::{self, Length, Wanted};
use crate::rehearsal::{Call, Rehearsal};

#[derive(Debug, Clone, Copy)]
enum Asked {
    Look,
    Sweep,
    RollBack,
    Release,
    Resume,
    Hold,
    Unhold,
    HoldCluster,
    Scale,
    EndScale,
}

async fn ask_for<C: Cloud>(cloud: &C, asked: Asked) -> (Vec<Decision>, Result<(), String>) {
    let mut decisions = Vec::new();
    let log = &mut |decision| decisions.push(decision);
    let (scope, web) = (&scope(), &web());
    let told = |undone: Undone| undone.to_string();
    let hold = Wanted { length: Length::UntilLifted, by: "ann".into(), reason: "sale".into() };
    let done = match asked {
        Asked::Look => {
            let hint = Hint::Request { service: web.clone(), by: "ann".into() };
            follow(cloud, scope, &hint, log).await.map_err(|error| error.to_string())
        }
        Asked::Sweep => follow(cloud, scope, &Hint::Everything, log).await.map_err(|error| error.to_string()),
        Asked::RollBack => rollback(cloud, scope, web, None, "ann", log).await.map_err(told),
        Asked::Release => release_digest(cloud, scope, web, &digest('b'), "ann", log).await.map_err(told),
        Asked::Resume => resume(cloud, scope, web, "ann", log).await.map_err(told),
        Asked::Hold => super::super::hold(cloud, scope, web, &hold, log).await.map_err(told),
        Asked::Unhold => unhold(cloud, scope, web, "ann", log).await.map_err(told),
        Asked::HoldCluster => hold_cluster(cloud, scope, "pushboat", &hold, log).await.map_err(told),
        Asked::Scale => {
            let length = Length::For(hold::lasting("2h").unwrap());
            let reason = "sale".into();
            let five =
                temporary::Wanted { which: Which::Desired, count: 5, length, by: "ann".into(), reason };
            override_count(cloud, scope, web, &five, log).await.map_err(told)
        }
        Asked::EndScale => end_overrides(cloud, scope, web, "ann", log).await.map_err(told),
    };
    (decisions, done)
}

/// As the cloud in memory writes it down.
fn written(call: Call) -> String {
    match call {
        Call::RegisterTaskDefinition { .. } => "register".to_owned(),
        Call::UpdateService { service, task_definition: Some(_), .. } => format!("release {service}"),
        Call::UpdateService { service, desired_count, .. } => {
            format!("{} of {service}", desired_count.unwrap())
        }
        Call::StopServiceDeployment { service_deployment } => format!("stop {service_deployment}"),
        Call::ContinueServiceDeployment { hook, .. } => format!("continue {hook}"),
        Call::RunTask { task_definition, .. } => format!("run {task_definition}"),
        Call::TagResource { resource, .. } => format!("tag {resource}"),
        Call::UntagResource { resource, tag_keys } => format!("untag {} of {resource}", tag_keys.len()),
        Call::PutImage { repository, tag, .. } => format!("keep {repository}:{tag}"),
    }
}

/// Rehearsed first, then done.
async fn both(cloud: &Fake, asked: Asked) {
    cloud.writes.take();
    cloud.announced.take();
    let rehearsal = Rehearsal::on(cloud);
    let (said, would) = ask_for(&rehearsal, asked).await;
    let calls: Vec<_> = rehearsal.calls(Some(&web())).await.unwrap().into_iter().map(written).collect();
    assert_eq!(cloud.writes.take(), [""; 0], "{asked:?} wrote");
    assert!(cloud.announced.take().is_empty(), "{asked:?} told somebody");
    let (says, done) = ask_for(cloud, asked).await;
    assert_eq!((&said, &would), (&says, &done), "{asked:?}");
    assert_eq!(calls, cloud.writes.take(), "{asked:?}");
}

#[tokio::test]
async fn what_is_rehearsed_is_what_is_done_then() {
    let cloud = two_releases().await;
    cloud.services.borrow_mut()[0].tags.insert(wanted::CAPACITY.into(), "2-10".into());
    both(&cloud, Asked::Scale).await;
    both(&cloud, Asked::EndScale).await;
    both(&cloud, Asked::Hold).await;
    cloud.push("main", &digest('d'));
    for asked in [Asked::Look, Asked::HoldCluster, Asked::Unhold] {
        both(&cloud, asked).await;
    }
    let cloud = two_releases().await;
    cloud.push("main", &digest('d'));
    both(&cloud, Asked::Look).await;
    both(&cloud, Asked::RollBack).await;
    cloud.ends(false);
    for asked in [Asked::Sweep, Asked::RollBack, Asked::Release, Asked::Sweep] {
        both(&cloud, asked).await;
        cloud.pass(60);
        cloud.ends(true);
    }
    let person = cloud.person("512", &pinned('e'));
    cloud.update_service(&person);
    cloud.ends(true);
    for asked in [Asked::Sweep, Asked::Resume, Asked::Sweep] {
        both(&cloud, asked).await;
        cloud.ends(true);
    }
}

#[tokio::test]
async fn a_plan_shows_what_would_change_of_the_definition() {
    let cloud = two_releases().await;
    cloud.push("main", &digest('d'));
    let rehearsal = Rehearsal::on(&cloud);
    ask_for(&rehearsal, Asked::Look).await.1.unwrap();
    let calls = rehearsal.calls(Some(&web())).await.unwrap();
    let Some(Call::RegisterTaskDefinition { revision, differences, .. }) =
        calls.iter().find(|call| matches!(call, Call::RegisterTaskDefinition { .. }))
    else {
        panic!("{calls:?}")
    };
    assert_eq!(revision, "web:4");
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0].to, Some(pinned('d').into()));
    assert!(calls.contains(&Call::UpdateService {
        service: "pushboat/web".into(),
        task_definition: Some("web:4".into()),
        desired_count: None,
    }));
}
