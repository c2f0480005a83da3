//! ECS over the wire: what goes in comes out as clients know it.

use serde_json::{Value, json};

use super::Place;
use crate::world::{Effect, Report};

const GAME: &str = "arn:aws:ecs:eu-central-1:123456789012:service/default/game";

async fn place() -> Place {
    let place = Place::start().await;
    place.ecs("CreateCluster", &json!({})).await.granted();
    place
}

fn document(family: &str) -> Value {
    json!({
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "invented": {"by": "tomorrow"},
        "containerDefinitions": [
            {"name": "game", "image": "registry/game:v1", "portMappings": [{"containerPort": 8080}]},
        ],
        "tags": [{"key": "pushboat:template", "value": "true"}],
    })
}

async fn with_service(place: &Place) -> Value {
    place.ecs("RegisterTaskDefinition", &document("game")).await.granted();
    let request = json!({
        "serviceName": "game",
        "taskDefinition": "game",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "deploymentConfiguration": {
            "minimumHealthyPercent": 50,
            "deploymentCircuitBreaker": {
                "enable": true,
                "rollback": true,
                "thresholdConfiguration": {"type": "COUNT", "value": 4},
            },
        },
        "tags": [{"key": "pushboat:repository", "value": "game"}],
    });
    place.ecs("CreateService", &request).await.granted()["service"].clone()
}

async fn described(place: &Place) -> Value {
    let answer = place.ecs("DescribeServices", &json!({"services": ["game"], "include": ["TAGS"]})).await;
    answer.granted()["services"][0].clone()
}

/// Every container starts at once, on ports of its own.
fn start_tasks(place: &Place, effects: Vec<Effect>) {
    for (task, port) in effects.into_iter().zip(40_000..) {
        if let Effect::StartTask(task) = task {
            place.wire.hub.report(Report::ContainerStarted {
                task_arn: task.task_arn,
                container: "game".into(),
                host_port: Some(port),
                digest: format!("sha256:{}", "a".repeat(64)),
            });
        }
    }
}

#[tokio::test]
async fn a_task_definition_comes_back_as_it_was_registered() {
    let place = place().await;
    let registered = place.ecs("RegisterTaskDefinition", &document("game")).await.granted();
    assert_eq!(registered["taskDefinition"]["revision"], 1);
    assert_eq!(registered["tags"], document("game")["tags"]);

    let request = json!({"taskDefinition": "game", "include": ["TAGS"]});
    let described = place.ecs("DescribeTaskDefinition", &request).await.granted();
    assert_eq!(described, registered);
    let definition = &described["taskDefinition"];
    assert_eq!(definition["invented"], json!({"by": "tomorrow"}));
    assert!(definition.get("tags").is_none());
    assert_eq!(definition["registeredBy"], "arn:aws:iam::123456789012:user/tester");

    let bare = place.ecs("DescribeTaskDefinition", &json!({"taskDefinition": "game:1"})).await.granted();
    assert!(bare.get("tags").is_none());
    let (code, message) =
        place.ecs("DescribeTaskDefinition", &json!({"taskDefinition": "x"})).await.refused();
    assert_eq!((code.as_str(), message.as_str()), ("ClientException", "Unable to describe task definition."));
}

#[tokio::test]
async fn task_definitions_are_listed_by_family_number_and_status() {
    let place = place().await;
    for family in ["game", "game-2", "api", "game"] {
        place.ecs("RegisterTaskDefinition", &document(family)).await.granted();
    }
    place.ecs("DeregisterTaskDefinition", &json!({"taskDefinition": "api:1"})).await.granted();
    let arn = |name: &str| format!("arn:aws:ecs:eu-central-1:123456789012:task-definition/{name}");
    for (request, expected) in [
        (json!({}), vec!["game:1", "game:2", "game-2:1"]),
        (json!({"familyPrefix": "game"}), vec!["game:1", "game:2"]),
        (json!({"familyPrefix": "game", "sort": "DESC", "maxResults": 1}), vec!["game:2"]),
        (json!({"status": "INACTIVE"}), vec!["api:1"]),
    ] {
        let listed = place.ecs("ListTaskDefinitions", &request).await.granted();
        let expected: Vec<String> = expected.into_iter().map(arn).collect();
        assert_eq!(listed["taskDefinitionArns"], json!(expected), "{request}");
    }
    for (request, expected) in [
        (json!({}), json!(["api", "game", "game-2"])),
        (json!({"familyPrefix": "game"}), json!(["game", "game-2"])),
        (json!({"status": "INACTIVE"}), json!(["api"])),
    ] {
        let listed = place.ecs("ListTaskDefinitionFamilies", &request).await.granted();
        assert_eq!(listed["families"], expected, "{request}");
    }
    let mut token = Value::Null;
    let mut pages = Vec::new();
    for _ in 0..3 {
        let request = json!({"maxResults": 1, "nextToken": token});
        let page = place.ecs("ListTaskDefinitionFamilies", &request).await.granted();
        pages.push(page["families"][0].clone());
        token = page["nextToken"].clone();
    }
    assert_eq!((json!(pages), token), (json!(["api", "game", "game-2"]), Value::Null));
    for bad in [json!({"nextToken": "?"}), json!({"maxResults": 0}), json!({"maxResults": 101})] {
        let (code, _) = place.ecs("ListTaskDefinitions", &bad).await.refused();
        assert_eq!(code, "InvalidParameterException", "{bad}");
    }
}

