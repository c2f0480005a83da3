//! The strategies that are ECS's own (blue/green, linear, canary). Of their deployments a service tells no state:
//! `rolloutState` is there for rolling ones only. What it would be follows from the service deployments, and so
//! everything else decides as it does for a rolling one. The strategy itself stays the service's own business:
//! Pushboat starts a deployment and follows it.

use crate::model::{Outcome, Pause, Progress, Rollout, RolloutState, Service};

/// Does ECS say nothing of the state of this service's deployment?
pub fn is_silent(service: &Service) -> bool {
    service.primary.as_ref().is_some_and(|primary| primary.state == RolloutState::Unknown)
}

/// The service with the state that its newest service deployment shows.
pub fn told(mut service: Service, history: &[Rollout]) -> Service {
    if let Some(primary) = service.primary.as_mut().filter(|primary| primary.state == RolloutState::Unknown)
        && let Some(newest) = history.first()
    {
        primary.state = state(newest);
        primary.reason.clone_from(&newest.reason);
    }
    service
}

fn state(newest: &Rollout) -> RolloutState {
    match newest.outcome {
        Outcome::UnderWay => RolloutState::InProgress,
        Outcome::Successful => RolloutState::Completed,
        // A service deployment that rolls back is the same one, until what ran before runs again.
        Outcome::RolledBack if newest.finished_at.is_none() => RolloutState::InProgress,
        Outcome::RolledBack => RolloutState::Completed,
        Outcome::Stopped => RolloutState::Unknown,
    }
}

/// How far it is, for people.
pub fn words(progress: &Progress) -> String {
    let mut words = progress.stage.clone().unwrap_or_else(|| "a stage that ECS does not name".to_owned());
    for Pause { hook_id, until, then } in &progress.pauses {
        words.push_str(&format!("; the hook {hook_id} waits for somebody to continue"));
        if let Some(until) = until {
            let then = then.as_deref().unwrap_or("ROLLBACK");
            words.push_str(&format!(", until {}, then {then}", until.strftime("%Y-%m-%dT%H:%M:%SZ")));
        }
    }
    words
}

/// The hook to continue: the one that is named, or the only one that waits.
pub fn hook<'a>(progress: &'a Progress, named: Option<&str>) -> Result<&'a Pause, String> {
    let waiting =
        || progress.pauses.iter().map(|pause| pause.hook_id.as_str()).collect::<Vec<_>>().join(", ");
    match (named, progress.pauses.as_slice()) {
        (_, []) => Err("no hook of the deployment waits for anybody".to_owned()),
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("several hooks wait, so one must be named: {}", waiting())),
        (Some(named), pauses) => pauses
            .iter()
            .find(|pause| pause.hook_id == named)
            .ok_or_else(|| format!("no hook '{named}' waits; these do: {}", waiting())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlap::tests::{rollout, service};

    #[test]
    fn the_newest_service_deployment_tells_the_state() {
        for (outcome, finished, expected) in [
            (Outcome::UnderWay, false, RolloutState::InProgress),
            (Outcome::Successful, true, RolloutState::Completed),
            (Outcome::RolledBack, false, RolloutState::InProgress),
            (Outcome::RolledBack, true, RolloutState::Completed),
            (Outcome::Stopped, true, RolloutState::Unknown),
        ] {
            let mut newest = rollout(outcome, 0);
            newest.finished_at = finished.then(|| "2026-11-21T08:01:00Z".parse().unwrap());
            let told_of = |state| told(service(state), std::slice::from_ref(&newest)).primary.unwrap().state;
            assert_eq!(told_of(RolloutState::Unknown), expected, "{outcome:?}");
            assert_eq!(told_of(RolloutState::Failed), RolloutState::Failed, "what ECS says counts");
        }
        assert_eq!(told(service(RolloutState::Unknown), &[]), service(RolloutState::Unknown));
    }

    #[test]
    fn a_hook_is_named_or_the_only_one() {
        let pause = |id: &str| Pause { hook_id: id.into(), until: None, then: None };
        let progress = |ids: &[&str]| Progress {
            stage: Some("POST_SCALE_UP".into()),
            pauses: ids.iter().map(|id| pause(id)).collect(),
        };
        assert_eq!(hook(&progress(&["a"]), None).unwrap().hook_id, "a");
        assert_eq!(hook(&progress(&["a", "b"]), Some("b")).unwrap().hook_id, "b");
        for (ids, named, says) in [
            (&[][..], None, "no hook of the deployment waits"),
            (&[], Some("a"), "no hook of the deployment waits"),
            (&["a", "b"], None, "one must be named: a, b"),
            (&["a"], Some("c"), "no hook 'c' waits; these do: a"),
        ] {
            let error = hook(&progress(ids), named).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(words(&progress(&["a"])).contains("POST_SCALE_UP; the hook a waits"));
    }
}
