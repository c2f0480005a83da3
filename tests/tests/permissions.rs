//! What each function asks of AWS in whole runs is what its policy in the template grants, on that resource; and what the
//! policy grants beyond is reading, or has a reason here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, StateValue, Statistic, Tag};
use pushboat_cli::local::{Local, stack};
use pushboat_cli::push::{Quiet, Source};
use pushboat_local::wire::RecordedCall;
use pushboat_local::world::World;
use pushboat_local::world::ecs::TaskDefinition;
use pushboat_tests::inbox::Inbox;
use pushboat_tests::template::{self, Policy, Stack, needs};
use pushboat_tests::{Wishes, decisions, place};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// Writes that are granted and that no run uses, with the reason.
const UNUSED: [(&str, &str); 4] = [
    (
        "ecs:ContinueServiceDeployment",
        "only a service whose owner declares a hook waits at one; `story` shows it",
    ),
    ("logs:CreateLogStream", "Lambda writes the log with the function's role"),
    ("logs:PutLogEvents", "the same"),
    ("sqs:SendMessage", "Lambda reports an event that failed with the function's role"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_granted_and_no_write_without_need() {
    let local = place(Wishes { tasks: 1, record_calls: true, ..Wishes::default() }).await.unwrap();
    everything_that_functions_do(&local).await;

    let stack = template::stack(&[]);
    let roles =
        ["TaskRole", "ExecutionRole"].map(|role| format!("arn:aws:iam::{}:role/{role}", template::ACCOUNT));
    let adopted = [
        ("Cluster", stack::CLUSTER),
        ("Repositories", stack::REPOSITORY),
        ("PassableRoles", &roles.join(",")),
    ];
    let adopted = Stack::resolve(&template::adopt(), &adopted).unwrap();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for call in calls(&local) {
        // arn:aws:sts::<account>:assumed-role/<function>/<function>
        let Some(function) =
            call.caller.split(":assumed-role/").nth(1).and_then(|role| role.split('/').next())
        else {
            continue;
        };
        let newest = |family: &str| newest(&local, family).arn;
        let roles = |arn: &str| roles_of(&self::newest(&local, arn));
        let needed =
            needs(&call, newest, roles).unwrap_or_else(|| panic!("which permissions does {call:?} take?"));
        assert!(!needed.is_empty(), "{call:?}");
        for need in needed {
            for (name, stack) in [("template", &stack), ("adopt", &adopted)] {
                let Some(logical) = logical(stack, function) else { continue };
                assert!(
                    Policy::of_function(stack, &logical).allows(&need.action, &need.resource, &need.context),
                    "{name}: {function} is not granted {need:?}, which it needs for {call:?}"
                );
            }
            used.entry(function.to_owned()).or_default().insert(need.action);
        }
    }
    let functions: Vec<_> = used.keys().map(String::as_str).collect();
    assert_eq!(functions, ["api", "deploy", "live-image", "scale", "sweep"], "each has been run");

    assert!(used["scale"].contains("cloudwatch:ListAlarmMuteRules"), "an alarm with a step may be muted");
    // Deploy and sweep share a policy, because they decide alike: what one of them uses is used.
    let everywhere: BTreeSet<_> = used.values().flatten().cloned().collect();
    let reads = |action: &str| {
        ["Describe", "List", "Get", "BatchGet", "Filter"].iter().any(|it| action.contains(&format!(":{it}")))
    };
    for function in functions {
        let granted = Policy::of_function(&stack, &logical(&stack, function).unwrap()).statements;
        for action in granted.iter().flat_map(|statement| &statement.actions).filter(|action| !reads(action))
        {
            let reason = UNUSED.iter().any(|(unused, _)| unused == action);
            assert!(
                reason || everywhere.contains(action),
                "{function} is granted {action} and never uses it"
            );
            assert!(!(reason && everywhere.contains(action)), "{action} is used after all");
        }
    }
    local.shutdown().await;
}

fn calls(local: &Local) -> Vec<RecordedCall> {
    local.place.wire().calls.as_ref().unwrap().lock().unwrap().clone()
}

/// `live-image` → `LiveImageFunction`
fn logical(stack: &Stack, function: &str) -> Option<String> {
    let full = format!("pushboat-{function}");
    let mut all = stack.of_type("AWS::Lambda::Function");
    all.find(|(_, properties)| properties["FunctionName"] == full.as_str()).map(|(name, _)| name.to_owned())
}

/// By family or ARN.
fn newest(local: &Local, family: &str) -> TaskDefinition {
    local.place.hub().with(|world| world.find_task_definition(family).unwrap().clone())
}

fn roles_of(definition: &TaskDefinition) -> Vec<String> {
    let roles = ["taskRoleArn", "executionRoleArn"].iter().filter_map(|role| definition.document.get(*role));
    roles.filter_map(|role| role.as_str().map(str::to_owned)).collect()
}

/// The template's change with the roles that the template names, a push, a push that fails on a service that has no room
/// for another rejection, a sweep that restores, and a question of each kind.
async fn everything_that_functions_do(local: &Local) {
    local.place.hub().with(|world| {
        let mut document = world.find_task_definition(stack::SERVICE).unwrap().document.clone();
        for (member, role) in [("taskRoleArn", "TaskRole"), ("executionRoleArn", "ExecutionRole")] {
            document
                .insert(member.to_owned(), json!(format!("arn:aws:iam::{}:role/{role}", template::ACCOUNT)));
        }
        let tags = [("pushboat:template".to_owned(), "pushboat".to_owned())].into();
        world.register_task_definition(document, tags, "CloudFormation").unwrap();
    });
    let good = local.push_version("v1", &Quiet).await.unwrap().digest;
    local.wait_until(SOON, |view| view.is_settled() && view.digest.as_deref() == Some(&good)).await.unwrap();
    local.place.hub().with(|world| {
        let service = world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().unwrap().arn.clone();
        let rejected = |i: usize| (format!("pushboat:rejected:{i:064x}"), "long ago".to_owned());
        world.tag_resource(&service, (0..20).map(rejected).collect()).unwrap();
    });

    let broken = Source::Game {
        binary: pushboat_tests::game_binary().unwrap(),
        label: "broken".to_owned(),
        colour: Some("not a colour".to_owned()),
        placeholder: false,
    };
    local.push(broken, &["v2", stack::TRACKED_TAG], &Quiet).await.unwrap();
    let rejected = async {
        while !decisions(local).iter().any(|line| line["decision"] == "rejected") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, rejected).await.expect("a rejection");
    local.wait_until(SOON, |view| view.is_settled() && view.digest.as_deref() == Some(&good)).await.unwrap();
    local.place.lambda().idle().await;

    let invoke = |function: &'static str, payload: Value| async move {
        let answer = local.place.lambda().invoke_sync(function, payload).await.unwrap();
        assert_eq!(answer.error, None, "{function}: {answer:?}");
    };
    let tick = serde_json::from_str(include_str!("../../events/sweep/tick.json")).unwrap();
    invoke("sweep", tick).await;
    for event in [
        include_str!("../../events/api/services.json"),
        include_str!("../../events/api/cluster-hold.json"),
        include_str!("../../events/api/cluster-unhold.json"),
        include_str!("../../events/api/hold.json"),
        include_str!("../../events/api/unhold.json"),
        include_str!("../../events/api/run-a-command.json"),
    ] {
        invoke("api", serde_json::from_str(event).unwrap()).await;
    }
    let third = local.push_version("v3", &Quiet).await.unwrap().digest;
    local.wait_until(SOON, |view| view.digest.as_deref() == Some(&third)).await.unwrap();
    // Still under way, so it is stopped.
    invoke("api", serde_json::from_str(include_str!("../../events/api/rollback.json")).unwrap()).await;
    local.wait_until(SOON, |view| view.is_settled() && view.digest.as_deref() == Some(&good)).await.unwrap();
    let inbox = Inbox::open().await;
    let mut create: Value =
        serde_json::from_str(include_str!("../../events/live-image/create.json")).unwrap();
    create["ResponseURL"] = json!(format!("{}/key", inbox.url()));
    create["ResourceProperties"]["Service"] = json!(stack::SERVICE);
    create["ResourceProperties"]["Container"] = json!(stack::CONTAINER);
    invoke("live-image", create).await;
    let answer: Value = serde_json::from_str(&inbox.take()[0].body).unwrap();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    an_alarm_moves_the_count(local).await;
    for event in [
        include_str!("../../events/api/scale.json"),
        include_str!("../../events/api/unscale.json"),
        include_str!("../../events/api/history.json"),
    ] {
        invoke("api", serde_json::from_str(event).unwrap()).await;
    }
}

/// By a step that the alarm asks for, until it is over.
async fn an_alarm_moves_the_count(local: &Local) {
    let service = || {
        let find =
            |world: &mut World| world.find_service(Some(stack::CLUSTER), stack::SERVICE).unwrap().cloned();
        local.place.hub().with(find).unwrap()
    };
    let arn = service().arn;
    let handed_over = [("pushboat:capacity", "1-6"), ("pushboat:load", "cpu/60 requests/100")];
    let handed_over = handed_over.map(|(key, value)| (key.to_owned(), value.to_owned()));
    local.place.hub().with(|world| world.tag_resource(&arn, handed_over.into()).unwrap());
    let cloudwatch = pushboat_tests::cloudwatch(local);
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let alarm =
        cloudwatch.put_metric_alarm().alarm_name("orders/queue").namespace("Orders").metric_name("Queue");
    let alarm = alarm.dimensions(dimension("ClusterName", stack::CLUSTER));
    let alarm = alarm.dimensions(dimension("ServiceName", stack::SERVICE));
    let alarm = alarm.period(60).evaluation_periods(1).threshold(10.0).statistic(Statistic::Average);
    let alarm =
        alarm.comparison_operator(ComparisonOperator::GreaterThanThreshold).treat_missing_data("ignore");
    alarm.tags(Tag::builder().key("pushboat:step").value("+2").build()).send().await.unwrap();
    let bounds = || service().tags.keys().filter(|key| key.starts_with("pushboat:alarm:")).count();
    for (state, expected) in [(StateValue::Alarm, 1), (StateValue::Ok, 0)] {
        let request = cloudwatch.set_alarm_state().alarm_name("orders/queue").state_value(state);
        request.state_reason("the test says so").send().await.unwrap();
        let written = async {
            while bounds() != expected {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, written).await;
        waited.unwrap_or_else(|_| panic!("{expected} bounds\n{:#?}", decisions(local)));
    }
    assert_eq!(service().desired_count, 3, "one, and two by the alarm; the load says nothing yet");
}