#[tokio::test]
async fn a_service_is_shown_with_what_was_asked_and_what_ecs_fills_in() {
    let place = place().await;
    let created = with_service(&place).await;
    assert_eq!(created["serviceArn"], GAME);
    let service = described(&place).await;
    let definition = "arn:aws:ecs:eu-central-1:123456789012:task-definition/game:1";
    for (member, expected) in [
        ("status", json!("ACTIVE")),
        ("desiredCount", json!(2)),
        ("taskDefinition", json!(definition)),
        ("launchType", json!("FARGATE")),
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({"type": "ECS"})),
        ("networkConfiguration", json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}})),
        ("createdBy", json!("arn:aws:iam::123456789012:user/tester")),
        ("tags", json!([{"key": "pushboat:repository", "value": "game"}])),
        ("loadBalancers", json!([])),
    ] {
        assert_eq!(service[member], expected, "{member}");
    }
    assert_eq!(
        service["deploymentConfiguration"],
        json!({
            "minimumHealthyPercent": 50,
            "maximumPercent": 200,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
            "deploymentCircuitBreaker": {
                "enable": true,
                "rollback": true,
                "resetOnHealthyTask": true,
                "thresholdConfiguration": {"type": "COUNT", "value": 4},
            },
        })
    );
    let deployment = &service["deployments"][0];
    assert_eq!(deployment["status"], "PRIMARY");
    assert_eq!(deployment["rolloutState"], "IN_PROGRESS");
    assert!(service["createdAt"].is_f64());
    let bare = place.ecs("DescribeServices", &json!({"services": [GAME]})).await.granted();
    assert!(bare["services"][0].get("tags").is_none());
}

#[tokio::test]
async fn an_update_changes_only_what_it_names() {
    let place = place().await;
    with_service(&place).await;
    let before = described(&place).await;
    let request = json!({"service": "game", "desiredCount": 3});
    place.ecs("UpdateService", &request).await.granted();
    let after = described(&place).await;
    assert_eq!(after["desiredCount"], 3);
    assert_eq!(after["taskDefinition"], before["taskDefinition"]);
    assert_eq!(after["deploymentConfiguration"], before["deploymentConfiguration"]);
    assert_eq!(after["deployments"].as_array().unwrap().len(), 1);

    let off = json!({"service": "game", "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": false, "rollback": false}}});
    place.ecs("UpdateService", &off).await.granted();
    let configuration = described(&place).await["deploymentConfiguration"].clone();
    assert_eq!(configuration["deploymentCircuitBreaker"], json!({"enable": false, "rollback": false}));
    assert_eq!(configuration["minimumHealthyPercent"], 50);
}

#[tokio::test]
async fn what_would_not_happen_is_refused() {
    let place = place().await;
    with_service(&place).await;
    for (request, code) in [
        (
            json!({"service": "game", "deploymentConfiguration": {"strategy": "ZIGZAG"}}),
            "UnsupportedFeatureException",
        ),
        (
            json!({"service": "game", "deploymentConfiguration": {"bakeTimeInMinutes": 5}}),
            "UnsupportedFeatureException",
        ),
        (
            json!({"service": "game", "deploymentConfiguration": {
                "strategy": "BLUE_GREEN",
                "lifecycleHooks": [{"hookTargetArn": "arn:f", "lifecycleStages": ["POST_SCALE_UP"]}],
            }}),
            "UnsupportedFeatureException",
        ),
        (
            json!({"service": "game", "deploymentController": {"type": "CODE_DEPLOY"}}),
            "UnsupportedFeatureException",
        ),
        (
            json!({"service": "game", "loadBalancers": [{"targetGroupArn": "t", "containerName": "game", "containerPort": 1}]}),
            "UnsupportedFeatureException",
        ),
        (json!({"service": "game", "desiredCount": -1}), "InvalidParameterException"),
        (json!({"desiredCount": 1}), "InvalidParameterException"),
        (json!({"service": "other", "desiredCount": 1}), "ServiceNotFoundException"),
        (json!({"service": "game", "cluster": "other"}), "ClusterNotFoundException"),
    ] {
        assert_eq!(place.ecs("UpdateService", &request).await.refused().0, code, "{request}");
    }
}

