//! One process and everything it starts: begun in a process group of its own, stopped as a group, and gone as a
//! group once its first process has ended, as with the first process of a container.

use std::io;
use std::num::NonZeroI32;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::launch::Launch;
use super::logs::TaskLogs;

/// What is wanted of a task. It only ever moves forward, by [`advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Running,
    Stopping,
    /// The whole place goes down: little patience.
    ShuttingDown,
}

const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);
/// How long output that is still in a pipe may take to be read after the end.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
    stop_signal: Signal,
    stop_timeout: Duration,
    output: JoinSet<()>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// As a shell and ECS show it: 128 and the number of the signal that ended it, if one did.
    pub(super) exit_code: Option<i32>,
    pub(super) reason: Option<String>,
}

pub(super) async fn spawn(
    launch: &Launch,
    stop_timeout: Duration,
    logs: &TaskLogs,
    (task_id, container): (&str, &str),
) -> io::Result<Running> {
    let mut command = Command::new(&launch.program);
    command
        .arg0(launch.arguments.first().map_or("", String::as_str))
        .args(launch.arguments.iter().skip(1))
        .current_dir(&launch.working_directory)
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = spawn_when_not_busy(&mut command).await?;
    let mut output = JoinSet::new();
    let (task_id, container) = (task_id.to_owned(), container.to_owned());
    if let Some(pipe) = child.stdout.take() {
        output.spawn(logs.clone().read(task_id.clone(), container.clone(), pipe));
    }
    if let Some(pipe) = child.stderr.take() {
        output.spawn(logs.clone().read(task_id, container, pipe));
    }
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    Ok(Running { child, group, stop_signal: signal(launch.stop_signal.as_deref()), stop_timeout, output })
}

/// A file that was open for writing while another thread forked stays so in that child until its exec: for a moment
/// a program that has just been unpacked cannot be run.
async fn spawn_when_not_busy(command: &mut Command) -> io::Result<Child> {
    for _ in 0..50 {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
    command.spawn()
}

impl Running {
    /// The number of the process group.
    pub(super) fn group(&self) -> Option<i32> {
        self.group.map(Pid::as_raw_nonzero).map(NonZeroI32::get)
    }

    /// Until it has ended, by itself or because `phase` asked for it.
    pub(super) async fn run(mut self, mut phase: watch::Receiver<Phase>) -> Ended {
        let status = tokio::select! {
            status = self.child.wait() => status,
            () = reached(&mut phase, Phase::Stopping) => self.stop(&mut phase).await,
        };
        // What it left behind ends with it. Numbers of processes are used in turn: the group's is still its own.
        self.signal_group(Signal::KILL);
        let read_to_the_end = async { while self.output.join_next().await.is_some() {} };
        if timeout(OUTPUT_PATIENCE, read_to_the_end).await.is_err() {
            tracing::debug!("a process that left its group keeps the output of a task open");
        }
        match status {
            Ok(status) => Ended { exit_code: exit_code(status), reason: None },
            Err(error) => {
                Ended { exit_code: None, reason: Some(format!("CannotInspectContainerError: {error}")) }
            }
        }
    }

    async fn stop(&mut self, phase: &mut watch::Receiver<Phase>) -> io::Result<ExitStatus> {
        self.signal_group(self.stop_signal);
        let patience = async {
            tokio::select! {
                () = sleep(self.stop_timeout) => {}
                () = async {
                    reached(phase, Phase::ShuttingDown).await;
                    sleep(SHUTDOWN_PATIENCE).await;
                } => {}
            }
        };
        let ended_in_time = tokio::select! {
            status = self.child.wait() => Some(status),
            () = patience => None,
        };
        match ended_in_time {
            Some(status) => status,
            None => {
                self.signal_group(Signal::KILL);
                self.child.wait().await
            }
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, ?signal, "a task's processes could not be signalled");
        }
    }
}

pub(super) fn advance(phase: &watch::Sender<Phase>, wanted: Phase) {
    phase.send_if_modified(|phase| {
        let further = *phase < wanted;
        *phase = wanted.max(*phase);
        further
    });
}

async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // When nobody is left to ask for anything, the end is what is wanted.
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

fn exit_code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

/// `SIGINT`, `INT` or `2`. What nobody knows is SIGTERM, Docker's default.
fn signal(name: Option<&str>) -> Signal {
    let Some(name) = name else {
        return Signal::TERM;
    };
    if let Ok(number) = name.parse() {
        return Signal::from_named_raw(number).unwrap_or(Signal::TERM);
    }
    match name.strip_prefix("SIG").unwrap_or(name) {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "KILL" => Signal::KILL,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "ALRM" => Signal::ALARM,
        "WINCH" => Signal::WINCH,
        _ => Signal::TERM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_signals_by_name_and_by_number() {
        assert_eq!(signal(None), Signal::TERM);
        assert_eq!(signal(Some("SIGINT")), Signal::INT);
        assert_eq!(signal(Some("QUIT")), Signal::QUIT);
        assert_eq!(signal(Some("2")), Signal::INT);
        assert_eq!(signal(Some("SIGRTMIN+3")), Signal::TERM);
        assert_eq!(signal(Some("0")), Signal::TERM);
    }
}
