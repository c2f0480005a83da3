//! `pushboat plan`: what would be decided and written, and nothing done.

use std::process::ExitCode;

use anyhow::Result;

use super::ask::{Ask, about_service};
use super::{Session, closed};
use crate::api::Trouble;
use crate::args::Plan;

pub(crate) async fn plan(arguments: Plan) -> Result<ExitCode> {
    let format = arguments.output.output;
    closed(show(arguments).await, format)
}

async fn show(it: Plan) -> Result<(), Trouble> {
    let session = Session::open(&it.connection, it.output.output).await?;
    let name = session.name(it.which.service.as_deref()).await?;
    about_service(&session, &name, Ask::plan(&query(&it)), None).await
}

/// What can be typed has nothing to escape but a digest's colon.
fn query(it: &Plan) -> String {
    let parameters = [
        ("tag", it.tag.clone()),
        ("digest", it.digest.as_ref().map(|digest| digest.replace(':', "%3A"))),
        ("container", it.container.clone()),
        ("desired", it.desired.map(|count| count.to_string())),
    ];
    let said = parameters.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    let said: Vec<String> = said.collect();
    if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    #[test]
    fn what_is_planned_stands_in_the_address() {
        let digest = format!("--digest sha256:{}", "ab".repeat(32));
        for (typed, expected) in [
            ("", String::new()),
            ("web --tag v1.2_3-x --container side", "?tag=v1.2_3-x&container=side".to_owned()),
            (&digest, format!("?digest=sha256%3A{}", "ab".repeat(32))),
            ("--desired 4", "?desired=4".to_owned()),
        ] {
            let words = format!("pushboat plan {typed}");
            let Command::Plan(plan) = Args::try_parse_from(words.split_whitespace()).unwrap().command else {
                panic!("{typed}")
            };
            assert_eq!(query(&plan), expected);
        }
    }
}
