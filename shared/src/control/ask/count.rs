//! A person's word on how many tasks there are, for a time or for good: written down as a tag, and done at once as far
//! as no load has to be known for it. What the load asks for within that word is the next sweep's.

use super::{Done, Said, Undone, What, asked, request};
use crate::capacity::policy::CAPACITY;
use crate::capacity::temporary::{KEYS, Wanted};
use crate::capacity::{self, Policy, Situation};
use crate::cloud::Cloud;
use crate::control::{Scope, Watch};
use crate::decision::{Action, Decision};
use crate::model::{Service, ServiceName, Tags};
use crate::others;
use crate::release;

/// Other bounds, until somebody sets others. What is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebound {
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub by: String,
    pub reason: String,
}

/// Sets a count, a least or a most until a moment. It ends by itself.
pub async fn override_count<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    wanted: &Wanted,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, &wanted.by), log, async |watch| {
        let (mut found, policy) = watch.asked_about_count(service).await?;
        let done = watch.put_override(&mut found, wanted).await;
        watch.tell(service, done)?;
        watch.follow_overrides(&found, &policy).await
    })
    .await
}

/// Changes the owner's bounds, where no template declares them: its next update would bring the old ones back.
pub async fn set_bounds<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    wanted: &Rebound,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, &wanted.by), log, async |watch| {
        let (mut found, policy) = watch.asked_about_count(service).await?;
        let done = watch.put_bounds(&mut found, &policy, wanted).await;
        let is_changed = done.as_ref().is_ok_and(|what| what.action == Action::Overridden);
        watch.tell(service, done)?;
        match Policy::of(&found.tags) {
            Ok(Some(policy)) if is_changed => watch.follow_overrides(&found, &policy).await,
            _ => Ok(()),
        }
    })
    .await
}

/// Ends what was said, all of it. The next sweep decides from the load.
pub async fn end_overrides<C: Cloud>(
    cloud: &C,
    scope: &Scope,
    service: &ServiceName,
    by: &str,
    log: &mut impl FnMut(Decision),
) -> Done {
    asked(cloud, scope, &request(service, by), log, async |watch| {
        let (found, _) = watch.asked_about_count(service).await?;
        let done = watch.remove_overrides(&found, by).await;
        watch.tell(service, done)
    })
    .await
}

impl<C: Cloud, L: FnMut(Decision)> Watch<'_, C, L> {
    /// Whose count is Pushboat's.
    async fn asked_about_count(&mut self, name: &ServiceName) -> Result<(Service, Policy), Undone> {
        let found = self.found(name).await?;
        release::may_be_touched(&found).map_err(|keep| Undone::Refused(keep.to_string()))?;
        let policy = match Policy::of(&found.tags) {
            Ok(Some(policy)) => policy,
            Ok(None) => {
                let why = "its count has not been handed over: the tag pushboat:capacity says how few and how many \
                           tasks there may be";
                return Err(Undone::Refused(why.to_owned()));
            }
            Err(error) => return Err(Undone::Refused(error.to_string())),
        };
        if !self.cloud.scalable_targets(std::slice::from_ref(name)).await?.is_empty() {
            let why = "Application Auto Scaling decides its count, and two owners of one count fight";
            return Err(Undone::Refused(why.to_owned()));
        }
        Ok((found, policy))
    }

    async fn put_override(&self, service: &mut Service, wanted: &Wanted) -> Said {
        let word = wanted.at(self.cloud.now())?;
        let (key, value) = (wanted.which.key().to_owned(), word.value());
        self.cloud.tag(&service.arn, &Tags::from([(key.clone(), value.clone())])).await?;
        service.tags.insert(key, value);
        Ok(What::new(Action::Overridden, format!("{} {word}", wanted.which)))
    }

    async fn put_bounds(&self, service: &mut Service, policy: &Policy, wanted: &Rebound) -> Said {
        let refused = |why: String| Undone::Refused(why);
        let (former, Rebound { min, max, by, reason }) = (policy.bounds, wanted);
        let bounds = former.with(*min, *max).map_err(|error| refused(error.to_string()))?;
        if bounds == former {
            return Ok(What::new(Action::Kept, format!("the bounds are {former} already")));
        }
        if let Some(stack) = others::declared_by(&service.tags) {
            return Err(refused(format!(
                "the tag {CAPACITY} is the template's to change (stack {stack}): its next update would bring {former} back"
            )));
        }
        let tag = (CAPACITY.to_owned(), bounds.to_string());
        let mut changed = service.tags.clone();
        changed.extend([tag.clone()]);
        // A schedule may want more than the new most.
        Policy::of(&changed).map_err(|error| refused(error.to_string()))?;
        self.cloud.tag(&service.arn, &Tags::from([tag])).await?;
        service.tags = changed;
        Ok(What::new(
            Action::Overridden,
            format!("the bounds are {bounds} and were {former}, says {by}: {reason}"),
        ))
    }

    async fn remove_overrides(&self, service: &Service, by: &str) -> Said {
        let there = KEYS.iter().filter_map(|key| Some((key, service.tags.get(*key)?)));
        let (keys, words): (Vec<_>, Vec<_>) =
            there.map(|(key, value)| ((*key).to_owned(), format!("{key}={value}"))).unzip();
        if keys.is_empty() {
            return Ok(What::new(Action::Kept, "nobody has overridden the count"));
        }
        self.cloud.untag(&service.arn, &keys).await?;
        Ok(What::new(Action::Overridden, format!("no more, says {by}; it was: {}", words.join(", "))))
    }

    async fn follow_overrides(&mut self, service: &Service, policy: &Policy) -> Done {
        let Some(now) = self.cloud.now() else { return Ok(()) };
        let decided = capacity::decide_without_load(&Situation {
            now,
            policy,
            tags: &service.tags,
            desired: service.desired_count,
            is_deploying: false,
            zones: service.subnets,
            startup: None,
            loads: &[],
        });
        if decided.desired == service.desired_count {
            return Ok(());
        }
        let (from, to) = (service.desired_count, decided.desired);
        self.cloud.set_desired_count(&service.name, to).await?;
        let reason = format!("from {from} to {to}: {}", decided.reason);
        let mut decision = self.decision(&service.name, Action::Scaled, reason);
        (decision.former_count, decision.desired_count) = (Some(from), Some(to));
        (self.log)(decision);
        Ok(())
    }
}
