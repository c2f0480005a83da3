//! What each look at a service says of the roll-out that is followed: under way, at its good end, or failed and why.
//!
//! Pure. The goal is a revision: what the answer named, or what the service was told to run since. ECS goes back by itself where
//! a roll-out fails, and the reason that Pushboat learns stands in the rejection a few seconds later, so it is waited for.

use crate::api::{Decisions, Service};

/// After ECS went back or said FAILED, so many looks are taken for the reason.
const LOOKS_FOR_WHY: u32 = 15;
/// Where nothing says that ECS goes back, another deployment has taken its place.
const LOOKS_FOR_WHY_OF_ANOTHER: u32 = 3;
/// Where ECS says no state, counts that are as wanted so often in a row are taken for the end.
const STEADY_LOOKS: u32 = 5;

#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    UnderWay,
    Done(String),
    Failed(String),
}

#[derive(Debug)]
pub(super) struct Judge {
    /// What ran before the ask.
    former: String,
    goal: Option<String>,
    /// Has the service been told to run the goal, as far as was seen?
    seen: bool,
    digests: Vec<String>,
    /// Digest and time of rejections that are not this roll-out's.
    rejected_before: Vec<(String, Option<String>)>,
    /// What the ask itself has rejected.
    left: Vec<String>,
    passed_over_before: Option<String>,
    steady: u32,
    gone: u32,
}

impl Judge {
    /// After an ask: what it released or went back to, else whatever is under way.
    pub(super) fn of_ask(before: &Service, decided: &Decisions) -> Judge {
        let moved = decided.of(&["released", "rolled_back"]).next_back();
        let digest = moved.and_then(|it| it.digest.clone());
        let mut judge = Judge::since(before);
        judge.left = decided.of(&["rejected"]).filter_map(|it| it.digest.clone()).collect();
        judge.digests = digest.into_iter().collect();
        // Nothing was begun: what runs, or is on its way, is what is followed.
        judge.goal = match moved {
            Some(moved) => moved.revision.clone(),
            None => Some(before.task_definition.clone()),
        };
        judge
    }

    /// Of the roll-out that is under way now; `before`: how the service was at the first look.
    pub(super) fn of_what_runs(before: &Service, now: &Service) -> Judge {
        Judge { goal: Some(now.task_definition.clone()), ..Judge::since(before) }
    }

    fn since(before: &Service) -> Judge {
        Judge {
            former: before.task_definition.clone(),
            goal: None,
            seen: false,
            digests: Vec::new(),
            rejected_before: before.rejected.iter().map(|it| (it.digest.clone(), it.at.clone())).collect(),
            left: Vec::new(),
            passed_over_before: before.passed_over.as_ref().map(|it| it.revision.clone()),
            steady: 0,
            gone: 0,
        }
    }

    pub(super) fn look(&mut self, now: &Service) -> Verdict {
        if let Some(why) = self.blamed(now) {
            return Verdict::Failed(why);
        }
        let revision = now.task_definition.as_str();
        if !self.seen && self.goal.as_deref() != Some(revision) {
            if revision == self.former {
                // A read may be older than the write.
                return Verdict::UnderWay;
            }
            // A copy of the release that was asked for, where that itself could not run any more.
            self.goal = Some(revision.to_owned());
        }
        if self.goal.as_deref() == Some(revision) { self.at_goal(now) } else { self.elsewhere(now) }
    }

    fn at_goal(&mut self, now: &Service) -> Verdict {
        self.seen = true;
        for digest in now.images.iter().filter_map(|it| it.digest.as_ref()) {
            if !self.digests.contains(digest) && !self.left.contains(digest) {
                self.digests.push(digest.clone());
            }
        }
        let (state, reason) = told(now);
        match state {
            Some("COMPLETED") => Verdict::Done(format!("{} COMPLETED", now.task_definition)),
            Some("FAILED") => {
                self.gone += 1;
                let why = format!("{} FAILED: {reason}", now.task_definition);
                if self.gone < LOOKS_FOR_WHY { Verdict::UnderWay } else { Verdict::Failed(why) }
            }
            Some(_) => {
                self.gone = 0;
                Verdict::UnderWay
            }
            None => self.unsaid(now),
        }
    }

