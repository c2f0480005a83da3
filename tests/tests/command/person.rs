//! Somebody who types the command.

use std::path::PathBuf;

use pushboat_cli::local::Local;
use pushboat_tests::function_binaries;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::SOON;

pub(super) struct Said {
    pub(super) status: i32,
    pub(super) out: String,
    pub(super) aside: String,
}

impl Said {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Somebody with a home of his own, in which nothing is set up.
pub(super) struct Person {
    pub(super) home: TempDir,
    program: PathBuf,
    environment: Vec<(String, String)>,
}

impl Person {
    pub(super) fn new() -> Person {
        let program = function_binaries().unwrap().join("pushboat");
        Person { home: tempfile::tempdir().unwrap(), program, environment: Vec::new() }
    }

    /// As whoever has started it, at the same machine.
    pub(super) fn at(local: &Local) -> Person {
        let person = Person::new();
        let book = person.home.path().join("local.json");
        std::fs::write(&book, serde_json::to_vec(&local.addresses).unwrap()).unwrap();
        person.with(&[("PUSHBOAT_PLACE", book.to_str().unwrap())])
    }

    pub(super) fn with(mut self, environment: &[(&str, &str)]) -> Person {
        let owned = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.environment.extend(owned);
        self
    }

    async fn says(&self, words: &[&str]) -> Said {
        let mut command = Command::new(&self.program);
        command.args(words).env_clear().env("HOME", self.home.path()).env("COLUMNS", "80");
        // Else a machine's role is looked for.
        command.env("AWS_EC2_METADATA_DISABLED", "true").envs(self.environment.iter().cloned());
        let done = tokio::time::timeout(SOON, command.kill_on_drop(true).output()).await;
        let done = done.unwrap_or_else(|_| panic!("pushboat {words:?} did not end")).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { status: done.status.code().unwrap(), out: text(done.stdout), aside: text(done.stderr) }
    }

    /// With this exit status.
    pub(super) async fn told(&self, status: i32, words: &[&str]) -> Said {
        let said = self.says(words).await;
        assert_eq!(said.status, status, "pushboat {words:?}\n{}\n{}", said.out, said.aside);
        said
    }
}
