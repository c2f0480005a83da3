//! Lambda's rules, seen with real processes.

use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};

use super::test_program::{function, function_that_starts_by, settings};
use super::*;

fn lambda_with(function: Function) -> Lambda {
    Lambda::start(settings(), vec![function])
}

/// Queues one event and waits until it succeeded or was given up.
async fn settled(lambda: &Lambda, payload: Value) -> String {
    let request_id = lambda.invoke_async("f", payload).unwrap();
    lambda.idle().await;
    request_id
}

/// The process that answers, free again afterwards.
async fn pid_of(lambda: &Lambda) -> Pid {
    let answer = lambda.invoke_sync("f", json!({ "do": "describe" })).await.unwrap();
    lambda.idle().await;
    Pid::from_raw(i32::try_from(answer.payload["pid"].as_i64().unwrap()).unwrap()).unwrap()
}

fn exists(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// What happens outside this process takes the time it takes.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < patience, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn starts(lambda: &Lambda) -> Vec<Start> {
    lambda.invocations().iter().map(|invocation| invocation.start).collect()
}

fn only_failure(lambda: &Lambda) -> FunctionError {
    match &lambda.invocations()[..] {
        [Invocation { outcome: Outcome::Failed(error), .. }] => error.clone(),
        others => panic!("not one failure: {others:?}"),
    }
}

fn without_retries(mut function: Function) -> Function {
    function.retry.delays.clear();
    function
}

