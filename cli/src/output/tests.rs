//! What is printed, held against files: `cli/tests/snapshots`. `PUSHBOAT_SNAPSHOTS=write` writes them anew.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use pushboat::checklist::handover::Change;
use pushboat::checklist::{Finding, Verdict};

use super::{Look, changes, checklist, decisions, detail, history, plan, services, stands, task_state};
use crate::api::{Decisions, Entry, Plan, Service, Task};

#[derive(Deserialize)]
struct Answer {
    services: Vec<Service>,
}

fn answer() -> Vec<Service> {
    let text = std::fs::read_to_string(folder().join("services.json")).unwrap();
    serde_json::from_str::<Answer>(&text).unwrap().services
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

fn page(width: usize) -> Look {
    Look { width, colours: false }
}

#[track_caller]
fn is_as_written(name: &str, printed: &str) {
    let path = folder().join(name);
    if std::env::var_os("PUSHBOAT_SNAPSHOTS").is_some_and(|it| it == "write") {
        std::fs::write(&path, format!("{printed}\n")).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written.trim_end(), printed, "{name}:\n{printed}");
}

#[test]
fn the_table_fits_the_page() {
    for width in [80, 120, 200] {
        let printed = services(&answer(), page(width));
        for line in printed.lines() {
            assert!(console::measure_text_width(line) <= width, "{line}");
        }
        is_as_written(&format!("services-{width}.txt"), &printed);
    }
    assert!(services(&[], page(80)).contains("pushboat:track"));
}

#[test]
fn one_service_shows_all_that_is_known() {
    let all = answer();
    for width in [80, 120] {
        let printed: Vec<String> = all.iter().map(|one| detail(one, page(width))).collect();
        is_as_written(&format!("detail-{width}.txt"), &printed.join("\n\n"));
    }
}

#[test]
fn what_a_service_has_run_fits_the_page() {
    let text = std::fs::read_to_string(folder().join("history.json")).unwrap();
    let entries: Vec<Entry> = serde_json::from_str(&text).unwrap();
    for width in [80, 120] {
        let printed = history(&entries, page(width));
        assert!(printed.lines().all(|line| console::measure_text_width(line) <= width), "{printed}");
        is_as_written(&format!("history-{width}.txt"), &printed);
    }
}

fn plans() -> Vec<Plan> {
    let text = std::fs::read_to_string(folder().join("plans.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_plan_shows_decisions_calls_and_differences() {
    for width in [80, 120] {
        let printed: Vec<String> = plans().iter().map(|one| plan(one, page(width))).collect();
        is_as_written(&format!("plan-{width}.txt"), &printed.join("\n\n\n"));
    }
    for one in &plans() {
        let painted = plan(one, Look { width: 100, colours: true });
        assert_eq!(console::strip_ansi_codes(&painted), plan(one, page(100)));
    }
    let painted = plan(&plans()[0], Look { width: 100, colours: true });
    assert!(painted.contains("\x1b[31m- 123456789012.") && painted.contains("\x1b[32m+ 123456789012."));
}

fn found() -> Vec<Finding> {
    let restart = "aws ecs update-service --cluster … --service … --deployment-configuration \
                   deploymentCircuitBreaker={enable=true,rollback=true}";
    vec![
        Finding::ok("service", "shop/cart is ACTIVE"),
        Finding::wrong(
            "circuit breaker",
            "it is off: a roll-out that fails goes on for ever, and ECS never says that it failed",
            restart,
        ),
        Finding::unknown(
            "execution role",
            "may shop-execution pull from cart? SimulatePrincipalPolicy: AccessDenied: User ann is not authorized",
        ),
        Finding::ok("services", "none is handed over in this region")
            .with("pushboat adopt <cluster>/<service> --track <repository>:<rule>"),
        Finding::ok("service production-europe/a-service-with-a-rather-long-name", "follows web:semver/1"),
    ]
}

#[test]
fn a_checklist_says_what_is_wrong_and_what_to_do() {
    for width in [80, 120] {
        let printed = checklist(&found(), page(width));
        for line in printed.lines() {
            assert!(console::measure_text_width(line) <= width, "{line}");
        }
        is_as_written(&format!("checklist-{width}.txt"), &printed);
        let painted = checklist(&found(), Look { width, colours: true });
        assert_eq!(console::strip_ansi_codes(&painted), printed);
        assert!(painted.contains("\x1b[31mwrong\x1b[0m"), "{painted:?}");
    }
    assert_eq!(found().iter().filter(|it| it.verdict == Verdict::Wrong).count(), 1);
    let change = |tag: &str, from: Option<&str>, to: Option<&str>| Change {
        tag: tag.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    let all = [
        change("pushboat:track", Some("cart:live"), Some("cart:main")),
        change("pushboat:capacity", None, Some("2-10")),
        change("pushboat:hold", Some("- ann moving house"), None),
    ];
    is_as_written("changes-80.txt", &changes(&all, page(80)));
}

#[test]
fn colours_change_no_word() {
    let (plain, painted) = (page(100), Look { width: 100, colours: true });
    for one in &answer() {
        assert_eq!(console::strip_ansi_codes(&detail(one, painted)), detail(one, plain));
    }
    let printed = services(&answer(), painted);
    assert!(printed.contains("\x1b[36mIN_PROGRESS\x1b[0m"), "{printed:?}");
    assert_eq!(console::strip_ansi_codes(&printed), services(&answer(), plain));
}

#[test]
fn decisions_are_paragraphs_and_a_look_is_a_line() {
    let decided: Decisions = serde_json::from_value(serde_json::json!({"decisions": [
        {"decision": "rejected", "reason": "rolled back by arn:aws:iam::123456789012:user/ann to game-2048:6", "new": 1},
        {"decision": "rolled_back", "reason": "rolled back by arn:aws:iam::123456789012:user/ann to game-2048:6, from \
         game-2048:7; the service was updated", "revision": "game-2048:6"},
    ]}))
    .unwrap();
    is_as_written("decisions-80.txt", &decisions(&decided.decisions, page(80)));
    assert_eq!(
        stands(&answer()[0]),
        "game-2048:7 IN_PROGRESS, running 5/4 (eu-central-1a 3, eu-central-1b 2), pending 1, healthy 4/5"
    );
}

#[test]
fn a_task_says_what_it_runs_and_how_it_ended() {
    let task = |state: &str, exit_code: Option<i64>| {
        let (id, task_definition) = ("0f3a9c".to_owned(), "game-2048:7".to_owned());
        task_state(&Task { id, task_definition, state: state.to_owned(), exit_code, ..Task::default() })
    };
    assert_eq!(task("PENDING", None), "task 0f3a9c of game-2048:7: PENDING");
    assert_eq!(task("STOPPED", Some(2)), "task 0f3a9c of game-2048:7: STOPPED, exit code 2");
}
