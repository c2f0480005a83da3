//! Any order of pushes, people, holds and roll-backs: it comes to rest, at the newest eligible image, and what was
//! rejected does not return by itself.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::hold::{HOLD, Length, Wanted};
use crate::others;
use crate::rollback::To;

#[derive(Debug, Clone)]
enum Step {
    /// Digests are numbered, so that each push is new; a bad one does not start.
    Push {
        bad: bool,
    },
    /// The tag goes back to what was pushed so many pushes ago.
    Retag(usize),
    PersonDeploys,
    /// UpdateService to a revision, counted from the newest.
    PersonGoesBack(usize),
    RollBack,
    RollBackTo(usize),
    Releases(usize),
    Resume,
    Hold {
        minutes: Option<i64>,
    },
    Unhold,
    Overlap(bool),
    Ends,
    Sweep,
    Trouble(&'static str),
    Minutes(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop::bool::weighted(0.3).prop_map(|bad| Step::Push { bad }),
        1 => (0_usize..4).prop_map(Step::Retag),
        1 => Just(Step::PersonDeploys),
        1 => (0_usize..4).prop_map(Step::PersonGoesBack),
        2 => Just(Step::RollBack),
        1 => (0_usize..4).prop_map(Step::RollBackTo),
        1 => (0_usize..4).prop_map(Step::Releases),
        1 => Just(Step::Resume),
        1 => prop::option::of(1_i64..30).prop_map(|minutes| Step::Hold { minutes }),
        1 => Just(Step::Unhold),
        1 => any::<bool>().prop_map(Step::Overlap),
        5 => Just(Step::Ends),
        4 => Just(Step::Sweep),
        1 => prop::sample::select(vec!["UpdateService", "RegisterTaskDefinition", "TagResource",
            "StopServiceDeployment", "DescribeClusters", "ListServiceDeployments"]).prop_map(Step::Trouble),
        3 => (1_i64..40).prop_map(Step::Minutes),
    ]
}

fn numbered(number: usize, bad: bool) -> Digest {
    format!("sha256:{}{number:063x}", u8::from(bad)).parse().unwrap()
}

fn runs(cloud: &Fake) -> Digest {
    let image = cloud.own().document["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
    image.split_once('@').unwrap().1.parse().unwrap()
}

fn goes_well(cloud: &Fake) -> bool {
    !runs(cloud).as_str().starts_with("sha256:1")
}

struct Run {
    cloud: Fake,
    pushed: Vec<Digest>,
    /// What was rejected and not released since.
    rejected: BTreeSet<Digest>,
}

impl Run {
    fn chosen(&self, back: usize) -> Digest {
        let last = self.pushed.len() - 1;
        self.pushed[last.saturating_sub(back)].clone()
    }

    /// A rejection that is there stays, unless somebody asked; and nothing rejected is released.
    fn watch(&mut self, decisions: &[Decision]) -> Result<(), TestCaseError> {
        for decision in decisions.iter().filter(|decision| decision.decision == Action::Released) {
            if let Some(digest) = &decision.digest {
                let digest: Digest = digest.parse().unwrap();
                prop_assert!(!self.rejected.contains(&digest), "{digest} returned: {decision:?}");
            }
        }
        for decision in decisions {
            prop_assert!(!decision.reason.is_empty());
        }
        let tags = &self.cloud.services.borrow()[0].tags;
        let now: BTreeSet<_> = policy::rejections(tags).collect();
        prop_assert!(now.is_superset(&self.rejected), "a rejection got lost");
        self.rejected = now;
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), TestCaseError> {
        let (decisions, _) = follow_all(&self.cloud, &Hint::Everything).await;
        self.watch(&decisions)
    }

    async fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let mut decisions = Vec::new();
        let mut log = |decision| decisions.push(decision);
        let (scope, service) = (scope(), name("web"));
        match step {
            Step::Push { bad } => {
                let digest = numbered(self.pushed.len(), *bad);
                self.pushed.push(digest.clone());
                self.cloud.push("main", &digest);
                decisions = follow_all(&self.cloud, &pushed()).await.0;
            }
            Step::Retag(back) => self.cloud.push("main", &self.chosen(*back)),
            Step::PersonDeploys => {
                let theirs = self.cloud.person("512", &format!("{}@{}", fake::URI, self.pushed[0]));
                self.cloud.update_service(&theirs);
            }
            Step::PersonGoesBack(back) => {
                let arns: Vec<_> = self.cloud.definitions.borrow().iter().map(|it| it.arn.clone()).collect();
                self.cloud.update_service(&arns[arns.len().saturating_sub(1 + back)]);
            }
            Step::RollBack => {
                let left = runs(&self.cloud);
                drop(rollback(&self.cloud, &scope, &service, None, "ann", &mut log).await);
                if actions(&decisions).contains(&Action::RolledBack) {
                    let tags = &self.cloud.services.borrow()[0].tags;
                    let is_rejected = policy::rejection(tags, &left).is_some();
                    prop_assert!(is_rejected || runs(&self.cloud) == left, "{left} was left, and may return");
                }
            }
            Step::RollBackTo(back) => {
                let to = To::Digest(self.chosen(*back));
                drop(rollback(&self.cloud, &scope, &service, Some(&to), "ann", &mut log).await);
            }
            Step::Releases(back) => {
                let digest = self.chosen(*back);
                self.rejected.remove(&digest);
                drop(release_digest(&self.cloud, &scope, &service, &digest, "ann", &mut log).await);
            }
            Step::Resume => drop(resume(&self.cloud, &scope, &service, "ann", &mut log).await),
            Step::Hold { minutes } => {
                let length = minutes.map_or(Length::UntilLifted, |minutes| {
                    Length::For(jiff::SignedDuration::from_mins(minutes))
                });
                let held = Wanted { length, by: "ann".into(), reason: "sale".into() };
                drop(hold(&self.cloud, &scope, &service, &held, &mut log).await);
            }
            Step::Unhold => drop(unhold(&self.cloud, &scope, &service, "ann", &mut log).await),
            Step::Overlap(wait) => {
                let value = if *wait { "wait" } else { "supersede" };
                let mut services = self.cloud.services.borrow_mut();
                services[0].tags.insert(crate::overlap::OVERLAP.into(), value.into());
            }
            Step::Ends => self.cloud.ends(goes_well(&self.cloud)),
            Step::Sweep => decisions = follow_all(&self.cloud, &Hint::Everything).await.0,
            Step::Trouble(operation) => {
                *self.cloud.failing.borrow_mut() = Some((operation, Trouble::Unavailable));
                decisions = follow_all(&self.cloud, &Hint::Everything).await.0;
                drop(
                    rollback(&self.cloud, &scope, &service, None, "ann", &mut |it| decisions.push(it)).await,
                );
                *self.cloud.failing.borrow_mut() = None;
            }
            Step::Minutes(minutes) => self.cloud.pass(60 * minutes),
        }
        self.watch(&decisions)
    }

    async fn comes_to_rest(&mut self) -> Result<bool, TestCaseError> {
        for _ in 0..16 {
            self.cloud.ends(goes_well(&self.cloud));
            self.cloud.pass(600);
            self.cloud.writes();
            self.sweep().await?;
            if self.cloud.writes().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

async fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let cloud = Fake::rolling('a');
    cloud.push("main", &digest('a'));
    let mut run = Run { cloud, pushed: vec![digest('a')], rejected: BTreeSet::new() };
    for step in &steps {
        run.take(step).await?;
    }
    prop_assert!(run.comes_to_rest().await?, "no rest: {:#?}", run.cloud.rollouts.borrow());
    // A hold that has no end is lifted in the end, and nothing is written under it.
    run.cloud.services.borrow_mut()[0].tags.remove(HOLD);
    prop_assert!(run.comes_to_rest().await?, "no rest: {:#?}", run.cloud.rollouts.borrow());
    for _ in 0..5 {
        run.sweep().await?;
        run.cloud.pass(60);
    }
    prop_assert!(run.cloud.writes().is_empty(), "quiet is no writes");

    // It runs what the tag means, unless that is rejected, or a person's deployment came after it.
    let cloud = &run.cloud;
    let wanted = cloud.images.borrow()["game:main"].clone();
    let service = cloud.services.borrow()[0].clone();
    let rejected = policy::rejection(&service.tags, &wanted).is_some();
    let pushed_at = cloud.pushed.borrow().get(wanted.as_str()).copied();
    let diverged = others::diverged(&service, &cloud.own(), pushed_at, &cloud.rollouts.borrow()).is_some();
    prop_assert!(
        rejected || diverged || runs(cloud) == wanted,
        "runs {}, wanted {wanted}, rejected {:?}: {:#?}",
        runs(cloud),
        run.rejected,
        cloud.rollouts.borrow()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_people_do_it_comes_to_rest_at_the_newest_eligible_image(
        steps in prop::collection::vec(step(), 0..24)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(steps))?;
    }
}
