//! Stopped tasks as ECS describes them, and what is said of them.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::policy;

const GROUP: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/0123456789abcdef";

fn container(name: &str, exit_code: Option<i32>, reason: &str) -> StoppedContainer {
    StoppedContainer { name: name.into(), exit_code, reason: reason.into(), unhealthy: false }
}

fn task(id: &str, stop_code: &str, reason: &str, containers: Vec<StoppedContainer>) -> StoppedTask {
    StoppedTask {
        id: id.into(),
        stop_code: stop_code.into(),
        stopped_reason: reason.into(),
        stopped_at: None,
        ran: None,
        containers,
    }
}

fn diagnosed(tasks: &[StoppedTask], messages: &[String]) -> Diagnosis {
    let health = TargetHealth::default();
    diagnose(Evidence { why: "tasks failed to start", tasks, messages, health: &health })
}

const EXITED: &str = "Essential container in task exited";

const GONE: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                123456789012.dkr.ecr.eu-central-1.amazonaws.com/web@sha256:0a: not found";
const WRONG_PLATFORM: &str = "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does \
                          not contain descriptor matching platform 'linux/amd64'";
const NO_SECRET: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                     failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch \
                     secret arn:aws:secretsmanager:eu-central-1:123456789012:secret:db from secrets manager: \
                     ResourceNotFoundException: Secrets Manager can't find the specified secret.";
const NO_WAY: &str = "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from \
                  asm: There is a connection issue between the task and AWS Secrets Manager. Check your task network \
                  configuration. failed to fetch secret: RequestCanceled: request context canceled: context deadline \
                  exceeded";
const NO_GROUP: &str = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: \
                    failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not \
                    exist. : exit status 1";

