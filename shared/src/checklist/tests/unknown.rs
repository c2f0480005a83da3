//! What AWS does not say, and what it would never say.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Everything that can be refused, refused.
#[test]
fn what_aws_does_not_say_is_unknown_with_its_words() {
    let no = || NotKnown("AccessDenied: no".to_owned());
    let mut facts = good();
    facts.images[0].found = image::Found::NotKnown(no());
    for role in &mut facts.roles {
        role.trust = Err(no());
        role.simulated.iter_mut().for_each(|it| it.decisions = Err(no()));
    }
    facts.log_groups[0].1 = Err(no());
    facts.secrets.iter_mut().for_each(|it| it.1 = Err(no()));
    facts.target_groups[0].group = Err(no());
    facts.network = Some(Network {
        subnets: Err(no()),
        security_groups: Err(no()),
        load_balancers: Err(no()),
        endpoints: Err(no()),
    });
    let findings = verify(&facts);
    assert!(!is_wrong(&findings), "{findings:#?}");
    let unknown = subjects(&findings, Verdict::Unknown);
    for subject in [
        "image of app",
        "execution role",
        "task role",
        "log group",
        "secret",
        "parameter",
        "target group",
        "zones",
        "way in",
        "egress",
        "way out",
    ] {
        assert!(unknown.contains(&subject), "{subject}: {unknown:?}");
        let ok = subjects(&findings, Verdict::Ok);
        assert!(!ok.contains(&subject), "{subject} is taken for well");
    }
    assert!(
        findings
            .iter()
            .filter(|it| it.verdict == Verdict::Unknown)
            .all(|it| it.why.contains("AccessDenied: no"))
    );
    for (service, definition) in [(Err(no()), None), (Ok(Some(service())), Some(Err(no())))] {
        let facts = Facts { service: Some(service), task_definition: definition, ..good() };
        let findings = verify(&facts);
        assert!(!is_wrong(&findings) && !subjects(&findings, Verdict::Unknown).is_empty(), "{findings:#?}");
    }
    let mut depends = good();
    let action = depends.roles[0].simulated[0].need.actions[0].clone();
    depends.roles[0].simulated[0].decisions.as_mut().unwrap()[0] = (action, Decision::Depends);
    assert_eq!(subjects(&verify(&depends), Verdict::Unknown), ["execution role"]);
}

/// Some JSON that ECS would never say.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9:/.@-]{0,12}".prop_map(Value::from),
        Just(json!("FARGATE")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                prop::sample::select(vec![
                    "containerDefinitions",
                    "name",
                    "image",
                    "portMappings",
                    "containerPort",
                    "logConfiguration",
                    "options",
                    "secrets",
                    "valueFrom",
                    "repositoryCredentials",
                    "credentialsParameter",
                    "cpu",
                    "memory",
                    "loadBalancers",
                    "desiredCount",
                    "deploymentConfiguration",
                    "maximumPercent",
                    "minimumHealthyPercent",
                    "networkConfiguration",
                    "awsvpcConfiguration",
                    "subnets",
                    "executionRoleArn",
                    "requiresCompatibilities",
                    "launchType",
                    "status",
                    "stopTimeout",
                ])
                .prop_map(str::to_owned),
                inner,
                0..8
            )
            .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_ecs_says_is_a_list_of_findings(service in any_json(), document in any_json()) {
        let document = document.as_object().cloned().unwrap_or_default();
        let facts = Facts { service: Some(Ok(Some(service))), task_definition: Some(Ok(Some(document.clone()))), ..good() };
        prop_assert!(!verify(&facts).is_empty());
        let needs = roles::needs(&document, "eu-central-1", &facts.secrets);
        prop_assert!(needs.iter().all(|it| !it.actions.is_empty() && !it.resource.is_empty()));
    }
}
