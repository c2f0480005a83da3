//! CloudWatch Logs: the last lines of one stream.

use aws_config::Region;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use pushboat::cloud::Answer;
use pushboat::diagnosis::{LINES, LogStream};

use crate::client::Aws;
use crate::error::trouble;

impl Aws {
    pub(crate) async fn find_last_log_lines(&self, stream: &LogStream) -> Answer<Vec<String>> {
        let mut config = Builder::from(&self.config).interceptor(self.clock.clone());
        if !stream.region.is_empty() {
            config.set_region(Some(Region::new(stream.region.clone())));
        }
        let client = Client::from_conf(config.build());
        let request = client.get_log_events().log_group_name(&stream.group).log_stream_name(&stream.stream);
        let answer =
            request.limit(i32::try_from(LINES).unwrap_or(i32::MAX)).start_from_head(false).send().await;
        let subject = format!("{} of {}", stream.stream, stream.group);
        let answer = answer.map_err(|error| trouble("GetLogEvents", &subject, error))?;
        Ok(answer.events().iter().filter_map(|event| event.message().map(str::to_owned)).collect())
    }
}
