//! Where a service's tasks run, and what is in front of them.

use pushboat::checklist::balancer::Asked;
use pushboat::checklist::network::{LoadBalancer, Network};
use pushboat::checklist::service::awsvpc;
use pushboat::checklist::{Known, NotKnown};
use serde_json::Value;

use crate::aws::Account;

/// `None`: its tasks have no addresses of their own.
pub(super) async fn network(account: &Account, service: &Value, groups: &[Asked]) -> Option<Network> {
    let listed = |member: &str| -> Vec<String> {
        let all = awsvpc(service)[member].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (subnets, security_groups) = (listed("subnets"), listed("securityGroups"));
    if subnets.is_empty() {
        return None;
    }
    let seen = account.subnets(&subnets).await;
    let endpoints = match &seen {
        Ok((_, vpc)) => account.endpoints(vpc).await,
        Err(not_known) => Err(not_known.clone()),
    };
    let security_groups = match security_groups.is_empty() {
        true => Ok(Vec::new()),
        false => account.security_groups(&security_groups).await,
    };
    Some(Network {
        subnets: seen.map(|(subnets, _)| subnets),
        security_groups,
        load_balancers: load_balancers(account, groups).await,
        endpoints,
    })
}

async fn load_balancers(account: &Account, groups: &[Asked]) -> Known<Vec<LoadBalancer>> {
    let mut arns = Vec::new();
    for asked in groups {
        match &asked.group {
            Ok(Some(group)) => arns.extend(group.load_balancer_arns.clone()),
            Ok(None) => {}
            Err(NotKnown(why)) => return Err(NotKnown(why.clone())),
        }
    }
    arns.dedup();
    account.load_balancers(&arns).await
}
