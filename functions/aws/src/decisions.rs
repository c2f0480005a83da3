//! CloudWatch Logs: the decision log of the functions, read back. What is searched is bounded by time, because a log group is
//! read from the old end and tells nothing before it comes to a match.

use std::time::Instant;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use futures_util::future::try_join_all;
use pushboat::Timestamp;
use pushboat::cloud::Answer;
use pushboat::history::Count;
use pushboat::model::ServiceName;
use serde_json::Value;

use crate::client::Aws;
use crate::error::trouble;

impl Aws {
    /// What was decided of a service's count from one moment to before another, as these log groups tell it.
    /// `None`: not all of it could be read by then.
    pub async fn counts_decided(
        &self,
        log_groups: &[String],
        service: &ServiceName,
        between: (Timestamp, Timestamp),
        by: Instant,
    ) -> Answer<Option<Vec<Count>>> {
        let pattern = format!(
            r#"{{ $.service = "{service}" && ($.decision = "scaled" || $.decision = "overridden") }}"#
        );
        let lines = self.lines(log_groups, &pattern, between, by).await?;
        Ok(lines.map(|lines| lines.iter().filter_map(|(at, line)| Count::read(*at, line)).collect()))
    }

    /// Every line about this service, or about one of this cluster where it is `*`.
    pub async fn lines_about(
        &self,
        log_groups: &[String],
        service: &ServiceName,
        between: (Timestamp, Timestamp),
        by: Instant,
    ) -> Answer<Option<Vec<(Timestamp, Value)>>> {
        self.lines(log_groups, &format!(r#"{{ $.service = "{service}" }}"#), between, by).await
    }

    /// Those that are JSON.
    async fn lines(
        &self,
        log_groups: &[String],
        pattern: &str,
        between: (Timestamp, Timestamp),
        by: Instant,
    ) -> Answer<Option<Vec<(Timestamp, Value)>>> {
        let client = Client::from_conf(Builder::from(&self.config).interceptor(self.clock.clone()).build());
        let each = log_groups.iter().map(|group| search(&client, group, pattern, between, by));
        let found: Option<Vec<_>> = try_join_all(each).await?.into_iter().collect();
        Ok(found.map(|groups| groups.into_iter().flatten().collect()))
    }
}

async fn search(
    client: &Client,
    group: &str,
    pattern: &str,
    (from, until): (Timestamp, Timestamp),
    by: Instant,
) -> Answer<Option<Vec<(Timestamp, Value)>>> {
    let request = client.filter_log_events().log_group_name(group).filter_pattern(pattern);
    // The end is of the search, too.
    let request = request.start_time(from.as_millisecond()).end_time(until.as_millisecond() - 1);
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let answer = request.clone().set_next_token(token).send().await;
        let answer = answer.map_err(|error| trouble("FilterLogEvents", group, error))?;
        found.extend(answer.events().iter().filter_map(|event| {
            let at = Timestamp::from_millisecond(event.timestamp()?).ok()?;
            Some((at, serde_json::from_str(event.message()?).ok()?))
        }));
        token = answer.next_token().map(str::to_owned);
        if token.is_none() {
            return Ok(Some(found));
        }
        if Instant::now() >= by {
            return Ok(None);
        }
    }
}
