//! `GET /services`: every service that has been handed to Pushboat, as `pushboat::overview` shows it; and one of them with
//! what Pushboat would do now.
//!
//! A cluster that cannot be listed is an error, because a list that silently lacks services misleads. Whatever
//! cannot be learned of one service is said in that service.

use pushboat::cloud::Cloud;
use pushboat::control::Scope;
use pushboat::model::{Service, ServiceName, Tags};
use pushboat::overview::{Bounds, Observed, ServiceView, is_handed_over, view};
use pushboat_aws::Aws;

use crate::answers::{self, Services};
use crate::live::{self, Cluster};
use crate::plan;
use crate::problem::Problem;
use crate::request::parameters;

/// The only parameter of the list, and of one.
const CLUSTER: &str = "cluster";
const NOW: &str = "now";

pub(crate) async fn list(aws: &Aws, clusters: &[String], query: &str) -> Result<Services, Problem> {
    let (mut services, mut tags) = (Vec::new(), Vec::new());
    for cluster in asked_for(clusters, query)? {
        let before = services.len();
        services.extend(aws.services(cluster).await?.into_iter().filter(is_handed_over));
        if services.len() > before {
            tags.push((cluster.as_str(), tags_of(aws, cluster).await));
        }
    }
    services.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<ServiceName> = services.iter().map(|service| service.name.clone()).collect();
    let targets = aws.scalable_targets(&names).await.map_err(|error| error.message);
    let mut lives = Vec::new();
    for (cluster, _) in &tags {
        let all = ServiceName { cluster: (*cluster).to_owned(), service: "*".to_owned() };
        lives.push((*cluster, Cluster::look(aws, &all).await));
    }
    let mut views = Vec::with_capacity(services.len());
    // One after the other: the quota of ECS for descriptions is small, and deployments need it more.
    for service in &services {
        let of_cluster = tags.iter().find(|(cluster, _)| *cluster == service.name.cluster);
        let cluster_tags = match of_cluster {
            Some((_, tags)) => tags.as_ref().map_err(String::as_str),
            None => Err("the cluster's tags were not read"),
        };
        let live = lives.iter().find(|(cluster, _)| *cluster == service.name.cluster).map(|(_, live)| live);
        views.push(seen(aws, service, cluster_tags, targets.clone(), live).await);
    }
    Ok(Services { services: views })
}

/// One service, with what Pushboat would do now and why.
pub(crate) async fn one(
    aws: &Aws,
    scope: &Scope,
    name: &ServiceName,
    query: &str,
    by: &str,
) -> Result<answers::Service, Problem> {
    let plans = asks_for_now(query)?;
    let service = handed_over(aws, scope, name).await?;
    let tags = tags_of(aws, &name.cluster).await;
    let targets = aws.scalable_targets(std::slice::from_ref(name)).await.map_err(|error| error.message);
    let live = Cluster::look(aws, name).await;
    let view = seen(aws, &service, tags.as_ref().map_err(String::as_str), targets, Some(&live)).await;
    let now = match plans {
        true => Some(plan::now(aws, scope, &service, by).await?),
        false => None,
    };
    Ok(answers::Service { view, now })
}

/// Whoever looks again and again need not have it each time: it asks for metrics, which cost money.
fn asks_for_now(query: &str) -> Result<bool, Problem> {
    let mut found = parameters(query);
    match (found.next(), found.next()) {
        (None, _) | (Some((NOW, "true")), None) => Ok(true),
        (Some((NOW, "false")), None) => Ok(false),
        _ => Err(Problem::BadQuery(format!("the only query parameter is '{NOW}', once: true or false"))),
    }
}

/// The service, if it is one of those that `GET /services` shows.
pub(crate) async fn handed_over(aws: &Aws, scope: &Scope, name: &ServiceName) -> Result<Service, Problem> {
    let found = Some(there(aws, scope, name).await?).filter(is_handed_over);
    found.ok_or_else(|| Problem::NoService(name.clone()))
}

/// The service, if it is one of this installation.
pub(crate) async fn there(aws: &Aws, scope: &Scope, name: &ServiceName) -> Result<Service, Problem> {
    if !scope.clusters.contains(&name.cluster) {
        return Err(Problem::NoCluster(name.cluster.clone()));
    }
    aws.service(name).await?.ok_or_else(|| Problem::NoService(name.clone()))
}

