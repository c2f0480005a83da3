//! The roles of a task: are they there, do they trust ECS, and may the execution role do what starting a task takes?

use serde_json::{Map, Value};

use super::permissions::{self, Need, Simulated};
use super::{Finding, Known, NotKnown, containers, image, logs, secrets, text};

const TASKS: &str = "ecs-tasks.amazonaws.com";

/// One role of the document and what IAM said of it.
#[derive(Debug, Clone)]
pub struct Role {
    /// `executionRoleArn` or `taskRoleArn`.
    pub member: &'static str,
    pub name: String,
    /// The document that says whom it trusts; `None` when there is no such role.
    pub trust: Known<Option<Value>>,
    pub simulated: Vec<Simulated>,
}

pub const MEMBERS: [&str; 2] = ["executionRoleArn", "taskRoleArn"];

/// A role may stand there by its name or its ARN.
pub fn name(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

pub fn check(document: &Map<String, Value>, roles: &[Role]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if document.get("executionRoleArn").and_then(Value::as_str).is_none_or(str::is_empty) {
        findings.extend(without_execution_role(document));
    }
    for role in roles {
        let subject = if role.member == "taskRoleArn" { "task role" } else { "execution role" };
        let finding = trust(subject, role);
        let is_there = !matches!(role.trust, Ok(None));
        findings.push(finding);
        if is_there {
            findings.extend(role.simulated.iter().map(|it| permissions::check(subject, &role.name, it)));
        }
    }
    findings
}

/// Without one, ECS can neither pull from a private registry nor write a log nor read a secret on Fargate.
fn without_execution_role(document: &Map<String, Value>) -> Option<Finding> {
    let needs = |what: &str| {
        let why = format!("there is none, and ECS needs one to {what}");
        Some(Finding::wrong("execution role", why, "give the task definition an executionRoleArn"))
    };
    if !secrets::named(document).is_empty() {
        return needs("read what its containers are given as secrets");
    }
    let compatible = document.get("requiresCompatibilities").and_then(Value::as_array);
    if !compatible.into_iter().flatten().any(|it| it == "FARGATE") {
        return None;
    }
    if containers(document).iter().any(|it| image::of_ecr(text(it, "image")).is_some()) {
        return needs("pull from ECR on Fargate");
    }
    if !logs::named(document).is_empty() {
        return needs("write its logs on Fargate");
    }
    None
}

fn trust(subject: &str, role: &Role) -> Finding {
    let name = &role.name;
    match &role.trust {
        Err(NotKnown(why)) => Finding::unknown(subject, format!("{name}: {why}")),
        Ok(None) => Finding::wrong(subject, format!("there is no role {name}"), "make it, or name another"),
        Ok(Some(document)) => match trusts(document, TASKS) {
            true => Finding::ok(subject, format!("{name} is there and trusts {TASKS}")),
            false => Finding::wrong(
                subject,
                format!("{name} does not trust {TASKS}, so ECS may not take it"),
                format!("allow sts:AssumeRole to the service {TASKS} in its trust policy"),
            ),
        },
    }
}

/// Does a statement let that service take the role? Its conditions are not looked at.
pub fn trusts(document: &Value, service: &str) -> bool {
    let one_or_more = |value: &Value, wanted: &dyn Fn(&str) -> bool| match value {
        Value::String(one) => wanted(one),
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(wanted),
        _ => false,
    };
    let statements = match &document["Statement"] {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    };
    statements.iter().any(|it| {
        let action = |action: &str| matches!(action, "sts:AssumeRole" | "sts:*" | "*");
        it["Effect"] == "Allow"
            && one_or_more(&it["Action"], &action)
            && one_or_more(&it["Principal"]["Service"], &|it| it == service)
    })
}

/// What starting a task takes of the execution role, as the document says. `found`: what the stores said of what it names,
/// as policies have ARNs and a document may have names.
pub fn needs(
    document: &Map<String, Value>,
    region: &str,
    found: &[(secrets::Reference, Known<secrets::Found>)],
) -> Vec<Need> {
    let role = document.get("executionRoleArn").and_then(Value::as_str).unwrap_or_default();
    let mut parts = role.split(':');
    let (Some("arn"), Some(partition)) = (parts.next(), parts.next()) else { return Vec::new() };
    let Some(account) = parts.nth(2) else { return Vec::new() };
    let arn = |service: &str, region: &str, rest: &str| {
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    };
    let mut needs = Vec::new();
    for container in containers(document) {
        let Some((owner, region, repository)) = image::of_ecr(text(container, "image")) else { continue };
        let resource = format!("arn:{partition}:ecr:{region}:{owner}:repository/{repository}");
        let pulling = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
        let pull = Need::new(format!("pull from {repository}"), &pulling, resource);
        needs.push(pull.called(owner, region));
        needs.push(Need::new("log in to ECR", &["ecr:GetAuthorizationToken"], "*").called(account, region));
    }
    for group in logs::named(document) {
        let region = group.region.as_deref().unwrap_or(region);
        let (name, stream) = (&group.name, "log-stream:app/app/1");
        let resource = arn("logs", region, &format!("log-group:{name}:{stream}"));
        let writing = ["logs:CreateLogStream", "logs:PutLogEvents"];
        needs.push(Need::new(format!("write to {name}"), &writing, resource).called(account, region));
        if group.is_created {
            let resource = arn("logs", region, &format!("log-group:{name}"));
            let make = Need::new(format!("make the log group {name}"), &["logs:CreateLogGroup"], resource);
            needs.push(make.called(account, region));
        }
    }
    for reference in secrets::named(document) {
        match reference {
            secrets::Reference::Secret { ref id, .. } => {
                // Without its ARN nobody can say what to allow, and the line of the secret itself says why that is unknown.
                let Some(arn) = secret_arn(&reference, id, found) else { continue };
                let name = id.rsplit(':').next().unwrap_or_default();
                let read = Need::new(format!("read {name}"), &["secretsmanager:GetSecretValue"], arn);
                let mut of = arn.split(':').skip(3);
                let (of, owner) = (of.next().unwrap_or(region), of.next().unwrap_or(account));
                needs.push(read.called(owner, of));
            }
            secrets::Reference::Parameter { name, region: of, account: owner } => {
                let (of, owner) = (of.as_deref().unwrap_or(region), owner.as_deref().unwrap_or(account));
                let resource =
                    format!("arn:{partition}:ssm:{of}:{owner}:parameter/{}", name.trim_start_matches('/'));
                let read = Need::new(format!("read {name}"), &["ssm:GetParameters"], resource);
                needs.push(read.called(owner, of));
            }
            secrets::Reference::Nothing { .. } | secrets::Reference::NoCredentials { .. } => {}
        }
    }
    let mut once = Vec::new();
    for need in needs {
        if !once.contains(&need) {
            once.push(need);
        }
    }
    once
}

fn secret_arn<'a>(
    reference: &secrets::Reference,
    id: &'a str,
    found: &'a [(secrets::Reference, Known<secrets::Found>)],
) -> Option<&'a str> {
    if id.starts_with("arn:") {
        return Some(id);
    }
    match &found.iter().find(|(it, _)| it == reference)?.1 {
        Ok(secrets::Found::There { arn, .. }) => arn.as_deref(),
        _ => None,
    }
}
