//! What ECS adds to a registered document when it shows it: the defaults of each container, and the members that
//! only an answer has. Everything else comes back as it went in.

use serde_json::{Map, Value, json};

use super::epoch;
use crate::world::ecs::TaskDefinition;

/// Members that a container always has in an answer.
const CONTAINER_LISTS: [&str; 5] =
    ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"];

pub(super) fn show(definition: &TaskDefinition) -> Value {
    let mut shown = definition.document.clone();
    for list in ["volumes", "placementConstraints"] {
        shown.entry(list).or_insert_with(|| json!([]));
    }
    let own_address = shown.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
    let containers = shown.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        complete_container(container, own_address);
    }
    let attributes = required_attributes(&shown);
    let compatibilities = compatibilities(&shown);
    shown.insert("taskDefinitionArn".into(), json!(definition.arn));
    shown.insert("revision".into(), json!(definition.revision));
    shown.insert("status".into(), json!(if definition.active { "ACTIVE" } else { "INACTIVE" }));
    shown.insert("requiresAttributes".into(), attributes);
    shown.insert("compatibilities".into(), compatibilities);
    shown.insert("registeredAt".into(), epoch(definition.registered_at));
    shown.insert("registeredBy".into(), json!(definition.registered_by));
    if let Some(at) = definition.deregistered_at {
        shown.insert("deregisteredAt".into(), epoch(at));
    }
    Value::Object(shown)
}

/// With an address of its own a task listens on the container's port; else the host chooses one, written as 0.
fn complete_container(container: &mut Map<String, Value>, own_address: bool) {
    container.entry("cpu").or_insert_with(|| json!(0));
    container.entry("essential").or_insert_with(|| json!(true));
    for list in CONTAINER_LISTS {
        container.entry(list).or_insert_with(|| json!([]));
    }
    let mappings = container.get_mut("portMappings").and_then(Value::as_array_mut);
    for mapping in mappings.into_iter().flatten().filter_map(Value::as_object_mut) {
        mapping.entry("protocol").or_insert_with(|| json!("tcp"));
        let host_port =
            mapping.get("containerPort").cloned().map(|port| if own_address { port } else { json!(0) });
        if let Some(port) = host_port {
            mapping.entry("hostPort").or_insert(port);
        }
    }
}

fn compatibilities(document: &Map<String, Value>) -> Value {
    let wanted =
        document.get("requiresCompatibilities").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if wanted.iter().any(|one| one == "FARGATE") { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) }
}

/// The capabilities a host would need, as far as the document tells. They are informative: on Fargate nobody chooses
/// a host.
fn required_attributes(document: &Map<String, Value>) -> Value {
    let containers = || {
        let list = document.get("containerDefinitions").and_then(Value::as_array);
        list.into_iter().flatten()
    };
    let has = |member: &str| document.contains_key(member);
    let from_ecr = containers().any(|container| {
        let image = container["image"].as_str().unwrap_or_default();
        image.contains(".dkr.ecr.") || image.contains(".dkr-ecr.")
    });
    let has_secrets = containers().any(|container| container.get("secrets").is_some());
    let mut names = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18".to_owned()];
    for container in containers() {
        if let Some(driver) = container["logConfiguration"]["logDriver"].as_str() {
            names.push(format!("com.amazonaws.ecs.capability.logging-driver.{driver}"));
            if has("executionRoleArn") && driver == "awslogs" {
                names.push("ecs.capability.execution-role-awslogs".to_owned());
            }
        }
    }
    for (present, name) in [
        (from_ecr, "com.amazonaws.ecs.capability.ecr-auth"),
        (from_ecr && has("executionRoleArn"), "ecs.capability.execution-role-ecr-pull"),
        (has("taskRoleArn"), "com.amazonaws.ecs.capability.task-iam-role"),
        (has_secrets, "ecs.capability.secrets.ssm.environment-variables"),
        (document.get("networkMode").is_some_and(|mode| mode == "awsvpc"), "ecs.capability.task-eni"),
    ] {
        if present {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.dedup();
    names.into_iter().map(|name| json!({"name": name})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(document: Value) -> TaskDefinition {
        TaskDefinition {
            arn: "arn:aws:ecs:eu-central-1:123456789012:task-definition/game:3".into(),
            family: "game".into(),
            revision: 3,
            active: true,
            document: document.as_object().cloned().unwrap(),
            tags: Default::default(),
            registered_at: "2026-11-21T08:00:00.250Z".parse().unwrap(),
            deregistered_at: None,
            registered_by: "arn:aws:iam::123456789012:user/dev".into(),
        }
    }

    #[test]
    fn defaults_are_filled_in_and_nothing_else_is_touched() {
        let registered = json!({
            "family": "game",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "inventedMember": {"deep": [1, {"er": true}]},
            "containerDefinitions": [
                {"name": "a", "image": "x", "portMappings": [{"containerPort": 80, "name": "web"}], "newThing": 1},
                {"name": "b", "image": "y", "essential": false, "cpu": 12, "environment": [{"name": "K", "value": "V"}]},
            ],
        });
        let shown = show(&definition(registered));
        assert_eq!(
            shown["containerDefinitions"],
            json!([
                {
                    "name": "a", "image": "x", "newThing": 1, "cpu": 0, "essential": true,
                    "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp", "name": "web"}],
                    "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
                },
                {
                    "name": "b", "image": "y", "cpu": 12, "essential": false, "portMappings": [],
                    "environment": [{"name": "K", "value": "V"}],
                    "mountPoints": [], "volumesFrom": [], "systemControls": [],
                },
            ])
        );
        assert_eq!(shown["inventedMember"], json!({"deep": [1, {"er": true}]}));
        assert_eq!(shown["compatibilities"], json!(["EC2", "FARGATE"]));
        assert_eq!(shown["registeredAt"], json!(1_795_248_000.25));
        assert_eq!((&shown["revision"], &shown["status"]), (&json!(3), &json!("ACTIVE")));
        assert!(shown.get("deregisteredAt").is_none());
    }

    /// A copy of what is shown, registered again, shows the same: only the members of an answer must be left out.
    #[test]
    fn showing_twice_changes_nothing() {
        let once = show(&definition(json!({
            "family": "game",
            "containerDefinitions": [{"name": "a", "image": "x", "portMappings": [{"containerPort": 80}]}],
        })));
        assert_eq!(once["containerDefinitions"][0]["portMappings"][0]["hostPort"], 0);
        assert_eq!(show(&definition(once.clone())), once);
    }

    #[test]
    fn attributes_follow_from_the_document() {
        let shown = show(&definition(json!({
            "family": "game",
            "networkMode": "awsvpc",
            "executionRoleArn": "r",
            "containerDefinitions": [{
                "name": "a",
                "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/game:v1",
                "logConfiguration": {"logDriver": "awslogs"},
            }],
        })));
        let attributes = shown["requiresAttributes"].as_array().unwrap();
        let names: Vec<&str> = attributes.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "com.amazonaws.ecs.capability.docker-remote-api.1.18",
                "com.amazonaws.ecs.capability.ecr-auth",
                "com.amazonaws.ecs.capability.logging-driver.awslogs",
                "ecs.capability.execution-role-awslogs",
                "ecs.capability.execution-role-ecr-pull",
                "ecs.capability.task-eni",
            ]
        );
    }
}
