//! Which permissions a call to AWS takes: action, resource and condition keys, from AWS's service authorization
//! reference. A call that is not in the table is an error of the test, so that none goes unlooked at.

use pushboat_local::wire::RecordedCall;
use serde_json::Value;

use super::{ACCOUNT, Context, REGION};

/// One permission that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub action: String,
    pub resource: String,
    pub context: Context,
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

/// Names in a request may be names or whole ARNs.
fn named(service: &str, kind: &str, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { arn(service, &format!("{kind}/{name}")) }
}

/// `None` for a call that the table does not know. A family without a revision is authorized as its newest one, which
/// is why `newest` is asked for it.
pub fn needs(call: &RecordedCall, newest: impl Fn(&str) -> String) -> Option<Vec<Need>> {
    let request = &call.request;
    let text = |member: &str| request[member].as_str().unwrap_or_default();
    let texts = |member: &str| -> Vec<&str> {
        request[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let cluster = named("ecs", "cluster", text("cluster"));
    let cluster_name = cluster.rsplit('/').next().unwrap_or_default().to_owned();
    // Every call has these two.
    let here = Context::from([
        ("aws:ResourceAccount", ACCOUNT.to_owned()),
        ("aws:RequestedRegion", REGION.to_owned()),
    ]);
    let with = |key: &'static str, value: String| {
        let mut context = here.clone();
        context.insert(key, value);
        context
    };
    let in_cluster = with("ecs:cluster", cluster);
    let service = |name: &str| named("ecs", &format!("service/{cluster_name}"), name);
    let action = format!("{}:{}", call.service, call.operation);
    let need = |resource: String, context: &Context| Need {
        action: action.clone(),
        resource,
        context: context.clone(),
    };
    let anything = || vec![need("*".to_owned(), &here)];
    let repository = |name: &str| need(arn("ecr", &format!("repository/{name}")), &here);

    Some(match action.as_str() {
        "ecs:ListServices" => vec![need("*".to_owned(), &in_cluster)],
        "ecs:DescribeServices" => {
            texts("services").iter().map(|name| need(service(name), &in_cluster)).collect()
        }
        "ecs:ListServiceDeployments" => vec![need(service(text("service")), &in_cluster)],
        "ecs:DescribeServiceRevisions" => {
            // …:service-revision/<cluster>/<service>/<id>, and the service it is of.
            let revisions = texts("serviceRevisionArns").into_iter();
            revisions.flat_map(|arn| [need(arn.to_owned(), &here), need(service_of(arn), &here)]).collect()
        }
        "ecs:DescribeServiceDeployments" => {
            let deployments = texts("serviceDeploymentArns").into_iter();
            deployments.flat_map(|arn| [need(arn.to_owned(), &here), need(service_of(arn), &here)]).collect()
        }
        "ecs:StopServiceDeployment" | "ecs:ContinueServiceDeployment" => {
            let deployment = text("serviceDeploymentArn");
            vec![need(deployment.to_owned(), &here), need(service_of(deployment), &here)]
        }
        "ecs:DescribeClusters" => {
            texts("clusters").iter().map(|name| need(named("ecs", "cluster", name), &here)).collect()
        }
        "ecs:DescribeTaskDefinition"
        | "ecs:ListTaskDefinitions"
        | "elasticloadbalancing:DescribeTargetHealth"
        | "application-autoscaling:DescribeScalableTargets" => anything(),
        "ecs:RegisterTaskDefinition" => {
            // The revision gets its number only now; any of the family stands for it.
            let revision = arn("ecs", &format!("task-definition/{}:1", text("family")));
            let creates = with("ecs:CreateAction", "RegisterTaskDefinition".to_owned());
            let tags =
                Need { action: "ecs:TagResource".into(), resource: revision.clone(), context: creates };
            let to_tasks = with("iam:PassedToService", "ecs-tasks.amazonaws.com".to_owned());
            let roles = ["taskRoleArn", "executionRoleArn"].iter().filter_map(|role| request[*role].as_str());
            let passed = roles.map(|role| Need {
                action: "iam:PassRole".into(),
                resource: role.to_owned(),
                context: to_tasks.clone(),
            });
            [need(revision, &here), tags].into_iter().chain(passed).collect()
        }
        "ecs:UpdateService" => {
            let mut context = in_cluster.clone();
            if let Some(definition) = request["taskDefinition"].as_str() {
                let revision =
                    if definition.starts_with("arn:") { definition.to_owned() } else { newest(definition) };
                context.insert("ecs:task-definition", revision);
            }
            vec![need(service(text("service")), &context)]
        }
        "ecs:TagResource" | "ecs:UntagResource" => {
            vec![need(text("resourceArn").to_owned(), &here)]
        }
        "ecr:DescribeRepositories" => texts("repositoryNames").iter().map(|name| repository(name)).collect(),
        "ecr:DescribeImages"
        | "ecr:BatchGetImage"
        | "ecr:DescribeImageScanFindings"
        | "ecr:GetDownloadUrlForLayer"
        | "ecr:PutImage" => vec![repository(text("repositoryName"))],
        "ecs:ListTasks" => vec![need("*".to_owned(), &in_cluster)],
        "ecs:DescribeTasks" => {
            let tasks = texts("tasks").into_iter();
            tasks.map(|task| need(named("ecs", &format!("task/{cluster_name}"), task), &in_cluster)).collect()
        }
        "logs:GetLogEvents" => {
            let stream = format!("log-group:{}:log-stream:{}", text("logGroupName"), text("logStreamName"));
            vec![need(arn("logs", &stream), &here)]
        }
        "events:PutEvents" => {
            let entries = request["Entries"].as_array().into_iter().flatten();
            let source = |entry: &Value| entry["Source"].as_str().unwrap_or_default().to_owned();
            entries
                .map(|entry| need(arn("events", "event-bus/default"), &with("events:source", source(entry))))
                .collect()
        }
        _ => return None,
    })
}

/// `…:service-revision/<cluster>/<service>/<id>`, or of a `service-deployment` → `…:service/<cluster>/<service>`
fn service_of(part: &str) -> String {
    let whole = ["revision", "deployment"]
        .iter()
        .fold(part.to_owned(), |arn, kind| arn.replacen(&format!(":service-{kind}/"), ":service/", 1));
    whole.rsplit_once('/').map_or(whole.clone(), |(service, _)| service.to_owned())
}
