//! Tags on load balancers, listeners and target groups, within ELB's limits.

use super::{Tags, invalid};
use crate::world::{Refusal, World};

const MOST_TAGS: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

pub(super) fn check(tags: &Tags) -> Result<(), Refusal> {
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!("The tag key '{key}' begins with 'aws:', which is reserved")));
        }
        let is_tag_text =
            |text: &str| text.chars().all(|it| it.is_alphanumeric() || it == ' ' || "+-=._:/@".contains(it));
        let fits = (1..=LONGEST_KEY).contains(&key.chars().count())
            && value.chars().count() <= LONGEST_VALUE
            && is_tag_text(key)
            && is_tag_text(value);
        if !fits {
            return Err(invalid(format!(
                "The tag '{key}' must have a key of 1 to {LONGEST_KEY} and a value of at most {LONGEST_VALUE} \
                 letters, digits, spaces or any of + - = . _ : / @"
            )));
        }
    }
    if tags.len() > MOST_TAGS {
        let message = format!("A resource has at most {MOST_TAGS} tags; {} were given", tags.len());
        return Err(Refusal::new("TooManyTags", message));
    }
    Ok(())
}

impl World {
    /// Of a load balancer, listener or target group.
    pub fn elb_tags(&self, arn: &str) -> Result<&Tags, Refusal> {
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        match resource.split('/').next() {
            Some("loadbalancer") => self.find_load_balancer(arn).map(|it| &it.tags),
            Some("targetgroup") => self.find_target_group(arn).map(|it| &it.tags),
            Some("listener") => self.find_listener(arn).map(|(_, it)| &it.tags),
            _ => Err(invalid(format!("'{arn}' is not a valid ARN"))),
        }
    }

    /// On all of them or, where one refuses, on none.
    pub fn add_elb_tags(&mut self, arns: &[&str], tags: &Tags) -> Result<(), Refusal> {
        let merged = |own: &Tags| {
            let mut merged = own.clone();
            merged.extend(tags.clone());
            merged
        };
        for arn in arns {
            check(&merged(self.elb_tags(arn)?))?;
        }
        self.change_elb_tags(arns, |own| *own = merged(own));
        Ok(())
    }

    /// Keys that are not there are no error.
    pub fn remove_elb_tags(&mut self, arns: &[&str], keys: &[&str]) -> Result<(), Refusal> {
        for arn in arns {
            self.elb_tags(arn)?;
        }
        self.change_elb_tags(arns, |own| own.retain(|key, _| !keys.contains(&key.as_str())));
        Ok(())
    }

    fn change_elb_tags(&mut self, arns: &[&str], change: impl Fn(&mut Tags)) {
        let is_meant = |arn: &String| arns.contains(&arn.as_str());
        for balancer in &mut self.elb.load_balancers {
            if is_meant(&balancer.arn) {
                change(&mut balancer.tags);
            }
            balancer.listeners.iter_mut().filter(|it| is_meant(&it.arn)).for_each(|it| change(&mut it.tags));
        }
        let groups = self.elb.target_groups.iter_mut();
        groups.filter(|it| is_meant(&it.arn)).for_each(|it| change(&mut it.tags));
    }
}
