//! Real processes from real layers.

mod testkit;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use serde_json::Value;

use crate::world::Report;
use testkit::{Bench, IMAGE_DIGEST, container, program, task};

fn ask(port: u16) -> String {
    let mut stream = connect(port);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A process needs a moment from its start to its listening.
fn connect(port: u16) -> TcpStream {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < deadline, "nobody listens on {port}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn ask_there(port: u16) -> String {
    tokio::task::spawn_blocking(move || ask(port)).await.unwrap()
}

async fn is_gone(process: i32) -> bool {
    for _ in 0..200 {
        let known = test_kill_process(Pid::from_raw(process).unwrap()).is_ok();
        // Dead, but nobody has asked how it ended: not every machine has somebody who does.
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        if !known || status.contains("State:\tZ") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_task_is_pulled_started_served_and_stopped() {
    let mut bench = Bench::new(program(&["serve", "from-image"]));
    let task = task("t1");
    let (task_arn, app) = (task.task_arn.clone(), "app".to_owned());
    bench.runner.start_task(task.clone());
    assert_eq!(bench.next().await, Report::PullStarted { task_arn: task_arn.clone() });
    assert_eq!(bench.next().await, Report::PullStopped { task_arn: task_arn.clone() });
    let Report::ContainerStarted { host_port: Some(port), digest, .. } = bench.next().await else {
        panic!("no port");
    };
    assert_eq!(digest, IMAGE_DIGEST);

    let page = ask_there(port).await;
    for line in [
        "arguments=[\"/app/program\", \"serve\", \"from-image\"]",
        "FROM_IMAGE=yes",
        "FROM_PLACE=yes",
        "FROM_DEFINITION=yes",
        "AWS_REGION=eu-central-1",
        "AWS_EXECUTION_ENV=AWS_ECS_FARGATE",
        &format!("PORT={port}"),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in {page}");
    }
    assert!(page.lines().any(|line| line.starts_with("folder=") && line.ends_with("rootfs/app")), "{page}");
    assert!(!page.contains("CARGO"), "the environment of the place itself shows: {page}");

    bench.number_said(&task, "process").await;
    assert!(bench.runner.logs("t1").iter().any(|line| line.container == "app" && line.text == "listening"));
    assert_eq!(bench.runner.live_tasks(), std::slice::from_ref(&task_arn));
    bench.runner.stop_task(&task_arn);
    // 128 and SIGTERM.
    let exited = Report::ContainerExited { task_arn, container: app, exit_code: Some(143), reason: None };
    assert_eq!(bench.next().await, exited);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn the_metadata_endpoint_says_which_task_it_is() {
    let mut bench = Bench::new(program(&["serve"]));
    let task = task("t1");
    bench.runner.start_task(task.clone());
    let port = bench.started().await.unwrap();
    let page = ask_there(port).await;
    let metadata = page.lines().find_map(|line| line.strip_prefix("metadata=")).unwrap();
    let metadata: Value = serde_json::from_str(metadata).unwrap();
    assert_eq!(metadata["TaskARN"], task.task_arn);
    assert_eq!(metadata["AvailabilityZone"], "eu-central-1b");
    assert_eq!((&metadata["Family"], &metadata["Revision"]), (&"game-2048".into(), &"7".into()));
    let container = &metadata["Containers"][0];
    assert_eq!((&container["Name"], &container["ImageID"]), (&"app".into(), &IMAGE_DIGEST.into()));
    assert_eq!(container["Ports"][0]["HostPort"], port);

    // Once it has ended, nobody answers for it.
    let uri = page.lines().find_map(|line| line.strip_prefix("ECS_CONTAINER_METADATA_URI_V4=")).unwrap();
    let (address, path) = uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let (address, path) = (address.to_owned(), path.to_owned());
    bench.runner.stop_task(&task.task_arn);
    bench.exit_code().await;
    while !bench.runner.live_tasks().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn exit_codes_are_those_a_container_would_have() {
    for (what, code) in [(&["exit", "0"][..], 0), (&["exit", "3"], 3), (&["abort"], 134)] {
        let mut bench = Bench::new(program(what));
        bench.runner.start_task(task("t1"));
        bench.started().await;
        assert_eq!(bench.exit_code().await, Some(code), "{what:?}");
    }
}

#[tokio::test]
async fn who_does_not_listen_to_sigterm_is_killed_after_the_stop_timeout() {
    let mut bench = Bench::new(program(&["stubborn"]));
    let mut task = task("t1");
    task.containers[0].stop_timeout_seconds = 1;
    bench.runner.start_task(task.clone());
    bench.started().await;
    bench.number_said(&task, "process").await;
    let stopped_at = Instant::now();
    bench.runner.stop_task(&task.task_arn);
    assert_eq!(bench.exit_code().await, Some(137));
    assert!(stopped_at.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn the_stop_signal_is_the_images() {
    let mut config = program(&["stops-on-interrupt-only"]);
    config.stop_signal = Some("SIGINT".into());
    let mut bench = Bench::new(config);
    let task = task("t1");
    bench.runner.start_task(task.clone());
    bench.started().await;
    bench.number_said(&task, "process").await;
    bench.runner.stop_task(&task.task_arn);
    assert_eq!(bench.exit_code().await, Some(130));
}

#[tokio::test]
async fn children_end_with_their_container() {
    let mut bench = Bench::new(program(&["leaves-a-child"]));
    let task = task("t1");
    bench.runner.start_task(task.clone());
    bench.started().await;
    assert_eq!(bench.exit_code().await, Some(0));
    let child = bench.number_said(&task, "child").await;
    assert!(is_gone(child).await, "the child {child} outlived its container");
}

#[tokio::test]
async fn what_cannot_be_pulled_or_started_is_said_in_ecs_words() {
    let mut bench = Bench::new(program(&["serve"]));
    let mut missing = task("t1");
    missing.containers[0].image = "registry/missing:v1".into();
    bench.runner.start_task(missing);
    let reason = bench.failure().await;
    assert_eq!(reason, "CannotPullContainerError: failed to resolve ref registry/missing:v1: not found");

    let mut lost = task("t2");
    lost.containers[0].entry_point = vec!["/app/other".into()];
    bench.runner.start_task(lost);
    let reason = bench.failure().await;
    let expected = "CannotStartContainerError: exec: \"/app/other\": executable file not found in the image";
    assert_eq!(reason, expected);
}

#[tokio::test]
async fn a_dynamic_program_is_refused() {
    let mut bench = Bench::new(program(&["serve"]));
    // The tests themselves are one.
    let own = std::env::current_exe().unwrap();
    let layer = testkit::layer_with(bench.folder.path(), "app/program", &own);
    bench.image.lock().unwrap().layers = vec![layer];
    bench.runner.start_task(task("t1"));
    let reason = bench.failure().await;
    assert!(reason.starts_with("CannotStartContainerError: /app/program is linked dynamically"), "{reason}");
    assert!(reason.ends_with("needs Docker or Fargate"), "{reason}");
}

#[tokio::test]
async fn after_a_failed_pull_the_next_task_tries_again() {
    let mut bench = Bench::new(program(&["exit", "0"]));
    let good = bench.image.lock().unwrap().layers.clone();
    bench.image.lock().unwrap().layers[0].media_type = "application/vnd.oci.image.layer.v1.tar+zstd".into();
    bench.runner.start_task(task("t1"));
    let reason = bench.failure().await;
    assert!(reason.starts_with("CannotPullContainerError: failed to register layer sha256:cccc"), "{reason}");
    let images = bench.folder.path().join("work/images");
    assert_eq!(std::fs::read_dir(&images).unwrap().count(), 0, "an unfinished image stayed");

    bench.image.lock().unwrap().layers = good;
    bench.runner.start_task(task("t2"));
    bench.started().await;
    assert_eq!(bench.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_container_that_cannot_start_keeps_the_others_from_starting() {
    let mut bench = Bench::new(program(&["serve"]));
    let mut task = task("t1");
    task.containers.push(container("second"));
    task.containers[1].entry_point = vec!["/nowhere".into()];
    bench.runner.start_task(task);
    bench.failure().await;
    while !bench.runner.live_tasks().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(bench.nothing_more(), "something was started after all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_share_one_image_and_no_port() {
    let mut bench = Bench::new(program(&["serve"]));
    for number in 0..8 {
        bench.runner.start_task(task(&format!("t{number}")));
    }
    let mut ports = std::collections::BTreeSet::new();
    while ports.len() < 8 {
        ports.insert(bench.started().await.unwrap());
    }
    for port in &ports {
        assert!(ask_there(*port).await.starts_with("HTTP/1.1 200 OK"));
    }
    let images: Vec<_> = std::fs::read_dir(bench.folder.path().join("work/images")).unwrap().collect();
    assert_eq!(images.len(), 1);
    bench.runner.shutdown().await;
    for port in ports {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}

#[tokio::test]
async fn shutdown_leaves_no_process_and_starts_none() {
    let mut bench = Bench::new(program(&["stubborn"]));
    let first = task("t1");
    bench.runner.start_task(first.clone());
    bench.started().await;
    let process = bench.number_said(&first, "process").await;
    let asked_at = Instant::now();
    bench.runner.shutdown().await;
    // Not the ten seconds of its stop timeout.
    assert!(asked_at.elapsed() < Duration::from_secs(5));
    assert_eq!(bench.exit_code().await, Some(137));
    assert!(is_gone(process).await);
    bench.runner.start_task(task("t2"));
    assert!(bench.runner.live_tasks().is_empty());
    assert!(bench.nothing_more());
}

#[tokio::test]
async fn a_task_stopped_before_it_started_is_forgotten() {
    let mut bench = Bench::new(program(&["serve"]));
    let task = task("t1");
    bench.runner.start_task(task.clone());
    bench.runner.stop_task(&task.task_arn);
    while !bench.runner.live_tasks().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(bench.next().await, Report::PullStarted { .. }));
    assert!(bench.nothing_more());
}
