//! Lambda as a function meets it: a process per instance, a Runtime API for each, cold and warm starts, the
//! concurrency limit, time-outs, and the rules of asynchronous invocation with retries and dead letters.
//!
//! A function is any program that speaks the Runtime API. This module does not know what functions do, who
//! invokes them or why.
//!
//! ```text
//!  invoke_async ─► Event ─► attempt ─► Instance ─► Runtime API ─► process
//!                    ▲         │ function error
//!                    └─ delay ─┴─► dead letter ─► redrive
//! ```

mod engine;
mod function;
pub(crate) mod ids;
mod instance;
mod process;
pub(crate) mod records;
mod runtime_api;
#[cfg(test)]
pub(crate) mod test_program;
#[cfg(test)]
mod tests;

pub use function::{Function, RetryRules, Settings};
pub use records::{Condition, DeadLetter, FunctionError, Invocation, LogLine, Outcome, Output, Start};

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{broadcast, watch};

use engine::{Engine, Event, Pool};
use records::Records;

/// Cheap to clone. When the last handle goes, every instance is stopped.
#[derive(Debug, Clone)]
pub struct Lambda {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    engine: Arc<Engine>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.engine.closing.send_replace(true);
        for pool in self.engine.pools.values() {
            pool.dismiss_all();
        }
    }
}

/// The answer of a synchronous invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct InvokeAnswer {
    pub request_id: String,
    /// What the function answered, or the error as a payload.
    pub payload: Value,
    /// Lambda's `X-Amz-Function-Error` is there if this is.
    pub error: Option<FunctionError>,
}

/// Why Lambda did not take a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("ResourceNotFoundException: Function not found: {0}")]
    FunctionNotFound(String),
    #[error("TooManyRequestsException: Rate Exceeded.")]
    TooManyRequests,
    #[error("no dead letter has the request id {0}")]
    DeadLetterNotFound(String),
    #[error("Lambda is shutting down")]
    ShuttingDown,
}

impl Lambda {
    /// Must be called within a Tokio runtime. Processes are started when there is work for them.
    pub fn start(settings: Settings, functions: Vec<Function>) -> Lambda {
        let pools =
            functions.into_iter().map(|function| (function.name.clone(), Arc::new(Pool::new(function))));
        let engine = Arc::new(Engine {
            settings,
            pools: pools.collect(),
            records: Arc::new(Records::new()),
            events: watch::channel(0).0,
            processes: watch::channel(0).0,
            closing: watch::channel(false).0,
        });
        tokio::spawn(Arc::clone(&engine).retire_idle_instances());
        Lambda { handle: Arc::new(Handle { engine }) }
    }

    /// Queues an event (invocation type `Event`) and gives its request id.
    pub fn invoke_async(&self, function: &str, payload: Value) -> Result<String, InvokeError> {
        let pool = self.pool(function)?;
        Ok(self.engine().enqueue(pool, payload))
    }

    /// Invokes and waits (invocation type `RequestResponse`). Not retried; throttled when every instance works.
    pub async fn invoke_sync(&self, function: &str, payload: Value) -> Result<InvokeAnswer, InvokeError> {
        let pool = self.pool(function)?;
        let slot = pool.free_slot().ok_or(InvokeError::TooManyRequests)?;
        let event = Event::new(payload);
        let request_id = event.request_id.clone();
        let answered = self.engine().call(pool, event, slot).await;
        let (payload, error) = match answered.map_err(|_| InvokeError::ShuttingDown)? {
            Ok(payload) => (payload, None),
            Err(error) => (error.payload(), Some(error)),
        };
        Ok(InvokeAnswer { request_id, payload, error })
    }

    /// Oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.engine().records.dead_letters()
    }

    /// Sends a dead letter to its function again, as a new event with a new request id, which is the answer.
    pub fn redrive(&self, request_id: &str) -> Result<String, InvokeError> {
        if self.engine().is_closing() {
            return Err(InvokeError::ShuttingDown);
        }
        let letter = self
            .engine()
            .records
            .unbury(request_id)
            .ok_or_else(|| InvokeError::DeadLetterNotFound(request_id.to_owned()))?;
        self.invoke_async(&letter.function, letter.payload)
    }

    /// The last 1,000 attempts, oldest first.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.engine().records.invocations()
    }

    /// The last 5,000 lines that functions wrote, oldest first.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.engine().records.log_lines()
    }

    /// Every line from now on. A slow reader loses the oldest.
    pub fn subscribe_log(&self) -> broadcast::Receiver<LogLine> {
        self.engine().records.subscribe_log()
    }

    pub fn settings(&self) -> &Settings {
        &self.engine().settings
    }

    /// Those that are deployed, by name.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions: Vec<Function> =
            self.engine().pools.values().map(|pool| pool.function.clone()).collect();
        functions.sort_by(|left, right| left.name.cmp(&right.name));
        functions
    }

    pub fn has_function(&self, name: &str) -> bool {
        self.engine().pools.contains_key(name)
    }

    /// How many function processes exist.
    pub fn process_count(&self) -> usize {
        *self.engine().processes.borrow()
    }

    /// Resolves when no event is queued, waiting for a retry or running.
    pub async fn idle(&self) {
        reaches_zero(&self.engine().events).await;
    }

    /// Stops every instance (SIGTERM, then SIGKILL) and drops what is queued. No process is left afterwards, and
    /// no event is taken any more.
    pub async fn shutdown(&self) {
        let engine = self.engine();
        engine.closing.send_replace(true);
        // An event that was just being finished may still park its instance.
        reaches_zero(&engine.events).await;
        for pool in engine.pools.values() {
            pool.dismiss_all();
        }
        reaches_zero(&engine.processes).await;
    }

    fn engine(&self) -> &Arc<Engine> {
        &self.handle.engine
    }

    fn pool(&self, function: &str) -> Result<&Arc<Pool>, InvokeError> {
        if self.engine().is_closing() {
            return Err(InvokeError::ShuttingDown);
        }
        let pool = self.engine().pools.get(function);
        pool.ok_or_else(|| InvokeError::FunctionNotFound(function.to_owned()))
    }
}

async fn reaches_zero(count: &watch::Sender<usize>) {
    // The sender is borrowed here, so the channel cannot close while this waits.
    let _ = count.subscribe().wait_for(|count| *count == 0).await;
}
