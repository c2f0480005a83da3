//! `GET …/history`: what a service has run, a page at a time.

use std::collections::BTreeMap;

use pushboat::Timestamp;
use pushboat::cloud::Cloud;
use pushboat::control::Scope;
use pushboat::history::{self, Entry};
use pushboat::model::ServiceName;
use pushboat::task_definition::TaskDefinition;
use pushboat_aws::Aws;

use crate::answers::History;
use crate::problem::Problem;
use crate::request::{decoded, parameters};
use crate::services::handed_over;

/// Each revision on the page is a question to ECS.
const AT_ONCE: usize = 10;
const AT_MOST: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Page {
    before: Option<Timestamp>,
    limit: usize,
}

pub(crate) async fn page(
    aws: &Aws,
    scope: &Scope,
    name: &ServiceName,
    query: &str,
) -> Result<History, Problem> {
    let Page { before, limit } = asked_for(query)?;
    let service = handed_over(aws, scope, name).await?;
    let mut rollouts = aws.rollouts_before(name, before).await?;
    rollouts.retain(|it| before.is_none_or(|before| it.created_at.is_some_and(|at| at < before)));
    let is_more = rollouts.len() > limit || rollouts.len() == AT_MOST;
    rollouts.truncate(limit);
    let mut definitions = BTreeMap::<&str, Option<TaskDefinition>>::new();
    for rollout in &rollouts {
        let arn = rollout.task_definition_arn.as_str();
        if definitions.contains_key(arn) {
            continue;
        }
        let found = match aws.task_definition(arn).await {
            Ok(definition) => Some(definition),
            Err(error) if error.retry_helps() => return Err(error.into()),
            // Deleted since.
            Err(_) => None,
        };
        definitions.insert(arn, found);
    }
    let of = |arn: &str| definitions.get(arn).and_then(Option::as_ref);
    let entries: Vec<Entry> = rollouts
        .iter()
        .map(|rollout| history::entry(rollout, of(&rollout.task_definition_arn), &service.tags))
        .collect();
    let next = entries.last().and_then(|entry| entry.began_at).filter(|_| is_more);
    Ok(History { entries, next })
}

fn asked_for(query: &str) -> Result<Page, Problem> {
    let mut page = Page { before: None, limit: AT_ONCE };
    let mut keys = Vec::new();
    for (key, value) in parameters(query) {
        let value = decoded(value).unwrap_or_default();
        if keys.contains(&key) {
            return Err(Problem::BadQuery(format!("the query has '{key}' more than once")));
        }
        keys.push(key);
        match key {
            "before" => match value.parse() {
                Ok(before) => page.before = Some(before),
                Err(_) => {
                    let why = "before: a time, such as 'next' of the page before has".to_owned();
                    return Err(Problem::BadQuery(why));
                }
            },
            "limit" => match value.parse() {
                Ok(limit @ 1..=AT_MOST) => page.limit = limit,
                _ => return Err(Problem::BadQuery(format!("limit: 1 to {AT_MOST}"))),
            },
            _ => return Err(Problem::BadQuery("the query parameters are before and limit".to_owned())),
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_of_so_many_before_a_moment() {
        let before = "2026-11-21T08:00:00.25Z".parse().ok();
        for (query, expected) in [
            ("", Ok(Page { before: None, limit: 10 })),
            ("limit=20", Ok(Page { before: None, limit: 20 })),
            ("before=2026-11-21T08:00:00.25Z&limit=1", Ok(Page { before, limit: 1 })),
            ("before=2026-11-21T08%3A00%3A00.25Z", Ok(Page { before, limit: 10 })),
            ("limit=0", Err("limit: 1 to 20")),
            ("limit=21", Err("limit: 1 to 20")),
            ("limit=", Err("limit: 1 to 20")),
            ("limit=1&limit=1", Err("more than once")),
            ("before=yesterday", Err("before: a time")),
            ("after=1", Err("the query parameters are")),
        ] {
            match (asked_for(query), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
                (Err(problem), Err(says)) => {
                    assert!(problem.to_string().contains(says), "{query}: {problem}")
                }
                (found, _) => panic!("{query}: {found:?}"),
            }
        }
    }
}
