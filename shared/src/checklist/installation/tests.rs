//! An installation that is well, and what becomes of the list when one thing is not.

use serde_json::{Value, json};

use super::functions::{Function, Ran};
use super::queues::{Alarm, Queue, Seen};
use super::reach::{Permission, Scope, Service, needs};
use super::rules::{Described, Rule, lets_in};
use super::stack::{Resource, Stack};
use super::*;
use crate::checklist::permissions::{Decision, Need, Simulated};
use crate::checklist::{NotKnown, Verdict};

const SERVICE: &str = "arn:aws:ecs:eu-central-1:123456789012:service/shop/cart";

fn needs_of(logical_id: &str, services: &[Service]) -> Vec<Need> {
    needs(logical_id, "123456789012", "eu-central-1", services)
}

fn rule_arn(name: &str) -> String {
    format!("arn:aws:events:eu-central-1:123456789012:rule/{name}")
}

fn rule(logical_id: &str, schedule: &str, target: &str) -> Rule {
    let described =
        Described { arn: rule_arn(logical_id), state: "ENABLED".into(), schedule: schedule.into() };
    Rule {
        logical_id: logical_id.into(),
        name: logical_id.into(),
        described: Ok(Some(described)),
        targets: Ok(vec![format!("arn:aws:lambda:eu-central-1:123456789012:function:{target}")]),
    }
}

fn policy(rules: &[&str]) -> Value {
    let statement = |rule: &&str| {
        json!({
            "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "lambda:InvokeFunction",
            "Condition": { "ArnLike": { "AWS:SourceArn": rule_arn(rule) } },
        })
    };
    json!({ "Statement": rules.iter().map(statement).collect::<Vec<_>>() })
}

fn function(logical_id: &str, name: &str, rules: &[&str]) -> Function {
    let variables = json!({ "PUSHBOAT_CLUSTERS": "shop", "PUSHBOAT_REPOSITORIES": "cart,checkout" });
    let sweeps = logical_id == "SweepFunction";
    Function {
        logical_id: logical_id.into(),
        name: name.into(),
        configuration: Ok(Some(json!({
            "State": "Active", "LastUpdateStatus": "Successful", "Environment": { "Variables": variables },
        }))),
        reserved_concurrency: Ok(None),
        policy: Ok(Some(policy(rules))),
        ran: sweeps.then_some(Ok(Ran { minutes: 8, invocations: 8.0, errors: 0.0 })),
    }
}

fn service() -> Service {
    Service {
        cluster: "shop".into(),
        name: "cart".into(),
        arn: SERVICE.into(),
        tags: [("pushboat:track".to_owned(), "cart:live".to_owned())].into(),
        family: "cart".into(),
        roles: vec!["arn:aws:iam::123456789012:role/shop-task".into()],
    }
}

fn good() -> Facts {
    let rules = [
        ("DeployFunctionPushes", "", "p-deploy"),
        ("DeployFunctionDeployments", "", "p-deploy"),
        ("ScaleFunctionAlarms", "", "p-scale"),
        ("SweepFunctionMinute", "rate(1 minute)", "p-sweep"),
    ];
    let functions = vec![
        function("DeployFunction", "p-deploy", &["DeployFunctionPushes", "DeployFunctionDeployments"]),
        function("ScaleFunction", "p-scale", &["ScaleFunctionAlarms"]),
        function("SweepFunction", "p-sweep", &["SweepFunctionMinute"]),
        function("ApiFunction", "p-api", &[]),
    ];
    let resource = |kind: &str, name: &str| Resource {
        logical_id: name.into(),
        physical_id: name.into(),
        kind: kind.into(),
        status: "CREATE_COMPLETE".into(),
    };
    let of_functions = functions.iter().map(|it| resource("AWS::Lambda::Function", &it.logical_id));
    let of_rules = rules.iter().map(|(name, ..)| resource("AWS::Events::Rule", name));
    let seen = Seen { state: "OK".into(), actions_enabled: true, ..Seen::default() };
    Facts {
        name: "p".into(),
        stack: Ok(Some(Stack {
            status: "UPDATE_COMPLETE".into(),
            age_seconds: Some(86_400),
            resources: of_functions.chain(of_rules).collect(),
        })),
        rules: rules.into_iter().map(|(name, schedule, target)| rule(name, schedule, target)).collect(),
        functions,
        queues: vec![Queue {
            logical_id: "FailedEvents".into(),
            url: "https://q".into(),
            messages: Ok(Some(0)),
        }],
        alarms: vec![Alarm { name: "p/sweep-silent".into(), seen: Ok(Some(seen)) }],
        api: Api::Answers,
        services: Ok(vec![service()]),
        scopes: Ok(vec![Scope {
            function: "p-deploy".into(),
            clusters: vec!["shop".into()],
            repositories: vec!["cart".into()],
        }]),
        permissions: needs_of("DeployFunction", &[service()])
            .into_iter()
            .map(|need| Permission { function: "p-deploy".into(), simulated: allowed(need) })
            .collect(),
    }
}

