//! CloudFormation: a stack, its resources and its outputs.

use pushboat::checklist::Known;
use pushboat::checklist::installation::stack::{Resource, Stack};
use serde_json::Value;

use super::account::Account;
use super::ask::{CLOUDFORMATION, Refusal};
use super::xml::{items, text};

impl Account {
    /// As DescribeStacks tells it.
    pub(crate) async fn described_stack(&self, name: &str) -> Result<Value, Refusal> {
        let answer = self.query(CLOUDFORMATION, "DescribeStacks", &[("StackName", name)]).await?;
        Ok(items(&answer, &["Stacks"]).first().cloned().unwrap_or_default())
    }

    /// With its resources and its outputs; `None` when there is none.
    pub(crate) async fn stack(&self, name: &str) -> Known<Option<(Stack, Vec<(String, String)>)>> {
        let described = match self.described_stack(name).await {
            // It has no code of its own for that.
            Err(refusal)
                if refusal.code == "ValidationError" && refusal.message.contains("does not exist") =>
            {
                return Ok(None);
            }
            described => described?,
        };
        let times = ["LastUpdatedTime", "CreationTime"].map(|member| text(&described, member));
        let changed = times.iter().find_map(|it| it.parse::<jiff::Timestamp>().ok());
        let age = changed.zip(self.now()).map(|(at, now)| now.as_second() - at.as_second());
        let resources = self.resources(name).await?;
        let stack = Stack { status: text(&described, "StackStatus"), age_seconds: age, resources };
        Ok(Some((stack, outputs(&described))))
    }

    async fn resources(&self, stack: &str) -> Result<Vec<Resource>, Refusal> {
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let mut members = vec![("StackName", stack)];
            if !next.is_empty() {
                members.push(("NextToken", &next));
            }
            let answer = self.query(CLOUDFORMATION, "ListStackResources", &members).await?;
            all.extend(items(&answer, &["StackResourceSummaries"]).iter().map(|it| Resource {
                logical_id: text(it, "LogicalResourceId"),
                physical_id: text(it, "PhysicalResourceId"),
                kind: text(it, "ResourceType"),
                status: text(it, "ResourceStatus"),
            }));
            next = text(&answer, "NextToken");
            if next.is_empty() {
                all.sort_by(|left: &Resource, right| left.logical_id.cmp(&right.logical_id));
                return Ok(all);
            }
        }
    }
}

/// Key and value of each.
pub(crate) fn outputs(stack: &Value) -> Vec<(String, String)> {
    let each = items(stack, &["Outputs"]).iter();
    each.map(|it| (text(it, "OutputKey"), text(it, "OutputValue"))).collect()
}
