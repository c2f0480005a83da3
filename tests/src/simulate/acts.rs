//! The rules that are checked at a write: what may be registered, released and rejected.

use pushboat::announce::Announcement;
use pushboat::hint::Hint;
use pushboat::model::{Digest, RolloutState, Service, Tags};
use pushboat::policy::PASSED_OVER;
use pushboat::task_definition::{ASKED, BASE, NOTED, PUT_BACK, TEMPLATE, revision_name};
use pushboat_local::world::ecs::TaskDefinition;
use serde_json::{Map, Value};

use super::instances::Instance;
use super::stage::Stage;
use super::watch::{GRACE, Rule, Writer, digest_of};
use super::{CONTAINER, TAG};

/// How often an instance looks at one service.
const LOOKS: u32 = 3;

impl Stage {
    fn pushboat(&self, id: u32) -> Option<&Instance> {
        self.instances.get(&id).filter(|it| it.is_function())
    }

    pub(super) fn wrote(&mut self, id: u32, operation: &str, subject: &str) {
        self.writes(id, operation, subject);
        let is_quiet = self.now >= self.quiet_from();
        if is_quiet && self.pushboat(id).is_some() {
            self.breaks(Rule::Quiet, format!("#{id} still writes: {operation} {subject}"));
        }
    }

