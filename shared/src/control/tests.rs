//! The four steps against a small cloud in memory that counts its writes and can be told to fail.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;
use crate::cloud::Trouble;
use crate::model::{Digest, Image, Outcome, RolloutImage, ServiceStatus, TargetHealth};

const URI: &str = "1.dkr.ecr.eu.amazonaws.com/game";

#[derive(Default)]
struct Fake {
    services: RefCell<Vec<Service>>,
    definitions: RefCell<Vec<TaskDefinition>>,
    images: RefCell<BTreeMap<String, Digest>>,
    rollouts: RefCell<Vec<Rollout>>,
    writes: RefCell<Vec<String>>,
    /// The operation that fails, with what, for how many calls.
    failing: RefCell<Option<(&'static str, Trouble)>>,
    /// What a tag means from the next UpdateService on.
    moves_on_release: RefCell<Option<(String, Digest)>>,
    /// UpdateService is not visible to reads.
    stale: Cell<bool>,
    /// Seconds since eight o'clock.
    seconds: Cell<i64>,
}

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn name(service: &str) -> ServiceName {
    ServiceName { cluster: "pushboat".into(), service: service.into() }
}

impl Fake {
    /// One service per (name, track), all at image `a` by digest, and the tag `game:main` at `main`.
    fn new(services: &[(&str, &str)], main: char) -> Fake {
        let fake = Fake::default();
        for (service, track) in services {
            fake.services.borrow_mut().push(Service {
                name: name(service),
                arn: format!("arn:aws:ecs:eu:1:service/pushboat/{service}"),
                status: ServiceStatus::Active,
                desired_count: 2,
                running_count: 2,
                pending_count: 0,
                task_definition_arn: format!("{service}:1"),
                tags: Tags::from([("pushboat:track".into(), track.to_string())]),
                primary: None,
                target_group_arns: vec![],
                managed_by_ecs: false,
            });
            fake.define(&format!("{service}:1"), &format!("{URI}@{}", digest('a')));
        }
        fake.images.borrow_mut().insert("game:main".into(), digest(main));
        fake
    }

    fn define(&self, arn: &str, image: &str) {
        let document = json!({"family": "game", "containerDefinitions": [{"name": "web", "image": image}]});
        let Value::Object(document) = document else { unreachable!() };
        let tags = Tags::from([
            ("team".into(), "arcade".into()),
            ("aws:cloudformation:stack-name".into(), "s".into()),
        ]);
        self.definitions.borrow_mut().push(TaskDefinition { arn: arn.into(), document, tags });
    }

    fn check(&self, operation: &'static str) -> Answer<()> {
        match *self.failing.borrow() {
            Some((failing, trouble)) if failing == operation => Err(CloudError {
                operation,
                subject: "it".into(),
                trouble,
                message: "as told".into(),
                source: None,
            }),
            _ => Ok(()),
        }
    }

    /// By ARN, or the newest of a family.
    fn find(&self, reference: &str) -> Answer<TaskDefinition> {
        let definitions = self.definitions.borrow();
        let family = |definition: &&TaskDefinition| definition.document["family"] == reference;
        let found = definitions.iter().find(|definition| definition.arn == reference);
        let found = found.or_else(|| definitions.iter().rev().find(family));
        found.cloned().ok_or_else(|| CloudError {
            operation: "DescribeTaskDefinition",
            subject: reference.into(),
            trouble: Trouble::Refused,
            message: "Unable to describe task definition.".into(),
            source: None,
        })
    }

    fn writes(&self) -> Vec<String> {
        self.writes.take()
    }
}

impl Cloud for Fake {
    fn now(&self) -> Option<Timestamp> {
        let eight: Timestamp = "2026-11-21T08:00:00Z".parse().ok()?;
        Some(eight + SignedDuration::from_secs(self.seconds.get()))
    }

    async fn services(&self, _: &str) -> Answer<Vec<Service>> {
        self.check("ListServices")?;
        Ok(self.services.borrow().clone())
    }

    async fn service(&self, name: &ServiceName) -> Answer<Option<Service>> {
        self.check("DescribeServices")?;
        Ok(self.services.borrow().iter().find(|service| service.name == *name).cloned())
    }

