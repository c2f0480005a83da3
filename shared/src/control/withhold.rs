//! What makes a release wait: somebody's hold, a roll-out that is to complete first, a person who deployed.

use super::Watch;
use super::look::History;
use crate::base::{Found, Template};
use crate::cloud::{Answer, Cloud};
use crate::decision::Decision;
use crate::hold::{self, Standing};
use crate::model::{Rollout, Service};
use crate::others;
use crate::overlap;
use crate::release::Keep;
use crate::task_definition::TaskDefinition;

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// What a person has put in the place of is not released.
    pub(super) fn without_diverged<'t>(
        &mut self,
        service: &Service,
        own: &TaskDefinition,
        candidates: Vec<Found<'t>>,
        history: &[Rollout],
    ) -> Vec<Found<'t>> {
        let mut due = Vec::new();
        for (track, candidate) in candidates {
            match others::diverged(service, own, candidate.pushed_at, history) {
                Some(diverged) => {
                    let (tagged, digest) = (candidate.tagged, candidate.digest);
                    self.kept(service, Keep::Diverged { tagged, digest, diverged });
                }
                None => due.push((track, candidate)),
            }
        }
        due
    }

    /// Why what is due is not released now. Asked only where something is due, and as late as it can be.
    pub(super) async fn withheld(
        &mut self,
        service: &Service,
        template: &Template<'_>,
        candidates: &[Found<'_>],
        history: &mut History,
    ) -> Answer<Option<Keep>> {
        let now = self.cloud.now();
        let own_hold = hold::standing(&service.tags, now);
        let mut due: Vec<_> = candidates.iter().map(|(_, candidate)| candidate.tagged.clone()).collect();
        if let Template::Due(revision) = template {
            due.push(format!("the template's revision {}", revision.name()));
        }
        if due.is_empty() {
            return Ok(None);
        }
        let what = due.join(" and ");
        match own_hold {
            Standing::Held(hold) => return Ok(Some(Keep::Held { what, hold })),
            Standing::Unreadable(value) => return Ok(Some(Keep::HoldUnreadable { what, value })),
            Standing::Free | Standing::Expired(_) => {}
        }
        match self.cluster_standing(&service.name.cluster).await? {
            Standing::Held(hold) => return Ok(Some(Keep::ClusterHeld { what, hold })),
            Standing::Unreadable(value) => return Ok(Some(Keep::HoldUnreadable { what, value })),
            Standing::Free | Standing::Expired(_) => {}
        }
        let overlap = match overlap::of(&service.tags) {
            Ok(overlap) => overlap,
            Err(error) => return Ok(Some(Keep::OverlapUnreadable { what, error })),
        };
        let history = history.read(self.cloud, service).await?;
        let waits = overlap::waits(overlap, service, history, now);
        Ok(waits.map(|waits| Keep::Overlaps { what, waits }))
    }

    async fn cluster_standing(&self, name: &str) -> Answer<Standing> {
        let tags = self.cluster(name).await?.map(|cluster| cluster.tags).unwrap_or_default();
        Ok(hold::standing(&tags, self.cloud.now()))
    }
}
