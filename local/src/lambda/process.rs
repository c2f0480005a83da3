//! The process of one function instance: started, listened to line by line, and ended for certain.
//!
//! A task of its own owns the child. Dropping the handle stops the process politely (SIGTERM, then SIGKILL after
//! a grace); when the whole runtime goes, the child is killed. It knows nothing of the Runtime API.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::records::Output;

/// A longer line is cut into several, as CloudWatch does with a longer event.
const LONGEST_LINE_BYTES: u64 = 256 * 1024;
/// How long the output of an ended process may stay open (something it started may hold it).
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) type LineSink = Arc<dyn Fn(Output, String) + Send + Sync>;

#[derive(Debug)]
pub(super) struct Process {
    kill: watch::Sender<bool>,
    exited: watch::Receiver<Option<String>>,
}

/// One of something that is being counted.
#[derive(Debug)]
pub(super) struct Counted(watch::Sender<usize>);

impl Counted {
    pub(super) fn new(count: &watch::Sender<usize>) -> Counted {
        count.send_modify(|count| *count += 1);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Process {
    /// `counted` lives as long as the process.
    pub(super) fn start(
        mut command: Command,
        stop_grace: Duration,
        lines: LineSink,
        counted: Counted,
    ) -> io::Result<Process> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches every process of the group in front: functions end when they are told.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let readers = [
            child.stdout.take().map(|out| follow(out, Output::Stdout, Arc::clone(&lines))),
            child.stderr.take().map(|err| follow(err, Output::Stderr, Arc::clone(&lines))),
        ];
        let (kill, killed) = watch::channel(false);
        let (exit, exited) = watch::channel(None);
        tokio::spawn(async move {
            let how = until_exited(child, killed, stop_grace).await;
            hear_out(readers).await;
            drop(counted);
            exit.send_replace(Some(how));
        });
        Ok(Process { kill, exited })
    }

    /// Waits for the end and says how it came, in Lambda's words.
    pub(super) async fn exited(&self) -> String {
        match self.exited.clone().wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "the process was lost".into(),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.exited.borrow().is_none() && self.exited.has_changed().is_ok()
    }

    /// SIGKILL; returns when the process is gone.
    pub(super) async fn kill(&self) {
        self.kill.send_replace(true);
        self.exited().await;
    }
}

async fn until_exited(mut child: Child, mut killed: watch::Receiver<bool>, stop_grace: Duration) -> String {
    let kill_now = tokio::select! {
        status = child.wait() => return in_words(status),
        // An error means that the handle was dropped.
        order = async { killed.wait_for(|kill| *kill).await.is_ok() } => order,
    };
    if !kill_now {
        signal(&child, Signal::TERM);
        if let Ok(status) = tokio::time::timeout(stop_grace, child.wait()).await {
            return in_words(status);
        }
    }
    signal(&child, Signal::KILL);
    in_words(child.wait().await)
}

/// To the whole process group, so that what the program started goes with it.
fn signal(child: &Child, signal: Signal) {
    // A child that was waited for has no id any more, so the number cannot have passed to another process.
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have exited by itself a moment ago.
        let _ = kill_process_group(pid, signal);
    }
}

fn in_words(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(9)) => "signal: killed".into(),
            (None, Some(15)) => "signal: terminated".into(),
            (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
        },
        Err(error) => error.to_string(),
    }
}

async fn hear_out(readers: [Option<JoinHandle<()>>; 2]) {
    for mut reader in readers.into_iter().flatten() {
        if tokio::time::timeout(LAST_WORDS, &mut reader).await.is_err() {
            reader.abort();
        }
    }
}

fn follow(output: impl AsyncRead + Unpin + Send + 'static, which: Output, lines: LineSink) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(LONGEST_LINE_BYTES).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    lines(which, text.trim_end_matches(['\n', '\r']).to_owned());
                }
            }
        }
    })
}