/// stopCode, stoppedReason, exit code and reason of the only container, and what it is.
type Row = (&'static str, &'static str, Option<i32>, &'static str, Cause);

const FAULTS: &[Row] = &[
    ("TaskFailedToStart", NO_SECRET, None, "", Cause::SecretMissing),
    ("TaskFailedToStart", NO_WAY, None, "", Cause::Network),
    ("TaskFailedToStart", GONE, None, GONE, Cause::ImageGone),
    ("TaskFailedToStart", WRONG_PLATFORM, None, WRONG_PLATFORM, Cause::WrongPlatform),
    (
        "TaskFailedToStart",
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x: pulling \
             from host x failed with status code [manifests v1]: 403 Forbidden",
        None,
        "",
        Cause::ImageForbidden,
    ),
    (
        "TaskFailedToStart",
        "CannotPullContainerError: failed to pull image: failed to do request: Head \"https://x/v2/\": dial tcp \
             10.0.0.7:443: i/o timeout",
        None,
        "",
        Cause::PullInterrupted,
    ),
    (
        "TaskFailedToStart",
        "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit",
        None,
        "",
        Cause::PullInterrupted,
    ),
    ("TaskFailedToStart", NO_GROUP, None, "", Cause::LogDriver),
    (
        "TaskFailedToStart",
        "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/gone' that was provided for this task.",
        None,
        "",
        Cause::RoleRefused,
    ),
    (
        "TaskFailedToStart",
        "CannotStartContainerError: failed to create shim task: exec: \"/server\": executable file not found in $PATH",
        None,
        "",
        Cause::CannotStart,
    ),
    (
        "TaskFailedToStart",
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        None,
        "",
        Cause::NoCapacity,
    ),
    (
        "TaskFailedToStart",
        "Timeout waiting for network interface provisioning to complete.",
        None,
        "",
        Cause::Network,
    ),
    ("SpotInterruption", "Your Spot Task was interrupted.", Some(137), "", Cause::SpotInterruption),
    (
        "InfrastructureHealth",
        "Task is stopped because of an issue with the host",
        Some(137),
        "",
        Cause::Infrastructure,
    ),
    (
        "EssentialContainerExited",
        EXITED,
        Some(137),
        "OutOfMemoryError: Container killed due to memory usage",
        Cause::OutOfMemory,
    ),
    ("EssentialContainerExited", EXITED, Some(1), "exec /server: exec format error", Cause::WrongPlatform),
    ("EssentialContainerExited", EXITED, Some(1), "", Cause::Exited),
    ("EssentialContainerExited", EXITED, Some(139), "", Cause::Exited),
    ("EssentialContainerExited", EXITED, Some(137), "", Cause::Exited),
    ("EssentialContainerExited", EXITED, Some(0), "", Cause::EndedByItself),
    (
        "ServiceSchedulerInitiated",
        "Task failed container health checks",
        Some(143),
        "",
        Cause::ContainerUnhealthy,
    ),
    ("", "Something that nobody has heard of", None, "", Cause::Unknown),
];

#[test]
fn each_known_fault_is_told_by_the_words_of_its_task() {
    for &(stop_code, reason, exit_code, own, cause) in FAULTS {
        let tasks = [task("1", stop_code, reason, vec![container("web", exit_code, own)])];
        let found = diagnosed(&tasks, &[]).said(Remedy::RemoveTag("pushboat:rejected:0a"));
        assert_eq!(found.cause, cause, "{reason}");
        assert_eq!((found.tasks, found.of), (1, 1));
        assert_eq!(found.container.as_deref(), Some("web"));
        assert!(found.sentence.starts_with("1 task failed: "), "{}", found.sentence);
        let says_remedy = found.sentence.contains("remove the tag pushboat:rejected:0a");
        assert_eq!(says_remedy, found.kind == Kind::Transient, "{}", found.sentence);
        assert_eq!(found.short.ends_with("; transient: remove this tag to try again"), says_remedy);
    }
}

#[test]
fn the_load_balancers_words_are_the_ones_said_of_that_very_task() {
    let reason = format!("Task failed ELB health checks in (target-group {GROUP})");
    let unhealthy =
        |id: &str| task(id, "ServiceSchedulerInitiated", &reason, vec![container("web", Some(143), "")]);
    let message = |id: &str, why: &str| {
        format!(
            "(service web) (task {id}) (port 8080) is unhealthy in (target-group {GROUP}) due to (reason {why})."
        )
    };
    for (why, cause, kind) in [
        ("Health checks failed with these codes: [500]", Cause::HealthCheckCode, Kind::Deterministic),
        ("Health checks failed", Cause::PortNotListening, Kind::Deterministic),
        ("Request timed out", Cause::HealthCheckTimeout, Kind::Unknown),
    ] {
        let said = [message("other", "Health checks failed with these codes: [404]"), message("t1", why)];
        let found = diagnosed(&[unhealthy("t1")], &said).said(Remedy::Wait);
        assert_eq!((found.cause, found.kind, found.words.as_str()), (cause, kind, why));
        assert!(found.sentence.contains(&format!("health check failed: {why}")), "{}", found.sentence);
        assert_eq!(found.exit_code, None, "it was told to end");
    }
    // Nothing was said of it: what the load balancer says of the targets there are.
    let health = TargetHealth { healthy: 0, registered: 1, complaints: vec!["Request timed out".into()] };
    let tasks = [unhealthy("t1")];
    let found = diagnose(Evidence { why: "", tasks: &tasks, messages: &[], health: &health });
    assert_eq!(found.cause, Cause::HealthCheckTimeout);
    assert_eq!(diagnosed(&tasks, &[]).cause, Cause::HealthCheckFailed);
}

#[test]
fn the_commonest_cause_is_told_and_tasks_that_were_told_to_stop_are_none() {
    let exited = |id: &str| task(id, "EssentialContainerExited", EXITED, vec![container("web", Some(2), "")]);
    let scaled = "Scaling activity initiated by (deployment ecs-svc/1)";
    let tasks = [
        exited("1"),
        task(
            "2",
            "TaskFailedToStart",
            "Capacity is unavailable at this time.",
            vec![container("web", None, "")],
        ),
        exited("3"),
        task("4", "ServiceSchedulerInitiated", scaled, vec![container("web", Some(143), "")]),
        task("5", "UserInitiated", "Task stopped by user", vec![container("web", Some(143), "")]),
    ];
    let found = diagnosed(&tasks, &[]);
    assert_eq!((found.cause, found.tasks, found.of), (Cause::Exited, 2, 3));
    assert_eq!(found.exit_code, Some(2));
    // Of equals, the one that will not pass by itself.
    assert_eq!(diagnosed(&tasks[..2], &[]).cause, Cause::Exited);
    assert_eq!(diagnosed(&tasks[3..], &[]).cause, Cause::Unknown);
}

#[test]
fn the_container_that_took_the_others_down_is_named() {
    let of = |containers| diagnosed(&[task("1", "EssentialContainerExited", EXITED, containers)], &[]);
    let found = of(vec![container("proxy", Some(0), ""), container("web", Some(3), "")]);
    assert_eq!((found.container.as_deref(), found.exit_code), (Some("web"), Some(3)));
    let found = of(vec![container("proxy", Some(143), ""), container("web", Some(1), "")]);
    assert_eq!((found.container.as_deref(), found.exit_code), (Some("web"), Some(1)));
    let memory = "OutOfMemoryError: Container killed due to memory usage";
    let found = of(vec![container("proxy", Some(1), ""), container("web", Some(137), memory)]);
    assert_eq!((found.container.as_deref(), found.cause), (Some("web"), Cause::OutOfMemory));
}

#[test]
fn the_sentence_says_what_happened_to_how_many_and_what_to_do() {
    let mut exited = task("1", "EssentialContainerExited", EXITED, vec![container("app", Some(139), "")]);
    exited.ran = Some(SignedDuration::from_millis(1_900));
    let lines = ["starting", "Error: no DATABASE_URL", "    at main (/app/server.js:12)", "", "node v26.1.0"];
    let lines = lines.map(str::to_owned);
    let found = diagnosed(&[exited], &[]).show(&lines, &Secrets::default()).said(Remedy::Wait);
    assert_eq!(
        found.sentence,
        "1 task failed: the container app exited with code 139 (SIGSEGV) after 1 s: Error: no DATABASE_URL; correct the \
         image or what it is configured with, and push again"
    );
    assert_eq!(
        found.short,
        "1 task failed: the container app exited with code 139 (SIGSEGV) after 1 s: Error: no DATABASE_URL"
    );
    assert_eq!(found.last_lines.len(), 5);
}

#[test]
fn a_program_of_another_platform_is_told_by_its_only_line() {
    let tasks = [task("1", "EssentialContainerExited", EXITED, vec![container("app", Some(255), "")])];
    let lines = ["exec /server: exec format error".to_owned()];
    let found = diagnosed(&tasks, &[]).show(&lines, &Secrets::default()).said(Remedy::Wait);
    assert_eq!((found.cause, found.kind), (Cause::WrongPlatform, Kind::Deterministic));
    assert!(found.sentence.contains("for another platform"), "{}", found.sentence);
}

#[test]
fn without_a_task_ecs_and_the_load_balancer_have_the_word() {
    let health = TargetHealth { healthy: 0, registered: 2, complaints: vec!["Health checks failed".into()] };
    let found =
        diagnose(Evidence { why: "tasks failed to start", tasks: &[], messages: &[], health: &health });
    let found = found.said(Remedy::RemoveTag("x"));
    assert_eq!(found.sentence, "tasks failed to start; Health checks failed");
    assert_eq!(
        (found.short.as_str(), found.kind),
        ("tasks failed to start; Health checks failed", Kind::Unknown)
    );
}

fn document(environment: &[(&str, &str)], log: Value) -> Map<String, Value> {
    let environment: Vec<Value> =
        environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let app = json!({"name": "app", "environment": environment, "logConfiguration": log});
    let document = json!({"containerDefinitions": [{"name": "proxy"}, app]});
    document.as_object().unwrap().clone()
}

#[test]
fn the_stream_is_where_the_awslogs_driver_writes() {
    let log = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/web", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "app",
    }});
    let stream = LogStream::of(&document(&[], log), "app", "0a1b").unwrap();
    assert_eq!(
        stream,
        LogStream { region: "eu-central-1".into(), group: "/ecs/web".into(), stream: "app/app/0a1b".into() }
    );
    let no_prefix = json!({"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"}});
    for (log, container, expected) in [
        (no_prefix.clone(), "app", NoLog::NoStream("app".into())),
        (json!({"logDriver": "splunk"}), "app", NoLog::OtherDriver("app".into())),
        (Value::Null, "app", NoLog::OtherDriver("app".into())),
        (no_prefix, "proxy", NoLog::OtherDriver("proxy".into())),
    ] {
        assert_eq!(LogStream::of(&document(&[], log), container, "0a1b"), Err(expected));
    }
}