    async fn task_definition(&self, arn: &str) -> Answer<TaskDefinition> {
        self.check("DescribeTaskDefinition")?;
        self.find(arn)
    }

    async fn repository_uri(&self, repository: &str) -> Answer<Option<String>> {
        Ok((repository == "game").then(|| URI.to_owned()))
    }

    async fn image(&self, repository: &str, reference: &Reference) -> Answer<Option<Image>> {
        self.check("DescribeImages")?;
        let images = self.images.borrow();
        let digest = match reference {
            Reference::Tag(tag) => images.get(&format!("{repository}:{tag}")).cloned(),
            Reference::Digest(digest) => images.values().find(|known| *known == digest).cloned(),
        };
        Ok(digest.map(|digest| Image {
            repository: repository.into(),
            digest,
            tags: vec![],
            pushed_at: None,
        }))
    }

    async fn rollouts(&self, _: &ServiceName) -> Answer<Vec<Rollout>> {
        self.check("ListServiceDeployments")?;
        Ok(self.rollouts.borrow().clone())
    }

    async fn target_health(&self, _: &[String]) -> Answer<TargetHealth> {
        self.check("DescribeTargetHealth")?;
        Ok(TargetHealth { healthy: 1, registered: 2, complaints: vec!["Health checks failed".into()] })
    }

    async fn register(&self, document: &Map<String, Value>, tags: &Tags) -> Answer<String> {
        self.check("RegisterTaskDefinition")?;
        let arn = format!("arn:aws:ecs:eu:1:task-definition/game:{}", self.definitions.borrow().len() + 1);
        let definition = TaskDefinition { arn: arn.clone(), document: document.clone(), tags: tags.clone() };
        self.definitions.borrow_mut().push(definition);
        self.writes.borrow_mut().push("register".into());
        Ok(arn)
    }

    async fn release(&self, name: &ServiceName, arn: &str) -> Answer<()> {
        self.check("UpdateService")?;
        self.writes.borrow_mut().push(format!("release {name}"));
        if let Some((tag, digest)) = self.moves_on_release.take() {
            self.images.borrow_mut().insert(tag, digest);
        }
        if !self.stale.get() {
            let mut services = self.services.borrow_mut();
            let service = services.iter_mut().find(|service| service.name == *name).unwrap();
            service.task_definition_arn = arn.into();
        }
        Ok(())
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Answer<()> {
        self.check("TagResource")?;
        self.writes.borrow_mut().push(format!("tag {arn}"));
        for service in self.services.borrow_mut().iter_mut().filter(|service| service.arn == arn) {
            service.tags.extend(tags.clone());
        }
        for definition in self.definitions.borrow_mut().iter_mut().filter(|definition| definition.arn == arn)
        {
            definition.tags.extend(tags.clone());
        }
        Ok(())
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Answer<()> {
        self.writes.borrow_mut().push(format!("untag {} of {arn}", keys.len()));
        for service in self.services.borrow_mut().iter_mut().filter(|service| service.arn == arn) {
            service.tags.retain(|key, _| !keys.contains(key));
        }
        Ok(())
    }
}

fn scope() -> Scope {
    Scope { clusters: vec!["pushboat".into()], repositories: vec!["game".into()] }
}

fn pushed() -> Hint {
    Hint::Image { repository: "game".into(), tag: "main".into() }
}

async fn follow_all(cloud: &Fake, hint: &Hint) -> (Vec<Decision>, Result<(), Unfinished>) {
    let mut decisions = Vec::new();
    let result = follow(cloud, &scope(), hint, &mut |decision| decisions.push(decision)).await;
    (decisions, result)
}

fn actions(decisions: &[Decision]) -> Vec<Action> {
    decisions.iter().map(|decision| decision.decision).collect()
}

#[tokio::test]
async fn a_push_registers_once_updates_once_and_looks_again() {
    let cloud = Fake::new(&[("web", "game:main"), ("other", "game:stable")], 'b');
    let (decisions, result) = follow_all(&cloud, &pushed()).await;
    assert!(result.is_ok());
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);

    let definitions = cloud.definitions.borrow();
    let new = definitions.last().unwrap();
    assert_eq!(new.document["containerDefinitions"][0]["image"], format!("{URI}@{}", digest('b')));
    let expected = Tags::from([
        ("team".into(), "arcade".into()),
        ("pushboat:base".into(), "web:1".into()),
        ("pushboat:cause".into(), "push of game:main".into()),
        ("pushboat:image:web".into(), "game:main".into()),
    ]);
    assert_eq!(new.tags, expected);
    assert_eq!(decisions[0].healthy_targets, Some(1));
}

#[tokio::test]
async fn the_same_push_again_writes_nothing() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    follow_all(&cloud, &pushed()).await.1.unwrap();
    cloud.writes();
    for hint in [pushed(), Hint::Everything, Hint::Service(name("web"))] {
        let (decisions, _) = follow_all(&cloud, &hint).await;
        assert_eq!(actions(&decisions), [Action::Kept], "{hint}");
    }
    assert!(cloud.writes().is_empty());
}

#[tokio::test]
async fn a_sweep_finds_what_no_event_told() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
}