fn allowed(need: Need) -> Simulated {
    let decisions = need.actions.iter().map(|it| (it.clone(), Decision::Allowed)).collect();
    Simulated { need, decisions: Ok(decisions) }
}

#[track_caller]
fn only_wrong(change: &dyn Fn(&mut Facts), subject: &str, says: &str) {
    let mut facts = good();
    change(&mut facts);
    let findings = check(&facts);
    let wrong: Vec<_> = findings.iter().filter(|it| it.verdict == Verdict::Wrong).collect();
    assert_eq!(wrong.len(), 1, "{findings:#?}");
    assert_eq!(wrong[0].subject, subject, "{wrong:#?}");
    assert!(wrong[0].why.contains(says), "{}", wrong[0].why);
    assert!(wrong[0].what_to_do.is_some(), "{wrong:?}");
}

#[test]
fn where_all_is_well_nothing_else_is_said() {
    let findings = check(&good());
    assert!(findings.iter().all(|it| it.verdict == Verdict::Ok), "{findings:#?}");
    assert!(findings.len() >= 13, "{findings:#?}");
}

fn described(facts: &mut Facts, at: usize) -> &mut Described {
    facts.rules[at].described.as_mut().unwrap().as_mut().unwrap()
}

fn configuration(facts: &mut Facts) -> &mut Value {
    facts.functions[0].configuration.as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn each_fault_is_named() {
    only_wrong(&|it| it.stack = Ok(None), "stack", "no stack p");
    only_wrong(
        &|it| stack_of(it).status = "UPDATE_ROLLBACK_FAILED".into(),
        "stack",
        "UPDATE_ROLLBACK_FAILED",
    );
    only_wrong(
        &|it| stack_of(it).resources.retain(|it| it.logical_id != "SweepFunction"),
        "parts",
        "SweepFunction",
    );
    only_wrong(&|it| described(it, 0).state = "DISABLED".into(), "rule DeployFunctionPushes", "DISABLED");
    only_wrong(&|it| it.rules[0].described = Ok(None), "rule DeployFunctionPushes", "deleted");
    only_wrong(&|it| it.rules[0].targets = Ok(vec![]), "rule DeployFunctionPushes", "calls nobody");
    only_wrong(
        &|it| it.rules[2].targets = it.rules[0].targets.clone(),
        "rule ScaleFunctionAlarms",
        "does not let it call",
    );
    only_wrong(
        &|it| it.rules[2].targets = Ok(vec!["arn:aws:lambda:r:1:function:other".into()]),
        "rule ScaleFunctionAlarms",
        "no function of this stack",
    );
    only_wrong(&|it| it.functions[0].configuration = Ok(None), "function p-deploy", "deleted");
    only_wrong(&|it| configuration(it)["State"] = json!("Failed"), "function p-deploy", "Failed");
    only_wrong(
        &|it| configuration(it)["Environment"]["Variables"]["PUSHBOAT_CLUSTERS"] = json!(" , "),
        "function p-deploy",
        "PUSHBOAT_CLUSTERS",
    );
    only_wrong(&|it| it.functions[0].reserved_concurrency = Ok(Some(0)), "function p-deploy", "never runs");
    let ran = |invocations, errors| Some(Ok(Ran { minutes: 8, invocations, errors }));
    only_wrong(&|it| it.functions[2].ran = ran(0.0, 0.0), "sweep", "no run of it");
    only_wrong(&|it| it.functions[2].ran = ran(8.0, 2.0), "sweep", "2 of 8 runs failed");
    only_wrong(&|it| it.queues[0].messages = Ok(Some(1)), "queue FailedEvents", "1 event was given up");
    only_wrong(&|it| it.queues[0].messages = Ok(None), "queue FailedEvents", "deleted");
    only_wrong(&|it| alarm_of(it).state = "ALARM".into(), "alarm p/sweep-silent", "in ALARM");
    only_wrong(&|it| alarm_of(it).actions_enabled = false, "alarm p/sweep-silent", "switched off");
    only_wrong(&|it| it.api = Api::Fails("502".into()), "API", "502");
    only_wrong(&|it| it.scopes = Ok(vec![]), "service shop/cart", "no function may touch the cluster shop");
    only_wrong(
        &|it| it.scopes.as_mut().unwrap()[0].repositories = vec!["other".into()],
        "service shop/cart",
        "may deploy from cart",
    );
    only_wrong(
        &|it| drop(it.services.as_mut().unwrap()[0].tags.insert("pushboat:track".into(), "cart".into())),
        "service shop/cart",
        "not <repository>:<rule>",
    );
    let deny = |it: &mut Facts| {
        let passes = |it: &&mut Permission| it.simulated.need.actions == ["iam:PassRole"];
        let permission = it.permissions.iter_mut().find(passes).unwrap();
        permission.simulated.decisions = Ok(vec![("iam:PassRole".into(), Decision::Denied)]);
    };
    only_wrong(&deny, "permissions of p-deploy", "may not hand shop-task to tasks");
}

fn stack_of(facts: &mut Facts) -> &mut Stack {
    facts.stack.as_mut().unwrap().as_mut().unwrap()
}

fn alarm_of(facts: &mut Facts) -> &mut Seen {
    facts.alarms[0].seen.as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn load_is_nobodys_trouble_and_a_young_stack_may_not_have_swept() {
    let mut facts = good();
    alarm_of(&mut facts).state = "ALARM".into();
    facts.alarms[0].name = "p/scale-out".into();
    facts.functions[2].ran = Some(Ok(Ran { minutes: 8, ..Ran::default() }));
    stack_of(&mut facts).age_seconds = Some(60);
    let findings = check(&facts);
    let other: Vec<_> =
        findings.iter().filter(|it| it.verdict != Verdict::Ok).map(|it| it.subject.as_str()).collect();
    assert_eq!(other, ["sweep"], "{findings:#?}");
}

#[test]
fn what_aws_does_not_say_is_unknown_with_its_words() {
    let no = || NotKnown("AccessDenied: no".to_owned());
    let mut facts = good();
    facts.rules.iter_mut().for_each(|it| it.described = Err(no()));
    for it in &mut facts.functions {
        (it.configuration, it.ran) = (Err(no()), it.ran.as_ref().map(|_| Err(no())));
    }
    facts.queues[0].messages = Err(no());
    facts.alarms[0].seen = Err(no());
    facts.api = Api::Refuses("AccessDenied: no".into());
    facts.scopes = Err(no());
    facts.permissions.iter_mut().for_each(|it| it.simulated.decisions = Err(no()));
    let findings = check(&facts);
    let ok: Vec<_> =
        findings.iter().filter(|it| it.verdict == Verdict::Ok).map(|it| it.subject.as_str()).collect();
    assert_eq!(ok, ["stack", "parts"], "{findings:#?}");
    assert!(
        findings[2..].iter().all(|it| it.verdict == Verdict::Unknown && it.why.contains("AccessDenied: no"))
    );
    facts.stack = Err(no());
    assert_eq!(check(&facts).iter().map(|it| it.verdict).collect::<Vec<_>>(), [Verdict::Unknown]);
}

#[test]
fn who_may_call_is_read_from_a_policy_as_iam_reads_it() {
    let arn = rule_arn("a");
    let statement = |principal: Value, condition: Value| {
        json!({ "Statement": [{ "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Principal": principal,
            "Condition": condition }] })
    };
    let events = || json!({ "Service": ["events.amazonaws.com"] });
    for (policy, is) in [
        (policy(&["b", "a"]), true),
        (policy(&["b"]), false),
        (statement(events(), json!({})), true),
        (
            statement(
                events(),
                json!({ "ArnLike": { "aws:SourceArn": "arn:aws:events:*:123456789012:rule/*" } }),
            ),
            true,
        ),
        (statement(events(), json!({ "ArnEquals": { "aws:sourcearn": [rule_arn("b")] } })), false),
        (statement(json!({ "Service": "s3.amazonaws.com" }), json!({})), false),
        (json!({ "Statement": [{ "Effect": "Deny", "Action": "*", "Principal": "*" }] }), false),
        (json!({}), false),
    ] {
        assert_eq!(lets_in(&policy, &arn), is, "{policy}");
    }
}

#[test]
fn needs_name_what_a_release_asks_for() {
    let mut service = service();
    service.tags.insert("pushboat:capacity".into(), "2-4".into());
    let needed = needs_of("SweepFunction", &[service.clone(), service.clone()]);
    let update = needed.iter().find(|it| it.purpose == "release to shop/cart").unwrap();
    assert_eq!(
        (update.actions.as_slice(), update.resource.as_str()),
        (&["ecs:UpdateService".to_owned()][..], SERVICE)
    );
    let key =
        |name: &str| update.context.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(key("ecs:cluster"), Some("arn:aws:ecs:eu-central-1:123456789012:cluster/shop"));
    assert_eq!(
        key("ecs:task-definition"),
        Some("arn:aws:ecs:eu-central-1:123456789012:task-definition/cart:1")
    );
    let resources: Vec<&str> = needed.iter().map(|it| it.resource.as_str()).collect();
    assert!(resources.contains(&"arn:aws:ecr:eu-central-1:123456789012:repository/cart"), "{resources:?}");
    // As every call has them, and as conditions of the templates ask.
    for (name, value) in [("aws:ResourceAccount", "123456789012"), ("aws:RequestedRegion", "eu-central-1")] {
        let has = |it: &Need| it.context.contains(&(name.to_owned(), value.to_owned()));
        assert!(needed.iter().all(has), "{name}: {needed:#?}");
    }
    let scale = |it: &Need| it.purpose.starts_with("set how many tasks");
    assert_eq!(needed.iter().filter(|it| scale(it)).count(), 1, "each once");
    assert!(needs_of("ScaleFunction", &[service.clone()]).iter().any(scale));
    assert!(!needs_of("DeployFunction", &[service.clone()]).iter().any(scale));
    assert_eq!(needs_of("LiveImageFunction", &[service]), []);
}
