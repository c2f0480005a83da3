//! What a function is: a program, its environment and Lambda's rules for it.

use std::path::PathBuf;
use std::time::Duration;

/// Where functions run and how long Lambda is patient with their processes.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub account: String,
    pub region: String,
    /// From the start of a process to its first poll. Lambda: 10 s.
    pub init_timeout: Duration,
    /// An instance without work for this long is stopped.
    pub retire_after: Duration,
    /// From SIGTERM to SIGKILL when an instance is stopped.
    pub stop_grace: Duration,
}

impl Settings {
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Settings {
        Settings {
            account: account.into(),
            region: region.into(),
            init_timeout: Duration::from_secs(10),
            retire_after: Duration::from_secs(600),
            stop_grace: Duration::from_millis(500),
        }
    }

    pub(crate) fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Credentials and endpoints among them: Lambda adds only the variables it reserves, and those win.
    pub environment: Vec<(String, String)>,
    pub timeout_seconds: u32,
    /// Told to the function and reported; not enforced.
    pub memory_mib: u32,
    /// How many instances may exist at once.
    pub concurrency_limit: usize,
    pub retry: RetryRules,
}

impl Function {
    /// A function with Lambda's defaults, except that the time-out is 30 seconds instead of 3.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Function {
        Function {
            name: name.into(),
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            timeout_seconds: 30,
            memory_mib: 128,
            concurrency_limit: 10,
            retry: RetryRules::default(),
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }
}

/// What happens to an asynchronous event whose function failed.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryRules {
    /// The wait before each further attempt: as many retries as there are delays.
    pub delays: Vec<Duration>,
    /// An event older than this is not attempted any more.
    pub maximum_event_age: Duration,
}

impl Default for RetryRules {
    fn default() -> Self {
        RetryRules {
            delays: vec![Duration::from_secs(60), Duration::from_secs(120)],
            maximum_event_age: Duration::from_secs(6 * 3_600),
        }
    }
}
