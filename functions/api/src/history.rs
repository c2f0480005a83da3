//! `GET …/history`: what a service has run and how many tasks it was told to have, a page at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pushboat::cloud::{Answer, Cloud};
use pushboat::control::Scope;
use pushboat::history::{self, Counts, Page as Found, Release};
use pushboat::model::{Rollout, Service, ServiceName};
use pushboat::task_definition::TaskDefinition;
use pushboat::{SignedDuration, Timestamp};
use pushboat_aws::{Aws, Settings};

use crate::answers::History;
use crate::problem::Problem;
use crate::request::{decoded, parameters};
use crate::services::handed_over;

/// Each revision on the page is a question to ECS.
const AT_ONCE: usize = 10;
const AT_MOST: usize = 20;

/// As long as ECS keeps roll-outs.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The decision log is searched backwards in steps, each four times as long as the one before.
const FIRST_STEP: SignedDuration = SignedDuration::from_hours(1);
/// For all steps together.
const SEARCHES: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Release,
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Page {
    /// `None`: both.
    kind: Option<Kind>,
    before: Option<Timestamp>,
    limit: usize,
}

pub(crate) async fn page(
    aws: &Aws,
    scope: &Scope,
    name: &ServiceName,
    query: &str,
) -> Result<History, Problem> {
    let Page { kind, before, limit } = asked_for(query)?;
    let service = handed_over(aws, scope, name).await?;
    let (mut rollouts, mut is_more) = match kind {
        Some(Kind::Count) => (Vec::new(), false),
        _ => aws.rollouts_before(name, before).await?,
    };
    rollouts.retain(|it| before.is_none_or(|before| it.created_at.is_some_and(|at| at < before)));
    is_more |= rollouts.len() > limit;
    rollouts.truncate(limit);
    let oldest = rollouts.last().and_then(|it| it.created_at).filter(|_| is_more);
    let mut notes = Vec::new();
    let counts = match kind {
        Some(Kind::Release) => Counts::default(),
        _ => counts(aws, name, before, oldest, limit, &mut notes).await,
    };
    let releases = releases(aws, &service, &rollouts).await?;
    let Found { entries, next } = history::page(releases, is_more, counts, limit);
    Ok(History { entries, next, notes })
}

async fn releases(aws: &Aws, service: &Service, rollouts: &[Rollout]) -> Answer<Vec<Release>> {
    let mut definitions = BTreeMap::<&str, Option<TaskDefinition>>::new();
    for rollout in rollouts {
        let arn = rollout.task_definition_arn.as_str();
        if definitions.contains_key(arn) {
            continue;
        }
        let found = match aws.task_definition(arn).await {
            Ok(definition) => Some(definition),
            Err(error) if error.retry_helps() => return Err(error),
            // Deleted since.
            Err(_) => None,
        };
        definitions.insert(arn, found);
    }
    let of = |arn: &str| definitions.get(arn).and_then(Option::as_ref);
    let release = |rollout| history::release(rollout, of(&rollout.task_definition_arn), &service.tags);
    Ok(rollouts.iter().map(release).collect())
}

/// Back to the oldest roll-out of the page, or until there are enough of them. What cannot be had is a note: the
/// roll-outs are worth showing without it.
async fn counts(
    aws: &Aws,
    name: &ServiceName,
    before: Option<Timestamp>,
    oldest: Option<Timestamp>,
    limit: usize,
    notes: &mut Vec<String>,
) -> Counts {
    let groups = Settings::log_groups_from_env();
    let Some(now) = aws.now().filter(|_| !groups.is_empty()) else {
        notes.push("how many tasks it was told to have is not shown: PUSHBOAT_LOG_GROUPS does not say where the decision log is".to_owned());
        return Counts::default();
    };
    let horizon = oldest.unwrap_or(now - KEPT);
    // The log's clock may be a little ahead.
    let ahead = now + SignedDuration::from_mins(1);
    let mut until = before.map_or(ahead, |before| before.min(ahead));
    let (mut counts, mut step) = (Counts::default(), FIRST_STEP);
    let ends = Instant::now() + SEARCHES;
    while until > horizon && counts.found.len() < limit {
        let from = horizon.max(until - step);
        match aws.counts_decided(&groups, name, (from, until), ends).await {
            Ok(Some(found)) => counts.found.extend(found),
            Ok(None) if counts.from.is_some() => break,
            Ok(None) => {
                notes.push("how many tasks it was told to have is not shown: the decision log could not be searched in time".to_owned());
                return Counts::default();
            }
            Err(error) => {
                notes.push(format!("how many tasks it was told to have is not shown: {error}"));
                return Counts::default();
            }
        }
        counts.from = Some(from);
        (until, step) = (from, step * 4);
    }
    // Before that there is nothing.
    counts.from = counts.from.filter(|from| *from > now - KEPT);
    counts
}

fn asked_for(query: &str) -> Result<Page, Problem> {
    let mut page = Page { kind: None, before: None, limit: AT_ONCE };
    let mut keys = Vec::new();
    for (key, value) in parameters(query) {
        let value = decoded(value).unwrap_or_default();
        if keys.contains(&key) {
            return Err(Problem::BadQuery(format!("the query has '{key}' more than once")));
        }
        keys.push(key);
        match key {
            "kind" => match value.as_str() {
                "release" => page.kind = Some(Kind::Release),
                "count" => page.kind = Some(Kind::Count),
                _ => return Err(Problem::BadQuery("kind: release or count".to_owned())),
            },
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
            _ => return Err(Problem::BadQuery("the query parameters are kind, before and limit".to_owned())),
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
            ("", Ok(Page { kind: None, before: None, limit: 10 })),
            ("limit=20&kind=count", Ok(Page { kind: Some(Kind::Count), before: None, limit: 20 })),
            ("kind=release", Ok(Page { kind: Some(Kind::Release), before: None, limit: 10 })),
            ("before=2026-11-21T08:00:00.25Z&limit=1", Ok(Page { kind: None, before, limit: 1 })),
            ("before=2026-11-21T08%3A00%3A00.25Z", Ok(Page { kind: None, before, limit: 10 })),
            ("kind=", Err("kind: release or count")),
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
