//! IAM: whom a role trusts, and what its simulator says that it may do.

use pushboat::checklist::permissions::{Decision, Need, Simulated};
use pushboat::checklist::{Known, NotKnown};
use serde_json::Value;

use super::account::Account;
use super::ask::IAM;
use super::{there, xml};

impl Account {
    /// The document that says who may take the role; `None` when there is no such role.
    pub(crate) async fn trust(&self, role: &str) -> Known<Option<Value>> {
        let found = there(self.query(IAM, "GetRole", &[("RoleName", role)]).await, &["NoSuchEntity"])?;
        let Some(answer) = found else { return Ok(None) };
        let document = xml::text(&answer["Role"], "AssumeRolePolicyDocument");
        let document = serde_json::from_str(&decoded(&document));
        document.map(Some).map_err(|error| NotKnown(format!("GetRole: its trust policy is no JSON: {error}")))
    }

    pub(crate) async fn simulate(&self, role_arn: &str, need: Need) -> Simulated {
        let decisions = self.decisions(role_arn, &need).await;
        Simulated { need, decisions }
    }

    async fn decisions(&self, role_arn: &str, need: &Need) -> Known<Vec<(String, Decision)>> {
        let mut members = vec![("PolicySourceArn".to_owned(), role_arn.to_owned())];
        for (number, action) in (1..).zip(&need.actions) {
            members.push((format!("ActionNames.member.{number}"), action.clone()));
        }
        members.push(("ResourceArns.member.1".to_owned(), need.resource.clone()));
        for (number, (key, value)) in (1..).zip(&need.context) {
            let entry = format!("ContextEntries.member.{number}");
            members.push((format!("{entry}.ContextKeyName"), key.clone()));
            members.push((format!("{entry}.ContextKeyType"), "string".to_owned()));
            members.push((format!("{entry}.ContextKeyValues.member.1"), value.clone()));
        }
        let members: Vec<(&str, &str)> =
            members.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.query(IAM, "SimulatePrincipalPolicy", &members).await?;
        Ok(xml::items(&answer, &["EvaluationResults"]).iter().map(decision).collect())
    }
}

/// Where resources are named, what is missing stands beside each of them.
pub(super) fn decision(result: &Value) -> (String, Decision) {
    let lacks = |it: &Value| !xml::items(it, &["MissingContextValues"]).is_empty();
    let lacks_context = lacks(result) || xml::items(result, &["ResourceSpecificResults"]).iter().any(lacks);
    let decision = match (xml::text(result, "EvalDecision").as_str(), lacks_context) {
        ("allowed", _) => Decision::Allowed,
        // Also an explicit one: a condition that denies by a key's other values is met where the key is missing.
        (_, true) => Decision::Depends,
        _ => Decision::Denied,
    };
    (xml::text(result, "EvalActionName"), decision)
}

/// IAM escapes its documents as addresses are.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|it| std::str::from_utf8(it).ok())
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_escaped_or_not() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22%C3%A9%22%7D"), r#"{"a": "é"}"#);
        assert_eq!(decoded(r#"{"a": "100%"}"#), r#"{"a": "100%"}"#);
    }
}
