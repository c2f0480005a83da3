//! A person and the HTTP API: back to the release before, a hold that a push waits for, and a digest that may return. What
//! is sent are the examples of README.md.

use std::collections::BTreeMap;

use aws_sigv4::http_request::SignatureLocation;
use pushboat_cli::local::Local;
use pushboat_tests::client::{request, send, signed};
use pushboat_tests::{Wishes, a_later_second, place};
use serde_json::{Value, json};

use super::base::everything_written;
use super::{event, push, push_and_hear, settled_on, sweep};

/// `api <METHOD> <path> ['<body>']` of README.md, by method and the last part of the path.
fn examples() -> BTreeMap<String, (String, String, String)> {
    let readme = include_str!("../../../README.md");
    let calls = readme.lines().filter_map(|line| line.strip_prefix("api "));
    let read = |call: &str| {
        let call = call.split("  #").next().unwrap().trim().replacen("GET '", "GET ", 1);
        let call = call.trim_end_matches('\'');
        let (call, body) = call.split_once(" '").unwrap_or((call, ""));
        let (method, path) = call.split_once(' ').unwrap();
        let name = format!("{method} {}", path.rsplit('/').next().unwrap());
        let about_cluster = path.starts_with("/clusters/");
        let name = if about_cluster { format!("{name} of the cluster") } else { name };
        let name = if body.contains("permanent") { format!("{name} for good") } else { name };
        (name, (method.to_owned(), path.to_owned(), body.to_owned()))
    };
    calls.map(read).collect()
}

pub(super) struct Person<'a>(pub(super) &'a Local);

