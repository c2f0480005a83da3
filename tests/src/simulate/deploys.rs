//! What follows from an image that somebody asked for by its name: what may be released though no tag means it, how long it
//! stays, and that whoever only looks at the plan has written nothing.

use pushboat::model::Digest;
use pushboat::task_definition::ASKED;

use super::REPOSITORY;
use super::acts::held;
use super::asks::Ask;
use super::plan::SECOND;
use super::stage::Stage;
use super::watch::{GRACE, Rule, digest_of};

impl Stage {
    /// What he asks for, from here on: the plan was a request of its own.
    pub(super) fn asks_for(&mut self, id: u32, ask: Ask) {
        let digest = match ask {
            Ask::Deploy { back, .. } => self.earlier(back).and_then(|it| it.parse().ok()),
            _ => None,
        };
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.asked = digest;
        }
    }

    /// Has somebody asked this instance for this image?
    pub(super) fn was_asked_for(&self, id: u32, digest: &Digest) -> bool {
        self.instances.get(&id).is_some_and(|it| it.asked.as_ref() == Some(digest))
    }

    /// It runs what somebody has asked for. What the tag means as well needs nobody's word to stay; where that has changed
    /// while the instance looked, either may be.
    pub(super) fn deployed_as_asked(&mut self, id: u32, index: usize, task_definition_arn: &str) {
        let Some(instance) = self.instances.get(&id) else { return };
        let (since, asked) = (instance.started - GRACE, instance.asked.clone());
        let Some(digest) =
            asked.filter(|it| Some(it) == digest_of(&self.world, task_definition_arn).as_ref())
        else {
            return;
        };
        let said_at = self.asked_at(task_definition_arn);
        let was_followed = held(&self.watch.tag, since, |it| *it == digest);
        let was_not = held(&self.watch.tag, since, |it| *it != digest);
        let watched = &mut self.watch.services[index];
        // Told once more while it is there, it stays what it has been since then.
        let at = said_at.unwrap_or(watched.own_since);
        watched.person = (!was_followed).then(|| (task_definition_arn.to_owned(), at));
        if was_not {
            watched.asked.insert(digest, at);
        }
    }

    /// Was this image pushed before the service was told to run what somebody asked for, and does it still?
    pub(super) fn stays_as_asked(&self, index: usize, wanted: &Digest) -> bool {
        let own = &self.world.ecs.services[index].task_definition_arn;
        let runs = digest_of(&self.world, own);
        let since = runs.and_then(|it| self.watch.services[index].asked.get(&it).copied());
        // A stack may have taken what was registered for somebody who got no further.
        let since = since.or_else(|| self.asked_at(own));
        let pushed = self.pushed_at(wanted);
        since.zip(pushed).is_some_and(|(since, pushed)| pushed / SECOND < since / SECOND)
    }

    /// As the revision says.
    fn asked_at(&self, task_definition_arn: &str) -> Option<i64> {
        let found = self.world.find_task_definition(task_definition_arn).ok()?;
        let at = found.tags.get(ASKED)?.split(' ').next()?.parse().ok()?;
        Some(self.millis_at(at))
    }

    pub(super) fn pushed_at(&self, digest: &Digest) -> Option<i64> {
        let image = self.world.find_image(REPOSITORY, digest.as_str()).ok()??;
        Some(self.millis_at(image.pushed_at))
    }

    pub(super) fn begins_rehearsal(&mut self, id: u32) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.rehearses = true;
        }
    }

    /// What is asked then is another request, which has its own time.
    pub(super) fn ends_rehearsal(&mut self, id: u32) {
        let now = self.now;
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.rehearses = false;
            instance.started = now;
            instance.is_refused = false;
            instance.looks.clear();
        }
    }

    pub(super) fn writes(&mut self, id: u32, operation: &str, subject: &str) {
        if self.instances.get(&id).is_some_and(|it| it.rehearses) {
            self.breaks(Rule::Rehearsed, format!("#{id} only rehearses: {operation} {subject}"));
        }
    }
}
