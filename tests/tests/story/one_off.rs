//! A one-off task on the image in service: it succeeds, it fails and says why, it is the same for the same key, and a service
//! and its releases know nothing of it.

use serde_json::{Value, json};

use super::asks::Person;
use super::base::everything_written;
use super::*;

const TASKS: &str = "/services/pushboat/game-2048/tasks";

async fn starts(person: &Person<'_>, body: Value, key: Option<&str>) -> Value {
    let (status, answer) = person.sends_once("POST", TASKS, &body.to_string(), key).await;
    assert_eq!((status, &answer["decisions"][0]["decision"]), (202, &json!("task_started")), "{answer}");
    answer
}

/// Its last answer, and every line that it wrote, a page at a time.
async fn ends(person: &Person<'_>, started: &Value) -> (Value, Vec<String>) {
    let path = started["task"]["path"].as_str().unwrap();
    let (mut lines, mut after, mut ended_before) = (Vec::new(), String::new(), false);
    for _ in 0..600 {
        let (status, shown) = person.sends("GET", &format!("{path}{after}"), "").await;
        assert_eq!(status, 200, "{shown}");
        let log = &shown["log"];
        lines.extend(
            log["lines"].as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap().to_owned()),
        );
        if let Some(next) = log["next"].as_str() {
            after = format!("?after={}", next.replace('/', "%2F"));
        }
        let has_ended = shown["outcome"] != "under_way";
        if has_ended && ended_before && log["is_at_end"] == true {
            return (shown, lines);
        }
        ended_before = has_ended;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it did not end: {lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_runs_once_on_the_image_in_service_and_says_how_it_ended() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let person = Person(&local);
    let digest = push(&local, "v1").await;
    settled_on(&local, &digest).await;
    let before = everything_written(&local);

    let planned = json!({"command": ["--check"], "dry_run": true}).to_string();
    let (status, plan) = person.sends("POST", TASKS, &planned).await;
    let call = &plan["calls"][0];
    assert_eq!((status, &call["call"]), (200, &json!("RunTask")), "{plan}");
    assert_eq!((&call["container"], &call["command"]), (&json!(stack::CONTAINER), &json!(["--check"])));
    assert_eq!(call["placement"]["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "ENABLED");
    assert!(!plan.to_string().contains("8080"), "no environment value: {plan}");
    assert_eq!(one_offs(&local), 0);

    let started = starts(&person, json!({"command": ["--check"]}), None).await;
    let revision = format!("game-2048:{}", local.view().unwrap().revision);
    assert_eq!(started["task"]["task_definition"], revision.as_str());
    assert!(started["task"]["run_by"].as_str().unwrap().starts_with("arn:aws:"), "{started}");
    let (ended, lines) = ends(&person, &started).await;
    assert_eq!((&ended["outcome"], &ended["exit_code"]), (&json!("succeeded"), &json!(0)), "{ended}");
    assert_eq!((&ended["state"], &ended["diagnosis"]), (&json!("STOPPED"), &Value::Null));
    assert_eq!(ended["run_by"], started["task"]["run_by"]);
    assert!(lines.len() == 2 && lines[0].ends_with("the settings can be meant"), "{lines:?}");
    assert!(lines[1].contains("as version v1"), "it is the image in service: {lines:?}");

    let failed = starts(&person, json!({"command": ["--migrate"]}), None).await;
    let (ended, lines) = ends(&person, &failed).await;
    assert_eq!((&ended["outcome"], &ended["exit_code"]), (&json!("failed"), &json!(2)), "{ended}");
    let diagnosis = &ended["diagnosis"];
    assert_eq!((&diagnosis["cause"], &diagnosis["container"]), (&json!("exited"), &json!(stack::CONTAINER)));
    let sentence = diagnosis["sentence"].as_str().unwrap();
    assert!(sentence.contains("exited with code 2") && sentence.contains("--migrate"), "{sentence}");
    assert_eq!(diagnosis["last_lines"], json!(lines));

    assert_eq!(everything_written(&local), before, "nothing of the service is another");
    assert_eq!(sweep(&local).await[0]["decision"], "kept");
    let told: Vec<_> = local.place.bus().recent().into_iter().map(|seen| seen.event).collect();
    let told = told.iter().filter(|it| it["detail-type"] == "Pushboat Task Started");
    let tasks: Vec<_> = told.map(|it| it["detail"]["task"].clone()).collect();
    assert_eq!(tasks, [started["task"]["id"].clone(), failed["task"]["id"].clone()]);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_task_and_nobody_elses() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let person = Person(&local);
    let check = json!({"command": ["--check"]});
    let first = starts(&person, check.clone(), Some("release-41")).await;
    // AWS's trouble makes the SDK try again, and a hold keeps only releases back.
    let (status, _) =
        person.sends("POST", "/services/pushboat/game-2048/hold", r#"{"reason": "big sale"}"#).await;
    assert_eq!(status, 200);
    let again = starts(&person, check.clone(), Some("release-41")).await;
    assert_eq!(first["task"], again["task"]);
    let other = json!({"command": ["--version"]}).to_string();
    let (status, taken) = person.sends_once("POST", TASKS, &other, Some("release-41")).await;
    let id = first["task"]["id"].as_str().unwrap();
    assert_eq!((status, &taken["type"]), (409, &json!("/problems/idempotency-key-taken")), "{taken}");
    assert!(taken["detail"].as_str().unwrap().contains(id), "{taken}");
    let (status, bad) = person.sends_once("POST", TASKS, "{}", Some("two words")).await;
    assert_eq!((status, &bad["type"]), (400, &json!("/problems/bad-idempotency-key")), "{bad}");
    assert_eq!(one_offs(&local), 1);
    let second = starts(&person, check, Some("release-42")).await;
    assert_ne!(first["task"]["id"], second["task"]["id"]);
    assert_eq!(ends(&person, &second).await.0["outcome"], "succeeded");

    // A task of the service itself is none that somebody ran.
    let own = local
        .place
        .hub()
        .with(|world| world.ecs.tasks.iter().find(|it| it.service_arn.is_some()).unwrap().id.clone());
    let (status, unknown) = person.sends("GET", &format!("{TASKS}/{own}"), "").await;
    assert_eq!((status, &unknown["type"]), (404, &json!("/problems/no-such-task")), "{unknown}");
    let (status, bad) = person.sends("GET", &format!("{TASKS}/{id}?after=nonsense"), "").await;
    assert_eq!((status, &bad["type"]), (400, &json!("/problems/bad-query")), "{bad}");

    local.place.hub().with(|world| world.ecs.no_capacity = true);
    let (status, refused) = person.sends("POST", TASKS, "{}").await;
    assert_eq!((status, &refused["type"]), (409, &json!("/problems/refused")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("Capacity is unavailable"), "{refused}");
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_family_runs_beside_the_service() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let person = Person(&local);
    local.place.hub().with(|world| {
        let mut document = world.find_task_definition(stack::SERVICE).unwrap().document.clone();
        document.insert("family".to_owned(), json!("game-2048-job"));
        document["containerDefinitions"][0]["command"] = json!(["--check"]);
        document["containerDefinitions"][0]["environment"] =
            json!([{"name": "GAME_LABEL", "value": "nobody-should-see-this"}]);
        world.register_task_definition(document, Default::default(), "a pipeline").unwrap();
    });
    let started = starts(&person, json!({"family": "game-2048-job"}), None).await;
    assert_eq!(started["task"]["task_definition"], "game-2048-job:1");
    let (ended, lines) = ends(&person, &started).await;
    assert_eq!(ended["outcome"], "succeeded", "{ended}");
    assert!(lines[1].contains("<GAME_LABEL>"), "{lines:?}");
    assert!(!ended.to_string().contains("nobody-should-see-this"));
    let (status, refused) = person.sends("POST", TASKS, r#"{"family": "nothing"}"#).await;
    assert_eq!(status, 409, "{refused}");
    local.shutdown().await;
}

/// Tasks that are no service's.
fn one_offs(local: &Local) -> usize {
    local.place.hub().with(|world| world.ecs.tasks.iter().filter(|it| it.service_arn.is_none()).count())
}
