//! Clusters: what they lend to services, and when they can go.

use serde_json::{Map, Value, json};

use super::*;

fn members(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn only_an_empty_cluster_can_be_deleted() {
    let mut laptop = Laptop::with_service(2);
    laptop.finishes_requests = false;
    let refused = |laptop: &mut Laptop| laptop.world.delete_cluster("demo").unwrap_err().code;
    assert_eq!(refused(&mut laptop), "ClusterContainsServicesException");
    laptop.world.delete_service(Some("demo"), "game", true).unwrap();
    assert_eq!(refused(&mut laptop), "ClusterContainsTasksException");
    laptop.run_for(20);
    assert!(!laptop.world.delete_cluster("demo").unwrap().active);
    assert_eq!(refused(&mut laptop), "ClusterNotFoundException");
    let refusal = laptop.world.create_service(service_request()).unwrap_err();
    assert_eq!(refusal.code, "ClusterNotFoundException");
    assert!(!laptop.world.find_deleted_cluster(Some("demo")).unwrap().active, "ECS shows it as INACTIVE");

    let again = laptop.world.create_cluster("demo", Tags::new()).unwrap();
    assert!(again.active);
    assert_eq!(laptop.world.ecs.clusters.iter().filter(|it| it.name == "demo").count(), 1);
    laptop.finishes_requests = true;
    laptop.world.create_service(service_request()).unwrap();
    laptop.run_for(20);
    assert_eq!(laptop.healthy(), 2);
}

#[test]
fn a_service_that_says_nothing_takes_the_default_strategy() {
    let mut laptop = Laptop::new();
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    let with = members(json!({ "defaultCapacityProviderStrategy": strategy }));
    laptop.world.create_cluster_with("spot", Tags::new(), with).unwrap();
    let document = members(json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "web", "image": "web"}],
    }));
    laptop.world.register_task_definition(document, Tags::new(), "test").unwrap();
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let request = |name: &str, own: Value| CreateService {
        cluster: Some("spot".into()),
        name: name.into(),
        task_definition: "web".into(),
        passed_through: members(own),
        ..service_request()
    };
    let own = json!({ "networkConfiguration": network });
    let taken = laptop.world.create_service(request("a", own)).unwrap().passed_through;
    assert_eq!(taken["capacityProviderStrategy"], strategy);
    let own = json!({ "networkConfiguration": network, "launchType": "FARGATE" });
    let own = laptop.world.create_service(request("b", own)).unwrap().passed_through;
    assert!(!own.contains_key("capacityProviderStrategy"));
    let bad = members(json!({ "capacityProviders": ["mine"] }));
    let refusal = laptop.world.create_cluster_with("mine", Tags::new(), bad).unwrap_err();
    assert_eq!(refusal.code, "InvalidParameterException");
}

#[test]
fn a_service_keeps_its_target_group_and_needs_one_behind_a_listener() {
    let mut laptop = Laptop::new();
    laptop.register("v1");
    let group = laptop.target_group_arn();
    let listener = laptop.world.find_load_balancer("game").unwrap().listeners[0].arn.clone();
    let balanced = CreateService {
        load_balancers: vec![ServiceLoadBalancer {
            target_group_arn: group.clone(),
            container_name: "game".into(),
            container_port: 8080,
        }],
        ..service_request()
    };
    laptop.world.create_service(balanced.clone()).unwrap();
    laptop.run_for(20);
    laptop.world.delete_listener(&listener).unwrap();
    assert_eq!(laptop.world.delete_target_group(&group).unwrap_err().code, "ResourceInUse");
    let refusal = laptop.world.create_service(CreateService { name: "late".into(), ..balanced }).unwrap_err();
    assert!(refusal.message.ends_with("does not have an associated load balancer."), "{refusal}");
    laptop.world.delete_service(Some("demo"), "game", true).unwrap();
    laptop.run_for(20);
    assert!(laptop.world.find_target_group(&group).unwrap().targets.is_empty());
    laptop.world.delete_target_group(&group).unwrap();
}
