//! What must be there before a task starts: log groups, secrets, parameters. No value is asked for.

use pushboat::checklist::secrets::Found;
use pushboat::checklist::{Known, NotKnown};
use serde_json::{Value, json};

use super::account::Account;
use super::ask::{LOGS, SECRETS, SSM};
use super::there;

/// Of one name there is one parameter; that many empty pages before it are no answer.
const MOST_PAGES: usize = 50;

impl Account {
    pub(crate) async fn has_log_group(&self, name: &str) -> Known<bool> {
        let mut next = Value::Null;
        loop {
            let mut body = json!({ "logGroupNamePrefix": name });
            if next.is_string() {
                body["nextToken"] = next;
            }
            let answer = self.json(LOGS, "DescribeLogGroups", &body).await?;
            let mut groups = answer["logGroups"].as_array().into_iter().flatten();
            if groups.any(|it| it["logGroupName"] == name) {
                return Ok(true);
            }
            next = answer["nextToken"].clone();
            if !next.is_string() {
                return Ok(false);
            }
        }
    }

    /// What is told of a secret without its value: its versions with their stages.
    pub(crate) async fn secret(&self, id: &str) -> Known<Found> {
        let answer = self.json(SECRETS, "DescribeSecret", &json!({ "SecretId": id })).await;
        let Some(answer) = there(answer, &["ResourceNotFoundException"])? else { return Ok(Found::Missing) };
        if !answer["DeletedDate"].is_null() {
            return Ok(Found::Deleted);
        }
        let versions = answer["VersionIdsToStages"].as_object().into_iter().flatten();
        let stages = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let versions = versions.map(|(id, value)| (id.clone(), stages(value))).collect();
        Ok(Found::There { arn: answer["ARN"].as_str().map(str::to_owned), versions })
    }

    /// GetParameters would tell the value; this does not.
    pub(crate) async fn parameter(&self, name: &str) -> Known<Found> {
        let filters = json!([{ "Key": "Name", "Option": "Equals", "Values": [name] }]);
        let mut body = json!({ "ParameterFilters": filters });
        for _ in 0..MOST_PAGES {
            let answer = self.json(SSM, "DescribeParameters", &body).await?;
            let mut found = answer["Parameters"].as_array().into_iter().flatten();
            if found.any(|it| it["Name"] == name) {
                return Ok(Found::There { arn: None, versions: Default::default() });
            }
            // A page may be empty and not the last.
            match &answer["NextToken"] {
                Value::String(next) if !next.is_empty() => body["NextToken"] = next.clone().into(),
                _ => return Ok(Found::Missing),
            }
        }
        Err(NotKnown(format!("DescribeParameters: {MOST_PAGES} pages without it, and there are more")))
    }
}
