//! `pushboat run`: its log is standard output, its end the exit status.

use pushboat_tests::place;

use super::person::Person;
use super::{push, two_tasks};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_run_and_followed_and_its_end_is_the_exit_status() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    push(&local, "v1").await;

    let said = person.told(0, &["run", "--", "--check"]).await;
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines.len() == 2 && lines[1].contains("as version v1"), "the log and nothing else: {}", said.out);
    for words in ["task_started", "PROVISIONING", "STOPPED, exit code 0", "ended well after"] {
        assert!(said.aside.contains(words), "{words}: {}", said.aside);
    }
    let said = person.told(4, &["run", "game-2048", "--", "--migrate", "all"]).await;
    assert!(said.out.contains("\"--migrate all\""), "{}", said.out);
    assert!(said.aside.contains("the task failed: 1 task failed: the container app exited with code 2"));
    let failed = person.told(4, &["run", "--output", "json", "--", "--migrate"]).await;
    let document = failed.json();
    assert_eq!((&document["outcome"], &document["exit_code"]), (&"failed".into(), &2.into()), "{document}");
    assert_eq!(document["log"]["lines"].as_array().map(Vec::len), Some(1), "{document}");

    let plan = person.told(0, &["run", "--dry-run", "--", "--check"]).await;
    assert!(plan.out.contains("RunTask") && plan.out.contains("nothing of it has been done"), "{}", plan.out);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_goes_on_is_followed_again_by_its_key() {
    let local = place(two_tasks()).await.unwrap();
    let person = Person::at(&local);
    // The game itself, which does not end.
    let said = person.told(5, &["run", "--key", "k-1", "--timeout", "1s"]).await;
    assert!(said.aside.contains("goes on") && said.aside.contains("--key k-1"), "{}", said.aside);
    let detached = person.told(0, &["run", "--key", "k-1", "--detach", "--output", "json"]).await.json();
    let id = detached["task"]["id"].as_str().unwrap().to_owned();
    assert!(said.aside.contains(&id), "{}", said.aside);
    let said = person.told(0, &["run", "--key", "k-1", "--detach"]).await;
    assert!(said.out.contains(&id) && said.out.contains("task_started"), "{}", said.out);
    let refused = person.told(3, &["run", "--key", "k-1", "--", "--check"]).await;
    assert!(refused.aside.contains(&id), "{}", refused.aside);
    let refused = person.told(3, &["run", "--from", "game-2048:99"]).await;
    assert!(refused.aside.contains("is not where 'from' says"), "{}", refused.aside);
    let refused = person.told(3, &["run", "--container", "nobody", "--", "--check"]).await;
    assert!(refused.aside.contains("there are: app"), "{}", refused.aside);

    // Somebody ends it.
    local.place.hub().with(|world| world.stop_task(Some("pushboat"), &id, Some("enough")).unwrap());
    let said = person.told(4, &["run", "--key", "k-1"]).await;
    assert!(said.aside.contains("the task failed: enough"), "{}", said.aside);
    assert!(said.out.contains("listens on"), "its log is still there: {}", said.out);
    local.shutdown().await;
}