impl Person<'_> {
    pub(super) async fn sends(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.sends_once(method, path, body, None).await
    }

    /// With an Idempotency-Key.
    pub(super) async fn sends_once(
        &self,
        method: &str,
        path: &str,
        body: &str,
        key: Option<&str>,
    ) -> (u16, Value) {
        let at = &self.0.addresses;
        let mut request = request(method, &format!("{}{path}", at.api), body.as_bytes());
        if let Some(key) = key {
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        }
        let key = (at.access_key_id.as_str(), at.secret_access_key.as_str());
        send(signed(request, body.as_bytes(), key, SignatureLocation::Headers)).await
    }

    /// An example as README.md has it, or with another body.
    async fn asks(&self, example: &str, other_body: Option<Value>) -> (u16, Value) {
        let (method, path, body) = &examples()[example];
        let body = other_body.map_or_else(|| body.clone(), |body| body.to_string());
        self.sends(method, path, &body).await
    }

    async fn sees(&self) -> Value {
        let (status, mut shown) = self.sends("GET", "/services", "").await;
        assert_eq!(status, 200, "{shown}");
        shown["services"][0].take()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_a_person_goes_back_holds_and_lets_return() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let person = Person(&local);
    let first = push(&local, "v1").await;
    settled_on(&local, &first).await;
    let second = push(&local, "v2").await;
    settled_on(&local, &second).await;

    let (status, answer) = person.asks("POST rollback", None).await;
    let decided: Vec<_> = { answer["decisions"].as_array().unwrap().iter() }
        .map(|it| it["decision"].as_str().unwrap())
        .collect();
    assert_eq!((status, decided.as_slice()), (202, &["rejected", "rolled_back"][..]), "{answer}");
    settled_on(&local, &first).await;
    let (status, again) = person.asks("POST rollback", None).await;
    assert_eq!((status, &again["decisions"][0]["decision"]), (200, &json!("kept")), "{again}");
    local.place.lambda().idle().await;
    assert_eq!(sweep(&local).await.last().unwrap()["decision"], "restored");
    let before = everything_written(&local);
    assert!(sweep(&local).await[0]["reason"].as_str().unwrap().contains("was rejected"));
    assert_eq!(everything_written(&local), before, "it stays away");
    let seen = person.sees().await;
    let rejected = &seen["rejected"][0];
    assert_eq!((&rejected["digest"], &seen["images"][0]["digest"]), (&json!(second), &json!(first)));
    let why = rejected["why"].as_str().unwrap();
    assert!(why.starts_with("rolled back by arn:aws:") && rejected["at"].is_string(), "{rejected}");

    let (status, answer) = person.asks("POST hold", None).await;
    assert_eq!((status, &answer["decisions"][0]["decision"]), (200, &json!("held")), "{answer}");
    let withheld = push_and_hear(&local, "v3").await;
    assert_eq!((&withheld["decision"], &withheld["withheld"]), (&json!("kept"), &json!(true)), "{withheld}");
    let seen = person.sees().await;
    let reason = seen["hold"]["reason"].as_str().unwrap();
    assert!(withheld["reason"].as_str().unwrap().ends_with(reason), "{withheld} {reason}");
    assert_eq!(seen["images"][0]["digest"], first);
    // Nobody without a name lifts it: not past the gateway, and not past the function.
    let (method, path, _) = &examples()["DELETE hold"];
    let unsigned = send(request(method, &format!("{}{path}", local.addresses.api), b"")).await;
    assert_eq!(unsigned.0, 403);
    let mut nobody = event("api/unhold");
    nobody["requestContext"]["authorizer"].take();
    let refused = local.place.lambda().invoke_sync("api", nobody).await.unwrap();
    assert_eq!(refused.payload["statusCode"], 401, "{refused:?}");
    assert_eq!(person.sees().await["hold"]["reason"], reason);

    let (status, answer) = person.asks("DELETE hold", None).await;
    assert_eq!((status, &answer["decisions"][1]["decision"]), (202, &json!("released")), "{answer}");
    let third = answer["decisions"][1]["digest"].as_str().unwrap().to_owned();
    settled_on(&local, &third).await;

    let (status, answer) = person.asks("POST release", Some(json!({ "digest": second }))).await;
    assert_eq!((status, &answer["decisions"][0]["decision"]), (200, &json!("lifted")), "{answer}");
    let seen = person.sees().await;
    assert_eq!((&seen["rejected"], &seen["hold"]), (&json!([]), &Value::Null), "{seen}");
    assert_eq!(seen["images"][0]["digest"], third, "what is tracked has moved on");
    calls_are_all_written_down(&person).await;
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_a_person_plans_and_deploys_what_nobody_follows() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let person = Person(&local);
    let first = push(&local, "v1").await;
    settled_on(&local, &first).await;
    let second = push(&local, "v2").await;
    settled_on(&local, &second).await;
    let before = everything_written(&local);

    let (method, path, _) = &examples()["GET game-2048"];
    let (status, seen) = person.sends(method, path, "").await;
    assert_eq!((status, &seen["now"]["decisions"][0]["decision"]), (200, &json!("kept")), "{seen}");
    assert_eq!((&seen["now"]["calls"], &seen["service"]), (&json!([]), &json!("game-2048")));
    let (status, planned) = person.asks("GET plan?tag=live", None).await;
    assert_eq!((status, &planned["decisions"][0]["decision"]), (200, &json!("kept")), "{planned}");
    let plan = format!("{path}/plan?digest={first}");
    let (status, planned) = person.sends("GET", &plan, "").await;
    let (_, tried) = person.asks("POST deploy", Some(json!({"digest": first, "dry_run": true}))).await;
    for planned in [&planned, &tried] {
        assert_eq!((status, &planned["decisions"][0]["decision"]), (200, &json!("released")), "{planned}");
        let calls = planned["calls"].as_array().unwrap();
        let called = |name: &str| calls.iter().find(|call| call["call"] == name).unwrap();
        let differences = called("RegisterTaskDefinition")["differences"].as_array().unwrap();
        assert!(
            differences.len() == 1 && differences[0]["to"].as_str().unwrap().ends_with(&first),
            "{planned}"
        );
        assert_eq!(called("UpdateService")["task_definition"], called("RegisterTaskDefinition")["revision"]);
    }
    assert_eq!(everything_written(&local), before, "a plan writes nothing");

    let (status, refused) = person.asks("POST deploy", Some(json!({"digest": first, "from": first}))).await;
    assert_eq!((status, &refused["type"]), (409, &json!("/problems/moved")), "{refused}");
    let (status, refused) = person.asks("POST deploy", Some(json!({"tag": "nothing"}))).await;
    assert_eq!((status, &refused["type"]), (409, &json!("/problems/refused")), "{refused}");
    assert_eq!(everything_written(&local), before);
    a_later_second().await;
    let (status, answer) = person.asks("POST deploy", Some(json!({"digest": first, "from": second}))).await;
    assert_eq!((status, &answer["decisions"][0]["decision"]), (202, &json!("released")), "{answer}");
    settled_on(&local, &first).await;
    let kept = sweep(&local).await.remove(0);
    assert!(
        kept["reason"].as_str().unwrap().contains("has asked for, and stays until the next push"),
        "{kept}"
    );
    assert!(person.sees().await["diverged"]["asked_by"].as_str().unwrap().starts_with("arn:aws:"));

    let (status, answer) = person.asks("POST resume", None).await;
    assert_eq!((status, &answer["decisions"][1]["decision"]), (202, &json!("released")), "{answer}");
    settled_on(&local, &second).await;
    history_is_shown(&person, [&second, &first, &second, &first]).await;
    let (status, answer) = person.asks("POST deploy", None).await;
    assert_eq!((status, &answer["decisions"][0]["decision"]), (200, &json!("kept")), "{answer}");
    local.shutdown().await;
}

