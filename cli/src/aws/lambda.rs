//! Lambda: functions as they are configured, who may call them, and what is reserved for them. Of their environment only
//! the names of clusters and repositories are looked at.

use pushboat::checklist::installation::functions::{reserved, words};
use pushboat::checklist::installation::reach::Scope;
use pushboat::checklist::{Known, NotKnown};
use serde_json::Value;

use super::account::Account;
use super::ask::{LAMBDA, encoded};
use super::there;

const MISSING: [&str; 1] = ["ResourceNotFoundException"];
const FUNCTIONS: &str = "/2015-03-31/functions";

impl Account {
    pub(crate) async fn function(&self, name: &str) -> Known<Option<Value>> {
        let path = format!("{FUNCTIONS}/{}/configuration", encoded(name));
        there(self.get(LAMBDA, "GetFunctionConfiguration", &path).await, &MISSING)
    }

    /// Who may call it; `None` where nobody was allowed to.
    pub(crate) async fn function_policy(&self, name: &str) -> Known<Option<Value>> {
        let path = format!("{FUNCTIONS}/{}/policy", encoded(name));
        let Some(answer) = there(self.get(LAMBDA, "GetPolicy", &path).await, &MISSING)? else {
            return Ok(None);
        };
        let document = serde_json::from_str(answer["Policy"].as_str().unwrap_or_default());
        document.map(Some).map_err(|error| NotKnown(format!("GetPolicy: its policy is no JSON: {error}")))
    }

    pub(crate) async fn reserved_concurrency(&self, name: &str) -> Known<Option<u64>> {
        let path = format!("/2019-09-30/functions/{}/concurrency", encoded(name));
        let answer = there(self.get(LAMBDA, "GetFunctionConcurrency", &path).await, &MISSING)?;
        Ok(answer.as_ref().and_then(reserved))
    }

    /// Of every function of Pushboat's in the account and region, whichever stack it is of.
    pub(crate) async fn scopes(&self) -> Known<Vec<Scope>> {
        let (mut all, mut marker) = (Vec::new(), String::new());
        loop {
            let after =
                if marker.is_empty() { String::new() } else { format!("?Marker={}", encoded(&marker)) };
            let answer = self.get(LAMBDA, "ListFunctions", &format!("{FUNCTIONS}/{after}")).await?;
            let page = answer["Functions"].as_array().into_iter().flatten();
            all.extend(page.map(scope).filter(|it| !it.clusters.is_empty()));
            marker = answer["NextMarker"].as_str().unwrap_or_default().to_owned();
            if marker.is_empty() {
                return Ok(all);
            }
        }
    }
}

fn scope(function: &Value) -> Scope {
    Scope {
        function: function["FunctionName"].as_str().unwrap_or_default().to_owned(),
        clusters: words(function, "PUSHBOAT_CLUSTERS"),
        repositories: words(function, "PUSHBOAT_REPOSITORIES"),
    }
}
