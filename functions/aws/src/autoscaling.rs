//! Application Auto Scaling: whether somebody else decides how many tasks a service has.

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::config::Builder;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget, ServiceNamespace};
use pushboat::cloud::Answer;
use pushboat::model::ServiceName;
use pushboat::overview::Bounds;

use crate::client::Aws;
use crate::error::trouble;

/// DescribeScalableTargets takes fifty at a time.
const TARGETS_PER_CALL: usize = 50;

impl Aws {
    /// Those of these services that have a scalable target, with its bounds.
    pub(crate) async fn find_scalable_targets(
        &self,
        services: &[ServiceName],
    ) -> Answer<Vec<(ServiceName, Bounds)>> {
        let config = Builder::from(&self.config).interceptor(self.clock.clone());
        let client = Client::from_conf(config.build());
        let mut targets = Vec::new();
        for some in services.chunks(TARGETS_PER_CALL) {
            let ids: Vec<_> = some.iter().map(resource_id).collect();
            let subject = format!("{} services", some.len());
            let request = client
                .describe_scalable_targets()
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .set_resource_ids(Some(ids));
            let mut found = request.into_paginator().items().send();
            while let Some(target) = found.next().await {
                let target = target.map_err(|error| trouble("DescribeScalableTargets", &subject, error))?;
                targets.extend(bounds(some, &target));
            }
        }
        Ok(targets)
    }
}

fn resource_id(service: &ServiceName) -> String {
    format!("service/{}/{}", service.cluster, service.service)
}

fn bounds(services: &[ServiceName], target: &ScalableTarget) -> Option<(ServiceName, Bounds)> {
    let service = services.iter().find(|service| resource_id(service) == target.resource_id())?;
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    Some((service.clone(), Bounds { min: count(target.min_capacity()), max: count(target.max_capacity()) }))
}