#[tokio::test]
async fn missing_records_are_failures_not_errors() {
    let place = place().await;
    let services = place.ecs("DescribeServices", &json!({"services": ["none"]})).await.granted();
    assert_eq!(
        services,
        json!({
            "services": [],
            "failures": [{
                "arn": "arn:aws:ecs:eu-central-1:123456789012:service/default/none",
                "reason": "MISSING",
            }],
        })
    );
    let clusters = place.ecs("DescribeClusters", &json!({"clusters": ["none", "default"]})).await.granted();
    assert_eq!(clusters["failures"][0]["reason"], "MISSING");
    assert_eq!(clusters["clusters"][0]["clusterName"], "default");
    let tasks = place.ecs("DescribeTasks", &json!({"tasks": ["0123"]})).await.granted();
    assert_eq!(tasks["failures"][0]["reason"], "MISSING");
    let arn = "arn:aws:ecs:eu-central-1:123456789012:service-revision/default/game/1";
    let revisions =
        place.ecs("DescribeServiceRevisions", &json!({"serviceRevisionArns": [arn]})).await.granted();
    assert_eq!(revisions["failures"][0], json!({"arn": arn, "reason": "MISSING"}));
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let (code, _) = place.ecs("DescribeServices", &json!({"services": many})).await.refused();
    assert_eq!(code, "InvalidParameterException");
}

