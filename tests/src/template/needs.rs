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

/// A call, and the words in which its row is written.
struct Row<'a> {
    action: String,
    request: &'a Value,
    /// What every call has.
    here: Context,
}

impl<'a> Row<'a> {
    fn of(call: &'a RecordedCall) -> Row<'a> {
        // IAM has its own name for what is signed as `monitoring`.
        let service = if call.service == "monitoring" { "cloudwatch" } else { call.service.as_str() };
        Row {
            action: format!("{service}:{}", call.operation),
            request: &call.request,
            here: Context::from([
                ("aws:ResourceAccount", ACCOUNT.to_owned()),
                ("aws:RequestedRegion", REGION.to_owned()),
            ]),
        }
    }

    fn text(&self, member: &str) -> &'a str {
        self.request[member].as_str().unwrap_or_default()
    }

    fn texts(&self, member: &str) -> impl Iterator<Item = &'a str> {
        self.request[member].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    fn with(&self, key: &'static str, value: String) -> Context {
        let mut context = self.here.clone();
        context.insert(key, value);
        context
    }

    fn cluster(&self) -> String {
        named("ecs", "cluster", self.text("cluster"))
    }

    fn in_cluster(&self) -> Context {
        self.with("ecs:cluster", self.cluster())
    }

    /// Of a kind that is named within its cluster.
    fn within(&self, kind: &str, name: &str) -> String {
        let cluster = self.cluster();
        let cluster = cluster.rsplit('/').next().unwrap_or_default();
        named("ecs", &format!("{kind}/{cluster}"), name)
    }

    fn need(&self, resource: String, context: &Context) -> Need {
        Need { action: self.action.clone(), resource, context: context.clone() }
    }

    /// It and the service that it is of.
    fn part(&self, arn: &str) -> [Need; 2] {
        [arn.to_owned(), service_of(arn)].map(|resource| self.need(resource, &self.here))
    }
}

/// `None` for a call that the table does not know. A family without a revision is authorized as its newest one, which
/// is why `newest` is asked for it; `roles` knows those of a revision.
pub fn needs(
    call: &RecordedCall,
    newest: impl Fn(&str) -> String,
    roles: impl Fn(&str) -> Vec<String>,
) -> Option<Vec<Need>> {
    let row = Row::of(call);
    let here = &row.here;
    Some(match row.action.as_str() {
        "ecs:RegisterTaskDefinition" => registering(&row),
        "ecs:RunTask" => running(&row, &roles(row.text("taskDefinition"))),
        "ecs:UpdateService" => {
            let mut context = row.in_cluster();
            if let Some(definition) = row.request["taskDefinition"].as_str() {
                let is_arn = definition.starts_with("arn:");
                let revision = if is_arn { definition.to_owned() } else { newest(definition) };
                context.insert("ecs:task-definition", revision);
            }
            vec![row.need(row.within("service", row.text("service")), &context)]
        }
        "ecs:TagResource" | "ecs:UntagResource" => {
            vec![row.need(row.text("resourceArn").to_owned(), here)]
        }
        "ecs:ListServices" | "ecs:ListTasks" => vec![row.need("*".to_owned(), &row.in_cluster())],
        "ecs:DescribeClusters" => {
            row.texts("clusters").map(|name| row.need(named("ecs", "cluster", name), here)).collect()
        }
        "ecs:DescribeServices" => {
            let services = row.texts("services");
            services.map(|name| row.need(row.within("service", name), &row.in_cluster())).collect()
        }
        "ecs:DescribeTasks" => {
            let tasks = row.texts("tasks");
            tasks.map(|task| row.need(row.within("task", task), &row.in_cluster())).collect()
        }
        "ecs:ListServiceDeployments" => {
            vec![row.need(row.within("service", row.text("service")), &row.in_cluster())]
        }
        "ecs:DescribeServiceRevisions" => {
            row.texts("serviceRevisionArns").flat_map(|arn| row.part(arn)).collect()
        }
        "ecs:DescribeServiceDeployments" => {
            row.texts("serviceDeploymentArns").flat_map(|arn| row.part(arn)).collect()
        }
        "ecs:StopServiceDeployment" | "ecs:ContinueServiceDeployment" => {
            row.part(row.text("serviceDeploymentArn")).into()
        }
        "ecs:DescribeTaskDefinition"
        | "ecs:ListTaskDefinitions"
        | "elasticloadbalancing:DescribeTargetHealth"
        | "elasticloadbalancing:DescribeTargetGroups"
        | "cloudwatch:GetMetricData"
        | "application-autoscaling:DescribeScalableTargets" => vec![row.need("*".to_owned(), here)],
        _ => return of_others(&row),
    })
}

