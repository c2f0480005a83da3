//! Application Auto Scaling: is a service's count its business?

use pushboat::checklist::Known;
use serde_json::json;

use super::account::Account;
use super::ask::SCALING;

impl Account {
    /// The bounds of its scalable target; `None` where it has none.
    pub(crate) async fn scalable_target(&self, cluster: &str, service: &str) -> Known<Option<(u64, u64)>> {
        let body = json!({
            "ServiceNamespace": "ecs",
            "ResourceIds": [format!("service/{cluster}/{service}")],
            "ScalableDimension": "ecs:service:DesiredCount",
        });
        let answer = self.json(SCALING, "DescribeScalableTargets", &body).await?;
        let found = answer["ScalableTargets"].as_array().and_then(|it| it.first());
        let bound = |name: &str| found.and_then(|it| it[name].as_u64());
        Ok(bound("MinCapacity").zip(bound("MaxCapacity")))
    }
}
