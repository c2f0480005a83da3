//! `GET …/plan`: what would be decided and written, and nothing done. Without a parameter it is what Pushboat would do now by
//! itself; `tag` or `digest` (and `container`) plan a deployment, `desired` a count.

use pushboat::capacity::Policy;
use pushboat::capacity::temporary::{self, Which};
use pushboat::cloud::Reference;
use pushboat::control::{self, Scope, deploy};
use pushboat::hint::Hint;
use pushboat::hold::Length;
use pushboat::model::{Service, ServiceName};
use pushboat::rehearsal::Rehearsal;
use pushboat_aws::Aws;

use crate::answers::Plan;
use crate::asks::{self, Ask};
use crate::problem::Problem;
use crate::request::{decoded, parameters};
use crate::services::handed_over;

/// As the caller of a plan who names a count means it: what is asked for really has an end of its own.
const AN_HOUR: &str = "1h";

/// What a plan is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Now,
    Deploy(deploy::Wanted),
    Desired(u32),
}

pub(crate) async fn plan(
    aws: &Aws,
    scope: &Scope,
    name: &ServiceName,
    query: &str,
    by: &str,
) -> Result<Plan, Problem> {
    let ask = match about(query)? {
        About::Now => {
            let service = handed_over(aws, scope, name).await?;
            return now(aws, scope, &service, by).await;
        }
        About::Deploy(wanted) => Ask::Deploy(wanted),
        About::Desired(count) => {
            let length = pushboat::hold::lasting(AN_HOUR).map_or(Length::UntilLifted, Length::For);
            let reason = "planned".to_owned();
            let wanted =
                temporary::Wanted { which: Which::Desired, count, length, by: by.to_owned(), reason };
            wanted.check().map_err(|error| Problem::BadQuery(format!("desired: {error}")))?;
            Ask::Scale(wanted)
        }
    };
    asks::rehearse(aws, scope, ask, name, by).await
}

/// A look as a sweep has it: at the release, then at the count. What AWS did not answer is in the decisions.
pub(crate) async fn now(aws: &Aws, scope: &Scope, service: &Service, by: &str) -> Result<Plan, Problem> {
    let rehearsal = Rehearsal::on(aws);
    let hint = Hint::Request { service: service.name.clone(), by: by.to_owned() };
    let mut decisions = Vec::new();
    let mut log = |decision| decisions.push(decision);
    let _ = control::follow(&rehearsal, scope, &hint, &mut log).await;
    if !matches!(Policy::of(&service.tags), Ok(None)) {
        let _ = control::scale(&rehearsal, scope, &hint, &mut log).await;
    }
    let calls = rehearsal.calls(Some(&service.name)).await?;
    Ok(Plan { dry_run: true, decisions, calls })
}

fn about(query: &str) -> Result<About, Problem> {
    let (mut image, mut container, mut desired) = (None, None, None);
    let bad = |why: String| Err(Problem::BadQuery(why));
    for (key, value) in parameters(query) {
        let Some(value) = decoded(value).filter(|value| !value.is_empty()) else {
            return bad(format!("'{key}' has no value that can be read"));
        };
        let is_again = match key {
            "tag" => image.replace(Reference::Tag(value)).is_some(),
            "digest" => match value.parse() {
                Ok(digest) => image.replace(Reference::Digest(digest)).is_some(),
                Err(_) => return bad("digest: a digest is sha256:<64 hex>".to_owned()),
            },
            "container" => container.replace(value).is_some(),
            "desired" => match value.parse::<u32>() {
                Ok(count) => desired.replace(count).is_some(),
                Err(_) => return bad("desired: a number".to_owned()),
            },
            _ => return bad("the query parameters are tag, digest, container and desired".to_owned()),
        };
        if is_again {
            return bad("a plan is about one image or one count".to_owned());
        }
    }
    match (image, container, desired) {
        (None, None, None) => Ok(About::Now),
        (Some(image), container, None) => Ok(About::Deploy(deploy::Wanted { image, container })),
        (None, None, Some(count)) => Ok(About::Desired(count)),
        (None, Some(_), _) => bad("container: of which image?".to_owned()),
        _ => bad("a plan is about one image or one count".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_plan_is_about_one_thing_or_about_now() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let of = |image, container: Option<&str>| {
            Ok(About::Deploy(deploy::Wanted { image, container: container.map(str::to_owned) }))
        };
        for (query, expected) in [
            (String::new(), Ok(About::Now)),
            ("X-Amz-Signature=0".into(), Ok(About::Now)),
            ("desired=4".into(), Ok(About::Desired(4))),
            ("tag=v1.2".into(), of(Reference::Tag("v1.2".into()), None)),
            ("tag=main%2D7&container=side".into(), of(Reference::Tag("main-7".into()), Some("side"))),
            (
                format!("digest={}", digest.replace(':', "%3A")),
                of(Reference::Digest(digest.parse().unwrap()), None),
            ),
            (format!("digest={digest}"), of(Reference::Digest(digest.parse().unwrap()), None)),
            ("desired=-1".into(), Err("desired: a number")),
            ("desired=4&desired=4".into(), Err("one image or one count")),
            ("desired=4&tag=v1".into(), Err("one image or one count")),
            (format!("tag=v1&digest={digest}"), Err("one image or one count")),
            ("digest=v1".into(), Err("sha256:<64 hex>")),
            ("container=game".into(), Err("of which image")),
            ("tag".into(), Err("no value that can be read")),
            ("tag=%zz".into(), Err("no value that can be read")),
            ("tag=%ff".into(), Err("no value that can be read")),
            ("min=4".into(), Err("the query parameters are")),
        ] {
            match (about(&query), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
                (Err(problem), Err(says)) => {
                    assert!(
                        problem.to_string().contains(says) && problem.status() == 400,
                        "{query}: {problem}"
                    );
                }
                (found, _) => panic!("{query}: {found:?}"),
            }
        }
    }
}
