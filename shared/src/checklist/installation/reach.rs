//! Who may touch what: every service that was handed over needs a function that knows its cluster and its repository, and is
//! allowed what a release takes.

use crate::checklist::permissions::{self, Need, Simulated};
use crate::checklist::{Finding, Known, NotKnown};
use crate::model::Tags;
use crate::policy;

/// A service that somebody has handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    pub cluster: String,
    pub name: String,
    pub arn: String,
    pub tags: Tags,
    /// Of its task definition.
    pub family: String,
    /// ARNs of its task role and execution role.
    pub roles: Vec<String>,
}

/// What a function of the account was told that it may touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    pub function: String,
    pub clusters: Vec<String>,
    pub repositories: Vec<String>,
}

/// Which part of the installation a role is of, and what IAM said of it.
#[derive(Debug, Clone)]
pub struct Permission {
    pub function: String,
    pub simulated: Simulated,
}

pub fn check(services: &Known<Vec<Service>>, scopes: &Known<Vec<Scope>>) -> Vec<Finding> {
    let subject = "services";
    let (services, scopes) = match (services, scopes) {
        (Ok(services), Ok(scopes)) => (services, scopes),
        (Err(NotKnown(why)), _) | (_, Err(NotKnown(why))) => return vec![Finding::unknown(subject, why)],
    };
    if services.is_empty() {
        let why = "none is handed over in this region";
        return vec![
            Finding::ok(subject, why).with("pushboat adopt <cluster>/<service> --track <repository>:<rule>"),
        ];
    }
    services.iter().map(|it| reached(it, scopes)).collect()
}

pub fn is_handed_over(tags: &Tags) -> bool {
    tags.keys().any(|key| key == policy::TRACK || key.starts_with(&format!("{}:", policy::TRACK)))
}

/// Does some function know its cluster and each of its repositories?
fn reached(service: &Service, scopes: &[Scope]) -> Finding {
    let subject = format!("service {}/{}", service.cluster, service.name);
    let tracks = match policy::tracks(&service.tags) {
        Ok(tracks) => tracks,
        Err(why) => {
            return Finding::wrong(subject, why.to_string(), "mend the tag, as with `pushboat adopt`");
        }
    };
    let here: Vec<&Scope> = scopes.iter().filter(|it| it.clusters.contains(&service.cluster)).collect();
    if here.is_empty() {
        let why = format!(
            "no function may touch the cluster {}: PUSHBOAT_CLUSTERS names it nowhere",
            service.cluster
        );
        return Finding::wrong(
            subject,
            why,
            "install adopt.yaml for that cluster, or remove the tags (`pushboat adopt --undo`)",
        );
    }
    let unknown: Vec<&str> = tracks
        .iter()
        .map(|it| it.repository.as_str())
        .filter(|repository| !here.iter().any(|it| it.repositories.iter().any(|has| has == repository)))
        .collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        return Finding::wrong(
            subject,
            format!(
                "no function of its cluster may deploy from {unknown}: PUSHBOAT_REPOSITORIES does not name it"
            ),
            format!("sam deploy --parameter-overrides Repositories=…,{unknown}"),
        );
    }
    let followed: Vec<String> = tracks.iter().map(|it| format!("{}:{}", it.repository, it.rule)).collect();
    Finding::ok(
        subject,
        format!("follows {}, and functions know its cluster and repository", followed.join(" and ")),
    )
}

/// What this function cannot do without for these services: the few actions that a release or a count is made of.
/// `account`, `region`: where the function runs, and all that it touches is.
pub fn needs(logical_id: &str, account: &str, region: &str, services: &[Service]) -> Vec<Need> {
    let mut needs = Vec::new();
    let releases = matches!(logical_id, "DeployFunction" | "SweepFunction" | "ApiFunction");
    let scales = matches!(logical_id, "ScaleFunction" | "SweepFunction");
    if scales {
        needs.push(Need::new("read how much load there is", &["cloudwatch:GetMetricData"], "*"));
    }
    for service in services {
        let name = format!("{}/{}", service.cluster, service.name);
        let cluster = service.arn.replacen(":service/", ":cluster/", 1);
        let cluster = cluster.rsplit_once('/').map_or(cluster.as_str(), |(cluster, _)| cluster).to_owned();
        let of = |rest: &str| {
            let base = service.arn.split(":service/").next().unwrap_or_default();
            format!("{base}:{rest}")
        };
        if releases {
            let revision = of(&format!("task-definition/{}:1", service.family));
            let read = Need::new(format!("look at {name}"), &["ecs:DescribeServices"], &service.arn);
            needs.push(read.with("ecs:cluster", &cluster));
            let register = format!("register revisions of {}", service.family);
            let register = Need::new(register, &["ecs:RegisterTaskDefinition", "ecs:TagResource"], &revision);
            needs.push(register.with("ecs:CreateAction", "RegisterTaskDefinition"));
            let update = Need::new(format!("release to {name}"), &["ecs:UpdateService"], &service.arn);
            needs.push(update.with("ecs:cluster", &cluster).with("ecs:task-definition", revision));
            let base = of("").replacen(":ecs:", ":ecr:", 1);
            for track in policy::tracks(&service.tags).unwrap_or_default() {
                let repository = format!("{base}repository/{}", track.repository);
                let reading = ["ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage"];
                needs.push(Need::new(format!("read {}", track.repository), &reading, repository));
            }
            for role in &service.roles {
                let passing = format!("hand {} to tasks", role.rsplit('/').next().unwrap_or(role));
                let need = Need::new(passing, &["iam:PassRole"], role);
                needs.push(need.with("iam:PassedToService", "ecs-tasks.amazonaws.com"));
            }
        }
        if scales && service.tags.contains_key(crate::capacity::policy::CAPACITY) {
            let scale =
                Need::new(format!("set how many tasks {name} has"), &["ecs:UpdateService"], &service.arn);
            needs.push(scale.with("ecs:cluster", &cluster));
        }
    }
    let mut once = Vec::new();
    for need in needs {
        let need = need.called(account, region);
        if !once.contains(&need) {
            once.push(need);
        }
    }
    once
}

/// One line for a function that may do all of it, and one for each thing that it may not.
pub fn permissions(permissions: &[Permission]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names: Vec<&str> = permissions.iter().map(|it| it.function.as_str()).collect();
    names.dedup();
    for name in names {
        let subject = format!("permissions of {name}");
        let own = permissions.iter().filter(|it| it.function == name);
        let checked: Vec<Finding> = own.map(|it| permissions::check(&subject, name, &it.simulated)).collect();
        let wrong: Vec<Finding> =
            checked.iter().filter(|it| it.verdict == crate::checklist::Verdict::Wrong).cloned().collect();
        let unknown = checked.iter().find(|it| it.verdict == crate::checklist::Verdict::Unknown).cloned();
        match (wrong.is_empty(), unknown) {
            (false, _) => findings.extend(wrong),
            (true, Some(unknown)) => findings.push(unknown),
            (true, None) => {
                findings.push(Finding::ok(subject, format!("all {} that were asked about", checked.len())))
            }
        }
    }
    findings
}
