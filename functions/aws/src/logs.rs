//! CloudWatch Logs: the last lines of one stream, or all of them a page at a time.

use aws_config::Region;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
use pushboat::Timestamp;
use pushboat::cloud::{Answer, Trouble};
use pushboat::diagnosis::{LINES, LogStream};

use crate::client::Aws;
use crate::error::trouble;

/// Lines of an answer; CloudWatch Logs itself ends one at a megabyte.
const LINES_PER_PAGE: i32 = 500;

/// A line as the task wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub at: Option<Timestamp>,
    pub text: String,
}

/// Some lines of a stream, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    pub lines: Vec<LogLine>,
    /// Goes on behind these lines, also those that are written later. `None` while nothing has been written.
    pub next: Option<String>,
}

impl Aws {
    /// From the head, or from where a former page ended.
    pub async fn log_page(&self, stream: &LogStream, after: Option<&str>) -> Answer<LogPage> {
        let request = self.logs(stream).get_log_events();
        let request = request.log_group_name(&stream.group).log_stream_name(&stream.stream);
        let request = request.limit(LINES_PER_PAGE).start_from_head(true);
        let answer = request.set_next_token(after.map(str::to_owned)).send().await;
        let subject = format!("{} of {}", stream.stream, stream.group);
        let answer = match answer.map_err(|error| trouble("GetLogEvents", &subject, error)) {
            // The stream comes with the first line.
            Err(error) if error.trouble == Trouble::NotFound && after.is_none() => {
                return Ok(LogPage::default());
            }
            answer => answer?,
        };
        let at = |millis: i64| Timestamp::from_millisecond(millis).ok();
        let events = answer.events().iter();
        let line = |event: &OutputLogEvent| {
            Some(LogLine { at: event.timestamp().and_then(at), text: event.message()?.to_owned() })
        };
        let next = answer.next_forward_token().map(str::to_owned);
        Ok(LogPage { lines: events.filter_map(line).collect(), next })
    }

    fn logs(&self, stream: &LogStream) -> Client {
        let mut config = Builder::from(&self.config).interceptor(self.clock.clone());
        if !stream.region.is_empty() {
            config.set_region(Some(Region::new(stream.region.clone())));
        }
        Client::from_conf(config.build())
    }

    pub(crate) async fn find_last_log_lines(&self, stream: &LogStream) -> Answer<Vec<String>> {
        let client = self.logs(stream);
        let request = client.get_log_events().log_group_name(&stream.group).log_stream_name(&stream.stream);
        let answer =
            request.limit(i32::try_from(LINES).unwrap_or(i32::MAX)).start_from_head(false).send().await;
        let subject = format!("{} of {}", stream.stream, stream.group);
        let answer = answer.map_err(|error| trouble("GetLogEvents", &subject, error))?;
        Ok(answer.events().iter().filter_map(|event| event.message().map(str::to_owned)).collect())
    }
}