/// ECR, CloudWatch, its Logs and EventBridge.
fn of_others(row: &Row<'_>) -> Option<Vec<Need>> {
    let repository = |name: &str| row.need(arn("ecr", &format!("repository/{name}")), &row.here);
    Some(match row.action.as_str() {
        "ecr:DescribeRepositories" => row.texts("repositoryNames").map(repository).collect(),
        "ecr:DescribeImages"
        | "ecr:BatchGetImage"
        | "ecr:DescribeImageScanFindings"
        | "ecr:GetDownloadUrlForLayer"
        | "ecr:PutImage" => vec![repository(row.text("repositoryName"))],
        // Composite alarms are shown only to whom may see everything.
        "cloudwatch:DescribeAlarms" if row.texts("AlarmTypes").any(|it| it == "CompositeAlarm") => {
            vec![row.need("*".to_owned(), &row.here)]
        }
        // Without names it is every alarm, which a permission for each of them is.
        "cloudwatch:DescribeAlarms" => match row.texts("AlarmNames").count() {
            0 => vec![row.need(arn("cloudwatch", "alarm:*"), &row.here)],
            _ => {
                let alarms = row.texts("AlarmNames");
                alarms.map(|name| row.need(arn("cloudwatch", &format!("alarm:{name}")), &row.here)).collect()
            }
        },
        "cloudwatch:ListAlarmMuteRules" => {
            vec![row.need(arn("cloudwatch", "alarm-mute-rule:*"), &row.here)]
        }
        "cloudwatch:ListTagsForResource" => vec![row.need(row.text("ResourceARN").to_owned(), &row.here)],
        "logs:GetLogEvents" => {
            let (group, stream) = (row.text("logGroupName"), row.text("logStreamName"));
            vec![row.need(arn("logs", &format!("log-group:{group}:log-stream:{stream}")), &row.here)]
        }
        "logs:FilterLogEvents" => {
            // On a laptop no stack's name is in that of a function.
            let group = row.text("logGroupName").replace("/aws/lambda/", "/aws/lambda/pushboat-");
            vec![row.need(arn("logs", &format!("log-group:{group}:log-stream:")), &row.here)]
        }
        "events:PutEvents" => {
            let source = |entry: &Value| entry["Source"].as_str().unwrap_or_default().to_owned();
            let bus = |entry| {
                row.need(arn("events", "event-bus/default"), &row.with("events:source", source(entry)))
            };
            row.request["Entries"].as_array().into_iter().flatten().map(bus).collect()
        }
        _ => return None,
    })
}

/// With its tags and the roles that it hands on.
fn registering(row: &Row<'_>) -> Vec<Need> {
    // The revision gets its number only now; any of the family stands for it.
    let revision = arn("ecs", &format!("task-definition/{}:1", row.text("family")));
    let creates = row.with("ecs:CreateAction", "RegisterTaskDefinition".to_owned());
    let tags = Need { action: "ecs:TagResource".into(), resource: revision.clone(), context: creates };
    let roles = ["taskRoleArn", "executionRoleArn"].iter().filter_map(|role| row.request[*role].as_str());
    [row.need(revision, &row.here), tags].into_iter().chain(roles.map(|role| passing(row, role))).collect()
}

/// With its tags and the roles of its revision.
fn running(row: &Row<'_>, roles: &[String]) -> Vec<Need> {
    let creates = row.with("ecs:CreateAction", "RunTask".to_owned());
    // The task gets its id only now.
    let tags =
        Need { action: "ecs:TagResource".into(), resource: row.within("task", "0123"), context: creates };
    let run = row.need(row.text("taskDefinition").to_owned(), &row.in_cluster());
    [run, tags].into_iter().chain(roles.iter().map(|role| passing(row, role))).collect()
}

fn passing(row: &Row<'_>, role: &str) -> Need {
    let to_tasks = row.with("iam:PassedToService", "ecs-tasks.amazonaws.com".to_owned());
    Need { action: "iam:PassRole".into(), resource: role.to_owned(), context: to_tasks }
}

/// `…:service-revision/<cluster>/<service>/<id>`, or of a `service-deployment` → `…:service/<cluster>/<service>`
fn service_of(part: &str) -> String {
    let whole = ["revision", "deployment"]
        .iter()
        .fold(part.to_owned(), |arn, kind| arn.replacen(&format!(":service-{kind}/"), ":service/", 1));
    whole.rsplit_once('/').map_or(whole.clone(), |(service, _)| service.to_owned())
}
