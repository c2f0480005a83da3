//! EventBridge and SQS: rules with their targets, and how many messages a queue holds.

use pushboat::checklist::Known;
use pushboat::checklist::installation::rules::Described;
use serde_json::{Value, json};

use super::account::Account;
use super::ask::{EVENTS, SQS};
use super::there;

impl Account {
    /// `None` when there is no such rule on the default bus.
    pub(crate) async fn rule(&self, name: &str) -> Known<Option<Described>> {
        let answer = self.json(EVENTS, "DescribeRule", &json!({ "Name": name })).await;
        let found = there(answer, &["ResourceNotFoundException"])?;
        let text = |answer: &Value, member: &str| answer[member].as_str().unwrap_or_default().to_owned();
        Ok(found.map(|answer| Described {
            arn: text(&answer, "Arn"),
            state: text(&answer, "State"),
            schedule: text(&answer, "ScheduleExpression"),
        }))
    }

    /// ARNs of what a rule calls.
    pub(crate) async fn targets(&self, rule: &str) -> Known<Vec<String>> {
        let (mut all, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut body = json!({ "Rule": rule });
            if next.is_string() {
                body["NextToken"] = next;
            }
            let answer = self.json(EVENTS, "ListTargetsByRule", &body).await?;
            let page = answer["Targets"].as_array().into_iter().flatten();
            all.extend(page.filter_map(|it| it["Arn"].as_str().map(str::to_owned)));
            next = answer["NextToken"].clone();
            if !next.is_string() {
                return Ok(all);
            }
        }
    }

    /// As SQS counts them; `None` when there is no such queue.
    pub(crate) async fn messages(&self, queue_url: &str) -> Known<Option<u64>> {
        let body = json!({ "QueueUrl": queue_url, "AttributeNames": ["ApproximateNumberOfMessages"] });
        let answer = self.json(SQS, "GetQueueAttributes", &body).await;
        let missing = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];
        let Some(answer) = there(answer, &missing)? else { return Ok(None) };
        let count =
            answer["Attributes"]["ApproximateNumberOfMessages"].as_str().and_then(|it| it.parse().ok());
        Ok(count)
    }
}