    pub(super) fn registered(&mut self, id: u32, arn: &str) {
        let now = self.now;
        self.watch.registered_at.insert(arn.to_owned(), now);
        let Some(instance) = self.pushboat(id) else { return };
        let (started, own) = (instance.started, instance.registered.clone());
        let instance_surplus = instance.surplus;
        let all = &self.world.ecs.task_definitions;
        let Ok(new) = self.world.find_task_definition(arn) else { return };
        let mut earlier = all.iter().rev().filter(|it| it.family == new.family && it.active && it.arn != arn);
        let newest = earlier.next();
        let is_same = |it: &&TaskDefinition| {
            it.document == new.document
                && [BASE, ASKED].iter().all(|key| it.tags.get(*key) == new.tags.get(*key))
                && ![NOTED, PASSED_OVER, PUT_BACK].iter().any(|mark| it.tags.contains_key(*mark))
        };
        let surplus = newest.filter(is_same).map(|it| it.arn.clone());
        let is_surplus = surplus.is_some();
        let differs = differs_from_base(all, new);
        if let Some(surplus) = surplus {
            let since = self.watch.registered_at.get(&surplus).copied().unwrap_or(0);
            let again = own.contains(&surplus) && instance_surplus >= LOOKS;
            if started > since + GRACE || again {
                let (new, old) = (revision_name(arn).to_owned(), revision_name(&surplus).to_owned());
                let words = format!("#{id} registers {new}, although {old} is the same and was there before");
                self.breaks(Rule::Surplus, words);
            }
        }
        if let Some(words) = differs {
            self.breaks(Rule::Revision, format!("#{id} registers {}, which {words}", revision_name(arn)));
        }
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.surplus += u32::from(is_surplus);
            instance.registered.push(arn.to_owned());
        }
    }

    /// Just before a release is carried out.
    pub(super) fn intends(&mut self, id: u32, service: &str, task_definition_arn: &str) {
        let Some(index) = self.index_of(service) else { return };
        let Some(instance) = self.pushboat(id) else { return };
        let (since, goes_back) = (instance.started - GRACE, instance.goes_back);
        let Some(digest) = digest_of(&self.world, task_definition_arn) else { return };
        let watched = &self.watch.services[index];
        let meant = held(&self.watch.tag, since, |it| *it == digest);
        let ran = held(&watched.ran, since, |it| it.as_ref() == Some(&digest));
        let failed = watched.failures.get(&digest).max(watched.left.get(&digest)).copied();
        let failed = failed.filter(|at| *at < since && *at > watched.released_by_person_at);
        // After a stack update, what ran before it may return.
        // What is gone back to has run before; by who asked, and by who sees that what was left is there again.
        let repairs = self.is_left(index) || self.is_put_back(task_definition_arn);
        let may_return = goes_back || repairs || watched.before_stack.is_some();
        let returns = may_return && held(&watched.ran, 0, |it| it.as_ref() == Some(&digest));
        let named = self.named(&digest);
        let is_asked_for = self.was_asked_for(id, &digest);
        if !meant && !ran && !returns && !is_asked_for {
            let words = format!("#{id} releases {named}, which neither the tag meant nor {service} ran");
            self.breaks(Rule::LooksFirst, words);
        }
        // A late one may have seen the service at it; that is repaired, not prevented.
        // Who asks for it before anybody has written down that it failed may try again.
        if failed.is_some() && !ran && !repairs && !is_asked_for {
            let words = format!("#{id} releases {named}, which failed or was left in {service} before");
            self.breaks(Rule::NoReturn, words);
        }
        if !goes_back
            && !repairs
            && let Some((rule, words)) = self.goes_past(index, task_definition_arn, since)
            && !(rule == Rule::Person && is_asked_for)
        {
            self.breaks(rule, format!("#{id} {words}"));
        }
    }

    /// Somebody has asked to go back to this revision.
    fn is_put_back(&self, task_definition_arn: &str) -> bool {
        let found = self.world.find_task_definition(task_definition_arn);
        found.is_ok_and(|it| it.tags.contains_key(PUT_BACK))
    }

    /// It runs what somebody has asked to go back from.
    fn is_left(&self, index: usize) -> bool {
        let runs = digest_of(&self.world, &self.world.ecs.services[index].task_definition_arn);
        runs.is_some_and(|it| self.watch.services[index].given_up.contains(&it))
    }

    pub(super) fn released(&mut self, id: u32, service: &str, task_definition_arn: &str) {
        let digest = digest_of(&self.world, task_definition_arn);
        let named = digest.as_ref().map_or_else(|| "?".to_owned(), |it| self.named(it));
        self.tell(|_| format!("     which is {named}"));
        let goes_back = self.instances.get(&id).is_some_and(|it| it.goes_back);
        if let Some(index) = self.index_of(service) {
            let watched = &mut self.watch.services[index];
            watched.last_writer = Writer::Pushboat;
            task_definition_arn.clone_into(&mut watched.told);
            if let Some(digest) = digest.filter(|_| goes_back) {
                watched.left.remove(&digest);
                watched.failures.remove(&digest);
            }
            self.deployed_as_asked(id, index, task_definition_arn);
        }
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.looks.entry(service.to_owned()).or_default().is_unlooked = true;
            instance.is_refused = false;
        }
    }

    /// Carried out, perhaps more than once, and answered.
    pub(super) fn release_answered(&mut self, id: u32) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.releases += 1;
        }
    }

    pub(super) fn looked_at(&mut self, id: u32, service: &str) {
        if let Some(instance) = self.instances.get_mut(&id) {
            let looks = instance.looks.entry(service.to_owned()).or_default();
            looks.reads += 1;
            looks.is_unlooked = false;
        }
    }

    /// Every release that was said until then is announced.
    pub(super) fn announced(&mut self, id: u32, announcements: &[Announcement]) {
        for announcement in announcements {
            self.tell(|_| format!("  #{id} announces: {}", announcement.detail_type));
        }
        let started = announcements.iter().filter(|it| it.detail_type == "Pushboat Release Started").count();
        let said = self.pushboat(id).map_or(0, |it| it.said);
        self.writes(id, "PutEvents", "the default bus");
        if started != said {
            self.breaks(Rule::Reason, format!("#{id} announces {started} releases and said {said}"));
        }
    }

    pub(super) fn tagged(&mut self, id: u32, arn: &str, tags: &Tags) {
        self.hold_is_put(arn, tags);
        let now = self.now;
        let is_function = self.pushboat(id).is_some();
        let goes_back = self.pushboat(id).is_some_and(|it| it.goes_back);
        let Some(index) = self.world.ecs.services.iter().position(|it| it.arn == arn) else { return };
        self.word_is_written(index, id, tags);
        for key in tags.keys().filter_map(|key| key.strip_prefix("pushboat:rejected:")) {
            let Ok(digest) = format!("sha256:{key}").parse::<Digest>() else { continue };
            let watched = &mut self.watch.services[index];
            if goes_back {
                watched.given_up.insert(digest.clone());
                if let Some(instance) = self.instances.get_mut(&id) {
                    instance.rejected.push((digest.clone(), now));
                }
            }
            let may_be = watched.ever_failed.contains(&digest) || watched.given_up.contains(&digest);
            if is_function && !may_be {
                let named = self.named(&digest);
                self.breaks(Rule::Blame, format!("#{id} rejects {named}, no roll-out of which has failed"));
            }
        }
    }

    /// What a function reads of services that failed in place.
    pub(super) fn notices(&mut self, id: u32, services: &[Service]) {
        let call = self.instances.get(&id).and_then(|it| it.call.as_ref());
        // The push of another tag concerns nobody, and those who only write or ask decide nothing.
        let decides = |hint: &Hint| match hint {
            Hint::Image { tag, .. } => tag == TAG,
            Hint::Request { .. } | Hint::Cluster { .. } => false,
            _ => true,
        };
        if !call.is_some_and(|it| decides(&it.hint)) {
            return;
        }
        for service in services {
            let failed = service.primary.as_ref().filter(|it| it.state == RolloutState::Failed);
            // Who is shown it only when it has moved on cannot tell it from what he has done himself.
            let index = self.index_of(&service.name.service);
            let truth = index.and_then(|it| self.world.ecs.services[it].deployments.first());
            let failed = failed.filter(|it| truth.is_some_and(|truth| truth.id == it.id));
            let digest = failed.and_then(|it| digest_of(&self.world, &it.task_definition_arn));
            let now = self.now;
            if let (Some((index, digest)), Some(instance)) = (index.zip(digest), self.instances.get_mut(&id))
            {
                instance.saw_failed.push((index, digest, now));
            }
        }
    }

    /// An invocation has come to its end without an error.
    pub(super) fn ended_well(&mut self, id: u32) {
        let seen = self.instances.get_mut(&id).map(|it| std::mem::take(&mut it.saw_failed));
        self.saw_failed(seen.unwrap_or_default());
        let Some(instance) = self.pushboat(id) else { return };
        // After its third look at a service it leaves the rest to the next hint.
        // Who says what to run has told so, and the next look is a function's.
        // Whom AWS has refused it for the rest of his time has said so.
        let must_look = !instance.goes_back
            && instance.asked.is_none()
            && instance.looks.values().any(|it| {
                let is_refused = it.is_postponed && instance.is_refused;
                it.is_unlooked && it.reads < LOOKS && !is_refused
            });
        let (releases, said) = (instance.releases, instance.said + instance.said_to_go_back);
        if must_look {
            self.breaks(Rule::SecondLook, format!("#{id} ends after a release without another look"));
        }
        if said < releases {
            self.breaks(Rule::Reason, format!("#{id} released {releases} times and said so {said} times"));
        }
    }
}

/// Was there such an entry at any moment since?
pub(super) fn held<T>(history: &[(i64, T)], since: i64, is_it: impl Fn(&T) -> bool) -> bool {
    let ends = history.iter().skip(1).map(|(at, _)| *at).chain([i64::MAX]);
    history.iter().zip(ends).any(|((_, value), until)| until >= since && is_it(value))
}

fn differs_from_base(all: &[TaskDefinition], new: &TaskDefinition) -> Option<String> {
    let Some(name) = new.tags.get(BASE) else { return Some("does not say from what it is made".to_owned()) };
    if new.tags.contains_key(TEMPLATE) {
        return Some("says that it is the template's".to_owned());
    }
    let base = all.iter().find(|it| revision_name(&it.arn) == name)?;
    (without_image(&base.document) != without_image(&new.document))
        .then(|| format!("differs from its base {name} in more than the image"))
}

fn without_image(document: &Map<String, Value>) -> Map<String, Value> {
    let mut document = document.clone();
    let containers = document.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter(|it| it["name"] == CONTAINER) {
        container["image"] = Value::Null;
    }
    document
}