/// These digests, newest first, after the placeholder; the second because somebody has asked for it.
async fn history_is_shown(person: &Person<'_>, digests: [&str; 4]) {
    let (status, shown) = person.asks("GET history", None).await;
    let entries = shown["entries"].as_array().unwrap();
    assert_eq!((status, entries.len(), &shown["next"]), (200, 5, &Value::Null), "{shown}");
    for (entry, digest) in entries.iter().zip(digests) {
        assert_eq!(
            (&entry["outcome"], &entry["images"][0]["digest"]),
            (&json!("successful"), &json!(digest))
        );
    }
    assert!(entries[1]["asked_by"].as_str().unwrap().starts_with("arn:aws:"), "{shown}");
    assert_eq!(
        (&entries[2]["cause"], &entries[2]["asked_by"]),
        (&json!("push of game-2048:live"), &Value::Null)
    );
    // By twos, and the same.
    let (method, path, _) = &examples()["GET history"];
    let (mut before, mut paged) = (String::new(), Vec::new());
    for _ in 0..3 {
        let (status, page) = person.sends(method, &format!("{path}?limit=2{before}"), "").await;
        assert_eq!(status, 200, "{page}");
        paged.extend(page["entries"].as_array().unwrap().clone());
        before = page["next"].as_str().map_or_else(String::new, |next| format!("&before={next}"));
    }
    assert_eq!((&paged, before.as_str()), (entries, ""), "and no page after that");
}

/// The examples that the run has no use for are understood at least.
async fn calls_are_all_written_down(person: &Person<'_>) {
    person.0.place.hub().with(|world| {
        let service = world.find_service(Some("pushboat"), "game-2048").unwrap().unwrap().arn.clone();
        let capacity = [("pushboat:capacity".to_owned(), "1-4".to_owned())];
        world.tag_resource(&service, capacity.into()).unwrap();
    });
    let (status, answer) = person.asks("POST scale", None).await;
    assert_eq!((status, &answer["decisions"][1]["desired_count"]), (202, &json!(4)), "{answer}");
    let said = &person.sees().await["capacity"]["overrides"][0];
    assert!(said.as_str().is_some_and(|it| it.starts_with("at least 4 by arn:aws:")), "{said}");
    let seen = person.sees().await;
    let last: Vec<_> = { seen["last_decisions"].as_array().unwrap().iter() }
        .map(|it| it["decision"].as_str().unwrap())
        .collect();
    assert_eq!((last.as_slice(), &seen["trouble"]), (&["overridden", "scaled"][..], &json!([])), "{seen}");
    let in_zones: u64 = { seen["zones"].as_array().unwrap().iter() }
        .map(|zone| zone["running"].as_u64().unwrap() + zone["pending"].as_u64().unwrap())
        .sum();
    assert!(in_zones >= 1, "{seen}");
    let (status, shown) = person.sends("GET", "/services/pushboat/game-2048/history?kind=count", "").await;
    let entries = shown["entries"].as_array().unwrap();
    assert_eq!((status, entries.len(), &shown["notes"]), (200, 2, &json!([])), "{shown}");
    assert_eq!((&entries[0]["decision"], &entries[0]["to"]), (&json!("scaled"), &json!(4)), "{shown}");
    assert!(entries[0]["cause"].as_str().unwrap().starts_with("request of arn:aws:"), "{shown}");
    assert!(entries[1]["reason"].as_str().unwrap().starts_with("at least 4 by arn:aws:"), "{shown}");
    let mut methods = Vec::new();
    for (name, (method, path, body)) in examples() {
        let (status, answer) = match name.as_str() {
            "DELETE scale"
            | "POST scale for good"
            | "POST resume"
            | "POST hold of the cluster"
            | "DELETE hold of the cluster"
            | "POST continue"
            | "POST tasks"
            | "GET 0123456789abcdef" => person.sends(&method, &path, &body).await,
            _ => (200, Value::Null),
        };
        let expected = match name.as_str() {
            // No deployment waits at a hook.
            "POST continue" => 409,
            "POST tasks" => 202,
            // Nobody's.
            "GET 0123456789abcdef" => 404,
            _ => 200,
        };
        assert_eq!(status, expected, "{name}: {answer}");
        let path = path.split('?').next().unwrap().replace("0123456789abcdef", "{task}");
        let key = path.replace("/pushboat/game-2048", "/{cluster}/{service}");
        methods.push(format!("{method} {}", key.replace("/pushboat/", "/{cluster}/")));
    }
    let is_of_a_service = |key: &String| key.contains("{cluster}");
    let mut all: Vec<_> = pushboat_api::route_keys().filter(is_of_a_service).collect();
    methods.sort();
    methods.dedup();
    all.sort();
    assert_eq!(methods, all, "README.md has an example of every call");
}