#[test]
fn environment_values_are_replaced_by_their_names() {
    let environment =
        [("URL", "postgres://u:hunter22@db"), ("PASSWORD", "hunter22"), ("PORT", "80"), ("EMPTY", "")];
    let secrets = Secrets::of(&document(&environment, Value::Null));
    for (line, shown) in [
        ("cannot reach postgres://u:hunter22@db", "cannot reach <URL>"),
        ("xhunter22x", "x<PASSWORD>x"),
        ("port 80 of 8080, 80", "port <PORT> of 8080, <PORT>"),
        ("URL and PASSWORD are set", "URL and PASSWORD are set"),
        ("", ""),
    ] {
        assert_eq!(secrets.hide(line), shown);
    }
    let mut found = diagnosed(&[], &[]);
    found.words = "password hunter22 refused".into();
    let found = found.show(&["login hunter22 failed".to_owned()], &secrets).said(Remedy::Wait);
    assert!(!format!("{found:?} {}", serde_json::to_string(&found).unwrap()).contains("hunter22"));
    assert!(!format!("{secrets:?}").contains("hunter"), "nor by way of {{:?}}");
}

proptest! {
    #[test]
    fn whatever_tasks_say_it_fits_a_tag_and_shows_no_environment_value(
        said in proptest::collection::vec("[ -~]{0,400}", 0..30),
        reason in ".{0,600}",
        code in proptest::option::of(-300_i32..300),
        stop_code in prop::sample::select(vec!["", "TaskFailedToStart", "EssentialContainerExited", "SpotInterruption"]),
        value in "[a-z]{12,30}",
    ) {
        let document = document(&[("SECRET", &value)], Value::Null);
        let secrets = Secrets::of(&document);
        let lines: Vec<String> = said.iter().map(|line| format!("{line}{value}")).collect();
        let reason = format!("{reason}{value}");
        let tasks = [task("1", stop_code, &reason, vec![container("app", code, "")])];
        let found = diagnosed(&tasks, &[]).show(&lines, &secrets).said(Remedy::RemoveTag("pushboat:rejected:0a"));
        prop_assert!(!serde_json::to_string(&found).unwrap().contains(&value));
        prop_assert!(!found.short.contains(&value));
        prop_assert!(found.last_lines.len() <= LINES);
        prop_assert!(found.last_lines.iter().map(|line| line.chars().count()).sum::<usize>() <= 3_000);
        let tag = policy::tag_value(&format!("game-2048:123456 2026-11-21T08:00:00Z {}", found.short));
        prop_assert!(tag.chars().count() <= 256);
        if found.kind == Kind::Transient {
            prop_assert!(tag.ends_with("remove this tag to try again"), "{tag}");
        }
    }
}