#[tokio::test]
async fn a_tag_that_moved_during_the_write_is_caught_by_the_second_look() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    *cloud.moves_on_release.borrow_mut() = Some(("game:main".into(), digest('c')));
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Released, Action::Kept]);
    assert_eq!(decisions[1].digest.as_deref(), Some(digest('c').as_str()));
}

#[tokio::test]
async fn a_write_that_is_not_visible_yet_is_not_repeated() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    cloud.stale.set(true);
    let (decisions, _) = follow_all(&cloud, &pushed()).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
    assert!(decisions[1].reason.contains("does not show it yet"));
    assert_eq!(cloud.writes().len(), 2);
}

#[tokio::test]
async fn a_digest_that_was_rolled_back_is_rejected_and_stays_out_until_released() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    cloud.define("game:bad", &format!("{URI}@{}", digest('b')));
    let images =
        vec![RolloutImage { container: "web".into(), image: format!("{URI}@{}", digest('b')), digest: None }];
    cloud.rollouts.borrow_mut().push(Rollout {
        arn: "r".into(),
        outcome: Outcome::RolledBack,
        reason: "tasks failed to start".into(),
        task_definition_arn: "game:bad".into(),
        images,
    });

    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("web"))).await;
    assert_eq!(actions(&decisions), [Action::Rejected]);
    assert_eq!(cloud.writes(), ["tag arn:aws:ecs:eu:1:service/pushboat/web", "tag game:bad"]);
    let key = policy::rejection_key(&digest('b'));
    let value = cloud.services.borrow()[0].tags[&key].clone();
    assert_eq!(value, "2026-11-21T08:00:00Z tasks failed to start Health checks failed");

    for _ in 0..20 {
        let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
        assert_eq!(actions(&decisions), [Action::Kept]);
    }
    assert!(cloud.writes().is_empty());

    // Somebody who read the service before the rejection was written sees no tag, but a fresh mark: no release.
    cloud.services.borrow_mut()[0].tags.remove(&key);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept]);

    // Later, the missing tag is the owner's word that the digest may return.
    cloud.seconds.set(OVERLAP.as_secs() + 1);
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
}

#[tokio::test]
async fn only_rejections_of_digests_that_are_gone_make_room() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    for number in 0..REJECTIONS {
        let old: Digest = format!("sha256:{number:064x}").parse().unwrap();
        cloud.images.borrow_mut().insert(format!("game:old{number}"), old.clone());
        cloud.services.borrow_mut()[0]
            .tags
            .insert(policy::rejection_key(&old), "2026-01-01T00:00:00Z x".into());
    }
    let mut log = |_| ();
    let (scope, hint) = (scope(), pushed());
    let watch = Watch {
        cloud: &cloud,
        scope: &scope,
        hint: &hint,
        log: &mut log,
        looked_at: 0,
        failures: Vec::new(),
    };
    let service = cloud.services.borrow()[0].clone();
    watch.make_room(&service).await.unwrap();
    assert!(cloud.writes().is_empty(), "a rejection that holds is not forgotten");

    cloud.images.borrow_mut().remove("game:old7");
    watch.make_room(&service).await.unwrap();
    let left = cloud.services.borrow()[0].tags.clone();
    assert_eq!(policy::rejections(&left).count(), REJECTIONS - 1);
    assert!(!left.contains_key(&policy::rejection_key(&format!("sha256:{:064x}", 7).parse().unwrap())));
}

