//! A runner whose reports can be awaited, and images around a real static program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::registry::{ImageConfig, Layer, Platform, ResolvedImage};
use crate::tasks::{ImageError, RunnerSettings, TaskRunner};
use crate::world::{Report, StartContainer, StartTask};

pub(super) const IMAGE_DIGEST: &str = "sha256:aaaa";

pub(super) struct Bench {
    pub(super) runner: TaskRunner,
    pub(super) folder: TempDir,
    /// What `resolve` answers.
    pub(super) image: Arc<Mutex<ResolvedImage>>,
    reports: mpsc::UnboundedReceiver<Report>,
}

impl Bench {
    pub(super) fn new(config: ImageConfig) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let layer = layer_with(folder.path(), "app/program", static_program());
        let image = Arc::new(Mutex::new(ResolvedImage {
            digest: IMAGE_DIGEST.into(),
            manifest_digest: "sha256:bbbb".into(),
            config,
            layers: vec![layer],
            platforms: Vec::new(),
        }));
        let answer = image.clone();
        let images = move |image: &str, _: &Platform| match image.contains("missing") {
            true => Err(ImageError::from(format!("failed to resolve ref {image}: not found"))),
            false => Ok(answer.lock().unwrap().clone()),
        };
        let settings = RunnerSettings {
            work_dir: folder.path().join("work"),
            region: "eu-central-1".into(),
            environment: vec![("FROM_PLACE".into(), "yes".into())],
        };
        let (sender, reports) = mpsc::unbounded_channel();
        let report = move |report| sender.send(report).unwrap();
        Bench { runner: TaskRunner::with_reports(report, images, settings).unwrap(), folder, image, reports }
    }

    pub(super) async fn next(&mut self) -> Report {
        let report = timeout(Duration::from_secs(20), self.reports.recv()).await;
        report.expect("a report within twenty seconds").expect("a runner")
    }

    pub(super) fn nothing_more(&mut self) -> bool {
        self.reports.try_recv().is_err()
    }

    /// Skips pull and start, and returns the port of the container.
    pub(super) async fn started(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Report::ContainerStarted { host_port, .. } => return host_port,
                Report::PullStarted { .. } | Report::PullStopped { .. } => {}
                other => panic!("instead of a start: {other:?}"),
            }
        }
    }

    pub(super) async fn exit_code(&mut self) -> Option<i32> {
        match self.next().await {
            Report::ContainerExited { exit_code, .. } => exit_code,
            other => panic!("instead of an end: {other:?}"),
        }
    }

    pub(super) async fn failure(&mut self) -> String {
        loop {
            match self.next().await {
                Report::TaskFailedToStart { reason, .. } => return reason,
                Report::PullStarted { .. } | Report::PullStopped { .. } => {}
                other => panic!("instead of a failure: {other:?}"),
            }
        }
    }

    /// The number behind `word` in what the task said.
    pub(super) async fn number_said(&self, task: &StartTask, word: &str) -> i32 {
        for _ in 0..500 {
            let lines = self.runner.logs(&task.task_id);
            let said = lines.iter().find_map(|line| line.text.strip_prefix(word)?.trim().parse().ok());
            if let Some(number) = said {
                return number;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the task never said {word:?}: {:?}", self.runner.logs(&task.task_id));
    }
}

/// An image whose entry point is the program, told what to do by its command.
pub(super) fn program(what: &[&str]) -> ImageConfig {
    ImageConfig {
        entrypoint: vec!["/app/program".into()],
        cmd: what.iter().map(|word| (*word).to_owned()).collect(),
        env: vec![("FROM_IMAGE".into(), "yes".into())],
        working_dir: Some("/app".into()),
        ..ImageConfig::default()
    }
}

pub(super) fn task(id: &str) -> StartTask {
    StartTask {
        task_arn: format!("arn:aws:ecs:eu-central-1:123456789012:task/games/{id}"),
        task_id: id.into(),
        zone: "eu-central-1b".into(),
        cluster: "games".into(),
        family: "game-2048".into(),
        revision: 7,
        containers: vec![container("app")],
    }
}

pub(super) fn container(name: &str) -> StartContainer {
    StartContainer {
        name: name.into(),
        image: "registry/game-2048:v1".into(),
        entry_point: Vec::new(),
        command: Vec::new(),
        working_directory: None,
        environment: vec![("FROM_DEFINITION".into(), "yes".into())],
        container_port: Some(8080),
        stop_timeout_seconds: 10,
    }
}

pub(super) fn layer_with(folder: &Path, name: &str, content: &Path) -> Layer {
    let path = folder.join("layer.tar");
    let mut builder = tar::Builder::new(fs::File::create(&path).unwrap());
    builder.append_path_with_name(content, name).unwrap();
    builder.finish().unwrap();
    Layer { path, media_type: "application/vnd.oci.image.layer.v1.tar".into(), digest: "sha256:cccc".into() }
}

/// `program.rs`, built once and kept beside the tests themselves.
pub(super) fn static_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        const SOURCE: &str = include_str!("program.rs");
        let digest = Sha256::digest(SOURCE.as_bytes());
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let own = std::env::current_exe().unwrap();
        let folder = own.parent().unwrap().join("static-programs");
        let program = folder.join(name);
        if !program.exists() {
            fs::create_dir_all(&folder).unwrap();
            let building = tempfile::tempdir_in(&folder).unwrap();
            build(SOURCE, building.path());
            fs::rename(building.path().join("program"), &program).unwrap();
        }
        program
    })
}

/// With the C library of this machine, or with musl where only that one can be linked statically.
fn build(source: &str, folder: &Path) {
    fs::write(folder.join("program.rs"), source).unwrap();
    let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let mut said = String::new();
    for target in [&[][..], &["--target", &musl]] {
        let output = Command::new(&compiler)
            .current_dir(folder)
            .args([
                "--edition",
                "2021",
                "-C",
                "target-feature=+crt-static",
                "-C",
                "panic=abort",
                "-C",
                "strip=symbols",
            ])
            .args(target)
            .args(["-o", "program", "program.rs"])
            .output()
            .unwrap();
        if output.status.success() {
            return;
        }
        said += &String::from_utf8_lossy(&output.stderr);
    }
    panic!("no static program can be built on this machine (is the musl target installed?): {said}");
}
