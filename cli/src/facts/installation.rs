//! What a stack of Pushboat's is made of, as it is in the account.

use pushboat::checklist::installation::functions::{Function, window_seconds};
use pushboat::checklist::installation::queues::Queue;
use pushboat::checklist::installation::reach::{self, Permission, Scope, Service};
use pushboat::checklist::installation::rules::Rule;
use pushboat::checklist::installation::stack::{FUNCTIONS, Stack};
use pushboat::checklist::installation::{Api, Facts};
use pushboat::checklist::{Finding, Known, NotKnown};
use pushboat::model::Tags;
use serde_json::Value;

use crate::api::{OUTPUT, Trouble, health};
use crate::args::Token;
use crate::aws::{Account, tags_of};

/// Whose permissions are asked for: of hundreds of services, a few tell as much.
const SERVICES_LOOKED_INTO: usize = 10;

pub(crate) async fn installation(account: &Account, name: &str, token: Option<Token>) -> Facts {
    let mut facts = Facts {
        name: name.to_owned(),
        stack: Ok(None),
        rules: Vec::new(),
        functions: Vec::new(),
        queues: Vec::new(),
        alarms: Vec::new(),
        api: Api::Nowhere,
        services: Ok(Vec::new()),
        scopes: Ok(Vec::new()),
        permissions: Vec::new(),
    };
    let (stack, outputs) = match account.stack(name).await {
        Ok(Some(found)) => found,
        Ok(None) => return facts,
        Err(not_known) => return Facts { stack: Err(not_known), ..facts },
    };
    facts.rules = rules(account, &stack).await;
    facts.functions = functions(account, &stack, &facts.rules).await;
    facts.queues = queues(account, &stack).await;
    let alarms: Vec<String> =
        stack.of_kind("AWS::CloudWatch::Alarm").map(|it| it.physical_id.clone()).collect();
    facts.alarms = account.alarms(&alarms).await;
    if let Some((_, url)) = outputs.iter().find(|(key, _)| key == OUTPUT) {
        facts.api = match health(account, url, token).await {
            Ok(()) => Api::Answers,
            Err(trouble @ (Trouble::NotLetThrough { .. } | Trouble::Usage(_))) => {
                Api::Refuses(trouble.to_string())
            }
            Err(trouble) => Api::Fails(trouble.to_string()),
        };
    }
    facts.scopes = account.scopes().await;
    facts.services = services(account).await;
    facts.permissions = permissions(account, &facts.functions, &facts.services, &facts.scopes).await;
    facts.stack = Ok(Some(stack));
    facts
}

async fn rules(account: &Account, stack: &Stack) -> Vec<Rule> {
    let mut rules = Vec::new();
    for resource in stack.of_kind("AWS::Events::Rule") {
        // Of a rule on another bus, CloudFormation's name begins with that.
        let name = resource.physical_id.rsplit(['|', '/']).next().unwrap_or_default().to_owned();
        let (described, targets) = (account.rule(&name).await, account.targets(&name).await);
        rules.push(Rule { logical_id: resource.logical_id.clone(), name, described, targets });
    }
    rules
}

async fn functions(account: &Account, stack: &Stack, rules: &[Rule]) -> Vec<Function> {
    let schedule = |rule: &Rule| Some(rule.described.as_ref().ok()?.as_ref()?.schedule.clone());
    let schedule = rules.iter().filter_map(schedule).find(|it| !it.is_empty()).unwrap_or_default();
    let mut functions = Vec::new();
    for resource in stack.of_kind("AWS::Lambda::Function") {
        let name = resource.physical_id.clone();
        let is_sweep = resource.logical_id == "SweepFunction";
        let ran = match is_sweep {
            true => Some(account.ran(&name, window_seconds(&schedule)).await),
            false => None,
        };
        functions.push(Function {
            logical_id: resource.logical_id.clone(),
            configuration: account.function(&name).await,
            reserved_concurrency: account.reserved_concurrency(&name).await,
            policy: account.function_policy(&name).await,
            name,
            ran,
        });
    }
    functions
}

async fn queues(account: &Account, stack: &Stack) -> Vec<Queue> {
    let mut queues = Vec::new();
    for resource in stack.of_kind("AWS::SQS::Queue") {
        let url = resource.physical_id.clone();
        queues.push(Queue {
            logical_id: resource.logical_id.clone(),
            messages: account.messages(&url).await,
            url,
        });
    }
    queues
}

/// Whatever is handed over, in every cluster of the account and region.
async fn services(account: &Account) -> Known<Vec<Service>> {
    let mut found = Vec::new();
    for arn in account.clusters().await? {
        let cluster = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
        for service in account.services(&cluster).await? {
            let tags = tags_of(&service);
            if reach::is_handed_over(&tags) {
                found.push(handed_over(account, &cluster, &service, tags).await);
            }
        }
    }
    Ok(found)
}

async fn handed_over(account: &Account, cluster: &str, service: &Value, tags: Tags) -> Service {
    let text = |member: &str| service[member].as_str().unwrap_or_default().to_owned();
    let definition = text("taskDefinition");
    let document = account.task_definition(&definition).await.ok().flatten().unwrap_or_default();
    let role = |member: &str| document.get(member).and_then(Value::as_str).map(str::to_owned);
    let family = definition.rsplit('/').next().and_then(|it| it.split(':').next()).unwrap_or_default();
    Service {
        cluster: cluster.to_owned(),
        name: text("serviceName"),
        arn: text("serviceArn"),
        tags,
        family: family.to_owned(),
        roles: ["taskRoleArn", "executionRoleArn"].into_iter().filter_map(role).collect(),
    }
}

async fn permissions(
    account: &Account,
    functions: &[Function],
    services: &Known<Vec<Service>>,
    scopes: &Known<Vec<Scope>>,
) -> Vec<Permission> {
    let mut permissions = Vec::new();
    let (Ok(services), Ok(scopes)) = (services, scopes) else { return permissions };
    for function in functions.iter().filter(|it| FUNCTIONS.contains(&it.logical_id.as_str())) {
        let Ok(Some(configuration)) = &function.configuration else { continue };
        let role = configuration["Role"].as_str().unwrap_or_default();
        // Only of the services that are this function's business.
        let scope = scopes.iter().find(|it| it.function == function.name);
        let knows = |service: &&Service| scope.is_some_and(|it| it.clusters.contains(&service.cluster));
        let own: Vec<Service> = services.iter().filter(knows).take(SERVICES_LOOKED_INTO).cloned().collect();
        for need in reach::needs(&function.logical_id, &account.id, account.region(), &own) {
            let simulated = account.simulate(role, need).await;
            let is_refused = simulated.decisions.is_err();
            permissions.push(Permission { function: function.name.clone(), simulated });
            // The others would be refused alike.
            if is_refused {
                break;
            }
        }
    }
    permissions
}

/// Would a function look after this service, once it has these tags?
pub(crate) async fn reached(account: &Account, service: Service) -> Vec<Finding> {
    let scopes = account.scopes().await;
    let scopes = scopes.map_err(|NotKnown(why)| NotKnown(format!("which functions there are: {why}")));
    reach::check(&Ok(vec![service]), &scopes)
}
