//! EventBridge: events of our own on the default bus.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::Builder;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use pushboat::announce::{Announcement, SOURCE};
use pushboat::cloud::{Answer, CloudError, Trouble};

use crate::client::Aws;
use crate::error::trouble;

const EVENTS_PER_CALL: usize = 10;

impl Aws {
    pub(crate) async fn put_events(&self, announcements: &[Announcement]) -> Answer<()> {
        let config = Builder::from(&self.config).interceptor(self.clock.clone());
        let client = Client::from_conf(config.build());
        let mut refused = None;
        // A part that is refused does not keep the others back.
        for some in announcements.chunks(EVENTS_PER_CALL) {
            let entries = some.iter().map(entry).collect::<Result<Vec<_>, _>>();
            let entries = entries.map_err(|error| CloudError {
                operation: "PutEvents",
                subject: SOURCE.to_owned(),
                trouble: Trouble::Refused,
                message: "an event is not JSON".to_owned(),
                source: Some(Box::new(error)),
            })?;
            match client.put_events().set_entries(Some(entries)).send().await {
                Ok(answer) => refused = refused.or_else(|| answer.entries().iter().find_map(refusal)),
                Err(error) => refused = refused.or(Some(trouble("PutEvents", SOURCE, error))),
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

fn entry(announcement: &Announcement) -> Result<PutEventsRequestEntry, serde_json::Error> {
    let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type(announcement.detail_type);
    Ok(entry.detail(serde_json::to_string(announcement)?).build())
}

/// PutEvents succeeds as a call where it refuses an event.
fn refusal(entry: &PutEventsResultEntry) -> Option<CloudError> {
    let code = entry.error_code()?;
    Some(CloudError {
        operation: "PutEvents",
        subject: SOURCE.to_owned(),
        trouble: Trouble::Refused,
        message: format!("{code}: {}", entry.error_message().unwrap_or("without a message")),
        source: None,
    })
}
