//! What Lambda remembers of its work, for people and tests to look at: invocations, log lines, dead letters.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::broadcast;

const REMEMBERED_INVOCATIONS: usize = 1_000;
const REMEMBERED_LOG_LINES: usize = 5_000;
/// Lambda cuts the `ErrorMessage` attribute of a dead letter to its first kilobyte.
const ERROR_MESSAGE_BYTES: usize = 1_024;

/// Why an invocation failed, in Lambda's words: the function's own error, or what the service says of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct FunctionError {
    pub error_type: String,
    pub message: String,
}

impl FunctionError {
    pub(super) fn new(error_type: &str, message: impl Into<String>) -> FunctionError {
        FunctionError { error_type: error_type.into(), message: message.into() }
    }

    /// The payload that a caller of a failed synchronous invocation gets.
    pub fn payload(&self) -> Value {
        json!({ "errorType": self.error_type, "errorMessage": self.message })
    }
}

/// One attempt, as the REPORT line of a function's log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    pub function: String,
    pub request_id: String,
    pub instance: String,
    pub log_stream: String,
    /// Counted from 1; always 1 for a synchronous invocation.
    pub attempt: usize,
    pub start: Start,
    pub started_at: Timestamp,
    /// Of a cold start only.
    pub init_millis: Option<f64>,
    pub duration_millis: f64,
    pub billed_millis: u64,
    pub memory_mib: u32,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Cold,
    Warm,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    Failed(FunctionError),
}

impl Invocation {
    pub fn report_line(&self) -> String {
        let mut line = format!(
            "REPORT RequestId: {} Duration: {:.2} ms Billed Duration: {} ms Memory Size: {} MB",
            self.request_id, self.duration_millis, self.billed_millis, self.memory_mib
        );
        if let Some(init) = self.init_millis {
            line.push_str(&format!(" Init Duration: {init:.2} ms"));
        }
        if let Outcome::Failed(error) = &self.outcome {
            line.push_str(&format!(" Status: error Error Type: {}", error.error_type));
        }
        line
    }
}

/// One line that a function wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    pub at: Timestamp,
    pub function: String,
    pub instance: String,
    pub log_stream: String,
    /// Counts the lines of all functions.
    pub number: u64,
    /// The invocation that the instance was last given; none while it starts.
    pub request_id: Option<String>,
    pub output: Output,
    pub line: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Stdout,
    Stderr,
}

/// An asynchronous event that was given up. Its `request_id` names it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    pub request_id: String,
    pub function: String,
    pub payload: Value,
    pub condition: Condition,
    /// None were made if the event grew too old in the queue.
    pub attempts: usize,
    /// Of the last attempt.
    pub error: Option<FunctionError>,
    pub accepted_at: Timestamp,
    pub first_attempt_at: Option<Timestamp>,
    pub last_attempt_at: Option<Timestamp>,
}

/// Why an event was given up, by the names that Lambda's failure destinations use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
}

impl DeadLetter {
    /// The attributes of the message that Lambda sends to a dead-letter queue.
    pub fn message_attributes(&self) -> Value {
        let message = match &self.error {
            Some(error) => shortened(&error.message, ERROR_MESSAGE_BYTES),
            None => "EventAgeExceeded",
        };
        json!({
            "RequestID": { "DataType": "String", "StringValue": self.request_id },
            "ErrorCode": { "DataType": "Number", "StringValue": "200" },
            "ErrorMessage": { "DataType": "String", "StringValue": message },
        })
    }
}

fn shortened(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The last entries of something that never ends.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    entries: VecDeque<T>,
    capacity: usize,
}

impl<T: Clone> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Ring<T> {
        Ring { entries: VecDeque::new(), capacity }
    }

    pub(crate) fn push(&mut self, entry: T) {
        if self.entries.len() == self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Oldest first.
    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.entries.iter().cloned().collect()
    }
}

#[derive(Debug)]
pub(super) struct Records {
    invocations: Mutex<Ring<Invocation>>,
    log: Mutex<Ring<LogLine>>,
    written: AtomicU64,
    log_lines: broadcast::Sender<LogLine>,
    dead_letters: Mutex<Vec<DeadLetter>>,
}

impl Records {
    pub(super) fn new() -> Records {
        Records {
            invocations: Mutex::new(Ring::new(REMEMBERED_INVOCATIONS)),
            log: Mutex::new(Ring::new(REMEMBERED_LOG_LINES)),
            written: AtomicU64::new(0),
            log_lines: broadcast::channel(1_024).0,
            dead_letters: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn invoked(&self, invocation: Invocation) {
        locked(&self.invocations).push(invocation);
    }

    pub(super) fn invocations(&self) -> Vec<Invocation> {
        locked(&self.invocations).to_vec()
    }

    pub(super) fn wrote(&self, mut line: LogLine) {
        line.number = self.written.fetch_add(1, Ordering::Relaxed);
        locked(&self.log).push(line.clone());
        // Nobody has to listen.
        let _ = self.log_lines.send(line);
    }

    pub(super) fn log_lines(&self) -> Vec<LogLine> {
        locked(&self.log).to_vec()
    }

    pub(super) fn subscribe_log(&self) -> broadcast::Receiver<LogLine> {
        self.log_lines.subscribe()
    }

    pub(super) fn bury(&self, letter: DeadLetter) {
        locked(&self.dead_letters).push(letter);
    }

    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        locked(&self.dead_letters).clone()
    }

    pub(super) fn unbury(&self, request_id: &str) -> Option<DeadLetter> {
        let mut letters = locked(&self.dead_letters);
        let at = letters.iter().position(|letter| letter.request_id == request_id)?;
        Some(letters.remove(at))
    }
}

/// Every critical section here is one statement that cannot leave its value half changed, so a poisoned lock is
/// as good as a clean one.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_keeps_the_newest() {
        let mut ring = Ring::new(2);
        for entry in 1..=3 {
            ring.push(entry);
        }
        assert_eq!(ring.to_vec(), [2, 3]);
    }

    #[test]
    fn an_error_message_is_cut_between_characters() {
        assert_eq!(shortened("aé", 2), "a");
        assert_eq!(shortened("aé", 3), "aé");
        assert_eq!(shortened("a", 1_024), "a");
    }
}
