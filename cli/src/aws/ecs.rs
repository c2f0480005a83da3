//! ECS: services and task definitions as it tells them, and the tags of a service.

use pushboat::checklist::Known;
use pushboat::model::Tags;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::ask::{ECS, Refusal};
use super::there;

/// So many services are described at a time.
const AT_ONCE: usize = 10;

impl Account {
    /// With its tags; `None` when there is none, or no such cluster.
    pub(crate) async fn service(&self, cluster: &str, service: &str) -> Known<Option<Value>> {
        let body = json!({ "cluster": cluster, "services": [service], "include": ["TAGS"] });
        let answer = self.json(ECS, "DescribeServices", &body).await;
        let found = there(answer, &["ClusterNotFoundException", "ServiceNotFoundException"])?;
        Ok(found.and_then(|mut answer| {
            let services = answer["services"].as_array_mut()?;
            (!services.is_empty()).then(|| services.remove(0))
        }))
    }

    /// By ARN, `family:revision` or family.
    pub(crate) async fn task_definition(&self, name: &str) -> Known<Option<Map<String, Value>>> {
        let body = json!({ "taskDefinition": name });
        let found = there_is(self.json(ECS, "DescribeTaskDefinition", &body).await)?;
        Ok(found.and_then(|answer| answer["taskDefinition"].as_object().cloned()))
    }

    /// ARNs of every cluster.
    pub(crate) async fn clusters(&self) -> Known<Vec<String>> {
        Ok(self.pages("ListClusters", &json!({}), "clusterArns").await?)
    }

    /// Of every service of a cluster.
    pub(crate) async fn service_names(&self, cluster: &str) -> Known<Vec<String>> {
        let arns = self
            .pages("ListServices", &json!({ "cluster": cluster, "maxResults": 100 }), "serviceArns")
            .await?;
        Ok(arns.iter().filter_map(|arn| arn.rsplit('/').next()).map(str::to_owned).collect())
    }

    /// Every service of a cluster, with its tags.
    pub(crate) async fn services(&self, cluster: &str) -> Known<Vec<Value>> {
        let arns = self
            .pages("ListServices", &json!({ "cluster": cluster, "maxResults": 100 }), "serviceArns")
            .await?;
        let mut services = Vec::new();
        for some in arns.chunks(AT_ONCE) {
            let body = json!({ "cluster": cluster, "services": some, "include": ["TAGS"] });
            let mut answer = self.json(ECS, "DescribeServices", &body).await?;
            services.extend(answer["services"].as_array_mut().map(std::mem::take).unwrap_or_default());
        }
        Ok(services)
    }

    async fn pages(&self, operation: &str, body: &Value, member: &str) -> Result<Vec<String>, Refusal> {
        let (mut all, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut body = body.clone();
            if next.is_string() {
                body["nextToken"] = next;
            }
            let answer = self.json(ECS, operation, &body).await?;
            let page = answer[member].as_array().into_iter().flatten();
            all.extend(page.filter_map(Value::as_str).map(str::to_owned));
            next = answer["nextToken"].clone();
            if !next.is_string() {
                return Ok(all);
            }
        }
    }

    pub(crate) async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Refusal> {
        let tags: Vec<Value> =
            tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let body = json!({ "resourceArn": arn, "tags": tags });
        self.json(ECS, "TagResource", &body).await.map(drop)
    }

    pub(crate) async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Refusal> {
        let body = json!({ "resourceArn": arn, "tagKeys": keys });
        self.json(ECS, "UntagResource", &body).await.map(drop)
    }
}

/// ECS has no code for a task definition that is not there but this, which it has for much else.
fn there_is(answer: Result<Value, Refusal>) -> Known<Option<Value>> {
    match answer {
        Err(refusal)
            if refusal.code == "ClientException" && refusal.message.contains("Unable to describe") =>
        {
            Ok(None)
        }
        answer => there(answer, &[]),
    }
}

/// Of a service as ECS tells it.
pub(crate) fn tags_of(service: &Value) -> Tags {
    let pair = |tag: &Value| {
        Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str().unwrap_or_default().to_owned()))
    };
    service["tags"].as_array().into_iter().flatten().filter_map(pair).collect()
}