#[tokio::test]
async fn a_release_that_never_reached_the_service_is_not_registered_again() {
    for trouble in [Trouble::Refused, Trouble::Unavailable] {
        let cloud = Fake::new(&[("web", "game:main")], 'b');
        *cloud.failing.borrow_mut() = Some(("UpdateService", trouble));
        for _ in 0..20 {
            let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
            assert_eq!(actions(&decisions), [Action::Failed]);
        }
        assert_eq!(cloud.writes(), ["register"]);
        *cloud.failing.borrow_mut() = None;
        let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
        assert_eq!(actions(&decisions), [Action::Released, Action::Kept]);
        assert_eq!(cloud.writes(), ["release pushboat/web"]);
    }
}

#[tokio::test]
async fn two_tracks_of_one_service_make_one_revision() {
    let cloud = Fake::new(&[("web", "game:main")], 'b');
    cloud.services.borrow_mut()[0].tags.insert("pushboat:track:log".into(), "game:log".into());
    cloud.images.borrow_mut().insert("game:log".into(), digest('d'));
    let log = json!({"name": "log", "image": "public.ecr.aws/log:1"});
    cloud.definitions.borrow_mut()[0].document["containerDefinitions"].as_array_mut().unwrap().push(log);
    follow_all(&cloud, &Hint::Everything).await.1.unwrap();
    assert_eq!(cloud.writes(), ["register", "release pushboat/web"]);
    let definitions = cloud.definitions.borrow();
    let containers = &definitions.last().unwrap().document["containerDefinitions"];
    assert_eq!(containers[0]["image"], format!("{URI}@{}", digest('b')));
    assert_eq!(containers[1]["image"], format!("{URI}@{}", digest('d')));
}

#[tokio::test]
async fn trouble_ends_in_a_reason_and_in_an_error_only_where_a_retry_helps() {
    for operation in [
        "ListServices",
        "DescribeTaskDefinition",
        "DescribeImages",
        "ListServiceDeployments",
        "RegisterTaskDefinition",
    ] {
        for (trouble, again) in [
            (Trouble::Throttled, true),
            (Trouble::Unavailable, true),
            (Trouble::Refused, false),
            (Trouble::NotFound, false),
        ] {
            let cloud = Fake::new(&[("web", "game:main")], 'b');
            *cloud.failing.borrow_mut() = Some((operation, trouble));
            let (decisions, result) = follow_all(&cloud, &pushed()).await;
            assert_eq!(result.is_err(), again, "{operation} {trouble:?}");
            assert_eq!(actions(&decisions), [Action::Failed]);
            assert_eq!(decisions[0].retry, Some(again));
            assert!(cloud.writes().is_empty(), "nothing half done");
        }
    }
}

#[tokio::test]
async fn one_services_trouble_is_not_anothers() {
    let cloud = Fake::new(&[("a", "game:main"), ("b", "game:main")], 'b');
    cloud.services.borrow_mut()[0].status = ServiceStatus::Draining;
    let (decisions, result) = follow_all(&cloud, &pushed()).await;
    assert!(result.is_ok());
    assert_eq!(actions(&decisions), [Action::Kept, Action::Released, Action::Kept]);
}

#[tokio::test]
async fn what_is_not_allowed_is_not_looked_at() {
    let cloud = Fake::new(&[("web", "game:main"), ("wide", "secret:main"), ("odd", "nonsense")], 'a');
    let foreign = Hint::Image { repository: "secret".into(), tag: "main".into() };
    let elsewhere = Hint::Service(ServiceName { cluster: "other".into(), service: "web".into() });
    for (hint, says) in [(foreign, "'secret' is not one"), (elsewhere, "'other' is not one")] {
        let (decisions, _) = follow_all(&cloud, &hint).await;
        assert_eq!(actions(&decisions), [Action::Ignored]);
        assert!(decisions[0].reason.contains(says), "{}", decisions[0].reason);
    }
    let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
    assert_eq!(actions(&decisions), [Action::Kept; 3]);
    assert!(decisions[1].reason.contains("'secret' is not one"));
    assert!(decisions[2].reason.contains("not <repository>:<tag>"));
    let (decisions, _) = follow_all(&cloud, &Hint::Service(name("none"))).await;
    assert_eq!(decisions[0].reason, "there is no such service");
}
