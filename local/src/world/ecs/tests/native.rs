//! The strategies with stages.

use super::*;
use crate::world::ecs::{HookAction, ServiceDeploymentStatus, Stage, native_configuration};

const TEN_MINUTES: i64 = 600;

/// The same service with a strategy, its first deployment done by a rolling one.
fn laptop(configuration: Value) -> Laptop {
    let mut laptop = Laptop::with_service(2);
    let members = json!({ "deploymentConfiguration": configuration });
    let passed_through = members.as_object().unwrap().clone();
    laptop.update(UpdateService { passed_through, ..update_request() });
    assert!(native_configuration(laptop.service()).is_some());
    laptop.never_below = 2;
    laptop
}

fn stage(laptop: &Laptop) -> Option<Stage> {
    laptop.service_deployment().stages.as_ref().map(|it| it.stage)
}

fn status(laptop: &Laptop) -> ServiceDeploymentStatus {
    laptop.service_deployment().status
}

#[test]
fn the_new_tasks_stand_beside_all_of_the_old_ones_through_the_bake_time() {
    for strategy in ["BLUE_GREEN", "LINEAR", "CANARY"] {
        let mut laptop = laptop(json!({"strategy": strategy, "bakeTimeInMinutes": 10}));
        laptop.deploy("v2");
        assert_eq!(stage(&laptop), Some(Stage::ScaleUp));
        laptop.run_until("bakes", |it| stage(it) == Some(Stage::BakeTime));
        assert_eq!(laptop.tags(), ["v1", "v1", "v2", "v2"]);
        laptop.run_for(TEN_MINUTES - 30);
        assert_eq!((stage(&laptop), laptop.live().len()), (Some(Stage::BakeTime), 4), "{strategy}");
        laptop.run_for(60);
        assert_eq!(status(&laptop), ServiceDeploymentStatus::Successful);
        assert_eq!(laptop.tags(), ["v2", "v2"]);
    }
}

#[test]
fn a_hook_pauses_until_somebody_answers_it() {
    let hooks = json!([{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}]);
    for action in [HookAction::Continue, HookAction::Rollback] {
        let mut laptop = laptop(json!({"strategy": "BLUE_GREEN", "lifecycleHooks": hooks}));
        laptop.deploy("v2");
        laptop.run_until("pauses", |it| stage(it) == Some(Stage::PostScaleUp));
        laptop.run_for(TEN_MINUTES);
        assert_eq!((stage(&laptop), laptop.live().len()), (Some(Stage::PostScaleUp), 4));

        let deployment = laptop.service_deployment().clone();
        let hook = deployment.stages.unwrap().hooks[0].clone();
        assert_eq!((hook.status, hook.timeout_action.as_str()), ("AWAITING_ACTION", "ROLLBACK"));
        let refused = laptop.world.continue_service_deployment(&deployment.arn, "other", action).unwrap_err();
        assert_eq!(refused.code, "InvalidParameterException");
        laptop.world.continue_service_deployment(&deployment.arn, &hook.id, action).unwrap();
        let again = laptop.world.continue_service_deployment(&deployment.arn, &hook.id, action);
        assert!(again.is_err(), "it is answered");
        laptop.run_for(60);
        let (expected, tag) = match action {
            HookAction::Continue => (ServiceDeploymentStatus::Successful, "v2"),
            HookAction::Rollback => (ServiceDeploymentStatus::RollbackSuccessful, "v1"),
        };
        assert_eq!((status(&laptop), laptop.tags()), (expected, vec![tag.to_owned(); 2]));
    }
}

#[test]
fn a_hook_that_nobody_answers_times_out() {
    for (action, tag) in [("CONTINUE", "v2"), ("ROLLBACK", "v1")] {
        let hooks = json!([{
            "targetType": "PAUSE",
            "lifecycleStages": ["POST_SCALE_UP", "POST_PRODUCTION_TRAFFIC_SHIFT"],
            "timeoutConfiguration": {"timeoutInMinutes": 5, "action": action},
        }]);
        let mut laptop = laptop(json!({"strategy": "BLUE_GREEN", "lifecycleHooks": hooks}));
        laptop.deploy("v2");
        laptop.run_for(290);
        assert_eq!(stage(&laptop), Some(Stage::PostScaleUp));
        laptop.run_for(TEN_MINUTES);
        assert_eq!(laptop.tags(), [tag, tag]);
        assert!(status(&laptop).is_finished());
    }
}

#[test]
fn nothing_ends_a_deployment_whose_tasks_fail_but_a_stop() {
    let mut laptop = laptop(json!({"strategy": "CANARY"}));
    laptop.starts = false;
    laptop.deploy("v2");
    laptop.run_for(300);
    assert_eq!((status(&laptop), laptop.healthy()), (ServiceDeploymentStatus::InProgress, 2));
    let arn = laptop.service_deployment().arn.clone();
    laptop.world.stop_service_deployment(&arn, StopType::Rollback).unwrap();
    laptop.run_for(60);
    assert_eq!(
        (status(&laptop), laptop.tags()),
        (ServiceDeploymentStatus::RollbackSuccessful, vec!["v1".to_owned(); 2])
    );
}