async fn seen(
    aws: &Aws,
    service: &Service,
    cluster_tags: Result<&Tags, &str>,
    targets: Result<Vec<(ServiceName, Bounds)>, String>,
    cluster: Option<&Cluster>,
) -> ServiceView {
    let scalable_target = targets.map(|targets| bounds(&targets, service));
    let mut live = cluster.map(|cluster| cluster.live(&service.name)).unwrap_or_default();
    let (service, progress) = live::told(aws, service).await;
    live.progress = progress;
    let (definition, health) = tokio::join!(
        aws.task_definition(&service.task_definition_arn),
        aws.target_health(&service.target_group_arns)
    );
    let (definition, health, now) = (&definition, &health, aws.now());
    view(&service, Observed { definition, health, cluster_tags, scalable_target, live, now })
}

/// Where the hold of a whole cluster stands.
async fn tags_of(aws: &Aws, cluster: &str) -> Result<Tags, String> {
    match aws.cluster(cluster).await {
        Ok(found) => Ok(found.map(|cluster| cluster.tags).unwrap_or_default()),
        Err(error) => Err(error.to_string()),
    }
}

fn bounds(targets: &[(ServiceName, Bounds)], service: &Service) -> Option<Bounds> {
    targets.iter().find(|(name, _)| *name == service.name).map(|(_, bounds)| *bounds)
}

/// All of the allowed clusters, or the one that the query names. A parameter that means nothing is refused: whoever
/// sent it would take the answer for a narrower one.
fn asked_for<'a>(clusters: &'a [String], query: &str) -> Result<&'a [String], Problem> {
    let mut asked = None;
    for (key, value) in parameters(query) {
        if key != CLUSTER {
            return Err(Problem::BadQuery(format!("the only query parameter is '{CLUSTER}'")));
        }
        if asked.replace(value).is_some() {
            return Err(Problem::BadQuery(format!("the query has '{CLUSTER}' more than once")));
        }
    }
    let Some(asked) = asked else { return Ok(clusters) };
    // A cluster's name has no character that a query would encode.
    let found = clusters.iter().position(|cluster| cluster == asked);
    let index = found.ok_or_else(|| {
        Problem::BadQuery(format!(
            "'{CLUSTER}' is not one of the clusters of this installation: {}",
            clusters.join(", ")
        ))
    })?;
    Ok(&clusters[index..=index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pushboat_would_do_now_need_not_be_asked() {
        for (query, expected) in
            [("", Some(true)), ("now=true", Some(true)), ("now=false&X-Amz-Date=1", Some(false))]
        {
            assert_eq!(asks_for_now(query).ok(), expected, "{query}");
        }
        for query in ["now", "now=", "now=no", "now=true&now=true", "verbose=1", "now=false&x=1"] {
            assert_eq!(asks_for_now(query).unwrap_err().status(), 400, "{query}");
        }
    }

    #[test]
    fn a_query_names_one_of_the_clusters_or_none() {
        let clusters = ["demo".to_owned(), "prod_2-b".to_owned()];
        for (query, expected) in [
            ("", Ok(&clusters[..])),
            ("&", Ok(&clusters[..])),
            ("cluster=prod_2-b", Ok(&clusters[1..])),
            ("X-Amz-Algorithm=AWS4-HMAC-SHA256&cluster=prod_2-b&X-Amz-Signature=0", Ok(&clusters[1..])),
            ("cluster=payroll", Err("is not one of the clusters of this installation: demo, prod_2-b")),
            ("cluster=", Err("is not one of the clusters")),
            ("cluster", Err("is not one of the clusters")),
            ("cluster=demo%00", Err("is not one of the clusters")),
            ("cluster=demo&cluster=demo", Err("more than once")),
            ("Cluster=demo", Err("the only query parameter is 'cluster'")),
            ("cluster=demo&x", Err("the only query parameter is 'cluster'")),
        ] {
            match (asked_for(&clusters, query), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
                (Err(problem), Err(says)) => {
                    assert!(problem.to_string().contains(says), "{query}: {problem}")
                }
                (found, _) => panic!("{query}: {found:?}"),
            }
        }
    }
}