    /// Of the native strategies the API knows no state.
    fn unsaid(&mut self, now: &Service) -> Verdict {
        let as_wanted = now.running_count == now.desired_count && now.pending_count == 0;
        let healthy = now.targets.as_ref().is_none_or(|it| it.healthy >= now.desired_count);
        self.steady = if as_wanted && healthy { self.steady + 1 } else { 0 };
        match self.steady < STEADY_LOOKS {
            true => Verdict::UnderWay,
            false => Verdict::Done(format!(
                "{} has all of its tasks (ECS does not say how a roll-out of this strategy stands)",
                now.task_definition
            )),
        }
    }

    /// The service runs another revision than the one that was followed.
    fn elsewhere(&mut self, now: &Service) -> Verdict {
        self.gone += 1;
        let (_, reason) = told(now);
        let goes_back = now.task_definition == self.former || reason.to_ascii_lowercase().contains("roll");
        let looks = if goes_back { LOOKS_FOR_WHY } else { LOOKS_FOR_WHY_OF_ANOTHER };
        if self.gone < looks {
            return Verdict::UnderWay;
        }
        let goal = self.goal.as_deref().unwrap_or_default();
        Verdict::Failed(format!("{goal} gave way to {}: {reason}", now.task_definition))
    }

    /// What it was to bring was rejected since, or its revision passed over.
    fn blamed(&self, now: &Service) -> Option<String> {
        let is_new = |digest: &String, at: &Option<String>| {
            !self.rejected_before.iter().any(|(known, then)| known == digest && then == at)
        };
        let mut rejected = now.rejected.iter();
        if let Some(it) = rejected.find(|it| self.digests.contains(&it.digest) && is_new(&it.digest, &it.at))
        {
            return Some(it.why.clone());
        }
        let passed = now.passed_over.as_ref()?;
        let is_goal = self.goal.as_ref() == Some(&passed.revision);
        (is_goal && self.passed_over_before.as_ref() != Some(&passed.revision)).then(|| passed.why.clone())
    }
}

