//! What tasks wrote to their standard output and error: the last lines of each, also for a while after it ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::hub::Hub;

const LINES_PER_TASK: usize = 200;
/// Tasks whose lines are kept, living and dead.
const TASKS_REMEMBERED: usize = 200;
/// A longer line is cut into several, so that a task without line ends does not fill the memory.
const LONGEST_LINE_BYTES: u64 = 16 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    pub at: Timestamp,
    /// Counts the lines of its task from 0.
    pub number: u64,
    pub container: String,
    pub text: String,
}

/// Cheap to clone; all clones are of the same lines.
#[derive(Debug, Clone, Default)]
pub struct TaskLogs(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    tasks: HashMap<String, VecDeque<LogLine>>,
    /// In the order in which they began.
    order: VecDeque<String>,
}

impl TaskLogs {
    /// Oldest first.
    pub(crate) fn of(&self, task_id: &str) -> Vec<LogLine> {
        let inner = self.lock();
        inner.tasks.get(task_id).into_iter().flatten().cloned().collect()
    }

    /// Reads until the other end is closed.
    pub(super) async fn read(self, task_id: String, container: String, output: impl AsyncRead + Unpin) {
        let mut output = BufReader::new(output);
        // A pipe that cannot be read any more is a pipe at its end.
        while let Ok(Some(text)) = next_line(&mut output).await {
            tracing::debug!(task_id, container, "{text}");
            self.add(&task_id, &container, text);
        }
    }

    pub(crate) fn add(&self, task_id: &str, container: &str, text: String) {
        let mut inner = self.lock();
        if !inner.tasks.contains_key(task_id) {
            inner.order.push_back(task_id.to_owned());
            if inner.order.len() > TASKS_REMEMBERED
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.tasks.remove(&oldest);
            }
        }
        let lines = inner.tasks.entry(task_id.to_owned()).or_default();
        let number = lines.back().map_or(0, |last| last.number + 1);
        if lines.len() == LINES_PER_TASK {
            lines.pop_front();
        }
        lines.push_back(LogLine { at: Hub::now(), number, container: container.to_owned(), text });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn next_line(output: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut limited = output.take(LONGEST_LINE_BYTES);
    if limited.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_of_a_task_are_kept() {
        let logs = TaskLogs::default();
        let text: String = (1..=250).map(|number| format!("line {number}\r\n")).collect();
        logs.clone().read("task".into(), "app".into(), text.as_bytes()).await;
        let lines = logs.of("task");
        assert_eq!(lines.len(), 200);
        assert_eq!((lines[0].text.as_str(), lines[199].text.as_str()), ("line 51", "line 250"));
        assert_eq!((lines[0].number, lines[199].number), (50, 249), "also where earlier ones are gone");
        assert!(logs.of("another").is_empty());
    }

    #[tokio::test]
    async fn endless_lines_and_endless_tasks_are_cut() {
        let logs = TaskLogs::default();
        let text = "x".repeat(LONGEST_LINE_BYTES as usize + 1);
        for number in 0..=TASKS_REMEMBERED {
            logs.clone().read(number.to_string(), "app".into(), text.as_bytes()).await;
        }
        assert!(logs.of("0").is_empty());
        let lengths: Vec<usize> = logs.of("1").iter().map(|line| line.text.len()).collect();
        assert_eq!(lengths, [LONGEST_LINE_BYTES as usize, 1]);
    }
}