#[tokio::test]
async fn tags_are_put_listed_and_removed() {
    let place = place().await;
    with_service(&place).await;
    let request = json!({"resourceArn": GAME, "tags": [{"key": "a", "value": "1"}, {"key": "b"}]});
    place.ecs("TagResource", &request).await.granted();
    let remove = json!({"resourceArn": GAME, "tagKeys": ["pushboat:repository"]});
    place.ecs("UntagResource", &remove).await.granted();
    let listed = place.ecs("ListTagsForResource", &json!({"resourceArn": GAME})).await.granted();
    assert_eq!(listed["tags"], json!([{"key": "a", "value": "1"}, {"key": "b", "value": ""}]));
    let twice =
        json!({"resourceArn": GAME, "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]});
    assert_eq!(place.ecs("TagResource", &twice).await.refused().0, "InvalidParameterException");
}

#[tokio::test]
async fn a_roll_out_is_seen_in_tasks_deployments_and_revisions() {
    let mut place = place().await;
    with_service(&place).await;
    let started = place.effects_until(2, |effect| matches!(effect, Effect::StartTask(_))).await;
    start_tasks(&place, started);
    for _ in 0..200 {
        if described(&place).await["deployments"][0]["rolloutState"] == "COMPLETED" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let service = described(&place).await;
    assert_eq!(service["runningCount"], 2);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");

    let listed = place.ecs("ListTasks", &json!({"serviceName": "game"})).await.granted();
    let tasks = place.ecs("DescribeTasks", &json!({"tasks": listed["taskArns"]})).await.granted();
    let task = &tasks["tasks"][0];
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 2);
    assert_eq!((&task["lastStatus"], &task["cpu"]), (&json!("RUNNING"), &json!("256")));
    assert_eq!(task["startedBy"], service["deployments"][0]["id"]);
    assert_eq!(task["containers"][0]["imageDigest"], format!("sha256:{}", "a".repeat(64)));
    for (filter, count) in [
        (json!({"family": "game"}), 2),
        (json!({"family": "gam"}), 0),
        (json!({"desiredStatus": "STOPPED"}), 0),
        (json!({"launchType": "EC2"}), 0),
    ] {
        let listed = place.ecs("ListTasks", &filter).await.granted();
        assert_eq!(listed["taskArns"].as_array().unwrap().len(), count, "{filter}");
    }

    let listed = place
        .ecs("ListServiceDeployments", &json!({"service": GAME, "status": ["SUCCESSFUL"]}))
        .await
        .granted();
    let brief = &listed["serviceDeployments"][0];
    assert_eq!(brief["serviceDeploymentArn"], service["currentServiceDeployment"]);
    let request = json!({"serviceDeploymentArns": [brief["serviceDeploymentArn"]]});
    let deployment =
        place.ecs("DescribeServiceDeployments", &request).await.granted()["serviceDeployments"][0].clone();
    assert_eq!(deployment["targetServiceRevision"]["runningTaskCount"], 2);
    assert_eq!(deployment["deploymentCircuitBreaker"]["threshold"], 4);
    let request = json!({"serviceRevisionArns": [brief["targetServiceRevisionArn"]]});
    let revision =
        place.ecs("DescribeServiceRevisions", &request).await.granted()["serviceRevisions"][0].clone();
    assert_eq!(
        revision["containerImages"],
        json!([{
            "containerName": "game",
            "image": "registry/game:v1",
            "imageDigest": format!("sha256:{}", "a".repeat(64)),
        }])
    );
    let stop = json!({"serviceDeploymentArn": brief["serviceDeploymentArn"]});
    assert_eq!(place.ecs("StopServiceDeployment", &stop).await.refused().0, "ConflictException");
    let none = json!({"service": GAME, "createdAt": {"before": 1.0}});
    let listed = place.ecs("ListServiceDeployments", &none).await.granted();
    assert_eq!(listed["serviceDeployments"], json!([]));
}

#[tokio::test]
async fn a_failed_roll_out_says_what_happened() {
    let mut place = place().await;
    with_service(&place).await;
    let mut failed = 0;
    while failed < 4 {
        for effect in place.effects_until(1, |effect| matches!(effect, Effect::StartTask(_))).await {
            let Effect::StartTask(task) = effect else { continue };
            place.wire.hub.report(Report::TaskFailedToStart {
                task_arn: task.task_arn,
                container: "game".into(),
                reason: "CannotPullContainerError: no such image".into(),
            });
            failed += 1;
        }
    }
    let service = described(&place).await;
    let deployment = &service["deployments"][0];
    assert_eq!(deployment["rolloutState"], "FAILED");
    assert_eq!(deployment["failedTasks"], 4);
    let listed = place.ecs("ListServiceDeployments", &json!({"service": "game"})).await.granted();
    let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
    let request = json!({"serviceDeploymentArns": [arn]});
    let shown =
        place.ecs("DescribeServiceDeployments", &request).await.granted()["serviceDeployments"][0].clone();
    assert_eq!(
        shown["deploymentCircuitBreaker"],
        json!({"status": "TRIGGERED", "failureCount": 4, "threshold": 4})
    );
    assert!(shown["statusReason"].as_str().unwrap().contains("circuit breaker"), "{shown}");

    let stopped = place.ecs("ListTasks", &json!({"desiredStatus": "STOPPED"})).await.granted();
    let tasks = place.ecs("DescribeTasks", &json!({"tasks": stopped["taskArns"]})).await.granted();
    let task = &tasks["tasks"][0];
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert_eq!(task["containers"][0]["reason"], "CannotPullContainerError: no such image");
}

#[tokio::test]
async fn a_cluster_is_made_with_its_providers_and_deleted_when_it_is_empty() {
    let place = place().await;
    let request = json!({
        "clusterName": "lab",
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "settings": [{"name": "containerInsights", "value": "enabled"}],
    });
    let cluster = place.ecs("CreateCluster", &request).await.granted()["cluster"].clone();
    assert_eq!(cluster["capacityProviders"], request["capacityProviders"]);
    assert_eq!(cluster["settings"], request["settings"]);
    let deleted = place.ecs("DeleteCluster", &json!({"cluster": "lab"})).await.granted();
    assert_eq!(deleted["cluster"]["status"], "INACTIVE");
    let described = place.ecs("DescribeClusters", &json!({"clusters": ["lab"]})).await.granted();
    assert_eq!(described["clusters"][0]["status"], "INACTIVE");
    let listed = place.ecs("ListClusters", &json!({})).await.granted();
    assert_eq!(listed["clusterArns"].as_array().map(Vec::len), Some(1), "default alone");
    let (code, _) = place.ecs("DeleteCluster", &json!({"cluster": "lab"})).await.refused();
    assert_eq!(code, "ClusterNotFoundException");

    with_service(&place).await;
    let (code, _) = place.ecs("DeleteCluster", &json!({"cluster": "default"})).await.refused();
    assert_eq!(code, "ClusterContainsServicesException");
}