#[tokio::test]
async fn the_first_start_is_cold_and_the_next_warm() {
    let lambda = lambda_with(function("f"));
    for expected in [json!({ "n": 1 }), json!({ "n": 2 })] {
        let answer = lambda.invoke_sync("f", expected.clone()).await.unwrap();
        assert_eq!((answer.payload, answer.error), (expected, None));
        lambda.idle().await;
    }
    assert_eq!(starts(&lambda), [Start::Cold, Start::Warm]);
    let invocations = lambda.invocations();
    assert_eq!(invocations[0].instance, invocations[1].instance);
    assert!(invocations[0].init_millis.is_some() && invocations[1].init_millis.is_none());
    assert!(invocations[0].report_line().contains(" Init Duration: "));
    assert!(invocations[0].billed_millis as f64 >= invocations[0].duration_millis);
    assert_eq!(lambda.process_count(), 1);
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_function_is_told_what_lambda_tells() {
    let mut told = function("f");
    told.environment.push(("AWS_REGION".into(), "nowhere".into()));
    told.timeout_seconds = 20;
    told.memory_mib = 256;
    let lambda = lambda_with(told);
    let before = jiff::Timestamp::now().as_millisecond();
    let answer = lambda.invoke_sync("f", json!({ "do": "describe" })).await.unwrap();
    let seen = &answer.payload;
    assert_eq!(seen["request_id"], answer.request_id);
    assert_eq!(seen["arn"], "arn:aws:lambda:eu-central-1:123456789012:function:f");
    assert_eq!(seen["content_type"], "application/json");
    let left = seen["deadline_millis"].as_i64().unwrap() - before;
    assert!((20_000..40_000).contains(&left), "{left}");
    let trace = seen["trace"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-") && trace.ends_with(";Sampled=0") && trace.contains(";Parent="));
    let environment = &seen["environment"];
    assert_eq!(environment["GREETING"], "hello");
    assert_eq!(environment["AWS_REGION"], "eu-central-1", "reserved names win");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "f");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_VERSION"], "$LATEST");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    assert_eq!(environment["AWS_LAMBDA_LOG_GROUP_NAME"], "/aws/lambda/f");
    assert_eq!(environment["AWS_LAMBDA_LOG_STREAM_NAME"], lambda.invocations()[0].log_stream);
    assert_eq!(environment["TZ"], ":UTC");
    assert_eq!(environment.get("CARGO_MANIFEST_DIR"), None, "nothing else is inherited");
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_function_error_is_tried_three_times_and_then_a_dead_letter() {
    let lambda = lambda_with(function("f"));
    let payload = json!({ "do": "fail", "n": 9 });
    let request_id = settled(&lambda, payload.clone()).await;
    let attempts: Vec<_> = lambda.invocations().iter().map(|i| (i.request_id.clone(), i.attempt)).collect();
    assert_eq!(attempts, [1, 2, 3].map(|attempt| (request_id.clone(), attempt)));
    let letters = lambda.dead_letters();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((&letter.request_id, &letter.payload, letter.attempts), (&request_id, &payload, 3));
    assert_eq!(letter.condition, Condition::RetriesExhausted);
    assert_eq!(letter.error, Some(FunctionError::new("Broken", "as asked")));
    assert!(letter.first_attempt_at < letter.last_attempt_at);
    let attributes = letter.message_attributes();
    assert_eq!(attributes["RequestID"]["StringValue"], request_id);
    assert_eq!(attributes["ErrorMessage"]["StringValue"], "as asked");
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_retry_that_succeeds_ends_it() {
    let lambda = lambda_with(function("f"));
    settled(&lambda, json!({ "do": "fail once" })).await;
    let outcomes: Vec<bool> = lambda.invocations().iter().map(|i| i.outcome == Outcome::Succeeded).collect();
    assert_eq!(outcomes, [false, true]);
    assert_eq!(lambda.dead_letters(), []);
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_redriven_dead_letter_is_a_new_event() {
    let lambda = lambda_with(without_retries(function("f")));
    let first = settled(&lambda, json!({ "do": "fail once" })).await;
    assert_eq!(lambda.dead_letters().len(), 1);
    let second = lambda.redrive(&first).unwrap();
    assert_eq!(lambda.dead_letters(), []);
    lambda.idle().await;
    // The program counts by request id, so it fails once more.
    let letters = lambda.dead_letters();
    assert_eq!(letters[0].request_id, second);
    assert_eq!(letters[0].payload, json!({ "do": "fail once" }));
    assert_ne!(first, second);
    assert_eq!(lambda.redrive(&first), Err(InvokeError::DeadLetterNotFound(first)));
    lambda.shutdown().await;
}

#[tokio::test]
async fn an_event_too_old_for_its_next_attempt_is_given_up() {
    let mut function = function("f");
    function.retry.delays = vec![Duration::from_secs(3_600)];
    function.retry.maximum_event_age = Duration::from_secs(60);
    let lambda = lambda_with(function);
    settled(&lambda, json!({ "do": "fail" })).await;
    let letters = lambda.dead_letters();
    assert_eq!((letters[0].condition, letters[0].attempts), (Condition::EventAgeExceeded, 1));
    lambda.shutdown().await;
}

#[tokio::test]
async fn an_event_that_never_gets_an_instance_is_given_up_without_an_attempt() {
    let mut function = function("f");
    function.concurrency_limit = 0;
    function.retry.maximum_event_age = Duration::from_millis(5);
    let lambda = lambda_with(function);
    settled(&lambda, json!({})).await;
    let letters = lambda.dead_letters();
    assert_eq!((letters[0].attempts, &letters[0].error), (0, &None));
    assert_eq!(letters[0].payload, json!({}));
    assert_eq!(lambda.process_count(), 0);
}

#[tokio::test]
async fn a_deadline_kills_the_process() {
    let mut function = without_retries(function("f"));
    function.timeout_seconds = 1;
    let lambda = lambda_with(function);
    let pid = pid_of(&lambda).await;
    let answer = lambda.invoke_sync("f", json!({ "do": "hang" })).await.unwrap();
    let error = answer.error.unwrap();
    assert_eq!(error.error_type, "Sandbox.Timedout");
    let expected = format!("RequestId: {} Error: Task timed out after 1.00 seconds", answer.request_id);
    assert_eq!(error.message, expected);
    assert_eq!(answer.payload["errorMessage"], expected);
    assert!(!exists(pid));
    lambda.idle().await;
    assert_eq!(lambda.process_count(), 0);
}

#[tokio::test]
async fn a_crash_is_an_error_and_the_next_start_is_cold() {
    let lambda = lambda_with(without_retries(function("f")));
    let request_id = settled(&lambda, json!({ "do": "crash" })).await;
    let error = only_failure(&lambda);
    assert_eq!(error.error_type, "Runtime.ExitError");
    let expected = format!("RequestId: {request_id} Error: Runtime exited with error: exit status 7");
    assert_eq!(error.message, expected);
    let lines = lambda.log_lines();
    let last_words = lines.iter().find(|line| line.line == "last words").unwrap();
    assert_eq!(last_words.request_id, Some(request_id));
    settled(&lambda, json!({})).await;
    assert_eq!(starts(&lambda), [Start::Cold, Start::Cold]);
    lambda.shutdown().await;
}

#[tokio::test]
async fn an_answer_stands_though_the_process_exits() {
    let lambda = lambda_with(function("f"));
    let answer = lambda.invoke_sync("f", json!({ "do": "answer and exit" })).await.unwrap();
    assert_eq!((answer.payload, answer.error), (json!("bye"), None));
    lambda.idle().await;
    let answer = lambda.invoke_sync("f", json!({ "do": "echo" })).await.unwrap();
    assert_eq!(answer.error, None);
    assert_eq!(starts(&lambda), [Start::Cold, Start::Cold]);
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_failed_start_fails_the_invocation() {
    let cases = [
        ("failing", "Config", "no bucket"),
        ("exiting", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("hanging", "Sandbox.Timedout", "Initialization timed out after 0.50 seconds"),
    ];
    for (what, error_type, message) in cases {
        let mut settings = settings();
        if what == "hanging" {
            settings.init_timeout = Duration::from_millis(500);
        }
        let function = without_retries(function_that_starts_by("f", what));
        let lambda = Lambda::start(settings, vec![function]);
        settled(&lambda, json!({})).await;
        assert_eq!(only_failure(&lambda), FunctionError::new(error_type, message), "{what}");
        assert_eq!(lambda.dead_letters().len(), 1, "{what}");
        assert_eq!(lambda.process_count(), 0, "{what}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_said_so() {
    let lambda = lambda_with(without_retries(Function::new("f", "/nowhere/bootstrap")));
    settled(&lambda, json!({})).await;
    let error = only_failure(&lambda);
    assert_eq!(error.error_type, "Runtime.InvalidEntrypoint");
    assert!(error.message.starts_with("fork/exec /nowhere/bootstrap: "), "{error}");
    assert_eq!(lambda.process_count(), 0);
}

#[tokio::test]
async fn more_events_than_instances_wait_their_turn() {
    let mut function = function("f");
    function.concurrency_limit = 2;
    let lambda = lambda_with(function);
    for _ in 0..6 {
        lambda.invoke_async("f", json!({ "do": "sleep", "millis": 20 })).unwrap();
    }
    let mut most = 0;
    eventually("all six end", || {
        most = most.max(lambda.process_count());
        lambda.invocations().len() == 6
    })
    .await;
    assert_eq!(most, 2);
    assert!(lambda.invocations().iter().all(|i| i.outcome == Outcome::Succeeded));
    assert_eq!(starts(&lambda).iter().filter(|start| **start == Start::Cold).count(), 2);
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_synchronous_caller_is_throttled() {
    let mut function = function("f");
    function.concurrency_limit = 1;
    let lambda = lambda_with(function);
    let (first, second) = tokio::join!(
        lambda.invoke_sync("f", json!({ "do": "sleep", "millis": 20 })),
        lambda.invoke_sync("f", json!({})),
    );
    assert_eq!(first.unwrap().payload, "rested");
    assert_eq!(second, Err(InvokeError::TooManyRequests));
    let unknown = lambda.invoke_async("g", json!({}));
    assert_eq!(unknown, Err(InvokeError::FunctionNotFound("g".into())));
    lambda.shutdown().await;
}

#[tokio::test]
async fn an_answer_above_six_megabytes_is_refused() {
    let lambda = lambda_with(function("f"));
    let answer = lambda.invoke_sync("f", json!({ "do": "answer too much" })).await.unwrap();
    assert_eq!(answer.error.unwrap().error_type, "Function.ResponseSizeTooLarge");
    lambda.idle().await;
    eventually("the program saw the refusal", || {
        lambda.log_lines().iter().any(|line| line.line == "refused with 413")
    })
    .await;
    assert_eq!(pid_of(&lambda).await, pid_of(&lambda).await);
    assert_eq!(starts(&lambda), [Start::Cold, Start::Warm, Start::Warm]);
    lambda.shutdown().await;
}

#[tokio::test]
async fn the_runtime_api_keeps_its_order() {
    let lambda = lambda_with(function("f"));
    let answer = lambda.invoke_sync("f", json!({ "do": "misbehave" })).await.unwrap();
    assert_eq!(answer.payload, json!([403, 403, 400, 400, 404]));
    eventually("the second answer is refused", || {
        lambda.log_lines().iter().any(|line| line.line == "a second answer: 403")
    })
    .await;
    lambda.shutdown().await;
}

#[tokio::test]
async fn lines_are_heard_with_their_request() {
    let lambda = lambda_with(function("f"));
    let mut heard = lambda.subscribe_log();
    let request_id = settled(&lambda, json!({ "do": "print" })).await;
    let mut found = Vec::new();
    while found.len() < 2 {
        let line = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.unwrap().unwrap();
        if line.line.starts_with("one ") {
            assert_eq!(line.request_id.as_ref(), Some(&request_id));
            assert_eq!(line.function, "f");
            assert_eq!(line.instance, lambda.invocations()[0].instance);
            found.push((line.output, line.line));
        }
    }
    assert!(found.contains(&(Output::Stdout, "one decision".into())));
    assert!(found.contains(&(Output::Stderr, "one complaint".into())));
    lambda.shutdown().await;
}

#[tokio::test]
async fn an_instance_without_work_retires() {
    let mut settings = settings();
    settings.retire_after = Duration::from_millis(20);
    let lambda = Lambda::start(settings, vec![function("f")]);
    let pid = pid_of(&lambda).await;
    eventually("it retires", || lambda.process_count() == 0).await;
    assert!(!exists(pid));
    assert_ne!(pid_of(&lambda).await, pid);
    lambda.shutdown().await;
}

#[tokio::test]
async fn shutdown_leaves_no_process() {
    let lambda = Lambda::start(settings(), vec![function("f"), function("g")]);
    let idle = pid_of(&lambda).await;
    lambda.idle().await;
    lambda.invoke_async("g", json!({ "do": "hang" })).unwrap();
    lambda.invoke_async("g", json!({ "do": "fail" })).unwrap();
    eventually("the second hangs", || lambda.process_count() == 3).await;
    let asked_at = Instant::now();
    lambda.shutdown().await;
    assert!(asked_at.elapsed() < Duration::from_secs(15));
    assert!(!exists(idle));
    assert_eq!(lambda.process_count(), 0);
    assert_eq!(lambda.invoke_async("f", json!({})), Err(InvokeError::ShuttingDown));
    assert_eq!(lambda.invoke_sync("f", json!({})).await, Err(InvokeError::ShuttingDown));
}

#[tokio::test]
async fn a_process_that_ignores_sigterm_is_killed_after_the_grace() {
    let mut settings = settings();
    settings.stop_grace = Duration::from_millis(30);
    let lambda = Lambda::start(settings, vec![function_that_starts_by("f", "ignoring SIGTERM")]);
    let pid = pid_of(&lambda).await;
    eventually("it ignores the signal", || {
        lambda.log_lines().iter().any(|line| line.line == "SIGTERM is ignored now")
    })
    .await;
    lambda.shutdown().await;
    assert!(!exists(pid));
    assert!(lambda.log_lines().iter().any(|line| line.line == "SIGTERM was ignored"));
}

#[tokio::test]
async fn dropping_the_last_handle_stops_everything() {
    let lambda = lambda_with(function("f"));
    let pid = pid_of(&lambda).await;
    let other = lambda.clone();
    drop(lambda);
    assert_eq!(pid_of(&other).await, pid);
    drop(other);
    eventually("the process goes", || !exists(pid)).await;
}

#[test]
fn processes_end_with_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lambda = runtime.block_on(async { lambda_with(function("f")) });
    let pid = runtime.block_on(pid_of(&lambda));
    drop(runtime);
    // Nobody is left to wait for the child but this: what was killed is a zombie until its parent asks.
    let patience = Instant::now() + Duration::from_secs(20);
    while exists(pid) {
        assert!(Instant::now() < patience, "the process survived the runtime");
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
        std::thread::sleep(Duration::from_millis(2));
    }
}
