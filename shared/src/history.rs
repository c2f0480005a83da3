//! What became of a service: its roll-outs as ECS keeps them for about three months, each with what the tags of its
//! revision say of it, and what was decided of its count, as long as the decision log is kept. Pure: whoever shows it has
//! read both.

mod count;
mod last;
mod page;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use count::Count;
pub use last::{LastDecision, last_decisions};
pub use page::{Counts, Page, page};

use crate::model::{Digest, Outcome, Rollout, Tags};
use crate::policy;
use crate::release::OVERLAP;
use crate::task_definition::{ASKED, BASE, CAUSE, PUT_BACK, TaskDefinition, released_as, revision_name};

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    Release(Release),
    Count(Count),
}

impl Entry {
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Entry::Release(release) => release.began_at,
            Entry::Count(count) => Some(count.at),
        }
    }
}

/// One roll-out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Release {
    pub began_at: Option<Timestamp>,
    /// `null`: it is under way.
    pub finished_at: Option<Timestamp>,
    /// `under_way`, `successful`, `stopped` (something newer came) or `rolled_back`
    pub outcome: &'static str,
    /// In ECS's words.
    pub reason: String,
    /// `family:revision`
    pub revision: String,
    pub images: Vec<Image>,
    /// What made Pushboat release it. `null`: it is not of Pushboat, or its revision can no longer be described.
    pub cause: Option<String>,
    /// The revision it was made from.
    pub base: Option<String>,
    /// Who has asked for it, or has asked last to go back to it.
    pub asked_by: Option<String>,
    /// Who has registered the revision: a role of Pushboat, a stack, a person.
    pub registered_by: Option<String>,
    /// Its service deployment.
    pub service_deployment: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Image {
    pub container: String,
    pub digest: Option<Digest>,
    /// `<repository>:<tag>` that meant the digest when Pushboat released it.
    pub released_as: Option<String>,
    /// Why it does not return by itself; `null`: it may.
    pub rejected: Option<String>,
}

/// `tags` are the service's.
pub fn release(rollout: &Rollout, definition: Option<&TaskDefinition>, tags: &Tags) -> Release {
    let said = |key: &str| definition.and_then(|it| it.tags.get(key)).cloned();
    let image = |image: &crate::model::RolloutImage| {
        let digest = image.ran();
        let rejected = digest.as_ref().and_then(|digest| policy::rejection(tags, digest));
        Image {
            container: image.container.clone(),
            released_as: said(&released_as(&image.container)),
            rejected: rejected.map(str::to_owned),
            digest,
        }
    };
    let put_back_by = said(PUT_BACK).and_then(|said| put_back_by(&said, rollout));
    let asked_by = said(ASKED).and_then(|it| Some(it.split_once(' ')?.1.to_owned()));
    let cause = put_back_by.as_ref().map(|by| format!("roll-back by {by}"));
    Release {
        began_at: rollout.created_at,
        finished_at: rollout.finished_at,
        outcome: match rollout.outcome {
            Outcome::UnderWay => "under_way",
            Outcome::Successful => "successful",
            Outcome::Stopped => "stopped",
            Outcome::RolledBack => "rolled_back",
        },
        reason: rollout.reason.clone(),
        revision: revision_name(&rollout.task_definition_arn).to_owned(),
        images: rollout.images.iter().map(image).collect(),
        cause: cause.or_else(|| said(CAUSE)),
        base: said(BASE),
        asked_by: put_back_by.or(asked_by),
        registered_by: definition.and_then(TaskDefinition::registered_by).map(str::to_owned),
        service_deployment: rollout.arn.clone(),
    }
}

/// Who went back to the revision by this roll-out: it began right after he was written down.
fn put_back_by(said: &str, rollout: &Rollout) -> Option<String> {
    let (at, by) = said.split_once(" by ")?;
    let between = rollout.created_at?.duration_since(at.parse().ok()?);
    // What is written down has whole seconds.
    let is_of_it = (SignedDuration::from_secs(-1)..=OVERLAP).contains(&between);
    is_of_it.then(|| by.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::model::RolloutImage;

    #[test]
    fn a_roll_out_is_shown_with_what_its_revision_says() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let arn = "arn:aws:ecs:eu-central-1:1:task-definition/web:7".to_owned();
        let rollout = Rollout {
            arn: "arn:aws:ecs:eu-central-1:1:service-deployment/prod/web/1".into(),
            outcome: Outcome::RolledBack,
            reason: "Service deployment rolled back".into(),
            task_definition_arn: arn.clone(),
            images: vec![RolloutImage {
                container: "web".into(),
                image: format!("1.dkr.ecr.eu-central-1.amazonaws.com/game@{digest}"),
                digest: None,
            }],
            created_at: Some("2026-11-21T08:00:00Z".parse().unwrap()),
            finished_at: Some("2026-11-21T08:02:00Z".parse().unwrap()),
        };
        let rejection =
            (policy::rejection_key(&digest.parse().unwrap()), "2026-11-21T08:02:00Z exit 1".to_owned());
        let shown = json!(release(&rollout, None, &Tags::from([rejection])));
        assert_eq!((&shown["outcome"], &shown["revision"]), (&json!("rolled_back"), &json!("web:7")));
        assert_eq!(shown["images"][0]["rejected"], "2026-11-21T08:02:00Z exit 1");
        assert_eq!(shown["cause"], json!(null), "nobody can say");

        let tags = [
            (CAUSE, "push of game:main"),
            (BASE, "web:5"),
            (PUT_BACK, "2026-11-21T07:59:59Z by ann"),
            ("pushboat:image:web", "game:main"),
        ];
        let definition = TaskDefinition {
            arn,
            document: json!({"registeredBy": "arn:aws:sts::1:assumed-role/pushboat-deploy/x"})
                .as_object()
                .unwrap()
                .clone(),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        };
        let shown = json!(release(&rollout, Some(&definition), &Tags::new()));
        assert_eq!((&shown["cause"], &shown["base"]), (&json!("roll-back by ann"), &json!("web:5")));
        assert_eq!((&shown["asked_by"], &shown["images"][0]["rejected"]), (&json!("ann"), &json!(null)));
        assert_eq!(shown["images"][0]["released_as"], "game:main");

        // It had run before somebody went back to it.
        let before = Rollout { created_at: Some("2026-11-21T07:00:00Z".parse().unwrap()), ..rollout };
        let shown = json!(release(&before, Some(&definition), &Tags::new()));
        assert_eq!((&shown["cause"], &shown["asked_by"]), (&json!("push of game:main"), &json!(null)));
    }
}