fn told(now: &Service) -> (Option<&str>, &str) {
    match &now.rollout {
        Some(rollout) => (rollout.state.as_deref(), rollout.reason.as_str()),
        None => (None, "the service has no deployment"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(revision: &str, state: &str, others: Value) -> Service {
        let mut service = json!({
            "cluster": "prod", "service": "web", "task_definition": revision, "desired_count": 2, "running_count": 2,
            "rollout": {"state": state, "reason": "ECS's words"},
        });
        service.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        serde_json::from_value(service).unwrap()
    }

    fn at(revision: &str, state: &str) -> Service {
        service(revision, state, json!({}))
    }

    fn decided(decisions: Value) -> Decisions {
        serde_json::from_value(json!({ "decisions": decisions })).unwrap()
    }

    fn released() -> Decisions {
        decided(json!([{"decision": "released", "revision": "web:3", "digest": "sha256:new"}]))
    }

    fn failed(verdict: Verdict) -> String {
        match verdict {
            Verdict::Failed(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_release_is_done_when_it_is_completed_and_not_before_it_is_seen() {
        let mut judge = Judge::of_ask(&at("web:2", "COMPLETED"), &released());
        assert_eq!(judge.look(&at("web:2", "COMPLETED")), Verdict::UnderWay, "a read older than the write");
        assert_eq!(judge.look(&at("web:3", "IN_PROGRESS")), Verdict::UnderWay);
        assert_eq!(judge.look(&at("web:3", "COMPLETED")), Verdict::Done("web:3 COMPLETED".to_owned()));
    }

    #[test]
    fn a_failure_says_what_the_rejection_says() {
        let mut judge = Judge::of_ask(&at("web:2", "COMPLETED"), &released());
        assert_eq!(judge.look(&at("web:3", "IN_PROGRESS")), Verdict::UnderWay);
        assert_eq!(judge.look(&at("web:2", "IN_PROGRESS")), Verdict::UnderWay, "the reason is on its way");
        let rejected = json!({"rejected": [
            {"digest": "sha256:other", "at": "2026-11-21T18:00:00Z", "why": "another's"},
            {"digest": "sha256:new", "at": "2026-11-21T18:00:00Z", "why": "exit code 1"},
        ]});
        assert_eq!(failed(judge.look(&service("web:2", "IN_PROGRESS", rejected))), "exit code 1");
    }

    #[test]
    fn an_old_rejection_is_not_held_against_it_and_a_new_one_of_the_same_digest_is() {
        let rejected =
            |at: &str| json!({"rejected": [{"digest": "sha256:new", "at": at, "why": "exit code 1"}]});
        let before = service("web:2", "COMPLETED", rejected("2026-11-21T18:00:00Z"));
        let mut judge = Judge::of_ask(&before, &released());
        let stale = service("web:3", "IN_PROGRESS", rejected("2026-11-21T18:00:00Z"));
        assert_eq!(judge.look(&stale), Verdict::UnderWay);
        assert_eq!(judge.look(&at("web:3", "IN_PROGRESS")), Verdict::UnderWay);
        let again = service("web:3", "IN_PROGRESS", rejected("2026-11-21T18:09:00Z"));
        assert_eq!(failed(judge.look(&again)), "exit code 1");
    }

    #[test]
    fn what_a_person_left_is_no_failure_of_where_he_goes() {
        let before = at("web:3", "IN_PROGRESS");
        let back = json!([
            {"decision": "rejected", "digest": "sha256:left", "revision": "web:3"},
            {"decision": "rolled_back", "revision": "web:2"},
        ]);
        let mut judge = Judge::of_ask(&before, &decided(back));
        let rejected = json!({
            "rejected": [{"digest": "sha256:left", "at": "now", "why": "rolled back by ann"}],
            "images": [{"digest": "sha256:left"}],
        });
        assert_eq!(judge.look(&service("web:3", "IN_PROGRESS", rejected.clone())), Verdict::UnderWay);
        // A copy of web:2, which itself could not run.
        let copy = json!({"rejected": rejected["rejected"], "images": [{"digest": "sha256:good"}]});
        assert_eq!(judge.look(&service("web:4", "IN_PROGRESS", copy.clone())), Verdict::UnderWay);
        assert!(matches!(judge.look(&service("web:4", "COMPLETED", copy)), Verdict::Done(_)));
    }

    #[test]
    fn whatever_takes_its_place_ends_the_looking_on() {
        let mut judge = Judge::of_ask(&at("web:2", "COMPLETED"), &released());
        judge.look(&at("web:3", "IN_PROGRESS"));
        let verdicts: Vec<_> = (0..3).map(|_| judge.look(&at("web:4", "IN_PROGRESS"))).collect();
        assert_eq!(verdicts[..2], [Verdict::UnderWay, Verdict::UnderWay]);
        assert_eq!(verdicts[2], Verdict::Failed("web:3 gave way to web:4: ECS's words".to_owned()));
        let mut judge = Judge::of_ask(&at("web:2", "COMPLETED"), &released());
        let verdicts: Vec<_> = (0..15).map(|_| judge.look(&at("web:3", "FAILED"))).collect();
        assert_eq!(verdicts[13], Verdict::UnderWay, "Pushboat's reason is waited for");
        assert_eq!(verdicts[14], Verdict::Failed("web:3 FAILED: ECS's words".to_owned()));
    }

    #[test]
    fn where_nothing_was_begun_what_is_under_way_is_followed() {
        let kept = decided(json!([{"decision": "kept", "reason": "it runs already"}]));
        let mut judge = Judge::of_ask(&at("web:2", "IN_PROGRESS"), &kept);
        assert_eq!(judge.look(&at("web:2", "IN_PROGRESS")), Verdict::UnderWay);
        assert!(matches!(judge.look(&at("web:2", "COMPLETED")), Verdict::Done(_)));
    }

    #[test]
    fn where_ecs_says_no_state_steady_counts_are_the_end() {
        let mut judge = Judge::of_what_runs(&at("web:2", "COMPLETED"), &at("web:3", "IN_PROGRESS"));
        let unsaid =
            |running: u32| service("web:3", "", json!({"running_count": running, "rollout": {"reason": ""}}));
        for _ in 0..4 {
            assert_eq!(judge.look(&unsaid(2)), Verdict::UnderWay);
        }
        assert_eq!(judge.look(&unsaid(4)), Verdict::UnderWay, "old and new ones");
        let verdicts: Vec<_> = (0..5).map(|_| judge.look(&unsaid(2))).collect();
        assert!(matches!(&verdicts[4], Verdict::Done(how) if how.contains("does not say")), "{verdicts:?}");
    }

    #[test]
    fn a_template_s_revision_that_is_passed_over_has_failed() {
        let mut judge = Judge::of_ask(&at("web:2", "COMPLETED"), &released());
        judge.look(&at("web:3", "IN_PROGRESS"));
        let passed = json!({"passed_over": {"revision": "web:3", "at": null, "why": "no memory"}});
        assert_eq!(failed(judge.look(&service("web:2", "IN_PROGRESS", passed))), "no memory");
    }
}
